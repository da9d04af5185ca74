"""Laravel's tables, as its migrations make them; the only place where their names and columns are written.

Mirrors ``Queue/Console/stubs/{jobs,failed_jobs,batches}.stub`` and ``Cache/Console/stubs/cache.stub``
(protocol §4.1, §4.4, §4.5, §4.6).
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from sqlalchemy import (
    TIMESTAMP,
    BigInteger,
    Column,
    Index,
    Integer,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects import mysql, postgresql, sqlite
from sqlalchemy.engine import Dialect
from sqlalchemy.schema import CreateIndex, CreateTable

from lara_queue.sql.database import Transaction

__all__ = [
    "BATCHES",
    "CACHE",
    "FAILED",
    "JOBS",
    "LOCKS",
    "batches",
    "cache",
    "cache_locks",
    "create_tables",
    "failed_jobs",
    "jobs",
    "statements_to_create",
    "tables",
]

JOBS = "jobs"
FAILED = "failed_jobs"
BATCHES = "job_batches"
CACHE = "cache"
LOCKS = "cache_locks"

_UTF8: dict[str, Any] = {
    f"{name}_{option}": value
    for name in ("mysql", "mariadb")
    for option, value in (("charset", "utf8mb4"), ("collate", "utf8mb4_unicode_ci"))
}
"""What Laravel's own connections make tables with."""

_NAME = String(255).with_variant(String(), "sqlite")
_ID = BigInteger().with_variant(mysql.BIGINT(unsigned=True), "mysql", "mariadb").with_variant(Integer(), "sqlite")
_TIME = Integer().with_variant(mysql.INTEGER(unsigned=True), "mysql", "mariadb")
_LONG = Text().with_variant(mysql.LONGTEXT(), "mysql", "mariadb")
_MEDIUM = Text().with_variant(mysql.MEDIUMTEXT(), "mysql", "mariadb")
_COUNT = (
    SmallInteger().with_variant(mysql.SMALLINT(unsigned=True), "mysql", "mariadb").with_variant(Integer(), "sqlite")
)
_WHEN = (
    TIMESTAMP()
    .with_variant(mysql.TIMESTAMP(), "mysql", "mariadb")
    .with_variant(postgresql.TIMESTAMP(precision=0), "postgresql")
    .with_variant(sqlite.DATETIME(truncate_microseconds=True), "sqlite")  # type: ignore[no-untyped-call]
)


@lru_cache(maxsize=64)
def jobs(name: str = JOBS, schema: str | None = None) -> Table:
    """The table of waiting jobs."""
    return Table(
        name,
        MetaData(schema=schema),
        Column("id", _ID, primary_key=True, autoincrement=True),
        Column("queue", _NAME, nullable=False),
        Column("payload", _LONG, nullable=False),
        Column("attempts", _COUNT, nullable=False),
        Column("reserved_at", _TIME, nullable=True),
        Column("available_at", _TIME, nullable=False),
        Column("created_at", _TIME, nullable=False),
        Index(f"{name}_queue_index", "queue"),
        sqlite_autoincrement=True,
        **_UTF8,
    )


@lru_cache(maxsize=64)
def failed_jobs(name: str = FAILED, schema: str | None = None) -> Table:
    """The table of failed jobs, as Laravel 13 makes it; before that the two names were longer texts, without index."""
    return Table(
        name,
        MetaData(schema=schema),
        Column("id", _ID, primary_key=True, autoincrement=True),
        Column("uuid", _NAME, nullable=False),
        Column("connection", _NAME, nullable=False),
        Column("queue", _NAME, nullable=False),
        Column("payload", _LONG, nullable=False),
        Column("exception", _LONG, nullable=False),
        Column("failed_at", _WHEN, nullable=False, server_default=text("CURRENT_TIMESTAMP")),
        UniqueConstraint("uuid", name=f"{name}_uuid_unique"),
        Index(f"{name}_connection_queue_failed_at_index", "connection", "queue", "failed_at"),
        sqlite_autoincrement=True,
        **_UTF8,
    )


@lru_cache(maxsize=64)
def batches(name: str = BATCHES, schema: str | None = None) -> Table:
    """The table of batches."""
    return Table(
        name,
        MetaData(schema=schema),
        Column("id", _NAME, primary_key=True),
        Column("name", _NAME, nullable=False),
        Column("total_jobs", Integer, nullable=False),
        Column("pending_jobs", Integer, nullable=False),
        Column("failed_jobs", Integer, nullable=False),
        Column("failed_job_ids", _LONG, nullable=False),
        Column("options", _MEDIUM, nullable=True),
        Column("cancelled_at", Integer, nullable=True),
        Column("created_at", Integer, nullable=False),
        Column("finished_at", Integer, nullable=True),
        **_UTF8,
    )


@lru_cache(maxsize=64)
def cache(name: str = CACHE, schema: str | None = None) -> Table:
    """The table of cached values."""
    return Table(
        name,
        MetaData(schema=schema),
        Column("key", _NAME, primary_key=True),
        Column("value", _MEDIUM, nullable=False),
        Column("expiration", Integer, nullable=False),
        **_UTF8,
    )


@lru_cache(maxsize=64)
def cache_locks(name: str = LOCKS, schema: str | None = None) -> Table:
    """The table of cache locks."""
    return Table(
        name,
        MetaData(schema=schema),
        Column("key", _NAME, primary_key=True),
        Column("owner", _NAME, nullable=False),
        Column("expiration", Integer, nullable=False),
        **_UTF8,
    )


def tables() -> list[Table]:
    """All of them, under their usual names."""
    return [jobs(), batches(), failed_jobs(), cache(), cache_locks()]


def create_tables(transaction: Transaction) -> list[str]:
    """The names of those that were not there, after making them; a script. What is there is left as it is."""
    connection = transaction.connection
    missing = [table for table in tables() if not connection.dialect.has_table(connection, table.name)]
    for table in missing:
        table.create(connection, checkfirst=False)
    return [table.name for table in missing]


def statements_to_create(dialect: Dialect) -> list[str]:
    """The SQL that makes them, in that server's dialect, each without a semicolon."""
    made = []
    for table in tables():
        made.append(str(CreateTable(table).compile(dialect=dialect)).strip().replace("\t", "    "))
        made += [str(CreateIndex(index).compile(dialect=dialect)) for index in table.indexes]
    return made
