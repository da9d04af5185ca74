"""Unique and debounced jobs, driven through both faces (scenarios UQ and DE of Laravel's own suite)."""

from __future__ import annotations

from typing import Any

import pytest

from lara_queue.bus.keys import debounce_key, release_of, unique_key
from lara_queue.errors import ConfigurationError
from lara_queue.php import PhpObject
from lara_queue.plans import Plan

from .world import World


def do(world: World, plan: Plan[Any]) -> Any:
    return world.now(world.queue._drive(plan))


def is_free(world: World, key: str) -> bool:
    """True when somebody else can take the lock; it is given back at once."""
    cache = world.queue._cache
    if not do(world, cache.lock(key, "probe", 10)):
        return False
    do(world, cache.unlock(key, "probe"))
    return True


KEY = unique_key("X", "7", release=release_of(None))


def test_uq_01_uq_02_a_second_push_is_dropped_while_the_lock_is_held(world: World) -> None:
    world.hear("job.skipped")
    assert world.push("X", {"n": 1}, unique="7") != ""
    assert world.told == []
    assert world.push("X", {"n": 2}, unique="7") == ""
    assert world.push("X", {"n": 3}, unique="8") != ""
    assert [(event.job, event.key) for event in world.events] == [("X", KEY)]
    assert (world.size(), is_free(world, KEY)) == (2, False)


def test_the_lock_is_freed_when_the_job_has_run(world: World) -> None:
    world.record()
    world.push("X", None, unique="7")
    assert world.work() == ["X"]
    assert is_free(world, KEY)
    assert world.push("X", None, unique="7") != ""


def test_uq_08_kept_across_a_retry(world: World) -> None:
    world.record()
    world.failing = {"X"}
    world.push("X", None, unique="7", tries=2)
    world.listen(once=True, sleep=0)
    assert not is_free(world, KEY)
    world.listen(once=True, sleep=0)
    assert is_free(world, KEY)
    assert len(world.queue_failed()) == 1


def test_uq_10_until_processing_freed_before_the_handler(world: World) -> None:
    seen: list[str] = []

    def look(job: Any) -> None:
        seen.append("ran")

    def lock_state(job: Any, proceed: Any) -> Any:
        held = yield from world.queue._cache.lock(KEY, "probe", 1)
        seen.append("free" if held else "held")
        return (yield from proceed())

    world.queue.handler("X", unique=True, unique_until_processing=True, middleware=[lock_state])(look)
    world.push("X", {"uniqueId": "7"}, unique="7")
    world.work()
    assert seen == ["held", "ran"]  # 11 and later free it after the middleware, right before the handler
    assert is_free(world, KEY)


def test_until_processing_in_laravel_8_is_freed_before_the_middleware(kind: Any) -> None:
    world = World(kind, laravel_version=8)
    key = unique_key("X", "7", release=release_of(8))
    seen: list[bool] = []

    def lock_state(job: Any, proceed: Any) -> Any:
        seen.append((yield from world.queue._cache.lock(key, "probe", 0)))
        return (yield from proceed())

    world.record("X", unique=lambda job: job.data["id"], unique_until_processing=True, middleware=[lock_state])
    do(world, world.queue._cache.lock(key, "pusher", 0))
    world.push("X", {"id": "7"})
    world.work()
    assert seen == [True]
    world.close()


def test_uq_12_until_processing_and_a_middleware_that_releases(world: World) -> None:
    def release(job: Any, proceed: Any) -> Any:
        job.release(30)
        return None
        yield

    world.record("X", unique=True, unique_until_processing=True, middleware=[release])
    world.push("X", {"uniqueId": "7"}, unique="7")
    world.listen(once=True, sleep=0, tries=0)
    assert (world.ran, is_free(world, KEY)) == ([], False)
    assert world.push("X", {"uniqueId": "7"}, unique="7") == ""
    assert world.size() == 1


def test_a_job_of_laravel_8_whose_handler_says_that_it_is_unique(kind: Any) -> None:
    world = World(kind, laravel_version=8)
    key = unique_key("X", "7", release=release_of(8))
    do(world, world.queue._cache.lock(key, "php", 0))
    world.record("X", unique=lambda job: job.data["order"])
    world.push("X", {"order": "7"})
    world.work()
    assert is_free(world, key)
    world.close()


def test_uq_15_somebody_elses_lock_is_left_alone(world: World) -> None:
    world.record()
    world.push("X", None, unique="7")
    cache = world.queue._cache
    do(world, cache.unlock(KEY, None))
    do(world, cache.lock(KEY, "another", 0))
    world.work()
    assert not is_free(world, KEY)


def test_a_push_that_fails_frees_the_lock(world: World) -> None:
    from lara_queue.errors import InvalidPayload

    with pytest.raises(InvalidPayload):
        world.push("X", {"bad": object()}, unique="7")
    assert is_free(world, KEY)


def test_unique_for_ends_the_lock(world: World) -> None:
    world.push("X", None, unique="7", unique_for=60)
    world.clock.advance(61)
    assert world.push("X", None, unique="7") != ""


