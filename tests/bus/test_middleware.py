"""Middleware, driven through both faces (scenarios OV, RL, TE and MW of Laravel's own suite)."""

from __future__ import annotations

import logging
from typing import Any

import fakeredis
import pytest

from lara_queue.cache.memory import MemoryCache
from lara_queue.errors import HandlerError
from lara_queue.middleware import (
    CircuitBreaker,
    FailOnException,
    Limit,
    RateLimited,
    RateLimitedWithRedis,
    Release,
    Skip,
    SkipIfBatchCancelled,
    ThrottlesExceptions,
    ThrottlesExceptionsWithRedis,
    WithoutOverlapping,
)
from lara_queue.middleware.limits import RateLimiter, clean_key
from lara_queue.php import PhpObject
from lara_queue.plans import Plan, run
from lara_queue.testing import ManualClock
from lara_queue.testing.shells import perform

from .world import World

PHP = "Illuminate\\Queue\\Middleware\\"


def handled(world: World, *middleware: Any, **options: Any) -> None:
    world.record("X", middleware=middleware, **options)


def pass_through(world: World, *, tries: int = 0) -> str:
    """One pass of a worker; what became of the job: ran, or not, and released for so many seconds, deleted, failed."""
    before = len(world.ran)
    world.listen(once=True, sleep=0, tries=tries)
    ran = "ran" if len(world.ran) > before else "not run"
    if world.queue_failed():
        return f"{ran}, failed"
    delayed = world.delayed_size()
    if delayed:
        (seen,) = world._drive_browse()
        return f"{ran}, released for {round(seen - world.clock())}"
    return f"{ran}, deleted" if world.size() == 0 else f"{ran}, released for 0"


@pytest.fixture
def lock(world: World) -> Any:
    """The cache behind the world, for a test that holds a lock in it."""
    return world.queue._cache


def do(world: World, plan: Plan[Any]) -> Any:
    return world.now(world.queue._drive(plan))


# -- WithoutOverlapping ----------------------------------------------------------------


def test_ov_01_a_free_lock(world: World, lock: MemoryCache) -> None:
    handled(world, WithoutOverlapping("key"))
    world.push("X")
    assert pass_through(world) == "ran, deleted"
    assert do(world, lock.lock("laravel-queue-overlap:X:key", "me", 10)) is True


def test_ov_02_the_lock_is_freed_when_the_handler_raises(world: World, lock: MemoryCache) -> None:
    handled(world, WithoutOverlapping("key"))
    world.failing = {"X"}
    world.push("X")
    assert pass_through(world, tries=2) == "ran, released for 0"
    assert do(world, lock.lock("laravel-queue-overlap:X:key", "me", 10)) is True


@pytest.mark.parametrize(("after", "becomes"), [(0, "released for 0"), (30, "released for 30"), (None, "deleted")])
def test_ov_04_a_busy_lock(world: World, lock: MemoryCache, after: float | None, becomes: str) -> None:
    handled(world, WithoutOverlapping(lambda job: job.data["key"], release_after=after))
    assert do(world, lock.lock("laravel-queue-overlap:X:k1", "another", 0)) is True
    world.push("X", {"key": "k1"})
    assert pass_through(world) == f"not run, {becomes}"
    assert world.ran == []


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


# -- the small ones ----------------------------------------------------------------


@pytest.mark.parametrize("when", [True, lambda job: True])
def test_mw_01_release_when(world: World, when: Any) -> None:
    handled(world, Release(when, 60))
    world.push("X")
    assert pass_through(world) == "not run, released for 60"


@pytest.mark.parametrize(
    "skip", [Skip(True), Skip(lambda job: True), Skip(unless=False), Skip(unless=lambda job: False)]
)
def test_mw_05_skip(world: World, skip: Skip) -> None:
    handled(world, skip)
    world.push("X")
    assert pass_through(world) == "not run, deleted"


@pytest.mark.parametrize("skip", [Skip(False), Skip(lambda job: False), Skip(unless=True)])
def test_mw_06_skip_does_not_apply(world: World, skip: Skip) -> None:
    handled(world, skip)
    world.push("X")
    assert pass_through(world) == "ran, deleted"


