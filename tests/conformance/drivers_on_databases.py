"""The database driver on every kind of database there is, for the tests of what only it promises."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Literal

import pytest

from lara_queue.drivers import DriverSettings, open_driver
from lara_queue.drivers.database import DatabaseDriver
from lara_queue.plans import Call, Plan
from lara_queue.testing import ManualClock, SyncShell
from tests.conformance.databases import KINDS, emptied, run

__all__ = ["BODY", "clock", "close", "driver", "opened", "row", "shell", "url"]

BODY = b'{"uuid":"u","displayName":"App\\\\Jobs\\\\A","job":"x","data":{},"createdAt":1000000}'
shell = SyncShell()


@pytest.fixture(params=KINDS)
def url(request: pytest.FixtureRequest, database_with_tables: Callable[[str], str]) -> str:
    return emptied(database_with_tables(request.param))


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def driver(url: str, clock: ManualClock) -> Iterator[DatabaseDriver]:
    made = opened(url, clock=clock)
    yield made
    shell.run(close(made))


def opened(source: Any, face: Literal["sync", "async"] = "sync", **settings: Any) -> DatabaseDriver:
    made = open_driver(source, face=face, settings=DriverSettings(**settings))
    assert isinstance(made, DatabaseDriver)
    return made


def close(driver: DatabaseDriver) -> Plan[None]:
    yield Call(driver.link, "close")


def row(url: str, clock: ManualClock, *, reserved: int | None = None, available: int = 0, attempts: int = 0) -> None:
    """Write a row as another program would; times in seconds from now."""
    now = int(clock())
    sql = "INSERT INTO jobs (queue, payload, attempts, reserved_at, available_at, created_at) VALUES (?, ?, ?, ?, ?, ?)"
    run(url, sql, "q", BODY.decode(), attempts, None if reserved is None else now + reserved, now + available, now)
