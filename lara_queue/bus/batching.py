"""What a worker tells a batch, and how jobs get into one.

Mirrors ``Bus/Batch.php`` ``recordSuccessfulJob``, ``recordFailedJob`` and ``add``, and ``Bus/ChainedBatch.php``;
protocol §7.2.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lara_queue.bus.callbacks import call_back
from lara_queue.bus.chains import next_of, with_chain
from lara_queue.bus.closures import Callback, callback_to_push
from lara_queue.bus.commands import Chain, changed, settings_of, text_of
from lara_queue.bus.dispatch import Ready, ready
from lara_queue.bus.events import BatchCancelled, BatchDispatched, BatchFinished, BatchStarted
from lara_queue.bus.services import Services
from lara_queue.errors import PayloadError, PhpUnserializeError, StoreError
from lara_queue.laravel import names
from lara_queue.laravel.command import property_of
from lara_queue.laravel.context import LogContext, context_to_propagate
from lara_queue.php import PhpObject, dumps, loads
from lara_queue.plans import Emit, Plan
from lara_queue.ports import BatchCounts, BatchRow, BatchStore

if TYPE_CHECKING:
    from lara_queue.job import Job

__all__ = ["Members", "add", "batch_id_at", "dispatch_chained", "open_batch", "options_of", "record_failure"]

logger = logging.getLogger("lara_queue")

Members = Sequence["PhpObject | Sequence[PhpObject]"]
"""Jobs, and lists of jobs that are chains."""

THEN, CATCH, FINALLY, PROGRESS, FAILURE = "then", "catch", "finally", "progress", "failure"
ALLOW_FAILURES = "allowFailures"


def options_of(row: BatchRow) -> dict[str, Any]:
    """The batch's options; empty when they cannot be read, as in Laravel 10 and later."""
    try:
        found = loads(row.options) if row.options else {}
    except PhpUnserializeError:
        return {}
    return {str(name): value for name, value in found.items()} if isinstance(found, dict) else {}


def batch_id_at(now: float, random_hex: str) -> str:
    """A batch's id: a UUID whose first part is the time, so that ids sort by age; ``Str::orderedUuid``.

    >>> batch_id_at(1_700_000_000.5, "0123456789abcdef0123456789abcdef")
    '9a9d359d-6350-4123-b567-89abcdef0123'
    """
    head = f"{int(now * 100_000):012x}"[-12:]
    variant = "89ab"[int(random_hex[3], 16) % 4]
    return f"{head[:8]}-{head[8:]}-4{random_hex[1:4]}-{variant}{random_hex[5:8]}-{random_hex[8:20]}"


def record_success(services: Services, job: Job) -> Plan[None]:
    """Tell the job's batch that it went well, and have the callbacks called that are due."""
    store = _store_for(services, job)
    if store is None or job.batch is None or job.uuid is None:
        return
    row = yield from store.find(job.batch)
    if row is None:
        return
    counts = yield from store.decrement_pending_jobs(row.id, job.uuid)
    if counts is None:
        return
    if row.total_jobs - counts.pending_jobs + counts.failed_jobs == 1:
        yield Emit(BatchStarted(row.id, job))
    due = [PROGRESS]
    if counts.pending_jobs == 0:
        yield from store.mark_as_finished(row.id, int(services.clock()))
        yield Emit(BatchFinished(row.id, job))
        due.append(THEN)
    if counts.all_have_run_once:
        due.append(FINALLY)
    yield from _call_all(services, row, counts, due, None)


def record_failure(services: Services, job: Job, error: BaseException) -> Plan[None]:
    """Tell the job's batch that it failed for good, and have the callbacks called that are due."""
    store = _store_for(services, job)
    if store is None or job.batch is None or job.uuid is None:
        return
    row = yield from store.find(job.batch)
    if row is None:
        return
    counts = yield from store.increment_failed_jobs(row.id, job.uuid)
    if counts is None:
        return
    allowed = options_of(row).get(ALLOW_FAILURES) is True
    if row.total_jobs - counts.pending_jobs + counts.failed_jobs == 1:
        yield Emit(BatchStarted(row.id, job))
    due = []
    if counts.failed_jobs == 1 and not allowed:
        yield from store.cancel(row.id, int(services.clock()))
        yield Emit(BatchCancelled(row.id))
    if allowed:
        due += [PROGRESS, FAILURE]
    if counts.failed_jobs == 1:
        due.append(CATCH)
    if counts.all_have_run_once:
        due.append(FINALLY)
    yield from _call_all(services, row, counts, due, error)


def _store_for(services: Services, job: Job) -> BatchStore | None:
    """The store of batches; None, and said once, when a job belongs to a batch and nobody knows where those are."""
    if services.batches is None and job.batch is not None and not services.told_of_batches:
        services.told_of_batches = True
        logger.warning(
            "%r belongs to a batch, which does not learn of it: give Queue(batches=…), the place of job_batches.", job
        )
    return services.batches