@pytest.mark.parametrize(("kind_of_error", "becomes"), [(ValueError, "failed"), (KeyError, "released for 0")])
def test_mw_08_fail_on_listed_errors(world: World, kind_of_error: Any, becomes: str) -> None:
    handled(world, FailOnException(kind_of_error))
    world.failing = {"X"}
    world.push("X")
    assert pass_through(world, tries=2) == f"ran, {becomes}"


@pytest.mark.parametrize(("value", "becomes"), [("abc", "failed"), ("other", "released for 0")])
def test_mw_09_fail_decided_by_the_job(world: World, value: str, becomes: str) -> None:
    handled(world, FailOnException(lambda error, job: job.data["value"] == "abc"))
    world.failing = {"X"}
    world.push("X", {"value": value})
    assert pass_through(world, tries=2) == f"ran, {becomes}"


def test_skip_if_batch_cancelled(world: World) -> None:
    handled(world, SkipIfBatchCancelled())
    batch = world.now(world.batch(["X", "X"]).dispatch())
    world.now(batch.cancel())
    assert world.work() == []
    fresh = world.now(batch.fresh())
    assert (fresh.pending_jobs, fresh.cancelled()) == (0, True)


# -- our own ----------------------------------------------------------------


def test_once_for_acknowledges_a_second_delivery(world: World) -> None:
    world.record("X", once_for=86400)
    world.push("X")
    body = world.pending_jobs()[0].raw_body
    assert world.work() == ["X"]
    world.push_raw(body)
    world.push_raw(body)
    assert world.work() == ["X"]
    assert world.size() == 0
    world.clock.advance(86401)
    world.push_raw(body)
    assert world.work() == ["X", "X"]


def test_once_for_does_not_remember_what_failed(world: World) -> None:
    world.record("X", once_for=86400, once_key=lambda job: job.data["order"])
    world.failing = {"X"}
    world.push("X", {"order": 7})
    world.work()
    world.failing = set()
    world.push("X", {"order": 7})
    world.push("X", {"order": 7})
    assert world.work() == ["X", "X"]


def test_the_circuit_breaker(world: World) -> None:
    breaker = CircuitBreaker("payments", failures=2, window=60, open_for=30)
    handled(world, breaker)
    cache = world.queue._cache
    world.failing = {"X"}
    for _ in range(2):
        world.push("X", None, tries=1)
        world.listen(once=True, sleep=0)
    assert do(world, breaker.state(cache, world.clock())) == "open"
    world.push("X")
    world.listen(once=True, sleep=0, tries=0)
    assert (len(world.ran), world.delayed_size()) == (2, 1)  # not run, and due when it is half open
    world.clock.advance(30)
    assert do(world, breaker.state(cache, world.clock())) == "half-open"
    world.listen(once=True, sleep=0, tries=0)
    assert len(world.ran) == 3
    assert do(world, breaker.state(cache, world.clock())) == "open"  # the trial failed
    world.clock.advance(60)
    world.failing = set()
    world.listen(once=True, sleep=0, tries=0)
    assert do(world, breaker.state(cache, world.clock())) == "closed"
    assert world.size() == 0


def test_the_circuit_breaker_lets_one_on_trial(world: World) -> None:
    breaker = CircuitBreaker("payments", failures=1, open_for=30)
    handled(world, breaker)
    cache = world.queue._cache
    world.failing = {"X"}
    world.push("X", None, tries=1)
    world.listen(once=True, sleep=0)
    world.clock.advance(31)
    assert do(world, cache.lock("lara_queue:circuit:payments:trying", "another worker", 60)) is True
    world.push("X")
    world.listen(once=True, sleep=0, tries=0)
    assert (len(world.ran), world.delayed_size()) == (1, 1)


# -- writing one's own ----------------------------------------------------------------


