"""Keeping what we hold: renews the reservation of every job in hand before ``retry_after`` runs out.

Which leases are due is decided by :func:`due`; a thread (:class:`LeaseThread`) or a task (:func:`keep_leases`) acts.
Short jobs cost nothing: a lease is only renewed once a third of it has passed.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable
from typing import Any

from lara_queue.errors import StoreError, StoreUnreachable
from lara_queue.logs import job_fields
from lara_queue.plans import Effect, run, run_async
from lara_queue.ports import Reservation
from lara_queue.worker.core import WorkerCore

__all__ = ["LeaseThread", "due", "interval", "keep_leases"]

logger = logging.getLogger("lara_queue")


Held = dict[int, tuple[Reservation, float]]
"""By identity: a reservation (kept here so that its identity is not reused) and until when it is known to be ours."""


def due(held: Held, reservations: list[Reservation], retry_after: float, now: float) -> list[Reservation]:
    """The reservations to renew now, given what is known of them; forgets those that are no longer in hand.

    >>> r = Reservation("q", b"", 1, None, expires_at=100)
    >>> due({}, [r], 90, now=30), due({}, [r], 90, now=50) == [r]
    ([], True)
    """
    alive = {id(taken) for taken in reservations}
    for gone in [key for key in held if key not in alive]:
        del held[gone]
    known = [(taken, held.get(id(taken), (taken, taken.expires_at))[1]) for taken in reservations]
    return [taken for taken, until in known if until - now <= retry_after * 2 / 3]


def _note(
    core: WorkerCore,
    held: Held,
    renewed: list[Reservation],
    still: list[bool],
    until: float,
    in_hand: list[Reservation],
) -> None:
    left = {id(taken) for taken in in_hand}
    for taken, ours in zip(renewed, still, strict=True):
        # A lost lease is not asked for again: that would not bring it back.
        held[id(taken)] = (taken, until if ours else float("inf"))
        if not ours and id(taken) in left:  # one that was settled meanwhile was not lost
            logger.warning(
                "The lease of a job of queue %s was lost; another worker may run it too.",
                taken.queue,
                extra=job_fields(core.job(taken), status="lease_lost"),
            )


def _warn(core: WorkerCore, error: StoreError) -> None:
    """Say why leases could not be renewed, unless the worker has said already that the store is away."""
    if not (core.is_down and isinstance(error, StoreUnreachable)):
        logger.warning("Leases could not be renewed: %s", error)


def interval(retry_after: float) -> float:
    """Seconds between two looks at the leases of that length.

    The first lease of a job ends at a whole second, as Laravel's does, so up to one second of it may be missing. With
    ``retry_after`` 1 it can be over before anybody has looked; from 2 on it cannot.

    >>> interval(90), interval(2), interval(1)
    (22.25, 0.25, 0.05)
    """
    return max(0.05, (retry_after - 1) / 4)


class LeaseThread:
    """Renews leases beside a blocking worker; start and stop may be called in any order, any number of times."""

    def __init__(
        self, core: WorkerCore, reservations: Callable[[], list[Reservation]], perform: Callable[[Effect], Any]
    ) -> None:
        self._core = core
        self._reservations = reservations
        self._perform = perform
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._held: Held = {}

    def start(self) -> None:
        """Begin, unless it has begun."""
        if self._thread is None:
            self._stop.clear()
            self._thread = threading.Thread(target=self._run, name="lara_queue-leases", daemon=True)
            self._thread.start()
            self._core.keeper_alive = lambda: self.alive

    def stop(self) -> None:
        """End, if it has begun."""
        if self._thread is not None:
            self._stop.set()
            self._thread.join(timeout=5)
            self._thread = None

    @property
    def alive(self) -> bool:
        """True while it runs."""
        return self._thread is not None and self._thread.is_alive()

    def _run(self) -> None:
        driver = self._core.driver
        while not self._stop.wait(interval(driver.retry_after)):
            self.renew()

    def renew(self) -> None:
        """Renew what is due now."""
        core = self._core
        renewing = due(self._held, self._reservations(), core.driver.retry_after, core.clock())
        if not renewing:
            return
        try:
            still = run(core.driver.extend(renewing), self._perform)
        except StoreError as error:
            _warn(core, error)
            return
        _note(core, self._held, renewing, still, core.clock() + core.driver.retry_after, self._reservations())


async def keep_leases(
    core: WorkerCore, reservations: Callable[[], list[Reservation]], perform: Callable[[Effect], Awaitable[Any]]
) -> None:
    """Renew leases beside an asyncio worker, until cancelled."""
    held: Held = {}
    driver = core.driver
    task = asyncio.current_task()
    core.keeper_alive = lambda: task is not None and not task.done()
    while True:
        await asyncio.sleep(interval(driver.retry_after))
        renewing = due(held, reservations(), driver.retry_after, core.clock())
        if not renewing:
            continue
        try:
            still = await run_async(driver.extend(renewing), perform)
        except StoreError as error:
            _warn(core, error)
            continue
        _note(core, held, renewing, still, core.clock() + driver.retry_after, reservations())
