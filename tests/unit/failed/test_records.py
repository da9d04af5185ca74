"""Times, texts and payloads as stores have them."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from lara_queue.failed.records import (
    MOST_OF_EXCEPTION,
    as_text,
    exception_text,
    from_text,
    local_time_text,
    unix_time,
    wrapped,
)
from lara_queue.testing.failed_conformance import failure


@pytest.mark.parametrize("body", [b"", b"{}", b"\xff\x00", b"a\0b", "☃".encode(), b'{"raw_base64": "/w=="}'])
def test_every_payload_comes_back(body: bytes) -> None:
    one = failure(1, payload=body)
    assert from_text(as_text(one)) == body
    assert from_text(wrapped(one).encode()) == body
    assert wrapped(one).isascii()


def test_somebody_elses_base64_is_left_alone() -> None:
    for text in ('{"raw_base64": "/w=="}', '{"uuid": "", "displayName": "", "raw_base64": "?"}'):
        assert from_text(text) == text.encode()


def test_times_of_every_form() -> None:
    paris = ZoneInfo("Europe/Paris")
    assert local_time_text(1_700_000_000.9, paris) == "2023-11-14 23:13:20"
    assert unix_time("2023-11-14 23:13:20", paris) == 1_700_000_000
    assert unix_time(datetime(2023, 11, 14, 23, 13, 20), paris) == 1_700_000_000
    assert unix_time(datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC), paris) == 1_700_000_000
    assert [unix_time(bad) for bad in (None, "yesterday", b"x", [])] == [0.0] * 4


def test_long_exceptions_keep_their_ends() -> None:
    text = exception_text(failure(1, exception="a" * MOST_OF_EXCEPTION + "b"))
    assert text.startswith("aaa")
    assert text.endswith("ab")
    assert "… 1 characters left out …" in text
    assert exception_text(failure(1, exception="a" * MOST_OF_EXCEPTION)) == "a" * MOST_OF_EXCEPTION
