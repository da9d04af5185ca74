"""What stands around a handler: Laravel's job middleware and a few of our own, and the way to write another.

A middleware is a function of the job and of ``proceed``, which goes on towards the handler. Not calling it skips the
job, which is then done with; ``job.release()``, ``delete()`` and ``fail()`` say otherwise. There are two kinds:

* a **plain function**, ``def`` for plain handlers, ``async def`` for async ones: ``return proceed()`` or
  ``return await proceed()``;
* a **plan**, a generator that may use the store: ``yield from proceed()``. It is written once and works in both
  faces. All of Laravel's are plans.

>>> def only_in_the_daytime(job, proceed):
...     if 8 <= job.created_at.hour < 18:
...         return proceed()
...     job.release(3600)

Give them with ``@queue.handler(..., middleware=[…])`` for one handler, or ``Queue(middleware=[…])`` for all. Plans
stand outside plain functions; of each kind the queue's come before the handler's. Laravel's own middleware objects
that a PHP job brings along (its ``middleware`` property) are honoured, and stand between the two: what a class's
``middleware()`` method returns comes first in PHP, too.
"""

from __future__ import annotations

from lara_queue.middleware.base import Middleware, Proceed
from lara_queue.middleware.breaker import CircuitBreaker
from lara_queue.middleware.limits import Limit
from lara_queue.middleware.once import Once
from lara_queue.middleware.overlapping import WithoutOverlapping
from lara_queue.middleware.rates import RateLimited, RateLimitedWithRedis
from lara_queue.middleware.small import FailOnException, Release, Skip, SkipIfBatchCancelled
from lara_queue.middleware.throttles import ThrottlesExceptions, ThrottlesExceptionsWithRedis

__all__ = [
    "CircuitBreaker",
    "FailOnException",
    "Limit",
    "Middleware",
    "Once",
    "Proceed",
    "RateLimited",
    "RateLimitedWithRedis",
    "Release",
    "Skip",
    "SkipIfBatchCancelled",
    "ThrottlesExceptions",
    "ThrottlesExceptionsWithRedis",
    "WithoutOverlapping",
]
