"""One SQL database: how it is opened, how a transaction runs in it, what went wrong.

The engine is always SQLAlchemy's blocking one. On asyncio its transactions run in a thread, whole: one change of
threads for a transaction instead of one for each statement, which on SQLite is the faster way by far, and a cancelled
task can never leave a transaction half done. A URL that names an asyncio driver is read as its blocking sibling.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, cast

import sqlalchemy
from sqlalchemy import Connection, Engine
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.pool import SingletonThreadPool, StaticPool

from lara_queue.errors import ConfigurationError, MissingExtra, StoreError, StoreUnreachable
from lara_queue.sql.sqlite import sqlite_file

__all__ = ["Database", "Kind", "Script", "Transaction"]

Kind = Literal["sqlite", "postgresql", "mysql"]
"""Which rules a database follows; MariaDB's are MySQL's but for what :attr:`Transaction.is_mariadb` tells."""

_DRIVERS: Final = {
    "sqlite": "sqlite+pysqlite",
    "sqlite+aiosqlite": "sqlite+pysqlite",
    "postgres": "postgresql+psycopg",
    "pgsql": "postgresql+psycopg",
    "postgresql": "postgresql+psycopg",
    "postgresql+asyncpg": "postgresql+psycopg",
    "postgresql+psycopg_async": "postgresql+psycopg",
    "mysql": "mysql+pymysql",
    "mysql+aiomysql": "mysql+pymysql",
    "mysql+asyncmy": "mysql+pymysql",
    "mariadb": "mariadb+pymysql",
    "mariadb+aiomysql": "mariadb+pymysql",
    "mariadb+asyncmy": "mariadb+pymysql",
}
"""What a URL's scheme says → the driver that is used; whatever is not here is used as it stands."""

_EXTRAS: Final = {"postgresql": "postgres", "mysql": "mysql", "mariadb": "mysql"}

_BUSY_SECONDS: Final = 30
"""How long a transaction on SQLite waits for its turn, where the program's own engine does not say."""

_LEVEL: Final = "READ COMMITTED"

_AGAIN: Final = 10
"""How often a transaction is tried when the server rolled it back in favour of another, or the line broke early."""


_LOST_ON_MYSQL: Final = (0, 1040, 1053, 1077, 1152, 1159, 1161, 1927, 2002, 2003, 2006, 2013, 2014, 2055)
"""Error numbers that mean: too many connections, shutting down, cannot connect, gone away, lost during the query."""


@dataclass(slots=True)
class Transaction:
    """An open transaction, handed to scripts.

    Attributes:
        connection: SQLAlchemy's connection; run statements on it, never commit or roll back.
        kind: which rules the database follows.
        database: where it is.
    """

    connection: Connection
    kind: Kind
    database: Database

    @property
    def is_mariadb(self) -> bool:
        """True on MariaDB, whatever the URL calls it."""
        return bool(getattr(self.connection.dialect, "is_mariadb", False))

    @property
    def version(self) -> tuple[int, ...]:
        """The server's version."""
        return tuple(part for part in self.connection.dialect.server_version_info or () if isinstance(part, int))


Script = Callable[..., Any]
"""A function of a :class:`Transaction` and arguments; it may run again, after a rollback, and must then do the same."""


