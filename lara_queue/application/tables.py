"""What ``doctor`` asks a database, as scripts of a transaction that change nothing."""

from __future__ import annotations

from sqlalchemy import column, select
from sqlalchemy import table as sql_table
from sqlalchemy.sql import func

from lara_queue.sql import Transaction
from lara_queue.sql.links import reading

__all__ = ["count_rows", "queue_names"]


@reading
def queue_names(transaction: Transaction, name: str, limit: int) -> list[str]:
    """The queues that have rows in a jobs table, at most so many."""
    jobs = _table(name)
    rows = transaction.connection.execute(select(jobs.c.queue).distinct().limit(limit))
    return [str(row[0]) for row in rows]


@reading
def count_rows(transaction: Transaction, name: str) -> int:
    """How many rows a table has."""
    counted = transaction.connection.execute(select(func.count()).select_from(_table(name))).scalar()
    return int(counted or 0)


def _table(name: str):  # type: ignore[no-untyped-def]  # SQLAlchemy's type for it is not public
    schema, _, bare = name.rpartition(".")
    return sql_table(bare, column("queue"), schema=schema or None)
