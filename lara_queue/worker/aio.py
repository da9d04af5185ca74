"""The asyncio worker: as many jobs at once as a semaphore allows, each in a task of its own.

How jobs are taken is written in :mod:`lara_queue.worker.taking`, how they are settled in
:mod:`lara_queue.worker.settling`, and how their handlers are run in :mod:`lara_queue.worker.handlers`.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable
from typing import Any

from lara_queue.errors import Interrupted, StoreError, StoreUnreachable
from lara_queue.events import JobPopped, JobPopping, WorkerLooping
from lara_queue.job import Job
from lara_queue.lifecycle.stop import StopReason
from lara_queue.plans import Effect, Handle, run_async
from lara_queue.ports import Reservation
from lara_queue.worker.core import WorkerCore
from lara_queue.worker.handlers import Handlers
from lara_queue.worker.leases import keep_leases
from lara_queue.worker.lookahead import PATIENCE
from lara_queue.worker.performing import perform_async
from lara_queue.worker.reconnect import delays
from lara_queue.worker.settling import Settling
from lara_queue.worker.signals import PAUSE, RESUME, STOP, on_main_thread
from lara_queue.worker.taking import Taking

__all__ = ["AsyncWorker", "perform_async"]

logger = logging.getLogger("lara_queue")


class AsyncWorker:
    """Runs jobs until there is a reason to stop.

    Parameters:
        core: the worker's state and decisions.
    """

    def __init__(self, core: WorkerCore) -> None:
        self.core = core
        self._tasks: dict[int, asyncio.Task[None]] = {}  # by identity of their jobs
        self._stir = asyncio.Event()  # something happened that the loop should look at
        self._settling = Settling(core, self._stir)
        self._taking = Taking(core, self._settling, self._stir)
        self._handlers = Handlers(core)
        self._new_task: Callable[..., asyncio.Task[None]] = asyncio.Task  # what create_task() makes, but for a factory
        self._retry = delays(random.random)
        self._loop: asyncio.AbstractEventLoop | None = None

    async def run(self) -> StopReason:
        """Why it stopped. Cancelling the task that awaits this gives unfinished jobs back and passes on."""
        core = self.core
        self._loop = asyncio.get_running_loop()
        if self._loop.get_task_factory() is not None:
            self._new_task = self._loop.create_task
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
            await self._taking.put_back_ahead()
            await self._drain()
            if core.forced:
                reason = StopReason.INTERRUPTED
        finally:
            core.forced = True
            await self._taking.put_back_ahead()
            await self._abandon()
            await self._settling.close()
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
            reason = core.stop_reason(got_job or self._busy)
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
        if self._taking.is_ahead:
            return await self._start_ahead()
        in_hand = len(self._tasks) + self._settling.count
        if self._taking.full or in_hand >= 2 * core.parts.concurrency:  # half of them still to be settled
            await self._until_a_slot_is_free()
            return True  # whether to go on is to be decided before anything more is taken
        if not await self._may_run():
            await self._taking.put_back_waiting()
            if self._busy and not core.pause:
                await self._until_something_ends()
            else:
                await self._sleep(core.pause)
            return False
        taking = self._taking
        await taking.put_back_waiting()  # there are some only if the worker was idle when their slots became free
        free = await taking.hold()
        if core.quit or free <= 0:
            taking.free(free)
            return True
        try:
            if core.hears(JobPopping.name):
                core.tell_popping()
            finishing = (core.options.stop_when_empty or core.options.once) and self._busy
            batch = await taking.take(free, 0 if finishing else core.wait(core.clock()))
        except BaseException:
            taking.free(free)
            raise
        core.claimed += len(batch)
        taking.free(free - len(batch))
        if len(batch) == free:
            await self._ask_ahead()
        for taken in batch:
            self._start(taken)
        if not batch and finishing:
            # Empty, but not finished: what is still running may put jobs back, so look again when it has ended.
            await self._until_something_ends()
            return True
        if not batch and not core.quit:
            if not self._busy:
                core.tell_idle()
            if core.options.once or core.nowhere:
                await self._sleep(core.options.sleep if core.options.once else core.pause)
        if core.options.rest and batch:
            await self._sleep(core.options.rest)
        return bool(batch)

    async def _ask_ahead(self) -> None:
        """Have more jobs asked for, where that may be done ahead."""
        if self._may_ask_ahead():
            await self._taking.ask_ahead()

    def _may_ask_ahead(self) -> bool:
        """False when there is something to do, or to tell, before more jobs are asked for."""
        core = self.core
        if core.quit or core.options.once or core.options.rest or core.idle or core.signals_due():
            return False
        return not (core.hears(JobPopping.name) or core.hears(WorkerLooping.name))

    async def _until_a_slot_is_free(self) -> None:
        """Wait for that, and take jobs for the slots that will be free in a moment."""
        taking = self._taking
        if self._may_ask_ahead() and taking.look_ahead():
            return
        waiting = bool(taking.lookahead.jobs)
        if waiting and self.core.idle:
            await taking.put_back_waiting()
        elif not await self._until_something_ends(PATIENCE if waiting else None):
            taking.lookahead.misjudged()
            await taking.put_back_waiting()

    async def _start_ahead(self) -> bool:
        """Start the jobs that were asked for ahead. Always True: that there are none, only a look with a wait tells."""
        core = self.core
        batch, more = await self._taking.taken_ahead()
        if core.quit or core.restarted or core.idle:
            self._taking.free(len(batch))
            core.claimed -= len(batch)
            await self._taking.put_back_waiting()
            await self._taking.give_back(batch)
            return True
        if more:
            await self._ask_ahead()
        for taken in batch:
            self._start(taken)
        return True

    async def _may_run(self) -> bool:
        """False while the worker is paused, the application is down for maintenance, or a listener forbids it."""
        core = self.core
        if not core.hears(WorkerLooping.name):
            return not core.idle
        emitter = core.parts.emitter
        allowed: bool = await emitter.allows(core.looping())  # type: ignore[misc]  # this face's emitter
        return allowed and not core.idle

    def _start(self, taken: Reservation) -> None:
        job = self.core.job(taken)
        self.core.begun(job)
        if self.core.hears(JobPopped.name):
            self.core.tell(JobPopped(job))
        self._tasks[id(job)] = self._new_task(self._one(job), name="lara_queue job")

    async def _one(self, job: Job) -> None:
        """One job from attempt to settlement, which may still be on its way when this task has ended.

        Its slot is free as soon as its handler has ended: the next job is taken in the round trip that settles it.
        """
        core = self.core
        on_its_way = False
        try:
            started = time.perf_counter()
            try:
                outcome = await run_async(core.lifecycle.attempt(job), self._perform)
            finally:
                following = self._taking.following()
                if following is not None:
                    self._start(following)
                self._stir.set()
            now = time.perf_counter()
            self._taking.lookahead.ended(now)
            core.ended(job, outcome, started, now)
            on_its_way = self._settling.done(job, outcome)
            if not on_its_way:
                await self._settling.settle(job, outcome)
        except Interrupted:
            pass
        except Exception:
            logger.exception("A job ended in a way it must not; its lease brings it back.")
        finally:
            del self._tasks[id(job)]
            if not on_its_way:
                core.settled(job)
            self._stir.set()

    # -- the end ----------------------------------------------------------------

    async def _drain(self) -> None:
        """Wait for the jobs in hand, up to the shutdown timeout or a second signal."""
        core = self.core
        limit = core.options.shutdown_timeout
        until = None if limit is None else time.monotonic() + limit
        while self._busy and not core.forced:
            if until is not None and time.monotonic() >= until:
                core.forced = True
                return
            await self._until_something_ends(None if until is None else until - time.monotonic())

    async def _abandon(self) -> None:
        """Cancel what still runs; each job is given back by its own plan, one whose task had not begun from here."""
        while self._tasks:
            running = dict(self._tasks)
            for task in running.values():
                task.cancel()
            await asyncio.wait(running.values(), timeout=5)
            for number, task in running.items():
                if task.done() and self._tasks.pop(number, None) is not None:
                    await self._give_back_unbegun(self.core.in_hand[number])
            if all(task.cancelling() > 3 for task in self._tasks.values()):
                break  # a handler that swallows every cancellation; its lease brings the job back

    async def _give_back_unbegun(self, job: Job) -> None:
        try:
            await self._taking.give_back([job.reservation])
        except StoreError as error:
            logger.error("%r was taken but not begun; it returns when its lease runs out: %s", job, error)
        self.core.settled(job)

    @property
    def _busy(self) -> bool:
        """True while a job is in hand."""
        return bool(self._tasks) or self._settling.count > 0

    async def _until_something_ends(self, timeout: float | None = None) -> bool:
        """Wait until a job has ended, or somebody wants something; False when nothing came in time."""
        self._stir.clear()
        if self._busy and not self.core.forced:
            if timeout is None:
                await self._stir.wait()
                return True
            try:
                async with asyncio.timeout(timeout):  # wait_for() of Python 3.11 can swallow a cancellation
                    await self._stir.wait()
            except TimeoutError:
                return False
        return True

    async def _sleep(self, seconds: float) -> None:
        """Sleep, but not past a request to stop."""
        until = time.monotonic() + seconds
        while not self.core.quit and (left := until - time.monotonic()) > 0:
            self._stir.clear()
            try:
                async with asyncio.timeout(left):
                    await self._stir.wait()
            except TimeoutError:
                return

    def _reservations(self) -> list[Reservation]:
        return [*(job.reservation for job in list(self.core.in_hand.values())), *self._taking.lookahead.jobs]

    # -- effects ----------------------------------------------------------------

    def _perform(self, effect: Effect) -> Awaitable[Any]:
        if isinstance(effect, Handle):
            return self._handlers.run(effect.job, self._tasks[id(effect.job)])
        return perform_async(effect, self.core.tell)

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
