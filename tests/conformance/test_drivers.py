"""The conformance suite over every driver, through both faces."""

from __future__ import annotations

import inspect
import uuid
from collections.abc import Callable, Iterator
from typing import Any, Literal, cast

import fakeredis
import pytest
import redis

from lara_queue.drivers import DriverSettings, open_driver
from lara_queue.plans import Call
from lara_queue.ports import Driver
from lara_queue.testing import ManualClock, shell_for
from lara_queue.testing.conformance import CHECKS, Bench
from tests.conformance.databases import KINDS as DATABASES
from tests.conformance.databases import emptied, older

KINDS = [
    "memory",
    "fakeredis",
    *DATABASES,
    "sqlite before 3.35",
    pytest.param("mysql without RETURNING", marks=pytest.mark.live),
    pytest.param("redis", marks=pytest.mark.live),
    pytest.param("redis-decoding-resp3", marks=pytest.mark.live),
]


def _source(kind: str, request: pytest.FixtureRequest) -> Any:
    if kind == "memory":
        return f"memory://{uuid.uuid4().hex}"
    if kind == "fakeredis":
        return fakeredis.FakeRedis(server=fakeredis.FakeServer(), decode_responses=True)
    if kind in ("sqlite", "postgresql", "mariadb"):
        return emptied(request.getfixturevalue("database_with_tables")(kind))
    if kind in ("sqlite before 3.35", "mysql without RETURNING"):
        return older(
            emptied(
                request.getfixturevalue("database_with_tables")("sqlite" if kind.startswith("sqlite") else "mariadb")
            )
        )
    url = request.getfixturevalue("own_redis")
    return redis.Redis.from_url(url, decode_responses=True, protocol=3) if kind.endswith("resp3") else url


@pytest.fixture(params=["sync", "async"])
def face(request: pytest.FixtureRequest) -> Literal["sync", "async"]:
    return cast(Literal["sync", "async"], request.param)


@pytest.fixture(params=KINDS)
def bench(request: pytest.FixtureRequest, face: Literal["sync", "async"]) -> Iterator[Bench]:
    clock = ManualClock()
    settings = DriverSettings(prefix=f"c{uuid.uuid4().hex[:12]}_", retry_after=90, clock=clock)
    source = _source(request.param, request)
    shell = shell_for(face)
    drivers = [open_driver(source, face=face, settings=settings) for _ in range(2)]
    yield Bench(drivers[0], drivers[1], shell, clock)
    for queue in ("q", "high", "low"):
        shell.run(drivers[0].clear(queue))
    for driver in drivers:
        shell.run(_close(driver))
    shell.close()
    for end in ("close", "dispose"):
        if hasattr(source, end):
            getattr(source, end)()


def _close(driver: Driver) -> Any:
    yield Call(cast(Any, driver).link, "close")


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_every_promise(check: Callable[[Bench], None], bench: Bench) -> None:
    check(bench)


def test_every_check_is_in_the_list() -> None:
    from lara_queue.testing import conformance

    written = [
        value
        for value in vars(conformance).values()
        if inspect.isfunction(value) and value.__module__ == conformance.__name__ and not value.__name__.startswith("_")
    ]
    assert written == CHECKS
