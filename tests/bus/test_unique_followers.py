"""Unique jobs further along a chain: their lock is taken when their turn comes, as PHP's ``dispatch()`` takes it."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from lara_queue.bus.chains import owner_after, uuid_after
from lara_queue.bus.keys import release_of, unique_key
from lara_queue.php import PhpObject, dumps
from lara_queue.plans import Plan

from .crashing import Life, lives
from .test_recording import with_away
from .world import World

KEY = unique_key("U", "7", release=release_of(None))


def owner_of(world: World, key: str = KEY) -> Any:
    return world.now(world.queue._drive(world.queue._cache.lock_owner(key)))


def taken_by_another(world: World, key: str = KEY) -> None:
    assert world.now(world.queue._drive(world.queue._cache.lock(key, "another", 0)))


def to_u(world: World, *rest: Any, **data: Any) -> str:
    """A chain of A and U, and of what is to follow; A's uuid."""
    uuid: str = world.now(world.chain(["A", ("U", {"id": "7", **data}), *rest]).dispatch())
    return uuid


def unique_u(world: World, **options: Any) -> None:
    world.record("A", "Last")
    world.record("U", **(options or {"unique": lambda job: job.data["id"]}))


def test_the_lock_is_taken_when_its_turn_comes_and_freed_when_it_has_run(world: World) -> None:
    unique_u(world)
    first = to_u(world, "Last")
    assert owner_of(world) is None
    world.listen(once=True, sleep=0)
    assert owner_of(world) == owner_after(first)
    (waiting,) = world.pending_jobs()
    assert (waiting.uuid, waiting.command["uniqueLockOwner"]) == (uuid_after(first), owner_after(first))
    assert waiting.context.hidden == {
        "laravel_unique_job_key": KEY,
        "laravel_unique_job_lock_owner": owner_after(first),
    }
    assert world.push("U", {"id": "7"}, unique="7") == ""
    assert world.work() == ["A", "U", "Last"]
    assert owner_of(world) is None


def test_it_is_dropped_with_the_rest_of_its_chain_while_another_has_the_lock(world: World) -> None:
    world.hear("job.skipped", "job.processed")
    unique_u(world)
    taken_by_another(world)
    to_u(world, "Last")
    assert world.work() == ["A"]
    assert [(event.job, event.key) for event in world.events if event.name == "job.skipped"] == [("U", KEY)]
    assert (world.told, world.size(), owner_of(world)) == (["job.skipped", "job.processed"], 0, "another")
    assert world.queue_failed() == []


def test_the_same_job_may_follow_itself(world: World) -> None:
    """Its lock is freed before the next one takes it, as in ``CallQueuedHandler``."""
    unique_u(world)
    world.now(world.chain([("U", {"id": "7"}), ("U", {"id": "7"}), ("U", {"id": "7"})]).dispatch())
    assert world.work() == ["U", "U", "U"]
    assert owner_of(world) is None


def test_until_processing_is_unique_while_it_waits(world: World) -> None:
    unique_u(world, unique_until_processing=True)
    key = unique_key("U", "", release=release_of(None))
    to_u(world)
    world.listen(once=True, sleep=0)
    assert owner_of(world, key) is not None
    assert world.work() == ["A", "U"]
    assert owner_of(world, key) is None


def test_a_follower_of_a_php_chain_says_its_id_and_how_long_its_lock_lasts(world: World) -> None:
    world.record("A")
    world.record("App\\Jobs\\U", unique=True)
    key = unique_key("App\\Jobs\\U", "9", release=release_of(None))
    follower = PhpObject("App\\Jobs\\U", {"uniqueId": "9", "uniqueFor": 60, "uniqueLockOwner": "", "delay": 600})
    first = world.push("A", {"chained": [dumps(follower).decode()]})
    world.listen(once=True, sleep=0)
    assert owner_of(world, key) == owner_after(first)
    world.clock.advance(61)
    assert owner_of(world, key) is None


@pytest.mark.parametrize(
    ("version", "key", "owner"),
    [(8, "laravel_unique_job:U7", None), ("13.23", "laravel_unique_job:U:7", None), ("13.24", KEY, "set")],
)
def test_each_laravel_has_its_own_names(kind: Any, version: Any, key: str, owner: str | None) -> None:
    world = World(kind, laravel_version=version)
    unique_u(world)
    first = to_u(world)
    world.listen(once=True, sleep=0)
    assert owner_of(world, key) == owner_after(first)
    (waiting,) = world.pending_jobs()
    assert waiting.command.get("uniqueLockOwner") == (owner_after(first) if owner else None)
    assert world.work() == ["A", "U"]
    assert owner_of(world, key) is None
    world.close()


