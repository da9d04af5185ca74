"""``queue:retry`` and its like over the plans: what is pushed, in which order, and what a crash leaves."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lara_queue.cache.files import SyncFileLink
from lara_queue.drivers.memory import MemoryDriver, MemoryStore, SyncMemoryLink
from lara_queue.drivers.settings import DriverSettings
from lara_queue.errors import ConfigurationError, PayloadError
from lara_queue.failed.database import DatabaseFailedStore
from lara_queue.failed.file import FileFailedStore
from lara_queue.failed.memory import MemoryFailedStore
from lara_queue.failures import Failures, renewed
from lara_queue.plans import run
from lara_queue.ports import FailedStore
from lara_queue.sql import Database, SyncSqlLink
from lara_queue.sql.schema import create_tables
from lara_queue.testing import Crash, Crashing, effects_of
from lara_queue.testing.failed_conformance import failure
from lara_queue.testing.shells import perform

NOW = 1_800_000_000.0


class World:
    """A memory queue, and a failed store of each kind that can be had without a server."""

    def __init__(self, store: FailedStore, connection: str | None = None) -> None:
        self.store = store
        self.driver = MemoryDriver(SyncMemoryLink(MemoryStore()), DriverSettings(clock=lambda: NOW))
        self.failures = Failures(store, self.driver, lambda: NOW, connection)

    def record(self, *numbers: int, **changes: Any) -> None:
        for number in numbers:
            run(self.store.record(failure(number, **changes)), perform)

    def waiting(self, queue: str = "default") -> list[dict[str, Any]]:
        seen = run(self.driver.browse(queue, "pending"), perform)
        return [json.loads(job.body) for job in seen]

    def numbers(self) -> list[int]:
        """Of the jobs waiting, in order."""
        return [int(job["uuid"][-4:]) for job in self.waiting()]

    def kept(self) -> list[str]:
        return run(self.store.ids(), perform)

    def retry(self, *args: Any, **options: Any) -> list[str]:
        return run(self.failures.retry(*args, **options), perform)


def _memory(_: Path) -> FailedStore:
    return MemoryFailedStore()


def _table(tmp_path: Path, uuids: bool = True) -> FailedStore:
    path = tmp_path / "database.sqlite"
    path.touch()
    database = Database(f"sqlite:///{path}")
    database.transact(create_tables)
    return DatabaseFailedStore(SyncSqlLink(database), uuids=uuids)


def _rows(tmp_path: Path) -> FailedStore:
    return _table(tmp_path, uuids=False)


def _file(tmp_path: Path) -> FailedStore:
    return FileFailedStore(SyncFileLink(), tmp_path / "failed-jobs.json")


@pytest.fixture(params=[_memory, _table, _rows, _file], ids=["memory", "database-uuids", "database", "file"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    made: list[FailedStore] = []

    def one() -> FailedStore:
        made.append(request.param(tmp_path / str(len(made))) if request.param is _memory else _in(tmp_path, made))
        return made[-1]

    def _in(folder: Path, before: list[FailedStore]) -> FailedStore:
        folder = folder / str(len(before))
        folder.mkdir()
        store: FailedStore = request.param(folder)
        return store

    yield one
    for store in made:
        link = getattr(store, "link", None)
        if link is not None:
            link.call("close", ())


def test_all_go_back_newest_first_and_are_forgotten(make: Callable[[], FailedStore]) -> None:
    world = World(make())
    world.record(1, 2, 3)
    ids = world.kept()
    assert world.retry() == ids
    assert world.numbers() == [3, 2, 1]
    assert world.kept() == []
    assert world.retry() == []


def test_one_queue_only(make: Callable[[], FailedStore]) -> None:
    world = World(make())
    world.record(1, 2, queue="mail")
    world.record(3)
    assert len(world.retry("all", queue="mail")) == 2
    assert [job["uuid"][-1] for job in world.waiting("mail")] == ["2", "1"]
    assert world.waiting() == []
    assert len(world.kept()) == 1


def test_ids_in_the_given_order_each_once_the_unknown_left_out(make: Callable[[], FailedStore]) -> None:
    world = World(make())
    world.record(1, 2, 3)
    third, second, first = world.kept()
    assert world.retry([first, "99", third, first]) == [first, third]
    assert world.numbers() == [1, 3]
    assert world.kept() == [second]
    assert world.retry(second) == [second]


def test_a_range_of_row_numbers(tmp_path: Path) -> None:
    world = World(_rows(tmp_path))
    world.record(1, 2, 3, 4)
    assert world.retry(range(2, 9)) == ["2", "3", "4"]
    assert world.retry(1) == ["1"]


def test_a_crash_after_any_step_loses_no_job(make: Callable[[], FailedStore]) -> None:
    world = World(make())
    world.record(1, 2)
    steps = effects_of(perform, world.failures.retry())
    for answered in (True, False):
        for after in range(steps + 1):
            world = World(make())
            world.record(1, 2)
            with contextlib.suppress(Crash):
                Crashing(perform, after=after, answered=answered).run(world.failures.retry())
            left = {int(id_[-4:]) for id_ in _uuids(world.store)}
            assert left | set(world.numbers()) == {1, 2}
            world.retry()  # whoever comes next finishes it
            assert set(world.numbers()) == {1, 2}
            assert world.kept() == []


def _uuids(store: FailedStore) -> list[str]:
    return [str(job.uuid) for job in run(store.all(), perform)]


def test_a_job_that_fails_again_before_its_record_is_removed_stays_on_record(make: Callable[[], FailedStore]) -> None:
    world = World(make())
    world.record(1)
    pushed = False

    def another_worker_is_quick(effect: Any) -> Any:
        nonlocal pushed
        answer = perform(effect)
        if not pushed and world.waiting():
            pushed = True
            (taken,) = run(world.driver.reserve(["default"]), perform)
            run(world.store.record(failure(1, failed_at=NOW, payload=taken.body)), perform)
            run(world.driver.delete(taken), perform)
        return answer

    assert len(run(world.failures.retry(), another_worker_is_quick)) == 1
    assert pushed
    assert world.numbers() == []
    assert len(world.kept()) == 1


def test_what_cannot_be_read_stays_and_says_why_when_asked_for(make: Callable[[], FailedStore]) -> None:
    world = World(make())
    world.record(1)
    world.record(2, payload=b"\xff\x00")
    assert len(world.retry()) == 1
    (bad,) = world.kept()
    with pytest.raises(PayloadError):
        world.retry(bad)
    assert run(world.failures.reprocess(bad), perform) is False
    assert world.kept() == [bad]
    assert world.numbers() == [1]


def test_attempts_begin_anew_and_nothing_else_changes() -> None:
    world = World(MemoryFailedStore())
    body = b'{"uuid":"u","id":"keep","job":"A@b","data":{"attempts":7},"big":9007199254740993,"e":{},"attempts":3}'
    world.record(1, payload=body)
    world.retry()
    (waiting,) = run(world.driver.browse("default", "pending"), perform)
    assert waiting.body == body.replace(b'"attempts":3', b'"attempts":0')


def test_of_a_store_for_all_connections_only_ours_go_back(tmp_path: Path) -> None:
    world = World(_table(tmp_path), connection="database")
    world.record(1, connection="redis")
    world.record(2, connection="database")
    other, ours = failure(1).uuid, failure(2).uuid
    assert world.retry() == [ours]
    assert world.kept() == [other]
    with pytest.raises(ConfigurationError, match="of the connection 'redis' and this queue of 'database'"):
        world.retry(other)
    beside = World(MemoryFailedStore(), connection="database")
    beside.record(1, connection="redis")
    assert len(beside.retry()) == 1


def test_retry_until_is_given_anew() -> None:
    def after(**payload: Any) -> Any:
        plain = {"job": "A@b", "data": {"command": 'O:1:"A":0:{}', "retryUntil": 5}}
        return json.loads(renewed(json.dumps({**plain, **payload}).encode(), NOW))

    assert after(retryUntil=160, createdAt=100)["retryUntil"] == NOW + 60
    assert after(retryUntil=160, pushedAt="100.25")["retryUntil"] == int(NOW + 59.75)
    assert after(retryUntil=160)["retryUntil"] is None
    assert after(retryUntil=NOW + 5)["retryUntil"] == NOW + 5
    assert after(retryUntil=None)["retryUntil"] is None
    assert after(retryUntil=160, createdAt=100)["data"]["retryUntil"] == 5
    assert "retryUntil" not in after()
    with_property = {"command": 'O:1:"A":1:{s:10:"retryUntil";i:160;}'}
    assert after(retryUntil=160, createdAt=100, data=with_property)["retryUntil"] == 160
    encrypted = {"command": "eyJpdiI6InJl…"}
    assert after(retryUntil=160, createdAt=100, data=encrypted)["retryUntil"] == NOW + 60
    assert renewed(b'{"job":"A@b","retryUntil":1e999}', NOW) == b'{"job":"A@b","retryUntil":1e999}'


def test_flushing_and_pruning_count_in_hours(make: Callable[[], FailedStore]) -> None:
    world = World(make())
    for number, hours in enumerate((0, 1, 24, 25, 48)):
        world.record(number, failed_at=NOW - hours * 3600 - 1)
    assert run(world.failures.count(), perform) == 5
    assert run(world.failures.flush(48), perform) == 1
    assert run(world.failures.prune(), perform) == 2
    assert run(world.failures.flush(), perform) == 2
