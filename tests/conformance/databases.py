"""What tests on real databases share: which there are, and how one is emptied."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy

from lara_queue.sql import Database, Transaction

__all__ = ["KINDS", "emptied", "older", "rows", "run"]

KINDS: list[Any] = [
    "sqlite",
    pytest.param("postgresql", marks=pytest.mark.live),
    pytest.param("mariadb", marks=pytest.mark.live),
]


def emptied(url: str) -> str:
    """The URL, after deleting all jobs there."""
    run(url, "DELETE FROM jobs")
    return url


def older(url: str) -> sqlalchemy.Engine:
    """An engine whose server is taken for one that cannot tell what it changed: SQLite 3.34, or MySQL 8.0."""
    engine = sqlalchemy.create_engine(Database(url).engine.url)
    engine.connect().close()  # the version is asked for
    dialect: Any = engine.dialect
    dialect.is_mariadb = False
    dialect.server_version_info = (3, 34, 1) if dialect.name == "sqlite" else (8, 0, 36)
    return engine


def rows(url: str) -> list[dict[str, Any]]:
    """The jobs table, in the order of its ids."""
    return run(url, "SELECT * FROM jobs ORDER BY id")


def run(url: str, sql: str, *args: Any) -> list[dict[str, Any]]:
    """What a statement answers, committed; ``?`` stands for an argument."""
    database = Database(url)

    def script(transaction: Transaction) -> list[dict[str, Any]]:
        mark = sql if transaction.kind == "sqlite" else sql.replace("?", "%s")
        result = transaction.connection.exec_driver_sql(mark, args)
        return [dict(row) for row in result.mappings()] if result.returns_rows else []

    try:
        found: list[dict[str, Any]] = database.transact(script)
        return found
    finally:
        database.close()
