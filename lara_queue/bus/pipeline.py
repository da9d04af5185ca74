"""The order of things around a handler, as ``Queue/CallQueuedHandler.php`` has it (protocol §6.5).

For most jobs there is nothing around the handler, and :func:`is_plain` finds that out in a few look-ups.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING
from uuid import uuid4

from lara_queue.bus.batching import batch_id_at, dispatch_chained, record_failure, record_success
from lara_queue.bus.chains import call_catch, dispatch_next
from lara_queue.bus.events import JobDebounced
from lara_queue.bus.services import Services
from lara_queue.bus.unique import Hold, Uniqueness, free, hold_of, superseded
from lara_queue.errors import PayloadError
from lara_queue.laravel import names
from lara_queue.middleware.base import Middleware, through
from lara_queue.middleware.from_php import carried_by
from lara_queue.plans import Emit, Handle, Plan

if TYPE_CHECKING:
    from lara_queue.job import Job

__all__ = ["around", "failed", "is_plain"]

_LATE_FREE = (11, 0)  # from here on a lock until processing is freed after the middleware, not before
_TELLING = (
    names.CHAINED,
    names.BATCH_ID,
    names.MIDDLEWARE,
    names.DEBOUNCE_OWNER,
    names.UNIQUE_OWNER,
    names.CHAIN_CATCH_CALLBACKS,
)


def is_plain(job: Job, plans: Sequence[Middleware], said: Uniqueness | None) -> bool:
    """True when nothing stands around the job's handler: no middleware, chain, batch or lock."""
    if plans or said is not None:
        return False
    command = job.command
    if command is None:
        return True
    found = command.__php_vars__
    if any(found.get(name) for name in _TELLING) or job.kind == "batch":
        return False
    return names.LOG_CONTEXT not in job.payload


def around(services: Services, job: Job, plans: Sequence[Middleware], said: Uniqueness | None) -> Plan[None]:
    """Run the job's handler with everything that stands around it."""
    if job.command is None:  # a string job: Laravel puts nothing around it
        yield from through(plans, job, lambda: _handle(services, job))
        return
    if (yield from superseded(job, said, services)):
        yield Emit(JobDebounced(job))
        job.delete()
        return
    hold = hold_of(job, said, services)
    early = hold is not None and hold.until_processing
    if early and hold is not None and services.release < _LATE_FREE:
        yield from _free_early(services, job, hold)
        early = False
    reached = False

    def innermost() -> Plan[None]:
        nonlocal reached
        reached = True
        if early and hold is not None:
            yield from _free_early(services, job, hold)
        yield from _handle(services, job)

    yield from through([*carried_by(job), *plans], job, innermost)
    if job.is_released:
        return
    if hold is not None and (not hold.until_processing or (early and not reached)):
        yield from free(services, hold)
    if not job.has_failed:
        if job.kind != "batch":  # a chained batch has taken the rest of its chain with it
            yield from dispatch_next(services, job)
        yield from record_success(services, job)


def failed(services: Services, job: Job, error: BaseException, said: Uniqueness | None) -> Plan[None]:
    """What follows from a job's final failure, but for the record of it. Mirrors ``CallQueuedHandler::failed``."""
    try:
        if job.command is None:
            return
    except PayloadError:
        return  # nobody can tell what it belonged to
    hold = hold_of(job, said, services)
    if hold is not None and not hold.until_processing:
        yield from free(services, hold)
    yield from record_failure(services, job, error)
    yield from call_catch(services, job, error)


def _handle(services: Services, job: Job) -> Plan[None]:
    if job.kind == "batch" and not job.handlers:
        yield from dispatch_chained(services, job, batch_id_at(services.clock(), uuid4().hex))
        return
    yield Handle(job)


def _free_early(services: Services, job: Job, hold: Hold) -> Plan[None]:
    """Once for a job: on a later attempt the lock may be another's, unless its owner is known."""
    if job.attempts <= 1 or hold.owner is not None:
        yield from free(services, hold)
