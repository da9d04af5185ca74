"""DE, LI, MS, MW and RL: what a worker does with what PHP's listeners and jobs bring along."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from lara_queue.bus.keys import debounce_key, overlap_key, release_of
from lara_queue.clock import new_id, new_uuid
from lara_queue.laravel.build import build_payload
from lara_queue.laravel.models import ModelIdentifier
from lara_queue.laravel.people import to_php
from lara_queue.middleware import Limit, Skip, ThrottlesExceptions, WithoutOverlapping
from lara_queue.middleware.limits import DurationLimiter, distinct
from lara_queue.php import PhpObject
from lara_queue.plans import Plan
from tests.bus.world import World

PHP = "Illuminate\\Queue\\Middleware\\"
WRAPPER = "Illuminate\\Events\\CallQueuedListener"
LISTENER = "App\\Listeners\\IndexEntity"


@pytest.fixture
def bus(kind: Any) -> Iterator[World]:
    world = World(kind)
    yield world
    world.close()


def do(world: World, plan: Plan[Any]) -> Any:
    return world.now(world.queue._drive(plan))


def listened(world: World, event: Any, *, delay: float = 0, **said: Any) -> None:
    """Push the wrapper of a queued listener for an event, as Laravel 13 does."""
    command = PhpObject(WRAPPER, {"class": LISTENER, "method": "handle", "data": [event], **said})
    body = build_payload(
        WRAPPER, command, uuid=new_uuid(), id=new_id(), now=world.clock(), display_name=LISTENER, delay=delay or None
    )
    do(world, world.queue.driver.push("q", body, delay=delay))


def test_de_16_a_debounced_listener(bus: World) -> None:
    """DE-16: of two events for one entity only the second is handled. The wrapper says the listener's debounce id."""
    ran: list[Any] = []
    bus.queue.handler(LISTENER)(lambda job: ran.append(job.data))
    key = debounce_key(WRAPPER, "entity-1", display_name=LISTENER)
    for value in ("first", "second"):
        event = PhpObject("App\\Events\\Changed", {"value": value})
        do(bus, bus.queue._cache.put(key, value * 10, 300))
        listened(bus, event, delay=30, debounceId="entity-1", debounceOwner=value * 10)
    bus.clock.advance(31)
    bus.work()
    assert [str(data).count("second") for data in ran] == [1]


def test_li_08_the_middleware_of_a_listener(bus: World) -> None:
    """LI-08: what its hook built stands in the wrapper, and is honoured."""
    bus.record(LISTENER)
    overlapping = PhpObject(PHP + "WithoutOverlapping", {"key": "foo-bar", "releaseAfter": 20, "expiresAfter": 0})
    lock = overlap_key(WRAPPER, "foo-bar", display_name=LISTENER, release=release_of(None))
    do(bus, bus.queue._cache.lock(lock, "another", 0))
    listened(bus, PhpObject("App\\Events\\E", {}), middleware=[overlapping])
    bus.listen(once=True, sleep=0, tries=0)
    assert (bus.ran, bus._drive_browse()) == ([], [bus.clock() + 20])


def test_ms_08_relations_that_were_left_out(bus: World) -> None:
    """MS-08: none are listed, and another value object is an ordinary object."""
    seen: list[Any] = []
    bus.queue.handler("App\\Jobs\\J")(lambda job: seen.append(job.data))
    user = to_php(ModelIdentifier("App\\Models\\User", 1, [], "mysql", None))
    bus.push("App\\Jobs\\J", {"user": user, "value": PhpObject("App\\Values\\Money", {"cents": 5})})
    bus.work()
    assert seen[0]["user"] == ModelIdentifier("App\\Models\\User", 1, [], "mysql", None)
    assert (seen[0]["value"].class_name, seen[0]["value"]["cents"]) == ("App\\Values\\Money", 5)


# -- beside the scenarios: the order of things, per version ----------------------------------------------------------


def test_a_classs_middleware_stands_outside_what_travels_with_the_job(bus: World) -> None:
    """``CallQueuedHandler`` puts what ``middleware()`` returns before the property."""
    order: list[str] = []

    def outer(job: Any, proceed: Any) -> Any:
        order.append("class")
        yield from proceed()
        order.append("after")

    bus.record("X", middleware=[outer])
    bus.push("X", {"middleware": [PhpObject(PHP + "Skip", {"\0*\0skip": True})]})
    bus.work()
    assert (order, bus.ran) == (["class", "after"], [])


