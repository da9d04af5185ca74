"""Pushing in a transaction of the program's own, with every kind of SQLAlchemy's connections."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import sqlalchemy
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import Session

from lara_queue import AsyncQueue, Queue
from lara_queue.errors import ConfigurationError, InvalidPayload, StoreError, StoreUnreachable
from tests.conformance.databases import KINDS, emptied, rows, run

ASYNC_DRIVERS = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+psycopg_async", "mariadb": "mariadb+asyncmy"}


@pytest.fixture(params=KINDS)
def url(request: pytest.FixtureRequest, database_with_tables: Callable[[str], str]) -> str:
    found = emptied(database_with_tables(request.param))
    run(found, "DROP TABLE IF EXISTS orders")
    run(found, "CREATE TABLE orders (id INTEGER)")
    return found


@pytest.fixture
def engine(url: str) -> Iterator[sqlalchemy.Engine]:
    from lara_queue.sql import Database

    made = sqlalchemy.create_engine(Database(url).engine.url)
    yield made
    made.dispose()


@pytest.fixture(params=["connection", "session"])
def opened(request: pytest.FixtureRequest, engine: sqlalchemy.Engine) -> Callable[[], Any]:
    """Opens a Connection or a Session."""
    return engine.connect if request.param == "connection" else lambda: Session(engine)


def orders(url: str) -> int:
    return len(run(url, "SELECT id FROM orders"))


def test_the_job_is_in_the_transaction(url: str, opened: Callable[[], Any]) -> None:
    """Nobody sees it before the commit; after a rollback it never was."""
    with Queue(url) as queue:
        with opened() as transaction:
            transaction.execute(text("INSERT INTO orders VALUES (1)"))
            pushed = queue.push("App\\Jobs\\Ship", {"order": 1}, connection=transaction)
            id = queue.push_raw(b'{"raw": "\xc3\xa9"}', connection=transaction, delay=30)
            queue.bulk(
                ["App\\Jobs\\A", ("App\\Jobs\\B", {}, {"queue": "other"}), "App\\Jobs\\C"], connection=transaction
            )
            if not url.startswith("sqlite"):  # there the whole file waits for the writer
                assert (queue.size(), orders(url)) == (0, 0)
            transaction.commit()
        assert (queue.size(), queue.size("other"), orders(url)) == (4, 1, 1)
        assert [job.uuid for job in queue.pending_jobs(limit=1)] == [pushed]
        delayed = rows(url)[1]
        assert (str(delayed["id"]), delayed["payload"]) == (id, '{"raw": "é"}')
        assert delayed["available_at"] - delayed["created_at"] == 30

        with opened() as transaction:
            transaction.execute(text("INSERT INTO orders VALUES (2)"))
            queue.push("App\\Jobs\\Ship", {"order": 2}, connection=transaction)
            transaction.rollback()
        with opened() as transaction:
            queue.push("App\\Jobs\\Ship", {"order": 3}, connection=transaction)  # closed without a commit
        assert (queue.size(), orders(url)) == (4, 1)


async def test_the_job_is_in_the_transaction_on_asyncio(url: str) -> None:
    kind = url.partition(":")[0]
    engine = create_async_engine(url.replace(kind, ASYNC_DRIVERS[kind], 1))
    async with AsyncQueue(url) as queue:
        async with engine.connect() as connection:
            await queue.push("App\\Jobs\\Ship", {"order": 1}, connection=connection)
            await connection.commit()
        async with AsyncSession(engine) as session:
            await session.execute(text("INSERT INTO orders VALUES (1)"))
            await queue.bulk(["App\\Jobs\\Ship"] * 2, connection=session)
            await session.commit()
        assert (await queue.size(), orders(url)) == (3, 1)
        async with AsyncSession(engine) as session:
            await queue.push("App\\Jobs\\Ship", {"order": 2}, connection=session)
            await session.rollback()
        assert await queue.size() == 3
    await engine.dispose()


@pytest.mark.live
async def test_a_listener_hears_of_it_at_the_commit(database_with_tables: Callable[[str], str]) -> None:
    url = emptied(database_with_tables("postgresql"))
    engine = sqlalchemy.create_engine(url.replace("postgresql", "postgresql+psycopg"))
    async with AsyncQueue(url) as worker:
        with Queue(url) as queue, engine.connect() as connection:
            waiting = asyncio.ensure_future(worker._drive(worker.driver.reserve(["default"], wait=20)))
            await asyncio.sleep(0.2)
            queue.push("App\\Jobs\\Ship", {}, connection=connection)
            await asyncio.sleep(0.1)
            assert not waiting.done()
            connection.commit()
            assert len(await asyncio.wait_for(waiting, 5)) == 1
    engine.dispose()


# -- another store: after the commit -----------------------------------------------------------------------------------


@pytest.fixture(params=["memory", pytest.param("redis", marks=pytest.mark.live)])
def elsewhere(request: pytest.FixtureRequest) -> Iterator[Queue]:
    """A queue in another store than the program's data."""
    url = request.getfixturevalue("own_redis") if request.param == "redis" else "memory://"
    with Queue(url, appname=uuid.uuid4().hex) as queue:
        yield queue
        queue.clear()


