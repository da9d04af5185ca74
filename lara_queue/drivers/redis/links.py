"""What both links share: how to make a connection like the user's, how to word a command, what went wrong.

The links do not borrow connections from the client they are given. They make their own from its connection class and
settings (TLS, password, database, socket, fakeredis, ...), with three settings changed: replies stay bytes, nothing is
repeated behind our back (a reserve that is sent twice reserves twice), and the connection that waits for work has a
time limit that fits the wait. So a client with ``decode_responses=True`` works, and is left as it is.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeVar, cast

import redis
import redis.asyncio
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.exceptions import (
    AuthenticationError,
    BusyLoadingError,
    NoPermissionError,
    NoScriptError,
    RedisError,
    ResponseError,
)
from redis.exceptions import TimeoutError as RedisTimeoutError
from redis.retry import Retry

from lara_queue.drivers.redis.lua import SCRIPTS
from lara_queue.errors import ConfigurationError, ScriptMissing, StoreError, StoreUnreachable

__all__ = ["Face", "Recipe", "blocking_seconds", "caused", "command", "command_with_source", "translate"]

Face = Literal["sync", "async"]
E = TypeVar("E", bound=BaseException)

_OURS = ("decode_responses", "retry", "retry_on_error", "retry_on_timeout", "event_dispatcher", "himport_registry")
"""Settings of a client that are replaced, or that belong to its own pool. So do the maintenance ones."""

_POOL_PREFIXES = ("maint_", "maintenance_", "orig_", "oss_cluster_")

_ONE_FACED = ("parser_class", "command_packer", "redis_connect_func")
"""Settings that only work in the face they were made for."""

_MARGIN = 5.0
"""Seconds that a blocking command may take beyond the time it was asked to block."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """How to make connections of one face to one server."""

    kind: Any
    settings: Mapping[str, Any]

    @classmethod
    def of(cls, source: Any, face: Face) -> Recipe:
        """From a URL or a redis-py client of either face; raises ConfigurationError."""
        if isinstance(source, str):
            return cls._from_url(source, face)
        pool = getattr(source, "connection_pool", None)
        if pool is None:
            raise ConfigurationError(f"A {type(source).__name__} is not supported yet; give a redis.Redis or a URL.")
        settings = {
            name: value
            for name, value in pool.connection_kwargs.items()
            if name not in _OURS and not name.startswith(_POOL_PREFIXES)
        }
        kind = pool.connection_class
        if _face_of(kind) != face:
            kind = _other_face(kind)
            if settings.get("redis_connect_func") is not None:
                raise ConfigurationError(
                    f"The client has a redis_connect_func, which works in its own face only; give the {face} client."
                )
            settings = _fitting(settings, kind)
            if "client_class" in settings:  # of fakeredis
                settings["client_class"] = redis.Redis if face == "sync" else redis.asyncio.Redis
        return cls(kind, settings)

    @classmethod
    def _from_url(cls, url: str, face: Face) -> Recipe:
        pool_class = cast(Any, redis.ConnectionPool if face == "sync" else redis.asyncio.ConnectionPool)
        try:
            pool = pool_class.from_url(url)
        except (ValueError, TypeError) as error:
            raise ConfigurationError(f"This Redis URL cannot be read: {error}.") from None
        return cls.of(_HasPool(pool), face)

    def make(self, *, blocking: float | None = None) -> Any:
        """A connection, not yet connected; ``blocking``: seconds that its commands may block."""
        settings: dict[str, Any] = {
            **self.settings,
            "decode_responses": False,
            "retry": (Retry if _face_of(self.kind) == "sync" else AsyncRetry)(NoBackoff(), 0),
        }
        if blocking is not None:
            settings["socket_timeout"] = blocking + _MARGIN
        try:
            return self.kind(**settings)
        except (TypeError, ValueError, RedisError) as error:
            raise ConfigurationError(f"The settings of the Redis connection do not fit: {error}.") from error

    @property
    def where(self) -> str:
        """Host and port, or the path of the socket; never a password."""
        if "path" in self.settings:
            return str(self.settings["path"])
        return f"{self.settings.get('host') or 'localhost'}:{self.settings.get('port') or 6379}"


@dataclass(frozen=True, slots=True)
class _HasPool:
    connection_pool: Any


def command(name: str, args: tuple[Any, ...]) -> tuple[Any, ...]:
    """The Redis command for a call: one of our scripts by its hash, or the command itself."""
    script = SCRIPTS.get(name)
    if script is None:
        return (name, *args)
    keys, argv = args
    return (b"EVALSHA", script.sha, len(keys), *keys, *argv)


def command_with_source(name: str, args: tuple[Any, ...]) -> tuple[Any, ...]:
    """The same with the script's text, which Redis then remembers: for a server that answered NOSCRIPT."""
    keys, argv = args
    return (b"EVAL", SCRIPTS[name].source, len(keys), *keys, *argv)


