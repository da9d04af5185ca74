"""A job that fails for good, from the queue to a failed-job store, when the process dies or the store is not there."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lara_queue.cache.files import SyncFileLink
from lara_queue.errors import StoreError
from lara_queue.failed.database import DatabaseFailedStore
from lara_queue.failed.file import FileFailedStore
from lara_queue.plans import run
from lara_queue.ports import FailedStore
from lara_queue.sql import Database, SyncSqlLink
from lara_queue.sql.schema import create_tables
from lara_queue.testing.shells import perform
from tests.unit.lifecycle.world import Crash, World, payload


def _boom(_: Any) -> None:
    raise RuntimeError("no")


def _world(store: FailedStore) -> World:
    world = World(_boom)
    world.failed = store  # type: ignore[assignment]
    world.lifecycle.failed = store
    world.push(payload())
    return world


@pytest.fixture(params=["database-uuids", "database", "file"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], FailedStore]]:
    made: list[FailedStore] = []

    def one() -> FailedStore:
        folder = tmp_path / str(len(made))
        folder.mkdir()
        if request.param == "file":
            made.append(FileFailedStore(SyncFileLink(), folder / "failed-jobs.json"))
        else:
            path = folder / "database.sqlite"
            path.touch()
            database = Database(f"sqlite:///{path}")
            database.transact(create_tables)
            made.append(DatabaseFailedStore(SyncSqlLink(database), uuids=request.param == "database-uuids"))
        return made[-1]

    yield one
    for store in made:
        store.link.call("close", ())  # type: ignore[attr-defined]


def test_a_crash_at_any_step_leaves_the_job_somewhere_and_on_record_once(make: Callable[[], FailedStore]) -> None:
    world = _world(make())
    world.work()
    steps = world.effects
    for after in range(1, steps + 1):
        world = _world(make())
        world.die_after, world.effects = after, 0
        with contextlib.suppress(Crash):
            world.work()
        world.die_after = None
        world.now += 100  # the lease of the dead process runs out
        if world.sizes() != (0, 0, 0):  # the next one fails it again: it has been attempted too often
            world.work()
        assert world.sizes() == (0, 0, 0)
        assert len(run(world.failed.all(), perform)) == 1


def test_without_the_table_the_job_stays_and_the_error_says_what_to_do(tmp_path: Path) -> None:
    """Once the table is there, the next attempt to settle it succeeds: nothing was lost meanwhile."""
    path = tmp_path / "database.sqlite"
    path.touch()
    database = Database(f"sqlite:///{path}")
    store = DatabaseFailedStore(SyncSqlLink(database))
    world = _world(store)
    job = world.take()
    outcome = world.drive(world.lifecycle.attempt(job))
    for _ in range(3):
        with pytest.raises(StoreError, match=r"table failed_jobs, and stays reserved until it can: .*artisan migrate"):
            world.drive(world.lifecycle.settle(job, outcome))
        assert world.sizes() == (0, 0, 1)
    assert "job.failed" not in world.told
    database.transact(create_tables)
    assert world.drive(world.lifecycle.settle(job, outcome)) is True
    assert world.sizes() == (0, 0, 0)
    assert [failed.queue for failed in run(store.all(), perform)] == ["q"]
    database.close()