def test_unique_needs_a_cache(kind: Any) -> None:
    world = World(kind, cache=None)
    with pytest.raises(ConfigurationError, match="cache="):
        world.push("X", None, unique="7")
    world.close()


# -- debounced ----------------------------------------------------------------


def test_de_03_different_ids_do_not_interfere(world: World) -> None:
    world.record()
    for entity in ("entity-1", "entity-2"):
        world.push("X", {"debounceId": entity}, debounce=30, debounce_id=entity)
    world.clock.advance(31)
    assert world.work() == ["X", "X"]


def test_de_04_the_superseded_one_is_skipped(world: World) -> None:
    ran: list[str] = []
    world.hear("job.debounced")
    world.queue.handler("X")(lambda job: ran.append(job.data["value"]))
    for value in ("first", "second"):
        world.push("X", {"value": value, "debounceId": "e"}, debounce=30, debounce_id="e")
    assert world.delayed_size() == 2
    world.clock.advance(31)
    world.work()
    assert (ran, world.told, world.size()) == (["second"], ["job.debounced"], 0)


def test_de_05_a_skipped_job_does_not_start_its_chain(world: World) -> None:
    from lara_queue.php import PhpObject, dumps

    world.record()
    follower = [dumps(PhpObject("Follower", {})).decode()]
    world.push("X", {"debounceId": "e", "chained": follower}, debounce=30, debounce_id="e")
    world.push("X", {"debounceId": "e"}, debounce=30, debounce_id="e")
    world.clock.advance(31)
    assert world.work() == ["X"]


def test_de_06_the_token_stays_after_the_run(world: World) -> None:
    world.record()
    world.push("X", {"debounceId": "e"}, debounce=30, debounce_id="e")
    world.clock.advance(31)
    world.work()
    assert len(do(world, world.queue._cache.get(debounce_key("X", "e")))) == 40
    world.clock.advance(300 - 31)
    assert do(world, world.queue._cache.get(debounce_key("X", "e"))) is None


def test_a_missing_token_lets_it_run(world: World) -> None:
    world.record()
    world.push("X", {"debounceId": "e"}, debounce=30, debounce_id="e")
    do(world, world.queue._cache.forget(debounce_key("X", "e")))
    world.clock.advance(31)
    assert world.work() == ["X"]


def test_the_handler_can_say_the_debounce_id(world: World) -> None:
    world.record("X", debounce_id=lambda job: job.data["order"])
    for _ in range(2):
        world.push("X", {"order": 7}, debounce=30, debounce_id=7)
    world.clock.advance(31)
    assert world.work() == ["X"]


def test_de_10_max_wait_forces_immediate_execution(world: World) -> None:
    def push() -> None:
        world.push("X", {"debounceId": "e"}, debounce=30, debounce_id="e", debounce_max_wait=60)

    push()
    world.clock.advance(50)
    push()
    assert world.sizes() == (0, 2)
    world.clock.advance(10)
    push()
    assert world.sizes() == (1, 2)


def test_de_13_debounce_and_unique_exclude_each_other(world: World) -> None:
    with pytest.raises(ConfigurationError, match="both"):
        world.push("X", None, debounce=30, unique="7")
    assert is_free(world, KEY)
    assert do(world, world.queue._cache.get(debounce_key("X"))) is None


# -- what only the payload says ----------------------------------------------------------------


def pushed_by_php(world: World, command: Any, *, hidden: dict[str, str] | None = None, **envelope: Any) -> None:
    """A payload as Laravel 13 writes it."""
    from lara_queue.clock import new_id, new_uuid
    from lara_queue.laravel.build import build_payload
    from lara_queue.laravel.context import LogContext

    body = build_payload(
        command.class_name,
        command,
        context=LogContext.of(hidden=hidden) if hidden else None,
        uuid=new_uuid(),
        id=new_id(),
        now=world.clock(),
        **envelope,
    )
    world.push_raw(body)


def test_the_lock_of_the_job_that_pushed_this_one_is_left_alone(world: World) -> None:
    """PHP's context goes on to what a job pushes, the hidden name of its own lock included."""
    world.record()
    key = unique_key("App\\Parent", "1", release=release_of(None))
    do(world, world.queue._cache.lock(key, "parent", 0))
    hidden = {"laravel_unique_job_key": key, "laravel_unique_job_lock_owner": "parent"}
    for name in ("App\\Child", "App\\Parent\\Child", "App\\ParentOfAll"):
        pushed_by_php(world, PhpObject(name, {}), hidden=hidden)
    assert len(world.work()) == 3
    assert not is_free(world, key)


def test_a_hashed_name_is_known_as_the_jobs_own(world: World) -> None:
    world.record()
    key = unique_key("App\\X", "1", display_name="Shown", release=release_of(None))
    do(world, world.queue._cache.lock(key, "me", 0))
    hidden = {"laravel_unique_job_key": key, "laravel_unique_job_lock_owner": "me"}
    pushed_by_php(world, PhpObject("App\\X", {}), hidden=hidden, display_name="Shown")
    world.work()
    assert is_free(world, key)


