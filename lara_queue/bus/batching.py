"""How jobs get into a batch, and how a batch is opened: by ``dispatch()``, or by a worker that meets one in a chain.

Mirrors ``Bus/Batch.php`` ``add``, ``Bus/PendingBatch.php`` ``dispatch`` and ``Bus/ChainedBatch.php``; protocol §7.2.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from lara_queue.bus.callbacks import call_back
from lara_queue.bus.chains import dispatch_next, next_of, with_chain
from lara_queue.bus.closures import Callback, callback_of_chain, callback_to_push
from lara_queue.bus.commands import Chain, changed, settings_of, text_of
from lara_queue.bus.dispatch import Ready, ready
from lara_queue.bus.events import BatchDispatched
from lara_queue.bus.recording import ALLOW_FAILURES, BEFORE, CATCH, FINALLY, listed, options_of
from lara_queue.bus.services import Services
from lara_queue.errors import PayloadError, StoreError
from lara_queue.laravel import names
from lara_queue.laravel.command import property_of
from lara_queue.laravel.context import LogContext, context_to_propagate
from lara_queue.php import PhpObject, dumps
from lara_queue.plans import Emit, Plan
from lara_queue.ports import BatchRow

if TYPE_CHECKING:
    from lara_queue.job import Job

__all__ = ["Members", "add", "batch_id_at", "dispatch_chained", "open_batch"]

Members = Sequence["PhpObject | Sequence[PhpObject]"]
"""Jobs, and lists of jobs that are chains."""


def batch_id_at(now: float, random_hex: str | None = None) -> str:
    """A batch's id: a UUID whose first part is the time, so that ids sort by age; ``Str::orderedUuid``.

    >>> batch_id_at(1_700_000_000.5, "0123456789abcdef0123456789abcdef")
    '9a9d359d-6350-4123-b567-89abcdef0123'
    """
    random_hex = random_hex or uuid4().hex
    head = f"{int(now * 100_000):012x}"[-12:]
    variant = "89ab"[int(random_hex[3], 16) % 4]
    return f"{head[:8]}-{head[8:]}-4{random_hex[1:4]}-{variant}{random_hex[5:8]}-{random_hex[8:20]}"


@dataclass(slots=True)
class _Prepared:
    jobs: list[Ready]
    counts: dict[str, int]

    @property
    def count(self) -> int:
        return sum(self.counts.values())


def add(services: Services, row: BatchRow, members: Members, *, context: LogContext | None = None) -> Plan[None]:
    """Put jobs into a batch: raise its counts, then push them, those of one queue together.

    A list among the members is a chain: all of it counts, only its head is pushed. They are counted first, since one
    may have ended before the last is pushed; if pushing fails, those that were not pushed are taken out of the counts
    again, as PHP's transaction does.
    """
    prepared = _prepare(services, row, members, context)
    if not prepared.count:
        return
    store = services.need_batches("A batch")
    places: dict[tuple[str | None, str], list[Ready]] = {}
    for job in prepared.jobs:
        places.setdefault((job.connection, job.queue), []).append(job)
    stores = {connection: services.driver_of(connection) for connection, _ in places}  # raises before anything is done
    missing = prepared.count
    yield from store.increment_total_jobs(row.id, missing)
    try:
        for (connection, queue), jobs in places.items():
            yield from stores[connection].push_many(queue, [(job.body, job.delay) for job in jobs])
            missing -= sum(prepared.counts[job.uuid] for job in jobs)
    except Exception:
        yield from store.increment_total_jobs(row.id, -missing)
        raise


def _prepare(services: Services, row: BatchRow, members: Members, context: LogContext | None) -> _Prepared:
    options = options_of(row)
    connection, queue = text_of(options.get(names.CONNECTION)), text_of(options.get(names.QUEUE))
    jobs: list[Ready] = []
    counts: dict[str, int] = {}
    for member in members:
        chain: list[PhpObject] = [member] if isinstance(member, PhpObject) else list(member)
        if not chain:
            continue
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
        counts[jobs[-1].uuid] = len(chain)
    return _Prepared(jobs, counts)


def _placed(
    services: Services, head: PhpObject, connection: str | None, queue: str | None, context: LogContext | None
) -> Ready:
    made = ready(services, head, context=context)
    return Ready(made.body, made.uuid, connection, queue or services.default_queue, made.delay, made.id)


def open_batch(
    services: Services,
    id: str,
    name: str,
    options: dict[str, Any],
    members: Members,
    *,
    context: LogContext | None = None,
) -> Plan[BatchRow]:
    """The batch, stored, its ``before`` callbacks called and its jobs pushed. If that goes wrong it is taken back."""
    store = services.need_batches("A batch")
    yield from store.store(id, name, dumps(options), int(services.clock()))
    row = yield from store.find(id)
    if row is None:
        raise StoreError(f"The batch {id} was stored and is not there.")
    try:
        for callback in listed(options.get(BEFORE)):
            yield from call_back(services, callback, f"batch {BEFORE}", batch_id=id)
        yield from add(services, row, members, context=context)
    except Exception:
        yield from store.delete(id)
        raise
    yield Emit(BatchDispatched(id))
    return (yield from store.find(id)) or row


def dispatch_chained(services: Services, job: Job) -> Plan[None]:
    """Do what ``ChainedBatch`` does when it is run: open its batch, and tie the rest of the chain to its end.

    The rest of the chain is dispatched by the batch's ``finally`` unless the batch was cancelled; the callbacks for
    the chain's failure go to the batch's ``catch``. Without a single job in it there would be no end, so the chain goes
    on at once.

    When the job comes again because a worker died over it, what that worker left is looked at: a batch in which
    something has happened was filled and lives; one in which nothing has happened yet may be empty, so it is forgotten
    and another one takes its place. Its jobs, if they are there, are run and count for nothing.
    """
    command = job.command
    if command is None:
        raise PayloadError(f"{job.name} carries no batch.")
    members = [one for one in (_member(one) for one in _collected(property_of(command, "jobs"))) if one != []]
    if not members:
        yield from dispatch_next(services, job)
        return
    id = yield from _id_to_open(services, job)
    if id is None:
        return
    options = {str(k): v for k, v in _mapping(property_of(command, "options")).items()}
    for name in (names.QUEUE, names.CONNECTION):
        own = text_of(property_of(command, name))
        if own:
            options[name] = own
    catch = listed(property_of(command, names.CHAIN_CATCH_CALLBACKS))
    if catch and options.get(ALLOW_FAILURES) is not True:
        options[CATCH] = [*listed(options.get(CATCH)), *(callback_of_chain(one, services.key) for one in catch)]
    following = next_of(services, job)
    if following is not None:
        rest = Callback(
            following.body, following.queue, following.connection, unless_cancelled=True, delay=following.delay
        )
        options[FINALLY] = [*listed(options.get(FINALLY)), callback_to_push(rest, services.key)]
    yield from open_batch(
        services,
        id,
        text_of(property_of(command, "name")) or "",
        options,
        members,
        context=context_to_propagate(job.envelope),
    )


def _id_to_open(services: Services, job: Job) -> Plan[str | None]:
    """The id for the batch; None when an attempt before has opened it. One that may be without jobs is deleted.

    The id is told by the job and the attempt, so that the next attempt can look for it. That takes a job that says when
    it was pushed (Laravel 12.11 and later). After ``queue:retry`` attempts begin anew, hence the look at this one's.
    """
    at = job.envelope.created_at
    if at is None or job.uuid is None:
        return batch_id_at(services.clock())
    store = services.need_batches("A batch")
    id = ""
    for attempt in range(max(1, job.attempts - _LOOK_BACK), job.attempts + 1):
        id = batch_id_at(at, hashlib.sha256(f"{job.uuid}:{attempt}".encode()).hexdigest())
        row = yield from store.find(id)
        if row is None:
            continue
        if row.finished_at is not None or row.failed_jobs or row.pending_jobs < row.total_jobs:
            return None
        yield from store.delete(id)
        if attempt == job.attempts:  # jobs of the one that is forgotten must not count here
            return batch_id_at(at)
    return id


_LOOK_BACK = 10


def _member(value: Any) -> Any:
    if isinstance(value, PhpObject) and value.class_name not in (names.COLLECTION, names.ELOQUENT_COLLECTION):
        return value
    return [_member(one) for one in _collected(value)]


def _collected(value: Any) -> list[Any]:
    if isinstance(value, PhpObject):
        value = property_of(value, "items")
    return listed(value)


def _mapping(value: Any) -> dict[Any, Any]:
    return value if isinstance(value, dict) else {}
