"""What the two links do with scripts: baskets, merged calls, errors and retries."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from lara_queue.errors import StoreError, StoreUnreachable
from lara_queue.plans import Call
from lara_queue.sql import AsyncSqlLink, Database, SyncSqlLink, Transaction, step
from lara_queue.sql.links import batched, reading, repeatable


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    made = Database(f"sqlite:///{tmp_path}/x.sqlite", create=True)
    made.transact(_make)
    yield made
    made.close()


def _make(transaction: Transaction) -> None:
    transaction.connection.exec_driver_sql("CREATE TABLE t (n INTEGER UNIQUE)")


ran: list[tuple[int, ...]] = []


@batched
def put(transaction: Transaction, table: str, numbers: list[int]) -> list[int]:
    ran.append(tuple(numbers))
    for number in numbers:
        transaction.connection.exec_driver_sql(f"INSERT INTO {table} VALUES (?)", (number,))
    return [number * 10 for number in numbers]


@reading
def everything(transaction: Transaction) -> list[int]:
    return sorted(transaction.connection.exec_driver_sql("SELECT n FROM t").scalars())


@repeatable
def add(transaction: Transaction, number: int) -> int:
    transaction.connection.exec_driver_sql("INSERT INTO t VALUES (?)", (number,))
    return number


def test_calls_that_can_be_one_are_one(database: Database) -> None:
    link = SyncSqlLink(database)
    ran.clear()
    calls = [step(link, put, "t", [1, 2]), step(link, add, 7), step(link, put, "t", [3]), step(link, put, "t", [])]
    assert link.together(calls) == [[10, 20], 7, [30], []]
    assert ran == [(1, 2, 3)]
    assert link.call("everything", (everything,)) == [1, 2, 3, 7]


def test_an_error_reaches_only_those_it_is_about(database: Database) -> None:
    link = SyncSqlLink(database)
    calls: list[Call] = [step(link, put, "t", [1]), step(link, put, "t", [1]), step(link, add, 2)]
    answers = link.together(calls)
    assert [type(answer) for answer in answers] == [list, StoreError, int]
    assert link.call("everything", (everything,)) == [1, 2]


async def test_one_turn_is_one_transaction(database: Database) -> None:
    link = AsyncSqlLink(database)
    ran.clear()
    answers = await asyncio.gather(*(link.call("put", step(link, put, "t", [n]).args) for n in range(30)))
    assert answers == [[n * 10] for n in range(30)]
    assert ran == [tuple(range(30))]
    assert await link.call("everything", (everything,)) == list(range(30))
    await link.call("close", ())


def test_what_the_server_rolled_back_for_another_is_tried_again(database: Database) -> None:
    link = SyncSqlLink(database)
    tries: list[int] = []

    def script(transaction: Transaction) -> str:
        transaction.connection.exec_driver_sql("INSERT INTO t VALUES (?)", (5,))
        tries.append(1)
        if len(tries) == 1:
            raise OperationalError("INSERT", {}, Exception("database is locked"))
        return "done"

    assert link.call("script", (script,)) == "done"
    assert (len(tries), link.call("everything", (everything,))) == (2, [5])


def test_one_who_is_out_of_reach_is_said_to_be(tmp_path: Path) -> None:
    link = SyncSqlLink(Database(f"sqlite:///{tmp_path}/no/x.sqlite", create=True))
    with pytest.raises(StoreUnreachable, match="unable to open"):
        link.call("everything", (everything,))


def test_commits_wait_for_the_disk_unless_they_can_be_repeated(database: Database) -> None:
    """In WAL mode, and once in a second in any case; elsewhere always."""
    levels: list[int] = []

    def level(transaction: Transaction) -> None:
        raw: Any = transaction.connection.connection.driver_connection
        levels.append(raw.execute("PRAGMA synchronous").fetchone()[0])

    def seen(**how: bool) -> int:
        database.transact(level, **how)
        return levels.pop()

    assert (seen(), seen(repeatable=True)) == (2, 2)
    with database.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA journal_mode=WAL")
    database.close()
    assert (seen(), seen(repeatable=True), seen()) == (2, 1, 2)
    database._synced -= 2
    assert (seen(repeatable=True), seen(repeatable=True)) == (2, 1)
