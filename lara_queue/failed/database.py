"""Laravel's table of failed jobs. Mirrors ``Queue/Failed/DatabaseUuidFailedJobProvider.php`` (``database-uuids``, where
a failure's id is its job's uuid) and ``DatabaseFailedJobProvider.php`` (``database``, where it is the row's number).

A job is at most once in the table. Where old tables have no uuid, the newest rows are searched for its uuid, or its
payload. A record is replaced rather than left when a job fails again, so that :meth:`DatabaseFailedStore.remove`, which
goes by the row's number, never takes a failure that came after the one it was shown.
"""

from __future__ import annotations

import re
import uuid as uuids
from dataclasses import dataclass
from datetime import UTC, tzinfo
from typing import Any, Final

import sqlalchemy
from sqlalchemy import LargeBinary, Select, Table, Text, cast, delete, func, insert, literal, select, type_coerce
from sqlalchemy.exc import NoSuchTableError

from lara_queue.errors import StoreError, StoreUnreachable
from lara_queue.failed.records import (
    as_text,
    exception_text,
    from_text,
    json_object,
    local_time,
    readable,
    unix_time,
    wrapped,
)
from lara_queue.plans import Plan
from lara_queue.ports import FailedJob, Failure
from lara_queue.sql import SqlLink, Transaction, step
from lara_queue.sql.links import reading
from lara_queue.sql.schema import FAILED, failed_jobs

__all__ = ["DatabaseFailedStore"]

PAGE: Final = 200
"""Rows read at once: payloads and exceptions are large."""

STEP: Final = 1000
"""Rows deleted at once, as Laravel's pruning does, so that nobody waits long for their locks."""

LOOK_BACK: Final = 1000
"""Rows searched for a job's uuid where the table has no column for it."""

_NUMBER: Final = re.compile(r"[0-9]{1,18}", re.ASCII)
_PLAIN: Final = re.compile(r"[0-9A-Za-z-]+", re.ASCII)
_LONGEST_UUID: Final = 255


@dataclass(slots=True)
class _Place:
    """The table, and what was found out about it."""

    table: Table
    by_uuid: bool
    has_uuid: bool | None = None

    def with_uuid(self, transaction: Transaction) -> bool:
        """True when the table has a column for the uuid: always for ``database-uuids``."""
        if self.by_uuid:
            return True
        if self.has_uuid is None:
            try:
                columns = sqlalchemy.inspect(transaction.connection).get_columns(self.table.name)
            except NoSuchTableError:
                return True  # the statement to come says so better
            self.has_uuid = any(column["name"] == "uuid" for column in columns)
        return self.has_uuid


