"""Step back from what keeps failing. Mirrors ``Queue/Middleware/ThrottlesExceptions.php`` and ``…WithRedis.php``."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from lara_queue.bus.keys import THROTTLE, throttle_key
from lara_queue.bus.services import Services, services_of
from lara_queue.errors import ConfigurationError, JobTimeout
from lara_queue.job import Job
from lara_queue.middleware.base import Proceed
from lara_queue.middleware.limits import DurationLimiter, RateLimiter
from lara_queue.middleware.who import class_of, own_display_name
from lara_queue.plans import Plan

__all__ = ["ThrottlesExceptions", "ThrottlesExceptionsWithRedis"]

logger = logging.getLogger("lara_queue")
Test = Callable[[BaseException], bool]
Which = type[BaseException] | tuple[type[BaseException], ...] | Test
"""An exception class, several, or a test."""


class ThrottlesExceptions:
    """After so many exceptions in so much time, jobs are not even tried until that time is over.

    The exception itself is swallowed and the job released: give the job more tries, or a ``retry_until``.

    Parameters:
        max_attempts: exceptions allowed in a window.
        decay: the window's length in seconds.
        key: what is counted together; default the job's class.
        by_job: count for each job alone.
        backoff: seconds until a job that raised is tried again; a function gets them from the exception.
        when: count only exceptions for which this is true; others pass.
        delete_when, fail_when: delete or fail the job for these exceptions: a class, several, or a test.
        report: True, or a test: log the exception.
        prefix: stands before the counter's name.

    >>> ThrottlesExceptions(3, 300, key="payments").max_attempts
    3
    """

    def __init__(
        self,
        max_attempts: int = 10,
        decay: float = 600,
        *,
        key: str = "",
        by_job: bool = False,
        backoff: float | Callable[[BaseException], float] = 0,
        when: Test | None = None,
        delete_when: Which | None = None,
        fail_when: Which | None = None,
        report: bool | Test = False,
        prefix: str = THROTTLE,
    ) -> None:
        self.max_attempts = max_attempts
        self.decay = decay
        self.key = key
        self.by_job = by_job
        self.backoff = backoff
        self.when = when
        self.delete_when = delete_when
        self.fail_when = fail_when
        self.report = report
        self.prefix = prefix

    def __call__(self, job: Job, proceed: Proceed) -> Plan[Any]:
        """Run the job unless there were too many exceptions."""
        services = services_of(job)
        counter = self._counter(services, self.counter_name(job))
        wait = yield from counter.blocked()
        if wait is not None:
            job.release(wait)
            return None
        try:
            result = yield from proceed()
        except JobTimeout:
            raise  # in PHP a timeout ends the process, so no middleware sees it
        except Exception as error:
            if self.when is not None and not self.when(error):
                raise
            if self.report(error) if callable(self.report) else self.report:
                logger.exception("%r raised, and is throttled", job)
            if _meant(self.delete_when, error):
                job.delete()
            elif _meant(self.fail_when, error):
                job.fail(error)
            else:
                yield from counter.count()
                job.release(self.backoff(error) if callable(self.backoff) else self.backoff)
            return None
        yield from counter.clear()
        return result

    def counter_name(self, job: Job) -> str:
        """The counter's name in the cache."""
        return throttle_key(
            class_of(job),
            key=self.key,
            uuid=job.uuid if self.by_job else None,
            prefix=self.prefix,
            display_name=own_display_name(job),
            release=services_of(job).release,
        )

    def _counter(self, services: Services, name: str) -> _InCache | _InRedis:
        return _InCache(self, services, name)


class ThrottlesExceptionsWithRedis(ThrottlesExceptions):
    """The same with Redis's own limiter; the key has no cache prefix."""

    def _counter(self, services: Services, name: str) -> _InCache | _InRedis:
        return _InRedis(self, services, name)


def _meant(which: Which | None, error: BaseException) -> bool:
    if which is None:
        return False
    return isinstance(error, which) if isinstance(which, type | tuple) else which(error)


class _InCache:
    def __init__(self, owner: ThrottlesExceptions, services: Services, name: str) -> None:
        self._limiter = RateLimiter(services.need_cache("ThrottlesExceptions"), services.clock)
        self._owner = owner
        self._name = name

    def blocked(self) -> Plan[float | None]:
        if (yield from self._limiter.too_many(self._name, self._owner.max_attempts)):
            return (yield from self._limiter.available_in(self._name)) + 3
        return None

    def count(self) -> Plan[None]:
        yield from self._limiter.hit(self._name, self._owner.decay)

    def clear(self) -> Plan[None]:
        yield from self._limiter.clear(self._name)


class _InRedis:
    def __init__(self, owner: ThrottlesExceptions, services: Services, name: str) -> None:
        if services.redis is None:
            raise ConfigurationError(
                "ThrottlesExceptionsWithRedis needs Redis; this queue's store and cache are others."
            )
        self._clock = services.clock
        self._limiter = DurationLimiter(
            services.redis, services.redis_prefix + name, owner.max_attempts, owner.decay, services.clock
        )

    def blocked(self) -> Plan[float | None]:
        ends = yield from self._limiter.too_many()
        return max(0, ends - int(self._clock())) if ends else None

    def count(self) -> Plan[None]:
        yield from self._limiter.acquire()

    def clear(self) -> Plan[None]:
        yield from self._limiter.clear()
