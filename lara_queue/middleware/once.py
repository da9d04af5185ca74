"""A job that was completed is not done again, however often it is delivered."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from lara_queue.bus.services import services_of
from lara_queue.job import Job
from lara_queue.middleware.base import Proceed
from lara_queue.plans import Plan

__all__ = ["Once"]

PREFIX: Final = "lara_queue:once:"


class Once:
    """A second delivery of a completed job is acknowledged without running it.

    A job is delivered twice when its worker died after running it, or after its lease was lost. What the handler did
    before it was interrupted is not undone: between its last line and the note in the cache it can still run twice.

    Parameters:
        seconds: how long a completed job is remembered.
        key: what makes two deliveries the same; default the job's uuid. A function gets it from the job: an order's
            number also catches a job that was pushed twice.

    >>> Once(86400).seconds
    86400
    """

    def __init__(self, seconds: float, *, key: Callable[[Job], object] | None = None) -> None:
        self.seconds = seconds
        self.key = key

    def __call__(self, job: Job, proceed: Proceed) -> Plan[Any]:
        """Run the job unless it is known to be done."""
        what = self.key(job) if self.key is not None else job.uuid
        if what is None:
            return (yield from proceed())
        cache = services_of(job).need_cache("once_for")
        name = f"{PREFIX}{job.name}:{what}"
        if (yield from cache.get(name)) is not None:
            return None
        result = yield from proceed()
        if job.wish is None or (job.is_deleted and not job.has_failed):
            yield from cache.put(name, 1, self.seconds)
        return result
