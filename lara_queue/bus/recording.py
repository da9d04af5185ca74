"""What a batch learns of its jobs: successes, failures, and who is to be told.

Mirrors ``Bus/Batch.php`` ``recordSuccessfulJob`` and ``recordFailedJob``; protocol §7.2.

PHP counts a job again when it is delivered again after it was counted: its worker died before it could delete the job.
With a cache, a note under the job's uuid is kept here right after the count, so that a second delivery is known
(:func:`was_recorded`): it is neither run nor counted again, and what was still to be told is told. The moment between
the count and the note remains.

Without a cache the job is run again, and counted again as in PHP, unless the count is at zero already. Its callbacks
do not come again: that they were called is kept with the batch (:mod:`lara_queue.bus.told`). The moment between the
call and that note remains, too, since jobs and batches need not be in one store; the second call pushes the same uuid.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

from lara_queue.bus.callbacks import call_back
from lara_queue.bus.events import BatchCancelled, BatchFinished, BatchStarted
from lara_queue.bus.keys import Release
from lara_queue.bus.services import Services
from lara_queue.bus.told import remember, told_of
from lara_queue.errors import PhpUnserializeError, StoreError
from lara_queue.php import loads
from lara_queue.plans import Emit, Plan
from lara_queue.ports import BatchCounts, BatchRow, BatchStore

if TYPE_CHECKING:
    from lara_queue.job import Job

__all__ = ["ALLOW_FAILURES", "CALLBACKS", "listed", "options_of", "record_failure", "record_success", "was_recorded"]

logger = logging.getLogger("lara_queue")

BEFORE, PROGRESS, THEN, CATCH, FAILURE, FINALLY = "before", "progress", "then", "catch", "failure", "finally"
CALLBACKS: Final = (BEFORE, PROGRESS, THEN, CATCH, FAILURE, FINALLY)
REPEATED: Final = frozenset((PROGRESS, FAILURE))
"""Those that one batch may call several times."""
ALLOW_FAILURES: Final = "allowFailures"

NOTE: Final = "lara_queue:recorded:"
NOTED_FOR: Final = 3600
"""Seconds beyond its lease for which a counted job is known: it may have to wait in its queue to come again."""

_FINALLY_WITHOUT_ERROR: Release = (12, 32)  # before, ``finally`` got the exception of a last failure


def options_of(row: BatchRow) -> dict[str, Any]:
    """The batch's options; empty when they cannot be read, as in Laravel 10 and later."""
    try:
        found = loads(row.options) if row.options else {}
    except PhpUnserializeError:
        return {}
    return {str(name): value for name, value in found.items()} if isinstance(found, dict) else {}


def listed(value: Any) -> list[Any]:
    """The members of a PHP array."""
    return list(value) if isinstance(value, list) else list(value.values()) if isinstance(value, dict) else []


def was_recorded(services: Services, job: Job) -> Plan[bool]:
    """True when the job's success is counted already, so that this delivery of it has nothing to do but to be gone.

    What was due then and may not have been told is told now.
    """
    if services.cache is None or services.batches is None or job.batch is None or job.uuid is None:
        return False
    note = yield from services.cache.get(_note(job))
    if not isinstance(note, str) or not note.startswith("success "):
        return False
    _, pending, failed, told = note.split()
    if told == "0":
        row = yield from services.batches.find(job.batch)
        if row is not None:
            counts = BatchCounts(int(pending), int(failed))
            yield from _after_success(services, services.batches, job, row, counts)
    return True


def record_success(services: Services, job: Job) -> Plan[None]:
    """Tell the job's batch that it went well, and have the callbacks called that are due.

    Raises :class:`~lara_queue.errors.StoreError` when a callback's job could not be stored and the job will come again
    to try it again; without a cache, or on the job's last attempt, that is logged only.
    """
    store = _store_for(services, job)
    if store is None or job.batch is None or job.uuid is None:
        return
    row = yield from store.find(job.batch)
    if row is None:
        return
    if row.pending_jobs <= 0:  # this one is counted already, and another delivery of it has not come to its end
        if job.attempts > 1:
            counts = BatchCounts(0, row.failed_jobs)
            yield from _after_success(services, store, job, row, counts)
        return
    counted = yield from store.decrement_pending_jobs(row.id, job.uuid)
    if counted is None:
        return
    yield from _keep(services, job, f"success {counted.pending_jobs} {counted.failed_jobs} 0")
    if row.total_jobs - counted.pending_jobs + counted.failed_jobs == 1:
        yield Emit(BatchStarted(row.id, job))
    yield from _after_success(services, store, job, row, counted)


def _after_success(services: Services, store: BatchStore, job: Job, row: BatchRow, counts: BatchCounts) -> Plan[None]:
    due = [PROGRESS]
    if counts.pending_jobs == 0:
        due.append(THEN)
    if counts.pending_jobs == 0 and THEN not in told_of(options_of(row), row.total_jobs):
        yield from store.mark_as_finished(row.id, int(services.clock()))
        yield Emit(BatchFinished(row.id, job))
    if counts.all_have_run_once:
        due.append(FINALLY)
    if (yield from _call_all(services, job, row, due, None)):
        yield from _keep(services, job, f"success {counts.pending_jobs} {counts.failed_jobs} 1")


