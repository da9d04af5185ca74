"""Callbacks as jobs: what each call pushes, where and when, and what becomes of PHP's."""

from __future__ import annotations

from typing import Any

import fakeredis
import pytest

from lara_queue.bus.closures import Callback, callback_of, callback_of_chain, callback_to_push, closure
from lara_queue.errors import SignatureError
from lara_queue.laravel.closures import read_closure
from lara_queue.php import PhpObject, dumps

from .world import APP_KEY, World


def chained_batch(world: World) -> Any:
    (waiting,) = world.pending_jobs()
    assert waiting.command.class_name == "Illuminate\\Bus\\ChainedBatch"
    return waiting.command


@pytest.mark.parametrize("store", ["memory", "redis"])
def test_what_is_called_several_times_is_another_job_each_time(kind: Any, store: str) -> None:
    """Two jobs in a queue must not be the same bytes: Redis keeps what is reserved in a set."""
    client: Any = "memory://"
    if store == "redis":
        client = fakeredis.FakeRedis() if kind == "sync" else fakeredis.FakeAsyncRedis()
    world = World(kind, client=client)
    world.record("J")
    world.failing = {"J"}
    batch = world.batch(["J"] * 3).allow_failures().progress("Progress").failure("Failure")
    world.now(batch.then("Then").catch("Catch").dispatch())
    world.work(queue="q", max_jobs=3)
    waiting = [job for job in world.pending_jobs() if job.name != "J"]
    assert sorted(job.name for job in waiting) == ["Catch", *["Failure"] * 3, *["Progress"] * 3]
    assert len({job.uuid for job in waiting}) == 7
    assert len({job.raw_body for job in waiting}) == 7
    if store == "redis":
        assert len({job.id for job in waiting}) == 7
    world.close()


def test_a_callback_has_its_delay(world: World) -> None:
    world.record("J")
    world.now(world.batch(["J"]).then(("Then", None, {"delay": 60})).dispatch())
    world.work(max_jobs=1)
    assert world._drive_browse() == [world.clock() + 60]


def test_before_is_called_for_a_batch_in_a_chain_too(world: World) -> None:
    world.record()
    world.now(world.chain([world.batch(["b1"]).before("Before"), "c2"]).dispatch())
    assert world.work() == ["Before", "b1", "c2"]


def test_what_follows_a_batch_in_a_chain_has_its_delay(world: World) -> None:
    world.record("b1")
    world.now(world.chain([world.batch(["b1"]), ("c2", None, {"delay": 60})]).dispatch())
    world.work(max_jobs=2)
    assert world._drive_browse() == [world.clock() + 60]


def test_a_batch_without_jobs_does_not_hold_up_its_chain(world: World) -> None:
    world.record()
    world.now(world.chain(["c1", world.batch([]), "c3"]).dispatch())
    assert world.work() == ["c1", "c3"]


def test_the_callbacks_of_a_batch_in_a_chain_stand_in_its_options(world: World) -> None:
    batch = world.batch(["b1"]).before("B").then("T").on_queue("low").allow_failures()
    world.now(world.chain([batch]).dispatch())
    world.now(world.queue._drive(world.queue.driver.push("q", world.pending_jobs("low")[0].raw_body)))
    command = chained_batch(world)
    assert list(command["options"]) == ["before", "then", "allowFailures", "queue"]
    assert command["options"]["queue"] == command["queue"] == "low"


def test_a_php_catch_of_the_chain_gets_the_exception_alone_from_a_batch(kind: Any) -> None:
    """``ChainedBatch`` wraps it: a batch's callbacks get the batch first, a chain's do not."""
    world = World(kind, php_queue="php")
    world.record("b1")
    world.failing = {"b1"}
    catch = closure("function ($e) { report($e); }", {}, APP_KEY)
    builder = world.chain([world.batch(["b1"])])
    head = builder.command()
    world.push(head.class_name, {**head.__php_vars__, "chainCatchCallbacks": [catch]})
    world.work()
    (handed,) = world.pending_jobs("php")
    outer = read_closure(handed.command["closure"], APP_KEY)
    assert outer.bound["batchId"] is not None
    inner = read_closure(outer.bound["callback"], APP_KEY)
    assert "allowsFailures" in inner.source
    assert inner.bound["callback"] == catch
    world.close()


def test_a_python_catch_of_the_chain_needs_no_wrapping() -> None:
    ours = callback_to_push(Callback(b"{}", "q"), APP_KEY)
    assert callback_of_chain(ours, APP_KEY) is ours
    forged = callback_to_push(Callback(b"{}", "q"), "another key")
    assert callback_of_chain(forged, APP_KEY) is forged  # refused when it is called


def test_what_a_callback_says_comes_back() -> None:
    said = Callback(b'{"uuid":"u"}', "low", "redis", unless_cancelled=True, delay=5, renew=("u", "i"))
    assert callback_of(callback_to_push(said, APP_KEY), APP_KEY) == said
    with pytest.raises(SignatureError):
        callback_of(callback_to_push(said, "another key"), APP_KEY)


def test_callbacks_of_earlier_releases_are_still_read() -> None:
    bound = {"laraQueuePayload": "{}", "queue": "q", "connection": None, "unless": True}
    assert callback_of(closure("fn () => 1", bound, None), None) == Callback(b"{}", "q", None, True)


def test_a_callback_for_a_connection_that_nobody_knows_is_told_not_raised(world: World) -> None:
    """The job has gone well; what is wrong with a callback must not fail it (``Batch::invokeHandlerCallback``)."""
    world.hear("bus.callback_skipped", "job.failed")
    world.record()
    lost = callback_to_push(Callback(b"{}", "q", "nowhere"), APP_KEY)
    world.now(world.batch(["J"]).with_option("then", [lost]).dispatch())
    world.work()
    assert world.told == ["bus.callback_skipped"]
    assert "connections={'nowhere'" in world.events[0].reason


def test_a_batch_that_php_filled_with_unsigned_text_calls_nothing(world: World) -> None:
    world.hear("bus.callback_skipped")
    world.record()
    world.now(world.batch(["J"]).with_option("then", ["App\\Listeners\\Then"]).dispatch())
    world.work()
    assert (world.ran, world.told) == (["J"], ["bus.callback_skipped"])


def test_a_chain_keeps_what_it_says_for_jobs_without_those_properties(world: World) -> None:
    """A follower that PHP serialized without a single property of ``Queueable`` gets what the chain says."""
    world.push("First", {"chained": [dumps(PhpObject("Bare", {})).decode()], "chainQueue": "low", "queue": "q"})
    world.record()
    world.work(max_jobs=1)
    (waiting,) = world.pending_jobs("low")
    assert waiting.command.__php_vars__ == {"queue": "low", "chainQueue": "low"}
