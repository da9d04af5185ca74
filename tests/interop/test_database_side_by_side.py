"""Workers of both languages beside each other on one SQLite file of Laravel's: who takes what, and who takes over."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from . import database as application
from .database import DatabaseLaravel, DatabasePython
from .faces import Face
from .php_server import Record
from .shapes import JOBS

database, connect, python = application.database, application.connect, application.python

pytestmark = pytest.mark.live

WORKER = Path(__file__).parent / "database_worker.py"


class PythonProcess:
    """A Python worker process on the file; it appends the uuid of each job it takes to a file of its own."""

    def __init__(self, url: str, face: Face, results: Path, **given: Any) -> None:
        self.results = results
        path = os.pathsep.join(filter(None, [str(WORKER.parents[2]), os.environ.get("PYTHONPATH")]))
        self.process = subprocess.Popen(
            [sys.executable, str(WORKER), json.dumps({"url": url, "face": face, "results": str(results), **given})],
            env={**os.environ, "PYTHONPATH": path},
            stderr=subprocess.PIPE,
            text=True,
        )

    def handled(self) -> list[Record]:
        if not self.results.exists():
            return []
        lines = [json.loads(line) for line in self.results.read_text().splitlines()]
        return [line for line in lines if line["uuid"] is not None]

    def wait_until_ready(self, seconds: float = 20) -> None:
        deadline = time.monotonic() + seconds
        while not self.results.exists() or not self.results.read_text():
            assert time.monotonic() < deadline
            time.sleep(0.01)

    def wait_for(self, count: int, seconds: float = 20) -> list[Record]:
        deadline = time.monotonic() + seconds
        while len(found := self.handled()) < count:
            assert self.process.poll() is None, self.process.stderr and self.process.stderr.read()
            assert time.monotonic() < deadline
            time.sleep(0.01)
        return found

    def end(self, number: int = signal.SIGKILL) -> str:
        """What it has logged, after it was ended."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.communicate(timeout=20)[1]


@pytest.fixture
def spawn(database: DatabaseLaravel, face: Face, tmp_path: Path) -> Iterator[Callable[..., PythonProcess]]:
    """Starts Python worker processes, of the face under test; kills them afterwards."""
    started: list[PythonProcess] = []

    def start(**given: Any) -> PythonProcess:
        started.append(PythonProcess(database.url, face, tmp_path / f"python-{len(started)}", **given))
        return started[-1]

    yield start
    for worker in started:
        worker.end()


def share_jobs(
    database: DatabaseLaravel, python: DatabasePython, spawn: Callable[..., PythonProcess]
) -> tuple[int, int]:
    """Two Python workers and one of PHP on one queue, until each has had its share; how many jobs there were, and how
    often PHP was told "database is locked".

    No job is lost, Python runs none twice and is never told so. PHP runs one twice only if it was told so.
    """
    workers = [spawn(sleep=0.05, pause=0.002, retry_after=4) for _ in range(2)]
    for worker in workers:
        worker.wait_until_ready()
    php = database.start_worker(settings={"retry_after": 4})
    php.wait_for("started")
    pushed: list[str] = []
    deadline = time.monotonic() + 60
    while len(pushed) < 120 or not (all(worker.handled() for worker in workers) and php.records().handled):
        assert time.monotonic() < deadline, "somebody got no job in a minute"
        pushed += python("bulk", [(f"{JOBS}Slow", {"milliseconds": 2, "n": n}) for n in range(60)])
        until_empty(database)

    said = [worker.end(signal.SIGTERM) for worker in workers]
    php.stop()
    by_python = [record["uuid"] for worker in workers for record in worker.handled()]
    by_php = [record["uuid"] for record in php.records().handled]
    assert {*by_python, *by_php} == {*pushed}
    assert max(Counter(by_python).values()) == 1
    twice = {uuid for uuid, count in Counter(by_python + by_php).items() if count > 1}
    assert twice <= {*by_php}
    exceptions = php.records().of("exception")
    locked = [record for record in exceptions if "database is locked" in record["message"]]
    assert exceptions == locked
    assert len(twice) <= len(locked)
    assert all("locked" not in text and "Traceback" not in text for text in said), said
    return len(pushed), len(locked)


