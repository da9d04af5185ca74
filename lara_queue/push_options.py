"""What can be said about a job when it is pushed, and what a typed job says about itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, TypedDict

from lara_queue.errors import InvalidPayload
from lara_queue.laravel.declared import declared_options

__all__ = ["Delay", "JobOptions", "PushOptions", "check_known", "complete"]

Delay = float | timedelta | datetime | None
"""Seconds, a span, or the moment when a job becomes due."""


class JobOptions(TypedDict, total=False):
    """What can be said about a job when it is pushed.

    Keys:
        queue: another queue's bare name.
        tries: attempts; 0 for no limit.
        backoff: seconds before a retry, or a list of them.
        timeout: seconds an attempt may take.
        max_exceptions: exceptions allowed.
        fail_on_timeout: a timeout fails it at once.
        retry_until: aware datetime or Unix time until which any number of attempts is allowed.
        encrypted: encrypt the command, as ``ShouldBeEncrypted`` does; needs ``app_key``.
        headers: further keys of the payload.
        unique: push nothing while such a job is waiting or running, as ``ShouldBeUnique`` does: True, or what its
            ``uniqueId`` says. Needs the queue's ``cache``; ``push`` then returns "" for a job that was not pushed.
        unique_for: seconds after which its lock is free in any case; 0 for never.
        debounce: seconds that a job waits for a newer one of its kind, which takes its place (``DebounceFor``).
        debounce_id: what tells such jobs apart.
        debounce_max_wait: seconds after the first of them at which one is due at once.
        connection: a transaction of the program's own: SQLAlchemy's Connection or Session (AsyncConnection or
            AsyncSession for ``AsyncQueue``). In a database queue the job is inserted in that transaction, on that
            connection: others see it when it commits, and it never was when it rolls back. Into any other store it is
            pushed when that transaction has been committed, before the commit returns, and not at all when it is
            rolled back; if the push then fails, the commit raises StoreUnreachable although the data is saved. A unique
            job's lock is free again after a rollback.
    """

    queue: str | None
    tries: int | None
    backoff: float | Sequence[float] | None
    timeout: float | None
    max_exceptions: int | None
    fail_on_timeout: bool
    retry_until: float | datetime | None
    encrypted: bool
    headers: Mapping[str, Any] | None
    unique: bool | str | int
    unique_for: float
    debounce: float | None
    debounce_id: object
    debounce_max_wait: float | None
    connection: Any


class PushOptions(JobOptions, total=False):
    """:class:`JobOptions`, and ``delay``: seconds, a timedelta, or the aware datetime when the job becomes due."""

    delay: Delay


_KNOWN = PushOptions.__required_keys__ | PushOptions.__optional_keys__


def check_known(given: Mapping[str, Any]) -> None:
    """Nothing, when all of these are options; raises :class:`~lara_queue.errors.InvalidPayload` when one is not."""
    if not _KNOWN.issuperset(given):
        unknown = sorted(set(given) - _KNOWN)
        raise InvalidPayload(f"push() has no option {unknown[0]!r}; it takes {', '.join(sorted(_KNOWN))}.")


def complete(job: Any, given: PushOptions) -> PushOptions:
    """The options, with what a typed job brings along where the caller says nothing."""
    if isinstance(job, str):
        return given
    declared = declared_options(job)
    if not declared:
        return given
    said = {name: value for name, value in given.items() if value is not None}
    return {**declared, **said}  # type: ignore[typeddict-item]  # declared under the names of PushOptions
