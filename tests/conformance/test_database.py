"""The database driver on SQLite, PostgreSQL and MariaDB: Laravel's scenarios, waiting, and what goes wrong."""

from __future__ import annotations

import asyncio
import math
import signal
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from typing import Any, Literal

import pytest
import sqlalchemy

from lara_queue import AsyncQueue, Queue
from lara_queue.drivers import DriverSettings, open_driver
from lara_queue.drivers.database import DatabaseDriver
from lara_queue.errors import ConfigurationError, MissingExtra, StoreError, StoreUnreachable
from lara_queue.plans import Call, Plan, run_async
from lara_queue.sql import Database
from lara_queue.testing import ManualClock, SyncShell
from lara_queue.testing.shells import perform_async
from tests.conformance.databases import KINDS, emptied, rows, run

BODY = b'{"uuid":"u","displayName":"App\\\\Jobs\\\\A","job":"x","data":{},"createdAt":1000000}'
shell = SyncShell()


@pytest.fixture(params=KINDS)
def url(request: pytest.FixtureRequest, database_with_tables: Callable[[str], str]) -> str:
    return emptied(database_with_tables(request.param))


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def driver(url: str, clock: ManualClock) -> Iterator[DatabaseDriver]:
    made = opened(url, clock=clock)
    yield made
    shell.run(close(made))


def opened(source: Any, face: Literal["sync", "async"] = "sync", **settings: Any) -> DatabaseDriver:
    made = open_driver(source, face=face, settings=DriverSettings(**settings))
    assert isinstance(made, DatabaseDriver)
    return made


def close(driver: DatabaseDriver) -> Plan[None]:
    yield Call(driver.link, "close")


def row(url: str, clock: ManualClock, *, reserved: int | None = None, available: int = 0, attempts: int = 0) -> None:
    """Write a row as another program would; times in seconds from now."""
    now = int(clock())
    sql = "INSERT INTO jobs (queue, payload, attempts, reserved_at, available_at, created_at) VALUES (?, ?, ?, ?, ?, ?)"
    run(url, sql, "q", BODY.decode(), attempts, None if reserved is None else now + reserved, now + available, now)


# -- Laravel's scenarios -----------------------------------------------------------------------------------------------


def test_a_push_writes_laravels_row_db_01(url: str, driver: DatabaseDriver, clock: ManualClock) -> None:
    """DB-01"""
    id = shell.run(driver.push("default", BODY))
    later = shell.run(driver.push("default", BODY, delay=9.5))
    now = int(clock())
    common = {"queue": "default", "payload": BODY.decode(), "attempts": 0, "reserved_at": None, "created_at": now}
    assert rows(url) == [
        {"id": int(str(id)), "available_at": now, **common},
        {"id": int(str(later)), "available_at": now + 10, **common},
    ]


def test_bulk_honours_each_jobs_delay_db_04(url: str) -> None:
    """DB-04"""
    with Queue(url) as queue:
        queue.bulk(["App\\Jobs\\A", ("App\\Jobs\\Late", {}, {"delay": 15}), "App\\Jobs\\B"])
    assert [one["available_at"] - one["created_at"] for one in rows(url)] == [0, 15, 0]


@pytest.mark.live
@pytest.mark.parametrize("kind", ["postgresql", "mariadb"])
def test_rows_that_others_have_locked_are_skipped_db_05(
    kind: str, database_with_tables: Callable[[str], str], clock: ManualClock
) -> None:
    """DB-05: the lock is FOR UPDATE SKIP LOCKED, and the server's version is asked for once."""
    url = emptied(database_with_tables(kind))
    driver = opened(url, clock=clock)
    database = driver.link.database
    said: list[str] = []
    sqlalchemy.event.listen(database.engine, "before_cursor_execute", lambda *args: said.append(args[2]))
    first, second = (shell.run(driver.push("q", BODY)) for _ in range(2))
    engine = sqlalchemy.create_engine(database.engine.url)
    with engine.connect() as other:
        other.exec_driver_sql("SELECT id FROM jobs WHERE id = %s FOR UPDATE", (int(str(first)),))
        (job,) = shell.run(driver.reserve(["q"], limit=9))
        assert str(job.receipt.id) == second
        other.rollback()
    engine.dispose()
    assert len(shell.run(driver.reserve(["q"], limit=9))) == 1
    assert sum("FOR UPDATE SKIP LOCKED" in statement for statement in said) == 2
    assert sum("version" in statement.lower() for statement in said) <= 1
    shell.run(close(driver))


