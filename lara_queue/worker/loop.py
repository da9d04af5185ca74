"""One thread of the blocking worker: take, run, settle, until there is a reason to stop.

One job at a time is Laravel's model and the default. A job that went well is settled in the same round trip that
takes the next one, unless somebody listens to what lies between the two; whatever else became of it is settled at once.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import os
import random
import signal
import threading
import time
from collections import deque
from collections.abc import Callable
from contextvars import copy_context
from typing import TYPE_CHECKING, Any

from lara_queue.errors import Interrupted, PayloadError, StoreError, StoreUnreachable
from lara_queue.events import JobPopped, JobPopping, WorkerLooping
from lara_queue.job import Job, current_job
from lara_queue.lifecycle.attempt import DONE, Outcome
from lara_queue.lifecycle.decide import Delete
from lara_queue.lifecycle.stop import StopReason
from lara_queue.plans import Call, Effect, Emit, Handle, PartialFailure, Plan, Together, run, together
from lara_queue.ports import Reservation
from lara_queue.registry import Handler
from lara_queue.worker.posting import Posting
from lara_queue.worker.reconnect import delays
from lara_queue.worker.timeouts import Alarm, raise_in_thread, watched

if TYPE_CHECKING:
    from lara_queue.worker.sync import SyncWorker

__all__ = ["Loop", "perform"]

logger = logging.getLogger("lara_queue")
Settlement = tuple[Job, Outcome]


class _Wake(BaseException):
    """Raised by a signal into a thread that merely waits for work."""


def perform(effect: Effect, tell: Callable[[Any], object] | None = None) -> Any:
    """Do what a plan asks for, blocking; for plans that run no handlers."""
    if isinstance(effect, Call):
        return effect.link.call(effect.name, effect.args)
    if isinstance(effect, Together):
        return effect.calls[0].link.together(effect.calls)
    if isinstance(effect, Emit) and tell is not None:
        return tell(effect.event)
    raise TypeError(f"cannot perform {effect!r} here")


class Loop:
    """One thread's loop.

    Parameters:
        worker: the worker it belongs to.
        main: it runs in the main thread, where signals arrive and the alarm clock rings.
    """

    def __init__(self, worker: SyncWorker, *, main: bool) -> None:
        self.worker = worker
        self.core = worker.core
        self.main = main
        self.taken: deque[Reservation] = deque()
        self._waiting = False
        self._handling = False
        self._runner: asyncio.Runner | None = None
        self._alarm: Alarm | None = None
        line = getattr(getattr(self.core.driver, "link", None), "line", None)
        self._posting = (
            Posting(self.core.lifecycle, line(), self._perform, self.core.settled)
            if line is not None and self.core.parts.prefetch > 1
            else None
        )
        self._started = self._ended = 0.0  # of the last attempt
        self._running: Job | None = None
        self._ident = threading.get_ident()

    def run(self) -> StopReason:
        """Why it stopped."""
        if not self.main:
            return self._run()
        with Alarm(self.core.options.grace, self._kill) as self._alarm:
            return self._run()

    def _run(self) -> StopReason:
        self._ident = threading.get_ident()
        unsettled: Settlement | None = None
        retry = delays(random.random)
        try:
            while True:
                try:
                    unsettled, got_job = self._round(unsettled)
                    if self.core.is_down:
                        retry = delays(random.random)
                        self._tell(self.core.came_back())
                except StoreUnreachable as error:
                    # What is not yet settled stays so and is tried again: the lease outlives most outages.
                    unsettled, got_job = self._unsettled, True
                    self._tell(self.core.went_down(error))
                    self._sleep(next(retry))
                except StoreError as error:
                    unsettled, got_job = self._unsettled, True
                    logger.error("%s", error)
                    self._sleep(1)
                except Exception:
                    logger.exception("The worker could not take or settle a job; it goes on.")
                    self._give_up()
                    unsettled, got_job = None, False
                    self._sleep(1)
                reason = self.core.stop_reason(got_job)
                if reason is None and self.core.options.once:
                    reason = StopReason.ONCE
                if reason is not None:
                    unsettled = self._finish(unsettled)
                    return reason
        finally:
            self._give_back()
            if self._runner is not None:
                self._runner.close()

    _unsettled: Settlement | None = None

    def _round(self, unsettled: Settlement | None) -> tuple[Settlement | None, bool]:
        """One turn; returns what is still to be settled, and whether there was a job."""
        core = self.core
        self._unsettled = unsettled
        core.alive()
        if core.signals_due():
            run(core.read_signals(), self._perform)
            if core.restarted:
                return self._unsettled, True
        if not self._may_run():
            self._settle_now()
            self._sleep(core.pause)
            return None, False
        if not self.taken:
            self._take()
        if not self.taken:
            if core.quit:
                return self._unsettled, False
            core.tell_idle()
            if core.options.once or core.nowhere:
                self._sleep(core.options.sleep if core.options.once else core.pause)
            return None, False
        if core.quit:
            return self._unsettled, True
        self._settle_last()  # before the next one is in hand: if it fails, that one is still to be given back
        job = core.job(self.taken.popleft())
        if core.hears(JobPopped.name):
            core.tell(JobPopped(job))
        try:
            outcome = self._attempt(job)
        except StoreError:
            raise
        except Exception:
            logger.exception("%r ended in a way it must not; its lease brings it back.", job)
            return None, True
        self._unsettled = (job, outcome)
        went_well = isinstance(outcome.disposition, Delete) and outcome.error is None
        if core.options.rest or not went_well:
            self._settle_now()
        elif outcome is DONE and self._posting is not None and not core.hears_ends:
            self._unsettled = None
            self._posting.hold(job, job.name, self._started, self._ended)
        if core.options.rest:
            self._sleep(core.options.rest)
        return self._unsettled, True

    def _may_run(self) -> bool:
        """False while the worker is paused, the application is down for maintenance, or a listener forbids it."""
        core = self.core
        if not core.hears(WorkerLooping.name):
            return not core.idle
        self._settle_now()  # who listens is told of one job's end before the next one's beginning
        allowed: bool = core.parts.emitter.allows(core.looping())  # type: ignore[assignment]  # this face's emitter
        return allowed and not core.idle

    def _take(self) -> None:
        """Take the next job or jobs; what is unsettled travels along."""
        core = self.core
        if self._posting is not None:
            self._posting.collect()
            self._posting.settle_owed()
        if core.hears(JobPopping.name):
            self._settle_now()
            core.tell_popping()
        queues = core.where()
        if not queues:
            self._settle_now()
            return
        with self.worker.claim(1 if core.options.once else core.parts.prefetch) as limit:
            if limit <= 0:
                self._settle_now()
                return
            wait = core.wait(core.clock())
            if not self.main:
                wait = min(wait, 1.0)  # nobody can wake this thread, so it looks up once a second
            reserve = core.driver.reserve(queues, limit=limit, wait=wait)
            settling: Plan[None] | None = None
            if self._unsettled is not None:
                settling = self._settling(*self._unsettled)
            elif self._posting is not None and self._posting.held:
                settling = self._posting.settling()
            try:
                if settling is None:
                    self.taken.extend(run(reserve, self._perform))
                else:
                    self.taken.extend(run(together(settling, reserve), self._perform)[1])
            except _Wake:
                pass
            except PartialFailure as partial:
                self.taken.extend(partial.result)
                raise partial.failure from None
            finally:
                core.claimed += len(self.taken)

    def _attempt(self, job: Job) -> Outcome:
        core = self.core
        core.begun(job)
        if self._posting is not None and self._posting.held:
            try:
                self._posting.before(job.name)
            except PayloadError:
                self._posting.send()
        self._started = started = time.perf_counter()
        outcome: Outcome | None = None
        try:
            outcome = run(core.lifecycle.attempt(job), self._perform)
        finally:
            if outcome is None:
                core.settled(job)
        self._ended = now = time.perf_counter()
        core.ended(job, outcome, started, now)
        return outcome

    def _settle_now(self) -> None:
        if self._posting is not None and self._posting.held:
            run(self._posting.settling(), self._perform)
        self._settle_last()

    def _settle_last(self) -> None:
        if self._unsettled is not None:
            run(self._settling(*self._unsettled), self._perform)

    def _settling(self, job: Job, outcome: Outcome) -> Plan[None]:
        yield from self.core.lifecycle.settle(job, outcome)
        self._unsettled = None
        self.core.settled(job)

    def _finish(self, unsettled: Settlement | None) -> Settlement | None:
        """Settle the last job, trying again while its lease may still live."""
        self._unsettled = unsettled
        deadline = self.core.clock() + self.core.driver.retry_after
        for pause in delays(random.random):
            try:
                self._settle_now()
                break
            except StoreError as error:
                if self.core.forced or self.core.clock() + pause > deadline:
                    logger.error("The last job could not be settled and will be run again: %s", error)
                    break
                time.sleep(pause)
            except Exception:
                logger.exception("The last job could not be settled; its lease brings it back.")
                break
        self._give_up()
        return None

    def _give_up(self) -> None:
        """Forget what is unsettled: it would go wrong again, and its lease brings the job back."""
        if self._unsettled is not None:
            self.core.settled(self._unsettled[0])
            self._unsettled = None

    def _give_back(self) -> None:
        """Hand back what was taken ahead and never started, and hear of what is on its way."""
        if self._posting is not None:
            try:
                self._posting.send()
                self._posting.collect()
                self._posting.settle_owed()
            except StoreError as error:
                logger.error("Jobs that were run could not be settled and will be run again: %s", error)
        while self.taken:
            taken = self.taken.pop()  # the last one first, as each goes to the head of its queue
            try:
                run(self.core.driver.give_back(taken), self._perform)
            except StoreError as error:
                logger.error("A job could not be given back; it returns when its lease runs out: %s", error)

    # -- effects ----------------------------------------------------------------

    def _perform(self, effect: Effect) -> Any:
        if isinstance(effect, Emit):
            return self.core.tell(effect.event)
        if isinstance(effect, Handle):
            return self._handle(effect.job)
        if isinstance(effect, Call) and effect.name == "wait":
            return self._wait(effect)
        return perform(effect)

    def _wait(self, call: Call) -> Any:
        """Wait for work. Only here may a signal break in: no job is in flight, so none can be dropped."""
        try:
            self._waiting = True
            if self.core.quit or self.core.paused:  # since it was last looked at
                raise _Wake
            return call.link.call(call.name, call.args)
        finally:
            self._waiting = False

    def _handle(self, job: Job) -> Any:
        timeout = job.rules.timeout if job.rules is not None else 0
        token = current_job.set(job)
        result = None
        try:
            self._handling = True
            if self.core.forced:
                raise Interrupted
            if self._alarm is not None:
                self._running = job
                try:
                    self._alarm.begin(job.name, timeout)
                    for handler in job.handlers:
                        result = self._call(handler, job)
                finally:
                    self._alarm.end()
            else:
                with watched(timeout):
                    for handler in job.handlers:
                        result = self._call(handler, job)
        finally:
            self._handling = False
            current_job.reset(token)
        return result

    def _call(self, handler: Handler, job: Job) -> Any:
        result = handler.function(handler.argument(job))
        if result is not None and (handler.is_async or inspect.isawaitable(result)):
            if self._runner is None:
                self._runner = asyncio.Runner()
            # In a context of its own: a runner keeps that of its first call, and this job would be taken for that one.
            return self._runner.run(_awaited(result), context=copy_context())
        return result

    def _kill(self) -> None:
        """The handler would not end: record what must be recorded, then die as Laravel's worker dies."""
        job = self._running
        assert job is not None  # the alarm rings for a job
        logger.critical("%r did not end after its timeout; killing the worker.", job)
        # In a thread of its own: the handler may have been stopped while it held the client's lock.
        last_words = threading.Thread(target=self._last_words, args=(job,), daemon=True)
        last_words.start()
        last_words.join(timeout=5)
        os.kill(os.getpid(), signal.SIGKILL)

    def _last_words(self, job: Job) -> None:
        run(self.core.lifecycle.settle_stuck(job), lambda effect: perform(effect, self.core.tell))
        self.core.tell_stopping(StopReason.TIMED_OUT)

    def signalled(self, forced: bool) -> None:
        """A signal has come; wake the thread if it merely waits, break into its handler if the worker must leave."""
        if self.main:
            if forced and self._handling:
                raise Interrupted
            if self._waiting:
                self._waiting = False
                raise _Wake
        elif forced and self._handling:
            raise_in_thread(self._ident, Interrupted)

    def _sleep(self, seconds: float) -> None:
        """Sleep, but not past a request to stop.

        In slices: an Event set by a signal handler can deadlock with the thread that waits for it.
        """
        until = time.monotonic() + seconds
        while not self.core.quit and (left := until - time.monotonic()) > 0:
            time.sleep(min(left, 0.2))

    def _tell(self, event: Any) -> None:
        if event is not None:
            self.core.tell(event)


async def _awaited(awaitable: Any) -> Any:
    return await awaitable
