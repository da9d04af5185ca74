"""Laravel's ``array`` cache: in this process, with the expiry and lock rules of the others."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

from lara_queue.cache.values import as_number
from lara_queue.clock import Clock, system_clock
from lara_queue.plans import Plan

__all__ = ["MemoryCache"]


class MemoryCache:
    """A cache that ends with the process. Its plans ask for no effect: each is one step under a lock.

    Parameters:
        clock: tells the Unix time in seconds.
    """

    name = "array"

    def __init__(self, clock: Clock = system_clock) -> None:
        self._clock = clock
        self._values: dict[str, tuple[Any, float | None]] = {}
        self._locks: dict[str, tuple[str, float | None]] = {}
        self._guard = threading.RLock()

    def _alive(self, shelf: dict[str, tuple[Any, float | None]], key: str) -> tuple[Any, float | None] | None:
        entry = shelf.get(key)
        if entry is not None and entry[1] is not None and entry[1] <= self._clock():
            del shelf[key]
            return None
        return entry

    def _until(self, seconds: float | None) -> float | None:
        return None if seconds is None else self._clock() + seconds

    def get(self, key: str) -> Plan[Any]:
        """The value, or None."""
        yield from ()
        with self._guard:
            entry = self._alive(self._values, key)
            return None if entry is None else entry[0]

    def get_many(self, keys: Sequence[str]) -> Plan[list[Any]]:
        """The values in order."""
        found = []
        for key in keys:
            found.append((yield from self.get(key)))
        return found

    def put(self, key: str, value: Any, seconds: float | None = None) -> Plan[None]:
        """Store it for so many seconds, or forever."""
        yield from ()
        with self._guard:
            self._values[key] = (value, self._until(seconds))

    def add(self, key: str, value: Any, seconds: float | None = None) -> Plan[bool]:
        """Store it only if there is none."""
        yield from ()
        with self._guard:
            if self._alive(self._values, key) is not None:
                return False
            self._values[key] = (value, self._until(seconds))
            return True

    def increment(self, key: str, by: int = 1) -> Plan[int]:
        """The number after adding; its expiry is kept."""
        yield from ()
        with self._guard:
            value, until = self._alive(self._values, key) or (0, None)
            number = as_number(key, value) + by
            self._values[key] = (number, until)
            return number

    def touch(self, key: str, seconds: float) -> Plan[bool]:
        """True when there is a value and it now lasts for so many seconds."""
        yield from ()
        with self._guard:
            entry = self._alive(self._values, key)
            if entry is None:
                return False
            self._values[key] = (entry[0], self._until(seconds))
            return True

    def forget(self, key: str) -> Plan[bool]:
        """True when there was one."""
        yield from ()
        with self._guard:
            there = self._alive(self._values, key) is not None
            self._values.pop(key, None)
            return there

    def lock(self, name: str, owner: str, seconds: float = 0) -> Plan[bool]:
        """True when the lock is now the owner's."""
        yield from ()
        with self._guard:
            if self._alive(self._locks, name) is not None:
                return False
            self._locks[name] = (owner, self._until(seconds or None))
            return True

    def unlock(self, name: str, owner: str | None) -> Plan[bool]:
        """True when it was the owner's and is free."""
        yield from ()
        with self._guard:
            entry = self._alive(self._locks, name)
            if entry is None or (owner is not None and entry[0] != owner):
                return False
            del self._locks[name]
            return True

    def refresh_lock(self, name: str, owner: str, seconds: float) -> Plan[bool]:
        """True when the lock is still the owner's and now is for so many seconds."""
        yield from ()
        with self._guard:
            entry = self._alive(self._locks, name)
            if entry is None or entry[0] != owner:
                return False
            self._locks[name] = (owner, self._until(seconds))
            return True

    def lock_owner(self, name: str) -> Plan[str | None]:
        """Who holds the lock now, or None."""
        yield from ()
        with self._guard:
            entry = self._alive(self._locks, name)
            return None if entry is None else entry[0]
