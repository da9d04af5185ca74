"""Laravel's database queue on SQLite, with real Laravel on one side and Python on the other."""

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
from sqlalchemy import create_engine, inspect

from lara_queue import Job
from lara_queue.sql import Database
from lara_queue.sql.schema import create_tables, tables

from . import database as application
from .database import DatabaseLaravel, DatabasePython, in_database, migrated_by_laravel
from .expected import CHECKS, DATA
from .faces import Face
from .php_server import Record
from .shapes import JOBS, SHAPES
from .tagged import assert_received
from .test_php_to_python import command_of

database, connect, python = application.database, application.connect, application.python

pytestmark = pytest.mark.live

Connect = Callable[..., DatabasePython]
CASES = [case for case in (*DATA, *CHECKS) if case not in ("chain", "middleware")]
"""What a worker does about chains and middleware has tests of its own; they would bring further jobs in here."""


# -- rows --------------------------------------------------------------------------------------------------------------


def test_the_rows_that_both_write_are_alike_db_01(database: DatabaseLaravel, python: DatabasePython) -> None:
    """DB-01, and ``later``: attempts 0, nothing reserved, times in whole seconds, no id and no attempts inside."""
    database.push("plain")
    database.push("plain", "other", via="later", delay=60)
    shape = SHAPES["hidden"]
    python("push", JOBS + shape.name, shape.make())
    python("later", 60, JOBS + shape.name, shape.make(), queue="other")
    python("push", f"{JOBS}Legacy@fire", {"a": 1})

    rows = database.rows()
    assert [(row["queue"], row["attempts"], row["reserved_at"]) for row in rows] == [
        ("default", 0, None),
        ("other", 0, None),
        ("default", 0, None),
        ("other", 0, None),
        ("default", 0, None),
    ]
    assert [row["available_at"] - row["created_at"] for row in rows] == [0, 60, 0, 60, 0]
    assert all(abs(row["created_at"] - time.time()) < 60 for row in rows)
    assert all(isinstance(row["payload"], str) for row in rows)
    payloads = [json.loads(row["payload"]) for row in rows]
    assert all(not {"id", "attempts"} & payload.keys() for payload in payloads)
    assert payloads[0].keys() <= payloads[2].keys()
    assert [payload["job"] for payload in payloads] == ["Illuminate\\Queue\\CallQueuedHandler@call"] * 4 + [
        f"{JOBS}Legacy@fire"
    ]


@pytest.mark.parametrize("case", CASES)
def test_python_finds_what_php_pushed(database: DatabaseLaravel, python: DatabasePython, case: str) -> None:
    pushed = database.push(case)
    (row,) = database.rows()
    assert str(pushed.id) == str(row["id"]) or pushed.id is None

    (job,) = python.take()

    assert (job.uuid, job.attempts, job.queue) == (pushed.uuid, 1, "default")
    assert job.raw_body == row["payload"].encode()
    if case in DATA:
        assert job.data == DATA[case]
    else:
        assert CHECKS[case](job.data), job.data
    assert database.rows() == []


@pytest.mark.parametrize("name", SHAPES)
def test_php_receives_what_python_pushed(database: DatabaseLaravel, python: DatabasePython, name: str) -> None:
    shape = SHAPES[name]
    uuid = python("push", JOBS + shape.name, shape.make(), **shape.options)

    ran = database.work(tries=1)

    assert ran.of("exception") == []
    (record,) = ran.handled
    assert (record["uuid"], record["attempts"]) == (uuid, 1)
    assert_received(record, shape.expected())
    assert database.rows() == []


def test_a_delay_is_kept_by_the_other(database: DatabaseLaravel, python: DatabasePython) -> None:
    database.push("plain", via="later", delay=50)
    python("later", 50, f"{JOBS}TakesAnything", {"value": 1})
    assert python.take() == []
    assert database.work().handled == []
    assert (python("delayed_size"), python("size")) == (2, 2)
    database.sql("UPDATE jobs SET available_at = available_at - 60")
    assert len(python.take(max_jobs=1)) == 1
    assert len(database.work().handled) == 1


# -- from one to the other ---------------------------------------------------------------------------------------------


def test_php_takes_what_python_released(database: DatabaseLaravel, python: DatabasePython) -> None:
    """A released job is a new row with a new id, the attempt counted (protocol §4.2)."""
    pushed = database.push("unicode")
    (before,) = database.rows()
    python.handle(lambda job: job.release(0))
    python.listen(max_jobs=1)

    (row,) = database.rows()
    assert row["id"] > before["id"]
    assert (row["payload"], row["attempts"], row["reserved_at"]) == (before["payload"], 1, None)
    (record,) = database.work().handled
    assert (record["uuid"], record["attempts"]) == (pushed.uuid, 2)
    assert database.rows() == []


def test_python_takes_what_php_released(database: DatabaseLaravel, python: DatabasePython) -> None:
    uuid = python("push", f"{JOBS}Releasing", {"until": 9, "wait": 0, "extra": {"empty": [], "big": 2**62}})
    assert [record["attempts"] for record in database.work(max_jobs=1).handled] == [1]

    (job,) = python.take()

    assert (job.uuid, job.attempts) == (uuid, 2)
    assert job.data["extra"] == {"empty": [], "big": 2**62}
    assert database.rows() == []