def test_a_future_row_is_not_popped_db_07(url: str, driver: DatabaseDriver, clock: ManualClock) -> None:
    """DB-07"""
    row(url, clock, available=60)
    assert shell.run(driver.reserve(["q"])) == []


def test_an_expired_reservation_is_taken_over_db_09(url: str, driver: DatabaseDriver, clock: ManualClock) -> None:
    """DB-09: even if available_at is ahead; given back it is ready, not delayed."""
    row(url, clock, reserved=-86400, available=86400, attempts=1)
    (job,) = shell.run(driver.reserve(["q"]))
    assert job.attempts == 2
    assert shell.run(driver.give_back(job)) is True
    assert shell.run(driver.sizes("q")).pending == 1


def test_a_live_reservation_is_left_alone_db_10(url: str, driver: DatabaseDriver, clock: ManualClock) -> None:
    """DB-10"""
    row(url, clock, reserved=60, available=-60, attempts=1)
    row(url, clock, reserved=-89, available=-600, attempts=1)
    assert shell.run(driver.reserve(["q"])) == []
    clock.advance(1)
    assert len(shell.run(driver.reserve(["q"]))) == 1


def test_jobs_are_seen_by_their_state_db_12(url: str, clock: ManualClock) -> None:
    """DB-12: name, uuid, createdAt from the payload, attempts from the column."""
    row(url, clock)
    row(url, clock, available=60)
    row(url, clock, reserved=0, attempts=1)
    with Queue(url, queue="q", clock=clock) as queue:
        found = [queue.pending_jobs(), queue.delayed_jobs(), queue.reserved_jobs()]
        assert [len(jobs) for jobs in found] == [1, 1, 1]
        for (job,), attempts in zip(found, (0, 0, 1), strict=True):
            assert (job.name, job.uuid, job.queue, job.attempts) == ("App\\Jobs\\A", "u", "q", attempts)
            assert job.created_at is not None
            assert job.created_at.timestamp() == 1000000


# -- a column that is full ---------------------------------------------------------------------------------------------


@pytest.mark.live
@pytest.mark.parametrize(("kind", "most"), [("postgresql", 32767), ("mariadb", 255), ("mariadb", 65535)])
def test_a_job_whose_attempts_are_full_is_failed(
    kind: str, most: int, database_with_tables: Callable[[str], str], clock: ManualClock
) -> None:
    """It is not lost, does not stop the queue, and goes round no more: it is handed out as one to be buried."""
    url = emptied(database_with_tables(kind))
    if kind == "mariadb":
        run(url, f"ALTER TABLE jobs MODIFY attempts {'TINYINT' if most == 255 else 'SMALLINT'} UNSIGNED NOT NULL")
    for attempts in (most, most - 1, most - 2, 0):
        row(url, clock, attempts=attempts)
    driver = opened(url, clock=clock)
    full, now_full, last, fresh = shell.run(driver.reserve(["q"], limit=9))
    assert [job.attempts for job in (full, now_full, last, fresh)] == [most, most, most - 1, 1]
    assert (last.problem, fresh.problem) == (None, None)
    for job in (full, now_full):
        assert job.problem is not None
        assert f"attempted {most} times" in job.problem
    assert shell.run(driver.give_back(full)) is True
    (full,) = shell.run(driver.reserve(["q"]))
    assert (full.attempts, full.problem is None) == (most, False)
    assert shell.run(driver.extend([full, now_full, last, fresh])) == [True] * 4
    assert [shell.run(driver.delete(job)) for job in (full, now_full, last, fresh)] == [True] * 4
    shell.run(close(driver))


# -- what travels together ---------------------------------------------------------------------------------------------


