"""Readings of the store: kept for a while, one at a time, never waited for without end."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from lara_queue.drivers import DriverSettings, open_driver
from lara_queue.errors import StoreUnreachable
from lara_queue.metrics.readings import Reader, Reading, count_failed, oldest_age, read_store
from lara_queue.plans import run
from lara_queue.ports import Sizes
from lara_queue.worker.sync import perform


class Time:
    """A clock that is set by hand."""

    def __init__(self, now: float = 0.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def counting() -> tuple[list[Reading], Callable[[], Reading]]:
    made: list[Reading] = []

    def read() -> Reading:
        made.append(Reading(True, failed=len(made)))
        return made[-1]

    return made, read


def test_a_reading_is_used_again_for_some_seconds() -> None:
    time = Time()
    made, read = counting()
    reader = Reader(read, keep=5, clock=time)
    assert reader.get() is made[0]
    time.now = 4.9
    assert reader.get() is made[0]
    time.now = 5.0
    assert reader.get() is made[1]
    assert len(made) == 2


def test_many_who_ask_at_once_cost_one_reading() -> None:
    entered, go = threading.Event(), threading.Event()
    made: list[int] = []

    def read() -> Reading:
        made.append(1)
        entered.set()
        go.wait(30)
        return Reading(True)

    reader = Reader(read, wait=30)
    got: list[Reading] = []
    threads = [threading.Thread(target=lambda: got.append(reader.get())) for _ in range(5)]
    for thread in threads:
        thread.start()
    assert entered.wait(30)
    go.set()
    for thread in threads:
        thread.join(30)
    assert len(made) == 1
    assert len(got) == 5
    assert all(reading is got[0] for reading in got)


def test_a_store_that_hangs_counts_as_away_and_is_not_asked_again_meanwhile() -> None:
    go, made = threading.Event(), []

    def read() -> Reading:
        made.append(1)
        go.wait(30)
        return Reading(True)

    reader = Reader(read, wait=0.01)
    for _ in range(3):
        reading = reader.get()
        assert not reading.up
        assert "not answered within 0.01 seconds" in str(reading.error)
    assert len(made) == 1
    under_way = reader._under_way
    assert under_way is not None
    go.set()
    assert under_way.wait(30)
    assert reader.get().up
    assert len(made) == 1


@pytest.mark.parametrize("error", [StoreUnreachable("Redis is away."), RuntimeError("a driver of the user's own")])
def test_a_store_that_raises_counts_as_away(error: Exception) -> None:
    def read() -> Reading:
        raise error

    reading = Reader(read).get()
    assert (reading.up, reading.error, reading.queues, reading.failed) == (False, str(error), {}, None)


def memory(now: float) -> Any:
    return open_driver("memory://", face="sync", settings=DriverSettings(clock=lambda: now))


def test_what_a_reading_says() -> None:
    driver = memory(1000.0)
    run(driver.push("a", b'{"job":"A@b","createdAt":940}'), perform)
    run(driver.push("a", b'{"job":"A@b","createdAt":999}'), perform)
    run(driver.push("a", b'{"job":"A@b"}', delay=60), perform)
    run(driver.push("b", b'{"job":"A@b"}'), perform)
    reading = run(read_store(driver, ["a", "b", "c"], lambda: 1000.0), perform)
    assert reading.up
    assert reading.lag_seconds == 0
    assert reading.queues["a"].sizes == Sizes(2, 1, 0)
    assert reading.queues["a"].oldest_age == 60
    assert reading.queues["b"].oldest_age is None
    assert reading.queues["c"].sizes.total == 0


def test_a_payload_that_cannot_be_read_has_no_age() -> None:
    driver = memory(1000.0)
    run(driver.push("a", b"not JSON"), perform)
    assert run(oldest_age(driver, "a", 1000.0), perform) is None


def test_failures_that_cannot_be_counted_leave_the_rest() -> None:
    class Away:
        def count(self) -> Any:
            raise StoreUnreachable("gone")
            yield

    assert run(count_failed(Away()), perform) is None  # type: ignore[arg-type]
