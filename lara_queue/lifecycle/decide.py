"""Where a retry is decided: pure functions from what happened to what shall become of the job.

Mirrors ``Worker::markJobAsFailedIfAlreadyExceedsMaxAttempts``, ``…IfWillExceedMaxAttempts``,
``…IfWillExceedMaxExceptions``, ``…ShouldFailOnTimeout`` and ``handleJobException``; protocol §6.4, §6.7, §6.9.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from lara_queue.errors import ConfigurationError, JobTypeError, MaxAttemptsExceeded, TimeoutExceeded
from lara_queue.lifecycle.backoff import Backoff

__all__ = [
    "Bury",
    "Delete",
    "Disposition",
    "GiveBack",
    "Release",
    "Rules",
    "after_error",
    "after_timeout",
    "exceeded",
]


@dataclass(frozen=True, slots=True)
class Delete:
    """It is done: remove it."""


@dataclass(frozen=True, slots=True)
class Release:
    """Try again in ``delay`` seconds; this attempt counts."""

    delay: float = 0


@dataclass(frozen=True, slots=True)
class Bury:
    """It will not be tried again: record the failure, then remove it."""

    error: BaseException


@dataclass(frozen=True, slots=True)
class GiveBack:
    """Nothing was done with it: put it back without counting the attempt, due in ``delay`` seconds."""

    delay: float = 0


Disposition = Delete | Release | Bury | GiveBack


@dataclass(frozen=True, slots=True)
class Rules:
    """What holds for one job, after payload, handler and worker options have been merged.

    Attributes:
        max_tries: attempts allowed; 0 for no limit.
        retry_until: Unix time in seconds until which any number of attempts is allowed; switches ``max_tries`` off.
        max_exceptions: exceptions (and timeouts) allowed, or None.
        timeout: seconds an attempt may take; 0 for no limit.
        fail_on_timeout: a timeout fails the job at once.
        backoff: from the number of the attempt that failed to seconds.
        retries: False for an exception that must not be retried.
    """

    max_tries: int
    retry_until: float | None
    max_exceptions: int | None
    timeout: float
    fail_on_timeout: bool
    backoff: Backoff
    retries: Callable[[BaseException], bool] | None = None


def exceeded(attempts: int, rules: Rules, now: float) -> bool:
    """True when the job may not run (again) at all: it is failed without calling its handler.

    ``attempts`` counts the one about to start. Exactly at ``retry_until`` it still runs.
    """
    if rules.retry_until is not None:
        return now > rules.retry_until
    return rules.max_tries > 0 and attempts > rules.max_tries


def _last_attempt(attempts: int, rules: Rules, now: float) -> bool:
    """True when, this attempt having gone wrong, there is none left."""
    if rules.retry_until is not None:
        return rules.retry_until <= now
    return rules.max_tries > 0 and attempts >= rules.max_tries


def _too_many_exceptions(exceptions: int | None, rules: Rules) -> bool:
    return rules.max_exceptions is not None and exceptions is not None and rules.max_exceptions <= exceptions


def after_error(
    error: BaseException, attempts: int, exceptions: int | None, rules: Rules, now: float
) -> Release | Bury:
    """What becomes of a job whose handler raised ``error``.

    ``exceptions`` is how many exceptions the job has had, this one included; None when nobody counts.
    """
    if isinstance(error, JobTypeError | ConfigurationError) or (rules.retries is not None and not rules.retries(error)):
        return Bury(error)
    if _last_attempt(attempts, rules, now) or _too_many_exceptions(exceptions, rules):
        return Bury(error)
    return Release(max(0, rules.backoff(attempts)))


def after_timeout(name: str, attempts: int, exceptions: int | None, rules: Rules, now: float) -> Release | Bury:
    """What becomes of a job whose time was up. ``name`` is its display name, for the message."""
    if _last_attempt(attempts, rules, now) or _too_many_exceptions(exceptions, rules) or rules.fail_on_timeout:
        return Bury(TimeoutExceeded(name))
    return Release(max(0, rules.backoff(attempts)))


def out_of_attempts(name: str) -> Bury:
    """What becomes of a job that :func:`exceeded` its attempts."""
    return Bury(MaxAttemptsExceeded(name))