async def test_settlements_of_one_turn_are_one_statement(url: str) -> None:
    driver = opened(url, "async")
    said: list[str] = []
    sqlalchemy.event.listen(
        driver.link.database.engine, "before_cursor_execute", lambda *args: said.append(args[2].split()[0])
    )

    def go(plan: Plan[Any]) -> Any:
        return run_async(plan, perform_async)

    ids = await asyncio.gather(*(go(driver.push("q", b'{"n":%d}' % n)) for n in range(40)))
    assert ids == [str(one["id"]) for one in rows(url)]
    taken = await go(driver.reserve(["q"], limit=40))
    assert await go(driver.release(taken[3]))
    run(url, "UPDATE jobs SET attempts = attempts + 1 WHERE id = ?", taken[7].receipt.id)
    said.clear()
    done = await asyncio.gather(*(go(driver.delete(job)) for job in taken))
    assert [n for n, held in enumerate(done) if not held] == [3, 7], "who lost the lease is told so"
    assert said.count("DELETE") == 1
    said.clear()
    rest = await go(driver.reserve(["q"], limit=9))
    kinds = [driver.give_back(rest[0]), driver.sizes("q"), driver.extend(rest), driver.push("q", b"{}")]
    answers = await asyncio.gather(*(go(plan) for plan in kinds))
    assert (answers[0], answers[2]) == (True, [False] * len(rest))
    await go(close(driver))


async def test_a_cancelled_reserve_puts_back_what_it_took(url: str) -> None:
    driver = opened(url, "async")
    await run_async(driver.push_many("q", [(BODY, 0)] * 3), perform_async)
    before = rows(url)
    for turns in range(8):
        task = asyncio.ensure_future(run_async(driver.reserve(["q"], limit=2, wait=5), perform_async))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        try:
            for job in reversed(await task):
                assert await run_async(driver.give_back(job), perform_async)
        except asyncio.CancelledError:
            pass
        assert rows(url) == before
    await run_async(close(driver), perform_async)


async def test_one_job_that_is_refused_does_not_disturb_its_neighbours(url: str) -> None:
    if url.startswith("sqlite"):
        run(url, "CREATE TRIGGER no BEFORE INSERT ON jobs WHEN NEW.queue = 'bad' BEGIN SELECT RAISE(FAIL, 'no'); END")
    bad = "bad" if url.startswith("sqlite") else "q" * 300
    async with AsyncQueue(url) as queue:
        pushes = [queue.push("App\\Jobs\\A", {}, queue=name) for name in ("q", bad, "q")]
        answers = await asyncio.gather(*pushes, return_exceptions=True)
        assert [type(answer).__name__ for answer in answers] == ["str", "StoreError", "str"]
        assert await queue.size("q") == 2
    if url.startswith("sqlite"):
        run(url, "DROP TRIGGER no")


# -- waiting -----------------------------------------------------------------------------------------------------------


def test_a_wait_ends_when_a_delayed_job_comes_due(url: str) -> None:
    driver = opened(url)
    shell.run(driver.push("q", BODY, delay=1))
    begun = time.monotonic()
    taken = shell.run(driver.reserve(["other", "q"], wait=20))
    assert len(taken) == 1
    assert time.monotonic() - begun < 3
    shell.run(close(driver))


def test_a_signal_handler_may_raise_out_of_a_wait(url: str) -> None:
    class Stop(BaseException):
        pass

    def stop(*_: object) -> None:
        raise Stop

    def rung_out_of_a_wait(after: float) -> None:
        # It rings again: what is raised within a destructor or a callback is swallowed by Python.
        signal.setitimer(signal.ITIMER_REAL, after, 1)
        shell.run(_wait(driver))

    driver = opened(url)
    before = signal.signal(signal.SIGALRM, stop)
    try:
        for n in range(12):  # at every stage of it
            begun = time.monotonic()
            with pytest.raises(Stop):
                rung_out_of_a_wait(0.0005 * 2.0**n if n < 8 else 0.1)
            signal.setitimer(signal.ITIMER_REAL, 0)
            assert time.monotonic() - begun < 5
            shell.run(driver.push("q", BODY))
            (job,) = shell.run(driver.reserve(["q"]))
            assert shell.run(driver.delete(job))
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    shell.run(close(driver))


