"""Batches that PHP's repository and ours count together, on every database."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from lara_queue.batches.connect import open_batch_store
from lara_queue.batches.rows import decode_options, ordered_uuid
from lara_queue.drivers import open_driver
from lara_queue.php import dumps
from lara_queue.ports import BatchStore
from lara_queue.testing import AsyncShell, SyncShell

from .stores import Tables

pytestmark = pytest.mark.live

Shell = SyncShell | AsyncShell


class Both:
    def __init__(self, php: Any, store: BatchStore, shell: Shell) -> None:
        self.php = php
        self.store = store
        self.shell = shell

    def do(self, plan: Any) -> Any:
        return self.shell.run(plan)


@pytest.fixture
def both(tables: Tables, shell: Shell, closing_all: Callable[[Any], Any]) -> Both:
    store = open_batch_store(tables.url, face=shell.face, driver=open_driver("memory://", face=shell.face))
    return Both(tables.php, closing_all(store), shell)


def test_we_read_and_count_theirs(both: Both) -> None:
    made = both.php("batch.store", name="import", queue="high")
    row = both.do(both.store.find(made["id"]))
    assert (row.name, row.total_jobs, row.failed_job_ids, row.created_at) == ("import", 0, (), made["created_at"])
    assert decode_options(row.options) == {"allowFailures": True, "queue": "high"} == made["options"]
    both.do(both.store.increment_total_jobs(row.id, 3))
    both.php("batch.add", id=row.id, count=1)
    assert both.do(both.store.decrement_pending_jobs(row.id, "a")).pending_jobs == 3
    assert both.php("batch.failure", id=row.id, uuid="b") == [3, 1]
    assert both.do(both.store.increment_failed_jobs(row.id, "c/d")).failed_jobs == 2
    assert both.do(both.store.increment_failed_jobs(row.id, "b")).failed_jobs == 3
    assert both.php("batch.find", id=row.id)["failed_job_ids"] == ["b", "c/d"]
    assert both.php("batch.success", id=row.id, uuid="b") == [2, 3]
    found = both.do(both.store.find(row.id))
    assert (found.total_jobs, found.pending_jobs, found.failed_jobs, found.failed_job_ids) == (4, 2, 3, ("c/d",))
    both.php("batch.cancel", id=row.id)
    found = both.do(both.store.find(row.id))
    assert abs(found.cancelled_at - time.time()) < 60
    assert found.finished_at == found.cancelled_at


def test_php_reads_and_counts_ours(both: Both) -> None:
    now = int(time.time())
    id = ordered_uuid(now)
    options = {"allowFailures": True, "queue": "Ünïcode", "then": [], "hidden": "a\0b"}
    both.do(both.store.store(id, "ours", dumps(options), now))
    assert both.php("batch.find", id=id) == {
        "id": id,
        "name": "ours",
        "total_jobs": 0,
        "pending_jobs": 0,
        "failed_jobs": 0,
        "failed_job_ids": [],
        "options": options,
        "created_at": now,
        "cancelled_at": None,
        "finished_at": None,
    }
    both.php("batch.add", id=id, count=2)
    assert both.php("batch.success", id=id, uuid="a") == [1, 0]
    both.do(both.store.mark_as_finished(id, now + 5))
    assert both.php("batch.find", id=id)["finished_at"] == now + 5
    both.do(both.store.increment_total_jobs(id, 1))
    assert both.php("batch.find", id=id)["finished_at"] is None
    both.do(both.store.cancel(id, now + 6))
    assert both.php("batch.find", id=id)["cancelled_at"] == now + 6


def test_ids_of_both_sort_by_time(both: Both) -> None:
    """PHP's id now lies between ours from just before and just after."""
    first, theirs, last = ordered_uuid(time.time() - 1), both.php("uuid"), ordered_uuid(time.time() + 1)
    assert first < theirs < last
    assert [len(each) for each in (first, theirs)] == [36, 36]
    assert first[14] == theirs[14] == "4"


def test_either_prunes_the_others(both: Both) -> None:
    made = both.php("batch.store", name="theirs", queue="q")
    ours = ordered_uuid(time.time())
    both.do(both.store.store(ours, "ours", dumps({}), int(time.time())))
    assert [row.name for row in both.do(both.store.all())] == ["ours", "theirs"]
    assert [row.name for row in both.do(both.store.all(before=ours))] == ["theirs"]
    for id in (made["id"], ours):
        both.do(both.store.mark_as_finished(id, 1_600_000_000))
    assert both.do(both.store.prune(1_600_000_000)) == 0
    both.do(both.store.increment_total_jobs(made["id"], 1))
    assert both.php("batch.prune", before=1_600_000_001) == 1
    assert both.do(both.store.prune(int(time.time()) + 60, what="unfinished")) == 1
    assert both.do(both.store.all()) == []
