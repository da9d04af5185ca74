"""``lara-queue tables``: makes what is missing, leaves what is there, prints what it would do."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy
from click.testing import CliRunner, Result

from lara_queue import Queue
from lara_queue.cli.commands import cli
from lara_queue.sql import Database
from lara_queue.sql.schema import tables

NAMES = ["jobs", "job_batches", "failed_jobs", "cache", "cache_locks"]


def run(*args: str) -> Result:
    return CliRunner().invoke(cli, ["tables", *args], env={"LARA_QUEUE_URL": None})


def test_a_file_is_created_in_wal_mode(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/queue.sqlite"
    result = run("--connection", url)
    assert result.exit_code == 0
    assert [line.split()[-1] for line in result.output.splitlines()] == NAMES
    with closing(sqlite3.connect(tmp_path / "queue.sqlite")) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    with Queue(url) as queue:
        queue.push("App\\Jobs\\A", {})
        assert "there already" in run("--connection", url).output
        assert queue.size() == 1


def test_what_is_there_is_left_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "database.sqlite"
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE cache (mine TEXT)")
        connection.execute("INSERT INTO cache VALUES ('kept')")
        connection.commit()
        result = run("--connection", f"sqlite:///{file}")
        assert [line.split()[-1] for line in result.output.splitlines()] == [n for n in NAMES if n != "cache"]
        assert connection.execute("SELECT mine FROM cache").fetchall() == [("kept",)]
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("delete",), "not ours to change"


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("sqlite:///x.sqlite", "id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT"),
        ("postgresql://h/d", "id BIGSERIAL NOT NULL"),
        ("mysql://h/d", "payload LONGTEXT NOT NULL"),
        ("mariadb://h/d", "CHARSET=utf8mb4 COLLATE utf8mb4_unicode_ci"),
    ],
)
def test_the_sql_is_printed_without_connecting(url: str, says: str) -> None:
    result = run("--connection", url, "--print")
    assert result.exit_code == 0
    assert says in result.output
    assert [f"CREATE TABLE {name} (" in result.output for name in NAMES] == [True] * 5
    assert "CREATE INDEX jobs_queue_index ON jobs (queue);" in result.output
    assert result.output.rstrip().endswith(";")


def test_the_printed_sql_runs(tmp_path: Path) -> None:
    script = run("--connection", "sqlite:///x.sqlite", "--print").output
    with closing(sqlite3.connect(tmp_path / "a.sqlite")) as connection:
        connection.executescript(script)
    assert "there already" in run("--connection", f"sqlite:///{tmp_path}/a.sqlite").output


@pytest.mark.parametrize(
    "kind", ["sqlite", *(pytest.param(kind, marks=pytest.mark.live) for kind in ("postgresql", "mariadb"))]
)
def test_qs_06_failures_are_found_by_connection_and_queue(kind: str, own_database: Callable[[str], str]) -> None:
    """QS-06: in an empty database; a table that is there keeps the columns that an older Laravel gave it."""
    url = own_database(kind)
    assert run("--connection", url).exit_code == 0
    engine = sqlalchemy.create_engine(Database(url).engine.url)
    inspector = sqlalchemy.inspect(engine)
    assert set(NAMES) <= set(inspector.get_table_names())
    columns = {column["name"] for column in inspector.get_columns("failed_jobs")}
    assert columns == {"id", "uuid", "connection", "queue", "payload", "exception", "failed_at"}
    indexes = {index["name"]: index["column_names"] for index in inspector.get_indexes("failed_jobs")}
    assert indexes["failed_jobs_connection_queue_failed_at_index"] == ["connection", "queue", "failed_at"]
    unique = inspector.get_unique_constraints("failed_jobs") or [
        index for index in inspector.get_indexes("failed_jobs") if index["unique"]
    ]
    assert ["uuid"] in [each["column_names"] for each in unique]
    engine.dispose()


@pytest.mark.live
@pytest.mark.parametrize("kind", ["postgresql", "mariadb"])
def test_they_are_made_on_a_server(kind: str, own_database: Callable[[str], str]) -> None:
    url = own_database(kind)
    assert [line.split()[-1] for line in run("--connection", url).output.splitlines()] == NAMES
    assert "there already" in run("--connection", url).output
    engine = sqlalchemy.create_engine(Database(url).engine.url)
    inspector = sqlalchemy.inspect(engine)
    for table in tables():
        assert [column["name"] for column in inspector.get_columns(table.name)] == [c.name for c in table.columns]
    engine.dispose()


def test_mistakes_are_told_in_a_line(tmp_path: Path) -> None:
    assert "Give --connection URL" in run().output
    assert "There is no folder" in run("--connection", f"sqlite:///{tmp_path}/no/x.sqlite").output
    assert "cannot be read" in run("--connection", "redis://localhost").output
