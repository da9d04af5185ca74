"""The promises of batch stores, over memory and every database, through both faces (protocol §4.5)."""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, Literal, cast

import pytest

from lara_queue.batches.connect import open_batch_store
from lara_queue.batches.database import DatabaseBatchStore
from lara_queue.batches.memory import MemoryBatchStore
from lara_queue.batches.rows import decode_options, failed_ids, failed_text, ordered_uuid
from lara_queue.bus.told import TOLD, told_of
from lara_queue.drivers import open_driver
from lara_queue.errors import ConfigurationError, StoreError, UnknownDriver
from lara_queue.php import PhpObject, dumps
from lara_queue.plans import Call, Plan
from lara_queue.ports import BatchCounts, BatchRow, BatchStore
from lara_queue.sql import Database, SyncSqlLink
from lara_queue.testing import AsyncShell, SyncShell, shell_for
from lara_queue.testing.driving import drive
from tests.conformance.databases import KINDS
from tests.conformance.databases import run as sql

NOW = 1_700_000_000
Face = Literal["sync", "async"]


class Bench:
    def __init__(self, store: BatchStore, shell: SyncShell | AsyncShell, url: str | None) -> None:
        self.store = store
        self.shell = shell
        self.url = url

    def do(self, plan: Plan[Any]) -> Any:
        return self.shell.run(plan)

    def made(self, name: str = "", options: Any = None, at: int = NOW) -> str:
        id = ordered_uuid(at)
        self.do(self.store.store(id, name, dumps({} if options is None else options), at))
        return id

    def row(self, id: str) -> BatchRow:
        return cast(BatchRow, self.do(self.store.find(id)))


@pytest.fixture(params=["sync", "async"])
def face(request: pytest.FixtureRequest) -> Face:
    return cast(Face, request.param)


@pytest.fixture(params=["memory", *KINDS])
def bench(request: pytest.FixtureRequest, face: Face, database_with_tables: Callable[[str], str]) -> Iterator[Bench]:
    url = None if request.param == "memory" else database_with_tables(request.param)
    if url is not None:
        sql(url, "DELETE FROM job_batches")
    driver = open_driver("memory://", face=face)
    store = open_batch_store(url or f"memory://{uuid.uuid4().hex}", face=face, driver=driver)
    assert store is not None
    with shell_for(face) as shell:
        yield Bench(store, shell, url)
        link = getattr(store, "link", None)
        if link is not None:
            shell.run(_close(link))


def _close(link: Any) -> Plan[None]:
    yield Call(link, "close")


def test_a_batch_comes_back_as_it_was(bench: Bench) -> None:
    options = {"allowFailures": True, "queue": "ünï ☃", "nul": "a\0b", "then": [1]}
    id = bench.made("Import", options)
    assert bench.row(id) == BatchRow(id, "Import", 0, 0, 0, (), dumps(options), NOW)
    assert decode_options(bench.row(id).options) == options
    assert bench.do(bench.store.find("none")) is None


def test_jobs_are_added_and_succeed(bench: Bench) -> None:
    """Adding makes it unfinished; a job that succeeds is pending no more."""
    id = bench.made()
    bench.do(bench.store.increment_total_jobs(id, 2))
    assert bench.do(bench.store.decrement_pending_jobs(id, "a")) == BatchCounts(1, 0)
    counts = bench.do(bench.store.decrement_pending_jobs(id, "b"))
    assert counts == BatchCounts(0, 0)
    assert counts.all_have_run_once
    bench.do(bench.store.mark_as_finished(id, NOW + 5))
    assert bench.row(id).finished_at == NOW + 5
    bench.do(bench.store.increment_total_jobs(id, 1))
    row = bench.row(id)
    assert (row.total_jobs, row.pending_jobs, row.finished_at) == (3, 1, None)


def test_failures_are_counted_each_time_and_listed_once(bench: Bench) -> None:
    """Pending does not fall by a failure; a later success takes the job off the list."""
    id = bench.made()
    bench.do(bench.store.increment_total_jobs(id, 3))
    assert bench.do(bench.store.increment_failed_jobs(id, "a")) == BatchCounts(3, 1)
    assert bench.do(bench.store.increment_failed_jobs(id, "b/c")) == BatchCounts(3, 2)
    assert bench.do(bench.store.increment_failed_jobs(id, "a")) == BatchCounts(3, 3)
    assert bench.row(id).failed_job_ids == ("a", "b/c")
    assert bench.do(bench.store.decrement_pending_jobs(id, "a")) == BatchCounts(2, 3)
    assert bench.row(id).failed_job_ids == ("b/c",)
    assert bench.do(bench.store.decrement_pending_jobs(id, "never failed")) == BatchCounts(1, 3)