def _wait(driver: DatabaseDriver) -> Plan[None]:
    while True:
        yield Call(driver.link, "wait", (20, driver._watched(("q",))))


IDLE_STATEMENTS_PER_SECOND = {"sqlite": 2.0, "postgresql": 2.5, "mariadb": 4.0}
"""A worker with ``sleep`` 3: on SQLite counted without the question for the file's number, which is no statement."""


@pytest.mark.parametrize("face", ["sync", "async"])
def test_an_idle_worker_asks_little(url: str, face: Literal["sync", "async"]) -> None:
    """Statements per second while there is nothing to do, beginning and end of the transactions included."""
    kind = url.partition(":")[0]
    queue: Any = Queue(url) if face == "sync" else AsyncQueue(url)
    said: list[str] = []
    sqlalchemy.event.listen(
        queue.driver.link.database.engine, "before_cursor_execute", lambda *args: said.append(args[2])
    )
    asyncio.run(queue.listen(sleep=3, max_time=4)) if face == "async" else queue.listen(sleep=3, max_time=4)
    if face == "sync":
        queue.close()
    print(f"{kind} {face}: {len(said) / 4:.1f} statements a second")
    assert len(said) / 4 <= IDLE_STATEMENTS_PER_SECOND[kind], said


# -- what goes wrong ---------------------------------------------------------------------------------------------------


