"""What was asked on one channel, and who is to be told of each answer."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

from hiredis import pack_command
from redis.exceptions import NoScriptError, RedisError

from lara_queue.drivers.redis.channel import Channel, open_channel
from lara_queue.drivers.redis.links import Recipe, caused, command, command_with_source, translate
from lara_queue.drivers.redis.lua import SCRIPTS
from lara_queue.errors import StoreUnreachable

__all__ = ["Asked", "Conversation", "Tell", "translated"]

logger = logging.getLogger("lara_queue")

Tell = Callable[[Any], None]
"""Called with an answer, or with the exception in its place."""


class Asked:
    """A command to send, and who waits for its answer."""

    __slots__ = ("args", "name", "tell")

    def __init__(self, name: str, args: tuple[Any, ...], tell: Tell) -> None:
        self.name = name
        self.args = args
        self.tell = tell


class Conversation:
    """One channel from its opening to its end. Answers, and errors, go to exactly those they belong to."""

    def __init__(self, recipe: Recipe) -> None:
        self._recipe = recipe
        self._channel: Channel | None = None
        self._expected: deque[Asked] = deque()
        self._over = False

    async def open(self) -> None:
        """Connect. Raises what redis-py raises when that cannot be."""
        self._channel = await open_channel(self._recipe.make(), self._answered, self._ended)

    @property
    def is_over(self) -> bool:
        """True when nothing more can be asked: it has ended, or is about to say so."""
        return self._over or self._channel is None or self._channel.is_ending

    @property
    def is_waiting(self) -> bool:
        """True while answers are to come."""
        return bool(self._expected)

    def send(self, sent: Iterable[Asked]) -> None:
        """Send commands in one write; whoever asked what no bytes can be made of is told so."""
        pieces: list[bytes] = []
        for asked in sent:
            try:
                pieces.append(pack_command(command(asked.name, asked.args)))
            except Exception as error:
                asked.tell(error)
            else:
                self._expected.append(asked)
        if pieces:
            assert self._channel is not None
            self._channel.send(b"".join(pieces), len(pieces))

    async def close(self) -> None:
        """Hang up."""
        self._over = True
        if self._channel is not None:
            await self._channel.close()

    def _answered(self, answer: Any) -> None:
        asked = self._expected.popleft()
        if isinstance(answer, RedisError):
            if isinstance(answer, NoScriptError) and asked.name in SCRIPTS and not self.is_over:
                # The server has forgotten the script, so it was not run: send its text.
                assert self._channel is not None
                self._expected.append(asked)
                self._channel.send(pack_command(command_with_source(asked.name, asked.args)), 1)
                return
            answer = translated(answer, self._recipe.where)
        try:
            asked.tell(answer)
        except Exception:
            logger.exception("What was to be told of an answer failed.")

    def _ended(self, error: BaseException) -> None:
        self._over = True
        expected, self._expected = self._expected, deque()
        for asked in expected:
            asked.tell(translated(error, self._recipe.where))


def translated(error: BaseException, where: str) -> BaseException:
    """One of our exceptions for what went wrong at the server named ``where``; another's bug stays what it is."""
    if isinstance(error, RedisError | OSError):
        return caused(translate(error, where), error)
    if isinstance(error, asyncio.CancelledError):  # with the loop; whoever waits must not wait for ever
        return caused(StoreUnreachable(f"The connection to Redis at {where} was closed before it answered."), error)
    return error
