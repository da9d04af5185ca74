"""Laravel's database queue on SQLite, with real Laravel on one side and Python on the other."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
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
