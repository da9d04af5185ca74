"""The thread and the task that run a schedule beside a worker."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from lara_queue import AsyncQueue, Queue
from lara_queue.cache.memory import MemoryCache
from lara_queue.errors import StoreUnreachable
from lara_queue.plans import Plan, run
from lara_queue.schedule import beside
from lara_queue.schedule.beside import ScheduleTask, ScheduleThread
from lara_queue.schedule.runner import Round, Scheduler
from lara_queue.testing import ManualClock
from lara_queue.testing.shells import perform, perform_async

FIRST = 1_750_000_200.0


class Counting(Scheduler):
    """A schedule that counts how often it is looked at, and fails at the first look."""

    def __init__(self) -> None:
        super().__init__(None, "q", lambda *job: iter(()), lambda: 0.0)  # type: ignore[arg-type]
        self.entries = {"k": None}  # type: ignore[dict-item]
        self.looks = 0
        self.resigned = 0
        self.often = threading.Event()

    def round(self) -> Plan[Round]:
        yield from ()
        self.looks += 1
        if self.looks == 1:
            raise StoreUnreachable("away")
        if self.looks >= 4:
            self.often.set()
        return Round(True, (), 0.0)

    def resign(self) -> Plan[None]:
        yield from ()
        self.resigned += 1
        raise StoreUnreachable("away")


@pytest.fixture
def counting(monkeypatch: pytest.MonkeyPatch) -> Counting:
    monkeypatch.setattr(beside, "PAUSE_AFTER_TROUBLE", 0.0)
    return Counting()


def test_the_thread_goes_on_after_trouble_and_resigns(counting: Counting, caplog: pytest.LogCaptureFixture) -> None:
    thread = ScheduleThread(counting, perform)
    for _ in range(2):  # start and stop may be called again
        counting.often.clear()
        with thread, thread:
            assert counting.often.wait(10)
    assert counting.resigned == 2
    assert "will be again: away" in caplog.text
    assert "ends by itself" in caplog.text
    assert not [t for t in threading.enumerate() if t.name == "lara_queue-schedule"]


async def test_the_task_goes_on_after_trouble_and_resigns(counting: Counting) -> None:
    async with ScheduleTask(counting, perform_async):
        while not counting.often.is_set():
            await asyncio.sleep(0)
    assert counting.resigned == 1


def test_without_a_schedule_nothing_is_started() -> None:
    idle = Scheduler(None, "q", lambda *job: iter(()), lambda: 0.0)  # type: ignore[arg-type]
    with ScheduleThread(idle, perform):
        assert not [t for t in threading.enumerate() if t.name == "lara_queue-schedule"]


def test_a_listening_worker_runs_what_the_clock_pushes() -> None:
    clock = ManualClock(FIRST - 10)
    cache = MemoryCache(clock)
    ran: list[Any] = []
    with Queue("memory://", queue="q", cache=cache, clock=clock) as queue:
        queue.cron("*/5 * * * *", "App\\Tick")
        queue.run_schedule()
        clock.now = FIRST

        @queue.handler("App\\Tick")
        def tick(job: Any) -> None:
            ran.append(job.payload["scheduledFor"])
            queue.shutdown()

        queue.listen(sleep=10)
    assert ran == [FIRST]
    assert run(cache.lock_owner(queue._scheduler.lock_name), perform) is None


async def test_a_listening_async_worker_does_too() -> None:
    clock = ManualClock(FIRST - 10)
    cache = MemoryCache(clock)
    ran: list[Any] = []
    async with AsyncQueue("memory://", queue="q", cache=cache, clock=clock) as queue:
        queue.cron("*/5 * * * *", "App\\Tick")
        await queue.run_schedule()
        clock.now = FIRST

        @queue.handler("App\\Tick")
        async def tick(job: Any) -> None:
            ran.append(job.payload["scheduledFor"])
            queue.shutdown()

        await queue.listen(sleep=10)
    assert ran == [FIRST]
    assert run(cache.lock_owner(queue._scheduler.lock_name), perform) is None
