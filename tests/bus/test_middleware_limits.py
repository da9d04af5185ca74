"""Middleware that counts, driven through both faces (scenarios RL and TE of Laravel's own suite)."""

from __future__ import annotations

import logging
from typing import Any

import fakeredis
import pytest

from lara_queue.cache.memory import MemoryCache
from lara_queue.middleware import (
    Limit,
    RateLimited,
    RateLimitedWithRedis,
    ThrottlesExceptions,
    ThrottlesExceptionsWithRedis,
)
from lara_queue.middleware.limits import RateLimiter, clean_key
from lara_queue.plans import Plan, run
from lara_queue.testing import ManualClock
from lara_queue.testing.shells import perform
from tests.bus.passing import handled, lock, pass_through

from .world import World

__all__ = ["lock"]  # fixtures


# -- RateLimited ----------------------------------------------------------------


def test_rl_01_no_limit(world: World) -> None:
    handled(world, RateLimited("none"))
    world.bulk(["X", "X"])
    assert world.work() == ["X", "X"]


def test_rl_02_limit_reached_release(world: World) -> None:
    world.queue.rate_limiter("hourly", lambda job: Limit.per_hour(1))
    handled(world, RateLimited("hourly"))
    world.push("X")
    assert pass_through(world) == "ran, deleted"
    world.push("X")
    assert pass_through(world) == "not run, released for 3603"


def test_rl_03_limit_reached_skip(world: World) -> None:
    handled(world, RateLimited("hourly", Limit.per_hour(1), release=False))
    world.bulk(["X", "X"])
    assert world.work() == ["X"]
    assert world.size() == 0


@pytest.mark.parametrize(("limit", "inside", "edge"), [(Limit.per_minute(3), 59.999, 60), (Limit(3, 1), 0.999, 1)])
def test_rl_07_window_edges(world: World, limit: Limit, inside: float, edge: float) -> None:
    handled(world, RateLimited("edges", limit, release=False))
    began = world.clock()
    world.bulk(["X"] * 4)
    assert world.work() == ["X"] * 3
    world.clock.now = began + inside
    world.push("X")
    assert world.work() == ["X"] * 3
    world.clock.now = began + edge
    world.push("X")
    assert world.work() == ["X"] * 4


class Vanishing(MemoryCache):
    """A cache in which a counter is lost between being added and being counted."""

    def add(self, key: str, value: Any, seconds: float | None = None) -> Plan[bool]:
        yield from super().add(key, value, seconds)
        if not key.endswith(":timer"):
            yield from self.forget(key)
            return False
        return True


def test_rl_09_a_counter_that_vanished_is_written_again_with_its_lifetime() -> None:
    clock = ManualClock()
    cache = Vanishing(clock)
    limiter = RateLimiter(cache, clock)
    assert run(limiter.hit("key", 60), perform) == 1
    clock.advance(60)
    assert run(cache.get("key"), perform) is None


def test_rl_10_blocked_only_while_the_timer_lives() -> None:
    clock = ManualClock()
    cache = MemoryCache(clock)
    limiter = RateLimiter(cache, clock)
    run(cache.put("key", 3), perform)
    assert run(limiter.too_many("key", 3), perform) is False  # no timer: the count is taken back
    assert run(cache.get("key"), perform) is None
    for _ in range(3):
        run(limiter.hit("key", 60), perform)
    assert run(limiter.too_many("key", 3), perform) is True


def test_rl_11_remaining_waiting_time_and_clear() -> None:
    clock = ManualClock()
    cache = MemoryCache(clock)
    limiter = RateLimiter(cache, clock)
    run(cache.put("key", 5), perform)
    assert run(limiter.remaining("key", 3), perform) == 0
    run(cache.put("key", 3), perform)
    assert run(limiter.remaining("key", 5), perform) == 2
    run(cache.put("key:timer", int(clock()) - 10), perform)
    assert run(limiter.available_in("key"), perform) == 0
    run(limiter.clear("key"), perform)
    assert run(cache.get_many(["key", "key:timer"]), perform) == [None, None]


@pytest.mark.parametrize(
    ("key", "cleaned"), [("john", "john"), ("é", "e"), ("a&b", "aab"), ("<x>", "lxg"), ("'", "&#039;")]
)
def test_keys_are_cleaned_as_laravel_does(key: str, cleaned: str) -> None:
    assert clean_key(key) == cleaned


