"""A circuit breaker: when something that jobs depend on is down, do not keep hitting it.

Closed, everything runs and failures are counted. With too many in a window it opens: jobs that depend on it are put
back without being run. After a while it is half open: a few are let through to try; if they succeed it closes, if one
fails it opens again. The state is in the cache, so all workers share it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from lara_queue.bus.services import services_of
from lara_queue.job import Job
from lara_queue.middleware.base import Proceed
from lara_queue.middleware.limits import RateLimiter
from lara_queue.plans import Plan
from lara_queue.ports import Cache

__all__ = ["CircuitBreaker"]

PREFIX: Final = "lara_queue:circuit:"


class CircuitBreaker:
    """One breaker for one dependency; use the same name wherever it is used.

    Parameters:
        name: the dependency.
        failures: exceptions in a window that open it.
        window: the window's length in seconds.
        open_for: seconds it stays open.
        trial: seconds that one job on trial has, before another may try in its place.
        on: which exceptions mean that the dependency is down: classes; default all.
        ignore: a test for exceptions that say nothing about the dependency.

    >>> CircuitBreaker("payments", failures=5, window=60, open_for=30)
    CircuitBreaker('payments')
    """

    def __init__(
        self,
        name: str,
        *,
        failures: int = 5,
        window: float = 60,
        open_for: float = 30,
        trial: float = 60,
        on: tuple[type[BaseException], ...] = (Exception,),
        ignore: Callable[[BaseException], bool] | None = None,
    ) -> None:
        self.name = name
        self.failures = failures
        self.window = window
        self.open_for = open_for
        self.trial = trial
        self.on = on
        self.ignore = ignore
        self._open_until = f"{PREFIX}{name}:open_until"
        self._count = f"{PREFIX}{name}:failures"
        self._trying = f"{PREFIX}{name}:trying"

    def __call__(self, job: Job, proceed: Proceed) -> Plan[Any]:
        """Run the job if the circuit is closed, or as the one on trial if it is half open."""
        services = services_of(job)
        cache, now = services.need_cache("CircuitBreaker"), services.clock()
        until = yield from cache.get(self._open_until)
        if until is not None and float(until) > now:
            job.release(max(1.0, float(until) - now))
            return None
        on_trial = until is not None
        owner = services.owner()
        if on_trial and not (yield from cache.lock(self._trying, owner, self.trial)):
            job.release(1)
            return None
        try:
            result = yield from proceed()
        except Exception as error:
            if isinstance(error, self.on) and not (self.ignore is not None and self.ignore(error)):
                yield from self._failed(cache, RateLimiter(cache, services.clock), services.clock(), on_trial)
            raise
        finally:
            if on_trial:
                yield from cache.unlock(self._trying, owner)
        if on_trial and not job.is_released and not job.has_failed:
            yield from cache.forget(self._open_until)
            yield from RateLimiter(cache, services.clock).clear(self._count)
        return result

    def state(self, cache: Cache, now: float) -> Plan[str]:
        """``closed``, ``open`` or ``half-open``."""
        until = yield from cache.get(self._open_until)
        if until is None:
            return "closed"
        return "open" if float(until) > now else "half-open"

    def _failed(self, cache: Cache, counter: RateLimiter, now: float, on_trial: bool) -> Plan[None]:
        hits = yield from counter.hit(self._count, self.window)
        if on_trial or hits >= self.failures:
            # Kept for longer than it is open: what is past its time means "half open".
            yield from cache.put(self._open_until, f"{now + self.open_for:.3f}", self.open_for + 86400)
            yield from counter.clear(self._count)

    def __repr__(self) -> str:
        return f"CircuitBreaker({self.name!r})"