def test_two_python_workers_and_a_php_worker_run_each_job_once(
    database: DatabaseLaravel, python: DatabasePython, spawn: Callable[..., PythonProcess]
) -> None:
    """In the journal mode that Laravel leaves SQLite in.

    PHP hardly ever finds the file locked where it cannot wait: only when a Python worker is put to sleep by the system
    between two of the three locks that SQLite takes for one BEGIN EXCLUSIVE.
    """
    jobs, locked = share_jobs(database, python, spawn)
    assert locked <= jobs // 30


def test_in_wal_mode_only_laravels_own_weakness_is_left(
    database: DatabaseLaravel, python: DatabasePython, spawn: Callable[..., PythonProcess]
) -> None:
    """A PHP worker may be told "database is locked" while it settles a job, as by another of PHP, and run it again."""
    database.sql("PRAGMA journal_mode=WAL")
    share_jobs(database, python, spawn)


def until_empty(database: DatabaseLaravel, seconds: float = 30) -> None:
    """Wait until no job is left."""
    deadline = time.monotonic() + seconds
    while rows := database.rows():
        assert time.monotonic() < deadline, rows
        time.sleep(0.02)


def test_the_job_of_a_killed_python_worker_is_taken_over(
    database: DatabaseLaravel, python: DatabasePython, spawn: Callable[..., PythonProcess]
) -> None:
    first, second = database.push("enums"), database.push("plain")
    worker = spawn(hang=True, max_concurrent_jobs=1)
    assert [record["uuid"] for record in worker.wait_for(1)] == [first.uuid]

    worker.end()

    rows = database.rows()
    assert [row["attempts"] for row in rows] == [1, 0], "a kill -9 loses nothing"
    assert [record["uuid"] for record in database.work().handled] == [second.uuid], "nobody takes it before its time"
    database.sql("UPDATE jobs SET reserved_at = reserved_at - 100")
    (record,) = database.work().handled
    assert (record["uuid"], record["attempts"]) == (first.uuid, 2)
    assert database.rows() == []


def test_python_takes_over_from_a_killed_php_worker(database: DatabaseLaravel, python: DatabasePython) -> None:
    uuid = python("push", f"{JOBS}Slow", {"milliseconds": 60000, "n": 1})
    php = database.start_worker()
    php.wait_for("handled")
    php.kill()
    assert python.take() == []
    database.sql("UPDATE jobs SET reserved_at = reserved_at - 100")
    (job,) = python.take()
    assert (job.uuid, job.attempts) == (uuid, 2)
    assert database.rows() == []


def test_a_living_worker_keeps_its_job(database: DatabaseLaravel, spawn: Callable[..., PythonProcess]) -> None:
    """A handler that outlives retry_after keeps its lease: PHP, hungry beside it, must not get the job."""
    database.push("plain")
    worker = spawn(hang=True, retry_after=2)
    worker.wait_for(1)
    php = database.start_worker(settings={"retry_after": 2})
    php.wait_for("started")
    time.sleep(4.4)  # more than two leases
    assert php.records().handled == []
    assert [row["attempts"] for row in database.rows()] == [1]


def test_a_waiting_python_worker_sees_phps_push(database: DatabaseLaravel, spawn: Callable[..., PythonProcess]) -> None:
    worker = spawn(sleep=30)
    database.push("plain", "elsewhere")
    time.sleep(0.5)  # it waits now; being wrong about that makes the test weaker, not red
    before = time.monotonic()
    pushed = database.push("plain")
    assert worker.wait_for(1)[0]["uuid"] == pushed.uuid
    assert time.monotonic() - before < 5, "it saw the commit, and did not sleep on"