def record_failure(services: Services, job: Job, error: BaseException) -> Plan[None]:
    """Tell the job's batch that it failed for good, and have the callbacks called that are due."""
    store = _store_for(services, job)
    if store is None or job.batch is None or job.uuid is None:
        return
    row = yield from store.find(job.batch)
    if row is None:
        return
    if row.pending_jobs <= 0 and _is_beyond(job):  # all have gone well, so this one had before its worker died
        yield from _after_success(services, store, job, row, BatchCounts(0, row.failed_jobs))
        return
    counted = yield from _counted_failure(services, job, row)
    if counted is None:
        counted = yield from store.increment_failed_jobs(row.id, job.uuid)
        if counted is None:
            return
        yield from _keep(services, job, f"failure {counted.pending_jobs} {counted.failed_jobs} {job.attempts}")
        if row.total_jobs - counted.pending_jobs + counted.failed_jobs == 1:
            yield Emit(BatchStarted(row.id, job))
    allowed = options_of(row).get(ALLOW_FAILURES) is True
    due = []
    if counted.failed_jobs == 1 and not allowed:
        yield from store.cancel(row.id, int(services.clock()))
        yield Emit(BatchCancelled(row.id))
    if allowed:
        due += [PROGRESS, FAILURE]
    if counted.failed_jobs == 1:
        due.append(CATCH)
    if counted.all_have_run_once:
        due.append(FINALLY)
    yield from _call_all(services, job, row, due, error)


def _counted_failure(services: Services, job: Job, row: BatchRow) -> Plan[BatchCounts | None]:
    """The counts when this failure was counted by the delivery before this one; None when it is a new one.

    By the note, or because the job has failed and came once more than it may: the ids of the failures are in the order
    in which they came, so the first of them is told from the others.
    """
    note = None if services.cache is None else (yield from services.cache.get(_note(job)))
    if isinstance(note, str) and note.startswith("failure "):
        _, pending, failed, attempts = note.split()
        if int(attempts) == job.attempts - 1:
            return BatchCounts(int(pending), int(failed))
    if _is_beyond(job) and job.uuid in row.failed_job_ids:
        first = row.failed_job_ids[0] == job.uuid and row.failed_jobs == len(row.failed_job_ids)
        return BatchCounts(row.pending_jobs, 1 if first else row.failed_jobs)
    return None


def _note(job: Job) -> str:
    return f"{NOTE}{job.batch}:{job.uuid}"


def _keep(services: Services, job: Job, note: str) -> Plan[None]:
    if services.cache is not None:
        yield from services.cache.put(_note(job), note, int(services.driver.retry_after) + NOTED_FOR)


def _store_for(services: Services, job: Job) -> BatchStore | None:
    """The store of batches; None, and said once, when a job belongs to a batch and nobody knows where those are."""
    if services.batches is None and job.batch is not None and not services.told_of_batches:
        services.told_of_batches = True
        logger.warning(
            "%r belongs to a batch, which does not learn of it: give Queue(batches=…), the place of job_batches.", job
        )
    return services.batches


def _call_all(
    services: Services, job: Job, row: BatchRow, due: Iterable[str], error: BaseException | None
) -> Plan[bool]:
    """True when there was somebody to be told. What was called already, for a delivery before this one, is left out."""
    options = options_of(row)
    told = told_of(options, row.total_jobs)
    found = [(kind, callback) for kind in due if kind not in told for callback in listed(options.get(kind))]
    if not found:
        return False
    store = services.need_batches("A batch")
    fresh = yield from store.find(row.id)
    cancelled = fresh is not None and fresh.cancelled_at is not None
    called = dict.fromkeys(kind for kind, _ in found if kind not in REPEATED)
    for kind, callback in found:
        tells = None if kind == FINALLY and services.release >= _FINALLY_WITHOUT_ERROR else error
        try:
            yield from call_back(
                services,
                callback,
                f"batch {kind}",
                batch_id=row.id,
                message=None if tells is None else str(tells),
                cancelled=cancelled,
            )
        except StoreError as gone:
            if services.cache is None or (error is None and _is_last(job)):
                logger.error("A callback (batch %s) of the batch %s could not be stored: %s", kind, row.id, gone)
                called.pop(kind, None)
            else:
                raise
    if services.cache is None:  # else a note under the job's uuid tells, which costs no look into the table
        yield from remember(store, row, tuple(called))
    return True


def _is_beyond(job: Job) -> bool:
    """True when the job was delivered once more than it may be tried, so nobody has run it this time."""
    return job.rules is not None and 0 < job.rules.max_tries < job.attempts


def _is_last(job: Job) -> bool:
    """True when the job has no attempt left in which its callbacks could be told."""
    return job.rules is not None and 0 < job.rules.max_tries <= job.attempts
