"""Batches, driven through both faces (scenarios BA of Laravel's own suite)."""

from __future__ import annotations

from typing import Any

import pytest

from lara_queue.bus.batch import Batch
from lara_queue.bus.batching import batch_id_at
from lara_queue.errors import ConfigurationError, InvalidPayload
from lara_queue.ports import BatchRow

from .world import World

EVENTS = ("batch.dispatched", "batch.started", "batch.finished", "batch.cancelled")


def dispatched(world: World, builder: Any) -> Batch:
    batch = world.now(builder.dispatch())
    assert isinstance(batch, Batch)
    return batch


def again(world: World, batch: Batch) -> Batch:
    fresh = world.now(batch.fresh())
    assert isinstance(fresh, Batch)
    return fresh


def test_ba_01_adding_jobs_to_a_stored_batch(world: World) -> None:
    batch = dispatched(world, world.batch(["A"]).on_queue("test"))
    more = world.now(batch.add(["B", ("C", {"n": 1})]))
    assert (more.total_jobs, more.pending_jobs, more.row.created_at) == (3, 3, int(world.clock()))
    waiting = world.pending_jobs("test")
    assert [job.name for job in waiting] == ["A", "B", "C"]
    assert {job.batch for job in waiting} == {batch.id}


@pytest.mark.parametrize(
    ("total", "pending", "processed", "percent"), [(10, 4, 6, 60), (0, 0, 0, 0), (3, 1, 2, 67), (8, 3, 5, 63)]
)
def test_ba_03_progress_arithmetic(total: int, pending: int, processed: int, percent: int) -> None:
    batch = Batch(BatchRow("b", "", total, pending, 0, (), b"", 0), None)  # type: ignore[arg-type]  # asks nothing
    assert (batch.processed_jobs, batch.progress()) == (processed, percent)


def test_ba_04_ba_05_all_jobs_succeed(world: World) -> None:
    world.hear(*EVENTS)
    world.record()
    builder = world.batch(["J1", "J2"]).progress("Progress").then("Then").catch("Catch").finally_("Finally")
    batch = dispatched(world, builder)
    assert world.work() == ["J1", "J2", "Progress", "Progress", "Then", "Finally"]
    fresh = again(world, batch)
    assert (fresh.pending_jobs, fresh.finished(), fresh.cancelled(), fresh.progress()) == (0, True, False, 100)
    assert world.told == ["batch.dispatched", "batch.started", "batch.finished"]
    assert (world.events[1].job.name, world.events[2].job.name) == ("J1", "J2")


def test_ba_06_ba_08_failures_allowed(world: World) -> None:
    world.hear(*EVENTS)
    world.record()
    world.failing = {"J1", "J2"}
    builder = world.batch(["J1", "J2"]).allow_failures()
    builder.progress("Progress").then("Then").catch("Catch").finally_("Finally").failure("Failure")
    batch = dispatched(world, builder)
    world.work()
    assert sorted(world.ran) == sorted(["J1", "J2", *["Progress", "Failure"] * 2, "Catch", "Finally"])
    fresh = again(world, batch)
    assert (fresh.pending_jobs, fresh.failed_jobs, fresh.finished(), fresh.cancelled()) == (2, 2, False, False)
    assert (fresh.allows_failures(), fresh.has_failures()) == (True, True)
    assert world.told == ["batch.dispatched", "batch.started"]


def test_a_failure_cancels_a_batch_that_allows_none(world: World) -> None:
    world.hear(*EVENTS)
    world.record()
    world.failing = {"J1"}
    batch = dispatched(world, world.batch(["J1", "J2"]).catch("Catch").then("Then").finally_("Finally"))
    world.work()
    assert sorted(world.ran) == ["Catch", "Finally", "J1", "J2"]
    fresh = again(world, batch)
    assert (fresh.pending_jobs, fresh.failed_jobs, fresh.cancelled(), len(fresh.failed_job_ids)) == (1, 1, True, 1)
    assert "batch.cancelled" in world.told


