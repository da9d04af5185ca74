"""The blocking link: commands over connections of its own, from any thread.

A connection is taken from the free ones, used for one exchange, and put back only when the whole answer has been read.
Whatever breaks in between, an error or an exception raised by a signal handler, leaves it out, and it is closed: an
answer can never reach the wrong question. So threads and nested calls need no lock and each has a connection.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Sequence
from copy import copy
from typing import Any

from hiredis import pack_command
from redis.exceptions import NoScriptError, RedisError, ResponseError

from lara_queue.drivers.redis.links import Recipe, blocking_seconds, caused, command, command_with_source, translate
from lara_queue.drivers.redis.lua import SCRIPTS
from lara_queue.drivers.redis.wire import Wire, open_wire
from lara_queue.errors import StoreError, StoreUnreachable
from lara_queue.plans import WAIT, Call

__all__ = ["Line", "SyncRedisLink"]

_IDLE = 1.0  # seconds after which a connection is looked at before it is used again: the server may have hung up


class SyncRedisLink:
    """Performs Redis commands, our scripts by name, ``wait`` (for a token) and ``close``.

    Raises :class:`~lara_queue.errors.StoreUnreachable` when the server cannot be reached (the next call tries again)
    and :class:`~lara_queue.errors.StoreError` when it refuses. Nothing is ever sent twice, but for a script that the
    server did not know and so did not run.
    """

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe
        self._free: list[tuple[Wire, float]] = []
        self._waiting: list[tuple[Wire, float]] = []
        self._generation = _generation

    def call(self, name: str, args: tuple[Any, ...]) -> Any:
        """The command's answer."""
        if name == WAIT:
            return self._wait(*args)
        if name == "close":
            return self.close()
        try:
            wire = self._take()
            answer = _exchange(wire, [command(name, args)])[0]
            if isinstance(answer, NoScriptError) and name in SCRIPTS:
                answer = _exchange(wire, [command_with_source(name, args)])[0]
        except (RedisError, OSError) as error:
            self.close()  # the others led to the same place
            raise translate(error, self.recipe.where) from error
        self._free.append((wire, time.monotonic()))
        if isinstance(answer, ResponseError):
            raise translate(answer, self.recipe.where) from answer
        return answer

    def together(self, calls: Sequence[Call]) -> list[Any]:
        """The answers of several calls, in one round trip; the answer of a call that failed is its exception."""
        try:
            wire = self._take()
            answers = _exchange(wire, [command(call.name, call.args) for call in calls])
            for i, call in enumerate(calls):
                if isinstance(answers[i], NoScriptError) and call.name in SCRIPTS:
                    answers[i] = _exchange(wire, [command_with_source(call.name, call.args)])[0]
        except (RedisError, OSError) as error:
            self.close()
            raise translate(error, self.recipe.where) from error
        self._free.append((wire, time.monotonic()))
        return [caused(translate(a, self.recipe.where), a) if isinstance(a, ResponseError) else a for a in answers]

    def line(self) -> Line:
        """A line for commands whose answers are read later; one for each thread that wants any."""
        return Line(self)

    def close(self) -> None:
        """Close the connections that are not in use; a later call opens new ones."""
        for wires in (self._free, self._waiting):
            with contextlib.suppress(IndexError):  # another thread may take the last one
                while True:
                    wires.pop()[0].disconnect()

    def _wait(self, seconds: float, keys: Sequence[bytes]) -> bool:
        """True when a token came on one of the lists, False after so many seconds without.

        On a connection of its own, so that it can be dropped at any moment: a token is all that can be lost with it.
        """
        self._check_fork()
        seconds = max(seconds, 0.001)
        limit = blocking_seconds(seconds)
        wire: Wire | None = None
        try:
            wire, its_limit = self._waiting.pop()
            if its_limit >= limit and not wire.has_ended:
                limit = its_limit
            else:
                wire.disconnect()
                wire = None
        except IndexError:
            pass  # none is free
        try:
            if wire is None:
                wire = open_wire(self.recipe.make(blocking=limit), eager=False)
            answer = _exchange(wire, [("BLPOP", *keys, f"{seconds:.3f}")])[0]
        except (RedisError, OSError) as error:
            self.close()
            raise translate(error, self.recipe.where) from error
        self._waiting.append((wire, limit))
        if isinstance(answer, ResponseError):
            raise translate(answer, self.recipe.where) from answer
        return answer is not None

    def _take(self) -> Wire:
        """A connection that is open; raises what redis-py raises when it cannot connect."""
        self._check_fork()
        try:
            wire, used = self._free.pop()
        except IndexError:
            return open_wire(self.recipe.make())
        if time.monotonic() - used > _IDLE and wire.has_ended:
            wire.disconnect()
            return open_wire(self.recipe.make())
        return wire

    def _check_fork(self) -> None:
        """A child process must not talk on its parent's connections."""
        if _generation != self._generation:
            self._free, self._waiting, self._generation = [], [], _generation


