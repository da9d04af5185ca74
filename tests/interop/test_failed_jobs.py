"""Jobs that fail in one worker and are retried by the other, from the queue's table to ``failed_jobs`` and back."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from click.testing import CliRunner

from lara_queue import Job
from lara_queue.cli import cli

from . import database as application
from .database import DatabaseLaravel, DatabasePython

database, connect, python = application.database, application.connect, application.python

pytestmark = pytest.mark.live

Connect = Callable[..., DatabasePython]
FAILED = {"failed": "database-uuids"}


def artisan(database: DatabaseLaravel, *command: str) -> str:
    done = database.laravel.artisan(*command, settings=database.settings)
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


def fail_in_python(python: DatabasePython, message: str = "not today") -> None:
    def handle(job: Job) -> None:
        raise RuntimeError(message)

    python.handle(handle)
    python.listen(tries=1)


def test_what_failed_in_python_is_retried_by_artisan(database: DatabaseLaravel, connect: Connect) -> None:
    """Kept where Laravel keeps it, without a word in the configuration; PHP then runs the job."""
    pushed = [database.push("floats"), database.push("floats")]
    fail_in_python(connect())
    rows = database.rows("failed_jobs")
    assert [row["uuid"] for row in rows] == [job.uuid for job in pushed]
    assert {(row["connection"], row["queue"]) for row in rows} == {("database", "default")}
    assert "RuntimeError: not today in " in rows[0]["exception"]
    assert database.rows() == []
    assert pushed[0].uuid in artisan(database, "queue:failed")

    artisan(database, "queue:retry", "all")
    assert database.rows("failed_jobs") == []
    assert [row["attempts"] for row in database.rows()] == [0, 0]
    assert {record["uuid"] for record in database.work().handled} == {job.uuid for job in pushed}


def test_what_failed_in_php_is_retried_in_python(database: DatabaseLaravel, connect: Connect) -> None:
    """With the row's payload as it was, by the queue object."""
    payload = _failing(database)
    (row,) = database.rows("failed_jobs")
    python = connect()
    (failed,) = python.run(python.queue.failed.all())
    assert (failed.id, failed.payload.decode()) == (payload["uuid"], row["payload"])
    assert "legacy failure" in failed.exception
    assert python.run(python.queue.failed.retry()) == [failed.id]
    (back,) = database.rows()
    assert (back["payload"], back["attempts"]) == (row["payload"], 0)
    assert database.rows("failed_jobs") == []
    assert [job.uuid for job in python.take()] == [payload["uuid"]]


def test_the_command_line_retries_what_failed_in_php(database: DatabaseLaravel) -> None:
    payload = _failing(database)
    environment = {"LARA_QUEUE_URL": database.url}
    listed = CliRunner(env=environment).invoke(cli, ["failed", "--json"])
    assert [job["id"] for job in json.loads(listed.stdout)] == [payload["uuid"]]
    done = CliRunner(env=environment).invoke(cli, ["retry", "all"])
    assert done.exit_code == 0, done.output
    assert [json.loads(row["payload"])["uuid"] for row in database.rows()] == [payload["uuid"]]
    assert database.rows("failed_jobs") == []


def test_a_job_that_fails_in_both_has_one_row(database: DatabaseLaravel, connect: Connect) -> None:
    payload = _failing(database)
    python = connect()
    python.run(python.queue.failed.retry(payload["uuid"]))
    fail_in_python(python, "here too")
    (row,) = database.rows("failed_jobs")
    assert row["uuid"] == payload["uuid"]
    assert "here too" in row["exception"]
    artisan(database, "queue:retry", payload["uuid"])
    database.work(settings=FAILED, tries=1)
    (row,) = database.rows("failed_jobs")
    assert "legacy failure" in row["exception"]


def _failing(database: DatabaseLaravel) -> dict[str, Any]:
    """The payload of a string job that has failed in PHP's worker."""
    payload = {
        "uuid": "11111111-2222-4333-8444-555555555555",
        "displayName": "App\\Jobs\\Legacy",
        "job": "App\\Jobs\\Legacy@fail",
        "maxTries": None,
        "data": {"n": 1},
    }
    database.sql(
        "INSERT INTO jobs (queue, payload, attempts, available_at, created_at) VALUES ('default', ?, 0, 1, 1)",
        json.dumps(payload),
    )
    ran = database.work(settings=FAILED, tries=1)
    assert ran.of("failed")
    return payload
