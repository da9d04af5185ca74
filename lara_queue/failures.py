"""What ``queue:retry``, ``queue:forget`` and their like do, as plans over any failed store and any driver."""

from __future__ import annotations

from collections.abc import Sequence

from lara_queue.clock import Clock
from lara_queue.errors import PayloadError
from lara_queue.laravel.build import retry_payload
from lara_queue.plans import Plan
from lara_queue.ports import Driver, FailedJob, FailedStore

__all__ = ["Failures"]


class Failures:
    """The failed jobs of a queue's application.

    Parameters:
        store: where they are kept.
        driver: where a retried job goes back to.
        clock: tells the Unix time in seconds.
    """

    def __init__(self, store: FailedStore, driver: Driver, clock: Clock) -> None:
        self.store = store
        self.driver = driver
        self.clock = clock

    def all(self, queue: str | None = None, limit: int | None = None) -> Plan[list[FailedJob]]:
        """The failures, newest first."""
        return self.store.all(queue=queue, limit=limit)

    def find(self, id: str) -> Plan[FailedJob | None]:
        """One failure, or None."""
        return self.store.find(id)

    def retry(self, ids: str | Sequence[str] = "all", *, queue: str | None = None) -> Plan[list[str]]:
        """The ids of the jobs that went back to their queues with no attempt counted.

        ``ids`` is an id, several, or ``"all"`` (of one ``queue``, if given). Among all, one whose payload cannot be
        read stays where it is; asked for by its id it raises :class:`~lara_queue.errors.PayloadError`. A job is put
        back before its record is removed: after a crash in between it is there twice rather than not at all. Mirrors
        ``RetryCommand``.
        """
        retried: list[str] = []
        if ids == "all":
            wanted = yield from self.store.all(queue=queue)
        else:
            wanted = []
            for id in [ids] if isinstance(ids, str) else ids:
                found = yield from self.store.find(id)
                if found is not None:
                    wanted.append(found)
        for failed in wanted:
            try:
                body = retry_payload(failed.payload)
            except PayloadError:
                if ids != "all":
                    raise
                continue  # it would only be buried again; it stays on record, and the others are retried
            yield from self.driver.push(failed.queue, body)
            yield from self.store.forget(failed.id)
            retried.append(failed.id)
        return retried

    def reprocess(self, id: str | None) -> Plan[bool]:
        """True when there was such a failure and its job went back; LaraQueue 1.x's call, which raises nothing."""
        if id is None:
            return False
        try:
            return bool((yield from self.retry(id)))
        except PayloadError:
            return False

    def forget(self, id: str) -> Plan[bool]:
        """True when there was such a failure and it is gone."""
        return self.store.forget(id)

    def flush(self, hours: float | None = None) -> Plan[int]:
        """How many failures were deleted: all, or those at least so many hours old."""
        return self.store.flush(before=None if hours is None else self.clock() - hours * 3600)

    def prune(self, hours: float = 24) -> Plan[int]:
        """How many failures were deleted because they are more than so many hours old."""
        return self.store.prune(self.clock() - hours * 3600)

    def count(self, queue: str | None = None) -> Plan[int]:
        """How many failures there are."""
        return self.store.count(queue=queue)
