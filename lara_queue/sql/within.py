"""Pushing a job together with the program's own data: in its transaction, or when that has been committed.

In a database queue the job is one more row of the program's transaction: both are there or neither is. Any other store
is told after the commit, and not at all when there is none. For that the commit is done here, from SQLAlchemy's event
that announces it, and then the push; SQLAlchemy's own commit after that has nothing left to do.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Literal
from weakref import WeakKeyDictionary, ref

from sqlalchemy import Connection, TwoPhaseTransaction, event, func, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.util import await_only

from lara_queue.errors import ConfigurationError
from lara_queue.plans import Plan
from lara_queue.sql.database import Database
from lara_queue.sql.schema import jobs

__all__ = [
    "WITHIN",
    "Drive",
    "insert_within",
    "insert_within_async",
    "run_after_commit",
    "run_after_commit_async",
    "run_after_rollback",
    "run_after_rollback_async",
]

WITHIN = "within"
"""The name of a call that inserts jobs in a transaction of the program's own."""

Drive = Callable[[Plan[Any]], Any]
"""Performs a plan: blocking and returning its result, or awaited."""

Rows = Sequence[dict[str, Any]]

_Todo = tuple[Callable[[], Any], list[str]]
"""What is to be done, and the savepoints it was asked for in."""


def insert_within(database: Database, given: Any, table: str, rows: Rows, channel: str) -> int | None:
    """The new id if there was one row; inserted in the transaction of a Connection or Session, which is left open."""
    return _insert(database, _connection(given), table, rows, channel)


async def insert_within_async(database: Database, given: Any, table: str, rows: Rows, channel: str) -> int | None:
    """The same for an AsyncConnection or AsyncSession."""
    _check(given, "async")
    found: int | None = await given.run_sync(
        lambda sync: _insert(database, _connection(sync), table, rows, channel),
    )
    return found


def run_after_commit(given: Any, plan: Callable[[], Plan[Any]], drive: Drive) -> None:
    """Have a plan performed when the transaction of a Connection or Session has been committed."""
    _Pending.of(_connection(given)).add(lambda: drive(plan()))


async def run_after_commit_async(given: Any, plan: Callable[[], Plan[Any]], drive: Drive) -> None:
    """The same for an AsyncConnection or AsyncSession; whoever awaits its commit awaits the plan too."""
    _check(given, "async")
    await given.run_sync(lambda sync: _Pending.of(_connection(sync)).add(lambda: await_only(drive(plan()))))


def run_after_rollback(given: Any, plan: Callable[[], Plan[Any]], drive: Drive) -> None:
    """Have a plan performed when the transaction of a Connection or Session, or its savepoint, has been rolled back."""
    _Pending.of(_connection(given)).add(lambda: drive(plan()), undo=True)


async def run_after_rollback_async(given: Any, plan: Callable[[], Plan[Any]], drive: Drive) -> None:
    """The same for an AsyncConnection or AsyncSession."""
    _check(given, "async")
    await given.run_sync(
        lambda sync: _Pending.of(_connection(sync)).add(lambda: await_only(drive(plan())), undo=True),
    )


def _check(given: Any, face: Literal["sync", "async"]) -> None:
    if hasattr(given, "run_sync") != (face == "async"):
        kinds = "an AsyncConnection or AsyncSession" if face == "async" else "a Connection or Session of SQLAlchemy"
        owner = "AsyncQueue" if face == "async" else "Queue"
        raise ConfigurationError(f"{owner} takes connection={kinds}, not a {type(given).__name__}.")


def _connection(given: Any) -> Connection:
    _check(given, "sync")
    if not isinstance(given, Connection):
        connect = getattr(given, "connection", None)
        given = connect() if callable(connect) else None
        if not isinstance(given, Connection):
            raise ConfigurationError("connection= takes a Connection or Session of SQLAlchemy.")
    return given


