"""How jobs are shown, to people and to programs: every golden payload, and values that JSON and terminals dislike."""

from __future__ import annotations

import io
import json
import math
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from rich.console import Console

from lara_queue.cli.describe import Seen, describe, jsonable
from lara_queue.cli.tree import draw
from lara_queue.job import Job
from lara_queue.laravel.build import build_payload
from lara_queue.laravel.encrypter import Encrypter
from lara_queue.php import PhpCustom, PhpEnum, PhpObject, PhpReference, private, protected
from lara_queue.ports import FailedJob, Reservation
from tests.unit.laravel.corpus import Line, lines

NOW = 1_700_000_000


def seen(body: bytes, state: str = "pending", *, encrypter: Encrypter | None = None, **more: Any) -> Seen:
    return Seen(Job(Reservation("q", body, 0, None, 0), encrypter=encrypter), state, more.pop("at", None), **more)


def payload(name: str = "App\\Jobs\\X", data: Any = None, **options: Any) -> bytes:
    return build_payload(name, data, uuid="u-1", id="i-1", now=NOW, **options)


def drawn(what: Seen, *, full: bool = False) -> str:
    out = io.StringIO()
    console = Console(file=out, width=10_000, color_system=None, markup=False, highlight=False, emoji=False)
    console.print(draw(what, full=full))
    return out.getvalue()


def case(name: str) -> Line:
    return next(line for line in lines() if line["case"] == name and line.version == 12 and line["driver"] == "redis")


@pytest.mark.parametrize("version", sorted({line.version for line in lines()}))
def test_every_golden_payload_can_be_shown(version: int) -> None:
    keys = None
    for line in lines():
        if line.version == version:
            found = describe(seen(line.body, encrypter=line.encrypter))
            assert found["error"] is None, line
            assert json.loads(json.dumps(found)) == found
            keys = keys or found.keys()
            assert found.keys() == keys  # the shape is always the same
            assert found["name"] in drawn(seen(line.body, encrypter=line.encrypter)).splitlines()[0]
            assert drawn(seen(line.body, encrypter=line.encrypter), full=True)


def test_a_job_for_programs() -> None:
    data = {"to": "ada", protected("secret"): 1, private("key"): [1, 2]}
    found = describe(seen(payload(data=data, tries=3, backoff=[1, 5]), "delayed", at=NOW + 60))
    assert found == {
        "state": "delayed",
        "queue": "q",
        "at": "2023-11-14T22:14:20+00:00",
        "uuid": "u-1",
        "id": "i-1",
        "name": "App\\Jobs\\X",
        "kind": "job",
        "attempts": 0,
        "max_tries": 3,
        "max_exceptions": None,
        "timeout": None,
        "backoff": [1, 5],
        "retry_until": None,
        "created_at": "2023-11-14T22:13:20+00:00",
        "batch": None,
        "encrypted": False,
        "class": "App\\Jobs\\X",
        "data": {"to": "ada", "secret": 1, "key": [1, 2]},
        "visibility": {"to": "public", "secret": "protected", "key": "private"},
        "about": {},
        "chain": [],
        "context": None,
        "exception": None,
        "error": None,
        "raw": None,
    }


def test_a_job_for_people() -> None:
    data = {"to": "ada", protected("secret"): 1.5, private("key"): [True, None]}
    lines_ = drawn(seen(payload(data=data, tries=3, timeout=30))).splitlines()
    assert lines_[0] == "pending App\\Jobs\\X"
    assert [line.strip("│├└─ ") for line in lines_ if "+" in line or "#" in line or "-key" in line] == [
        '+to: "ada" string',
        "#secret: 1.5 float",
        "-key: array(2)",
    ]
    assert any("attempts 0 of 3" in line for line in lines_)
    assert any("timeout 30 s" in line for line in lines_)