class DatabaseFailedStore:
    """A failed-job store in a table.

    Parameters:
        link: the link to the database.
        table: its name, ``failed_jobs`` by default in Laravel.
        uuids: ids are the jobs' uuids (``database-uuids``, Laravel's default), not row numbers (``database``).
        timezone: the application's, in which ``failed_at`` is written.
    """

    def __init__(self, link: SqlLink, table: str = FAILED, *, uuids: bool = True, timezone: tzinfo = UTC) -> None:
        self.link = link
        self.name = "database-uuids" if uuids else "database"
        self._place = _Place(failed_jobs(table), uuids)
        self._zone = timezone

    def record(self, failure: Failure) -> Plan[None]:
        """Keep it; a row of the same job is replaced.

        Raises :class:`~lara_queue.errors.StoreError`, which names the table, when it cannot be kept: the job then
        stays where it is until it can.
        """
        row: dict[str, Any] = {
            "uuid": _column_uuid(failure.uuid),
            "connection": readable(failure.connection),
            "queue": readable(failure.queue),
            "payload": as_text(failure),
            "exception": exception_text(failure),
            "failed_at": local_time(failure.failed_at, self._zone),
        }
        try:
            try:
                yield step(self.link, write_failure, self._place, row)
            except StoreUnreachable:
                raise
            except StoreError:
                if row["payload"].isascii() and row["exception"].isascii():
                    raise
                # The table's character set may be what it minds; plain ASCII fits into all of them.
                ascii = {
                    "payload": row["payload"] if row["payload"].isascii() else wrapped(failure),
                    "exception": row["exception"].encode("ascii", "backslashreplace").decode(),
                }
                yield step(self.link, write_failure, self._place, {**row, **ascii})
        except StoreUnreachable:
            raise
        except StoreError as error:
            table = self._place.table.name
            raise StoreError(
                f"A failed job cannot be recorded in the table {table}, and stays reserved until it can: {error}"
            ) from error

    def all(self, *, queue: str | None = None, limit: int | None = None) -> Plan[list[FailedJob]]:
        """The failures, newest first, read page by page."""
        found: list[FailedJob] = []
        before: int | None = None
        while limit is None or len(found) < limit:
            size = PAGE if limit is None else min(PAGE, limit - len(found))
            page = yield step(self.link, read_failures, self._place, queue, before, size)
            found += [self._job(row) for row in page]
            if len(page) < size:
                break
            before = page[-1]["id"]
        return found

    def ids(self, *, queue: str | None = None) -> Plan[list[str]]:
        """The ids, newest first."""
        found: list[str] = yield step(self.link, read_ids, self._place, queue)
        return found

    def find(self, id: str) -> Plan[FailedJob | None]:
        """The failure with that id, or None."""
        row = yield step(self.link, read_failure, self._place, str(id))
        return None if row is None else self._job(row)

    def forget(self, id: str) -> Plan[bool]:
        """True when there was one and it is gone."""
        return bool((yield step(self.link, delete_failure, self._place, str(id))))

    def remove(self, failed: FailedJob) -> Plan[bool]:
        """True when that very row was there and is gone."""
        return bool((yield step(self.link, delete_rows, self._place, [failed.receipt])))

    def flush(self, *, before: float | None = None) -> Plan[int]:
        """How many were deleted: all in one statement, or in steps those that failed at or before that Unix time."""
        if before is None:
            return int((yield step(self.link, delete_all, self._place)))
        return (yield from self._delete_old(before, True))

    def prune(self, before: float) -> Plan[int]:
        """How many were deleted because they failed before that Unix time, in steps of 1000."""
        return (yield from self._delete_old(before, False))

    def count(self, *, queue: str | None = None) -> Plan[int]:
        """How many there are, counted by the database."""
        return int((yield step(self.link, count_failures, self._place, queue)))

    def _delete_old(self, before: float, also_at: bool) -> Plan[int]:
        limit, total = local_time(before, self._zone), 0
        while True:
            deleted = int((yield step(self.link, delete_old, self._place, limit, also_at)))
            total += deleted
            if deleted < STEP:
                return total

    def _job(self, row: dict[str, Any]) -> FailedJob:
        uuid = row.get("uuid")
        return FailedJob(
            id=str(uuid if self._place.by_uuid else row["id"]),
            uuid=uuid if uuid is not None else _uuid_in(from_text(row["payload"])),
            connection=row["connection"],
            queue=row["queue"],
            payload=from_text(row["payload"]),
            exception=_text(row["exception"]),
            failed_at=unix_time(row["failed_at"], self._zone),
            receipt=row["id"],
        )


def write_failure(transaction: Transaction, place: _Place, row: dict[str, Any]) -> None:
    """Insert the row in place of any that the same job has."""
    table = place.table
    if place.with_uuid(transaction):
        transaction.connection.execute(delete(table).where(table.c.uuid == row["uuid"]))
        transaction.connection.execute(insert(table).values(row))
        return
    newest = transaction.connection.execute(select(func.max(table.c.id))).scalar() or 0
    uuid, text = row["uuid"], row["payload"]
    told = _PLAIN.fullmatch(uuid) is not None and _uuid_in(from_text(text)) == uuid and uuid in text
    like_it = table.c.payload.contains(uuid) if told else table.c.payload == text
    query = select(table.c.id, table.c.payload).where(table.c.id > newest - LOOK_BACK, like_it)
    found = transaction.connection.execute(query)
    same = [id for id, other in found if (_uuid_in(from_text(other)) == uuid if told else other == text)]
    delete_rows(transaction, place, same)
    transaction.connection.execute(insert(table).values({key: row[key] for key in row if key != "uuid"}))


