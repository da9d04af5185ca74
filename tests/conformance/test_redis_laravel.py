"""Side by side with Laravel's own Redis scripts: each takes what the other left, and our bytes are never worse."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
import redis

from lara_queue.drivers import DriverSettings, open_driver
from lara_queue.drivers.redis.keys import QueueKeys
from lara_queue.testing import ManualClock, SyncShell
from tests.unit.drivers.samples import UNUSABLE, USABLE

pytestmark = pytest.mark.live

POP = """
local job = redis.call('lpop', KEYS[1])
local reserved = false
if(job ~= false) then
    reserved = cjson.decode(job)
    reserved['attempts'] = reserved['attempts'] + 1
    reserved = cjson.encode(reserved)
    redis.call('zadd', KEYS[2], ARGV[1], reserved)
    redis.call('lpop', KEYS[3])
end
return {job, reserved}
"""
"""``LuaScripts::pop`` of Laravel 8 to 13."""

MIGRATE = """
local val = redis.call('zrangebyscore', KEYS[1], '-inf', ARGV[1], 'limit', 0, ARGV[2])
if(next(val) ~= nil) then
    redis.call('zremrangebyrank', KEYS[1], 0, #val - 1)
    for i = 1, #val, 100 do
        redis.call('rpush', KEYS[2], unpack(val, i, math.min(i+99, #val)))
        for j = i, math.min(i+99, #val) do
            redis.call('rpush', KEYS[3], 1)
        end
    end
end
return val
"""
"""``LuaScripts::migrateExpiredJobs``."""


class World:
    def __init__(self, client: Any) -> None:
        self.client = client
        self.clock = ManualClock()
        prefix = f"l{uuid.uuid4().hex[:12]}_"
        self.driver = open_driver(client, face="sync", settings=DriverSettings(prefix=prefix, clock=self.clock))
        self.do = SyncShell().run
        self.keys = QueueKeys.of(prefix, "q")

    def laravel_pops(self) -> tuple[bytes | None, bytes | None]:
        keys, now = self.keys, int(self.clock())
        for source in (keys.delayed, keys.reserved):
            self.client.eval(MIGRATE, 3, source, keys.ready, keys.notify, now, -1)
        job, reserved = self.client.eval(POP, 3, keys.ready, keys.reserved, keys.notify, now + 90)
        return job, reserved

    def tokens(self) -> int:
        return int(self.client.llen(self.keys.notify))


@pytest.fixture
def world(own_redis: str) -> Iterator[World]:
    with redis.Redis.from_url(own_redis) as client:
        world = World(client)
        yield world
        world.do(world.driver.clear("q"))
        world.driver.link.close()  # type: ignore[attr-defined]


@pytest.mark.parametrize(("body", "attempts"), USABLE)
def test_we_count_what_laravel_counts_and_change_nothing_else(world: World, body: bytes, attempts: int) -> None:
    world.do(world.driver.push("q", body))
    (job,) = world.do(world.driver.reserve(["q"]))
    (kept,) = world.client.zrange(world.keys.reserved, 0, -1)
    assert kept == job.receipt
    assert json.loads(kept) == {**json.loads(body), "attempts": attempts + 1}
    assert job.attempts == attempts + 1
    assert world.do(world.driver.give_back(job)) is True
    assert world.client.lrange(world.keys.ready, 0, -1) == [body]
    _, reserved = world.laravel_pops()
    assert reserved is not None
    assert float(json.loads(reserved)["attempts"]) == pytest.approx(job.attempts)


@pytest.mark.parametrize("body", UNUSABLE)
def test_what_laravel_would_destroy_is_kept(world: World, body: bytes) -> None:
    world.do(world.driver.push("q", body))
    (job,) = world.do(world.driver.reserve(["q"]))
    assert job.problem
    assert job.body == body
    assert world.client.zrange(world.keys.reserved, 0, -1) == [body]
    assert world.do(world.driver.delete(job)) is True


def test_laravel_takes_what_we_released_gave_back_and_left_lying(world: World) -> None:
    bodies = [b'{"id":"%d","attempts":0}' % n for n in range(4)]
    world.do(world.driver.push_many("q", [(body, 0) for body in bodies]))
    released, given, given_later, left = world.do(world.driver.reserve(["q"], limit=4))
    world.do(world.driver.release(released, delay=10))
    world.do(world.driver.give_back(given))
    world.do(world.driver.give_back(given_later, delay=20))
    world.clock.advance(91)
    attempts = {}
    while (popped := world.laravel_pops())[1]:
        value = json.loads(popped[1] or b"")
        attempts[value["id"]] = value["attempts"]
    assert attempts == {"0": 2, "1": 1, "2": 1, "3": 2}
    assert left.attempts == 1


def test_we_take_what_laravel_left_lying(world: World) -> None:
    world.do(world.driver.push("q", USABLE[0][0]))
    assert world.laravel_pops()[0] == USABLE[0][0]
    assert world.do(world.driver.reserve(["q"])) == []
    world.clock.advance(91)
    (job,) = world.do(world.driver.reserve(["q"]))
    assert job.attempts == 2
    assert json.loads(job.body)["data"] == json.loads(USABLE[0][0])["data"]


def test_scores_are_whole_seconds_rd_20_rd_21(world: World) -> None:
    world.clock.advance(0.9)
    now = int(world.clock())
    world.do(world.driver.push("q", b'{"attempts":0}'))
    (job,) = world.do(world.driver.reserve(["q"]))
    assert world.client.zrange(world.keys.reserved, 0, -1, withscores=True) == [(job.receipt, now + 90)]
    world.do(world.driver.release(job, delay=1000))
    assert world.client.zrange(world.keys.delayed, 0, -1, withscores=True) == [(b'{"attempts":1}', now + 1000)]


def test_wake_up_tokens_are_as_laravel_has_them_rd_01_rd_03(world: World) -> None:
    world.do(world.driver.push("q", b'{"attempts":0}'))
    world.do(world.driver.push("q", b'{"attempts":0}', delay=5))
    world.do(world.driver.push_many("q", [(b'{"attempts":0}', 0)] * 250))
    assert (world.tokens(), world.client.lindex(world.keys.notify, 0)) == (251, b"1")
    world.do(world.driver.reserve(["q"], limit=10))
    assert world.tokens() == 241
    world.clock.advance(5)
    world.do(world.driver.reserve(["q"], limit=1000))
    assert world.tokens() == 0
    world.client.rpush(world.keys.notify, 1, 1, 1)  # left behind by somebody: they must not keep a worker from waiting
    assert world.do(world.driver.reserve(["q"])) == []
    assert world.tokens() == 0


def test_due_jobs_are_made_ready_in_batches_and_in_order(world: World) -> None:
    settings = DriverSettings(prefix=world.driver.settings.prefix, clock=world.clock, migration_batch=150)  # type: ignore[attr-defined]
    driver = open_driver(world.client, face="sync", settings=settings)
    for n in range(400):
        world.client.zadd(world.keys.delayed, {b'{"id":"%03d","attempts":0}' % n: world.clock() - 400 + n})
    first = world.do(driver.reserve(["q"], limit=1))
    assert world.do(driver.sizes("q")) == world.do(driver.sizes("q")).__class__(149, 250, 1)
    rest = world.do(driver.reserve(["q"], limit=1000)) + world.do(driver.reserve(["q"], limit=1000))
    assert [json.loads(job.body)["id"] for job in first + rest] == [f"{n:03d}" for n in range(400)]
    driver.link.close()  # type: ignore[attr-defined]


def test_thousands_of_jobs_with_the_same_bytes(world: World) -> None:
    body = b'{"attempts":0}'
    world.do(world.driver.push_many("q", [(body, 0)] * 3000 + [(body, 5)] * 2000))
    world.clock.advance(5)
    taken: list[Any] = []
    while batch := world.do(world.driver.reserve(["q"], limit=700)):
        taken += batch
    assert len({job.receipt for job in taken}) == 5000
    assert {job.receipt.rstrip() for job in taken} == {b'{"attempts":1}'}
    assert max(len(job.receipt) for job in taken) < 40
    assert world.do(world.driver.extend(taken)) == [True] * 5000
    for job in taken[:50]:
        assert world.do(world.driver.release(job)) is True
    assert world.do(world.driver.clear("q")) == 5000


@pytest.mark.parametrize("suffix", ["ready", "delayed", "reserved", "notify"])
def test_a_key_of_another_kind_costs_no_job(world: World, suffix: str) -> None:
    from lara_queue.errors import StoreError

    bodies = [b'{"id":"%d","attempts":0}' % n for n in range(3)]
    if suffix != "ready":
        world.client.rpush(world.keys.ready, *bodies)
    world.client.set(getattr(world.keys, suffix), "mine")
    with pytest.raises(StoreError, match="check prefix and queue name"):
        world.do(world.driver.reserve(["q"], limit=9))
    world.client.delete(getattr(world.keys, suffix))
    if suffix != "ready":
        world.clock.advance(1000)
        found = {json.loads(job.body)["id"] for job in world.do(world.driver.reserve(["q"], limit=9))}
        assert found == {"0", "1", "2"}
