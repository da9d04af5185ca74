"""The asyncio worker: as many jobs at once as a semaphore allows, each in a task of its own.

It asks the store for as many jobs as there are free slots, in one round trip. Settlements of jobs that end in the
same turn of the event loop travel together (the link sees to that). How a job's handlers are run is written in
:mod:`lara_queue.worker.handlers`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import time
from typing import Any

from lara_queue.errors import Interrupted, StoreError, StoreUnreachable
from lara_queue.events import JobPopped, JobPopping, WorkerLooping
from lara_queue.job import Job
from lara_queue.lifecycle.attempt import Outcome
from lara_queue.lifecycle.stop import StopReason
from lara_queue.plans import WAIT, Call, Effect, Emit, Handle, Together, run_async
from lara_queue.ports import Reservation
from lara_queue.worker.core import WorkerCore
from lara_queue.worker.handlers import Handlers
from lara_queue.worker.leases import keep_leases
from lara_queue.worker.reconnect import delays
from lara_queue.worker.signals import PAUSE, RESUME, STOP, on_main_thread

__all__ = ["AsyncWorker", "perform_async"]

logger = logging.getLogger("lara_queue")


async def perform_async(effect: Effect, tell: Any = None) -> Any:
    """Do what a plan asks for on the running loop; for plans that run no handlers."""
    if isinstance(effect, Call):
        return await effect.link.call(effect.name, effect.args)
    if isinstance(effect, Together):
        return await effect.calls[0].link.together(effect.calls)
    if isinstance(effect, Emit) and tell is not None:
        return tell(effect.event)
    raise TypeError(f"cannot perform {effect!r} here")


class _Stirred(Exception):
    """Raised into a reserve that merely waits for work."""


class AsyncWorker:
    """Runs jobs until there is a reason to stop.

    Parameters:
        core: the worker's state and decisions.
    """

    def __init__(self, core: WorkerCore) -> None:
        self.core = core
        self._slots = asyncio.Semaphore(core.parts.concurrency)
        self._tasks: set[asyncio.Task[None]] = set()
        self._stir = asyncio.Event()  # something happened that the loop should look at
        self._handlers = Handlers(core)
        self._retry = delays(random.random)
        self._loop: asyncio.AbstractEventLoop | None = None

    async def run(self) -> StopReason:
        """Why it stopped. Cancelling the task that awaits this gives unfinished jobs back and passes on."""
        core = self.core
        self._loop = asyncio.get_running_loop()
        signals = self._install()
        keeper = (
            asyncio.create_task(keep_leases(core, self._reservations, perform_async))
            if core.options.keep_leases
            else None
        )
        core.tell_starting()
        reason = StopReason.INTERRUPTED
        try:
            reason = await self._turn()
            await self._drain()
            if core.forced:
                reason = StopReason.INTERRUPTED
        finally:
            core.forced = True
            await self._abandon()
            if keeper is not None:
                keeper.cancel()
            for number in signals:
                self._loop.remove_signal_handler(number)
            self._handlers.close()
            core.tell_stopping(reason)
        return reason

    def shutdown(self) -> None:
        """Ask it to finish the jobs in hand and stop; returns at once. Safe from any thread and from handlers."""
        self.core.quit = True
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._stir.set)

    # -- the loop ----------------------------------------------------------------

    async def _turn(self) -> StopReason:
        core = self.core
        while True:
            self._stir.clear()
            await asyncio.sleep(0)  # a store in memory never makes anybody wait: the jobs must have their turn, too
            got_job = True
            try:
                got_job = await self._round()
                if core.is_down:
                    self._retry = delays(random.random)
                    self._tell(core.came_back())
            except StoreUnreachable as error:
                self._tell(core.went_down(error))
                await self._sleep(next(self._retry))
            except StoreError as error:
                logger.error("%s", error)
                await self._sleep(1)
            except Exception:
                got_job = False
                logger.exception("The worker could not take a job; it goes on.")
                await self._sleep(1)
            reason = core.stop_reason(got_job or bool(self._tasks))
            if reason is None and core.options.once:
                reason = StopReason.ONCE
            if reason is not None:
                return reason

    async def _round(self) -> bool:
        """One turn: take as many jobs as there are free slots and start them; False when there was nothing to do."""
        core = self.core
        core.alive()
        if core.signals_due():
            await run_async(core.read_signals(), perform_async)
            if core.restarted:
                return True
        if self._slots.locked() or len(self._tasks) >= 2 * core.parts.concurrency:  # half of them still to be settled
            await self._until_something_ends()
            return True  # whether to go on is to be decided before anything more is taken
        if not await self._may_run():
            if self._tasks and not core.pause:
                await self._until_something_ends()
            else:
                await self._sleep(core.pause)
            return False
        free = await self._free_slots()
        if core.quit or free <= 0:
            self._release_slots(free)
            return True
        started = 0
        try:
            if core.hears(JobPopping.name):
                core.tell_popping()
            wait = 0 if core.options.once and self._tasks else core.wait(core.clock())
            if (core.options.stop_when_empty or core.options.once) and self._tasks:
                wait = 0
            batch = await self._take(free, wait)
            core.claimed += len(batch)
            for taken in batch:
                self._start(taken)
                started += 1
        finally:
            self._release_slots(free - started)
        if not started and self._tasks and (core.options.stop_when_empty or core.options.once):
            # Empty, but not finished: what is still running may put jobs back, so look again when it has ended.
            await self._until_something_ends()
            return True
        if not started and not core.quit:
            if not self._tasks:
                core.tell_idle()
            if core.options.once or core.nowhere:
                await self._sleep(core.options.sleep if core.options.once else core.pause)
        if core.options.rest and started:
            await self._sleep(core.options.rest)
        return started > 0

    async def _may_run(self) -> bool:
        """False while the worker is paused, the application is down for maintenance, or a listener forbids it."""
        core = self.core
        if not core.hears(WorkerLooping.name):
            return not core.idle
        emitter = core.parts.emitter
        allowed: bool = await emitter.allows(core.looping())  # type: ignore[misc]  # this face's emitter
        return allowed and not core.idle

    async def _free_slots(self) -> int:
        """Hold every free slot that may be used; returns how many are held."""
        core = self.core
        allowed = 1 if core.options.once else core.limit(core.parts.concurrency)
        held = 0
        while held < allowed and not self._slots.locked():
            await self._slots.acquire()
            held += 1
        return held

    def _release_slots(self, count: int) -> None:
        for _ in range(count):
            self._slots.release()

    async def _take(self, limit: int, wait: float) -> list[Reservation]:
        """Up to ``limit`` jobs; a request to stop cuts the waiting short, and nothing that was taken is dropped."""
        core = self.core
        try:
            taken = await run_async(core.driver.reserve(core.where(), limit=limit, wait=wait), self._reserving)
        except _Stirred:
            return []
        if core.quit:
            for one in reversed(taken):
                await asyncio.shield(run_async(core.driver.give_back(one), perform_async))
            return []
        return taken

    async def _reserving(self, effect: Effect) -> Any:
        """Perform what a reserve asks for. The link sees to it that a cancelled one puts back what it took."""
        if isinstance(effect, Call) and effect.name == WAIT:
            return await self._wait(effect)
        return await perform_async(effect)

    async def _wait(self, call: Call) -> Any:
        """Wait for work, as long as nobody asks the worker to stop or to pause."""
        waiting = asyncio.ensure_future(call.link.call(call.name, call.args))
        try:
            while True:
                stirred = asyncio.ensure_future(self._stir.wait())
                try:
                    await asyncio.wait({waiting, stirred}, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    stirred.cancel()
                if waiting.done():
                    return waiting.result()
                if self.core.quit or self.core.paused:
                    raise _Stirred
                self._stir.clear()
        finally:
            if not waiting.done():
                waiting.cancel()
                await asyncio.wait({waiting})

    def _start(self, taken: Reservation) -> None:
        job = self.core.job(taken)
        self.core.begun(job)
        if self.core.hears(JobPopped.name):
            self.core.tell(JobPopped(job))
        task = asyncio.create_task(self._one(job))
        self._tasks.add(task)
        task.add_done_callback(self._over)

    def _over(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._stir.set()
        if not task.cancelled() and (error := task.exception()) is not None and not isinstance(error, Interrupted):
            logger.error("A job ended in a way it must not; its lease brings it back.", exc_info=error)

    async def _one(self, job: Job) -> None:
        """One job from attempt to settlement.

        Its slot is free as soon as its handler has ended: the next job is taken in the round trip that settles it.
        """
        core = self.core
        try:
            started = time.perf_counter()
            try:
                outcome = await run_async(core.lifecycle.attempt(job), self._perform)
            finally:
                self._slots.release()
                self._stir.set()
            core.ended(job, outcome, started, time.perf_counter())
            await self._settle(job, outcome)
        finally:
            core.settled(job)

    async def _settle(self, job: Job, outcome: Outcome) -> None:
        """Settle stubbornly: while the lease may still live, a store that is away is tried again."""
        core = self.core
        deadline = core.clock() + core.driver.retry_after
        interrupted = False
        told = ""
        for pause in delays(random.random):
            try:
                await run_async(core.lifecycle.settle(job, outcome), self._perform)
                return
            except StoreError as error:
                away = isinstance(error, StoreUnreachable)
                if core.forced or core.clock() + pause > deadline or (core.quit and not away):
                    logger.error("%r could not be settled and will be run again: %s", job, error)
                    return
                if away:
                    self._tell(core.went_down(error))
                elif told != str(error):  # a store that answers so may be mended meanwhile, but somebody has to know
                    told = str(error)
                    logger.error("%r cannot be settled yet: %s", job, error)
                await asyncio.sleep(pause)
            except asyncio.CancelledError:
                # The work is done; being told to leave now must not undo that. Deleting twice does no harm.
                if interrupted:
                    raise
                interrupted = True

    # -- the end ----------------------------------------------------------------

    async def _drain(self) -> None:
        """Wait for the jobs in hand, up to the shutdown timeout or a second signal."""
        core = self.core
        limit = core.options.shutdown_timeout
        until = None if limit is None else time.monotonic() + limit
        while self._tasks and not core.forced:
            if until is not None and time.monotonic() >= until:
                core.forced = True
                return
            await self._until_something_ends(None if until is None else until - time.monotonic())

    async def _abandon(self) -> None:
        """Cancel what still runs; each job is given back by its own plan."""
        while self._tasks:
            for task in self._tasks:
                task.cancel()
            await asyncio.wait(self._tasks, timeout=5)
            if all(task.cancelling() > 3 for task in self._tasks):
                break  # a handler that swallows every cancellation; its lease brings the job back

    async def _until_something_ends(self, timeout: float | None = None) -> None:
        self._stir.clear()
        if self._tasks and not self.core.forced:
            if timeout is None:
                await self._stir.wait()
                return
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stir.wait(), timeout)

    async def _sleep(self, seconds: float) -> None:
        """Sleep, but not past a request to stop."""
        until = time.monotonic() + seconds
        while not self.core.quit and (left := until - time.monotonic()) > 0:
            self._stir.clear()
            try:
                await asyncio.wait_for(self._stir.wait(), left)
            except TimeoutError:
                return

    def _reservations(self) -> list[Reservation]:
        return [job.reservation for job in list(self.core.in_hand.values())]

    # -- effects ----------------------------------------------------------------

    async def _perform(self, effect: Effect) -> Any:
        if isinstance(effect, Emit):
            return self.core.tell(effect.event)
        if isinstance(effect, Handle):
            return await self._handlers.run(effect.job)
        return await perform_async(effect)

    # -- signals ----------------------------------------------------------------

    def _install(self) -> list[int]:
        """Have signals handled by the loop; returns which, nothing off the main thread."""
        if not on_main_thread() or self._loop is None:
            return []
        wanted: list[int] = [*STOP, *(s for s in (PAUSE, RESUME) if s is not None)]
        for number in wanted:
            self._loop.add_signal_handler(number, self._on_signal, number)
        return wanted

    def _on_signal(self, number: int) -> None:
        self.core.signalled(number)
        self._stir.set()

    def _tell(self, event: Any) -> None:
        if event is not None:
            self.core.tell(event)