def blocking_seconds(wait: float) -> float:
    """How long the connection must be able to block for a wait: whole powers of two, so that it can be used again."""
    return float(2 ** math.ceil(math.log2(max(wait, 1.0))))


def translate(error: BaseException, where: str) -> StoreError:
    """One of our exceptions for one of redis-py's, with a sentence that says what to do; its cause is the caller's."""
    text = str(error).rstrip(".")
    if isinstance(error, AuthenticationError | NoPermissionError) or text.startswith(("NOAUTH", "WRONGPASS")):
        return StoreError(f"Redis at {where} refused access: {text}. Check user name, password and permissions.")
    if isinstance(error, BusyLoadingError):
        return StoreUnreachable(f"Redis at {where} is still loading its data; it will answer in a while.")
    if isinstance(error, NoScriptError):
        return ScriptMissing(f"Redis at {where} does not know the script.")
    if isinstance(error, ResponseError):
        if text.startswith("WRONGTYPE"):
            return StoreError(
                f"Redis at {where} has something else under a key of this queue ({text}); check prefix and queue name."
            )
        return StoreError(f"Redis at {where} refused a command: {text}.")
    if isinstance(error, RedisTimeoutError | TimeoutError):
        return StoreUnreachable(f"Redis at {where} did not answer in time ({text}); check the network and its load.")
    if isinstance(error, OSError) or (isinstance(error, RedisError) and isinstance(error, redis.ConnectionError)):
        return StoreUnreachable(f"Redis at {where} cannot be reached: {text}. Is it running, are host and port right?")
    return StoreError(f"Redis at {where} answered in a way that was not understood: {text}.")


def caused(error: E, cause: BaseException | None) -> E:
    """The error with its cause, for one that is handed over and not raised here."""
    error.__cause__ = cause
    return error


def _face_of(kind: Any) -> Face:
    return "async" if issubclass(kind, redis.asyncio.connection.AbstractConnection) else "sync"


def _fitting(settings: Mapping[str, Any], kind: Any) -> dict[str, Any]:
    """The settings that the connection class of the other face has too; those that it lacks must not be in use."""
    known = {name for base in kind.__mro__ for name in inspect.signature(base.__init__).parameters}
    for name, value in settings.items():
        if name not in known and value:
            raise ConfigurationError(f"{kind.__module__} has no {name!r}; give the client of the other face.")
    return {name: value for name, value in settings.items() if name in known and name not in _ONE_FACED}


def _other_face(kind: Any) -> Any:
    """The connection class that does the same in the other face."""
    if kind.__module__.startswith("fakeredis"):
        import fakeredis
        import fakeredis.aioredis

        client = fakeredis.FakeRedis() if _face_of(kind) == "async" else fakeredis.aioredis.FakeRedis()
        return client.connection_pool.connection_class
    here: Any = redis.connection
    there: Any = redis.asyncio.connection
    if _face_of(kind) == "async":
        here, there = there, here
    twin = getattr(there, kind.__name__, None)
    if getattr(here, kind.__name__, None) is not kind or twin is None:
        raise ConfigurationError(
            f"Connections of the class {kind.__name__} exist in one face only; give the client of the other face."
        )
    return twin
