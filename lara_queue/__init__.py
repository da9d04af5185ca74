"""Laravel's queue, in Python: take the jobs a Laravel application pushed, run them, push jobs back.

Start with :class:`Queue` (blocking) or :class:`AsyncQueue` (asyncio); how it works inside is told in
:mod:`lara_queue.plans`.
"""

from __future__ import annotations

from lara_queue._version import __version__
from lara_queue.aio import AsyncQueue
from lara_queue.application import Laravel
from lara_queue.errors import LaraQueueError
from lara_queue.job import Job
from lara_queue.laravel.binding import php_class
from lara_queue.lifecycle.backoff import RetryConfig, RetryStrategy
from lara_queue.lifecycle.stop import StopReason
from lara_queue.metrics.collector import MetricsCollector
from lara_queue.options import WorkerOptions
from lara_queue.queue import Queue

__all__ = [
    "AsyncQueue",
    "Job",
    "LaraQueueError",
    "Laravel",
    "MetricsCollector",
    "Queue",
    "RetryConfig",
    "RetryStrategy",
    "StopReason",
    "WorkerOptions",
    "__version__",
    "php_class",
]
