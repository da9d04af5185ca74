"""Batches in Laravel's table. Mirrors ``Bus/DatabaseBatchRepository.php`` (protocol §4.5).

The counts change under the row's lock, in one transaction that reads and writes them, as PHP does it: a PHP worker and
this one may end jobs of the same batch at once.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from typing import Any, Final, Literal

from sqlalchemy import LargeBinary, Select, Table, Text, cast, delete, insert, literal, select, update

from lara_queue.batches.rows import failed_ids, failed_text, with_failure, with_success
from lara_queue.bus.told import with_told
from lara_queue.errors import StoreError
from lara_queue.plans import Plan
from lara_queue.ports import BatchCounts, BatchRow
from lara_queue.sql import SqlLink, Transaction, step
from lara_queue.sql.links import reading
from lara_queue.sql.schema import BATCHES, batches

__all__ = ["DatabaseBatchStore"]

STEP: Final = 1000
"""Rows deleted at once when pruning, as Laravel does."""

What = Literal["finished", "unfinished", "cancelled"]


class DatabaseBatchStore:
    """A batch store in a database.

    Parameters:
        link: the link to the database.
        table: its name, ``job_batches`` by default in Laravel.
    """

    name = "database"

    def __init__(self, link: SqlLink, table: str = BATCHES) -> None:
        self.link = link
        self._table = batches(table)

    def find(self, id: str) -> Plan[BatchRow | None]:
        """The batch, or None."""
        row: BatchRow | None = yield step(self.link, read_batch, self._table, id)
        return row

    def all(self, *, limit: int = 50, before: str | None = None) -> Plan[list[BatchRow]]:
        """The newest batches first; those older than ``before`` when it is given."""
        rows: list[BatchRow] = yield step(self.link, read_batches, self._table, limit, before)
        return rows

    def store(self, id: str, name: str, options: bytes, created_at: int) -> Plan[None]:
        """Keep a new batch, with zero counts. ``options`` are PHP-serialized."""
        yield step(self.link, write_batch, self._table, id, name, options, created_at)

    def increment_total_jobs(self, id: str, count: int) -> Plan[None]:
        """Add jobs: total and pending rise, and it is not finished any more."""
        yield step(self.link, raise_counts, self._table, id, count)

    def decrement_pending_jobs(self, id: str, uuid: str) -> Plan[BatchCounts | None]:
        """The counts after a job's success; None when there is no such batch."""
        counts: BatchCounts | None = yield step(self.link, change_counts, self._table, id, uuid, with_success)
        return counts

    def increment_failed_jobs(self, id: str, uuid: str) -> Plan[BatchCounts | None]:
        """The counts after a job's failure; None when there is no such batch."""
        counts: BatchCounts | None = yield step(self.link, change_counts, self._table, id, uuid, with_failure)
        return counts

    def mark_as_finished(self, id: str, at: int) -> Plan[None]:
        """Note when it was finished."""
        yield step(self.link, set_times, self._table, id, {"finished_at": at})

    def cancel(self, id: str, at: int) -> Plan[None]:
        """Note when it was cancelled; it counts as finished, too."""
        yield step(self.link, set_times, self._table, id, {"cancelled_at": at, "finished_at": at})

    def remember_told(self, id: str, kinds: Sequence[str], total_jobs: int) -> Plan[None]:
        """Keep with the batch's options that callbacks of these kinds were called; see :mod:`lara_queue.bus.told`."""
        yield step(self.link, change_options, self._table, id, tuple(kinds), total_jobs)

    def delete(self, id: str) -> Plan[bool]:
        """True when there was one and it is gone."""
        return bool((yield step(self.link, delete_batch, self._table, id)))

    def prune(self, before: int, *, what: What = "finished") -> Plan[int]:
        """How many were deleted, in steps of 1000: finished before that Unix time, or unfinished or cancelled and
        created before it."""
        total = 0
        while True:
            deleted = int((yield step(self.link, delete_old, self._table, before, what)))
            total += deleted
            if deleted < STEP:
                return total


@reading
def read_batch(transaction: Transaction, table: Table, id: str) -> BatchRow | None:
    """The batch."""
    return _first(transaction, _rows(transaction, table).where(table.c.id == id))


@reading
def read_batches(transaction: Transaction, table: Table, limit: int, before: str | None) -> list[BatchRow]:
    """Batches, the last id first."""
    query = _rows(transaction, table).order_by(table.c.id.desc()).limit(limit)
    if before is not None:
        query = query.where(table.c.id < before)
    return [_batch(transaction, row) for row in transaction.connection.execute(query).mappings()]


def write_batch(transaction: Transaction, table: Table, id: str, name: str, options: bytes, created_at: int) -> None:
    """Insert a batch without jobs."""
    row = {
        "id": id,
        "name": name,
        "total_jobs": 0,
        "pending_jobs": 0,
        "failed_jobs": 0,
        "failed_job_ids": failed_text([]),
        "options": _wrapped(transaction, options),
        "created_at": created_at,
        "cancelled_at": None,
        "finished_at": None,
    }
    transaction.connection.execute(insert(table).values(row))