class Database:
    """A database that transactions can be run in. Nothing is connected before the first.

    Parameters:
        source: a URL (``sqlite:///path``, ``postgresql://…``, ``mysql://…``, ``mariadb://…``), or an SQLAlchemy
            engine. A blocking engine is used as it is; of an asyncio engine only its URL is.
        create: make the file of an SQLite database that does not exist; else that is an error, because a mistyped
            path would otherwise become an empty database.

    What is to be in a transaction goes through :meth:`transact`: psycopg connections of an engine that is made here do
    not begin one by themselves.

    Raises :class:`~lara_queue.errors.ConfigurationError` for what is none of these, and
    :class:`~lara_queue.errors.MissingExtra` when the client library is not installed.

    >>> Database("sqlite://").kind
    'sqlite'
    """

    def __init__(self, source: Any, *, create: bool = False) -> None:
        self._create = create
        self.pid = os.getpid()
        self._checked = False
        if hasattr(source, "sync_engine"):  # an AsyncEngine; its module cannot be imported where greenlet is missing
            source = source.url
        self.is_ours = not isinstance(source, Engine)
        self.engine: Engine = source if isinstance(source, Engine) else _engine(source)
        name = self.engine.dialect.name
        if name not in ("sqlite", "postgresql", "mysql", "mariadb"):
            raise ConfigurationError(
                f"There are SQLite, PostgreSQL, MySQL and MariaDB for Laravel's tables, not {name}."
            )
        self.kind: Kind = "mysql" if name == "mariadb" else cast(Kind, name)
        if not self.is_ours and self.kind != "sqlite":
            # The engine stays as it is: this is a copy of it on the same pool.
            self.engine = self.engine.execution_options(isolation_level=_LEVEL)
        self._synced = 0.0  # when a commit has last waited for the disk
        # An SQLite database in memory has one connection for everybody, so one transaction at a time.
        self._turn: AbstractContextManager[Any] = threading.Lock() if self.in_memory else nullcontext()

    @property
    def in_memory(self) -> bool:
        """True for an SQLite database that ends with the process."""
        return self.kind == "sqlite" and isinstance(self.engine.pool, StaticPool | SingletonThreadPool)

    @property
    def where(self) -> str:
        """The file, or the server and the database on it; never a password."""
        url = self.engine.url
        if self.kind == "sqlite":
            return url.database or "memory"
        return f"{url.host or 'localhost'}{f':{url.port}' if url.port else ''}/{url.database or ''}"

    def transact(
        self, script: Script, args: Sequence[Any] = (), *, reading: bool = False, repeatable: bool = False
    ) -> Any:
        """What the script returns, after its transaction was committed.

        Parameters:
            script: see :data:`Script`.
            args: its arguments, after the transaction.
            reading: it changes nothing, so on SQLite it need not wait for its turn to write.
            repeatable: should the machine or the server lose its power, the last second of such transactions may turn
                out not to have happened: they need not wait for the disk. Only where a store can promise that what
                was committed before is then there too: PostgreSQL, and SQLite in WAL mode.

        Raises :class:`~lara_queue.errors.StoreUnreachable` when the database cannot be reached, or when nobody can say
        whether a commit arrived, and :class:`~lara_queue.errors.StoreError` when it refuses. In between, whatever the
        server rolled back in favour of another transaction is tried again.
        """
        self.check()
        for left in range(_AGAIN, -1, -1):
            committing = False
            try:
                with self._begun(reading, repeatable) as connection:
                    result = script(Transaction(connection, self.kind, self), *args)
                    committing = True
                    connection.commit()
                return result
            except DBAPIError as error:
                lost = error.connection_invalidated or _is_lost(error, self.kind)
                if left and (_is_rolled_back(error, self.kind) or (lost and not committing and left == _AGAIN)):
                    continue
                raise self.translated(error, lost) from error
            except SQLAlchemyError as error:
                raise StoreError(f"The database at {self.where} cannot do that: {_text(error)}.") from error
        raise AssertionError("the last round returns or raises")

    def close(self) -> None:
        """Close the connections that are not in use; a later transaction opens new ones. A borrowed engine is left."""
        if self.is_ours and not isinstance(self.engine.pool, StaticPool):
            self.engine.dispose()

    @contextmanager
    def _begun(self, reading: bool, repeatable: bool) -> Iterator[Connection]:
        """A connection in a new transaction, which is rolled back when anything is raised."""
        with self._turn, self.engine.connect() as connection:
            try:
                if self.kind == "sqlite":
                    file = sqlite_file(connection)
                    if self.is_ours and not reading and file.choose_durability(repeatable, self._synced):
                        self._synced = time.monotonic()
                    file.begin(reading=reading)
                elif self.kind == "postgresql":
                    _begin_on_postgresql(connection, repeatable=repeatable and not reading)
                yield connection
            except BaseException as error:
                if not isinstance(error, Exception) and not self.in_memory:
                    connection.invalidate()  # interrupted anywhere, perhaps in the midst of an exchange
                elif not connection.invalidated and not connection.closed:
                    connection.rollback()
                raise

    def check(self) -> None:
        """Let go of a parent process's connections, and raise StoreError when an SQLite file is not there."""
        if self.pid != os.getpid():  # a child process must not talk on its parent's connections
            self.pid = os.getpid()
            self.engine.dispose(close=False)
        if self._checked or self.kind != "sqlite":
            return
        path = self.engine.url.database
        named = path and path != ":memory:" and not path.startswith("file:")
        if named and not self._create and not Path(str(path)).exists():
            raise StoreError(
                f"There is no database at {path}; correct the path, or make one with "
                f"`lara-queue tables --connection sqlite:///{path}`."
            )
        self._checked = True

    def translated(self, error: DBAPIError, lost: bool = False) -> StoreError:
        """Our exception for one of SQLAlchemy's, with a sentence that says what to do; its cause is the caller's."""
        if lost:
            return StoreUnreachable(f"The database at {self.where} cannot be reached: {_text(error.orig or error)}.")
        if _is_missing_table(error, self.kind):
            return StoreError(
                f"A table of Laravel's is not in the database at {self.where}: {_text(error.orig or error)}. "
                "`php artisan migrate` makes it in a Laravel application, `lara-queue tables` elsewhere."
            )
        return StoreError(f"The database at {self.where} refused: {_text(error.orig or error)}.")