def test_another_store_is_told_after_the_commit_db_14(url: str, opened: Callable[[], Any], elsewhere: Queue) -> None:
    """DB-14: nothing is stored before the commit; what was rolled back is never stored."""
    seen: list[int] = []
    elsewhere.on("job.queued", lambda event: seen.append(orders(url)))
    with opened() as transaction:
        transaction.execute(text("INSERT INTO orders VALUES (1)"))
        elsewhere.push("App\\Jobs\\Ship", {}, connection=transaction)
        elsewhere.bulk(["App\\Jobs\\A", "App\\Jobs\\B"], connection=transaction)
        assert elsewhere.push_raw(b"{}", connection=transaction) is None
        assert elsewhere.size() == 0
        transaction.commit()
        assert (elsewhere.size(), seen) == (4, [1] * 4), "the data was there when the jobs were pushed"
        transaction.execute(text("INSERT INTO orders VALUES (2)"))
        elsewhere.push("App\\Jobs\\Ship", {}, connection=transaction)
        transaction.rollback()
        transaction.execute(text("INSERT INTO orders VALUES (3)"))
        transaction.commit()
    with opened() as transaction:
        elsewhere.push("App\\Jobs\\Ship", {}, connection=transaction)
    assert (elsewhere.size(), orders(url)) == (4, 2)


def test_what_a_savepoint_takes_back_is_not_pushed(engine: sqlalchemy.Engine, elsewhere: Queue) -> None:
    with Session(engine) as session:
        first = session.begin_nested()
        elsewhere.push("App\\Jobs\\Kept", {}, connection=session)
        first.commit()
        assert elsewhere.size() == 0, "a savepoint's end is not the commit"
        second = session.begin_nested()
        elsewhere.push("App\\Jobs\\Undone", {}, connection=session)
        inner = session.begin_nested()
        elsewhere.push("App\\Jobs\\Undone", {}, connection=session)
        inner.commit()
        second.rollback()
        elsewhere.push("App\\Jobs\\Last", {}, connection=session)
        session.commit()
    assert [job.name for job in elsewhere.pending_jobs()] == ["App\\Jobs\\Kept", "App\\Jobs\\Last"]


def test_a_failed_commit_pushes_nothing(database_with_tables: Callable[[str], str], elsewhere: Queue) -> None:
    url = database_with_tables("sqlite")
    engine = sqlalchemy.create_engine(url)
    with engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA foreign_keys=ON")
        connection.exec_driver_sql("DROP TABLE IF EXISTS child")
        connection.exec_driver_sql("DROP TABLE IF EXISTS parent")
        connection.exec_driver_sql("CREATE TABLE parent (id INTEGER PRIMARY KEY)")
        connection.exec_driver_sql(
            "CREATE TABLE child (id INTEGER REFERENCES parent (id) DEFERRABLE INITIALLY DEFERRED)"
        )
        connection.commit()
        connection.exec_driver_sql("INSERT INTO child VALUES (7)")
        elsewhere.push("App\\Jobs\\Ship", {}, connection=connection)
        with pytest.raises(sqlalchemy.exc.IntegrityError):
            connection.commit()
    assert elsewhere.size() == 0
    assert run(url, "SELECT * FROM child") == []
    engine.dispose()