def test_what_was_told_is_kept_with_the_options_and_changes_nothing_else(bench: Bench) -> None:
    """PHP reads the options as before; a closure in them has references and a NUL in its names."""
    closure = PhpObject("Laravel\\SerializableClosure\\SerializableClosure", {"\0*\0own": "ünï ☃"})
    options = {"then": [closure], "catch": [closure], "queue": "q"}
    id = bench.made("Import", options)
    bench.do(bench.store.increment_total_jobs(id, 2))
    before = bench.row(id)
    assert told_of(decode_options(before.options), 2) == frozenset()
    store = cast(Any, bench.store)
    bench.do(store.remember_told(id, ["then", "finally"], 2))
    bench.do(store.remember_told(id, ["catch"], 2))
    after = bench.row(id)
    assert replace(after, options=before.options) == before
    assert told_of(decode_options(after.options), 2) == {"then", "finally", "catch"}
    assert told_of(decode_options(after.options), 3) == frozenset()
    kept = decode_options(after.options)
    del kept[TOLD]
    assert dumps(kept) == before.options
    bench.do(store.remember_told(id, ["then"], 3))
    assert told_of(decode_options(bench.row(id).options), 3) == {"then"}
    bench.do(store.remember_told("none", ["then"], 1))


def test_options_that_cannot_be_read_are_left_as_they_are(bench: Bench) -> None:
    id = ordered_uuid(NOW)
    for options in (b'a:1:{s:4:"then";', b"a:0:{}"):
        bench.do(bench.store.delete(id))
        bench.do(bench.store.store(id, "", options, NOW))
        bench.do(cast(Any, bench.store).remember_told(id, ["then"], 1))
        assert bench.row(id).options == options


def test_what_is_not_there_is_not_counted(bench: Bench) -> None:
    assert bench.do(bench.store.decrement_pending_jobs("none", "a")) is None
    assert bench.do(bench.store.increment_failed_jobs("none", "a")) is None
    for plan in (bench.store.increment_total_jobs("none", 1), bench.store.cancel("none", 1)):
        bench.do(plan)
    bench.do(bench.store.mark_as_finished("none", 1))
    assert bench.do(bench.store.delete("none")) is False
    assert bench.do(bench.store.all()) == []


def test_jobs_that_end_at_once_are_all_counted(bench: Bench) -> None:
    id = bench.made()
    bench.do(bench.store.increment_total_jobs(id, 20))
    plans = [bench.store.decrement_pending_jobs(id, f"s{n}") for n in range(10)]
    plans += [bench.store.increment_failed_jobs(id, f"f{n}") for n in range(10)]
    counts = bench.shell.run_all(plans)
    row = bench.row(id)
    assert (row.pending_jobs, row.failed_jobs, sorted(row.failed_job_ids)) == (10, 10, [f"f{n}" for n in range(10)])
    assert len({(each.pending_jobs, each.failed_jobs) for each in counts if each is not None}) == 20


def test_cancelling_finishes_too(bench: Bench) -> None:
    id = bench.made()
    bench.do(bench.store.cancel(id, NOW + 7))
    assert (bench.row(id).cancelled_at, bench.row(id).finished_at) == (NOW + 7, NOW + 7)
    assert bench.do(bench.store.delete(id)) is True
    assert bench.do(bench.store.find(id)) is None


def test_the_newest_are_listed_first(bench: Bench) -> None:
    ids = [bench.made(at=NOW + n) for n in range(4)]
    assert [row.id for row in bench.do(bench.store.all())] == ids[::-1]
    assert [row.id for row in bench.do(bench.store.all(limit=2, before=ids[3]))] == [ids[2], ids[1]]


def test_pruning(bench: Bench) -> None:
    """What was finished before; what never was, and what was cancelled, by when it was made."""
    finished, cancelled, unfinished, fresh = (bench.made(at=NOW + n) for n in range(4))
    bench.do(bench.store.mark_as_finished(finished, NOW + 100))
    bench.do(bench.store.cancel(cancelled, NOW + 200))
    assert bench.do(bench.store.prune(NOW + 100)) == 0
    assert bench.do(bench.store.prune(NOW + 1, what="cancelled")) == 0
    assert bench.do(bench.store.prune(NOW + 101)) == 1
    assert bench.do(bench.store.prune(NOW + 2, what="cancelled")) == 1
    assert bench.do(bench.store.prune(NOW + 3, what="unfinished")) == 1
    assert [row.id for row in bench.do(bench.store.all())] == [fresh]
    assert unfinished != fresh