@reading
def read_failures(
    transaction: Transaction, place: _Place, queue: str | None, before: int | None, limit: int
) -> list[dict[str, Any]]:
    """A page of rows with smaller numbers than ``before``, the largest first."""
    query = _of_queue(_columns(transaction, place), place.table, queue)
    if before is not None:
        query = query.where(place.table.c.id < before)
    rows = transaction.connection.execute(query.order_by(place.table.c.id.desc()).limit(limit))
    return [dict(row) for row in rows.mappings()]


@reading
def read_ids(transaction: Transaction, place: _Place, queue: str | None) -> list[str]:
    """The ids of all rows, the largest number first."""
    table = place.table
    query = _of_queue(select(table.c.uuid if place.by_uuid else table.c.id), table, queue)
    return [str(id) for (id,) in transaction.connection.execute(query.order_by(table.c.id.desc()))]


@reading
def read_failure(transaction: Transaction, place: _Place, id: str) -> dict[str, Any] | None:
    """The row with that id."""
    condition = _with_id(transaction, place, id)
    if condition is None:
        return None
    row = transaction.connection.execute(_columns(transaction, place).where(condition)).mappings().first()
    return None if row is None else dict(row)


def delete_failure(transaction: Transaction, place: _Place, id: str) -> bool:
    """Delete the row with that id."""
    condition = _with_id(transaction, place, id)
    return condition is not None and transaction.connection.execute(delete(place.table).where(condition)).rowcount > 0


def delete_rows(transaction: Transaction, place: _Place, numbers: list[int]) -> int:
    """Delete the rows with those numbers."""
    if not numbers:
        return 0
    return transaction.connection.execute(delete(place.table).where(place.table.c.id.in_(numbers))).rowcount


def delete_all(transaction: Transaction, place: _Place) -> int:
    """Delete everything."""
    return transaction.connection.execute(delete(place.table)).rowcount


def delete_old(transaction: Transaction, place: _Place, limit: Any, also_at: bool) -> int:
    """Delete a step's worth of the rows that failed before, or also at, that time."""
    failed_at = place.table.c.failed_at
    old = failed_at <= limit if also_at else failed_at < limit
    numbers = transaction.connection.execute(select(place.table.c.id).where(old).limit(STEP)).scalars().all()
    return delete_rows(transaction, place, list(numbers))


@reading
def count_failures(transaction: Transaction, place: _Place, queue: str | None) -> int:
    """How many rows there are."""
    query = _of_queue(select(func.count()).select_from(place.table), place.table, queue)
    return int(transaction.connection.execute(query).scalar() or 0)


def _columns(transaction: Transaction, place: _Place) -> Select[Any]:
    columns = place.table.c
    read: list[Any] = [columns.id, columns.connection, columns.queue]
    for column in (columns.payload, columns.exception):
        # Laravel 8 writes exceptions that are not UTF-8; SQLite keeps them, and Python cannot read them as text.
        read.append(cast(column, LargeBinary()).label(column.name) if transaction.kind == "sqlite" else column)
    read.append(columns.uuid if place.with_uuid(transaction) else literal(None).label("uuid"))
    # As it stands: SQLite's is text, and one that somebody else wrote otherwise must not keep the row from being read.
    return select(*read, type_coerce(columns.failed_at, Text()).label("failed_at"))


def _of_queue(query: Select[Any], table: Table, queue: str | None) -> Select[Any]:
    return query if queue is None else query.where(table.c.queue == queue)


def _with_id(transaction: Transaction, place: _Place, id: str) -> Any:
    """The condition for an id: a uuid, or for ``database`` a row's number, or a uuid where the table has them."""
    if place.by_uuid:
        return place.table.c.uuid == readable(id)
    if _NUMBER.fullmatch(id):
        return place.table.c.id == int(id)
    return place.table.c.uuid == readable(id) if place.with_uuid(transaction) else None


def _column_uuid(uuid: str) -> str:
    """The job's uuid, or one made of it when no column would take it."""
    if 0 < len(uuid) <= _LONGEST_UUID and readable(uuid) == uuid:
        return uuid
    return str(uuids.uuid5(uuids.NAMESPACE_OID, readable(uuid)))


def _text(stored: str | bytes) -> str:
    return stored if isinstance(stored, str) else stored.decode("utf-8", "replace")


def _uuid_in(payload: bytes) -> str | None:
    uuid = (json_object(payload) or {}).get("uuid")
    return _column_uuid(uuid) if isinstance(uuid, str) else None