def test_tries_are_counted_together(database: DatabaseLaravel, python: DatabasePython) -> None:
    python("push", f"{JOBS}Failing", {}, tries=2, backoff=0)
    database.work(max_jobs=1)

    def fail(job: Job) -> None:
        assert job.attempts == 2
        raise RuntimeError("the end")

    python.handle(fail)
    python.listen()
    assert database.rows() == []


def test_an_interrupted_job_is_as_if_never_taken(database: DatabaseLaravel, python: DatabasePython) -> None:
    """Given back, not released: it keeps its row and its attempts."""
    database.push("plain")
    before = database.rows()
    driver = python.queue.driver
    python.run(python.queue._drive(_take_and_give_back(driver)))
    assert database.rows() == before
    assert [record["attempts"] for record in database.work().handled] == [1]


def _take_and_give_back(driver: Any) -> Any:
    (taken,) = yield from driver.reserve(["default"])
    assert (yield from driver.give_back(taken))


# -- side by side ------------------------------------------------------------------------------------------------------

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


# -- the tables --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["sqlite", "postgresql", "mariadb"])
def test_our_tables_are_laravels(kind: str, own_database: Callable[[str], str], laravel: Any) -> None:
    """QS-06: column by column, as the server describes them.

    Some are those of later Laravels: wider counts on MySQL, and names in ``failed_jobs`` that an index can be made of.
    """
    ours, theirs = own_database(kind), own_database(kind)
    migrated_by_laravel(theirs)
    made = Database(ours)
    made.transact(create_tables)
    made.close()
    seen = []
    for url in (ours, theirs):
        engine = create_engine(Database(url).engine.url)
        inspector = inspect(engine)
        seen.append({table.name: _described(inspector, table.name) for table in tables()})
        engine.dispose()
    if kind == "mariadb":
        attempts = seen[1]["jobs"]["columns"][3]
        assert attempts[:2] == ("attempts", "TINYINT UNSIGNED")
        seen[1]["jobs"]["columns"][3] = ("attempts", "SMALLINT UNSIGNED", *attempts[2:])
        ids = seen[1]["job_batches"]["columns"][5]
        assert ids[:2] == ("failed_job_ids", "TEXT")
        seen[1]["job_batches"]["columns"][5] = ("failed_job_ids", "LONGTEXT", *ids[2:])
    failed = seen[1]["failed_jobs"]
    assert [column[:2] for column in failed["columns"][2:4]] == [("connection", "TEXT"), ("queue", "TEXT")]
    name = failed["columns"][1][1]  # what uuid is
    failed["columns"][2:4] = [(column[0], name, *column[2:]) for column in failed["columns"][2:4]]
    failed["indexes"] = [("failed_jobs_connection_queue_failed_at_index", ["connection", "queue", "failed_at"])]
    assert seen[0] == seen[1]


def _described(inspector: Any, table: str) -> Record:
    columns = [
        (
            column["name"],
            str(column["type"]).replace("INTEGER", "INT").partition(" COLLATE")[0] + _unsigned(column["type"]),
            column["nullable"],
            str(column["default"]).replace("()", "").lower() if column["name"] != "id" else None,
            bool(column.get("autoincrement")) if column["name"] == "id" else None,
        )
        for column in inspector.get_columns(table)
    ]
    return {
        "columns": columns,
        "key": inspector.get_pk_constraint(table)["constrained_columns"],
        "indexes": sorted(
            (index["name"], index["column_names"]) for index in inspector.get_indexes(table) if not index["unique"]
        ),
        "unique": sorted(
            {(one["name"], *one["column_names"]) for one in inspector.get_unique_constraints(table)}
            | {(one["name"], *one["column_names"]) for one in inspector.get_indexes(table) if one["unique"]}
        ),
    }


def _unsigned(kind: Any) -> str:
    return " UNSIGNED" if getattr(kind, "unsigned", False) and "UNSIGNED" not in str(kind) else ""


@pytest.mark.parametrize("kind", ["postgresql", "mariadb"])
def test_php_runs_what_python_pushed_on_a_server(
    kind: str, own_database: Callable[[str], str], face: Face, laravel: Any
) -> None:
    url = own_database(kind)
    migrated_by_laravel(url)
    python = DatabasePython(face, url)
    try:
        uuids = python("bulk", ["App\\Jobs\\Nothing"] * 3)
        in_database(url, "fill", "3")
        lines = [json.loads(line) for line in in_database(url, "run").stdout.splitlines()]
        assert [line["uuid"] for line in lines[:3]] == uuids
        assert [line["attempts"] for line in lines[:-1]] == [1] * 6
        assert lines[-1]["jobs"] == 6
        in_database(url, "fill", "3")
        jobs = python.take()
        assert [(job.name, job.attempts) for job in jobs] == [("App\\Jobs\\Nothing", 1)] * 3
        assert command_of(jobs[0]).class_name == "App\\Jobs\\Nothing"
        assert python("size") == 0
    finally:
        python.close()
