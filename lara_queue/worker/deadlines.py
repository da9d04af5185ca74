"""The timeouts of many jobs on one timer of the event loop.

A timer for each job costs more than running a short one. Jobs with the same timeout come due in the order in which they
began, so for each length the oldest is all that has to be watched; the timer is set for the earliest of these, and
most jobs have ended long before it rings.
"""

from __future__ import annotations

import asyncio

__all__ = ["Deadlines"]

Task = asyncio.Task[None]


class Deadlines:
    """Cancels the tasks whose time is up.

    A task that was cancelled from here says so (:meth:`end`), so that it is not taken for one that is to leave.
    """

    def __init__(self) -> None:
        self._running: dict[float, dict[Task, float]] = {}
        self._rung: set[Task] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._at = 0.0
        self._loop: asyncio.AbstractEventLoop | None = None

    def begin(self, task: Task, seconds: float) -> None:
        """Cancel the task in so many seconds, unless it has ended."""
        loop = self._loop
        if loop is None:
            loop = self._loop = task.get_loop()
        due = loop.time() + seconds
        running = self._running.get(seconds)
        if running is None:
            running = self._running[seconds] = {}
        running[task] = due
        if self._timer is None or due < self._at:
            self._set(loop, due)

    def end(self, task: Task, seconds: float) -> bool:
        """True when its time had run out; the cancellation, whether it was swallowed or not, is taken back."""
        self._running[seconds].pop(task, None)
        if not self._rung or task not in self._rung:
            return False
        self._rung.discard(task)
        task.uncancel()
        return True

    def close(self) -> None:
        """Watch no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _set(self, loop: asyncio.AbstractEventLoop, due: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._at = due
        self._timer = loop.call_at(due, self._ring, loop)

    def _ring(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = None
        now = loop.time()
        following = None
        for tasks in self._running.values():
            while tasks:
                task, due = next(iter(tasks.items()))
                if due > now:
                    following = due if following is None else min(following, due)
                    break
                del tasks[task]
                self._rung.add(task)
                task.cancel()
        if following is not None:
            self._set(loop, following)