def test_rl_13_two_limits_with_the_same_key(world: World) -> None:
    handled(world, RateLimited("user", Limit(3, 1, "123"), Limit(5, 60, "123"), release=False))
    world.bulk(["X"] * 9)
    assert world.work() == ["X"] * 3
    world.clock.advance(1)
    world.bulk(["X"] * 9)
    assert world.work() == ["X"] * 5  # two more until the minute's five


def on_redis(kind: Any) -> World:
    server = fakeredis.FakeServer()
    client = fakeredis.FakeRedis(server=server) if kind == "sync" else fakeredis.FakeAsyncRedis(server=server)
    return World(kind, client=client)


def test_rl_02_rl_15_redis_own_limiter(kind: Any) -> None:
    world = on_redis(kind)
    handled(world, RateLimitedWithRedis("twice", Limit(2, 2)))
    world.bulk(["X"] * 3)
    assert pass_through(world) == "ran, released for 0"
    assert pass_through(world) == "ran, released for 0"
    assert pass_through(world) == "not run, released for 5"
    world.clock.advance(6)
    assert pass_through(world) == "ran, deleted"
    world.close()


def test_redis_own_limiter_needs_redis(world: World) -> None:
    handled(world, RateLimitedWithRedis("twice", Limit(2, 2)))
    world.push("X")
    assert pass_through(world, tries=1) == "not run, failed"
    assert "needs Redis" in world.queue_failed()[0].exception


# -- ThrottlesExceptions ----------------------------------------------------------------


@pytest.mark.parametrize("redis", [False, True])
def test_te_01_the_circuit_opens(kind: Any, redis: bool) -> None:
    world = on_redis(kind) if redis else World(kind)
    handled(world, (ThrottlesExceptionsWithRedis if redis else ThrottlesExceptions)(2, 600, key="test"))
    world.failing = {"X"}
    world.push("X")
    assert pass_through(world) == "ran, released for 0"
    assert pass_through(world) == "ran, released for 0"
    assert pass_through(world) == f"not run, released for {600 if redis else 603}"
    world.close()


def test_te_02_te_03_a_success_resets_the_count(world: World) -> None:
    handled(world, ThrottlesExceptions(2, 600, key="test"))
    for fails, becomes in [
        (True, "ran, released for 0"),
        (False, "ran, deleted"),
        (True, "ran, released for 0"),
        (True, "ran, released for 0"),
        (True, "not run, released for 603"),
    ]:
        world.clear()
        world.failing = {"X"} if fails else set()
        world.push("X")
        assert pass_through(world) == becomes


def test_te_04_delete_on_a_given_error(world: World) -> None:
    handled(world, ThrottlesExceptions(2, 600, delete_when=lambda error: isinstance(error, ValueError)))
    world.failing = {"X"}
    world.push("X")
    assert pass_through(world) == "ran, deleted"


def test_fail_on_a_given_error(world: World) -> None:
    handled(world, ThrottlesExceptions(2, 600, fail_when=lambda error: True))
    world.failing = {"X"}
    world.push("X")
    assert pass_through(world) == "ran, failed"


def test_te_08_backoff_from_the_error(world: World) -> None:
    seen: list[BaseException] = []

    def backoff(error: BaseException) -> float:
        seen.append(error)
        return 300

    handled(world, ThrottlesExceptions(2, 600, backoff=backoff))
    world.failing = {"X"}
    world.push("X")
    assert pass_through(world) == "ran, released for 300"
    assert [str(error) for error in seen] == ["X went wrong"]


@pytest.mark.parametrize(("report", "lines"), [(False, 0), (True, 1), (lambda e: True, 1), (lambda e: False, 0)])
def test_te_09_reporting_is_opt_in(world: World, caplog: Any, report: Any, lines: int) -> None:
    handled(world, ThrottlesExceptions(2, 600, report=report))
    world.failing = {"X"}
    world.push("X")
    with caplog.at_level(logging.ERROR):
        pass_through(world)
    assert sum("is throttled" in record.message for record in caplog.records) == lines


def test_exceptions_that_do_not_count_pass(world: World) -> None:
    handled(world, ThrottlesExceptions(1, 600, when=lambda error: False))
    world.failing = {"X"}
    world.push("X")
    assert pass_through(world, tries=1) == "ran, failed"
