"""The conformance checks over every cache, through both faces."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal, cast

import fakeredis
import pytest
import redis

from lara_queue.cache.connect import open_cache
from lara_queue.plans import Call
from lara_queue.ports import Cache
from lara_queue.testing import ManualClock, shell_for
from lara_queue.testing.cache_conformance import CACHE_CHECKS, CacheBench
from tests.conformance.databases import KINDS as DATABASES

Face = Literal["sync", "async"]
KINDS = [
    "memory",
    "file",
    "fakeredis",
    pytest.param("redis", marks=pytest.mark.live),
    pytest.param("redis-decoding-resp3", marks=pytest.mark.live),
    *DATABASES,
]


@pytest.fixture(params=["sync", "async"])
def face(request: pytest.FixtureRequest) -> Face:
    return cast(Face, request.param)


def _source(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    if kind == "memory":
        return f"memory://{uuid.uuid4().hex}"
    if kind == "file":
        return f"file://{tmp_path}/data"
    if kind == "fakeredis":
        return fakeredis.FakeRedis(server=fakeredis.FakeServer())
    if kind.startswith("redis"):
        url = request.getfixturevalue("own_redis")
        return redis.Redis.from_url(url, decode_responses=True, protocol=3) if kind.endswith("resp3") else url
    return request.getfixturevalue("database_with_tables")(kind)


def _older(client: Any, prefix: str) -> Callable[[float], None]:
    """Lets time pass for the keys of a prefix."""

    def pass_time(seconds: float) -> None:
        for key in client.keys(f"{prefix}*"):
            left = client.pttl(key)
            if left > 0:
                client.pexpire(key, int(left - seconds * 1000))

    return pass_time


@pytest.fixture(params=KINDS)
def bench(request: pytest.FixtureRequest, face: Face, tmp_path: Path) -> Iterator[CacheBench]:
    clock = ManualClock()
    prefix = f"c{uuid.uuid4().hex[:12]}:"
    source = _source(request.param, request, tmp_path)
    shell = shell_for(face)
    caches = [open_cache(source, face=face, prefix=prefix, clock=clock) for _ in range(2)]
    pass_time: Callable[[float], None] = clock.advance
    client = None
    if request.param in ("fakeredis", "redis", "redis-decoding-resp3"):
        client = redis.Redis.from_url(source) if isinstance(source, str) else source
        pass_time = _older(client, prefix)
    yield CacheBench(caches[0], caches[1], shell, pass_time)
    for cache in caches:
        shell.run(_close(cache))
    shell.close()
    if client is not None:
        keys = client.keys(f"{prefix}*")
        if keys:
            client.delete(*keys)
        client.close()


def _close(cache: Cache) -> Any:
    link = getattr(cache, "link", None)
    if link is not None:
        yield Call(link, "close")


@pytest.mark.parametrize("check", CACHE_CHECKS, ids=lambda check: check.__name__)
def test_every_promise(check: Callable[[CacheBench], None], bench: CacheBench) -> None:
    """LK-01, LK-02, LK-07, LK-08; the checks say which."""
    check(bench)


def test_every_check_is_in_the_list() -> None:
    from lara_queue.testing import cache_conformance as module

    written = [
        value
        for value in vars(module).values()
        if callable(value) and getattr(value, "__module__", "") == module.__name__ and not isinstance(value, type)
    ]
    assert written == CACHE_CHECKS
