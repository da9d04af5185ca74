"""LK: the locks of Laravel's cache on Redis, which unique and non-overlapping jobs take."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
import redis

from lara_queue.cache.redis import RedisCache
from lara_queue.drivers.redis import redis_link
from lara_queue.plans import Call, Plan, run

pytestmark = pytest.mark.live


def do(plan: Plan[Any]) -> Any:
    def perform(effect: Any) -> Any:
        assert isinstance(effect, Call)
        return effect.link.call(effect.name, effect.args)

    return run(plan, perform)


@pytest.fixture
def client(own_redis: str) -> Iterator[Any]:
    with redis.Redis.from_url(own_redis) as one:
        yield one


@pytest.fixture
def prefix(client: Any) -> Iterator[str]:
    name = f"lk{uuid.uuid4().hex[:10]}_"
    yield name
    for key in client.scan_iter(f"{name}*"):
        client.delete(key)


@pytest.fixture
def cache(own_redis: str, prefix: str) -> Iterator[RedisCache]:
    link = redis_link(own_redis, "sync")
    yield RedisCache(link, prefix)
    link.close()


def test_lk_01_take_refuse_free(cache: RedisCache, client: Any, prefix: str) -> None:
    assert do(cache.lock("foo", "me", 10)) is True
    assert do(cache.lock("foo", "you", 10)) is False
    assert (client.get(f"{prefix}foo"), 0 < client.ttl(f"{prefix}foo") <= 10) == (b"me", True)
    assert do(cache.unlock("foo", "me")) is True
    assert client.exists(f"{prefix}foo") == 0
    assert do(cache.lock("foo", "you")) is True
    assert client.ttl(f"{prefix}foo") == -1  # without a time, until it is released


def test_lk_02_the_late_release_of_an_expired_lock_leaves_the_next_owners(
    cache: RedisCache, client: Any, prefix: str
) -> None:
    assert do(cache.lock("foo", "first", 1)) is True
    client.pexpire(f"{prefix}foo", 0)  # its second is over
    assert do(cache.lock("foo", "second", 10)) is True
    assert do(cache.unlock("foo", "first")) is False
    assert client.get(f"{prefix}foo") == b"second"
    assert do(cache.unlock("foo", None)) is True  # by force, whoever holds it


def test_lk_06_locks_may_live_on_another_connection_than_values(own_redis: str, client: Any, prefix: str) -> None:
    values = redis_link(own_redis.removesuffix("/0") + "/1", "sync")
    locks = redis_link(own_redis, "sync")
    cache = RedisCache(values, prefix, locks)
    do(cache.put("foo", "value", 60))
    assert do(cache.lock("foo", "me", 10)) is True
    assert client.get(f"{prefix}foo") == b"me"
    assert do(cache.get("foo")) == "value"
    do(cache.forget("foo"))
    values.close()
    locks.close()
