"""A blocking connection: bytes out, answers in, with as few system calls as that takes.

redis-py opens the connection, with all that its class knows of TLS, passwords and protocol versions. Then its socket is
used here: the system itself minds the time limit, so that Python need not ask before each reading and writing whether
it may, and an answer that is about to come is looked for without going to sleep. Where that cannot be (TLS, fakeredis,
other systems), redis-py's own methods do the same.
"""

from __future__ import annotations

import os
import socket
import struct
import time
from typing import Any, Protocol

import hiredis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError, ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError

from lara_queue.drivers.redis.channel import PUSHED, reply_error
from lara_queue.drivers.redis.eagerness import BUSY, MOMENT, Eagerness, let_others_run

__all__ = ["Wire", "open_wire"]

_MORE = object()
_PIECE = 65536
_MOST_SECONDS = 2_000_000_000


class Wire(Protocol):
    """A connection that is open. Its methods raise redis-py's exceptions, or OSError, when it breaks."""

    def send(self, data: bytes) -> None:
        """Send packed commands."""
        ...

    def read(self) -> Any:
        """The next answer; a ResponseError, not raised, for a command that was refused."""
        ...

    @property
    def has_ended(self) -> bool:
        """True when there is anything to read although nothing was asked: that can only be the end."""
        ...

    def disconnect(self) -> None:
        """Hang up."""
        ...


def open_wire(connection: Any, *, eager: bool = True) -> Wire:
    """A wire on a redis-py connection, connected now; raises what redis-py raises when it cannot connect.

    ``eager``: its answers may come at once; False for commands that wait for something.
    """
    connection.connect()
    sock = getattr(connection, "_sock", None)
    if type(sock) is socket.socket and os.name == "posix":
        return _Raw(connection, sock, eager)
    return _ByHand(connection)


class _Raw:
    """On the socket of the connection."""

    def __init__(self, connection: Any, sock: socket.socket, eager: bool) -> None:
        self._connection = connection
        self._eagerness = Eagerness() if eager else None
        self._socket = sock
        self._reader = hiredis.Reader(replyError=reply_error, notEnoughData=_MORE)
        seconds = min(connection.socket_timeout or 0.0, _MOST_SECONDS)
        whole = int(seconds)
        limit = struct.pack("ll", whole, int((seconds - whole) * 1_000_000))
        sock.settimeout(None)
        for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
            sock.setsockopt(socket.SOL_SOCKET, option, limit)

    def send(self, data: bytes) -> None:
        try:
            self._socket.sendall(data)
        except BlockingIOError:
            raise RedisTimeoutError("Timeout writing to socket") from None

    def read(self) -> Any:
        gets = self._reader.gets
        try:
            while (answer := gets()) is _MORE or isinstance(answer, PUSHED):
                if answer is _MORE:
                    piece = self._at_once() or self._socket.recv(_PIECE)
                    if not piece:
                        raise RedisConnectionError("Connection closed by server.")
                    self._reader.feed(piece)
        except BlockingIOError:
            raise RedisTimeoutError("Timeout reading from socket") from None
        except hiredis.ProtocolError as error:
            raise RedisConnectionError(f"this is not Redis's protocol: {error}") from None
        if isinstance(answer, RedisError) and not isinstance(answer, ResponseError):
            raise answer  # it is loading its data: nothing else will be answered either
        return answer

    def _at_once(self) -> bytes:
        """What came, if it came within a moment; nothing if it did not, or the other side has hung up."""
        eagerness = self._eagerness
        if eagerness is None or let_others_run is None or not eagerness.is_due():
            return b""
        recv = self._socket.recv
        looked = time.monotonic()
        until = looked + MOMENT
        while True:
            try:
                piece = recv(_PIECE, socket.MSG_DONTWAIT)
            except BlockingIOError:
                let_others_run()
                now = time.monotonic()
                if now >= until or now - looked >= BUSY:
                    eagerness.learn(came=False)
                    return b""
                looked = now
            else:
                eagerness.learn(came=True)
                return piece

    @property
    def has_ended(self) -> bool:
        try:
            self._socket.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except BlockingIOError:
            return False
        except OSError:
            pass
        return True

    def disconnect(self) -> None:
        self._connection.disconnect()


class _ByHand:
    """By the methods of the connection."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def send(self, data: bytes) -> None:
        self._connection.send_packed_command([data])

    def read(self) -> Any:
        try:
            return self._connection.read_response(disable_decoding=True)
        except ResponseError as refused:
            return refused

    @property
    def has_ended(self) -> bool:
        try:
            return bool(self._connection.can_read(0))
        except (RedisError, OSError):
            return True

    def disconnect(self) -> None:
        self._connection.disconnect()
