"""The database driver on SQLite, PostgreSQL and MariaDB: Laravel's scenarios, what travels together, engines."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from typing import Any, Literal

import pytest
import sqlalchemy

from lara_queue import AsyncQueue, Queue
from lara_queue.drivers.database import DatabaseDriver
from lara_queue.errors import ConfigurationError, MissingExtra
from lara_queue.plans import Plan, run_async
from lara_queue.sql import Database
from lara_queue.testing import ManualClock
from lara_queue.testing.shells import perform_async
from tests.conformance.databases import emptied, rows, run
from tests.conformance.drivers_on_databases import BODY, clock, close, driver, opened, row, shell, url

__all__ = ["clock", "driver", "url"]  # fixtures


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
