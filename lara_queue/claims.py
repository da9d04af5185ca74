"""Pushing a unique or a debounced job: what has to be claimed in the cache before it is stored.

Mirrors ``Foundation/Bus/PendingDispatch.php``, ``Bus/UniqueLock.php``, ``Bus/DebounceLock.php``; protocol §7.3, §7.4.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from lara_queue.bus.keys import Release, debounce_key, unique_key
from lara_queue.bus.unique import acquire, debounce, hidden_context
from lara_queue.errors import ConfigurationError
from lara_queue.laravel import names
from lara_queue.plans import Call, Plan
from lara_queue.ports import Cache

__all__ = ["Claim", "Claims"]

_OWNED: Release = (13, 24)


@dataclass(frozen=True, slots=True)
class Claim:
    """What was claimed for a job.

    Attributes:
        granted: False when the unique lock is held, so that the job is not to be pushed.
        key: the lock or the token's name in the cache.
        owner: the lock's owner; "" for a debounced job, which has no lock.
        properties: what the job object carries because of it.
        hidden: what its log context carries, hidden.
        delay: seconds until the job is due, for a debounced one that says no delay itself.
        token: what a debounced job carries, and what is in the cache once it is pushed.
        keep: seconds for which the token is kept.
    """

    granted: bool
    key: str
    owner: str = ""
    properties: Mapping[str, Any] | None = None
    hidden: Mapping[str, Any] | None = None
    delay: float | None = None
    token: str = ""
    keep: float = 0


class Claims:
    """Claims for the jobs of one queue.

    Parameters:
        cache: Laravel's cache, or None when it is not known.
        release: the application's Laravel.
        clock: tells the Unix time in seconds.
        owner: makes the name of a lock's owner.
    """

    def __init__(
        self, cache: Cache | None, release: Release, clock: Callable[[], float], owner: Callable[[], str]
    ) -> None:
        self._cache = cache
        self._release = release
        self._clock = clock
        self._owner = owner

    def claim(self, name: str, given: Mapping[str, Any]) -> Plan[Claim | None]:
        """What was claimed for a job of this class; None when it is neither unique nor debounced.

        Raises :class:`~lara_queue.errors.ConfigurationError` when it is to be both, or there is no cache.
        """
        unique, window = given.get("unique", False), given.get("debounce")
        if unique is False and window is None:
            return None
        if unique is not False and window is not None:
            raise ConfigurationError(f"{name} cannot be both unique and debounced; give one of unique= and debounce=.")
        if self._cache is None:
            raise ConfigurationError(f"{name} is to be unique or debounced; give Queue(cache=…, cache_prefix=…).")
        if window is not None:
            return (yield from self._debounce(self._cache, name, window, given))
        key = unique_key(name, "" if unique is True else unique, release=self._release)
        owner = self._owner()
        if not (yield from acquire(self._cache, key, owner, given.get("unique_for") or 0)):
            return Claim(False, key)
        properties = {names.UNIQUE_OWNER: owner} if self._release >= _OWNED else None
        return Claim(True, key, owner, properties, hidden_context(key, owner, self._release))

    def drop(self, claim: Claim) -> Plan[None]:
        """Let go of a lock whose job could not be pushed."""
        if self._cache is not None and claim.owner:
            yield from self._cache.unlock(claim.key, claim.owner)

    def settle(self, claim: Claim, transaction: Any, after_commit: Any) -> Plan[None]:
        """Let a debounced job that was pushed take the place of those before it.

        PHP does that first, so that a process that dies before it pushes leaves none: the old job gives way to one that
        never comes. Here the old token goes before the push and the new one comes after it; in between, and for ever if
        the process dies there, all of them run, as Laravel has it where there is no token.

        Parameters:
            claim: what was claimed.
            transaction: of the program's own, with which the job is pushed, or None.
            after_commit: the link that performs a plan after its commit.
        """
        if not claim.token:
            return
        if transaction is None:
            yield from self._put(claim)
        else:
            yield Call(after_commit, "after commit", (transaction, lambda: self._put(claim)))

    def _put(self, claim: Claim) -> Plan[None]:
        if self._cache is not None:
            yield from self._cache.put(claim.key, claim.token, claim.keep)

    def _debounce(self, cache: Cache, name: str, window: float, given: Mapping[str, Any]) -> Plan[Claim]:
        key = debounce_key(name, given.get("debounce_id"))
        made = yield from debounce(cache, key, window, given.get("debounce_max_wait"), self._clock())
        return Claim(True, key, "", {names.DEBOUNCE_OWNER: made.token}, None, made.delay, made.token, made.keep)
