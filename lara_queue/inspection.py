"""Looking at a queue from outside, as plans."""

from __future__ import annotations

from typing import Any

from lara_queue.clock import Clock
from lara_queue.errors import StoreError
from lara_queue.plans import Call, Plan
from lara_queue.ports import Driver

__all__ = ["close", "health"]


def health(driver: Driver, queue: str, clock: Clock, in_hand: int) -> Plan[dict[str, Any]]:
    """Whether the store answers, how fast, and what waits there.

    Keys: ``healthy``, ``driver``, ``queue``, ``store_reachable``, ``error``, ``lag_seconds`` (the answer's round
    trip), ``pending``, ``delayed``, ``reserved``, ``in_hand``.
    """
    report: dict[str, Any] = {"healthy": True, "driver": driver.name, "queue": queue, "in_hand": in_hand}
    asked = clock()
    try:
        yield from driver.ping()
        sizes = yield from driver.sizes(queue)
    except StoreError as error:
        return {**report, "healthy": False, "store_reachable": False, "error": str(error)}
    return {
        **report,
        "store_reachable": True,
        "error": None,
        "lag_seconds": max(0.0, clock() - asked),
        "pending": sizes.pending,
        "delayed": sizes.delayed,
        "reserved": sizes.reserved,
    }


def close(*ports: Any) -> Plan[None]:
    """Close the links of drivers and stores; those that have none are left alone."""
    seen: set[int] = set()
    for port in ports:
        link = getattr(port, "link", None)
        if link is not None and id(link) not in seen:
            seen.add(id(link))
            yield Call(link, "close")
