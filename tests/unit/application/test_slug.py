"""Prefixes from names: ``Str::slug`` as Laravel has it."""

from __future__ import annotations

import pytest

from lara_queue.application.slug import slug
from tests.unit.application import oracle

TITLES = [
    "Laravel",
    "My App",
    "Acme.io",
    "my_app-two",
    "  spaced   out  ",
    "Ünïcödé Größe",
    "Señor Ñandú",
    "a@b",
    "C++ & C#",
    "100% Über_App--X",
    "Łódź",
    "Ærø",
    "",
    "---",
    "Tab\tand\nline",
    "What's up?",
]


@pytest.mark.parametrize("separator", ["_", "-"])
def test_laravel_makes_the_same(separator: str) -> None:
    sources = [f"<?php return Str::slug(json_decode({_php(title)}), '{separator}');" for title in TITLES]
    assert [slug(title, separator) for title in TITLES] == oracle.returned(sources)


def test_both_separators() -> None:
    assert [slug("My App", "_"), slug("My App"), slug("Acme.io", "_"), slug("a@b")] == [
        "my_app",
        "my-app",
        "acmeio",
        "a-at-b",
    ]


def _php(text: str) -> str:
    import json

    return "'" + json.dumps(text).replace("\\", "\\\\").replace("'", "\\'") + "'"
