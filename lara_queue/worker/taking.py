"""Taking jobs on the event loop: as many as there are free slots, and ahead of the running where there are many slots.

With many slots jobs are taken in halves. The next half is asked for before the jobs of the last one have their turn, so
the store works while the handlers do. What was asked for holds its slots: no more jobs run at once than may. Where the
slots are full of jobs that wait, some are taken for the slots that will be free in a moment
(:mod:`lara_queue.worker.lookahead`).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Sequence
from typing import Any

from lara_queue.errors import StoreError
from lara_queue.plans import WAIT, Call, Effect, begun_async, run_async
from lara_queue.ports import Reservation
from lara_queue.worker.core import WorkerCore
from lara_queue.worker.lookahead import Lookahead
from lara_queue.worker.performing import perform_async
from lara_queue.worker.settling import Settling

__all__ = ["Taking"]

logger = logging.getLogger("lara_queue")

_HALVES_FROM = 32
"""Slots from which on jobs are taken in halves: with fewer, more and smaller requests cost more than they save."""


class _Stirred(Exception):
    """Raised into a reserve that merely waits for work."""


class Taking:
    """The slots of one worker, and the jobs on their way into them.

    Parameters:
        core: the worker's state.
        settling: what is to be deleted travels with what is taken.
        stir: set whenever the worker should look up.
    """

    def __init__(self, core: WorkerCore, settling: Settling, stir: asyncio.Event) -> None:
        slots = core.parts.concurrency
        self._core = core
        self._settling = settling
        self._stir = stir
        self._slots = asyncio.Semaphore(slots)
        self._at_once = (slots + 1) // 2 if slots >= _HALVES_FROM else slots
        self._ahead_is_worth_it = self._at_once < slots
        self._ahead: tuple[int, int, Awaitable[list[Reservation]]] | None = None
        self.lookahead = Lookahead(slots, least=_HALVES_FROM)

    # -- slots ----------------------------------------------------------------

    @property
    def full(self) -> bool:
        """True when no slot is free."""
        return self._slots.locked()

    async def hold(self) -> int:
        """How many free slots are now held, as many as may be used at once."""
        core = self._core
        allowed = 1 if core.options.once else core.limit(self._at_once)
        held = 0
        while held < allowed and not self._slots.locked():
            await self._slots.acquire()
            held += 1
        return held

    def free(self, count: int = 1) -> None:
        """Slots are free again."""
        for _ in range(count):
            self._slots.release()

    def following(self) -> Reservation | None:
        """The job for a slot whose job has ended; None when there is none, and the slot is free."""
        core = self._core
        if self.lookahead.jobs and not (core.quit or core.forced or core.restarted or core.idle):
            return self.lookahead.jobs.popleft()
        self._slots.release()
        return None

    # -- now ----------------------------------------------------------------

    async def take(self, limit: int, wait: float) -> list[Reservation]:
        """Up to ``limit`` jobs; a request to stop cuts the waiting short, and nothing that was taken is dropped."""
        core = self._core
        self._settling.flush()
        try:
            taken = await run_async(core.driver.reserve(core.where(), limit=limit, wait=wait), self._perform)
        except _Stirred:
            return []
        if core.quit:
            await self.give_back(taken)
            return []
        self.lookahead.more = len(taken) == limit
        return taken

    async def give_back(self, taken: list[Reservation]) -> None:
        """Put back jobs that were not begun; the last one first, as each goes to the head of its queue."""
        for one in reversed(taken):
            await asyncio.shield(run_async(self._core.driver.give_back(one), perform_async))

    def _perform(self, effect: Effect) -> Awaitable[Any]:
        """What a reserve asks for. The link sees to it that a cancelled one puts back what it took."""
        if isinstance(effect, Call) and effect.name == WAIT:
            return self._wait(effect)
        return perform_async(effect)

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
                if self._core.quit or self._core.paused:
                    raise _Stirred
                self._stir.clear()
        finally:
            if not waiting.done():
                waiting.cancel()
                await asyncio.wait({waiting})

    # -- ahead ----------------------------------------------------------------

    @property
    def is_ahead(self) -> bool:
        """True while jobs are on their way that were asked for ahead."""
        return self._ahead is not None

    async def ask_ahead(self) -> None:
        """Ask for more jobs before those that were taken have their turn, where that is worth it."""
        core = self._core
        if not self._ahead_is_worth_it or core.quit or core.options.rest:
            return
        free = await self.hold()
        queues = core.where() if free else ()
        if not queues:
            self.free(free)
            return
        self._ask(queues, free, held=free)

    def look_ahead(self) -> bool:
        """Ask for jobs whose slots will be free in a moment; False when there is nothing to ask for."""
        core = self._core
        missing = core.limit(self.lookahead.missing)
        queues = core.where() if missing else ()
        if not queues:
            return False
        self._ask(queues, missing, held=0)
        return True

    def _ask(self, queues: Sequence[str], limit: int, *, held: int) -> None:
        self._settling.flush()
        self._ahead = held, limit, begun_async(self._core.driver.reserve(queues, limit=limit), perform_async)

    async def taken_ahead(self) -> tuple[list[Reservation], bool]:
        """The jobs that were asked for ahead and can begin, and whether the store had as many as it was asked for.

        The slots of these jobs are held. Those whose slots are still to become free are kept.
        """
        assert self._ahead is not None
        (held, asked, coming), self._ahead = self._ahead, None
        try:
            taken = await coming
        except BaseException:
            self.free(held)
            raise
        self._core.claimed += len(taken)
        self.lookahead.more = len(taken) == asked
        if held:
            self.free(held - len(taken))
            return taken, len(taken) == held
        slots = 0
        if not self.lookahead.jobs:  # else these are behind them
            while slots < len(taken) and not self._slots.locked():
                await self._slots.acquire()
                slots += 1
        self.lookahead.jobs.extend(taken[slots:])
        return taken[:slots], False

    async def put_back_ahead(self) -> None:
        """Give back what was asked for ahead, and what waits for a slot."""
        try:
            if self._ahead is not None:
                taken, _ = await self.taken_ahead()
                self.free(len(taken))
                self._core.claimed -= len(taken)
                await self.put_back_waiting()  # the later ones first
                await self.give_back(taken)
            await self.put_back_waiting()
        except StoreError as error:
            logger.error("Jobs that were taken but not begun return when their leases run out: %s", error)

    async def put_back_waiting(self) -> None:
        """Give back the jobs that wait for a slot, the last one first."""
        waiting = self.lookahead.jobs
        while waiting:
            last = waiting.pop()  # before it is given back: from then on it may be another worker's
            self._core.claimed -= 1
            await self.give_back([last])
