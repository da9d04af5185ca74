"""Settling jobs on the event loop: those that went well many at a time and behind their tasks' backs, others at once.

The deletion of a job that went well is asked for together with the next jobs, in one write, and after a millisecond at
the latest. No task waits for the answer; the job stays in hand, and its lease is kept, until it has come.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Awaitable

from lara_queue.answers import PATIENCE
from lara_queue.errors import StoreError, StoreUnreachable
from lara_queue.job import Job
from lara_queue.lifecycle.attempt import DONE, Outcome
from lara_queue.plans import Effect, begun_async, run_async
from lara_queue.worker.core import WorkerCore
from lara_queue.worker.performing import perform_async
from lara_queue.worker.reconnect import delays

__all__ = ["Settling"]

logger = logging.getLogger("lara_queue")

_LONGEST = 0.001
"""Seconds that the deletion of a job that went well may wait for company."""


class Settling:
    """The settlements of one worker.

    Parameters:
        core: the worker's state.
        stir: set whenever something has been settled.
    """

    def __init__(self, core: WorkerCore, stir: asyncio.Event) -> None:
        self._core = core
        self._stir = stir
        self._done: list[Job] = []
        self._timer: asyncio.TimerHandle | None = None
        self._sent: set[asyncio.Task[None]] = set()
        self.count = 0
        """Jobs whose deletion is on its way, or about to be."""

    def done(self, job: Job, outcome: Outcome) -> bool:
        """True when the job's deletion will be seen to; False when it must be settled by itself.

        It must when somebody is to be told of its end, who would miss the context that the job's own task has.
        """
        if outcome is not DONE or self._core.hears_ends:
            return False
        self.count += 1
        self._done.append(job)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_LONGEST, self.flush)
        return True

    def flush(self) -> None:
        """Ask now for the deletions that are due."""
        if not self._done:
            return
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        jobs, self._done = self._done, []
        asked = begun_async(self._core.lifecycle.settle_done(jobs), self._perform)
        task = asyncio.get_running_loop().create_task(self._deleted(jobs, asked))
        self._sent.add(task)
        task.add_done_callback(self._sent.discard)

    async def _deleted(self, jobs: list[Job], asked: Awaitable[None]) -> None:
        core = self._core
        try:
            try:
                await asked
            except StoreError:
                # Nobody knows whether they are deleted; one that was is then found lost, which is told.
                await asyncio.gather(*(self.settle(job, DONE) for job in jobs))
        except Exception:
            logger.exception("Jobs ended in a way they must not; their leases bring them back.")
        finally:
            for job in jobs:
                core.settled(job)
            self.count -= len(jobs)
            self._stir.set()

    async def settle(self, job: Job, outcome: Outcome) -> None:
        """Settle stubbornly: while the lease may still live, a store that is away is tried again."""
        core = self._core
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
                    event = core.went_down(error)
                    if event is not None:
                        core.tell(event)
                elif told != str(error):  # a store that answers so may be mended meanwhile, but somebody has to know
                    told = str(error)
                    logger.error("%r cannot be settled yet: %s", job, error)
                await asyncio.sleep(pause)
            except asyncio.CancelledError:
                # The work is done; being told to leave now must not undo that. Deleting twice does no harm.
                if interrupted:
                    raise
                interrupted = True

    async def close(self) -> None:
        """Wait for what is on its way, for ten seconds."""
        self.flush()
        until = time.monotonic() + PATIENCE
        while self._sent and (left := until - time.monotonic()) > 0:
            await asyncio.wait(self._sent, timeout=left)

    def _perform(self, effect: Effect) -> Awaitable[object]:
        return perform_async(effect, self._core.tell)
