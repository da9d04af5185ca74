"""What the store says about the queues, read for somebody who looks from outside, and never at the worker's cost.

A scrape must not slow the worker, must not hang when the store does, and must not hammer the store when five
Prometheus servers scrape. So a reading is made by a thread of its own, kept for some seconds, and waited for only so
long; one that takes longer counts as "the store does not answer" until it has ended, and no second one is begun.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from lara_queue.clock import Clock
from lara_queue.errors import LaraQueueError, PayloadError
from lara_queue.laravel.envelope import decode_payload
from lara_queue.metrics.waits import due_at
from lara_queue.plans import Plan
from lara_queue.ports import Driver, FailedStore, Sizes

__all__ = ["QueueReading", "Reader", "Reading", "oldest_age", "read_store"]

KEEP_SECONDS: Final = 5.0
"""How long a reading is good enough for the next one who asks."""

WAIT_SECONDS: Final = 2.0
"""How long somebody who asks waits for a new one."""


@dataclass(frozen=True, slots=True)
class QueueReading:
    """One queue as the store has it; ``oldest_age`` in seconds, None when empty or when the payload does not tell."""

    sizes: Sizes
    oldest_age: float | None


@dataclass(frozen=True, slots=True)
class Reading:
    """What the store said.

    Attributes:
        up: it answered.
        lag_seconds: how long its answer to a ping took; None when it did not answer.
        queues: by name.
        failed: how many failed jobs are on record; None when that store did not say.
        error: why it did not answer, else None.
    """

    up: bool
    lag_seconds: float | None = None
    queues: dict[str, QueueReading] = field(default_factory=dict)
    failed: int | None = None
    error: str | None = None


def oldest_age(driver: Driver, queue: str, now: float) -> Plan[float | None]:
    """Seconds that the job to be taken next has been due; None when there is none or its payload does not say."""
    for waiting in (yield from driver.browse(queue, "pending", limit=1)):
        try:
            due = due_at(decode_payload(waiting.body))
        except PayloadError:
            return None
        return None if due is None else max(0.0, now - due)
    return None


def read_store(driver: Driver, queues: Sequence[str], clock: Clock) -> Plan[Reading]:
    """A reading of these queues, without the failed jobs; raises when the store does not answer."""
    asked = clock()
    yield from driver.ping()
    lag = max(0.0, clock() - asked)
    found: dict[str, QueueReading] = {}
    for name in queues:
        sizes = yield from driver.sizes(name)
        found[name] = QueueReading(sizes, (yield from oldest_age(driver, name, clock())) if sizes.pending else None)
    return Reading(True, lag, found)


def count_failed(store: FailedStore) -> Plan[int | None]:
    """How many failed jobs are on record; None when that store does not answer."""
    try:
        return (yield from store.count())
    except LaraQueueError:
        return None


class Reader:
    """Readings for many who ask, at most one at a time under way.

    Parameters:
        read: makes a reading; blocks; may raise.
        keep: seconds that a reading is used again.
        wait: seconds to wait for one.
        clock: tells the time in seconds; any clock that never goes back.
    """

    def __init__(
        self,
        read: Callable[[], Reading],
        *,
        keep: float = KEEP_SECONDS,
        wait: float = WAIT_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._read = read
        self._keep = keep
        self._wait = wait
        self._clock = clock
        self._lock = threading.Lock()
        self._last: tuple[float, Reading] | None = None
        self._under_way: threading.Event | None = None

    def get(self) -> Reading:
        """A reading that is no older than ``keep`` seconds, or one that says that the store does not answer."""
        with self._lock:
            if self._last is not None and self._clock() - self._last[0] < self._keep:
                return self._last[1]
            done = self._under_way
            if done is None:
                done = self._under_way = threading.Event()
                threading.Thread(target=self._make, args=(done,), name="lara_queue-reading", daemon=True).start()
        if not done.wait(self._wait):
            return Reading(False, error=f"The store has not answered within {self._wait:g} seconds.")
        with self._lock:
            return self._last[1] if self._last is not None else Reading(False, error="The store was not read.")

    def _make(self, done: threading.Event) -> None:
        reading: Any
        try:
            reading = self._read()
        except Exception as error:  # a driver of the user's own may raise anything; a scrape survives it
            reading = Reading(False, error=str(error) or type(error).__name__)
        with self._lock:
            self._last = (self._clock(), reading)
            self._under_way = None
        done.set()