@pytest.mark.parametrize(("owner", "freed"), [("me", True), ("another", False), ("", True)])
def test_uq_14_uq_15_a_job_that_cannot_be_opened_frees_its_own_lock(world: World, owner: str, freed: bool) -> None:
    """UQ-14, UQ-15: what PHP does for a job whose record is gone. The name of the lock is in the hidden context."""
    import json

    world.record()
    do(world, world.queue._cache.lock(KEY, "me", 0))
    hidden = {"laravel_unique_job_key": KEY, "laravel_unique_job_lock_owner": owner}
    pushed_by_php(world, PhpObject("X", {"n": 1}), hidden=hidden)
    payload = json.loads(world.pending_jobs()[0].raw_body)
    payload["data"]["command"] = payload["data"]["command"][:-4]
    world.clear()
    world.push_raw(payload)
    assert world.work() == []
    assert len(world.queue_failed()) == 1
    assert is_free(world, KEY) is freed


LISTENER = "App\\Listeners\\SendInvoice"
LISTENER_KEY = "laravel_unique_job:2b4fdba8f8c606731c95e8a7b31a9eac:test-id"


def listener(**said: Any) -> PhpObject:
    """The wrapper of a queued listener, as Laravel 13 fills it."""
    own = {"class": LISTENER, "method": "handle", "data": [], "uniqueId": "test-id"}
    return PhpObject("Illuminate\\Events\\CallQueuedListener", {**own, **said})


@pytest.mark.parametrize("owner", ["", "php"])
def test_li_11_li_12_the_lock_of_a_unique_listener_is_freed_after_the_run(world: World, owner: str) -> None:
    """LI-11, LI-12: under the listener's key, by force when the wrapper names no owner."""
    world.record(LISTENER)
    do(world, world.queue._cache.lock(LISTENER_KEY, "php", 60))
    pushed_by_php(world, listener(shouldBeUnique=True, uniqueLockOwner=owner), display_name=LISTENER)
    assert world.work() == [LISTENER]
    assert (is_free(world, LISTENER_KEY), world.size()) == (True, 0)


def test_uq_10_a_listener_unique_until_processing_is_freed_before_its_handler(world: World) -> None:
    seen: list[bool] = []

    def look(job: Any, proceed: Any) -> Any:
        seen.append((yield from world.queue._cache.lock_owner(LISTENER_KEY)) is not None)
        result = yield from proceed()
        seen.append((yield from world.queue._cache.lock_owner(LISTENER_KEY)) is not None)
        return result

    world.record(LISTENER, middleware=[look])
    do(world, world.queue._cache.lock(LISTENER_KEY, "php", 60))
    command = listener(shouldBeUnique=True, shouldBeUniqueUntilProcessing=True)
    pushed_by_php(world, command, display_name=LISTENER)
    world.work()
    assert seen == [True, False]


def test_a_unique_broadcast_event_is_known_by_its_wrapper(world: World) -> None:
    event = PhpObject("App\\Events\\Moved", {})
    wrapper = "Illuminate\\Broadcasting\\UniqueBroadcastEvent"
    key = unique_key(wrapper, "9", display_name="App\\Events\\Moved", release=release_of(None))
    do(world, world.queue._cache.lock(key, "php", 60))
    world.record()
    pushed_by_php(world, PhpObject(wrapper, {"event": event, "uniqueId": "9"}), display_name="App\\Events\\Moved")
    world.work()
    assert is_free(world, key)


# -- until processing, when a middleware ends the job ----------------------------------------------------------------


@pytest.mark.parametrize("how", ["skips", "raises", "deletes"])
def test_uq_12_until_processing_freed_when_a_middleware_ends_the_job(world: World, how: str) -> None:
    def ends(job: Any, proceed: Any) -> Any:
        yield from ()
        if how == "raises":
            raise ValueError("no")
        if how == "deletes":
            job.delete()

    world.record("X", unique=True, unique_until_processing=True, middleware=[ends])
    world.push("X", {"uniqueId": "7"}, unique="7", tries=2)
    world.listen(once=True, sleep=0)
    assert (world.ran, is_free(world, KEY)) == ([], True)


@pytest.mark.parametrize(("version", "owner", "freed"), [("13.5", "", False), ("13.24", "me", True), (12, "", True)])
def test_until_processing_on_a_later_attempt(kind: Any, version: str | int, owner: str, freed: bool) -> None:
    """From 13.5 on a later attempt leaves the lock alone, which may be another's, unless its owner is known."""
    world = World(kind, laravel_version=version)
    world.record("X", unique=True, unique_until_processing=True)
    world.failing = {"X"}
    world.push("X", {"uniqueId": "7", "uniqueLockOwner": owner}, tries=2)
    world.listen(once=True, sleep=0)
    key = unique_key("X", "7", release=release_of(version))
    do(world, world.queue._cache.lock(key, "me", 0))
    world.listen(once=True, sleep=0)
    assert is_free(world, key) is freed
    world.close()
