"""From what a user names as a job to the job object that travels in a chain or a batch.

A member of a chain is serialized whole, and PHP reads its settings from its properties when its turn comes. So what
``push`` writes into an envelope is written into the object here, under Laravel's names; only what was asked for, since
a property that its class does not declare is a deprecated dynamic one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from lara_queue.bus.commands import ENCRYPTED
from lara_queue.errors import InvalidPayload
from lara_queue.laravel import names
from lara_queue.laravel.binding import is_model, to_properties
from lara_queue.laravel.declared import declared_options
from lara_queue.laravel.people import to_php
from lara_queue.php import PhpObject

__all__ = ["JobSpec", "chained_batch", "command_of", "member_of", "members_of", "spec_of", "wanted"]

_PROPERTIES = {
    "tries": "tries",
    "timeout": "timeout",
    "backoff": names.BACKOFF,
    "max_exceptions": "maxExceptions",
    "fail_on_timeout": "failOnTimeout",
    "retry_until": "retryUntil",
    "delay": names.DELAY,
    "queue": names.QUEUE,
    "connection": names.CONNECTION,
    "encrypted": ENCRYPTED,
}
"""Options of ``push`` → properties of a job object."""

_QUEUEABLE: dict[str, Any] = {
    names.CONNECTION: None,
    names.QUEUE: None,
    names.DELAY: None,
    names.AFTER_COMMIT: None,
    names.MIDDLEWARE: [],
    names.CHAINED: [],
    names.CHAIN_CONNECTION: None,
    names.CHAIN_QUEUE: None,
    names.CHAIN_CATCH_CALLBACKS: None,
}
"""What Laravel's trait ``Queueable`` brings, in its order and with its defaults: every job in a chain has it."""


@dataclass(frozen=True, slots=True)
class JobSpec:
    """A job to be: its PHP class, its properties, and the options of ``push``."""

    name: str
    data: Any = None
    options: Mapping[str, Any] = field(default_factory=dict)


def spec_of(item: Any) -> JobSpec:
    """The job that is meant: a class name, ``(name, data)``, ``(name, data, options)``, or a typed job.

    Raises :class:`~lara_queue.errors.InvalidPayload` for anything else, and for a string job, which is no object.

    >>> spec_of(("App\\\\Ping", {"n": 1}, {"tries": 3})).options
    {'tries': 3}
    """
    if isinstance(item, JobSpec):
        return item
    name, data, options = item, None, {}
    if isinstance(item, tuple):
        if not 1 <= len(item) <= 3:
            raise InvalidPayload(f"A job is (name, data) or (name, data, options), not a tuple of {len(item)}.")
        name, data, options = (*item, None, {})[:3] if len(item) < 3 else item
        data, options = (data if data != {} or len(item) > 1 else None), dict(options or {})
    if isinstance(name, PhpObject):
        return JobSpec(name.class_name, name, options)
    if not isinstance(name, str):
        if isinstance(name, type) or not is_model(type(name)):
            raise InvalidPayload(f"A job is a class name, (name, data), or an instance of a typed job, not {name!r}.")
        options = {**{key: value for key, value in declared_options(name).items() if key in _PROPERTIES}, **options}
        name, data = to_properties(name)
    if "@" in name:
        raise InvalidPayload(f"{name} is a string job; only job objects can be in a chain or a batch.")
    unknown = sorted(set(options) - set(_PROPERTIES))
    if unknown:
        raise InvalidPayload(f"A member of a chain or a batch has no option {unknown[0]!r}.")
    return JobSpec(name.lstrip("\\"), data, options)


def command_of(item: Any, **properties: Any) -> PhpObject:
    """The job object, with further properties, and those of ``Queueable``.

    >>> list(command_of(("App\\\\Ping", {"n": 1}, {"tries": 3})))[:4]
    ['n', 'tries', 'connection', 'queue']
    """
    spec = spec_of(item)
    if isinstance(spec.data, PhpObject):
        command: PhpObject = spec.data
        own: dict[Any, Any] = dict(command.__php_vars__)
    else:
        if spec.data is not None and not isinstance(spec.data, Mapping):
            raise InvalidPayload(f"The data of {spec.name} is a mapping of its properties, not {spec.data!r}.")
        command = to_php(PhpObject(spec.name, dict(spec.data or {})))
        own = dict(command.__php_vars__)
    for option, value in spec.options.items():
        if value is not None and value is not False:
            own[_PROPERTIES[option]] = _php(value)
    own.update({name: value for name, value in properties.items() if value is not None})
    for name, default in _QUEUEABLE.items():
        own.setdefault(name, list(default) if isinstance(default, list) else default)
    return PhpObject(spec.name, own)


def _php(value: Any) -> Any:
    if isinstance(value, timedelta):
        return int(value.total_seconds())
    if isinstance(value, datetime):
        return to_php(value)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_php(one) for one in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def wanted(jobs: Iterable[Any]) -> list[Any]:
    """The jobs without what stands for none, as Laravel drops it: None, False, 0, an empty text and an empty list.

    >>> wanted(["Ping", None, []])
    ['Ping']
    """
    return [job for job in jobs if not (job is None or (isinstance(job, _PLAIN) and not job))]


_PLAIN = (bool, int, str, list, tuple, dict)


def members_of(jobs: Iterable[Any]) -> list[Any]:
    """The members of a batch as job objects; a list among them stays a list, which is a chain."""
    return [
        [member_of(one) for one in wanted(job)] if isinstance(job, list) else member_of(job) for job in wanted(jobs)
    ]


def member_of(job: Any) -> PhpObject:
    """The job object of a member, which may be a batch."""
    made = getattr(job, "as_command", None)
    return made() if callable(made) else command_of(job)


def chained_batch(
    jobs: Iterable[Any], name: str, options: Mapping[str, Any], queue: str | None, connection: str | None
) -> PhpObject:
    """A batch as a member of a chain (``Bus/ChainedBatch.php``, Laravel 10.31 and later)."""
    items = PhpObject(names.COLLECTION, {"\0*\0items": members_of(jobs), "\0*\0escapeWhenCastingToString": False})
    raw: dict[Any, Any] = {"jobs": items, "name": name, "options": dict(options), names.JOB_WRAPPER: None}
    raw |= {**_QUEUEABLE, names.CONNECTION: connection, names.QUEUE: queue, names.BATCH_ID: None}
    return PhpObject(names.CHAINED_BATCH, raw)
