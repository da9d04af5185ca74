"""An asyncio connection as two directions: bytes go out at any time, answers come in, in order.

redis-py opens the connection, with all that its class knows of TLS, passwords and protocol versions. Then its transport
is read here, without a stream and a timeout object for each answer: several requests may be on their way, and while
Redis works on the second the answer to the first is being used. Where there is no transport (fakeredis), redis-py's own
methods do the same, one request after the other.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

import hiredis
from redis.exceptions import (
    AuthenticationError,
    BusyLoadingError,
    NoPermissionError,
    NoScriptError,
    RedisError,
    ResponseError,
)
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

__all__ = ["PUSHED", "Channel", "open_channel", "reply_error"]

Answered = Callable[[Any], None]
Ended = Callable[[BaseException], None]

_KINDS: dict[str, type[ResponseError] | type[RedisConnectionError]] = {
    "NOSCRIPT": NoScriptError,
    "NOAUTH": AuthenticationError,
    "WRONGPASS": AuthenticationError,
    "NOPERM": NoPermissionError,
    "LOADING": BusyLoadingError,
}
_MORE = object()
PUSHED: Any = getattr(hiredis, "PushNotification", ())
"""What a RESP3 server says unasked."""


class Channel(Protocol):
    """A connection that is open."""

    def send(self, data: bytes, answers: int) -> None:
        """Send packed commands; so many answers are to come, each told to whoever opened the channel."""
        ...

    @property
    def is_ending(self) -> bool:
        """True when the other side has hung up."""
        ...

    async def close(self) -> None:
        """Hang up; nobody is told."""
        ...


async def open_channel(connection: Any, answered: Answered, ended: Ended) -> Channel:
    """A channel on a redis-py connection, connected now.

    ``answered`` is called with each answer, a ResponseError for a command that was refused; ``ended`` once, with the
    reason, when no more will come. Raises what redis-py raises when it cannot connect.
    """
    await connection.connect()
    transport = getattr(getattr(connection, "_writer", None), "transport", None)
    if hasattr(transport, "set_protocol"):
        return _Wire(connection, transport, answered, ended)
    return _ByHand(connection, answered, ended)


def reply_error(text: str) -> Exception:
    """redis-py's exception for an error reply.

    >>> type(reply_error("NOSCRIPT No matching script")).__name__
    'NoScriptError'
    """
    return _KINDS.get(text.partition(" ")[0], ResponseError)(text)


class _Wire(asyncio.Protocol):
    """On the transport of the connection."""

    def __init__(self, connection: Any, transport: Any, answered: Answered, ended: Ended) -> None:
        self._connection = connection
        self._transport = transport
        self._answered = answered
        self._ended: Ended | None = ended
        self._reader = hiredis.Reader(replyError=reply_error, notEnoughData=_MORE)
        self._loop = asyncio.get_running_loop()
        self._timeout: float | None = connection.socket_timeout
        self._timer: asyncio.TimerHandle | None = None
        self._due = 0
        self._heard = 0.0
        self._closing: asyncio.Task[None] | None = None
        self._before = transport.get_protocol()
        transport.set_protocol(self)

    def send(self, data: bytes, answers: int) -> None:
        if not self._due:
            self._heard = self._loop.time()
            if self._timer is None and self._timeout:
                self._timer = self._loop.call_later(self._timeout, self._look)
        self._due += answers
        self._transport.write(data)

    @property
    def is_ending(self) -> bool:
        return bool(self._transport.is_closing())

    def data_received(self, data: bytes) -> None:
        if self._timeout:
            self._heard = self._loop.time()
        reader = self._reader
        try:
            reader.feed(data)
            while (answer := reader.gets()) is not _MORE:
                if not isinstance(answer, PUSHED):
                    self._due -= 1
                    self._answered(answer)
        except hiredis.ProtocolError as error:
            self._end(RedisConnectionError(f"this is not Redis's protocol: {error}"))

    def connection_lost(self, exc: Exception | None) -> None:
        self._before.connection_lost(exc)  # redis-py's writer waits for it when it is closed
        self._end(exc or RedisConnectionError("Connection closed by server."))

    async def close(self) -> None:
        self._ended = None
        self._stop()
        await self._connection.disconnect()

    def _look(self) -> None:
        """Once in a while, not for every answer: whether one is overdue."""
        self._timer = None
        if not self._due or not self._timeout:
            return
        left = self._heard + self._timeout - self._loop.time()
        if left > 0:
            self._timer = self._loop.call_later(left, self._look)
        else:
            self._end(RedisTimeoutError("Timeout reading from socket"))

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _end(self, error: BaseException) -> None:
        ended, self._ended = self._ended, None
        self._stop()
        self._transport.abort()
        if ended is not None:
            self._closing = self._loop.create_task(self._connection.disconnect(nowait=True))
            ended(error)


class _ByHand:
    """By the methods of the connection."""

    is_ending = False

    def __init__(self, connection: Any, answered: Answered, ended: Ended) -> None:
        self._connection = connection
        self._answered = answered
        self._ended = ended
        self._left: deque[tuple[bytes, int]] = deque()
        self._task: asyncio.Task[None] | None = None

    def send(self, data: bytes, answers: int) -> None:
        self._left.append((data, answers))
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run())

    async def close(self) -> None:
        await self._connection.disconnect()

    async def _run(self) -> None:
        connection = self._connection
        try:
            while self._left:
                data, answers = self._left.popleft()
                await connection.send_packed_command([data])
                for _ in range(answers):
                    try:
                        answer = await connection.read_response(disable_decoding=True)
                    except ResponseError as refused:
                        answer = refused
                    self._answered(answer)
        except (RedisError, OSError, asyncio.CancelledError) as error:
            self._ended(error)
            await connection.disconnect(nowait=True)
            if isinstance(error, asyncio.CancelledError):  # with the loop
                raise
        finally:
            self._task = None