def _exchange(wire: Wire, commands: Sequence[tuple[Any, ...]]) -> list[Any]:
    """Send the commands, read an answer for each; closes the connection unless all of that went well."""
    try:
        if len(commands) == 1:
            wire.send(pack_command(commands[0]))
            return [wire.read()]
        wire.send(b"".join([pack_command(one) for one in commands]))
        return [wire.read() for _ in commands]
    except BaseException:
        wire.disconnect()
        raise


_generation = 0  # of processes: one more in each that was forked from another


def _forked() -> None:
    global _generation
    _generation += 1


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)


class Line:
    """Commands that are sent at once and whose answers are read later, on a connection of its own.

    So one who has more to do need not wait for each answer. Use it from one thread.
    """

    def __init__(self, link: SyncRedisLink) -> None:
        self._link = link
        self._wire: Wire | None = None
        self._known: set[str] = set()
        self._posted: list[tuple[str, tuple[Any, ...], Any]] = []

    def post(self, name: str, args: tuple[Any, ...]) -> None:
        """Send a command. Raises :class:`~lara_queue.errors.StoreUnreachable` when it cannot be sent."""
        if name not in self._known:  # the first of a script is waited for: the server may have to be taught it
            self._posted.append((name, args, self._link.call(name, args)))
            self._known.add(name)
            return
        try:
            if self._wire is None:
                self._wire = self._link._take()
            self._wire.send(pack_command(command(name, args)))
        except (RedisError, OSError) as error:
            self._break(error)
            raise translate(error, self._link.recipe.where) from error
        except BaseException as error:
            self._break(error)
            raise
        self._posted.append((name, args, _COMING))

    def _break(self, error: BaseException) -> None:
        """Drop the connection: it must not connect anew, or an answer would be taken for that to another command."""
        if self._wire is not None:
            self._wire.disconnect()
            self._wire = None
        gone = StoreUnreachable(f"The connection to Redis at {self._link.recipe.where} broke before it answered.")
        self._posted = [
            (name, args, caused(copy(gone), error) if answer is _COMING else answer)
            for name, args, answer in self._posted
        ]

    def collect(self) -> list[Any]:
        """The answers in the order of the commands; in the place of one that did not come is its exception."""
        posted, self._posted = self._posted, []
        wire, self._wire = self._wire, None
        where = self._link.recipe.where
        answers: list[Any] = []
        forgotten: list[int] = []
        try:
            for name, _, answer in posted:
                if answer is _COMING:
                    assert wire is not None
                    answer = wire.read()
                if isinstance(answer, NoScriptError):
                    forgotten.append(len(answers))  # the server does not know the script any more, so it was not run
                    self._known.discard(name)
                elif isinstance(answer, ResponseError):
                    answer = caused(translate(answer, where), answer)
                answers.append(answer)
        except (RedisError, OSError) as error:
            if wire is not None:
                wire.disconnect()
            gone = posted[len(answers) :]
            answers += [caused(translate(error, where), error) if a is _COMING else a for _, _, a in gone]
        except BaseException:
            if wire is not None:
                wire.disconnect()
            raise
        else:
            if wire is not None:
                self._link._free.append((wire, time.monotonic()))
        for index in forgotten:
            name, args, _ = posted[index]
            try:
                answers[index] = self._link.call(name, args)
            except StoreError as error:
                answers[index] = error
        return answers


_COMING = object()
"""Stands for an answer that is still to be read."""