def test_connections_that_the_server_has_closed_are_replaced(url: str, driver: DatabaseDriver) -> None:
    if url.startswith("sqlite"):
        return
    shell.run(driver.push("q", BODY))
    database = Database(url)
    with database.engine.connect() as connection:
        if database.kind == "postgresql":
            connection.exec_driver_sql(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        else:
            for (id,) in connection.exec_driver_sql(
                "SELECT id FROM information_schema.processlist WHERE db = DATABASE() AND id <> CONNECTION_ID()"
            ).all():
                with suppress(sqlalchemy.exc.OperationalError):
                    connection.exec_driver_sql(f"KILL {id}")
    database.close()
    assert len(shell.run(driver.reserve(["q"]))) == 1


@pytest.mark.live
@pytest.mark.parametrize("face", ["sync", "async"])
def test_a_listener_that_is_cut_off_says_so_and_listens_again(
    face: Literal["sync", "async"], database_with_tables: Callable[[str], str]
) -> None:
    url = emptied(database_with_tables("postgresql"))
    from lara_queue.testing import shell_for

    with shell_for(face) as its:
        driver = opened(url, face)
        cut = threading.Timer(
            0.3,
            run,
            (
                url,
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() "
                "AND left(query, 6) = 'LISTEN'",
            ),
        )
        cut.start()
        with pytest.raises(StoreUnreachable, match="listened to"):
            its.run(driver.reserve(["q"], wait=20))
        cut.join()
        taken, seconds = its.meanwhile(driver.reserve(["q"], wait=20), driver.push("q", BODY), after=0.2)
        assert (len(taken), seconds < 3) == (1, True)
        its.run(close(driver))


def test_a_missing_table_is_told(url: str) -> None:
    driver = opened(url, table="nowhere")
    with pytest.raises(StoreError, match=r"php artisan migrate.*lara-queue tables"):
        shell.run(driver.push("q", BODY))
    shell.run(close(driver))


@pytest.mark.parametrize(
    "away", ["postgresql://u@127.0.0.1:1/d", "mysql://u@127.0.0.1:1/d", "mariadb://u@127.0.0.1:1/d"]
)
def test_a_server_that_is_away(away: str) -> None:
    driver = opened(away)
    with pytest.raises(StoreUnreachable, match="1:1/d cannot be reached"):
        shell.run(driver.ping())


def test_a_file_that_is_not_there_is_not_made(tmp_path: Any) -> None:
    driver = opened(f"sqlite:///{tmp_path}/x.sqlite")
    with pytest.raises(StoreError, match="There is no database at"):
        shell.run(driver.reserve(["q"], wait=1))
    assert not (tmp_path / "x.sqlite").exists()


def test_nothing_is_changed_in_an_applications_file(database_with_tables: Callable[[str], str]) -> None:
    """Neither its journal mode nor its tables."""
    url = emptied(database_with_tables("sqlite"))

    def state() -> Any:
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
            schema = connection.execute("SELECT sql FROM sqlite_master ORDER BY name").fetchall()
            return [connection.execute("PRAGMA journal_mode").fetchone(), schema]

    before = state()
    with Queue(url) as queue:
        queue.handler(lambda job: None)
        queue.push("App\\Jobs\\A", {})
        queue.listen(stop_when_empty=True)
    assert state() == before
    assert before[0] == ("delete",)


# -- engines -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("face", ["sync", "async"])
@pytest.mark.parametrize("recipe", ["plain", "autocommit", "begins by itself", "asyncio"])
def test_an_engine_of_the_programs_own(url: str, face: Literal["sync", "async"], recipe: str) -> None:
    from sqlalchemy.ext.asyncio import create_async_engine

    from lara_queue.testing import shell_for
    from tests.conformance.test_database_pushes import ASYNC_DRIVERS

    kind = url.partition(":")[0]
    engine: Any
    if recipe == "asyncio":
        engine = create_async_engine(url.replace(kind, ASYNC_DRIVERS[kind], 1))
    else:
        settings: dict[str, Any] = {"isolation_level": "AUTOCOMMIT"} if recipe == "autocommit" else {}
        engine = sqlalchemy.create_engine(Database(url).engine.url, **settings)
        if recipe == "begins by itself" and kind == "sqlite":
            sqlalchemy.event.listen(engine, "connect", lambda raw, _: setattr(raw, "isolation_level", None))
            sqlalchemy.event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN"))
    with shell_for(face) as its:
        driver = opened(engine, face)
        its.run(driver.push("q", BODY))
        its.run(driver.push_many("q", [(BODY, 0)] * 2))
        taken = its.run(driver.reserve(["q"], limit=2))
        assert [job.body for job in taken] == [BODY] * 2
        assert its.run(driver.delete(taken[0])) is True
        assert its.run(driver.release(taken[1], delay=5)) is True
        assert its.run(driver.reserve(["q"], limit=9, wait=0.01))
        sizes = its.run(driver.sizes("q"))
        assert (sizes.pending, sizes.delayed, sizes.reserved) == (0, 1, 1)
        its.run(close(driver))
    if recipe != "asyncio":
        with engine.connect() as connection:  # it still works, and is as it was
            assert connection.exec_driver_sql("SELECT 1").scalar() == 1
        engine.dispose()


@pytest.mark.parametrize("source", ["sqlite+nodriver:///x", "postgresql://h:port/d", "mysql+oursql://h/d"])
def test_what_is_no_database(source: str) -> None:
    with pytest.raises((ConfigurationError, MissingExtra)):
        opened(source)


@pytest.mark.parametrize("face", ["sync", "async"])
def test_a_database_in_memory_has_its_tables(face: Literal["sync", "async"]) -> None:
    queue: Any = Queue("sqlite://") if face == "sync" else AsyncQueue("sqlite://")
    seen: list[str] = []
    queue.handler(lambda job: seen.append(job.name))

    async def work() -> None:
        await queue.push("App\\Jobs\\A", {})
        await queue.listen(stop_when_empty=True)

    if face == "async":
        asyncio.run(work())
    else:
        queue.push("App\\Jobs\\A", {})
        queue.listen(stop_when_empty=True)
    assert seen == ["App\\Jobs\\A"]


def test_a_fraction_of_a_second_counts_as_a_whole_one(url: str, clock: ManualClock) -> None:
    driver = opened(url, clock=clock, retry_after=2.5)
    clock.advance(0.9)
    shell.run(driver.push("q", BODY, delay=0.2))
    assert shell.run(driver.reserve(["q"])) == []
    clock.advance(0.2)
    (job,) = shell.run(driver.reserve(["q"]))
    assert job.expires_at == math.floor(clock()) + 3
    clock.advance(2.5)
    assert shell.run(driver.reserve(["q"])) == []
    shell.run(close(driver))
