"""Looking at a queue from outside, as plans, and at the workers of this process, as pure functions."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any, Final

from lara_queue.clock import Clock
from lara_queue.errors import ConfigurationError, StoreError
from lara_queue.job import Job
from lara_queue.metrics.readings import oldest_age
from lara_queue.plans import Call, Plan
from lara_queue.ports import Driver, ListsQueues
from lara_queue.worker.core import WorkerCore

__all__ = ["MARGIN_SECONDS", "close", "health", "patience", "queues", "worker_health"]

MARGIN_SECONDS: Final = 30.0
"""What a loop may take beyond what it was told to wait for: a slow answer, a pause before it tries a store again."""


def health(
    driver: Driver, queue: str, clock: Clock, in_hand: Collection[Job], cores: Iterable[WorkerCore] = ()
) -> Plan[dict[str, Any]]:
    """Whether the store answers, how fast, what waits there, and whether this process's workers are well.

    Parameters:
        driver, queue: what to look at.
        clock: tells the Unix time in seconds.
        in_hand: the jobs being run by this queue object.
        cores: its workers.

    Keys: ``healthy`` (all of the below are well), ``driver``, ``queue``, ``in_hand``, ``store_reachable``, ``error``
    (why not), ``lag_seconds`` (round trip of a ping), ``pending``, ``delayed``, ``reserved``,
    ``oldest_pending_seconds`` (how long the job to be taken next has been due; None when there is none, or its payload
    does not tell), and those of :func:`worker_health`. What a store that is away cannot tell is None.
    """
    report: dict[str, Any] = {
        "healthy": False,
        "driver": driver.name,
        "queue": queue,
        "in_hand": len(in_hand),
        "store_reachable": False,
        "error": None,
        **dict.fromkeys(("lag_seconds", "pending", "delayed", "reserved", "oldest_pending_seconds")),
        **worker_health(cores, list(in_hand), clock()),
    }
    asked = clock()
    try:
        yield from driver.ping()
        report["lag_seconds"] = max(0.0, clock() - asked)
        sizes = yield from driver.sizes(queue)
        if sizes.pending:
            report["oldest_pending_seconds"] = yield from oldest_age(driver, queue, clock())
    except StoreError as error:
        return {**report, "lag_seconds": None, "error": str(error)}
    report.update(pending=sizes.pending, delayed=sizes.delayed, reserved=sizes.reserved, store_reachable=True)
    report["healthy"] = report["loop_turning"] is not False and report["lease_keeper_alive"] is not False
    return report


def worker_health(cores: Iterable[WorkerCore], in_hand: Collection[Job], now: float) -> dict[str, Any]:
    """How this process's workers are; asks nobody, so it may be called from any thread.

    Keys: ``workers`` (how many run), ``loop_turning`` (each has turned its loop recently enough, or is stopping),
    ``seconds_since_turn`` (of the one that turned longest ago), ``lease_keeper_alive``. All but the first are None
    when no worker runs; the last also when leases are not kept.
    """
    cores = list(cores)
    since = [max(0.0, now - core.turned_at) for core in cores]
    turning = [core.quit or age <= patience(core, in_hand) for core, age in zip(cores, since, strict=True)]
    keepers = [core.keeper_alive() for core in cores if core.keeper_alive is not None]
    return {
        "workers": len(cores),
        "loop_turning": all(turning) if cores else None,
        "seconds_since_turn": max(since, default=None),
        "lease_keeper_alive": all(keepers) if keepers else None,
    }


def patience(core: WorkerCore, in_hand: Collection[Job]) -> float:
    """Seconds that a healthy loop may take from one turn to the next; infinite while a job without limit fills it.

    A loop with a free slot looks for work again once it has waited; one whose slots are all taken, or that is to stop
    when there is no more work, does so when the first of its jobs ends, and none may take longer than its timeout.
    """
    options = core.options
    allowed = max(options.sleep, options.rest, 1.0) + MARGIN_SECONDS
    if len(in_hand) >= (1 if options.stop_when_empty or options.once else core.parts.concurrency):
        timeouts = [options.timeout if job.rules is None else job.rules.timeout for job in in_hand]
        if any(timeout <= 0 for timeout in timeouts):
            return float("inf")
        allowed += max(timeouts) + options.grace
    return allowed


def queues(driver: Driver, dead_letter_queue: str = "") -> Plan[list[str]]:
    """The names of the queues that hold a job, sorted, without the list of that name that failures are kept in.

    (On Redis a set beside that list, ``NAME:uuids``, goes with it.) Raises
    :class:`~lara_queue.errors.ConfigurationError` for a driver that cannot tell.
    """
    if not isinstance(driver, ListsQueues):
        raise ConfigurationError(f"The store {driver.name} cannot tell which queues there are; name them.")
    failures = (dead_letter_queue, f"{dead_letter_queue}:uuids")
    return [name for name in (yield from driver.queues()) if name not in failures]


def close(*ports: Any) -> Plan[None]:
    """Close the links of drivers and stores; those that have none are left alone."""
    seen: set[int] = set()
    for port in ports:
        for link in (getattr(port, "link", None), getattr(port, "lock_link", None)):
            if link is not None and id(link) not in seen:
                seen.add(id(link))
                yield Call(link, "close")
