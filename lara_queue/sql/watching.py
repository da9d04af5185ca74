"""Waiting until there may be something to take from a table, at next to no cost.

What tells is different for each server:

* SQLite counts the commits of others (``PRAGMA data_version``). A connection that does nothing else asks for that
  number, which takes microseconds and no lock, and only when it has changed is the table looked at.
* PostgreSQL says so itself: the push of a Python producer has a ``NOTIFY`` in its transaction, and whoever waits holds
  a connection that listens. PHP does not notify; its jobs are found when the wait is over.
* MySQL can only be asked again, which is done ever more rarely.

:func:`waiting` is the one rule for all of them and for both faces, as a plan whose effects are ``start``, ``look`` and
``pause``; the two links perform those.
"""

from __future__ import annotations

import os
import select
import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Protocol

from lara_queue.clock import Clock
from lara_queue.errors import StoreUnreachable
from lara_queue.plans import Call, Plan
from lara_queue.sql.database import Database, Script

__all__ = ["LOOK", "PAUSE", "START", "Watched", "Watcher", "Watchers", "pause", "waiting", "watcher_for"]

START, LOOK, PAUSE = "start", "look", "pause"

_QUICK: Final = 0.02
_CALM: Final = 0.05
"""Seconds between two looks at SQLite's counter: at first, and after a second without anything."""

_FIRST_POLL: Final = 0.05
_LONGEST_POLL: Final = 1.0
"""Seconds between two questions where one has to ask: the first, doubled with each, and the longest."""


@dataclass(frozen=True, slots=True)
class Watched:
    """What somebody waits for.

    Attributes:
        look: a script that reads; it returns the earliest Unix time at which there is something to take, or None.
        args: its arguments.
        clock: tells the Unix time in seconds.
        channel: of PostgreSQL's notifications.
        names: the notifications on it that count.
    """

    look: Script
    args: tuple[Any, ...]
    clock: Clock
    channel: str
    names: tuple[str, ...]


class Watcher(Protocol):
    """Knows whether anything may have come. Used by one waiter at a time, and again by the next one."""

    @property
    def fd(self) -> int | None:
        """A file descriptor that becomes readable when something has come, if there is such a thing."""
        ...

    def start(self, watched: Watched) -> None:
        """From now on notice what comes. May block; raises StoreUnreachable."""
        ...

    def stirred(self, watched: Watched) -> bool:
        """True when something may have come since ``start`` or since this was last asked. Does not block."""
        ...

    def seconds(self, asked: int) -> float:
        """How long to pause before asking again, having asked so many times; inf where ``fd`` tells."""
        ...

    def close(self) -> None:
        """Let go of the connection."""
        ...


def waiting(
    watcher: Watcher, watched: Watched, seconds: float, now: Callable[[], float] = time.monotonic
) -> Plan[bool]:
    """True when there is something to take, or there will be in this moment; False when the seconds have passed.

    The table is looked at once after the start, so that nothing can come in between unseen, and then whenever the
    watcher has noticed anything.
    """
    until = now() + seconds
    due = float("inf")
    yield Call(None, START, (watched,))
    looking, asked = True, 0
    while True:
        if looking:
            at = yield Call(None, LOOK, (watched.look, *watched.args))
            ahead = float("inf") if at is None else at - watched.clock()
            if ahead <= 0:
                return True
            due = now() + ahead
        left = min(until, due) - now()
        if left <= 0:
            return due <= until
        yield Call(None, PAUSE, (min(left, watcher.seconds(asked)), watcher.fd))
        asked += 1
        looking = watcher.stirred(watched)


def pause(seconds: float, fd: int | None) -> None:
    """Block the thread for so long, or until the descriptor can be read. A signal handler that raises ends it."""
    if fd is None:
        time.sleep(seconds)
    else:
        select.select([fd], [], [], seconds)


def watcher_for(database: Database) -> Watcher:
    """The watcher that suits the database."""
    driver = database.engine.dialect.driver
    if database.kind == "sqlite" and driver == "pysqlite" and not database.in_memory and database.engine.url.database:
        return _FileWatcher(database)
    if database.kind == "postgresql" and driver == "psycopg":
        return _Listener(database)
    return _Poller(quick=database.in_memory)