def test_a_plan_of_ones_own_works_in_both_faces(world: World) -> None:
    order: list[str] = []

    def noting(job: Any, proceed: Any) -> Any:
        order.append(f"before {job.name}")
        result = yield from proceed()
        order.append("after")
        return result

    handled(world, noting)
    world.push("X")
    world.work()
    assert (order, world.ran) == (["before X", "after"], ["X"])


def test_a_plain_function_around_a_plain_handler(world: World) -> None:
    def twice(job: Any, proceed: Any) -> Any:
        proceed()
        return proceed()

    handled(world, twice)
    world.push("X")
    assert world.work() == ["X", "X"]


def test_a_coroutine_around_a_coroutine(world: World) -> None:
    seen: list[str] = []

    async def around(job: Any, proceed: Any) -> Any:
        seen.append(job.name)
        return await proceed()

    @world.queue.handler("X", middleware=[around])
    async def handle(job: Any) -> None:
        seen.append("handler")

    world.push("X")
    world.work()
    assert seen == ["X", "handler"]


def test_the_wrong_kind_is_refused_at_once(world: World) -> None:
    async def around(job: Any, proceed: Any) -> Any:
        return await proceed()

    with pytest.raises(HandlerError, match="write both the same way"):
        handled(world, around)
    with pytest.raises(HandlerError, match="is a class"):
        handled(world, WithoutOverlapping)


def test_middleware_for_all_handlers_stands_outside(kind: Any) -> None:
    order: list[str] = []

    def named(name: str) -> Any:
        def middleware(job: Any, proceed: Any) -> Any:
            order.append(name)
            return (yield from proceed())

        return middleware

    world = World(kind, middleware=[named("queue")])
    world.record("X", middleware=[named("handler")])
    world.record("Y")
    world.push("X")
    world.push("Y")
    world.work()
    assert order == ["queue", "handler", "queue"]
    world.close()


def test_without_a_cache_the_error_says_what_to_give(kind: Any) -> None:
    world = World(kind, cache=None)
    handled(world, WithoutOverlapping())
    world.push("X")
    assert pass_through(world, tries=1) == "not run, failed"
    assert "Queue(cache=" in world.queue_failed()[0].exception
    world.close()


# -- what a PHP job brings along ----------------------------------------------------------------


def test_laravels_own_objects_are_honoured(world: World, lock: MemoryCache) -> None:
    overlapping = PhpObject(
        PHP + "WithoutOverlapping",
        {"key": "k", "releaseAfter": 15, "expiresAfter": 0, "prefix": "laravel-queue-overlap:", "shareKey": False},
    )
    world.record("X")
    do(world, lock.lock("laravel-queue-overlap:X:k", "another", 0))
    world.push("X", {"middleware": [overlapping]})
    assert pass_through(world) == "not run, released for 15"


@pytest.mark.parametrize(
    ("name", "properties", "becomes"),
    [
        ("Skip", {"\0*\0skip": True}, "not run, deleted"),
        ("Skip", {"\0*\0skip": False}, "ran, deleted"),
        ("Release", {"\0*\0release": True, "\0*\0releaseAfter": 9}, "not run, released for 9"),
        ("ThrottlesExceptions", {"\0*\0maxAttempts": 2, "\0*\0decaySeconds": 60}, "ran, deleted"),
        ("ThrottlesExceptions", {"\0*\0maxAttempts": 2, "\0*\0decayMinutes": 1}, "ran, deleted"),
        ("RateLimited", {"\0*\0limiterName": "unknown", "shouldRelease": True}, "ran, deleted"),
    ],
)
def test_more_of_laravels_own(world: World, name: str, properties: Any, becomes: str) -> None:
    world.record("X")
    world.push("X", {"middleware": [PhpObject(PHP + name, properties)]})
    assert pass_through(world) == becomes


def test_an_unknown_object_is_reported(world: World, caplog: Any) -> None:
    world.record("X")
    world.push("X", {"middleware": [PhpObject("App\\Jobs\\Middleware\\Mine", {})]})
    assert pass_through(world) == "ran, deleted"
    assert any("App\\Jobs\\Middleware\\Mine" in record.message for record in caplog.records)