def test_dates_models_and_enums_are_shown_as_what_they_are() -> None:
    text = drawn(seen(case("carbon").body))
    assert "2024-05-06 07:08:09.123456+09:00 Carbon\\Carbon" in text
    assert "+user: App\\Models\\User 2 model with orders" in drawn(seen(case("model-relations").body))
    assert "App\\Enums\\Suit::Hearts enum" in drawn(seen(case("enums").body))


def test_a_chain_and_a_context_are_shown_but_hidden_values_are_not() -> None:
    chained = describe(seen(case("chain").body))["chain"]
    assert [link["class"] for link in chained] == ["App\\Jobs\\ChainLink", "App\\Jobs\\PlainLink"]
    assert "1. App\\Jobs\\ChainLink" in drawn(seen(case("chain").body))
    found = describe(seen(case("log-context").body))
    assert found["context"]["data"]["trace_id"] == "abc-123"
    assert found["context"]["hidden"] == ["secret"]
    assert "secret (hidden)" in drawn(seen(case("log-context").body))


def test_a_cycle_ends() -> None:
    body = case("object-cycle").body
    assert "(itself)" in drawn(seen(body), full=True)
    assert "$cut" in json.dumps(describe(seen(body)))


def test_an_encrypted_job_without_key_shows_its_envelope_and_says_why() -> None:
    found = describe(seen(case("encrypted-cbc").body))
    assert found["encrypted"] is True
    assert found["uuid"] is not None
    assert "app_key" in found["error"]
    assert "encrypted yes" in drawn(seen(case("encrypted-cbc").body))


@pytest.mark.parametrize("body", [b"no JSON \x1b[31m", b"\xff\xfe", b"{}", b'{"job":"' + b"[" * 5000, b""])
def test_a_job_that_cannot_be_read_shows_its_text(body: bytes) -> None:
    found = describe(seen(body, "failed", failed=FailedJob("1", None, "redis", "q", body, "E: no\ntrace", NOW)))
    assert found["error"]
    assert found["uuid"] is None
    assert found["exception"] == "E: no\ntrace"
    assert found["raw"] == body.decode() if b"\xff" not in body else "$base64" in found["raw"]
    text = drawn(seen(body))
    assert "unreadable" in text
    assert "\x1b" not in text


def test_long_values_are_shortened_unless_all_is_wanted() -> None:
    what = payload(data={"text": "x" * 500, "many": list(range(50))})
    assert "(500 characters)" in drawn(seen(what))
    assert "30 more" in drawn(seen(what))
    assert "x" * 500 in drawn(seen(what), full=True)
    assert "49: 49 int" in drawn(seen(what), full=True)


def test_what_json_has_no_type_for() -> None:
    assert jsonable(math.inf) == {"$float": "inf"}
    assert jsonable(datetime(2024, 1, 2, tzinfo=timezone.utc)) == "2024-01-02T00:00:00+00:00"
    assert jsonable(timedelta(minutes=1)) == {"$seconds": 60.0}
    assert jsonable(PhpEnum("Suit", "Hearts")) == {"$enum": "Suit::Hearts"}
    assert jsonable(PhpCustom("Old", b"x")) == {"$custom": "Old", "$base64": "eA=="}
    assert jsonable(PhpReference(5)) == 5
    assert jsonable(PhpObject("A", {protected("b"): {1: b"\xff"}})) == {"$class": "A", "b": {"1": {"$base64": "/w=="}}}
    deep: Any = 0
    for _ in range(5000):
        deep = [deep]
    json.dumps(jsonable(deep))


def test_text_from_the_queue_is_never_obeyed() -> None:
    text = drawn(seen(payload("[red]X[/red]@fire", {"a": "\x1b[2J[bold]", "b\x1b": 1})))
    assert "\x1b" not in text
    assert "[red]X[/red]" in text
    assert "\\x1b[2J[bold]" in text


def test_the_corpus_is_not_empty() -> None:
    assert len(lines()) > 500
