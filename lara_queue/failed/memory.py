"""Failed jobs of this process, in this process: for the memory driver, tests and demos."""

from __future__ import annotations

from dataclasses import replace

from lara_queue.failed.records import as_failed_job
from lara_queue.plans import Plan
from lara_queue.ports import FailedJob, Failure

__all__ = ["MemoryFailedStore"]


class MemoryFailedStore:
    """A failed-job store that ends with the process.

    Its plans ask for no effect: every method is one step in a dict, which other threads see whole or not at all.
    """

    name = "memory"

    def __init__(self) -> None:
        self._jobs: dict[str, FailedJob] = {}  # in the order of recording

    def record(self, failure: Failure) -> Plan[None]:
        """Keep it, in place of any record with its uuid."""
        yield from ()
        self._jobs.pop(failure.uuid, None)
        self._jobs[failure.uuid] = replace(as_failed_job(failure), receipt=object())

    def all(self, *, queue: str | None = None, limit: int | None = None) -> Plan[list[FailedJob]]:
        """The failures, newest first."""
        yield from ()
        return [job for job in reversed(self._here()) if queue is None or job.queue == queue][:limit]

    def ids(self, *, queue: str | None = None) -> Plan[list[str]]:
        """The ids, newest first."""
        return [job.id for job in (yield from self.all(queue=queue))]

    def find(self, id: str) -> Plan[FailedJob | None]:
        """The failure with that uuid, or None."""
        yield from ()
        return self._jobs.get(id)

    def forget(self, id: str) -> Plan[bool]:
        """True when there was one and it is gone."""
        yield from ()
        return self._jobs.pop(id, None) is not None

    def remove(self, failed: FailedJob) -> Plan[bool]:
        """True when that very record was there and is gone."""
        yield from ()
        here = self._jobs.get(failed.id)
        if here is None or here.receipt is not failed.receipt:
            return False
        return self._jobs.pop(failed.id, None) is not None

    def flush(self, *, before: float | None = None) -> Plan[int]:
        """How many were deleted: all, or those that failed at or before that Unix time."""
        yield from ()
        return self._drop([job.id for job in self._here() if before is None or job.failed_at <= before])

    def prune(self, before: float) -> Plan[int]:
        """How many were deleted because they failed before that Unix time."""
        yield from ()
        return self._drop([job.id for job in self._here() if job.failed_at < before])

    def count(self, *, queue: str | None = None) -> Plan[int]:
        """How many there are."""
        yield from ()
        return sum(queue is None or job.queue == queue for job in self._here())

    def _here(self) -> list[FailedJob]:
        return list(self._jobs.values())

    def _drop(self, ids: list[str]) -> int:
        return sum(self._jobs.pop(id, None) is not None for id in ids)
