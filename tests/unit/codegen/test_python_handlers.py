"""The module of handlers: begun once, added to, and otherwise its author's."""

from __future__ import annotations

import ast

import pytest

from lara_queue.codegen.python_handlers import extended, first_handlers, handled_classes
from lara_queue.codegen.python_models import WrittenClass, WrittenJob
from lara_queue.errors import ConfigurationError


def job(name: str, **options: object) -> WrittenJob:
    return WrittenJob(WrittenClass(name, f"App\\Jobs\\{name}", []), dict(options))


def begin(*jobs: WrittenJob, app: str | None = None) -> str:
    return first_handlers("About.", jobs, package=".models", app=app, queue="mail")


def extend(source: str, *jobs: WrittenJob) -> str:
    text = extended(source, jobs, name="handlers.py", package=".models")
    ast.parse(text)
    return text


def test_the_beginning() -> None:
    assert begin(job("B", tries=3), job("A"), app="app:jobs") == (
        '"""About.\n\nThis module is yours: lara-queue make:python adds to it and changes nothing.\n"""\n\n'
        "from app import jobs as queue\n\nfrom .models import A, B\n\n\n"
        "@queue.handler(tries=3)\ndef b(job: B) -> None:\n"
        '    raise NotImplementedError("App\\\\Jobs\\\\B has no handler yet")\n\n\n'
        "@queue.handler\ndef a(job: A) -> None:\n"
        '    raise NotImplementedError("App\\\\Jobs\\\\A has no handler yet")\n'
    )
    assert 'queue = Queue(URL, queue="mail")' in begin()
    assert "from app import queue\n" in begin(app="app")


MINE = '''"""Mine."""
import os  # kept

from .models import (
    A,  # mine
    Old as Older,
)

X = 1


@queue.handler
async def a(job: A) -> None:
    print("written")   # oddly   formatted
'''


def test_what_its_author_wrote_stays() -> None:
    text = extend(MINE, job("B"), job("Send2"))
    head, ends, tail = MINE.partition("    Old as Older,\n)")
    assert text.startswith(f"{head}{ends}\nfrom .models import B, Send2{tail}\n\n@queue.handler\ndef b(")
    plain = extend(MINE.replace("  # mine", ""), job("B"), job("Send2"))
    assert "\n\nfrom .models import A, B, Old as Older, Send2\n\nX = 1\n" in plain
    assert text.count("NotImplementedError") == 2
    assert extend(text) == text


def test_a_module_without_the_import() -> None:
    assert extend('"""Doc."""\n\nimport os\n\nX = 1\n', job("B")).startswith(
        '"""Doc."""\n\nimport os\n\nfrom .models import B\n\nX = 1\n\n\n@queue.handler\ndef b(job: B)'
    )
    assert extend("", job("B")).startswith("from .models import B\n")
    assert extend('"""Doc."""\n', job("B")).startswith('"""Doc."""\n\nfrom .models import B\n')


def test_what_is_imported_already_is_not_imported_again() -> None:
    text = extend("from .models import A, B\n", job("B"))
    assert text.startswith("from .models import A, B\n\n\n@queue.handler\n")
    assert extend("from .models import *\n", job("B")).startswith("from .models import *\n\n\n@queue.handler\n")
    assert extend("from .models import A; x = 1\n", job("B")).startswith(
        "from .models import A; x = 1\nfrom .models import B\n"
    )


def test_line_ends_are_kept() -> None:
    text = extend(MINE.replace("\n", "\r\n"), job("B"))
    assert text.replace("\r\n", "").count("\n") == 0


def test_names_of_functions_that_are_taken() -> None:
    source = "from .models import A\n\nb = 1\n\ndef handle_b() -> None: ...\n"
    assert "def handle_handle_b(job: B)" in extend(source, job("B"))
    assert "def handle_list(job: List)" in extend("", job("List"))
    assert "def handle_os(job: Os)" in extend("", job("Os"))
    assert "def handle_import(job: Import)" in extend("", job("Import"))


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("def f(job: A): ...", {"A"}),
        ("async def f(job: 'A'): ...", {"A"}),
        ("def f(job: models.A): ...", {"A"}),
        ("def f(job: 'models.A'): ...", {"A"}),
        ("def f(job: A | None): ...", {"A", "None"}),
        ("from .models import A as B\ndef f(job: B): ...", {"A"}),
        ("@queue.handler(A)\ndef f(job): ...", {"A"}),
        ("@queue.handler('App\\\\Jobs\\\\A', tries=3)\ndef f(job): ...", {"A"}),
        ("class X:\n    def f(self, job: A): ...", {"A"}),
        ("A\nx: A = 1\nfrom .models import A", set()),
    ],
)
def test_which_jobs_have_a_handler(source: str, found: set[str]) -> None:
    assert handled_classes(source, "x.py") - {"None"} == found - {"None"}


def test_what_is_not_python() -> None:
    with pytest.raises(ConfigurationError, match=r"handlers\.py:2 is not Python that can be read"):
        extended("x = 1\ndef (", [job("A")], name="handlers.py", package=".models")
    with pytest.raises(ConfigurationError, match=r"x\.py is not Python|x\.py:1 is not Python"):
        handled_classes("\0", "x.py")
