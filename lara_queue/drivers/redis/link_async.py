"""The asyncio link: what is asked in the same turn of the event loop travels in one write.

A call is put into a basket. In the next turn one task, the pump, empties the basket onto one connection and reads the
answers, while the next basket fills. Calls of one script on one queue that can be one call are: fifty deletes become
one script with fifty arguments, whose answer still says which lease had been lost. An answer, or an error, goes to the
future of exactly the call it belongs to.

Nobody who asks touches the connection, so cancelling one who waits for an answer breaks nothing. A cancelled
``reserve`` waits until it knows what it took, and puts it back.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from copy import copy
from functools import partial
from typing import Any

from hiredis import pack_command
from redis.exceptions import NoScriptError, RedisError, ResponseError

from lara_queue.answers import finished, resolve
from lara_queue.drivers.redis.links import Recipe, blocking_seconds, caused, command, command_with_source, translate
from lara_queue.drivers.redis.lua import SCRIPTS
from lara_queue.drivers.redis.reserving import undo
from lara_queue.errors import StoreUnreachable
from lara_queue.plans import WAIT, Call

__all__ = ["AsyncRedisLink"]

_IDLE = 1.0  # seconds after which a connection is looked at before it is used again: the server may have hung up
_MOST = 500  # arguments in a merged call

_MERGED = {"push": 0, "later": 0, "delete": 1, "release": 2, "give_back": 3}
"""Scripts whose calls can be merged, with the number of arguments for each character of the answer (0: no answer)."""


class AsyncRedisLink:
    """Performs Redis commands, our scripts by name, ``wait`` (for a token) and ``close``, each awaited.

    Raises :class:`~lara_queue.errors.StoreUnreachable` when the server cannot be reached (the next call tries again)
    and :class:`~lara_queue.errors.StoreError` when it refuses. It may be used on several event loops; each has
    connections of its own.
    """

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe
        self._lines: dict[asyncio.AbstractEventLoop, _Line] = {}
        self._last: tuple[asyncio.AbstractEventLoop, _Line] | None = None

    async def call(self, name: str, args: tuple[Any, ...]) -> Any:
        """The command's answer."""
        line = self._line()
        if name == WAIT:
            return await line.wait(*args)
        if name == "close":
            return await line.close()
        if name == "reserve":
            return await line.reserve(args)
        return await line.ask(name, args)

    async def together(self, calls: Sequence[Call]) -> list[Any]:
        """The answers of several calls, in one round trip; the answer of a call that failed is its exception."""
        line = self._line()
        asked = [
            line.reserve(call.args) if call.name == "reserve" else line.ask(call.name, call.args) for call in calls
        ]
        return await asyncio.gather(*asked, return_exceptions=True)

    def _line(self) -> _Line:
        loop = asyncio.get_running_loop()
        last = self._last
        if last is not None and last[0] is loop:
            return last[1]
        line = self._lines.get(loop)
        if line is None:
            for closed in [known for known in self._lines if known.is_closed()]:
                del self._lines[closed]
            line = self._lines[loop] = _Line(loop, self.recipe)
        self._last = (loop, line)
        return line


class _Asked:
    """A command to send, and who waits for its answer."""

    __slots__ = ("args", "name", "tell")

    def __init__(self, name: str, args: tuple[Any, ...], tell: Callable[[Any], None]) -> None:
        self.name = name
        self.args = args
        self.tell = tell


