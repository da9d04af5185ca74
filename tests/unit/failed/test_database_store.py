"""The table of failed jobs: what a row holds, and what happens where the table is not as it should be."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lara_queue.errors import StoreError
from lara_queue.failed.connect import open_failed_store, time_zone
from lara_queue.failed.database import DatabaseFailedStore
from lara_queue.plans import Call, Plan, run
from lara_queue.ports import FailedStore
from lara_queue.sql import Database, SyncSqlLink
from lara_queue.sql.schema import create_tables
from lara_queue.testing.driving import drive
from lara_queue.testing.failed_conformance import NOW, failure
from lara_queue.testing.shells import perform
from tests.conformance.databases import run as sql


def do(plan: Plan[Any]) -> Any:
    return run(plan, perform)


@pytest.fixture
def url(tmp_path: Path) -> str:
    path = tmp_path / "database.sqlite"
    path.touch()
    database = Database(f"sqlite:///{path}")
    database.transact(create_tables)
    database.close()
    return f"sqlite:///{path}"


@pytest.fixture
def store(url: str) -> Iterator[DatabaseFailedStore]:
    made = DatabaseFailedStore(SyncSqlLink(Database(url)), timezone=time_zone("Europe/Paris"))
    yield made
    made.link.call("close", ())


def test_a_row_is_what_php_writes(store: DatabaseFailedStore, url: str) -> None:
    """Failed at is in the application's time zone; the payload as it was."""
    do(store.record(failure(1)))
    (row,) = sql(url, "SELECT * FROM failed_jobs")
    assert row == {
        "id": 1,
        "uuid": failure(1).uuid,
        "connection": "redis",
        "queue": "default",
        "payload": failure(1).payload.decode(),
        "exception": "RuntimeException: 1\n#0 {main}",
        "failed_at": "2023-11-14 23:13:21",
    }


def test_a_job_that_fails_again_gets_a_new_row(store: DatabaseFailedStore, url: str) -> None:
    do(store.record(failure(1)))
    do(store.record(failure(1, exception="later")))
    assert [(row["id"], row["exception"]) for row in sql(url, "SELECT * FROM failed_jobs")] == [(2, "later")]


def test_a_missing_table_says_which_and_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "empty.sqlite"
    path.touch()
    for uuids in (True, False):
        store = DatabaseFailedStore(SyncSqlLink(Database(f"sqlite:///{path}")), "my_failed", uuids=uuids)
        with pytest.raises(StoreError) as caught:
            do(store.record(failure(1)))
        assert "cannot be recorded in the table my_failed, and stays reserved until it can" in str(caught.value)
        assert "no such table: my_failed" in str(caught.value)
        assert "artisan migrate" in str(caught.value)
        store.link.call("close", ())


def test_exceptions_that_are_not_utf_8_are_listed_all_the_same(store: DatabaseFailedStore, url: str) -> None:
    """FJ-05: Laravel 8 writes them as they are."""
    text = "INSERT INTO failed_jobs (uuid, connection, queue, payload, exception, failed_at) "
    sql(url, text + "VALUES ('u', 'redis', 'q', '{}', CAST(x'426164ff' AS TEXT), 'yesterday')")
    (job,) = do(store.all())
    assert (job.exception, job.payload, job.failed_at) == ("Bad\ufffd", b"{}", 0.0)


def test_deleting_old_ones_goes_in_steps(store: DatabaseFailedStore, url: str) -> None:
    """One statement never holds more than a thousand rows."""
    text = (
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2500) "
        "INSERT INTO failed_jobs (uuid, connection, queue, payload, exception, failed_at) "
        "SELECT i, 'redis', 'q', '{}', 'e', '2020-01-01 00:00:00' FROM n"
    )
    sql(url, text)
    effects: list[Any] = []

    def counting(effect: Any) -> Any:
        effects.append(perform(effect))
        return effects[-1]

    assert run(store.prune(NOW), counting) == 2500
    assert effects == [1000, 1000, 500]
    assert do(store.count()) == 0


def test_counting_and_ids_load_no_rows(store: DatabaseFailedStore) -> None:
    """One step each, whatever the table's size."""
    assert len(drive(store.count(), [3]).effects) == 1
    assert len(drive(store.ids(), [["a"]]).effects) == 1


def test_text_that_the_table_cannot_hold_is_written_in_ascii(store: DatabaseFailedStore) -> None:
    """A table of another character set refuses it; the job must be recorded all the same."""
    refused = StoreError("The database refused: Incorrect string value.")
    script = drive(store.record(failure(1, exception="E: ☃", payload='{"e":"☃"}'.encode())), [refused, None])
    rows = [effect.args[2] for effect in script.effects if isinstance(effect, Call)]
    assert len(rows) == 2
    assert rows[0]["payload"] == '{"e":"☃"}'
    assert rows[1]["payload"].isascii()
    assert '"raw_base64"' in rows[1]["payload"]
    assert rows[1]["exception"] == "E: \\u2603"
    with pytest.raises(StoreError, match="cannot be recorded in the table failed_jobs"):
        drive(store.record(failure(1, payload=b"{}")), [refused])


@pytest.mark.live
def test_a_latin_1_table_takes_every_failure(own_database: Callable[[str], str]) -> None:
    """MySQL tables made long ago, or with another default."""
    url = own_database("mariadb")
    sql(
        url,
        "CREATE TABLE failed_jobs (id BIGINT UNSIGNED AUTO_INCREMENT PRIMARY KEY, uuid VARCHAR(255) UNIQUE, "
        "connection TEXT, queue TEXT, payload LONGTEXT, exception LONGTEXT, failed_at TIMESTAMP) CHARACTER SET latin1",
    )
    store = DatabaseFailedStore(SyncSqlLink(Database(url)))
    body = '{"uuid":"u","e":"☃"}'.encode()
    do(store.record(failure(1, payload=body, exception="E: ☃")))
    (job,) = do(store.all())
    assert (job.payload, job.exception) == (body, "E: \\u2603")
    store.link.call("close", ())


def test_database_takes_row_numbers_and_uuids(url: str) -> None:
    """FJ-01, FJ-02: with a table that has uuids, they are written and understood as well."""
    store = open_failed_store(f"{url}?driver=database", face="sync", driver=_NoDriver(), key="")
    for number in (7, 8):
        do(store.record(failure(number)))
    assert do(store.ids()) == ["2", "1"]
    assert [job.uuid for job in do(store.all())] == [failure(8).uuid, failure(7).uuid]
    assert do(store.find(failure(7).uuid)).id == "1"
    assert do(store.find("3")) is None
    assert do(store.forget("1")) is True
    do(_close(store))


class _NoDriver:
    name = "memory"


def _close(store: FailedStore) -> Plan[None]:
    yield Call(store.link, "close")  # type: ignore[attr-defined]
