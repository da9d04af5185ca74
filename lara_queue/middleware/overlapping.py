"""Never two of the same kind at once. Mirrors ``Queue/Middleware/WithoutOverlapping.php``."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from lara_queue.bus.keys import OVERLAP, overlap_key
from lara_queue.bus.services import services_of
from lara_queue.job import Job
from lara_queue.middleware.base import Proceed
from lara_queue.middleware.who import class_of, own_display_name
from lara_queue.plans import Plan

__all__ = ["WithoutOverlapping"]


class WithoutOverlapping:
    """While one job holds the lock, others of its class and key wait or are skipped; PHP's workers included.

    Parameters:
        key: what must not overlap, such as an order's number; a function gets it from the job.
        release_after: seconds (or a timedelta, or the aware datetime) after which a job that found the lock held is
            tried again; None skips it instead.
        expires_after: seconds after which the lock is free even if its holder never came back; 0 for never.
        shared: one lock for all classes that use this key.
        prefix: stands before the lock's name.

    >>> WithoutOverlapping(lambda job: job.data["order_id"], release_after=5, expires_after=300)
    WithoutOverlapping(release_after=5, expires_after=300)
    """

    def __init__(
        self,
        key: Any = "",
        *,
        release_after: float | timedelta | datetime | None = 0,
        expires_after: float = 0,
        shared: bool = False,
        prefix: str = OVERLAP,
    ) -> None:
        self.key = key
        self.release_after = release_after
        self.expires_after = expires_after
        self.shared = shared
        self.prefix = prefix

    def __call__(self, job: Job, proceed: Proceed) -> Plan[Any]:
        """Run the job if the lock is free."""
        services = services_of(job)
        cache = services.need_cache("WithoutOverlapping")
        name, owner = self.lock_name(job), services.owner()
        if not (yield from cache.lock(name, owner, self.expires_after)):
            if self.release_after is not None:
                job.release(_seconds(self.release_after, services.clock()))
            return None
        try:
            return (yield from proceed())
        finally:
            yield from cache.unlock(name, owner)

    def lock_name(self, job: Job) -> str:
        """The lock's name in the cache."""
        return overlap_key(
            class_of(job),
            self.key(job) if callable(self.key) else self.key,
            prefix=self.prefix,
            shared=self.shared,
            display_name=own_display_name(job),
            release=services_of(job).release,
        )

    def __repr__(self) -> str:
        return f"WithoutOverlapping(release_after={self.release_after!r}, expires_after={self.expires_after!r})"


def _seconds(after: float | timedelta | datetime, now: float) -> float:
    if isinstance(after, datetime):
        return max(0.0, after.timestamp() - now)
    return after.total_seconds() if isinstance(after, timedelta) else after
