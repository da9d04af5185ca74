"""One pass of a worker over a job with middleware, told in a few words, for the tests of each kind."""

from __future__ import annotations

from typing import Any

import pytest

from lara_queue.plans import Plan

from .world import World

__all__ = ["do", "handled", "lock", "pass_through"]


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
