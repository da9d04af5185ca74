"""Unique and debounced jobs: taking the lock when a job is pushed, and letting go of it when it has run.

Whether a class is unique only PHP knows; a payload tells it from Laravel 11.39 on, by a hidden value in its log
context. For older ones, and for what a Python worker is to do exactly as the class says, the handler says it again.
Mirrors ``Bus/UniqueLock.php``, ``Bus/DebounceLock.php``, ``Foundation/Bus/PendingDispatch.php`` and
``Queue/CallQueuedHandler.php``; protocol §7.3, §7.4.
"""

from __future__ import annotations

import random
import re
import string
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lara_queue.bus.keys import UNIQUE, Release, debounce_key, unique_key, xxh128
from lara_queue.bus.services import Services
from lara_queue.errors import PayloadError
from lara_queue.job import Job
from lara_queue.laravel import names
from lara_queue.laravel.command import property_of
from lara_queue.php import PhpObject
from lara_queue.plans import Plan
from lara_queue.ports import Cache, Reservation

if TYPE_CHECKING:
    from lara_queue.bus.dispatch import Ready

__all__ = [
    "LISTENER_UNIQUE",
    "OWNED",
    "Debounced",
    "Hold",
    "Uniqueness",
    "acquire",
    "debounce",
    "free",
    "hidden_context",
    "hold_of",
    "lock_of_next",
    "seconds_of",
    "superseded",
]

OWNED: Release = (13, 24)
"""From here on a job carries its lock's owner, and only that one frees it."""
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
        owner: who must hold it for it to be freed, where the job says (13.24 and later); None frees it whoever does.
        until_processing: it is freed before the handler runs, not after.
    """

    key: str
    owner: str | None = None
    until_processing: bool = False


def hold_of(job: Job, said: Uniqueness | None, services: Services) -> Hold | None:
    """The lock that the job holds, as far as payload and handler tell; None when it is not known to be unique.

    Told by the hidden context (11.39 and later), by Laravel's wrapper of a unique listener (12.50) or broadcast event
    (9.22), or by the handler. A job that cannot be opened still has its context.
    """
    try:
        if not job.envelope.is_object_job:
            return None
        command = job.envelope.command_name or job.name
        hidden = job.context.hidden if names.LOG_CONTEXT in job.payload else {}
    except PayloadError:
        return None
    is_unique = said is not None and said.unique is not False
    until = said is not None and said.until_processing
    if command == names.CALL_QUEUED_LISTENER:
        is_unique = is_unique or _own(job, LISTENER_UNIQUE) is True
        until = until or _own(job, _LISTENER_UNTIL_PROCESSING) is True
    elif command == names.UNIQUE_BROADCAST_EVENT:
        is_unique = True
    owner = _own(job, names.UNIQUE_OWNER) or None
    key = hidden.get(names.UNIQUE_KEY)
    if isinstance(key, str) and _is_of(key, command, job.name):
        owner = owner or hidden.get(names.UNIQUE_LOCK_OWNER)
    elif is_unique or until:
        unique_id = said.unique(job) if said is not None and callable(said.unique) else _own(job, "uniqueId")
        key = unique_key(
            command, unique_id, display_name=job.name if job.name != command else None, release=services.release
        )
    else:
        return None
    return Hold(key, owner if isinstance(owner, str) and owner else None, until)


def lock_of_next(services: Services, command: PhpObject, following: Ready) -> Hold | None:
    """The lock that a job takes when its turn in a chain comes; None when it is not known to be unique.

    Its handler here tells, with ``unique=`` or ``unique_until_processing=``, or Laravel's wrapper of a unique broadcast
    event. A class that only PHP knows cannot be asked. The wrapper of a listener is not itself unique for PHP, so in a
    chain it takes no lock.

    Parameters:
        services: of the worker.
        command: the job.
        following: the same, ready to be pushed without a lock.
    """
    if command.class_name == names.CALL_QUEUED_LISTENER:
        return None
    if services.handlers_of is None and command.class_name != names.UNIQUE_BROADCAST_EVENT:
        return None
    taken = Reservation(following.queue, following.body, 0, None, 0)
    job = Job(taken, connection=following.connection or services.connection, encrypter=services.encrypter)
    handlers = () if services.handlers_of is None else services.handlers_of(job)
    return hold_of(job, handlers[0].said if handlers else None, services)


def seconds_of(command: PhpObject) -> float:
    """Seconds for which the lock of a unique job is held at most, as its property ``uniqueFor`` says; 0 for no end.

    >>> seconds_of(PhpObject("A", {"uniqueFor": 60})), seconds_of(PhpObject("A", {}))
    (60, 0)
    """
    said = property_of(command, "uniqueFor")
    return said if isinstance(said, int | float) and not isinstance(said, bool) and said > 0 else 0


LISTENER_UNIQUE, _LISTENER_UNTIL_PROCESSING = "shouldBeUnique", "shouldBeUniqueUntilProcessing"


def _is_of(key: str, command: str, shown: str) -> bool:
    """True when a lock's name is that of the job's own class.

    PHP hands the context of the job that it runs on to the jobs which that pushes, and with it the name of a lock that
    is not theirs to free.
    """
    if any(key.startswith(f"{UNIQUE}{name}:") for name in (command, shown)):
        return True
    return _HASHED.match(key[len(UNIQUE) :]) is not None and key.startswith(f"{UNIQUE}{xxh128(shown)}:")


_HASHED = re.compile(r"[0-9a-f]{32}:")


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
    if release >= OWNED:
        said[names.UNIQUE_LOCK_OWNER] = owner
    return said


@dataclass(frozen=True, slots=True)
class Debounced:
    """What a debounced push found out.

    Attributes:
        token: what the job carries, and what the cache is to hold when it has been pushed.
        delay: seconds until it is due.
        keep: seconds for which the cache is to hold the token.
    """

    token: str
    delay: float
    keep: float


def debounce(cache: Cache, key: str, seconds: float, max_wait: float | None, now: float) -> Plan[Debounced]:
    """The token of the newest push, which is to supersede all before, and when its job is due.

    The token before it is forgotten; the new one is the caller's to put into the cache, after the push.

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
    yield from cache.forget(key)
    return Debounced(token, delay, keep)


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
    try:
        command = job.command
    except PayloadError:
        return None
    return None if command is None else property_of(command, name)
