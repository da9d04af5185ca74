"""Unique and debounced jobs: taking the lock when a job is pushed, and letting go of it when it has run.

Whether a class is unique only PHP knows; a payload tells it from Laravel 11.39 on, by a hidden value in its log
context. For older ones, and for what a Python worker is to do exactly as the class says, the handler says it again.
Mirrors ``Bus/UniqueLock.php``, ``Bus/DebounceLock.php``, ``Foundation/Bus/PendingDispatch.php`` and
``Queue/CallQueuedHandler.php``; protocol §7.3, §7.4.
"""

from __future__ import annotations

import random
import string
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lara_queue.bus.keys import Release, debounce_key, unique_key
from lara_queue.bus.services import Services
from lara_queue.errors import PayloadError
from lara_queue.laravel import names
from lara_queue.laravel.command import property_of
from lara_queue.plans import Plan
from lara_queue.ports import Cache

if TYPE_CHECKING:
    from lara_queue.job import Job

__all__ = ["Debounced", "Hold", "Uniqueness", "acquire", "debounce", "free", "hidden_context", "hold_of", "superseded"]

_OWNED: Release = (13, 24)
_FIRST_DISPATCH = ":first_dispatched_at"
_TOKEN = string.ascii_letters + string.digits


@dataclass(frozen=True, slots=True)
class Uniqueness:
    """What a handler says about its jobs' class.

    Attributes:
        unique: it is ``ShouldBeUnique``; a function gets the unique id from the job.
        until_processing: it is ``ShouldBeUniqueUntilProcessing``.
        debounce_id: a function that gets the debounce id from the job, when it is debounced by one.
    """

    unique: bool | Callable[[Job], object] = False
    until_processing: bool = False
    debounce_id: Callable[[Job], object] | None = None


@dataclass(frozen=True, slots=True)
class Hold:
    """A unique lock that a job holds.

    Attributes:
        key: its name in the cache.
        owner: who must hold it for it to be freed; None frees it whoever does (Laravel before 13.24).
        until_processing: it is freed before the handler runs, not after.
    """

    key: str
    owner: str | None = None
    until_processing: bool = False


def hold_of(job: Job, said: Uniqueness | None, services: Services) -> Hold | None:
    """The lock that the job holds, as far as payload and handler tell; None when it is not known to be unique."""
    key = owner = None
    try:
        if not job.envelope.is_object_job:
            return None
        hidden = job.context.hidden if names.LOG_CONTEXT in job.payload else {}
    except PayloadError:
        hidden = {}
    found = hidden.get(names.UNIQUE_KEY)
    if isinstance(found, str):
        key = found
        owner = hidden.get(names.UNIQUE_LOCK_OWNER)
    until = said is not None and said.until_processing
    if said is not None and (said.unique or until) and key is None:
        unique_id = said.unique(job) if callable(said.unique) else _own(job, "uniqueId")
        command = job.envelope.command_name or job.name
        shown = job.name if job.name != command else None
        key = unique_key(command, unique_id, display_name=shown, release=services.release)
    if key is None:
        return None
    owner = _own(job, names.UNIQUE_OWNER) or owner
    return Hold(key, owner if services.release >= _OWNED and isinstance(owner, str) and owner else None, until)


def free(services: Services, hold: Hold) -> Plan[None]:
    """Let go of the lock."""
    if services.cache is not None:
        yield from services.cache.unlock(hold.key, hold.owner)


def acquire(cache: Cache, key: str, owner: str, seconds: float) -> Plan[bool]:
    """True when the lock is now the owner's, for so many seconds; 0 until it is freed."""
    return (yield from cache.lock(key, owner, seconds))


def hidden_context(key: str, owner: str, release: Release) -> dict[str, Any]:
    """What travels with a unique job, so that its lock can be freed even when the job cannot be read.

    >>> hidden_context("laravel_unique_job:A:", "me", (13, 0))
    {'laravel_unique_job_key': 'laravel_unique_job:A:'}
    """
    said: dict[str, Any] = {names.UNIQUE_KEY: key}
    if release >= _OWNED:
        said[names.UNIQUE_LOCK_OWNER] = owner
    return said


@dataclass(frozen=True, slots=True)
class Debounced:
    """What a debounced push found out: the ``token`` that the job carries, and its ``delay`` in seconds."""

    token: str
    delay: float


def debounce(cache: Cache, key: str, seconds: float, max_wait: float | None, now: float) -> Plan[Debounced]:
    """The token of the newest push, which supersedes all before, and when its job is due.

    Parameters:
        cache: the application's cache.
        key: see :func:`~lara_queue.bus.keys.debounce_key`.
        seconds: the window; the job is due after it.
        max_wait: seconds after the first push at which the job is due at once, whatever else comes.
        now: the Unix time in seconds.
    """
    token = "".join(random.choices(_TOKEN, k=40))
    keep = max(10 * seconds, 300)
    delay = seconds
    if max_wait is not None:
        first = yield from cache.get(key + _FIRST_DISPATCH)
        if first is None:
            yield from cache.put(key + _FIRST_DISPATCH, int(now), keep)
        elif now - float(first) >= max_wait:
            yield from cache.forget(key + _FIRST_DISPATCH)
            delay = 0
    yield from cache.put(key, token, keep)
    return Debounced(token, delay)


def superseded(job: Job, said: Uniqueness | None, services: Services) -> Plan[bool]:
    """True when a newer push of the same debounced job has taken this one's place."""
    token = _own(job, names.DEBOUNCE_OWNER)
    if not isinstance(token, str) or not token or services.cache is None:
        return False
    given = said.debounce_id(job) if said is not None and said.debounce_id is not None else _own(job, "debounceId")
    command = job.envelope.command_name or job.name
    key = debounce_key(command, given, display_name=job.name if job.name != command else None)
    current = yield from services.cache.get(key)
    return current is not None and current != token


def _own(job: Job, name: str) -> Any:
    command = job.command
    return None if command is None else property_of(command, name)