@pytest.mark.parametrize("ends", ["skip", "delete", "fail", "release"])
def test_what_follows_when_a_middleware_ends_the_job(bus: World, ends: str) -> None:
    """Skipped and deleted go on with the chain and count as done; failed does neither; released waits."""

    def middleware(job: Any, proceed: Any) -> Any:
        yield from ()
        if ends != "skip":
            getattr(job, ends)()

    bus.record("X", middleware=[Skip(True) if ends == "skip" else middleware])
    bus.record("Next")
    batch = bus.now(bus.batch([["X", "Next"]]).allow_failures().dispatch())
    bus.listen(once=True, sleep=0, tries=0)
    bus.clock.advance(1)
    fresh = bus.now(batch.fresh())
    waiting = [job.name for job in (*bus.pending_jobs(), *bus.delayed_jobs())]
    assert (waiting, fresh.pending_jobs, fresh.failed_jobs) == {
        "skip": (["Next"], 1, 0),
        "delete": (["Next"], 1, 0),
        "fail": ([], 2, 1),
        "release": (["X"], 2, 0),
    }[ends]


@pytest.mark.parametrize(("after", "seconds"), [(timedelta(seconds=90), 90), ("moment", 45)])
def test_an_overlapping_job_can_wait_for_a_moment(bus: World, after: Any, seconds: int) -> None:
    from datetime import datetime, timezone

    if after == "moment":
        after = datetime.fromtimestamp(bus.clock() + 45, timezone.utc)
    bus.record("X", middleware=[WithoutOverlapping("k", release_after=after)])
    do(bus, bus.queue._cache.lock("laravel-queue-overlap:X:k", "another", 0))
    bus.push("X")
    bus.listen(once=True, sleep=0, tries=0)
    assert bus._drive_browse() == [bus.clock() + seconds]


@pytest.mark.parametrize("which", [ValueError, (KeyError, ValueError)])
def test_te_04_classes_of_errors(bus: World, which: Any) -> None:
    """TE-04 by class, as in PHP."""
    bus.record("X", middleware=[ThrottlesExceptions(2, 600, delete_when=which)])
    bus.failing = {"X"}
    bus.push("X")
    bus.listen(once=True, sleep=0, tries=0)
    assert (bus.size(), bus.queue_failed()) == (0, [])


def test_a_limiter_over_long_times_has_whole_numbers_in_its_key() -> None:
    month = 30 * 86400
    limits = distinct([Limit(1, month, "u"), Limit(2, month, "u")])
    assert [limit.by for limit in limits] == ["u:attempts:1:decay:2592000", "u:attempts:2:decay:2592000"]
    assert (Limit.per_minute(1, by=None).by, Limit.per_minute(1, by=7).by) == ("", "7")


@pytest.mark.parametrize(
    ("at", "text"), [(60.0, "1700000060"), (60.5, "1700000060.5"), (60.12345678, "1700000060.1235")]
)
def test_times_are_written_as_php_writes_them(at: float, text: str) -> None:
    """The script compares them as strings: ``.0000`` would make the last second of a window a new one."""
    call = next(DurationLimiter(None, "k", 1, 60, lambda: 1_700_000_000 + at).acquire())
    assert call.args[3] == text  # type: ignore[union-attr]  # a Call


def test_a_batched_job_in_an_async_handler_finds_its_batch(bus: World) -> None:
    """``job.batch`` is the id; ``find_batch`` is awaited under AsyncQueue."""
    seen: list[Any] = []
    if bus.kind == "sync":

        @bus.queue.handler("J")
        def handle(job: Any) -> None:
            batch = bus.queue.find_batch(job.batch)
            seen.append((batch.id, batch.total_jobs, batch.add(["K"]).total_jobs))
    else:

        @bus.queue.handler("J")
        async def handle_async(job: Any) -> None:
            batch = await bus.queue.find_batch(job.batch)
            seen.append((batch.id, batch.total_jobs, (await batch.add(["K"])).total_jobs))

    bus.record("K")
    made = bus.now(bus.batch(["J"]).dispatch())
    assert bus.work() == ["K"]
    assert seen == [(made.id, 1, 2)]
    assert bus.now(made.fresh()).finished()


def test_a_failed_batch_of_php_tells_its_end_without_the_error_from_12_32_on(kind: Any) -> None:
    from lara_queue.bus.closures import closure
    from tests.bus.world import APP_KEY

    for version, told in (("12.31", True), ("12.32", False)):
        bus = World(kind, php_queue="php", laravel_version=version)
        bus.record("J")
        bus.failing = {"J"}
        end = closure("function ($batch, $e) {}", {}, APP_KEY)
        bus.now(bus.batch(["J"]).with_option("finally", [end]).dispatch())
        bus.work()
        (handed,) = bus.pending_jobs("php")
        assert (b"went wrong" in json.loads(handed.raw_body)["data"]["command"].encode()) is told
        bus.close()
