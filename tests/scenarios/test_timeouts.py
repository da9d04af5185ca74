"""TO: a job whose time is up, inside a transaction that it has opened, and one that does not listen."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from lara_queue import Job, Queue, StopReason
from lara_queue.lifecycle.decide import Rules
from lara_queue.sql import Database
from lara_queue.sql.schema import create_tables
from lara_queue.worker.core import WorkerCore
from lara_queue.worker.loop import Loop
from lara_queue.worker.sync import SyncWorker
from tests.worker.faces import Face

JOB = "App\\Jobs\\X"


@pytest.mark.parametrize("nested", [False, True])
def test_to_01_a_timeout_inside_an_open_transaction(kind: Any, tmp_path: Path, nested: bool) -> None:
    """The exception of the timeout unwinds the handler, so its transaction is rolled back and the failure is written.

    Laravel's worker has to die for that (signal 9); ours goes on, unless the handler does not end.
    """
    path = tmp_path / "database.sqlite"
    with closing(sqlite3.connect(path)) as own:
        own.execute("create table work (n integer)")
        own.commit()
    url = f"sqlite:///{path}"
    Database(url).transact(create_tables)
    face = Face(kind, url, queue="default", max_concurrent_jobs=1)

    def begin(own: sqlite3.Connection) -> None:
        own.execute("begin immediate")
        own.execute("insert into work values (1)")
        if nested:
            own.execute("savepoint inner")
            own.execute("insert into work values (2)")

    def slow(job: Job) -> None:
        with closing(sqlite3.connect(path, isolation_level=None)) as own:
            begin(own)
            time.sleep(20)

    async def slow_async(job: Job) -> None:
        with closing(sqlite3.connect(path, isolation_level=None)) as own:
            begin(own)
            await asyncio.sleep(20)

    face.handler(timeout=0.2)(slow if kind == "sync" else slow_async)
    uuid = face.push(JOB)
    assert face.listen(stop_when_empty=True) is StopReason.EMPTY
    face.close()
    with closing(sqlite3.connect(path)) as own:
        count: Callable[[str], int] = lambda table: own.execute(f"select count(*) from {table}").fetchone()[0]  # noqa: E731
        assert (count("jobs"), count("failed_jobs"), count("work")) == (0, 1, 0)
        (found,) = own.execute("select uuid, exception from failed_jobs").fetchall()
    assert found[0] == uuid
    assert "has timed out" in found[1]


@pytest.mark.parametrize(("attempts", "failed"), [(1, True), (0, False)])
def test_the_last_words_about_a_handler_that_does_not_end(attempts: int, failed: bool) -> None:
    """Told before the process kills itself: as Laravel does, JobFailed, JobTimedOut and WorkerStopping."""
    queue = Queue("memory://")
    told: list[Any] = []
    for name in ("job.failed", "job.timed_out", "worker.stopping", "job.attempted"):
        queue.on(name)(told.append)
    queue.push(JOB)
    core = queue._core({})
    assert isinstance(core, WorkerCore)
    (taken,) = queue._drive(queue.driver.reserve(["default"]))
    job = core.job(taken)
    job.rules = Rules(attempts, None, None, 7, False, lambda attempt: 0)
    Loop(SyncWorker(core), main=True)._last_words(job)
    names = [event.name for event in told]
    assert names == ["job.failed"] * failed + ["job.timed_out", "worker.stopping"]
    assert told[-2].timeout == 7
    assert (told[-1].reason, told[-1].exit_code) == ("timed_out", 1)
    # Without a failure it stays reserved: its lease brings it back.
    assert (queue.reserved_size(), queue.failed.count()) == ((0, 1) if failed else (1, 0))
