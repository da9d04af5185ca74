"""Running a job here and now, without a worker: for the sync driver and for tests.

The life of the job is the worker's own (:class:`~lara_queue.lifecycle.attempt.Lifecycle`): its rules, middleware,
chain, batch, failure and events. What a worker adds around it is not there: no timeout, no signals, no lease that is
renewed.
"""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from lara_queue.drivers.sync_driver import QUEUE_NAME, SyncDriver
from lara_queue.errors import ConfigurationError
from lara_queue.failed.null import NullFailedStore
from lara_queue.job import Job, current_job
from lara_queue.lifecycle.attempt import Outcome
from lara_queue.lifecycle.decide import Bury, Release
from lara_queue.plans import Effect, Emit, Handle, Plan, run, run_async
from lara_queue.ports import Driver, Reservation
from lara_queue.worker.aio import perform_async
from lara_queue.worker.core import WorkerCore
from lara_queue.worker.sync import perform

if TYPE_CHECKING:
    from lara_queue.facade import QueueBase

__all__ = ["Ended", "attempt_once", "bind_inline", "perform_inline", "perform_inline_async"]


@dataclass(frozen=True, slots=True)
class Ended:
    """One attempt that is over and settled."""

    job: Job
    outcome: Outcome

    @property
    def error(self) -> BaseException | None:
        """What was raised, by the handler or because nobody handles the job; None when it went well."""
        return self.outcome.error


def attempt_once(
    core: WorkerCore, taken: Reservation, decide: Callable[[Outcome], Outcome] = lambda outcome: outcome
) -> Plan[Ended]:
    """One attempt at a job that was taken, from its first event to its settlement; raises nothing of the handler's.

    ``decide`` may change what becomes of the job before that happens.
    """
    job = core.job(taken)
    core.begun(job)
    try:
        started = time.perf_counter()
        outcome = decide((yield from core.lifecycle.attempt(job)))
        core.ended(job, outcome, started, time.perf_counter())
        yield from core.lifecycle.settle(job, outcome)
    finally:
        core.settled(job)
    return Ended(job, outcome)


def perform_inline(effect: Effect, core: WorkerCore) -> Any:
    """Do what a plan asks for, handlers included, in this thread."""
    if isinstance(effect, Emit):
        return core.tell(effect.event)
    if not isinstance(effect, Handle):
        return perform(effect)
    result, job = None, effect.job
    token = current_job.set(job)
    try:
        for handler in job.handlers:
            result = handler.function(handler.argument(job))
            if inspect.isawaitable(result):
                result = _finish(result, job)
    finally:
        current_job.reset(token)
    return result


async def perform_inline_async(effect: Effect, core: WorkerCore) -> Any:
    """The same on the running loop; plain handlers run in a thread, as with a worker."""
    if isinstance(effect, Emit):
        return core.tell(effect.event)
    if not isinstance(effect, Handle):
        return await perform_async(effect)
    result, job = None, effect.job
    token = current_job.set(job)
    try:
        for handler in job.handlers:
            if handler.is_async:
                result = await handler.function(handler.argument(job))
            else:
                result = await asyncio.to_thread(handler.function, handler.argument(job))
                result = await result if inspect.isawaitable(result) else result
    finally:
        current_job.reset(token)
    return result


def _finish(awaitable: Any, job: Job) -> Any:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        with asyncio.Runner() as runner:
            return runner.run(_awaited(awaitable))
    if inspect.iscoroutine(awaitable):
        awaitable.close()
    raise ConfigurationError(
        f"The handler of {job.name} is async and an event loop runs already; use AsyncQueue there."
    )


async def _awaited(awaitable: Any) -> Any:
    return await awaitable


# -- the sync driver ---------------------------------------------------------------------------------------------------


def bind_inline(queue: QueueBase, drivers: Iterable[Driver]) -> None:
    """Tell those of the drivers that run jobs where they are pushed how to do it, as jobs of this queue object."""
    for driver in drivers:
        several = getattr(driver, "members", None)  # of a failover queue
        for member in several if isinstance(several, tuple) else (driver,):
            if isinstance(member, SyncDriver):
                member.link.run = _runner(queue, member)


def _runner(queue: QueueBase, driver: SyncDriver) -> Callable[[bytes], Any]:
    def begin(body: bytes) -> tuple[WorkerCore, Plan[Ended]]:
        usual = queue._core({"unhandled": "fail", "report_job_exceptions": False, "timeout": 0})
        # A push in a web request leaves no failed row, one by a job of a worker does; so it is with Laravel.
        failed = usual.parts.failed if current_job.get() is not None else NullFailedStore()
        core = WorkerCore(replace(usual.parts, driver=driver, failed=failed), usual.options)
        taken = Reservation(QUEUE_NAME, body, 1, None, queue.clock() + driver.retry_after)
        return core, attempt_once(core, taken, _never_again)

    def run_here(body: bytes) -> None:
        core, plan = begin(body)
        _raise(run(plan, lambda effect: perform_inline(effect, core)))

    async def run_on_loop(body: bytes) -> None:
        core, plan = begin(body)
        _raise(await run_async(plan, lambda effect: perform_inline_async(effect, core)))

    return run_here if queue.face == "sync" else run_on_loop


def _never_again(outcome: Outcome) -> Outcome:
    """There is no second attempt: what raised has failed. Mirrors ``SyncQueue::handleException``."""
    if outcome.error is not None and isinstance(outcome.disposition, Release):
        return replace(outcome, disposition=Bury(outcome.error))
    return outcome


def _raise(ended: Ended) -> None:
    if ended.error is not None:
        raise ended.error
