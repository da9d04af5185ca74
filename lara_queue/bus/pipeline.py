"""The order of things around a handler, as ``Queue/CallQueuedHandler.php`` has it (protocol §6.5).

For most jobs there is nothing around the handler, which is found out in a few look-ups (:func:`stands_alone`); only a
chain may still grow while it runs (:func:`after_growing`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lara_queue.bus.batching import dispatch_chained
from lara_queue.bus.chains import call_catch, dispatch_next
from lara_queue.bus.events import JobDebounced
from lara_queue.bus.recording import record_failure, record_success, was_recorded
from lara_queue.bus.services import Services
from lara_queue.bus.unique import LISTENER_UNIQUE, Hold, Uniqueness, free, hold_of, superseded
from lara_queue.errors import PayloadError
from lara_queue.laravel import names
from lara_queue.middleware.base import Middleware, through
from lara_queue.middleware.from_php import carried_by
from lara_queue.plans import Emit, Handle, Plan

if TYPE_CHECKING:
    from lara_queue.job import Job

__all__ = ["after_growing", "around", "failed", "stands_alone"]

_LATE_FREE = (11, 0)  # from here on a lock until processing is freed after the middleware, not before
_ONCE = (13, 5)
_CONTEXT = names.LOG_CONTEXT.encode()
_TELLING = (
    names.BATCH_ID,
    names.DEBOUNCE_OWNER,
    names.UNIQUE_OWNER,
    names.CHAIN_CATCH_CALLBACKS,
    LISTENER_UNIQUE,
)
_WRAPPED = frozenset((names.CHAINED_BATCH, names.UNIQUE_BROADCAST_EVENT))


def stands_alone(job: Job) -> bool:
    """True when a job whose handler brings nothing has itself no middleware, chain, batch or lock."""
    command = job.command
    if command is None:  # a string job: Laravel puts nothing around it
        return True
    raw = command.__php_vars__
    if raw.get(names.CHAINED) or raw.get(names.MIDDLEWARE):
        return False
    for name in _TELLING:
        if raw.get(name):
            return False
    if command.class_name in _WRAPPED:
        return False
    # Decoding the whole payload to look for one key would be the dearest thing done for most jobs.
    return _CONTEXT not in job.raw_body or names.LOG_CONTEXT not in job.payload


def after_growing(services: Services, job: Job) -> Plan[None]:
    """What follows when the handler of a job that stood alone has given it a chain."""
    command = job.command
    if command is not None and command.__php_vars__.get(names.CHAINED) and not job.is_released and not job.has_failed:
        yield from dispatch_next(services, job)


def around(services: Services, job: Job, plans: Sequence[Middleware], said: Uniqueness | None) -> Plan[None]:
    """Run the job's handler with everything that stands around it."""
    command = job.command
    if command is None:  # a string job: Laravel puts nothing around it
        yield from through(plans, job, lambda: _handle(services, job))
        return
    if (yield from was_recorded(services, job)):  # delivered again after all was done
        job.delete()
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

    try:
        yield from through([*plans, *carried_by(job)], job, innermost)
    except Exception:
        if early and hold is not None and not reached and not job.is_released:
            yield from _free_early(services, job, hold)
        raise
    if job.is_released:
        return
    if hold is not None and not hold.until_processing:
        yield from free(services, hold)
    elif early and hold is not None and not reached:  # a middleware has ended it; so from Laravel 12.21 on
        yield from _free_early(services, job, hold)
    if not job.has_failed:
        if not _opens_batch(job):  # a chained batch has taken the rest of its chain with it
            yield from dispatch_next(services, job)
        yield from record_success(services, job)


def failed(services: Services, job: Job, error: BaseException, said: Uniqueness | None) -> Plan[None]:
    """What follows from a job's final failure, but for the record of it. Mirrors ``CallQueuedHandler::failed``."""
    hold = hold_of(job, said, services)
    if hold is not None and not hold.until_processing:
        yield from free(services, hold)
    try:
        if job.command is None:
            return
    except PayloadError:
        if _names_its_batch(job):  # what cannot be opened has no chain that could be seen, but its batch waits for it
            yield from record_failure(services, job, error)
        return
    if (yield from was_recorded(services, job)):
        return  # it had gone well before its worker died, and came again once more than it may
    yield from record_failure(services, job, error)
    yield from call_catch(services, job, error)


def _names_its_batch(job: Job) -> bool:
    try:
        return job.envelope.batch_id is not None
    except PayloadError:
        return False


def _opens_batch(job: Job) -> bool:
    return job.kind == "batch" and not job.handlers


def _handle(services: Services, job: Job) -> Plan[None]:
    if _opens_batch(job):
        yield from dispatch_chained(services, job)
        return
    yield Handle(job)


def _free_early(services: Services, job: Job, hold: Hold) -> Plan[None]:
    """Once for a job: on a later attempt the lock may be another's, unless its owner is known.

    Laravel asks that from 13.5 on; before, it freed whatever lock there was.
    """
    if job.attempts <= 1 or hold.owner is not None or services.release < _ONCE:
        yield from free(services, hold)