def test_an_encrypted_chain(kind: Any) -> None:
    pytest.importorskip("cryptography")
    world = World(kind)
    unique_u(world)
    follower = dumps(PhpObject("U", {"id": "7"})).decode()
    first = world.push("A", {"chained": [follower]}, encrypted=True)
    world.listen(once=True, sleep=0)
    assert owner_of(world) == owner_after(first)
    assert world.pending_jobs()[0].raw_body.count(b"uniqueLockOwner") == 0
    assert world.work() == ["A", "U"]
    assert owner_of(world) is None
    world.close()


def test_a_unique_broadcast_event_is_known_by_its_wrapper(world: World) -> None:
    world.record()
    world.queue._services.handlers_of = None
    wrapper = PhpObject(
        "Illuminate\\Broadcasting\\UniqueBroadcastEvent", {"event": PhpObject("App\\Moved", {}), "uniqueId": "9"}
    )
    key = unique_key(wrapper.class_name, "9", display_name="App\\Moved", release=release_of(None))
    first = world.push("A", {"chained": [dumps(wrapper).decode()]})
    world.listen(once=True, sleep=0)
    assert owner_of(world, key) == owner_after(first)
    world.work()
    assert owner_of(world, key) is None


def test_what_nobody_here_says_to_be_unique_is_pushed_without_a_lock(world: World) -> None:
    """Only PHP knows such a class; and its wrapper of a listener is no unique job itself."""
    world.record()
    listener = PhpObject("Illuminate\\Events\\CallQueuedListener", {"class": "L", "data": [], "shouldBeUnique": True})
    world.push("A", {"chained": [dumps(PhpObject("U", {"uniqueId": "7"})).decode()]})
    world.push("A", {"chained": [dumps(listener).decode()]})
    world.listen(max_jobs=2)
    assert owner_of(world) is None
    assert owner_of(world, unique_key("L", release=release_of(None))) is None
    assert [job.name for job in world.pending_jobs()] == ["U", "L"]


def test_without_a_cache_it_is_pushed_and_that_is_said_once(kind: Any, caplog: Any) -> None:
    world = World(kind, cache=None)
    unique_u(world)
    to_u(world)
    to_u(world)
    assert Counter(world.work()) == {"A": 2, "U": 2}
    assert caplog.text.count("its lock is not taken: give Queue(cache=") == 1
    world.close()


# -- when something goes wrong -----------------------------------------------------------------------------------------


def chained(life: Life, **data: Any) -> None:
    for name in ("A", "Last"):
        life.handle(name)
    life.handle("U", unique=lambda job: job.data["id"])
    life.queue.chain(["A", ("U", {"id": "7", **data}), "Last"]).dispatch()


@pytest.mark.parametrize("answered", [True, False])
def test_a_worker_that_dies_while_it_hands_over_loses_nothing(answered: bool) -> None:
    """Above all not when it has the lock and has not pushed: the next one knows the lock as its own."""

    def begin() -> tuple[Life, Plan[Any]]:
        life = Life()
        chained(life)
        return life, life.attempt()

    worlds = lives(begin, answered=answered)
    assert len(worlds) > 8
    for life in worlds:
        found = life.everything()
        assert found.keys() == {"A", "U", "Last"}
        assert all(times <= 2 for times in found.values())
        assert life.queue.push("U", {"id": "7"}, unique="7") != ""  # the lock is free


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_worker_that_dies_over_the_unique_job_itself_keeps_its_lock(jobs: int) -> None:
    """While it is still to run, nobody else's is pushed; when all is over, the lock is free."""

    def begin() -> tuple[Life, Plan[Any]]:
        life = Life()
        chained(life)
        life.work(jobs)
        return life, life.attempt()

    for life in lives(begin):
        waiting = "U" not in life.ran
        assert (life.queue.push("U", {"id": "7"}, unique="7") == "") >= waiting
        found = life.everything()
        assert found["A"] == 1
        assert 1 <= found["U"] <= 3  # another that was pushed above, and one that runs again
        assert found["Last"] >= 1
        assert life.queue.push("U", {"id": "7"}, unique="7") != ""


def test_a_push_that_fails_frees_the_lock_and_is_tried_again_with_the_job_before() -> None:
    life, away = with_away("away", tries=3)
    chained(life, queue="away")
    life.work(1)
    assert life.ran == ["A"]
    cache = life.queue._services.cache.inner
    assert life.queue._drive(cache.lock_owner(KEY)) is None
    away.away = False
    life.clock.advance(10)
    life.work(1)
    assert life.queue.size("away") == 1
    assert life.queue._drive(cache.lock_owner(KEY)) is not None
    assert life.queue.failed.all() == []