def _engine(source: Any) -> Engine:
    if not isinstance(source, str | URL):
        raise ConfigurationError(f"A {type(source).__name__} is not a database; give a URL or an SQLAlchemy engine.")
    try:
        url = make_url(source)
        url = url.set(drivername=_DRIVERS.get(url.drivername.lower(), url.drivername))
        settings: dict[str, Any] = {"pool_reset_on_return": None}  # a transaction is always ended before
        backend = url.get_backend_name()
        if backend == "sqlite":
            settings["connect_args"] = {"timeout": _BUSY_SECONDS, "check_same_thread": False}
            if not url.database or url.database == ":memory:":
                settings["poolclass"] = StaticPool
            else:
                settings["max_overflow"] = -1  # as many as there are threads at work
        elif backend in ("mysql", "mariadb"):
            settings["max_overflow"] = -1
            # Gap locks of the default level make workers wait for each other, and deadlock; nobody can see the rest.
            settings["isolation_level"] = _LEVEL
            if "charset" not in url.query:
                url = url.update_query_dict({"charset": "utf8mb4"})
        elif backend == "postgresql" and url.get_driver_name() == "psycopg":
            settings["max_overflow"] = -1
            settings["connect_args"] = {"connect_timeout": 10}
        engine = sqlalchemy.create_engine(url, **settings)
        if url.get_driver_name() == "psycopg":
            sqlalchemy.event.listen(engine, "connect", _begin_ourselves)
        return engine
    except ModuleNotFoundError as error:
        extra = _EXTRAS.get(url.get_backend_name())
        wanted = f"lara-queue[{extra}]" if extra else error.name
        raise MissingExtra(f"{url.drivername}:// needs the package {error.name}: pip install '{wanted}'.") from error
    except (ArgumentError, NoSuchModuleError, ValueError) as error:
        raise ConfigurationError(f"This database URL cannot be read: {_text(error)}.") from None


def _begin_ourselves(raw: Any, _record: Any) -> None:
    """Have psycopg not begin by itself, which would be a round trip of its own; COMMIT it sends all the same."""
    raw.autocommit = True


def _begin_on_postgresql(connection: Connection, *, repeatable: bool) -> None:
    connection.begin()
    begin = ["BEGIN"] if getattr(connection.connection.driver_connection, "autocommit", False) else []
    if repeatable:
        begin.append("SET LOCAL synchronous_commit TO off")
    if begin:
        connection.exec_driver_sql("; ".join(begin))  # one message, for both


def _text(error: BaseException) -> str:
    """The first line of what a client library says, without what SQLAlchemy adds below it."""
    args: tuple[Any, ...] = getattr(error, "args", ())
    if len(args) == 2 and isinstance(args[0], int):  # PyMySQL
        return str(args[1]).rstrip(".")
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")


def _state(error: DBAPIError) -> str:
    return str(getattr(error.orig, "sqlstate", None) or getattr(error.orig, "pgcode", None) or "")


def _code(error: DBAPIError) -> int:
    code: Any = next(iter(getattr(error.orig, "args", ())), 0)
    return code if isinstance(code, int) else 0


def _is_lost(error: DBAPIError, kind: Kind) -> bool:
    """True when the server could not be reached, or is too busy to answer."""
    text = str(error.orig)
    if kind == "sqlite":
        return any(part in text for part in ("locked", "busy", "unable to open", "disk I/O error", "disk is full"))
    if kind == "postgresql":
        state = _state(error)
        if not state:
            return isinstance(error, sqlalchemy.exc.OperationalError | sqlalchemy.exc.InterfaceError)
        return state.startswith(("08", "57P", "53")) or state in ("25006",)
    is_kind = isinstance(error, sqlalchemy.exc.OperationalError | sqlalchemy.exc.InterfaceError)
    return is_kind and _code(error) in _LOST_ON_MYSQL


def _is_rolled_back(error: DBAPIError, kind: Kind) -> bool:
    """True when the server undid the transaction for another's sake: a deadlock, a serialization failure."""
    if kind == "postgresql":
        return _state(error) in ("40001", "40P01")
    return kind == "mysql" and _code(error) in (1205, 1213)


def _is_missing_table(error: DBAPIError, kind: Kind) -> bool:
    if kind == "sqlite":
        return "no such table" in str(error.orig)
    return _state(error) == "42P01" if kind == "postgresql" else _code(error) == 1146
