"""Middleware of one's own, and what a PHP job brings along, driven through both faces."""

from __future__ import annotations

from typing import Any

import pytest

from lara_queue.cache.memory import MemoryCache
from lara_queue.errors import HandlerError
from lara_queue.middleware import WithoutOverlapping
from lara_queue.php import PhpObject
from tests.bus.passing import do, handled, lock, pass_through

from .world import World

__all__ = ["lock"]  # fixtures
PHP = "Illuminate\\Queue\\Middleware\\"


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
