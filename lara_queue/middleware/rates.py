"""No more than so many in so much time. Mirrors ``Queue/Middleware/RateLimited.php`` and ``…WithRedis.php``."""

from __future__ import annotations

import hashlib
from typing import Any

from lara_queue.bus.services import Services, services_of
from lara_queue.errors import ConfigurationError
from lara_queue.job import Job
from lara_queue.middleware.base import Proceed
from lara_queue.middleware.limits import DurationLimiter, Limit, RateLimiter, distinct
from lara_queue.plans import Plan

__all__ = ["RateLimited", "RateLimitedWithRedis"]

_FIXED = (11, 29)  # the release from which limits with the same key get keys of their own


class RateLimited:
    """Jobs over the limit wait for the next window; the count is Laravel's, so PHP's jobs are in it.

    Parameters:
        limiter: the name of a limiter registered with ``queue.rate_limiter(name, function)``, which is also its name
            in PHP (``RateLimiter::for``); its function gets the job and returns a :class:`Limit`, several, or None.
        limits: the limits themselves, when they need no job to be known.
        release_after: seconds until a job over the limit is tried again; None for the end of the window and 3 more.
        release: False skips such a job instead.

    >>> RateLimited("reports", Limit.per_minute(10)).name
    'reports'
    """

    def __init__(self, limiter: str, *limits: Limit, release_after: float | None = None, release: bool = True) -> None:
        self.name = limiter
        self.limits = limits
        self.release_after = release_after
        self.release = release

    def __call__(self, job: Job, proceed: Proceed) -> Plan[Any]:
        """Run the job unless a limit is reached."""
        services = services_of(job)
        for limit in self.limits_for(job, services):
            seconds = yield from self._wait(services, self._key(limit), limit)
            if seconds is not None:
                if self.release:
                    job.release(seconds if self.release_after is None else self.release_after)
                return None
        return (yield from proceed())

    def limits_for(self, job: Job, services: Services) -> list[Limit]:
        """The limits that hold for a job."""
        found: Any = self.limits
        if not found:
            limiter = services.limiters.get(self.name)
            if limiter is None:
                return []  # as in Laravel, where a limiter that is not registered limits nothing
            found = limiter(job)
        listed = [found] if isinstance(found, Limit) else list(found or ())
        return distinct(listed) if services.release >= _FIXED else listed

    def _key(self, limit: Limit) -> str:
        return hashlib.md5((self.name + limit.by).encode("utf-8", "surrogateescape"), usedforsecurity=False).hexdigest()

    def _wait(self, services: Services, key: str, limit: Limit) -> Plan[float | None]:
        """Seconds to wait when the limit is reached; None, and counted, when it is not."""
        counter = RateLimiter(services.need_cache("RateLimited"), services.clock)
        if (yield from counter.too_many(key, limit.max_attempts)):
            return (yield from counter.available_in(key)) + 3
        yield from counter.hit(key, limit.decay_seconds)
        return None


class RateLimitedWithRedis(RateLimited):
    """The same with Redis's own limiter, one round trip for each limit; the key has no cache prefix."""

    def _wait(self, services: Services, key: str, limit: Limit) -> Plan[float | None]:
        if services.redis is None:
            raise ConfigurationError("RateLimitedWithRedis needs Redis; this queue's store and cache are others.")
        counter = DurationLimiter(
            services.redis, services.redis_prefix + key, limit.max_attempts, limit.decay_seconds, services.clock
        )
        allowed, ends, _ = yield from counter.acquire()
        return None if allowed else max(0, ends - int(services.clock())) + 3
