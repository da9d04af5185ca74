"""What is kept of a result, and what is not."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from lara_queue.results.values import LIMIT_BYTES, Result, decode, encode, with_value


@dataclass
class Invoice:
    number: str
    cents: int


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (None, None),
        (0, 0),
        ("", ""),
        (False, False),
        ([], []),
        ((1, "zwölf"), [1, "zwölf"]),
        ({"a": {"b": [1.5, None]}}, {"a": {"b": [1.5, None]}}),
        (datetime(2026, 1, 2, tzinfo=UTC), "2026-01-02T00:00:00Z"),
        (Decimal("1.10"), "1.10"),
        (Invoice("7", 100), {"number": "7", "cents": 100}),
    ],
)
def test_a_value_comes_back_as_json_gives_it(value: Any, kept: Any) -> None:
    made = with_value(Result("u", "finished"), value)
    assert made.value == kept
    assert decode("u", encode(made)) == made


class Hostile:
    def __getattribute__(self, name: str) -> Any:
        raise RuntimeError("hands off")


@pytest.mark.parametrize("make", [object, lambda: print, lambda: {1: {2: object()}}, Hostile])
def test_what_json_cannot_say_is_left_out_with_a_reason(make: Any) -> None:
    made = with_value(Result("u", "finished"), make())
    assert made.value is None
    assert made.problem is not None
    assert "JSON" in made.problem
    assert decode("u", encode(made)) == made


def test_a_value_that_contains_itself_is_left_out() -> None:
    endless: list[Any] = []
    endless.append(endless)
    assert with_value(Result("u", "finished"), endless).problem is not None


def test_a_large_value_is_left_out_with_its_size() -> None:
    assert with_value(Result("u", "finished"), "x" * (LIMIT_BYTES - 2)).problem is None
    made = with_value(Result("u", "finished"), "x" * (LIMIT_BYTES - 1))
    assert (made.value, made.state) == (None, "finished")
    assert "65,537 bytes" in str(made.problem)


@pytest.mark.parametrize("text", [None, "", "{", "[]", "7", 7, b"\xff", '{"state":"odd"}', '{"value":1}', {"state": 1}])
def test_what_is_no_result_is_unknown(text: Any) -> None:
    assert decode("u", text) == Result("u")


def test_unknown_keys_of_a_later_version_are_passed_over() -> None:
    assert decode("u", '{"state":"running","colour":"red","uuid":"other"}') == Result("u", "running")


def test_texts_that_are_no_text_do_not_lose_the_note() -> None:
    made = Result("u", "failed", error="ValueError: \udcff" + "x" * 5000)
    text = encode(made)
    assert decode("u", text).error == ("ValueError: ?" + "x" * 5000)[:2000]