class _Line:
    """The connections of one event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop, recipe: Recipe) -> None:
        self._loop = loop
        self._recipe = recipe
        self._basket: list[tuple[str, tuple[Any, ...], asyncio.Future[Any]]] = []
        self._pump: asyncio.Task[None] | None = None
        self._connection: Any = None
        self._used = 0.0
        self._waiting: list[tuple[Any, float]] = []
        self._unknown: list[_Asked] = []

    def ask(self, name: str, args: tuple[Any, ...]) -> asyncio.Future[Any]:
        """The answer to come."""
        future = self._loop.create_future()
        self._basket.append((name, args, future))
        if self._pump is None:
            self._pump = self._loop.create_task(self._run())
        return future

    async def reserve(self, args: tuple[Any, ...]) -> Any:
        """The answer of the reserve script. Cancelled, it first puts back what was taken."""
        asked = self.ask("reserve", args)
        try:
            return await asyncio.shield(asked)
        except asyncio.CancelledError:
            await finished([asked])
            if asked.done() and asked.exception() is None:
                await finished([self.ask(*call) for call in undo(args, asked.result())])
            raise  # what could not be put back comes back when its lease runs out

    async def wait(self, seconds: float, keys: Sequence[bytes]) -> bool:
        """True when a token came on one of the lists, False after so many seconds without.

        On a connection of its own, which is dropped when the waiting is cut short: a token is all that can be lost.
        """
        seconds = max(seconds, 0.001)
        limit = blocking_seconds(seconds)
        connection = None
        for i, (free, its_limit) in enumerate(self._waiting):
            if its_limit >= limit:
                connection, limit = free, its_limit
                del self._waiting[i]
                break
        try:
            if connection is None:
                connection = self._recipe.make(blocking=limit)
            elif await _has_ended(connection):
                await connection.disconnect(nowait=True)
            await connection.send_packed_command(connection.pack_command("BLPOP", *keys, f"{seconds:.3f}"))
            answer = await connection.read_response(disable_decoding=True)
        except (RedisError, OSError) as error:
            if connection is not None:
                await connection.disconnect(nowait=True)
            self._used = 0.0  # the other connection leads to the same place: look before it is used
            raise translate(error, self._recipe.where) from error
        except asyncio.CancelledError:
            if connection is not None:
                await connection.disconnect(nowait=True)
            raise
        self._waiting.append((connection, limit))
        return answer is not None

    async def close(self) -> None:
        """Close the connections when what was asked has been answered; a later call opens new ones."""
        if self._pump is not None:
            await finished([self._pump])
        connection, self._connection = self._connection, None
        waiting, self._waiting = self._waiting, []
        for one in [connection, *(free for free, _ in waiting)]:
            if one is not None:
                await one.disconnect()

    async def _run(self) -> None:
        """Empty the basket until nothing is left in it."""
        sent: list[_Asked] = []
        try:
            while self._basket:
                basket, self._basket = self._basket, []
                sent = _merge(basket)
                await self._exchange(sent)
        except asyncio.CancelledError as error:  # with the loop; whoever waits must not wait for ever
            gone = StoreUnreachable(f"The connection to Redis at {self._recipe.where} was closed before it answered.")
            left, self._basket = self._basket, []
            for asked in [*sent, *_merge(left)]:
                asked.tell(caused(copy(gone), error))
            await self._drop()
            raise
        finally:
            self._pump = None

    async def _exchange(self, sent: list[_Asked]) -> None:
        """Send the commands in one write and hand out the answers; an error goes to those it is about."""
        left = deque(sent)
        try:
            connection = await self._connected()
            left, packed = _packed(sent, command)
            await connection.send_packed_command(packed)
            unknown = await self._hand_out(connection, left)
            if unknown:  # the server has forgotten scripts, so these were not run: send the scripts' text
                left, packed = _packed(unknown, command_with_source)
                await connection.send_packed_command(packed)
                await self._hand_out(connection, left)
            self._used = time.monotonic()
        except Exception as error:
            await self._drop()
            known = isinstance(error, RedisError | OSError)
            for asked in [*left, *self._unknown]:
                asked.tell(caused(translate(error, self._recipe.where), error) if known else error)
        finally:
            self._unknown = []

    async def _hand_out(self, connection: Any, left: deque[_Asked]) -> list[_Asked]:
        """Read an answer for each and hand it on; those whose script the server does not know are returned."""
        where = self._recipe.where
        unknown = self._unknown = []
        while left:
            try:
                answer = await connection.read_response(disable_decoding=True)
            except ResponseError as error:
                if isinstance(error, NoScriptError) and left[0].name in SCRIPTS:
                    unknown.append(left.popleft())
                    continue
                answer = caused(translate(error, where), error)
            left.popleft().tell(answer)
        return unknown

    async def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.disconnect(nowait=True)

    async def _connected(self) -> Any:
        connection = self._connection
        if connection is None:
            connection = self._connection = self._recipe.make()
        elif time.monotonic() - self._used > _IDLE and await _has_ended(connection):
            await connection.disconnect(nowait=True)  # it connects again when it sends
        return connection


def _merge(basket: Iterable[tuple[str, tuple[Any, ...], asyncio.Future[Any]]]) -> list[_Asked]:
    """The commands to send for a basket of calls.

    Those that can be one are; they stand where the last of them stood in the basket, so that a lease renewed in the
    same turn in which its job is deleted is not found lost.
    """
    sent: dict[Any, list[tuple[tuple[Any, ...], asyncio.Future[Any]]]] = {}
    plain: list[_Asked] = []
    order: dict[Any, None] = {}
    for name, args, future in basket:
        if name not in _MERGED:
            plain.append(_Asked(name, args, partial(resolve, future)))
            order[len(plain) - 1] = None
            continue
        place = (name, args[0])
        group = sent.setdefault(place, [])
        order.pop(place, None)
        order[place] = None
        group.append((args[1], future))
    commands: list[_Asked] = []
    for place in order:
        if isinstance(place, int):
            commands.append(plain[place])
        else:
            commands.extend(_merged(place[0], place[1], sent[place]))
    return commands


def _merged(name: str, keys: Any, group: list[tuple[tuple[Any, ...], asyncio.Future[Any]]]) -> Iterable[_Asked]:
    """One call for many, with a distribution of its answer."""
    step = _MERGED[name]
    while group:
        argv: list[Any] = []
        shares: list[tuple[asyncio.Future[Any], int]] = []
        taken = 0
        for own, future in group:
            if argv and len(argv) + len(own) > _MOST:
                break
            argv += own
            shares.append((future, len(own) // step if step else 0))
            taken += 1
        group = group[taken:]

        def tell(answer: Any, shares: list[tuple[asyncio.Future[Any], int]] = shares) -> None:
            if isinstance(answer, BaseException):
                for future, _ in shares:  # to each an exception of his own, or their tracebacks would mix
                    resolve(future, caused(copy(answer), answer.__cause__))
                return
            if not step:
                for future, _ in shares:
                    resolve(future, answer)
                return
            at = 0
            for future, length in shares:
                resolve(future, answer[at : at + length])
                at += length

        yield _Asked(name, (keys, tuple(argv)), tell)


async def _has_ended(connection: Any) -> bool:
    """True when there is anything to read although nothing was asked: that can only be the end."""
    look = getattr(connection, "can_read", None) or connection.can_read_destructive  # renamed in redis-py 8
    try:
        return bool(await look())
    except (RedisError, OSError):
        return True


def _packed(
    sent: Iterable[_Asked], word: Callable[[str, tuple[Any, ...]], tuple[Any, ...]]
) -> tuple[deque[_Asked], list[bytes]]:
    """Those that can be sent, and the bytes to send; whoever asked what no bytes can be made of is told so."""
    able: deque[_Asked] = deque()
    pieces: list[bytes] = []
    for asked in sent:
        try:
            pieces.append(pack_command(word(asked.name, asked.args)))
        except Exception as error:
            asked.tell(error)
        else:
            able.append(asked)
    return able, [b"".join(pieces)]