def _insert(database: Database, connection: Connection, table: str, rows: Rows, channel: str) -> int | None:
    name = connection.dialect.name
    if ("mysql" if name == "mariadb" else name) != database.kind:
        raise ConfigurationError(
            f"The jobs are in {database.kind} and the connection is to {name}: a transaction cannot span both."
        )
    schema, _, bare = table.rpartition(".")
    into = jobs(bare, schema or None)
    try:
        if len(rows) == 1:
            key = connection.execute(into.insert().values(rows[0])).inserted_primary_key
            id = None if key is None else int(key[0])
        else:
            connection.execute(into.insert(), rows)
            id = None
        if name == "postgresql":
            for queue in {row["queue"] for row in rows}:
                connection.execute(select(func.pg_notify(channel, queue)))
        return id
    except DBAPIError as error:
        raise database.translated(error) from error


class _Pending:
    """What is to be done when a connection's transaction has been committed, and what when it is rolled back."""

    _all: ClassVar[WeakKeyDictionary[Connection, _Pending]] = WeakKeyDictionary()

    def __init__(self, connection: Connection) -> None:
        self._waiting: list[_Todo] = []
        self._undoing: list[_Todo] = []
        self._connection = ref(connection)
        event.listen(connection, "commit", self._on_commit)
        event.listen(connection, "rollback", self._on_rollback)
        event.listen(connection, "rollback_savepoint", self._on_rollback_savepoint)

    @classmethod
    def of(cls, connection: Connection) -> _Pending:
        """That of a connection, in whose transaction it now is."""
        if not connection.in_transaction():
            connection.begin()
        if isinstance(connection.get_transaction(), TwoPhaseTransaction):
            raise ConfigurationError("A two-phase transaction cannot be followed by a push; push after its commit.")
        pending = cls._all.get(connection)
        if pending is None:
            pending = cls._all[connection] = cls(connection)
        return pending

    def add(self, do: Callable[[], Any], *, undo: bool = False) -> None:
        """Do this too after the commit; or, to ``undo``, after a rollback, of one of the savepoints now open too."""
        savepoints = []
        nested: Any = (connection := self._connection()) and connection.get_nested_transaction()
        while nested is not None:
            savepoints.append(nested._savepoint)  # SQLAlchemy does not tell a savepoint's name in any other way
            nested = nested._previous_nested
        (self._undoing if undo else self._waiting).append((do, savepoints))

    def _take(self) -> tuple[list[_Todo], list[_Todo]]:
        """What is to be done after a commit, and after a rollback; neither is any more."""
        waiting, undoing, self._waiting, self._undoing = self._waiting, self._undoing, [], []
        return waiting, undoing

    def _on_commit(self, connection: Connection) -> None:
        waiting, undoing = self._take()
        if not waiting and not undoing:
            return
        dialect = connection.dialect
        try:
            dialect.do_commit(connection.connection)
        except dialect.loaded_dbapi.Error as error:
            dialect.do_rollback(connection.connection)  # SQLAlchemy takes a transaction whose commit failed for ended
            _do(undoing)
            raise DBAPIError.instance(None, None, error, dialect.loaded_dbapi.Error, dialect=dialect) from error
        _do(waiting)

    def _on_rollback(self, connection: Connection) -> None:
        _, undoing = self._take()
        if undoing:
            # Before them: what they ask may wait for what this transaction holds. SQLAlchemy's own has nothing to do.
            connection.dialect.do_rollback(connection.connection)
            _do(undoing)

    def _on_rollback_savepoint(self, connection: Connection, name: str, context: None) -> None:
        undoing = [todo for todo in self._undoing if name in todo[1]]
        self._waiting = [todo for todo in self._waiting if name not in todo[1]]
        self._undoing = [todo for todo in self._undoing if name not in todo[1]]
        _do(undoing)


def _do(todos: Sequence[_Todo]) -> None:
    """Do all of it; raises what the first one raised that failed, once the others have had their turn."""
    failure: Exception | None = None
    for do, _ in todos:
        try:
            do()
        except Exception as error:
            failure = failure or error
    if failure is not None:
        raise failure
