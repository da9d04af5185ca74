"""What a batch learns when things go wrong around it: second deliveries, stores that are away, jobs nobody can open."""

from __future__ import annotations

import json
from collections import Counter
from types import SimpleNamespace
from typing import Any

import pytest

from lara_queue.bus.batch import Batch
from lara_queue.errors import StoreError, StoreUnreachable
from lara_queue.middleware import Once
from lara_queue.plans import Plan
from lara_queue.ports import BatchRow, BatchStore

from .crashing import Life
from .world import World


@pytest.mark.parametrize("total", [7, 40, 200, 999])
def test_progress_is_rounded_as_php_does(total: int) -> None:
    """Halves up, and exactly: 57 of 200 is 28.5 percent, although a division says 28.499999999999996."""
    for done in range(total + 1):
        row = BatchRow("b", "", total, total - done, 0, (), b"", 0)
        exact = (done * 1000 // total + 5) // 10 if done * 1000 % total == 0 else round(done * 100 / total)
        assert Batch(row, None).progress() == exact  # type: ignore[arg-type]  # asks nothing


def delivered_again(life: Life, body: bytes, attempts: int) -> None:
    """The job with those bytes once more, as after its worker has died."""
    life.queue._drive(life.queue.driver.push("q", body))
    for _ in range(attempts - 1):
        life.queue._drive(life.queue.driver.reserve(["q"]))
        life.clock.advance(1000)
    life.work(1)


@pytest.mark.parametrize("cache", [True, False])
def test_a_second_delivery_after_the_last_success(cache: bool) -> None:
    """Never below zero; ``then`` once, with a cache or without; without one the job itself is not known."""
    life = Life(cache=cache)
    for name in ("J", "Then", "Finally"):
        life.handle(name)
    life.queue.batch(["J"]).then("Then").finally_("Finally").dispatch()
    body = life.queue.pending_jobs("q")[0].raw_body
    life.work(3)
    assert life.ran == ["J", "Then", "Finally"]
    finished = life.rows()[0].finished_at
    delivered_again(life, body, 2)
    delivered_again(life, body, 3)
    life.everything()
    (row,) = life.rows()
    assert (row.pending_jobs, row.finished_at) == (0, finished)
    assert Counter(life.ran) == {"J": 1 if cache else 3, "Then": 1, "Finally": 1}


def test_a_second_delivery_of_an_earlier_job_tells_nobody_again_without_a_cache() -> None:
    """It finds the count at zero, brought there by another job, whose callbacks have been called."""
    life = Life(cache=False)
    for name in ("A", "B", "Then", "Finally"):
        life.handle(name)
    life.queue.batch(["A", "B"]).then("Then").finally_("Finally").dispatch()
    body = life.queue.pending_jobs("q")[0].raw_body
    life.work(4)
    delivered_again(life, body, 2)
    assert life.everything() == {"A": 2, "B": 1, "Then": 1, "Finally": 1}


@pytest.mark.parametrize("cache", [True, False])
def test_a_batch_that_got_more_jobs_ends_again(cache: bool) -> None:
    """As PHP has it: ``then`` comes at each end, here from a store that remembers the first one."""
    life = Life(cache=cache)
    for name in ("A", "More", "Then", "Finally"):
        life.handle(name)
    batch = life.queue.batch(["A"]).then("Then").finally_("Finally").dispatch()
    assert life.everything() == {"A": 1, "Then": 1, "Finally": 1}
    batch.add(["More"])
    body = life.queue.pending_jobs("q")[0].raw_body
    assert life.everything() == {"A": 1, "More": 1, "Then": 2, "Finally": 2}
    delivered_again(life, body, 2)
    assert life.everything() == {"A": 1, "More": 1 if cache else 2, "Then": 2, "Finally": 2}


def test_a_store_that_cannot_remember_tells_once_more_without_a_cache() -> None:
    life = Life(cache=False)
    inner = life.queue._services.batches.inner
    forgetful = {name: getattr(inner, name) for name in dir(BatchStore) if not name.startswith("_") and name != "name"}
    life.queue._services.batches.inner = SimpleNamespace(name="own", **forgetful)
    for name in ("J", "Then"):
        life.handle(name)
    life.queue.batch(["J"]).then("Then").dispatch()
    body = life.queue.pending_jobs("q")[0].raw_body
    life.work(2)
    delivered_again(life, body, 2)
    assert life.everything() == {"J": 2, "Then": 2}


def test_a_note_that_cannot_be_kept_harms_nobody(caplog: Any) -> None:
    life = Life(cache=False)
    for name in ("J", "Then"):
        life.handle(name)

    def away(*_: Any) -> Plan[None]:
        yield from ()
        raise StoreUnreachable("The store is away.")

    life.queue._services.batches.inner.remember_told = away
    life.queue.batch(["J"]).then("Then").dispatch()
    assert life.everything() == {"J": 1, "Then": 1}
    assert "(then)" in caplog.text
    assert life.queue.failed.all() == []


def test_a_second_delivery_in_the_middle_is_not_counted_with_a_cache() -> None:
    life = Life()
    life.handle("J")
    life.handle("Then")
    life.queue.batch(["J", "J", ("J", None, {"delay": 600})]).then("Then").dispatch()
    body = life.queue.pending_jobs("q")[0].raw_body
    life.work(1)
    life.queue._drive(life.queue.driver.push("q", body))
    life.work(2)
    assert (life.ran, [row.pending_jobs for row in life.rows()]) == (["J", "J"], [1])
    assert life.everything() == {"J": 3, "Then": 1}


def test_a_job_that_is_retried_after_its_failure_counts_as_php_counts_it() -> None:
    life = Life(tries=1)
    life.handle("J")
    life.failing = {"J"}
    life.queue.batch(["J", "J"]).allow_failures().dispatch()
    life.work(2)
    assert [(row.pending_jobs, row.failed_jobs) for row in life.rows()] == [(2, 2)]
    life.queue.failed.retry("all")
    life.work(1)  # fails again
    life.failing = set()
    life.work(1)
    assert [(row.pending_jobs, row.failed_jobs, len(row.failed_job_ids)) for row in life.rows()] == [(1, 3, 1)]


class Away:
    """A driver that cannot store what goes to one queue."""

    def __init__(self, inner: Any, queue: str) -> None:
        self.inner = inner
        self.queue = queue
        self.away = True

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def push(self, queue: str, body: bytes, *, delay: float = 0) -> Plan[str | None]:
        if self.away and queue == self.queue:
            raise StoreUnreachable("The store is away.")
        return (yield from self.inner.push(queue, body, delay=delay))

    def push_many(self, queue: str, bodies: Any) -> Plan[None]:
        if self.away and queue == self.queue:
            raise StoreUnreachable("The store is away.")
        yield from self.inner.push_many(queue, bodies)


def with_away(queue: str, **given: Any) -> tuple[Life, Away]:
    life = Life(**given)
    away = Away(life.queue.driver, queue)
    life.queue._services.driver = away
    return life, away


@pytest.mark.parametrize(("cache", "tries", "comes"), [(True, 3, 1), (True, 1, 0), (False, 3, 0)])
def test_a_callback_that_cannot_be_stored(cache: bool, tries: int, comes: int, caplog: Any) -> None:
    """Tried again with the job, which is neither run nor counted again; where that is not possible, told."""
    life, away = with_away("then", cache=cache, tries=tries)
    for name in ("J", "Then"):
        life.handle(name)
    life.queue.batch(["J"]).then(("Then", None, {"queue": "then"})).dispatch()
    life.work(1)
    away.away = False
    life.clock.advance(10)
    life.work(1)
    assert [(row.pending_jobs, row.failed_jobs) for row in life.rows()] == [(0, 0)]
    assert life.ran == ["J"]
    assert life.queue.size("then") == comes
    assert ("could not be stored" in caplog.text) is (comes == 0)
    assert life.queue.failed.all() == []


def test_what_could_not_be_pushed_into_a_batch_is_not_counted() -> None:
    life, away = with_away("lost")
    batch = life.queue.batch(["A"]).dispatch()
    with pytest.raises(StoreError, match="away"):
        batch.add(["B", ("C", None, {"queue": "lost"}), [("D", None, {"queue": "lost"}), "E"]])
    assert [(row.total_jobs, row.pending_jobs) for row in life.rows()] == [(2, 2)]  # A and B
    away.away = False
    assert batch.add([("C", None, {"queue": "lost"})]).total_jobs == 3


def test_a_batch_whose_jobs_cannot_be_pushed_is_taken_back_with_its_counts() -> None:
    life, _ = with_away("lost")
    with pytest.raises(StoreError):
        life.queue.batch(["A"]).on_queue("lost").dispatch()
    assert life.rows() == []


def test_a_job_that_cannot_be_opened_fails_its_batch_when_its_envelope_names_it(world: World) -> None:
    world.record()
    batch = world.now(world.batch(["J"]).allow_failures().catch("Catch").dispatch())
    payload = json.loads(world.pending_jobs()[0].raw_body)
    payload["data"]["command"] = payload["data"]["command"][:-5]
    payload["data"]["batchId"] = batch.id
    world.clear()
    world.push_raw(payload)
    assert world.work() == ["Catch"]
    assert world.now(batch.fresh()).failed_job_ids == (payload["uuid"],)


def test_once_and_batches_agree(world: World) -> None:
    """A second delivery that ``Once`` acknowledges is not counted either: the batch knows it already."""
    world.record("J", middleware=[Once(86400)])
    batch = world.now(world.batch(["J", "K"]).dispatch())
    body = world.pending_jobs()[0].raw_body
    world.listen(once=True, sleep=0)
    world.push_raw(body)
    world.listen(stop_when_empty=True, sleep=0, unhandled="fail")
    assert world.ran == ["J"]
    assert world.now(batch.fresh()).pending_jobs == 1


def test_jobs_in_a_batch_hand_their_context_on(world: World) -> None:
    context = {"data": {"trace": 's:1:"t";'}, "hidden": {"laravel_unique_job_key": 's:1:"k";'}}
    seen: list[Any] = []
    world.now(world.batch(["Filler"]).name("b").dispatch())
    (filler,) = world.pending_jobs()
    payload = {**json.loads(filler.raw_body), "illuminate:log:context": context}
    world.clear()
    world.push_raw(payload)
    if world.kind == "sync":

        @world.queue.handler("Filler")
        def fill(job: Any) -> None:
            seen.append(world.queue.find_batch(job.batch).add(["More"]).total_jobs)
            world.queue.batch(["Other"]).dispatch()
    else:

        @world.queue.handler("Filler")
        async def fill_async(job: Any) -> None:
            seen.append((await (await world.queue.find_batch(job.batch)).add(["More"])).total_jobs)
            await world.queue.batch(["Other"]).dispatch()

    world.listen(once=True, sleep=0)
    assert seen == [2]
    assert [(job.name, job.context.data, job.context.hidden) for job in world.pending_jobs()] == [
        ("More", {"trace": "t"}, {}),
        ("Other", {"trace": "t"}, {}),
    ]
