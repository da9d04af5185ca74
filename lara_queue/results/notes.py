"""Reading what is kept about a job, and waiting until there is nothing more to come: plans over the cache."""

from __future__ import annotations

from typing import Any, Final

from lara_queue.clock import Clock
from lara_queue.errors import ConfigurationError
from lara_queue.plans import WAIT, Call, Plan
from lara_queue.ports import Cache
from lara_queue.results.keys import result_key
from lara_queue.results.values import Result, decode, encode

__all__ = ["read", "wait_for", "write", "write_first"]

FIRST_PAUSE: Final = 0.05
LONGEST_PAUSE: Final = 1.0
GROWTH: Final = 1.5


def read(cache: Cache | None, uuid: str) -> Plan[Result]:
    """What is kept about the job now."""
    if cache is None:
        raise ConfigurationError("Results are kept in Laravel's cache; give Queue(cache=…, results=seconds).")
    return decode(uuid, (yield from cache.get(result_key(uuid))))


def write(cache: Cache, result: Result, seconds: float) -> Plan[None]:
    """Keep it for so many seconds."""
    yield from cache.put(result_key(result.uuid), encode(result), seconds)


def write_first(cache: Cache, result: Result, seconds: float) -> Plan[None]:
    """Keep it unless more is known already: a worker may be faster than whoever pushed."""
    yield from cache.add(result_key(result.uuid), encode(result), seconds)


def wait_for(cache: Cache | None, uuid: str, timeout: float | None, clock: Clock, pause: Any) -> Plan[Result]:
    """What is known of the job when it is ready, or after ``timeout`` seconds at the latest; None waits for ever.

    It is asked for again and again, at first every 50 ms, then ever more slowly up to once a second. ``pause`` is a
    link whose ``wait`` lets time pass.
    """
    deadline = None if timeout is None else clock() + timeout
    rest = FIRST_PAUSE
    while True:
        found = yield from read(cache, uuid)
        left = LONGEST_PAUSE if deadline is None else deadline - clock()
        if found.ready or left <= 0:
            return found
        yield Call(pause, WAIT, (min(rest, left), ()))
        rest = min(rest * GROWTH, LONGEST_PAUSE)
