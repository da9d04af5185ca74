"""The asyncio link: what is asked in the same turn of the event loop runs in one transaction, in a thread beside it.

If any script of such a basket raises, nothing of it happened, and each is run once more in a transaction of its own, so
that an error reaches only those it is about.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from concurrent.futures import ThreadPoolExecutor
from copy import copy
from typing import Any

from lara_queue.answers import finished, resolve
from lara_queue.errors import StoreUnreachable
from lara_queue.plans import WAIT, Call, Effect, run_async
from lara_queue.sql.database import Database
from lara_queue.sql.marks import run_together, undo_of
from lara_queue.sql.watching import LOOK, START, Watched, Watchers, waiting
from lara_queue.sql.within import WITHIN, insert_within_async

__all__ = ["AsyncSqlLink"]


class AsyncSqlLink:
    """The same for asyncio, awaited. It may be used on several event loops; each has a thread of its own."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self._lines: dict[asyncio.AbstractEventLoop, _Line] = {}

    def call(self, name: str, args: tuple[Any, ...]) -> Awaitable[Any]:
        """What the script returns, awaited; a script is asked for now."""
        line = self._line()
        if name == WAIT:
            return line.wait(*args)
        if name == WITHIN:
            return insert_within_async(self.database, *args)
        if name == "close":
            return line.close()
        return line.run(args)

    async def together(self, calls: Sequence[Call]) -> list[Any]:
        """What the scripts return; the answer of one that failed is its error."""
        line = self._line()
        return await asyncio.gather(*(line.run(call.args) for call in calls), return_exceptions=True)

    def _line(self) -> _Line:
        loop = asyncio.get_running_loop()
        line = self._lines.get(loop)
        if line is None:
            for closed in [known for known in self._lines if known.is_closed()]:
                self._lines.pop(closed).thread.shutdown(wait=False)
            line = self._lines[loop] = _Line(loop, self.database)
        return line


class _Line:
    """The basket and the thread of one event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop, database: Database) -> None:
        self._loop = loop
        self._database = database
        self._basket: list[tuple[tuple[Any, ...], asyncio.Future[Any]]] = []
        self._pump: asyncio.Task[None] | None = None
        self._watchers = Watchers(database)
        self.thread = ThreadPoolExecutor(1, thread_name_prefix="lara_queue-sql")

    def run(self, args: tuple[Any, ...]) -> Awaitable[Any]:
        """The answer to come, taken back by its script's undo if nobody waits for it any more."""
        asked = self.ask(args)
        return self._undoable(args, asked) if undo_of(args[0]) is not None else asked

    def ask(self, args: tuple[Any, ...]) -> asyncio.Future[Any]:
        """The answer to come. Cancelling it changes nothing in the database: the script runs all the same."""
        future = self._loop.create_future()
        self._basket.append((args, future))
        if self._pump is None:
            self._pump = self._loop.create_task(self._run())
        return future

    async def _undoable(self, args: tuple[Any, ...], asked: asyncio.Future[Any]) -> Any:
        try:
            return await asyncio.shield(asked)
        except asyncio.CancelledError:
            await finished([asked])
            if asked.done() and asked.exception() is None:
                await finished([self.ask((undo_of(args[0]), *args[1:], asked.result()))])
            raise  # what could not be undone comes right when the lease runs out

    async def wait(self, seconds: float, watched: Watched | None = None) -> bool:
        """True when there is something to take, False after so many seconds without."""
        if watched is None:
            await asyncio.sleep(max(0.0, seconds))
            return False
        watcher = self._watchers.take()

        async def perform(effect: Effect) -> Any:
            assert isinstance(effect, Call)
            if effect.name == LOOK:
                return await self.ask(effect.args)
            if effect.name != START:
                return await self._pause(*effect.args)
            started = self._loop.run_in_executor(self.thread, watcher.start, *effect.args)
            try:
                return await asyncio.shield(started)
            except asyncio.CancelledError:
                await finished([started])  # the watcher must not be closed under the thread that opens it
                raise

        try:
            stirred = await run_async(waiting(watcher, watched, seconds), perform)
        except BaseException:
            watcher.close()
            raise
        self._watchers.put(watcher)
        return stirred

    async def _pause(self, seconds: float, fd: int | None) -> None:
        if fd is None:
            return await asyncio.sleep(seconds)
        readable = self._loop.create_future()
        self._loop.add_reader(fd, resolve, readable, None)
        try:
            await asyncio.wait([readable], timeout=seconds)
        finally:
            self._loop.remove_reader(fd)

    async def _run(self) -> None:
        basket: list[tuple[tuple[Any, ...], asyncio.Future[Any]]] = []
        try:
            while self._basket:
                basket, self._basket = self._basket, []
                asked = [args for args, _ in basket]
                answers = await self._loop.run_in_executor(self.thread, run_together, self._database, asked)
                for (_, future), answer in zip(basket, answers, strict=True):
                    resolve(future, answer)
        except asyncio.CancelledError:  # with the loop; whoever waits must not wait for ever
            gone = StoreUnreachable(f"The connection to {self._database.where} was closed before it answered.")
            left, self._basket = self._basket, []
            for _, future in [*basket, *left]:
                resolve(future, copy(gone))
            raise
        finally:
            self._pump = None

    async def close(self) -> None:
        """Close the connections when what was asked has been answered; a later script opens new ones."""
        while self._pump is not None:
            await asyncio.wait([self._pump])
        self._watchers.close()
        thread, self.thread = self.thread, ThreadPoolExecutor(1, thread_name_prefix="lara_queue-sql")
        await self._loop.run_in_executor(thread, self._database.close)
        thread.shutdown(wait=False)