def test_a_retried_failure_that_succeeds_finishes_the_batch(world: World) -> None:
    world.record()
    world.failing = {"J1"}
    batch = dispatched(world, world.batch(["J1"]).allow_failures().then("Then"))
    world.work()
    world.failing = set()
    world.queue_retry_all()
    world.work()
    fresh = again(world, batch)
    assert (fresh.pending_jobs, fresh.failed_jobs, fresh.failed_job_ids, fresh.finished()) == (0, 1, (), True)
    assert world.ran == ["J1", "J1", "Then"]


def test_ba_12_delete(world: World) -> None:
    batch = dispatched(world, world.batch(["J1"]))
    assert world.now(batch.delete()) is True
    assert world.find_batch(batch.id) is None
    world.record()
    assert world.work() == ["J1"]  # its jobs still come, and belong to nothing


def test_ba_14_a_chain_as_one_entry_of_a_batch(world: World) -> None:
    batch = dispatched(world, world.batch([["Head", "Second", "Third"]]).on_queue("test"))
    assert (batch.total_jobs, batch.pending_jobs) == (3, 3)
    (head,) = world.pending_jobs("test")
    assert (head.name, len(head.chain), head.command["chainQueue"], head.batch) == ("Head", 2, "test", batch.id)
    world.record()
    assert world.work(queue="test") == ["Head", "Second", "Third"]
    assert again(world, batch).finished()


def test_ba_15_chain_jobs_keep_their_own_queue_when_the_batch_has_none(world: World) -> None:
    chain = [("Head", None, {"queue": "custom"}), ("Next", None, {"queue": "custom"})]
    dispatched(world, world.batch([chain]))
    (head,) = world.pending_jobs("custom")
    assert head.command["queue"] == "custom"
    world.record()
    assert world.work(queue="custom") == ["Head", "Next"]


def test_ba_19_describing_and_dispatching_a_batch(world: World) -> None:
    world.record()
    builder = world.batch(["J1"]).name("import").before("Before").with_option("extra", 123).on_queue("q")
    batch = dispatched(world, builder)
    assert (batch.name, batch.options["extra"], batch.options["queue"]) == ("import", 123, "q")
    assert world.work() == ["Before", "J1"]


def test_ba_21_conditional_dispatch(world: World) -> None:
    world.hear(*EVENTS)
    assert world.now(world.batch(["J1"]).dispatch_if(False)) is None
    assert world.now(world.batch(["J1"]).dispatch_unless(True)) is None
    assert (world.size(), world.told) == (0, [])
    assert world.now(world.batch(["J1"]).dispatch_if(True)).total_jobs == 1


def test_ba_22_only_job_objects_can_be_in_a_batch(world: World) -> None:
    with pytest.raises(InvalidPayload, match="string job"):
        world.now(world.batch(["Legacy@fire"]).dispatch())
    with pytest.raises(InvalidPayload, match="not a function"):
        world.now(world.batch(["J1"]).then(lambda batch: None).dispatch())
    assert world.size() == 0


def test_ba_23_allow_failures_variants(world: World) -> None:
    def stored(*given: Any) -> tuple[Any, int]:
        options = world.batch(["J1"]).allow_failures(*given).options()
        return options["allowFailures"], len(options.get("failure", []))

    assert stored(True) == (True, 0)
    assert stored(False) == (False, 0)
    assert stored("A") == (True, 1)
    assert stored(["A", "B", "C", "D"]) == (True, 4)
    assert stored([]) == (True, 0)


def test_a_batch_that_cannot_be_filled_is_taken_back(world: World) -> None:
    with pytest.raises(ConfigurationError, match="nowhere"):
        world.now(world.batch(["J1"]).on_connection("nowhere").dispatch())
    assert world.size() == 0


def test_without_a_table_for_batches(kind: Any) -> None:
    import fakeredis

    source = fakeredis.FakeRedis() if kind == "sync" else fakeredis.FakeAsyncRedis()
    world = World(kind, client=source, batches=None)
    with pytest.raises(ConfigurationError, match="job_batches"):
        world.now(world.batch(["J1"]).dispatch())
    world.close()


def test_ids_sort_by_time() -> None:
    ids = [batch_id_at(1_700_000_000 + n * 0.01, "f" * 32) for n in range(100)]
    assert ids == sorted(ids)
    assert len(set(ids)) == 100
