"""The log context that travels, and exceptions as PHP prints them."""

from __future__ import annotations

from typing import Any

import pytest

from lara_queue.errors import InvalidPayload, PayloadError
from lara_queue.laravel.context import LogContext, context_to_propagate, read_context
from lara_queue.laravel.envelope import Envelope
from lara_queue.laravel.exceptions import php_text
from lara_queue.laravel.models import ModelIdentifier

from .corpus import parsed


def carrying(context: Any) -> Envelope:
    return parsed({"job": "A@b", "illuminate:log:context": context})


def test_no_context_is_an_empty_one() -> None:
    """CX-02."""
    for envelope in (parsed({"job": "A@b"}), carrying(None), carrying([]), carrying({"data": [], "hidden": {}})):
        assert not read_context(envelope)
        assert read_context(envelope).payload() is None
        assert context_to_propagate(envelope) is None


def test_a_change_is_a_copy() -> None:
    """CX-04: 1 stays 1 here, 99 arrives there."""
    here = LogContext.of({"n": 1}, hidden={"h": "x"})
    there = here.with_values({"n": 99})
    assert (here.data, there.data, there.hidden) == ({"n": 1}, {"n": 99}, {"h": "x"})


def test_records_travel_as_identifiers() -> None:
    """CX-05."""
    user = ModelIdentifier("App\\Models\\User", 1, [], "sqlite")
    context = LogContext.of({"user": user, "n": 55})
    back = read_context(carrying(context.payload()))
    assert back.data == {"user": user, "n": 55}
    assert back == context


def test_unreadable_values() -> None:
    """CX-06: an error by default, the handler's answer where there is one; the readable part stays readable."""
    broken = carrying({"data": {"bad": "s:5:x"}, "hidden": {"ok": "i:1;"}})
    context = read_context(broken)
    assert context.hidden == {"ok": 1}
    with pytest.raises(PayloadError, match="context value 'bad'"):
        _ = context.data
    asked: list[Any] = []

    def answer(error: PayloadError, key: str, text: str, hidden: bool) -> str:
        asked.append((key, text, hidden))
        return "instead"

    assert read_context(broken, on_unreadable=answer).data == {"bad": "instead"}
    assert asked == [("bad", "s:5:x", False)]


def test_the_lock_of_a_unique_job_is_not_passed_on() -> None:
    hidden = {"laravel_unique_job_key": 's:1:"k";', "laravel_unique_job_cache_store": 's:1:"a";', "mine": "i:1;"}
    passed = context_to_propagate(carrying({"data": [], "hidden": hidden}))
    assert passed is not None
    assert passed.payload() == {"data": [], "hidden": {"mine": "i:1;"}}


def test_context_must_be_utf8() -> None:
    with pytest.raises(InvalidPayload, match="'k'"):
        LogContext.of({"k": b"\xff"})


def fail(error: BaseException) -> None:
    raise error


def caught(error: BaseException) -> str:
    try:
        fail(error)
    except BaseException as exc:
        return php_text(exc)
    raise AssertionError


def test_the_layout_is_phps() -> None:
    first, trace, innermost, main = caught(ValueError("boom")).splitlines()
    assert first.startswith("ValueError: boom in ")
    assert first.rpartition(":")[2].isdigit()
    assert trace == "Stack trace:"
    assert innermost.startswith("#0 ")
    assert innermost.endswith("): fail()")
    assert main == "#1 {main}"


def test_causes_come_first_and_each_next_follows() -> None:
    error = RuntimeError("outer")
    error.__cause__ = KeyError("middle")
    error.__cause__.__context__ = OSError("inner")
    text = caught(error)
    assert text.startswith("OSError: inner\nStack trace:\n#0 {main}\n\nNext KeyError: 'middle'")
    assert "\n\nNext RuntimeError: outer in " in text


def test_a_suppressed_context_is_not_a_cause() -> None:
    error = RuntimeError("outer")
    error.__context__ = OSError("inner")
    error.__suppress_context__ = True
    assert "inner" not in caught(error)


def test_cycles_and_groups_end() -> None:
    left, right = RuntimeError("left"), RuntimeError("right")
    left.__context__, right.__context__ = right, left
    assert php_text(left).count("Stack trace:") == 2
    group = ExceptionGroup("several", [ValueError("one"), TypeError("two")])
    assert [part in php_text(group) for part in ("several", "one", "two")] == [True] * 3


class Stubborn(Exception):
    def __str__(self) -> str:
        raise ValueError


def test_the_text_is_valid_utf8_whatever_the_message() -> None:
    """FJ-05."""
    text = caught(RuntimeError("bad \udcff bytes \ud800 and \0"))
    assert text.encode().decode() == text
    assert "\0" not in text
    assert "bad \\udcff bytes" in text
    assert "<message cannot be shown>" in caught(Stubborn())
    assert caught(RuntimeError()).startswith("RuntimeError in ")
