"""How long jobs waited: from the moment they were due to the moment a handler began.

Only the payload can tell when a job was pushed, so only jobs that say so are counted: those of Laravel 12.11 and later
(``createdAt``, in whole seconds), of Horizon (``pushedAt``, to the millisecond), and of lara_queue.
"""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from lara_queue.clock import Clock
from lara_queue.errors import PayloadError
from lara_queue.events import JobProcessing
from lara_queue.laravel.envelope import php_number
from lara_queue.laravel.names import CREATED_AT, DELAY, PUSHED_AT
from lara_queue.metrics.stats import OTHER

__all__ = ["WAIT_BUCKETS", "WaitStats", "WaitTimes", "due_at"]

WAIT_BUCKETS: Final = (0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 21600)
"""Upper bounds of the wait histogram, in seconds. ``createdAt`` has whole seconds, so finer ones would tell nothing."""

MAX_QUEUES: Final = 100
"""Queues told apart; further ones are counted under ``(other)``."""


def due_at(payload: Mapping[str, Any]) -> float | None:
    """The Unix time in seconds at which the job could first have been run; None when its payload does not say.

    Parameters:
        payload: the decoded payload.

    Horizon's ``pushedAt`` beats ``createdAt``: it is more exact, and new when a failed job is retried. Mirrors
    ``Queue/Queue.php`` ``createPayloadArray`` and ``JobPayload.php`` of laravel/horizon.

    >>> due_at({"createdAt": 1000, "delay": 60}), due_at({"createdAt": 1000, "pushedAt": "1000.25"}), due_at({})
    (1060, 1000.25, None)
    """
    pushed = php_number(payload.get(PUSHED_AT))
    if pushed is None:
        pushed = php_number(payload.get(CREATED_AT))
    if pushed is None:
        return None
    delay = php_number(payload.get(DELAY)) or 0
    due = pushed + max(0, delay)
    return due if abs(due) < 1e12 else None  # milliseconds, infinity, nonsense


@dataclass(slots=True)
class WaitStats:
    """The waits of one queue's jobs.

    Attributes:
        buckets: a count for each bound of ``WAIT_BUCKETS`` (waits no longer than it and longer than the one before),
            and a last one for longer waits.
        seconds: all waits together.
    """

    buckets: list[int]
    seconds: float = 0.0

    @property
    def count(self) -> int:
        """How many jobs were counted."""
        return sum(self.buckets)


class WaitTimes:
    """A histogram of waits for each queue; a listener of ``job.processing``, for any number of threads.

    A retry is not counted: what it waited for was its backoff.

    Parameters:
        clock: tells the Unix time in seconds.

    >>> waits = WaitTimes(clock=lambda: 1003.0)
    >>> waits.record("default", {"createdAt": 1000})
    >>> waits.snapshot()["default"].seconds
    3.0
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._queues: dict[str, WaitStats] = {}

    def __call__(self, event: JobProcessing) -> None:
        """Count a job that begins."""
        job = event.job
        if job.attempts <= 1:
            try:
                self.record(job.queue, job.payload)
            except PayloadError:
                pass  # it is buried unread, and nobody waited for that

    def record(self, queue: str, payload: Mapping[str, Any]) -> None:
        """Count a job with this payload that begins now."""
        due = due_at(payload)
        if due is None:
            return
        waited = max(0.0, self._clock() - due)
        with self._lock:
            stats = self._queues.get(queue)
            if stats is None:
                name = queue if len(self._queues) < MAX_QUEUES else OTHER
                stats = self._queues.setdefault(name, WaitStats([0] * (len(WAIT_BUCKETS) + 1)))
            stats.buckets[bisect_left(WAIT_BUCKETS, waited)] += 1
            stats.seconds += waited

    def snapshot(self) -> dict[str, WaitStats]:
        """The histograms at this moment, by queue."""
        with self._lock:
            return {name: WaitStats(list(stats.buckets), stats.seconds) for name, stats in self._queues.items()}
