"""The database driver on SQLite, PostgreSQL and MariaDB: waiting, and what goes wrong."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import closing, suppress
from typing import Any, Literal

import pytest
import sqlalchemy

from lara_queue import AsyncQueue, Queue
from lara_queue.drivers.database import DatabaseDriver
from lara_queue.errors import StoreError, StoreUnreachable
from lara_queue.plans import Call, Plan
from lara_queue.sql import Database
from tests.conformance.databases import emptied, run
from tests.conformance.drivers_on_databases import BODY, clock, close, driver, opened, shell, url

__all__ = ["clock", "driver", "url"]  # fixtures


# -- waiting -----------------------------------------------------------------------------------------------------------


def test_a_wait_ends_when_a_delayed_job_comes_due(url: str) -> None:
    driver = opened(url)
    shell.run(driver.push("q", BODY, delay=1))
    begun = time.monotonic()
    taken = shell.run(driver.reserve(["other", "q"], wait=20))
    assert len(taken) == 1
    assert time.monotonic() - begun < 3
    shell.run(close(driver))


# What Python swallows it reports, and a warning is an error in these tests; here it is only a ring that is repeated.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
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
