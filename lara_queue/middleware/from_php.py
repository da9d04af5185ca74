"""The middleware objects that a PHP job brings along: Laravel's own become ours, others are reported.

Only what was given with ``->through([…])`` travels in the payload; what a class's ``middleware()`` method returns is
made where the job runs, so a Python handler of that class says it again (``middleware=[…]``).
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from lara_queue.bus.keys import OVERLAP, THROTTLE
from lara_queue.job import Job
from lara_queue.laravel import names
from lara_queue.laravel.command import property_of
from lara_queue.laravel.people import plain
from lara_queue.middleware.base import Middleware
from lara_queue.middleware.overlapping import WithoutOverlapping
from lara_queue.middleware.rates import RateLimited, RateLimitedWithRedis
from lara_queue.middleware.small import Release, Skip, SkipIfBatchCancelled
from lara_queue.middleware.throttles import ThrottlesExceptions, ThrottlesExceptionsWithRedis
from lara_queue.php import PhpObject

__all__ = ["NAMESPACE", "carried_by", "translated"]

logger = logging.getLogger("lara_queue")

NAMESPACE = "Illuminate\\Queue\\Middleware\\"


def carried_by(job: Job) -> list[Middleware]:
    """The middleware in the job's payload, in order; what is unknown is left out, with a warning."""
    command = job.command
    given = property_of(command, names.MIDDLEWARE) if command is not None else None
    objects = given if isinstance(given, list) else list(given.values()) if isinstance(given, dict) else []
    found = []
    for one in objects:
        ours = translated(one) if isinstance(one, PhpObject) else None
        if ours is None:
            what = one.class_name if isinstance(one, PhpObject) else type(one).__name__
            logger.warning(
                "%r carries the middleware %s, which only PHP can run; the job is run without it.", job, what
            )
        else:
            found.append(ours)
    return found


def translated(middleware: PhpObject) -> Middleware | None:
    """Our middleware for one of Laravel's objects; None for a class of the application's, or a closure inside.

    >>> translated(PhpObject(NAMESPACE + "WithoutOverlapping", {"key": "7", "releaseAfter": None, "expiresAfter": 60}))
    WithoutOverlapping(release_after=None, expires_after=60)
    """
    if not middleware.class_name.startswith(NAMESPACE):
        return None
    make = _KNOWN.get(middleware.class_name[len(NAMESPACE) :])
    return None if make is None else make(middleware)


def _overlapping(middleware: PhpObject) -> Middleware | None:
    after = plain(property_of(middleware, "releaseAfter"))
    return WithoutOverlapping(
        property_of(middleware, "key"),
        release_after=after if after is None or isinstance(after, datetime | timedelta) else _seconds(after),
        expires_after=_seconds(plain(property_of(middleware, "expiresAfter"))),
        prefix=str(_or(property_of(middleware, "prefix"), OVERLAP)),
        shared=property_of(middleware, "shareKey") is True,
    )


def _rate_limited(kind: type[RateLimited]) -> Callable[[PhpObject], Middleware | None]:
    def make(middleware: PhpObject) -> Middleware | None:
        after = _seconds(plain(property_of(middleware, "releaseAfter")))
        return kind(
            str(_or(property_of(middleware, "limiterName"), "")),
            release_after=after or None,  # PHP's ?: takes 0 for nothing, too
            release=property_of(middleware, "shouldRelease") is not False,
        )

    return make


def _throttles(kind: type[ThrottlesExceptions]) -> Callable[[PhpObject], Middleware | None]:
    def make(middleware: PhpObject) -> Middleware | None:
        backoff = property_of(middleware, "retryAfterMinutes")
        if isinstance(backoff, PhpObject) or any(property_of(middleware, name) for name in _CALLBACKS):
            return None
        minutes, seconds = property_of(middleware, "decayMinutes"), property_of(middleware, "decaySeconds")
        return kind(
            int(_or(property_of(middleware, "maxAttempts"), 10)),
            _seconds(seconds) if seconds is not None else 60 * _seconds(_or(minutes, 10)),
            key=str(property_of(middleware, "key") or ""),
            by_job=property_of(middleware, "byJob") is True,
            backoff=60 * _seconds(backoff),
            prefix=str(_or(property_of(middleware, "prefix"), THROTTLE)),
        )

    return make


_CALLBACKS = ("whenCallback", "reportCallback", "deleteWhenCallbacks", "failWhenCallbacks")

_KNOWN: dict[str, Callable[[PhpObject], Middleware | None]] = {
    "WithoutOverlapping": _overlapping,
    "RateLimited": _rate_limited(RateLimited),
    "RateLimitedWithRedis": _rate_limited(RateLimitedWithRedis),
    "ThrottlesExceptions": _throttles(ThrottlesExceptions),
    "ThrottlesExceptionsWithRedis": _throttles(ThrottlesExceptionsWithRedis),
    "Skip": lambda middleware: Skip(property_of(middleware, "skip") is True),
    "Release": lambda middleware: Release(
        property_of(middleware, "release") is True, _seconds(property_of(middleware, "releaseAfter"))
    ),
    "SkipIfBatchCancelled": lambda _: SkipIfBatchCancelled(),
}


def _seconds(value: Any) -> float:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else 0


def _or(value: Any, default: Any) -> Any:
    return default if value is None else value