def _call_all(
    services: Services, row: BatchRow, counts: BatchCounts, due: Iterable[str], error: BaseException | None
) -> Plan[None]:
    options = options_of(row)
    listed = [(kind, callback) for kind in due for callback in _listed(options.get(kind))]
    if not listed:
        return
    fresh = yield from services.need_batches("A batch").find(row.id)
    cancelled = fresh is not None and fresh.cancelled_at is not None
    for kind, callback in listed:
        yield from call_back(
            services,
            callback,
            f"batch {kind}",
            batch_id=row.id,
            message=None if error is None else str(error),
            cancelled=cancelled,
        )


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list) else list(value.values()) if isinstance(value, dict) else []


@dataclass(slots=True)
class _Prepared:
    jobs: list[Ready]
    count: int


def add(services: Services, row: BatchRow, members: Members, *, context: LogContext | None = None) -> Plan[None]:
    """Put jobs into a batch: raise its counts, then push them, those of one queue together.

    A list among the members is a chain: all of it counts, only its head is pushed.
    """
    prepared = _prepare(services, row, members, context)
    if not prepared.count:
        return
    yield from services.need_batches("A batch").increment_total_jobs(row.id, prepared.count)
    places: dict[tuple[str | None, str], list[tuple[bytes, float]]] = {}
    for job in prepared.jobs:
        places.setdefault((job.connection, job.queue), []).append((job.body, job.delay))
    for (connection, queue), bodies in places.items():
        yield from services.driver_of(connection).push_many(queue, bodies)


def _prepare(services: Services, row: BatchRow, members: Members, context: LogContext | None) -> _Prepared:
    options = options_of(row)
    connection, queue = text_of(options.get(names.CONNECTION)), text_of(options.get(names.QUEUE))
    jobs: list[Ready] = []
    count = 0
    for member in members:
        chain: list[PhpObject] = [member] if isinstance(member, PhpObject) else list(member)
        if not chain:
            continue
        count += len(chain)
        own = [changed(one, {names.BATCH_ID: row.id}) for one in chain]
        head = own[0]
        if not isinstance(member, PhpObject):
            said = settings_of(head)
            head = with_chain(
                head,
                Chain(tuple(dumps(one).decode("utf-8", "surrogateescape") for one in own[1:]), connection, queue),
                connection=connection or said.connection,
                queue=queue or said.queue,
            )
        said = settings_of(head)
        jobs.append(_placed(services, head, connection or said.connection, queue or said.queue, context))
    return _Prepared(jobs, count)


def _placed(
    services: Services, head: PhpObject, connection: str | None, queue: str | None, context: LogContext | None
) -> Ready:
    made = ready(services, head, context=context)
    return Ready(made.body, made.uuid, connection, queue or services.default_queue, made.delay)


def open_batch(
    services: Services,
    id: str,
    name: str,
    options: dict[str, Any],
    members: Members,
    *,
    context: LogContext | None = None,
    before: Iterable[PhpObject] = (),
) -> Plan[BatchRow]:
    """The batch, stored, its ``before`` callbacks called and its jobs pushed. If that goes wrong it is taken back."""
    store = services.need_batches("A batch")
    yield from store.store(id, name, dumps(options), int(services.clock()))
    row = yield from store.find(id)
    if row is None:
        raise StoreError(f"The batch {id} was stored and is not there.")
    try:
        for callback in before:
            yield from call_back(services, callback, "batch before", batch_id=id)
        yield from add(services, row, members, context=context)
    except Exception:
        yield from store.delete(id)
        raise
    yield Emit(BatchDispatched(id))
    return (yield from store.find(id)) or row


def dispatch_chained(services: Services, job: Job, id: str) -> Plan[None]:
    """Do what ``ChainedBatch`` does when it is run: open its batch, and tie the rest of the chain to its end.

    The rest of the chain is dispatched by the batch's ``finally`` unless the batch was cancelled; the callbacks for
    the chain's failure go to the batch's ``catch``.
    """
    command = job.command
    if command is None:
        raise PayloadError(f"{job.name} carries no batch.")
    options = {str(k): v for k, v in _mapping(property_of(command, "options")).items()}
    for name in (names.QUEUE, names.CONNECTION):
        own = text_of(property_of(command, name))
        if own:
            options[name] = own
    catch = _listed(property_of(command, names.CHAIN_CATCH_CALLBACKS))
    if catch and options.get(ALLOW_FAILURES) is not True:
        options[CATCH] = [*_listed(options.get(CATCH)), *catch]
    following = next_of(services, job)
    if following is not None:
        rest = Callback(following.body, following.queue, following.connection, unless_cancelled=True)
        options[FINALLY] = [*_listed(options.get(FINALLY)), callback_to_push(rest, services.key)]
    name = text_of(property_of(command, "name")) or ""
    context = context_to_propagate(job.envelope)
    members = [_member(one) for one in _collected(property_of(command, "jobs"))]
    yield from open_batch(services, id, name, options, members, context=context)


def _member(value: Any) -> Any:
    if isinstance(value, PhpObject) and value.class_name not in (names.COLLECTION, names.ELOQUENT_COLLECTION):
        return value
    return [_member(one) for one in _collected(value)]


def _collected(value: Any) -> list[Any]:
    if isinstance(value, PhpObject):
        value = property_of(value, "items")
    return _listed(value)


def _mapping(value: Any) -> dict[Any, Any]:
    return value if isinstance(value, dict) else {}