def test_a_push_that_fails_after_the_commit_is_told(engine: sqlalchemy.Engine, url: str) -> None:
    with Queue("redis://127.0.0.1:1") as away, engine.connect() as connection:
        connection.execute(text("INSERT INTO orders VALUES (1)"))
        away.push("App\\Jobs\\Ship", {}, connection=connection)
        with pytest.raises(StoreUnreachable):
            connection.commit()
    assert orders(url) == 1, "the data is saved"


async def test_another_store_is_told_after_the_commit_on_asyncio(
    url: str, elsewhere: Queue, request: pytest.FixtureRequest
) -> None:
    kind = url.partition(":")[0]
    engine = create_async_engine(url.replace(kind, ASYNC_DRIVERS[kind], 1))
    own = "memory://" if elsewhere.driver.name == "memory" else request.getfixturevalue("own_redis")
    async with AsyncQueue(own, appname=elsewhere.key_prefix, prefix="") as queue:
        async with engine.connect() as connection:
            await queue.push("App\\Jobs\\Ship", {}, connection=connection)
            assert await queue.size() == 0
            await connection.commit()
            assert await queue.size() == 1
        async with AsyncSession(engine) as session, session.begin():
            await session.execute(text("INSERT INTO orders VALUES (1)"))
            await queue.push("App\\Jobs\\Ship", {}, connection=session)
            assert await queue.size() == 1
        assert (await queue.size(), orders(url)) == (2, 1)
        async with AsyncSession(engine) as session:
            await queue.push("App\\Jobs\\Ship", {}, connection=session)
            await session.rollback()
        assert await queue.size() == 2
    await engine.dispose()


# -- unique jobs -------------------------------------------------------------------------------------------------------

UNIQUE: Any = {"unique": "7", "unique_for": 60}


@pytest.mark.parametrize("store", ["the database", "memory"])
def test_ac_03_a_rollback_frees_the_lock_of_a_unique_job(
    url: str, opened: Callable[[], Any], store: str, caplog: pytest.LogCaptureFixture
) -> None:
    """AC-03: it is not pushed then, and the next one is; a commit keeps the lock. The cache is in the same database,
    whose file the transaction has locked while it lasts."""
    with Queue(url if store == "the database" else "memory://", cache=url, cache_prefix=uuid.uuid4().hex) as queue:
        for end in ("rollback", "close", "raise"):
            with opened() as transaction:
                assert queue.push("App\\Jobs\\Ship", connection=transaction, **UNIQUE)
                transaction.execute(text("INSERT INTO orders VALUES (1)"))
                if end == "raise":
                    with pytest.raises(sqlalchemy.exc.DatabaseError):
                        transaction.execute(text("SELECT nothing FROM nowhere"))
                if end != "close":
                    transaction.rollback()
        assert (queue.size(), orders(url)) == (0, 0)
        with opened() as transaction:
            assert queue.push("App\\Jobs\\Ship", connection=transaction, **UNIQUE)
            transaction.commit()
            transaction.execute(text("INSERT INTO orders VALUES (2)"))
            transaction.rollback()
        assert queue.size() == 1
        assert queue.push("App\\Jobs\\Ship", **UNIQUE) == "", "the job waits, so the lock is held"
    assert not caplog.records


def test_ac_03_a_savepoint_frees_only_what_was_claimed_in_it(engine: sqlalchemy.Engine) -> None:
    """AC-03"""
    with Queue("memory://", cache="memory://") as queue, Session(engine) as session:
        assert queue.push("App\\Jobs\\Kept", connection=session, unique=True)
        inner = session.begin_nested()
        assert queue.push("App\\Jobs\\Undone", connection=session, unique=True)
        inner.rollback()
        session.commit()
        assert [job.name for job in queue.pending_jobs()] == ["App\\Jobs\\Kept"]
        assert queue.push("App\\Jobs\\Kept", unique=True) == ""
        assert queue.push("App\\Jobs\\Undone", unique=True)