def raise_counts(transaction: Transaction, table: Table, id: str, count: int) -> None:
    """Add to total and pending."""
    columns = table.c
    new = {
        "total_jobs": columns.total_jobs + count,
        "pending_jobs": columns.pending_jobs + count,
        "finished_at": None,
    }
    transaction.connection.execute(update(table).where(columns.id == id).values(new))


def change_counts(
    transaction: Transaction,
    table: Table,
    id: str,
    uuid: str,
    change: Callable[[BatchRow, str], tuple[BatchRow, BatchCounts]],
) -> BatchCounts | None:
    """Read the row under its lock and write what ``change`` makes of it."""
    row = _first(transaction, _rows(transaction, table).where(table.c.id == id).with_for_update())
    if row is None:
        return None
    changed, counts = change(row, uuid)
    new = {
        "pending_jobs": changed.pending_jobs,
        "failed_jobs": changed.failed_jobs,
        "failed_job_ids": failed_text(changed.failed_job_ids),
    }
    transaction.connection.execute(update(table).where(table.c.id == id).values(new))
    return counts


def change_options(transaction: Transaction, table: Table, id: str, kinds: Sequence[str], total_jobs: int) -> None:
    """Read the options under the row's lock and write them with the note."""
    row = _first(transaction, _rows(transaction, table).where(table.c.id == id).with_for_update())
    if row is None:
        return
    options = _wrapped(transaction, with_told(row.options, kinds, total_jobs))
    transaction.connection.execute(update(table).where(table.c.id == id).values(options=options))


def set_times(transaction: Transaction, table: Table, id: str, times: dict[str, int]) -> None:
    """Write Unix times."""
    transaction.connection.execute(update(table).where(table.c.id == id).values(times))


def delete_batch(transaction: Transaction, table: Table, id: str) -> bool:
    """Delete it."""
    return transaction.connection.execute(delete(table).where(table.c.id == id)).rowcount > 0


def delete_old(transaction: Transaction, table: Table, before: int, what: What) -> int:
    """Delete a step's worth of old batches."""
    columns = table.c
    old = {
        "finished": (columns.finished_at.is_not(None), columns.finished_at < before),
        "unfinished": (columns.finished_at.is_(None), columns.created_at < before),
        "cancelled": (columns.cancelled_at.is_not(None), columns.created_at < before),
    }[what]
    ids = transaction.connection.execute(select(columns.id).where(*old).limit(STEP)).scalars().all()
    if not ids:
        return 0
    # Asked again: a batch that got more jobs meanwhile is not finished any more.
    return transaction.connection.execute(delete(table).where(columns.id.in_(ids), *old)).rowcount


def _rows(transaction: Transaction, table: Table) -> Select[Any]:
    columns = [column for column in table.c if column.name != "options"]
    options: Any = table.c.options
    if transaction.kind == "sqlite":  # a string in them need not be UTF-8, nor free of NUL
        options = cast(options, LargeBinary()).label("options")
    return select(*columns, options)


def _first(transaction: Transaction, query: Select[Any]) -> BatchRow | None:
    row = transaction.connection.execute(query).mappings().first()
    return None if row is None else _batch(transaction, row)


def _batch(transaction: Transaction, row: Any) -> BatchRow:
    return BatchRow(
        id=row["id"],
        name=row["name"],
        total_jobs=row["total_jobs"],
        pending_jobs=row["pending_jobs"],
        failed_jobs=row["failed_jobs"],
        failed_job_ids=failed_ids(row["failed_job_ids"]),
        options=_unwrapped(transaction, row["options"]),
        created_at=row["created_at"],
        cancelled_at=row["cancelled_at"],
        finished_at=row["finished_at"],
    )


def _wrapped(transaction: Transaction, options: bytes) -> Any:
    """The options as the column takes them: base64 on PostgreSQL."""
    if transaction.kind == "postgresql":
        return base64.b64encode(options).decode()
    if transaction.kind == "sqlite":
        return cast(literal(options, LargeBinary()), Text())
    try:
        return options.decode()
    except UnicodeDecodeError:
        raise StoreError("A batch's options are not UTF-8, which MySQL's text column cannot hold.") from None


def _unwrapped(transaction: Transaction, stored: str | bytes | None) -> bytes:
    """The serialized options in the column; on PostgreSQL text without ``:`` and ``;`` is base64."""
    options = stored if isinstance(stored, bytes) else (stored or "").encode("utf-8", "surrogateescape")
    if transaction.kind == "postgresql" and b":" not in options and b";" not in options:
        try:
            return base64.b64decode(options)
        except ValueError:
            return options
    return options
