"""The blocking worker: one job at a time in the main thread, or several in threads.

One job at a time is Laravel's model and the default. A job that went well is settled in the same round trip that
takes the next one; whatever else became of it is settled at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import logging
import os
import random
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

from lara_queue.errors import Interrupted, StoreError, StoreUnreachable
from lara_queue.events import WorkerLooping, WorkerPaused, WorkerResumed, WorkerStarting, WorkerStopping
from lara_queue.job import Job, current_job
from lara_queue.lifecycle.attempt import Outcome
from lara_queue.lifecycle.decide import Delete
from lara_queue.lifecycle.stop import StopReason
from lara_queue.plans import Call, Effect, Emit, Handle, PartialFailure, Plan, Together, run, together
from lara_queue.ports import Reservation
from lara_queue.registry import Handler
from lara_queue.worker.core import WorkerCore
from lara_queue.worker.leases import LeaseThread
from lara_queue.worker.reconnect import delays
from lara_queue.worker.signals import PAUSE, RESUME, installed, on_main_thread
from lara_queue.worker.timeouts import alarm, raise_in_thread, watched

__all__ = ["SyncWorker", "perform"]

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


class SyncWorker:
    """Runs jobs until there is a reason to stop.

    Parameters:
        core: the worker's state and decisions.
    """

    def __init__(self, core: WorkerCore) -> None:
        self.core = core
        self._claims = threading.Lock()
        self._loops: list[_Loop] = []

    def run(self) -> StopReason:
        """Why it stopped."""
        core = self.core
        keeper = LeaseThread(core, self._reservations, perform)
        core.tell(WorkerStarting(core.queues))
        if core.options.keep_leases:
            keeper.start()
        reason = StopReason.INTERRUPTED
        try:
            with installed(self._on_signal):
                reason = self._run_threads() if core.parts.concurrency > 1 else self._run_here()
        except Interrupted:
            pass
        finally:
            keeper.stop()
            core.tell(WorkerStopping(reason.value, reason.exit_code))
        return reason

    def shutdown(self) -> None:
        """Ask it to finish the jobs in hand and stop; returns at once. Safe from any thread and from handlers."""
        self.core.quit = True

    @contextlib.contextmanager
    def claim(self, wanted: int) -> Iterator[int]:
        """How many jobs the caller may take; together the threads never take more than ``max_jobs``."""
        if not self.core.options.max_jobs or self.core.parts.concurrency == 1:
            yield self.core.limit(wanted)
            return
        with self._claims:  # held while taking: with a job limit exactness is worth more than overlap
            yield self.core.limit(wanted)

    def _run_here(self) -> StopReason:
        loop = _Loop(self, main=on_main_thread())
        self._loops = [loop]
        return loop.run()

    def _run_threads(self) -> StopReason:
        reasons: list[StopReason] = []
        errors: list[BaseException] = []

        def body(loop: _Loop) -> None:
            reason = StopReason.INTERRUPTED
            try:
                reason = loop.run()
            except Interrupted:
                pass
            except BaseException as error:
                errors.append(error)
            reasons.append(reason)
            if reason not in (StopReason.EMPTY, StopReason.EMPTY_FOR):
                self.core.quit = True  # a reason for all; but one idle thread says nothing about what others hold

        self._loops = [_Loop(self, main=False) for _ in range(self.core.parts.concurrency)]
        threads = [
            threading.Thread(target=body, args=(loop,), name=f"lara_queue-{n}") for n, loop in enumerate(self._loops)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            while thread.is_alive():  # in slices, so that signals are seen
                thread.join(timeout=0.2)
        if errors:
            raise errors[0]
        return next((r for r in reasons if r is not StopReason.QUIT), StopReason.QUIT)

    def _reservations(self) -> list[Reservation]:
        held = [job.reservation for job in list(self.core.in_hand.values())]
        for loop in self._loops:
            held.extend(loop.taken)
        return held

    def _on_signal(self, number: int) -> None:
        core = self.core
        if number in (PAUSE, RESUME):
            core.paused = number == PAUSE
            name = signal.Signals(number).name
            core.tell(WorkerPaused(name) if core.paused else WorkerResumed(name))
        elif not core.quit:
            logger.info("%s: finishing the jobs in hand; once more to leave at once.", signal.Signals(number).name)
            core.quit = True
            if core.options.shutdown_timeout is not None:
                timer = threading.Timer(core.options.shutdown_timeout, os.kill, (os.getpid(), signal.SIGTERM))
                timer.daemon = True
                timer.start()
        else:
            core.forced = True
        for loop in self._loops:
            loop.signalled(core.forced)


class _Loop:
    """One thread's loop: take, run, settle, until there is a reason to stop."""

    def __init__(self, worker: SyncWorker, *, main: bool) -> None:
        self.worker = worker
        self.core = worker.core
        self.main = main
        self.taken: deque[Reservation] = deque()
        self._waiting = False
        self._handling = False
        self._runner: asyncio.Runner | None = None
        self._ident = threading.get_ident()

    def run(self) -> StopReason:
        """Why it stopped."""
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
        core.tell(WorkerLooping(core.open_queues))
        if core.idle:
            self._settle_now()
            self._sleep(core.options.sleep or 1)
            return None, True
        if not self.taken:
            self._take()
        if not self.taken:
            if core.options.once:
                self._sleep(core.options.sleep)
            return None, False
        if core.quit:
            return self._unsettled, True
        job = core.job(self.taken.popleft())
        self._settle_now()
        self._unsettled = (job, self._attempt(job))
        outcome = self._unsettled[1]
        if core.options.rest or not isinstance(outcome.disposition, Delete) or outcome.error is not None:
            self._settle_now()
        if core.options.rest:
            self._sleep(core.options.rest)
        return self._unsettled, True

    def _take(self) -> None:
        """Take the next job or jobs; what is unsettled travels along."""
        core = self.core
        with self.worker.claim(1 if core.options.once else core.parts.prefetch) as limit:
            if limit <= 0:
                self._settle_now()
                return
            wait = core.wait(core.clock())
            if not self.main:
                wait = min(wait, 1.0)  # nobody can wake this thread, so it looks up once a second
            reserve = core.driver.reserve(core.open_queues, limit=limit, wait=wait)
            try:
                if self._unsettled is None:
                    self.taken.extend(run(reserve, self._perform))
                else:
                    self.taken.extend(run(together(self._settling(*self._unsettled), reserve), self._perform)[1])
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
        started = time.perf_counter()
        outcome: Outcome | None = None
        try:
            outcome = run(core.lifecycle.attempt(job), self._perform)
        finally:
            if outcome is None:
                core.settled(job)
        core.ended(job, outcome, started, time.perf_counter())
        return outcome

    def _settle_now(self) -> None:
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
        return None

    def _give_back(self) -> None:
        """Hand back what was taken ahead and never started."""
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
            if self.core.quit:
                raise _Wake
            return call.link.call(call.name, call.args)
        finally:
            self._waiting = False

    def _handle(self, job: Job) -> Any:
        timeout = job.rules.timeout if job.rules is not None else 0
        token = current_job.set(job)
        limit = (
            alarm(timeout, job.name, self.core.options.grace, lambda: self._kill(job))
            if self.main
            else watched(timeout)
        )
        result = None
        try:
            self._handling = True
            if self.core.forced:
                raise Interrupted
            with limit:
                for handler in job.handlers:
                    result = self._call(handler, job)
        finally:
            self._handling = False
            current_job.reset(token)
        return result

    def _call(self, handler: Handler, job: Job) -> Any:
        result = handler.function(handler.argument(job))
        if handler.is_async or inspect.isawaitable(result):
            if self._runner is None:
                self._runner = asyncio.Runner()
            return self._runner.run(_awaited(result))
        return result

    def _kill(self, job: Job) -> None:
        """The handler would not end: record what must be recorded, then die as Laravel's worker dies."""
        logger.critical("%r did not end after its timeout; killing the worker.", job)
        # In a thread of its own: the handler may have been stopped while it held the client's lock.
        last_words = threading.Thread(
            target=run, args=(self.core.lifecycle.settle_stuck(job), perform_quietly), daemon=True
        )
        last_words.start()
        last_words.join(timeout=5)
        os.kill(os.getpid(), signal.SIGKILL)

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


def perform_quietly(effect: Effect) -> Any:
    """Perform without telling anybody: the process is about to die."""
    return None if isinstance(effect, Emit) else perform(effect)


async def _awaited(awaitable: Any) -> Any:
    return await awaitable
