"""A batch looked at, and changed: what ``queue.batch(…).dispatch()`` and ``queue.find_batch()`` give.

Mirrors ``Bus/Batch.php``. The same object serves both faces: what performs something is handed to ``drive``, so under
``AsyncQueue`` it is awaited.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from lara_queue.bus import batching, recording
from lara_queue.bus.building import members_of
from lara_queue.bus.events import BatchCancelled
from lara_queue.bus.services import Services
from lara_queue.job import current_job
from lara_queue.laravel.context import LogContext, context_to_propagate
from lara_queue.php import PhpObject
from lara_queue.plans import Emit, Plan
from lara_queue.ports import BatchRow

__all__ = ["Batch", "Means", "context_of_current", "find_batch"]

Drive = Callable[[Plan[Any]], Any]
Push = Callable[[Services, PhpObject, Mapping[str, Any]], Plan[str]]


_FINISHED_IS_OVER = (13, 16)


@dataclass(frozen=True, slots=True)
class Means:
    """What builders need: the services, how to drive a plan, and how to push a job object."""

    services: Services
    drive: Drive
    push: Push


class Batch:
    """A batch as it was when it was read. What asks or changes it is awaited under ``AsyncQueue``."""

    def __init__(self, row: BatchRow, means: Means) -> None:
        self.row = row
        self._means = means

    @property
    def id(self) -> str:
        """Its id."""
        return self.row.id

    @property
    def name(self) -> str:
        """What people call it."""
        return self.row.name

    @property
    def total_jobs(self) -> int:
        """How many jobs were put into it."""
        return self.row.total_jobs

    @property
    def pending_jobs(self) -> int:
        """How many have not gone well yet."""
        return self.row.pending_jobs

    @property
    def failed_jobs(self) -> int:
        """How often one of its jobs failed for good."""
        return self.row.failed_jobs

    @property
    def failed_job_ids(self) -> tuple[str, ...]:
        """The uuids of the jobs that failed."""
        return self.row.failed_job_ids

    @property
    def processed_jobs(self) -> int:
        """How many have gone well."""
        return self.row.total_jobs - self.row.pending_jobs

    @property
    def options(self) -> dict[str, Any]:
        """What is stored with it."""
        return recording.options_of(self.row)

    def progress(self) -> int:
        """The share of its jobs that have gone well, in percent."""
        total = self.row.total_jobs
        # Halves are rounded up by whole numbers, since PHP's round() does not see the dust of a division.
        return (200 * self.processed_jobs + total) // (2 * total) if total > 0 else 0

    def finished(self) -> bool:
        """True when all have gone well, or it was cancelled."""
        return self.row.finished_at is not None

    def cancelled(self) -> bool:
        """True when it was cancelled. Its jobs still come; they look, or use ``SkipIfBatchCancelled``."""
        return self.row.cancelled_at is not None

    def has_failures(self) -> bool:
        """True when a job failed."""
        return self.row.failed_jobs > 0

    def batching(self) -> bool:
        """True while its jobs are still to be run: it is neither cancelled nor, from Laravel 13.16 on, finished."""
        over = self.finished() and self._means.services.release >= _FINISHED_IS_OVER
        return not (self.cancelled() or over)

    def allows_failures(self) -> bool:
        """True when a failure does not cancel it."""
        return self.options.get(recording.ALLOW_FAILURES) is True

    def add(self, jobs: Iterable[Any]) -> Any:
        """The batch, read again after further jobs were put into it. Only a job of the batch may do that safely."""
        return self._means.drive(self._add(list(jobs)))

    def cancel(self) -> Any:
        """Cancel it."""
        return self._means.drive(self._cancel())

    def delete(self) -> Any:
        """True when it was there and is forgotten; its jobs are not touched."""
        return self._means.drive(self._means.services.need_batches("A batch").delete(self.id))

    def fresh(self) -> Any:
        """The batch, read again; None when it is gone."""
        return self._means.drive(self._fresh())

    def _fresh(self) -> Plan[Batch | None]:
        row = yield from self._means.services.need_batches("A batch").find(self.id)
        return None if row is None else Batch(row, self._means)

    def _add(self, jobs: list[Any]) -> Plan[Batch | None]:
        yield from batching.add(self._means.services, self.row, members_of(jobs), context=context_of_current())
        return (yield from self._fresh())

    def _cancel(self) -> Plan[None]:
        services = self._means.services
        yield from services.need_batches("A batch").cancel(self.id, int(services.clock()))
        yield Emit(BatchCancelled(self.id))

    def __repr__(self) -> str:
        return f"<Batch {self.id} {self.name!r} {self.processed_jobs}/{self.total_jobs}, {self.failed_jobs} failed>"


def find_batch(means: Means, id: str) -> Plan[Batch | None]:
    """The batch with that id, or None."""
    row = yield from means.services.need_batches("A batch").find(id)
    return None if row is None else Batch(row, means)


def context_of_current() -> LogContext | None:
    """What the job being handled hands on to those it pushes."""
    job = current_job.get()
    return context_to_propagate(job.envelope) if job is not None else None
