"""Middleware, driven through both faces (scenarios OV and MW of Laravel's own suite): locks, small ones, our own."""

from __future__ import annotations

from typing import Any

import pytest

from lara_queue.cache.memory import MemoryCache
from lara_queue.middleware import (
    CircuitBreaker,
    FailOnException,
    Release,
    Skip,
    SkipIfBatchCancelled,
    WithoutOverlapping,
)
from tests.bus.passing import do, handled, lock, pass_through

from .world import World

__all__ = ["lock"]  # fixtures


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
