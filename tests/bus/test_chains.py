"""Chains, driven through both faces (scenarios CH of Laravel's own suite)."""

from __future__ import annotations

from typing import Any

import pytest

from lara_queue.bus.closures import callback_of, closure
from lara_queue.errors import ConfigurationError, InvalidPayload
from lara_queue.php import PhpObject, dumps, loads

from .world import APP_KEY, World


def members(world: World, queue: str = "q") -> list[Any]:
    return world.pending_jobs(queue)


def test_ch_01_ch_02_the_next_job_follows_a_success(world: World) -> None:
    world.record()
    world.now(world.chain(["First", ("Second", {"n": 2}), "Third"]).dispatch())
    assert world.size() == 1
    assert world.work() == ["First", "Second", "Third"]
    assert world.size() == 0


def test_ch_01_a_chain_that_php_pushed(world: World) -> None:
    world.record()
    first = {"chained": [dumps(PhpObject("Second", {"n": 1, "chained": []})).decode()], "chainQueue": None, "n": 0}
    world.push("First", first)
    assert world.work() == ["First", "Second"]


def test_ch_03_a_job_that_deletes_itself_still_hands_over(world: World) -> None:
    @world.queue.handler("First")
    def first(job: Any) -> None:
        world.ran.append(job.name)
        job.delete()

    world.record("Second")
    world.now(world.chain(["First", "Second"]).dispatch())
    assert world.work() == ["First", "Second"]


def test_ch_04_a_failed_job_stops_the_chain(world: World) -> None:
    @world.queue.handler("Second")
    def second(job: Any) -> None:
        world.ran.append(job.name)
        job.fail("no")

    world.record("First", "Third")
    world.now(world.chain(["First", "Second", "Third"]).dispatch())
    assert world.work() == ["First", "Second"]
    assert [failed.payload.count(b"Third") for failed in world.queue_failed()] == [1]


def test_an_attempt_that_is_tried_again_does_not_hand_over(world: World) -> None:
    world.record()
    world.failing = {"First"}
    world.now(world.chain([("First", None, {"tries": 2}), "Second"]).dispatch())
    world.work()
    assert world.ran == ["First", "First"]  # the second attempt was the last


def test_ch_06_catch_callbacks(world: World) -> None:
    world.record()
    world.failing = {"Failing"}
    world.now(world.chain(["First", "Failing", "Third"]).catch(("Caught", {"why": "?"})).dispatch())
    assert world.work() == ["First", "Failing", "Caught"]


def test_ch_06_a_php_closure_as_catch_is_handed_to_php(kind: Any) -> None:
    world = World(kind, php_queue="php")
    world.record("First")
    world.failing = {"First"}
    catch = closure("function ($e) { report($e); }", {}, APP_KEY)
    world.push("First", {"chained": [], "chainCatchCallbacks": [catch]})
    world.work()
    (handed,) = members(world, "php")
    assert handed.command.class_name == "Illuminate\\Queue\\CallQueuedClosure"
    assert "went wrong" in handed.data["message"]
    world.close()


def test_ch_06_without_a_php_queue_an_event_says_what_was_not_called(world: World) -> None:
    world.hear("bus.callback_skipped", "job.failed")
    world.record("First")
    world.failing = {"First"}
    world.push("First", {"chainCatchCallbacks": [closure("function ($e) {}", {}, APP_KEY)]})
    world.work()
    assert sorted(world.told) == ["bus.callback_skipped", "job.failed"]


def test_ch_07_all_on_settings_are_inherited_along_the_chain(world: World) -> None:
    seen: list[tuple[str, Any]] = []

    @world.queue.handler
    def handle(job: Any) -> None:
        seen.append((job.queue, job.command["chainQueue"]))

    world.now(world.chain(["First", "Second", "Third"]).on_queue("some").dispatch())
    world.work(queue="some")
    assert seen == [("some", "some")] * 3


def test_ch_08_a_followers_own_settings_win_and_are_not_inherited(world: World) -> None:
    seen: list[tuple[str, str]] = []

    @world.queue.handler
    def handle(job: Any) -> None:
        seen.append((job.name, job.queue))

    jobs = ["First", ("Second", None, {"queue": "own"}), "Third"]
    world.now(world.chain(jobs).on_queue("some").dispatch())
    world.work(queue="some,own")
    assert seen == [("First", "some"), ("Second", "own"), ("Third", "some")]


def test_ch_07_another_connection(kind: Any) -> None:
    world = World(kind, connections={"other": "memory://bus-other-" + kind})
    world.record()
    world.now(world.chain(["First", ("Second", None, {"connection": "other", "queue": "x"})]).dispatch())
    assert world.work() == ["First"]
    other = World(kind, connection="other", client="memory://bus-other-" + kind, queue="x")
    other.record()
    assert other.work() == ["Second"]
    world.close()
    other.close()


def test_a_connection_that_nobody_knows_loses_nothing(world: World) -> None:
    world.record()
    world.now(world.chain(["First", ("Second", None, {"connection": "nowhere"})]).dispatch())
    world.work()
    (failed,) = world.queue_failed()
    assert "connections={'nowhere'" in failed.exception
    with pytest.raises(ConfigurationError, match="nowhere"):
        world.now(world.chain(["First"]).on_connection("nowhere").dispatch())


