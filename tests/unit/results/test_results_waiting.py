"""Waiting for a job's result, through both faces."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest

from lara_queue import AsyncQueue, Job, Queue
from lara_queue.cache.memory import MemoryCache
from lara_queue.plans import run
from lara_queue.results.notes import wait_for, write
from lara_queue.results.values import Result
from lara_queue.testing import ManualClock
from lara_queue.testing.shells import perform
from tests.unit.results.bench import bench, case

__all__ = ["bench", "case"]  # fixtures


class Passing:
    """Lets time pass by moving the clock; ``then`` happens at the n-th time."""

    def __init__(self, clock: ManualClock, then: dict[int, Callable[[], Any]]) -> None:
        self.clock, self.then = clock, then
        self.rests: list[float] = []

    def call(self, name: str, args: tuple[Any, ...]) -> None:
        assert name == "wait"
        self.rests.append(args[0])
        self.clock.advance(args[0])
        self.then.get(len(self.rests), lambda: None)()


def test_waiting_asks_ever_more_slowly_and_ends_with_the_job() -> None:
    clock = ManualClock()
    cache = MemoryCache(clock)
    passing = Passing(clock, {12: lambda: run(write(cache, Result("u", "finished", value=5), 60), perform)})
    assert run(wait_for(cache, "u", 60, clock, passing), perform).value == 5
    assert passing.rests[:3] == [0.05, pytest.approx(0.075), pytest.approx(0.1125)]
    assert len(passing.rests) == 12
    assert max(passing.rests) == 1.0


def test_waiting_ends_at_its_time_with_what_is_known() -> None:
    clock = ManualClock()
    cache = MemoryCache(clock)
    run(write(cache, Result("u", "running", progress=0.5), 600), perform)
    passing = Passing(clock, {})
    assert run(wait_for(cache, "u", 5, clock, passing), perform).progress == 0.5
    assert sum(passing.rests) == pytest.approx(5)


def test_without_timeout_it_looks_once_and_with_none_for_ever() -> None:
    clock = ManualClock()
    cache = MemoryCache(clock)
    passing = Passing(clock, {1000: lambda: run(write(cache, Result("u", "failed"), 60), perform)})
    assert run(wait_for(cache, "u", 0, clock, passing), perform).state == "unknown"
    assert passing.rests == []
    assert run(wait_for(cache, "u", None, clock, passing), perform).state == "failed"
    assert len(passing.rests) == 1000


def test_a_blocking_wait_sees_what_a_worker_does_meanwhile() -> None:
    with Queue("memory://", cache="memory://", results=60) as queue:
        queue.handler("App\\J")(lambda job: "done")
        uuid = queue.push("App\\J")
        worker = threading.Thread(target=queue.listen, kwargs={"stop_when_empty": True})
        worker.start()
        assert queue.result(uuid, timeout=30).value == "done"
        worker.join()


async def test_an_awaited_wait_lets_the_worker_run() -> None:
    async with AsyncQueue("memory://", cache="memory://", results=60) as queue:

        @queue.handler("App\\J")
        async def handle(job: Job) -> str:
            return "done"

        uuid = await queue.push("App\\J")
        worker = asyncio.create_task(queue.listen(stop_when_empty=True))
        assert (await queue.result(uuid, timeout=30)).value == "done"
        await worker
