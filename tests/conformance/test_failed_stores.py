"""The conformance checks over every failed-job store, through both faces."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal, cast

import fakeredis
import pytest

from lara_queue.drivers import open_driver
from lara_queue.failed.connect import open_failed_store
from lara_queue.plans import Call
from lara_queue.ports import FailedStore
from lara_queue.testing import shell_for
from lara_queue.testing.failed_conformance import FAILED_CHECKS, FailedBench, failure
from tests.conformance.databases import KINDS as DATABASES
from tests.conformance.databases import run

Face = Literal["sync", "async"]


def _database(kind: Any, driver: str) -> Any:
    if isinstance(kind, str):
        return f"{kind}-{driver}"
    return pytest.param(f"{kind.values[0]}-{driver}", marks=kind.marks)


KINDS = [
    "memory",
    "file",
    "fakeredis",
    pytest.param("redis", marks=pytest.mark.live),
    *(_database(kind, driver) for driver in ("uuids", "rows", "old") for kind in DATABASES),
]
"""Of databases: ``uuids`` is Laravel's driver database-uuids, ``rows`` is database, ``old`` is it without a uuid."""

OLD = {
    "sqlite": "CREATE TABLE old_failed (id INTEGER PRIMARY KEY AUTOINCREMENT, connection TEXT NOT NULL, "
    "queue TEXT NOT NULL, payload TEXT NOT NULL, exception TEXT NOT NULL, failed_at DATETIME NOT NULL)",
    "postgresql": "CREATE TABLE old_failed (id BIGSERIAL PRIMARY KEY, connection TEXT NOT NULL, queue TEXT NOT NULL, "
    "payload TEXT NOT NULL, exception TEXT NOT NULL, failed_at TIMESTAMP(0) NOT NULL)",
    "mariadb": "CREATE TABLE old_failed (id BIGINT UNSIGNED AUTO_INCREMENT PRIMARY KEY, connection TEXT NOT NULL, "
    "queue TEXT NOT NULL, payload LONGTEXT NOT NULL, exception LONGTEXT NOT NULL, failed_at TIMESTAMP NOT NULL)",
}
"""What ``queue:failed-table`` made before Laravel 8, less the columns' lengths."""


def _source(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    if kind == "memory":
        return f"memory://{uuid.uuid4().hex}"
    if kind == "file":
        return f"file://{tmp_path}/failed-jobs.json?timezone=America/New_York"
    if kind == "fakeredis":
        return fakeredis.FakeRedis(server=fakeredis.FakeServer())
    if kind == "redis":
        return request.getfixturevalue("own_redis")
    server, how = kind.split("-")
    url = request.getfixturevalue("database_with_tables")(server)
    table = "failed_jobs"
    if how == "old":
        table = "old_failed"
        run(url, f"DROP TABLE IF EXISTS {table}")
        run(url, OLD[server])
    run(url, f"DELETE FROM {table}")
    driver = "database-uuids" if how == "uuids" else "database"
    mark = "&" if "?" in url else "?"
    return f"{url}{mark}driver={driver}&table={table}&timezone=America/New_York"


@pytest.fixture(params=["sync", "async"])
def face(request: pytest.FixtureRequest) -> Face:
    return cast(Face, request.param)


@pytest.fixture(params=KINDS)
def bench(request: pytest.FixtureRequest, face: Face, tmp_path: Path) -> Iterator[FailedBench]:
    source = _source(request.param, request, tmp_path)
    shell = shell_for(face)
    key = f"f{uuid.uuid4().hex[:12]}:failed"
    driver = open_driver("memory://", face=face)
    stores = [open_failed_store(source, face=face, driver=driver, key=key) for _ in range(2)]
    yield FailedBench(stores[0], stores[1], shell, at_limit=request.param == "file")
    shell.run(stores[0].flush())
    for store in stores:
        shell.run(_close(store))
    shell.close()
    if hasattr(source, "close"):
        source.close()


def _close(store: FailedStore) -> Any:
    link = getattr(store, "link", None)
    if link is not None:
        yield Call(link, "close")


@pytest.mark.parametrize("check", FAILED_CHECKS, ids=lambda check: check.__name__)
def test_every_promise(check: Callable[[FailedBench], None], bench: FailedBench) -> None:
    """FJ-01, FJ-02, FJ-05, FJ-07, FJ-08, FJ-11; the checks say which."""
    check(bench)


def test_every_check_is_in_the_list() -> None:
    from lara_queue.testing import failed_conformance as module

    written = [
        value
        for value in vars(module).values()
        if callable(value) and getattr(value, "__module__", "") == module.__name__ and not isinstance(value, type)
    ]
    assert written == [failure, *FAILED_CHECKS]