def test_ch_14_ch_15_appending_and_prepending(world: World) -> None:
    def names(chain: Any) -> list[str]:
        head = chain.command()
        return [head.class_name, *(loads(one.encode()).class_name for one in head["chained"])]

    assert names(world.chain([]).append("j1", "j2", "j3")) == ["j1", "j2", "j3"]
    assert names(world.chain(["j1"]).append(["j2", "j3"])) == ["j1", "j2", "j3"]
    one_by_one = world.chain([]).prepend("j1").prepend("j2").prepend("j3")
    assert names(one_by_one) == ["j3", "j2", "j1"]
    assert names(world.chain(["j4"]).prepend(["j1", "j2", "j3"])) == ["j1", "j2", "j3", "j4"]


def test_ch_24_conditional_building(world: World) -> None:
    chain = world.chain(["First"]).when(True, lambda c: c.on_queue("a")).when(False, lambda c: c.on_queue("b"))
    chain.unless(False, lambda c: c.on_queue("c"))
    assert chain.command()["queue"] == "c"
    assert world.now(chain.dispatch_if(False)) is None
    assert world.now(chain.dispatch_unless(True)) is None
    assert world.size("c") == 0
    assert world.now(chain.dispatch_if(True))
    assert world.size("c") == 1


def test_a_delay_is_the_first_jobs(world: World) -> None:
    world.now(world.chain(["First", "Second"]).delay(60).dispatch())
    assert world.delayed_size() == 1


def test_what_cannot_be_in_a_chain(world: World) -> None:
    with pytest.raises(InvalidPayload, match="string job"):
        world.now(world.chain(["Legacy@fire"]).dispatch())
    with pytest.raises(InvalidPayload, match="needs a job"):
        world.now(world.chain([]).dispatch())
    with pytest.raises(InvalidPayload, match="option 'nonsense'"):
        world.now(world.chain([("A", None, {"nonsense": 1})]).dispatch())


def test_a_chain_of_an_encrypted_job_stays_encrypted(world: World) -> None:
    world.record("First")
    world.push("First", {"chained": [dumps(PhpObject("Second", {"n": 1})).decode()]}, encrypted=True)
    world.work(max_jobs=1)
    (waiting,) = members(world)
    assert b"O:6" not in waiting.raw_body
    assert waiting.command == PhpObject("Second", {"n": 1})


def test_ch_16_a_batch_inside_a_chain(world: World) -> None:
    world.record()
    batch = world.batch(["b1", "b2", "b3", "b4"])
    world.now(world.chain(["c1", "c2", batch, "c3"]).dispatch())
    assert world.work() == ["c1", "c2", "b1", "b2", "b3", "b4", "c3"]


def test_ch_18_jobs_added_to_the_batch_while_it_runs(world: World, kind: Any) -> None:
    if kind == "sync":

        @world.queue.handler("b2")
        def b2(job: Any) -> None:
            world.ran.append(job.name)
            world.queue.find_batch(job.batch).add([f"b2_{n}" for n in range(4)])
    else:

        @world.queue.handler("b2")
        async def b2_async(job: Any) -> None:
            world.ran.append(job.name)
            await (await world.queue.find_batch(job.batch)).add([f"b2_{n}" for n in range(4)])

    world.record()
    world.now(world.chain(["c1", "c2", world.batch(["b1", "b2", "b3", "b4"]), "c3"]).dispatch())
    assert world.work() == ["c1", "c2", "b1", "b2", "b3", "b4", "b2_0", "b2_1", "b2_2", "b2_3", "c3"]


def test_ch_20_batch_in_a_chain_in_a_batch_in_a_chain(world: World) -> None:
    world.record()
    inner = world.batch(["bb1", "bb2"])
    outer = world.batch([["bc1", "bc2", inner], "b1", "b2"])
    world.now(world.chain(["c1", "c2", outer, "c3"]).dispatch())
    ran = world.work()
    assert ran[:2] == ["c1", "c2"]
    assert ran == ["c1", "c2", "bc1", "b1", "b2", "bc2", "bb1", "bb2", "c3"]


def test_ch_21_a_failing_batch_in_a_chain(world: World) -> None:
    world.record()
    world.failing = {"bad"}
    batch = world.batch(["bad"]).catch("BatchCaught")
    world.now(world.chain(["c1", "c2", batch, "c3"]).catch("ChainCaught").dispatch())
    assert world.work() == ["c1", "c2", "bad", "BatchCaught", "ChainCaught"]


def test_ch_22_a_batch_that_allows_failures_does_not_stop_the_chain(world: World) -> None:
    world.record()
    world.failing = {"bad"}
    batch = world.batch(["b1", "bad", "b3"]).allow_failures().catch("BatchCaught")
    world.now(world.chain(["c1", "c2", batch, "c3"]).catch("ChainCaught").dispatch())
    assert sorted(world.work()) == sorted(["c1", "c2", "b1", "bad", "b3", "BatchCaught", "c3"])


def test_a_callback_that_was_tampered_with_is_not_pushed(world: World) -> None:
    world.hear("bus.callback_skipped")
    world.record("First")
    world.failing = {"First"}
    world.now(world.chain(["First"]).catch("Caught").dispatch())
    (waiting,) = members(world)
    callback = waiting.command["chainCatchCallbacks"][0]
    assert callback_of(callback, APP_KEY) is not None
    world.clear()
    forged = closure(callback["serializable"]["serializable"], {}, "another key")
    world.push("First", {"chainCatchCallbacks": [forged]})
    world.work()
    assert world.told == ["bus.callback_skipped"]
