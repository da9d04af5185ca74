"""How long jobs waited, as far as their payloads tell."""

from __future__ import annotations

from typing import Any

import pytest

from lara_queue.events import JobProcessing
from lara_queue.job import Job
from lara_queue.laravel.json import encode_json
from lara_queue.metrics.stats import OTHER
from lara_queue.metrics.waits import MAX_QUEUES, WAIT_BUCKETS, WaitTimes, due_at
from lara_queue.ports import Reservation


@pytest.mark.parametrize(
    ("payload", "due"),
    [
        ({}, None),
        ({"createdAt": 1000}, 1000),
        ({"createdAt": 1000, "delay": None}, 1000),
        ({"createdAt": 1000, "delay": 30}, 1030),
        ({"createdAt": 1000, "delay": "30"}, 1030),
        ({"createdAt": 1000, "delay": -30}, 1000),
        ({"pushedAt": "1000.5"}, 1000.5),
        ({"createdAt": 10, "pushedAt": "1000.5"}, 1000.5),  # retried by Horizon, which notes the new push
        ({"createdAt": "soon"}, None),
        ({"createdAt": []}, None),
        ({"createdAt": 1000, "delay": "soon"}, 1000),
        ({"createdAt": float("inf")}, None),
        ({"createdAt": 1_700_000_000_000}, None),  # milliseconds of somebody else's
    ],
)
def test_when_a_job_was_due(payload: dict[str, Any], due: float | None) -> None:
    assert due_at(payload) == due


def begin(waits: WaitTimes, queue: str = "q", attempts: int = 1, **payload: Any) -> None:
    body = encode_json({"job": "A@b", **payload})
    waits(JobProcessing(Job(Reservation(queue, body, attempts, None, 0))))


def test_waits_are_counted_by_queue_and_bucket() -> None:
    waits = WaitTimes(clock=lambda: 1010.0)
    begin(waits, "high", createdAt=1009)
    begin(waits, "high", createdAt=1000)
    begin(waits, "low", createdAt=900, delay=100)
    found = waits.snapshot()
    assert (found["high"].count, found["high"].seconds) == (2, 11.0)
    assert found["high"].buckets[WAIT_BUCKETS.index(1)] == 1
    assert found["high"].buckets[WAIT_BUCKETS.index(10)] == 1
    assert found["low"].seconds == 10.0


def test_what_cannot_be_told_is_not_counted() -> None:
    waits = WaitTimes(clock=lambda: 1010.0)
    begin(waits)  # of Laravel 8 to 12.10
    begin(waits, attempts=2, createdAt=1000)  # a retry, which waited for its backoff
    waits(JobProcessing(Job(Reservation("q", b"not JSON", 1, None, 0))))
    assert waits.snapshot() == {}


def test_a_clock_behind_the_producers_counts_as_no_wait() -> None:
    waits = WaitTimes(clock=lambda: 1000.0)
    begin(waits, createdAt=1005)
    assert waits.snapshot()["q"].buckets[0] == 1
    assert waits.snapshot()["q"].seconds == 0


def test_a_wait_longer_than_all_bounds() -> None:
    waits = WaitTimes(clock=lambda: 1e9)
    begin(waits, createdAt=0)
    assert waits.snapshot()["q"].buckets[-1] == 1


def test_the_queues_told_apart_are_limited() -> None:
    waits = WaitTimes(clock=lambda: 1000.0)
    for n in range(MAX_QUEUES + 7):
        begin(waits, f"q{n}", createdAt=1000)
    found = waits.snapshot()
    assert len(found) == MAX_QUEUES + 1
    assert found[OTHER].count == 7


def test_a_snapshot_stays_as_it_was() -> None:
    waits = WaitTimes(clock=lambda: 1000.0)
    begin(waits, createdAt=1000)
    before = waits.snapshot()
    begin(waits, createdAt=1000)
    assert before["q"].count == 1
