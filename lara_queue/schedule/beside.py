"""What runs a schedule beside a worker: a thread of ``Queue``, a task of ``AsyncQueue``.

Beside, not between two jobs: a job that takes an hour must not hold up the clock. Both are context managers, do
nothing for a queue without schedule, and let another process lead at once when they end.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import Awaitable, Callable
from typing import Any, Final

from lara_queue.plans import Effect, run, run_async
from lara_queue.schedule.runner import Round, Scheduler

__all__ = ["ScheduleTask", "ScheduleThread"]

logger = logging.getLogger("lara_queue")

PAUSE_AFTER_TROUBLE: Final = 5.0


def _wait(scheduler: Scheduler, done: Round) -> float:
    """Seconds until the next look; never none at all, should the clock stand still."""
    return max(0.01, done.next_at - scheduler.clock())


class ScheduleThread:
    """Looks at the schedule in a thread of its own.

    Parameters:
        scheduler: what to look at.
        perform: performs one effect, blocking, from any thread.
    """

    def __init__(self, scheduler: Scheduler, perform: Callable[[Effect], Any]) -> None:
        self._scheduler = scheduler
        self._perform = perform
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> ScheduleThread:
        if self._scheduler.entries and self._thread is None:
            self._stop.clear()
            self._thread = threading.Thread(target=self._run, name="lara_queue-schedule", daemon=True)
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._thread is not None:
            self._stop.set()
            self._thread.join(timeout=5)
            self._thread = None

    def _run(self) -> None:
        wait = 0.0
        while not self._stop.wait(wait):
            try:
                wait = _wait(self._scheduler, run(self._scheduler.round(), self._perform))
            except Exception as error:  # whatever it was, the next tick must come all the same
                logger.error("The schedule could not be looked at, and will be again: %s", error)
                wait = PAUSE_AFTER_TROUBLE
        try:
            run(self._scheduler.resign(), self._perform)
        except Exception as error:
            logger.warning("The lead of the schedule ends by itself in a while: %s", error)


class ScheduleTask:
    """The same as a task of the running loop."""

    def __init__(self, scheduler: Scheduler, perform: Callable[[Effect], Awaitable[Any]]) -> None:
        self._scheduler = scheduler
        self._perform = perform
        self._stop = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> ScheduleTask:
        if self._scheduler.entries and self._task is None:
            self._stop.clear()
            self._task = asyncio.create_task(self._run(), name="lara_queue-schedule")
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task is not None:
            self._stop.set()
            await asyncio.wait({self._task}, timeout=5)
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    async def _run(self) -> None:
        while not self._stop.is_set():
            try:
                wait = _wait(self._scheduler, await run_async(self._scheduler.round(), self._perform))
            except Exception as error:
                logger.error("The schedule could not be looked at, and will be again: %s", error)
                wait = PAUSE_AFTER_TROUBLE
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._stop.wait()
        try:
            await run_async(self._scheduler.resign(), self._perform)
        except Exception as error:
            logger.warning("The lead of the schedule ends by itself in a while: %s", error)
