"""A redis-server of these tests' own, and drivers on it."""

from __future__ import annotations

from collections.abc import Awaitable, Iterator
from typing import Any, Literal, cast

import pytest
import redis

from lara_queue.drivers import DriverSettings, open_driver
from lara_queue.drivers.redis import RedisDriver
from lara_queue.plans import Call, Plan, run_async
from lara_queue.testing.shells import perform_async
from tests.conformance.servers import Server, server

Face = Literal["sync", "async"]
BODY = b'{"id":"a","attempts":0}'


@pytest.fixture(scope="module")
def mine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that a module may restart, flush and stall."""
    with server(tmp_path_factory.mktemp("mine")) as one:
        yield one


@pytest.fixture
def client(mine: Server) -> Iterator[Any]:
    """A plain client to it; afterwards everything is deleted."""
    with redis.Redis(port=mine.port) as one:
        yield one
        one.flushall()


def opened(mine: Server, face: Face, timeout: float = 5, **settings: Any) -> RedisDriver:
    """A driver on it, with keys behind ``p_``."""
    url = f"redis://127.0.0.1:{mine.port}?socket_timeout={timeout}"
    return cast(RedisDriver, open_driver(url, face=face, settings=DriverSettings(prefix="p_", **settings)))


def close(driver: RedisDriver) -> Plan[None]:
    yield Call(driver.link, "close")


def call(driver: RedisDriver, name: str, *args: Any) -> Plan[Any]:
    return (yield Call(driver.link, name, args))


def go(plan: Plan[Any]) -> Awaitable[Any]:
    """Drive a plan on the running loop."""
    return run_async(plan, perform_async)


def calls_of(client: Any) -> dict[str, int]:
    return {name.removeprefix("cmdstat_"): stat["calls"] for name, stat in client.info("commandstats").items()}
