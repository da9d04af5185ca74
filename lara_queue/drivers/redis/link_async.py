"""The asyncio link: what is asked in the same turn of the event loop travels in one write.

A call is put into a basket, which is emptied onto one connection in the next turn; nobody waits for the answers to what
was sent before. Calls of one script on one queue that can be one call are: fifty deletes become one script with fifty
arguments, whose answer still says which lease had been lost. An answer, or an error, goes to the future of exactly the
call it belongs to (:mod:`lara_queue.drivers.redis.conversation`).

Nobody who asks touches the connection, so cancelling one who waits for an answer breaks nothing. A cancelled
``reserve`` waits until it knows what it took, and puts it back.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable, Sequence
from copy import copy
from functools import partial
from typing import Any

from redis.exceptions import RedisError

from lara_queue.answers import finished, resolve
from lara_queue.drivers.redis.conversation import Asked, Conversation, Tell, translated
from lara_queue.drivers.redis.links import Recipe, blocking_seconds, caused, translate
from lara_queue.drivers.redis.reserving import undo
from lara_queue.plans import WAIT, Call

__all__ = ["AsyncRedisLink"]

_IDLE = 1.0  # seconds after which a connection is listened to before it is used again: the server may have hung up
_MOST = 500  # arguments in a merged call

_MERGED = {"push": 0, "later": 0, "delete": 1, "release": 2, "give_back": 3}
"""Scripts whose calls can be merged, with the number of arguments for each character of the answer (0: no answer)."""

_Basket = list[tuple[str, tuple[Any, ...], Tell]]


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

    def call(self, name: str, args: tuple[Any, ...]) -> Awaitable[Any]:
        """The command's answer, awaited; it is asked for now, but for ``wait`` and ``close``."""
        line = self._line()
        if name == WAIT:
            return line.wait(*args)
        if name == "close":
            return line.close()
        if name == "reserve":
            return line.reserve(args)
        return line.ask(name, args)

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


class _Line:
    """The connections of one event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop, recipe: Recipe) -> None:
        self._loop = loop
        self._recipe = recipe
        self._basket: _Basket = []
        self._talk: Conversation | None = None
        self._opening: asyncio.Task[None] | None = None
        self._used = 0.0
        self._waiting: list[tuple[Any, float]] = []

    def ask(self, name: str, args: tuple[Any, ...]) -> asyncio.Future[Any]:
        """The answer to come."""
        future = self._loop.create_future()
        self._basket.append((name, args, partial(resolve, future)))
        if len(self._basket) == 1:
            self._loop.call_soon(self._flush)
        return future

    def reserve(self, args: tuple[Any, ...]) -> Awaitable[Any]:
        """The answer of the reserve script. Cancelled, it first puts back what was taken."""
        return self._taken(args, self.ask("reserve", args))

    async def _taken(self, args: tuple[Any, ...], asked: asyncio.Future[Any]) -> Any:
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
        cancelled = _cancellings()
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
            if _cancellings() > cancelled:  # redis-py sends by wait_for(), which swallows that on Python 3.11
                raise asyncio.CancelledError
            answer = await connection.read_response(disable_decoding=True)
        except (RedisError, OSError) as error:
            if connection is not None:
                await connection.disconnect(nowait=True)
            self._used = 0.0  # the other connection leads to the same place: listen before it is used
            raise translate(error, self._recipe.where) from error
        except asyncio.CancelledError:
            if connection is not None:
                await connection.disconnect(nowait=True)
            raise
        self._waiting.append((connection, limit))
        return answer is not None

    async def close(self) -> None:
        """Close the connections when what was asked has been answered; a later call opens new ones."""
        if self._basket or (self._talk is not None and self._talk.is_waiting):
            await finished([self.ask("PING", ())])  # answers come in order: with this one all have come
        talk, self._talk = self._talk, None
        waiting, self._waiting = self._waiting, []
        if talk is not None:
            await talk.close()
        for free, _ in waiting:
            await free.disconnect()

    def _flush(self) -> None:
        """Send what is in the basket, in one write; on a new connection where there is none, or it is ending."""
        if self._talk is None or self._talk.is_over:
            if self._opening is None:
                self._opening = self._loop.create_task(self._open())
        elif self._loop.time() - self._used > _IDLE:
            # The server may have hung up. The loop hears of it in its next turn, and has done so in the one after.
            self._used = self._loop.time()
            self._loop.call_soon(self._loop.call_soon, self._send)
        else:
            self._send()

    def _send(self) -> None:
        talk = self._talk
        if talk is None or talk.is_over:
            self._flush()
            return
        basket, self._basket = self._basket, []
        self._used = self._loop.time()
        talk.send(_merge(basket))

    async def _open(self) -> None:
        talk = Conversation(self._recipe)
        try:
            await talk.open()
        except BaseException as error:
            basket, self._basket = self._basket, []
            for asked in _merge(basket):
                asked.tell(translated(error, self._recipe.where))
            if not isinstance(error, Exception):
                raise
        else:
            self._talk = talk
            self._send()
        finally:
            self._opening = None


def _merge(basket: _Basket) -> list[Asked]:
    """The commands to send for a basket of calls.

    Those that can be one are; they stand where the last of them stood in the basket, so that a lease renewed in the
    same turn in which its job is deleted is not found lost.
    """
    groups: dict[Any, list[tuple[tuple[Any, ...], Tell]]] = {}
    plain: list[Asked] = []
    order: dict[Any, None] = {}
    last = group = None
    for name, args, tell in basket:
        if name not in _MERGED:
            plain.append(Asked(name, args, tell))
            order[len(plain) - 1] = None
            last = None
            continue
        place = (name, args[0])
        if place != last or group is None:
            group = groups.setdefault(place, [])
            order.pop(place, None)
            order[place] = None
            last = place
        group.append((args[1], tell))
    commands: list[Asked] = []
    for place in order:
        if isinstance(place, int):
            commands.append(plain[place])
        else:
            commands.extend(_merged(place[0], place[1], groups[place]))
    return commands


def _merged(name: str, keys: Any, group: list[tuple[tuple[Any, ...], Tell]]) -> Iterable[Asked]:
    """One call for many, with a distribution of its answer."""
    step = _MERGED[name]
    while group:
        argv: list[Any] = []
        taken = 0
        for own, _ in group:
            if argv and len(argv) + len(own) > _MOST:
                break
            argv += own
            taken += 1
        part, group = group[:taken], group[taken:]
        yield Asked(name, (keys, tuple(argv)), partial(_share, step, part))


def _share(step: int, part: list[tuple[tuple[Any, ...], Tell]], answer: Any) -> None:
    """Tell each of those whose calls were merged its own part of the answer."""
    if isinstance(answer, BaseException):
        for _, tell in part:  # to each an exception of his own, or their tracebacks would mix
            tell(caused(copy(answer), answer.__cause__))
        return
    at = 0
    for own, tell in part:
        if step:
            length = len(own) // step
            tell(answer[at : at + length])
            at += length
        else:
            tell(answer)


def _cancellings() -> int:
    """How often the task that runs now was cancelled."""
    task = asyncio.current_task()
    return 0 if task is None else task.cancelling()


async def _has_ended(connection: Any) -> bool:
    """True when there is anything to read although nothing was asked: that can only be the end."""
    look = getattr(connection, "can_read", None) or connection.can_read_destructive  # renamed in redis-py 8
    try:
        return bool(await look())
    except (RedisError, OSError):
        return True
