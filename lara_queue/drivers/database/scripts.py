"""What is done to the jobs table in one transaction: functions of the open transaction, run by the links.

A script may be run again after a rollback, and then does the same. Whose lease it is, is told by a job's id together
with its number of attempts while it is reserved: every taking raises that number.

What a worker does with a job may be lost in a power failure, of the last second at most: the job is then there as it
was before, and is run again. What is pushed may not: whoever pushed it was told that it is there.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from lara_queue.drivers.database.statements import MOST_TINY, Statements, statements
from lara_queue.ports import State
from lara_queue.sql.database import Transaction
from lara_queue.sql.links import batched, reading, repeatable, undone_by

__all__ = [
    "Receipt",
    "Row",
    "Taken",
    "browse",
    "clear",
    "delete",
    "extend",
    "give_back",
    "next_due",
    "ping",
    "push",
    "push_many",
    "queues",
    "release",
    "reserve",
    "sizes",
    "undo_reserve",
]

Row = tuple[str, int, int, int, bytes | str]
"""queue, attempts (0), available_at, created_at, payload"""

_CHUNK = 500
"""How many values a statement has at most: old SQLite takes 999."""

_TINY = 1
"""The type of a tinyint column in MySQL's protocol: what Laravel's migration made of ``attempts`` before 13.6."""


class Receipt(NamedTuple):
    """Proof of holding a job. ``counted`` is 0 when the column is full, so that no further attempt can be counted."""

    id: int
    attempts: int
    counted: int


class Taken(NamedTuple):
    """A job that was reserved."""

    queue: str
    receipt: Receipt
    payload: bytes


@batched
def push(transaction: Transaction, table: str, rows: Sequence[Row]) -> list[str]:
    """The new ids."""
    sql = statements(transaction, table)
    execute = transaction.connection.exec_driver_sql
    ids: list[Any] = []
    if sql.kind == "postgresql":
        returning = f"{sql.insert} RETURNING id"
        for row in rows:
            ids.append(execute(returning, row).scalar_one())
        _notify(transaction, sql, {row[0] for row in rows})
    else:
        for row in rows:
            ids.append(execute(sql.insert, row).lastrowid)
    return [str(id) for id in ids]


def push_many(transaction: Transaction, table: str, rows: Sequence[Row]) -> None:
    """Insert them in order; the client libraries make one statement, or one round trip, of many."""
    sql = statements(transaction, table)
    transaction.connection.exec_driver_sql(sql.insert, list(rows))
    _notify(transaction, sql, {row[0] for row in rows})


def _notify(transaction: Transaction, sql: Statements, queues: Iterable[str]) -> None:
    """Tell those who listen, when the transaction is committed."""
    if sql.kind == "postgresql":
        for queue in queues:
            transaction.connection.exec_driver_sql("SELECT pg_notify(%s, %s)", (sql.channel, queue))


def undo_reserve(
    transaction: Transaction, table: str, queues: Sequence[str], limit: int, now: int, expired: int, taken: list[Taken]
) -> None:
    """Give back what :func:`reserve` took, as if it had never been taken."""
    give_back(transaction, table, [(one.receipt, now, None) for one in reversed(taken)])


@undone_by(undo_reserve)
@repeatable
def reserve(
    transaction: Transaction, table: str, queues: Sequence[str], limit: int, now: int, expired: int
) -> list[Taken]:
    """Up to ``limit`` jobs, those of the first queue first, reserved at ``now``; ``expired`` is when a reservation was
    made that has just run out."""
    sql = statements(transaction, table)
    taken: list[Taken] = []
    for queue in queues:
        left = limit - len(taken)
        if left <= 0:
            break
        taken += _take(transaction, sql, queue, left, now, expired)
    return taken


def _take(transaction: Transaction, sql: Statements, queue: str, limit: int, now: int, expired: int) -> list[Taken]:
    execute = transaction.connection.exec_driver_sql
    most = sql.most_attempts
    rows: Sequence[Any]
    if sql.take is not None:
        rows = execute(sql.take, (now, queue, now, expired, limit)).all()
        if len(rows) > 1:
            rows = sorted(rows, key=_id)
    else:
        found = execute(sql.pick, (queue, now, expired, limit))
        cursor = found.cursor
        assert cursor is not None, "a SELECT has a cursor"
        tiny = most is not None and cursor.description[1][1] == _TINY
        start = sql.mark_taken
        if tiny:
            start, most = sql.mark_taken_tiny, MOST_TINY
        rows = [(id, attempts + 1 if most is None else min(attempts + 1, most), body) for id, attempts, body in found]
        for part in _parts([row[0] for row in rows]):
            execute(sql.of(start, len(part)), (now, *part))
    taken = []
    for id, attempts, payload in rows:
        receipt = Receipt(id, attempts, 1 if most is None or attempts < most else 0)
        body = payload if isinstance(payload, bytes) else payload.encode("utf-8", "surrogateescape")
        taken.append(Taken(queue, receipt, body))
    return taken


def _id(row: Any) -> int:
    id: int = row[0]
    return id


@batched
@repeatable
def delete(transaction: Transaction, table: str, receipts: Sequence[Receipt]) -> list[bool]:
    """For each: True when it was held and is gone."""
    sql = statements(transaction, table)
    return _change(transaction, sql, sql.delete, (), receipts, tells=sql.tells_deleted)


@repeatable
def extend(transaction: Transaction, table: str, reserved_at: int, receipts: Sequence[Receipt]) -> list[bool]:
    """For each: True when it was held and now counts as reserved then."""
    sql = statements(transaction, table)
    return _change(transaction, sql, sql.extend, (reserved_at,), receipts, tells=sql.tells_updated)


def _change(
    transaction: Transaction,
    sql: Statements,
    statement: str,
    before: tuple[Any, ...],
    receipts: Sequence[Receipt],
    *,
    tells: bool,
) -> list[bool]:
    """Change those that are held, all of the same number of attempts in one statement; which they were.

    A job that is named twice was held by the first of the two only.
    """
    execute = transaction.connection.exec_driver_sql
    if len(receipts) == 1:
        id, attempts, _ = receipts[0]
        return [execute(sql.of(statement, 1), (*before, attempts, id)).rowcount == 1]
    by_attempts: dict[int, list[int]] = {}
    for id, attempts, _ in receipts:
        by_attempts.setdefault(attempts, []).append(id)
    held: set[tuple[int, int]] = set()
    for attempts, ids in by_attempts.items():
        for part in _parts(ids):
            args = (attempts, *part)
            if tells:
                found = execute(sql.of(statement, len(part), " RETURNING id"), (*before, *args)).all()
            else:
                lock = " FOR UPDATE" if sql.lock else ""
                found = execute(sql.of(sql.lock_held, len(part), lock), args).all()
                execute(sql.of(statement, len(part)), (*before, *args))
            held.update((id, attempts) for (id,) in found)
    answers = []
    for id, attempts, _ in receipts:
        answers.append((id, attempts) in held)
        held.discard((id, attempts))
    return answers


@batched
@repeatable
def release(transaction: Transaction, table: str, created_at: int, items: Sequence[tuple[Receipt, int]]) -> list[bool]:
    """For each receipt and available_at: True when it was held, and is a new row now with its attempts kept."""
    sql = statements(transaction, table)
    execute = transaction.connection.exec_driver_sql
    answers = []
    for (id, attempts, _), available_at in items:
        if sql.kind == "postgresql":
            held = execute(sql.release, (id, attempts, available_at, created_at)).rowcount == 1
        else:
            held = execute(sql.release, (available_at, created_at, id, attempts)).rowcount == 1
            if held:
                execute(sql.delete_one, (id,))
        answers.append(held)
    return answers


@batched
@repeatable
def give_back(transaction: Transaction, table: str, items: Sequence[tuple[Receipt, int, int | None]]) -> list[bool]:
    """For each receipt, now and available_at (None for its old place): True when it was held, and waits again."""
    sql = statements(transaction, table)
    execute = transaction.connection.exec_driver_sql
    answers = []
    for (id, attempts, counted), now, available_at in items:
        if available_at is None:
            done = execute(sql.give_back, (counted, now, now, id, attempts))
        else:
            done = execute(sql.give_back_later, (counted, available_at, id, attempts))
        answers.append(done.rowcount == 1)
    return answers


@reading
def sizes(transaction: Transaction, table: str, queue: str, now: int) -> tuple[int, int, int]:
    """How many are due now, due later, reserved."""
    sql = statements(transaction, table)
    pending, delayed, reserved = transaction.connection.exec_driver_sql(sql.sizes, (now, now, queue)).one()
    return int(pending or 0), int(delayed or 0), int(reserved or 0)


@reading
def queues(transaction: Transaction, table: str) -> list[str]:
    """The names that there are."""
    return list(transaction.connection.exec_driver_sql(statements(transaction, table).queues).scalars())


def clear(transaction: Transaction, table: str, queue: str) -> int:
    """How many were deleted."""
    sql = statements(transaction, table)
    return int(transaction.connection.exec_driver_sql(sql.clear, (queue,)).rowcount)


@reading
def browse(
    transaction: Transaction, table: str, queue: str, state: State, now: int, offset: int, limit: int
) -> list[tuple[int, int, int, int | None, bytes]]:
    """id, attempts, available_at, reserved_at and payload of each, in order."""
    sql = statements(transaction, table)
    args = (queue, limit, offset) if state == "reserved" else (queue, now, limit, offset)
    rows = transaction.connection.exec_driver_sql(sql.browse[state], args).all()
    return [(*row[:4], row[4] if isinstance(row[4], bytes) else row[4].encode()) for row in rows]


@reading
def next_due(transaction: Transaction, table: str, queues: Sequence[str], retry_after: int) -> int | None:
    """The earliest Unix time at which a job of these queues can be taken, now or in the past too; None without any."""
    sql = statements(transaction, table)
    statement = sql.of(sql.next_due, len(queues))
    due = transaction.connection.exec_driver_sql(statement, (retry_after, *queues)).scalar()
    return None if due is None else int(due)


@reading
def ping(transaction: Transaction) -> None:
    """Nothing, when the server answers."""
    transaction.connection.exec_driver_sql("SELECT 1")


def _parts(ids: Sequence[int]) -> Iterable[Sequence[int]]:
    for first in range(0, len(ids), _CHUNK):
        yield ids[first : first + _CHUNK]
