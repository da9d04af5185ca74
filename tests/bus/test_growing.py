"""Chains that grow while they run, and what stands for no job."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from lara_queue.errors import InvalidPayload
from lara_queue.php import loads

from .world import World


def growing(world: World, name: str, grow: Callable[[Any], None]) -> None:
    """A handler of the world's face that changes its chain."""
    if world.kind == "sync":

        @world.queue.handler(name)
        def handle(job: Any) -> None:
            world.ran.append(job.name)
            grow(world.queue)
    else:

        @world.queue.handler(name)
        async def handle_async(job: Any) -> None:
            world.ran.append(job.name)
            grow(world.queue)

    world.record()


@pytest.mark.parametrize("existing", [[], ["Existing"]])
def test_prepended_from_inside_a_job(world: World, existing: list[str]) -> None:
    growing(world, "J", lambda queue: queue.prepend_to_chain("Added", ("More", {"n": 1})))
    world.now(world.chain(["J", *existing]).dispatch())
    assert world.work() == ["J", "Added", "More", *existing]


@pytest.mark.parametrize("existing", [[], ["Existing"]])
def test_appended_from_inside_a_job(world: World, existing: list[str]) -> None:
    growing(world, "J", lambda queue: queue.append_to_chain(["Added", "More"]))
    world.now(world.chain(["J", *existing]).dispatch())
    assert world.work() == ["J", *existing, "Added", "More"]


def test_a_batch_put_into_the_chain(world: World) -> None:
    growing(world, "J", lambda queue: queue.prepend_to_chain(queue.batch(["b1", "b2"])))
    world.now(world.chain(["J", "j2"]).dispatch())
    assert world.work() == ["J", "b1", "b2", "j2"]


def test_a_job_pushed_by_php_alone_can_get_a_chain(world: World) -> None:
    growing(world, "J", lambda queue: queue.append_to_chain("Added"))
    world.push("J", {"n": 1})
    assert world.work() == ["J", "Added"]


def test_what_was_added_goes_where_the_chain_goes(world: World) -> None:
    growing(world, "J", lambda queue: queue.append_to_chain("Added"))
    world.now(world.chain(["J"]).on_queue("low").dispatch())
    world.work(queue="low", max_jobs=1)
    assert [job.name for job in world.pending_jobs("low")] == ["Added"]


@pytest.mark.parametrize("ends", ["release", "fail", "raise"])
def test_a_job_that_does_not_go_well_adds_nothing(world: World, ends: str) -> None:
    """CH-05: one that was released does not start what follows either."""

    @world.queue.handler("J")
    def handle(job: Any) -> None:
        world.queue.append_to_chain("Added")
        if ends == "raise":
            raise ValueError("no")
        getattr(job, ends)()

    world.record("Added", "Next")
    for chain in (["J"], ["J", "Next"]):
        world.now(world.chain(chain).dispatch())
        world.listen(once=True, sleep=0, tries=2)
        world.clear()
    assert world.ran == []


def test_only_a_handler_has_a_chain_to_grow(world: World) -> None:
    with pytest.raises(InvalidPayload, match="handler of a job object"):
        world.queue.append_to_chain("J")


def test_what_stands_for_no_job_is_dropped(world: World) -> None:
    """``[null, '', 0, []]`` among jobs are none to Laravel."""
    nothing: list[Any] = [None, "", 0, [], False]

    def names(chain: Any) -> list[str]:
        head = chain.command()
        return [head.class_name, *(loads(one.encode()).class_name for one in head["chained"])]

    assert names(world.chain([*nothing, "A", *nothing, "B"])) == ["A", "B"]
    assert names(world.chain(["A"]).append(*nothing, "B").prepend(["C", *nothing])) == ["C", "A", "B"]
    batch = world.now(world.batch(["A", *nothing]).add("B", None, ["C", None]).dispatch())
    assert batch.total_jobs == 3


def test_batching(kind: Any) -> None:
    """True while its jobs are to be run; a finished batch is over from Laravel 13.16 on."""
    for version, over in (("13.16", False), ("13.15", True)):
        world = World(kind, laravel_version=version)
        world.record()
        batch = world.now(world.batch(["J"]).dispatch())
        assert batch.batching()
        world.work()
        assert world.now(batch.fresh()).batching() is over
        world.now(batch.cancel())
        assert not world.now(batch.fresh()).batching()
        world.close()


def test_all_own_settings_in_a_chain_around_a_batch(world: World) -> None:
    world.record()
    own = {"queue": "other"}
    batch = world.batch(["b1", "b2"]).on_queue("other")
    world.now(world.chain([("c1", None, own), ("c2", None, own), batch, ("c3", None, own)]).dispatch())
    assert world.work(queue="other") == ["c1", "c2", "b1", "b2", "c3"]
    assert world.size() == 0


def test_a_heads_own_queue_is_not_the_chains(world: World) -> None:
    world.record()
    jobs = [("First", None, {"queue": "some"}), ("Second", None, {"queue": "another"}), "Third"]
    world.now(world.chain(jobs).dispatch())
    world.work(queue="some,another", max_jobs=2)
    assert [job.name for job in world.pending_jobs("q")] == ["Third"]