class _FileWatcher:
    """Asks an SQLite file whether others have committed."""

    fd = None

    def __init__(self, database: Database) -> None:
        self._database = database
        self._connection: sqlite3.Connection | None = None
        self._version: int | None = None

    def start(self, watched: Watched) -> None:
        if self._connection is None:
            self._database.check()
            url, dialect = self._database.engine.url, self._database.engine.dialect
            args, given = dialect.create_connect_args(url)
            # Without a timeout, so that asking never blocks; no transaction is ever begun on it.
            settings: dict[str, Any] = {**given, "timeout": 0.0, "check_same_thread": False, "isolation_level": None}
            try:
                self._connection = sqlite3.connect(args[0], **settings)
            except sqlite3.Error as error:
                raise StoreUnreachable(f"The database at {self._database.where} cannot be opened: {error}.") from error
        self._version = self._read()

    def stirred(self, watched: Watched) -> bool:
        before, self._version = self._version, self._read()
        return self._version is None or self._version != before

    def seconds(self, asked: int) -> float:
        return _QUICK if asked < 1 / _QUICK else _CALM

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _read(self) -> int | None:
        """The number; None while somebody is just changing the file."""
        assert self._connection is not None, "started before"
        try:
            version: int = self._connection.execute("PRAGMA data_version").fetchone()[0]
        except sqlite3.OperationalError:
            return None
        return version


class _Listener:
    """Holds a connection to PostgreSQL that listens."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._connection: Any = None  # SQLAlchemy's, taken out of the pool
        self._raw: Any = None  # psycopg's
        self._channel = ""

    @property
    def fd(self) -> int | None:
        return None if self._raw is None else int(self._raw.fileno())

    def start(self, watched: Watched) -> None:
        try:
            if self._raw is None or self._raw.closed:
                self.close()
                self._database.check()
                self._connection = self._database.engine.connect()
                self._raw = self._connection.connection.driver_connection
                self._connection.detach()
                self._raw.rollback()
                self._raw.autocommit = True
            if self._channel != watched.channel:
                from psycopg import sql

                self._raw.execute("UNLISTEN *")
                self._raw.execute(sql.SQL("LISTEN {}").format(sql.Identifier(watched.channel)))
                self._channel = watched.channel
            self._heard()  # what came before is seen by looking at the table
        except Exception as error:
            raise self._lost(error) from error

    def stirred(self, watched: Watched) -> bool:
        try:
            return not self._heard().isdisjoint(watched.names)
        except Exception as error:
            raise self._lost(error) from error

    def seconds(self, asked: int) -> float:
        return float("inf")

    def close(self) -> None:
        connection, self._connection, self._raw, self._channel = self._connection, None, None, ""
        if connection is not None:
            connection.close()

    def _heard(self) -> set[str]:
        """The notifications that have come."""
        pgconn = self._raw.pgconn
        pgconn.consume_input()
        heard = set()
        while (notification := pgconn.notifies()) is not None:
            heard.add(notification.extra.decode("utf-8", "replace"))
        return heard

    def _lost(self, error: Exception) -> StoreUnreachable:
        self.close()
        text = (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
        return StoreUnreachable(f"The database at {self._database.where} cannot be listened to: {text}.")


class _Poller:
    """Has nothing to go by but the table itself."""

    fd = None

    def __init__(self, *, quick: bool) -> None:
        self._quick = quick

    def start(self, watched: Watched) -> None:
        pass

    def stirred(self, watched: Watched) -> bool:
        return True

    def seconds(self, asked: int) -> float:
        return _QUICK if self._quick else min(_LONGEST_POLL, _FIRST_POLL * 2.0 ** min(asked, 20))

    def close(self) -> None:
        pass


class Watchers:
    """The watchers that are not in use."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._free: list[Watcher] = []
        self._pid = os.getpid()

    def take(self) -> Watcher:
        """One for a single waiter."""
        if self._pid != os.getpid():  # those of a parent process are its own
            self._free, self._pid = [], os.getpid()
        try:
            return self._free.pop()
        except IndexError:
            return watcher_for(self._database)

    def put(self, watcher: Watcher) -> None:
        """It is free again."""
        self._free.append(watcher)

    def close(self) -> None:
        """Close those that are free."""
        while self._free:
            self._free.pop().close()