def test_pruning_goes_in_steps_of_a_thousand(bench: Bench) -> None:
    if bench.url is None:
        return
    values = ", ".join(f"('b{n}', '', 0, 0, 0, '[]', NULL, NULL, 1, 2)" for n in range(2100))
    columns = "id, name, total_jobs, pending_jobs, failed_jobs, failed_job_ids, options, cancelled_at, created_at"
    sql(bench.url, f"INSERT INTO job_batches ({columns}, finished_at) VALUES {values}")
    assert bench.do(bench.store.prune(3)) == 2100
    assert [effect.name for effect in drive(bench.store.prune(3), [1000, 1000, 100]).effects] == ["delete_old"] * 3  # type: ignore[union-attr]


def test_rows_hold_what_php_writes(bench: Bench) -> None:
    """Options are base64 on PostgreSQL alone, and read in either form there."""
    if bench.url is None:
        return
    id = bench.made("n", {"allowFailures": True})
    (row,) = sql(bench.url, "SELECT * FROM job_batches")
    plain = 'a:1:{s:13:"allowFailures";b:1;}'
    on_postgres = bench.url.startswith("postgresql")
    assert row["options"] == ("YToxOntzOjEzOiJhbGxvd0ZhaWx1cmVzIjtiOjE7fQ==" if on_postgres else plain)
    assert (row["failed_job_ids"], row["cancelled_at"], row["finished_at"]) == ("[]", None, None)
    bench.do(bench.store.increment_failed_jobs(id, "a"))
    bench.do(bench.store.increment_failed_jobs(id, "b"))
    assert sql(bench.url, "SELECT failed_job_ids FROM job_batches")[0]["failed_job_ids"] == '["a","b"]'
    sql(bench.url, f"UPDATE job_batches SET options = '{plain}', failed_job_ids = '{{\"1\":\"x\"}}'")
    assert (bench.row(id).options, bench.row(id).failed_job_ids) == (plain.encode(), ("x",))
    sql(bench.url, "UPDATE job_batches SET options = NULL, failed_job_ids = 'broken'")
    assert (bench.row(id).options, bench.row(id).failed_job_ids) == (b"", ())


def test_options_that_are_no_text(bench: Bench) -> None:
    options = dumps({"bytes": b"\xff\0"})
    id = ordered_uuid(NOW)
    if bench.url is not None and bench.url.startswith("mariadb"):
        with pytest.raises(StoreError, match="not UTF-8"):
            bench.do(bench.store.store(id, "", options, NOW))
        return
    bench.do(bench.store.store(id, "", options, NOW))
    assert bench.row(id).options == options


def test_ids_sort_by_the_time_they_were_made() -> None:
    chance = random.Random(1)
    ids = [ordered_uuid(NOW + n / 1000, chance.randbytes) for n in range(200)]
    assert ids == sorted(ids)
    assert {(id[14], id[19] in "89ab") for id in ids} == {("4", True)}
    assert len({id[19:] for id in ids}) == 200


def test_columns_that_cannot_be_read_are_empty() -> None:
    assert [failed_ids(text) for text in (None, "", "[[1]]", "5", '"x"')] == [(), (), ("[1]",), (), ()]
    assert failed_text(["é/"]) == '["\\u00e9\\/"]'
    assert [decode_options(text) for text in (b"a:0:{}", b"i:5;", b"a:1:{")] == [{}, {}, {}]


def test_opening() -> None:
    memory = open_driver("memory://", face="sync")

    def opened(source: Any, driver: Any = memory, **options: Any) -> Any:
        return open_batch_store(source, face="sync", driver=driver, **options)

    class OnDatabase:
        name = "database"
        link = SyncSqlLink(Database("sqlite://"))

    class OnRedis:
        name = "redis"
        link = object()

    assert isinstance(opened(None), MemoryBatchStore)
    assert opened(None, OnRedis()) is None
    for source in (None, "database"):
        store = opened(source, OnDatabase(), table="mine")
        assert isinstance(store, DatabaseBatchStore)
        assert (store.link, store._table.name) == (OnDatabase.link, "mine")
    assert opened("sqlite:///x?table=b")._table.name == "b"
    assert opened("memory://n") is opened("memory://n")
    given = MemoryBatchStore()
    assert opened(given) is given
    with pytest.raises(ConfigurationError, match="The queue is in no database"):
        opened("database")
    with pytest.raises(UnknownDriver, match="No batch store speaks redis://"):
        opened("redis://x")