def test_a_push_that_fails_after_the_commit_frees_the_lock(engine: sqlalchemy.Engine) -> None:
    """The others are tried all the same; what failed first is what the commit raises."""
    with Queue("redis://127.0.0.1:1", cache="memory://") as away, engine.connect() as connection:
        away.push("App\\Jobs\\Ship", connection=connection, **UNIQUE)
        kept: list[str] = []
        with Queue("memory://") as near:
            near.push("App\\Jobs\\Ship", connection=connection)
            with pytest.raises(StoreUnreachable):
                connection.commit()
            kept += [job.name for job in near.pending_jobs()]
        assert kept == ["App\\Jobs\\Ship"]
        with engine.connect() as another:
            assert away.push("App\\Jobs\\Ship", connection=another, **UNIQUE), "it can be claimed again"


async def test_ac_03_a_rollback_frees_the_lock_on_asyncio(url: str) -> None:
    """AC-03"""
    kind = url.partition(":")[0]
    engine = create_async_engine(url.replace(kind, ASYNC_DRIVERS[kind], 1))
    async with AsyncQueue(url, cache="memory://") as queue:
        async with AsyncSession(engine) as session:
            assert await queue.push("App\\Jobs\\Ship", connection=session, **UNIQUE)
            await session.rollback()
        async with engine.connect() as connection:
            assert await queue.push("App\\Jobs\\Ship", connection=connection, **UNIQUE)
        async with engine.begin() as connection:
            assert await queue.push("App\\Jobs\\Ship", connection=connection, **UNIQUE)
        assert await queue.size() == 1
        assert await queue.push("App\\Jobs\\Ship", **UNIQUE) == ""
    await engine.dispose()


# -- what cannot be ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["database", "memory"])
async def test_each_face_takes_its_own_connections(where: str, database_with_tables: Callable[[str], str]) -> None:
    url = emptied(database_with_tables("sqlite"))
    engine = sqlalchemy.create_engine(url)
    aengine = create_async_engine(url.replace("sqlite", "sqlite+aiosqlite", 1))
    store = url if where == "database" else "memory://"
    async with AsyncQueue(store) as aqueue, aengine.connect() as async_connection:
        with Queue(store) as queue, engine.connect() as connection:
            with pytest.raises(ConfigurationError, match="Queue takes connection=a Connection or Session"):
                queue.push("App\\Jobs\\A", {}, connection=async_connection)
            with pytest.raises(ConfigurationError, match="AsyncQueue takes connection=an AsyncConnection"):
                await aqueue.push("App\\Jobs\\A", {}, connection=connection)
            with pytest.raises(ConfigurationError, match="a Connection or Session of SQLAlchemy"):
                queue.push("App\\Jobs\\A", {}, connection=object())
            assert (queue.size(), await aqueue.size()) == (0, 0)
    engine.dispose()
    await aengine.dispose()


@pytest.mark.live
def test_a_connection_to_another_kind_of_server(database_with_tables: Callable[[str], str]) -> None:
    engine = sqlalchemy.create_engine(database_with_tables("sqlite"))
    refused = pytest.raises(ConfigurationError, match="cannot span both")
    with Queue(database_with_tables("postgresql")) as queue, engine.connect() as connection, refused:
        queue.push("App\\Jobs\\A", {}, connection=connection)
    engine.dispose()


def test_what_is_wrong_is_told_in_our_words(database_with_tables: Callable[[str], str]) -> None:
    url = database_with_tables("sqlite")
    engine = sqlalchemy.create_engine(url)
    refused = pytest.raises(StoreError, match="lara-queue tables")
    with Queue(url, table="nowhere") as queue, engine.connect() as connection, refused:
        queue.push("App\\Jobs\\A", {}, connection=connection)
    with Queue(url) as queue, engine.connect() as connection, pytest.raises(InvalidPayload, match="not text"):
        queue.push_raw(b"\xff", connection=connection)
    engine.dispose()
