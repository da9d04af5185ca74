"""Many slots full of jobs that wait: some jobs are taken for the slots that will be free in a moment."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from lara_queue import AsyncQueue, StopReason
from lara_queue.testing import ManualClock
from lara_queue.worker.lookahead import Lookahead
from lara_queue.worker.taking import Taking

SLOTS = 40


# -- how many ----------------------------------------------------------------------------------------------------------


def seen(slots: int, seconds: float, jobs: int = 2000) -> Lookahead:
    """After so many jobs that ended one after the other, so many seconds apart."""
    lookahead, clock = Lookahead(slots, least=32), ManualClock(5.0)
    lookahead.more = True
    for _ in range(jobs):
        clock.advance(seconds)
        lookahead.ended(clock())
    return lookahead


@pytest.mark.parametrize(
    ("slots", "seconds", "wanted"),
    [
        (50, 0.001, 12),  # jobs of 50 ms
        (50, 0.002, 7),
        (50, 0.0045, 3),
        (50, 0.02, 0),  # jobs of a second
        (200, 0.00025, 50),
        (50, 0.00001, 0),  # they are taken by halves
        (31, 0.001, 0),
    ],
)
def test_as_many_as_find_a_slot_in_a_moment(slots: int, seconds: float, wanted: int) -> None:
    assert seen(slots, seconds).missing == wanted


def test_ends_that_come_in_bursts_count_as_often_as_they_come() -> None:
    lookahead, clock = Lookahead(50, least=32), ManualClock(5.0)
    lookahead.more = True
    wanted = set()
    for number in range(2000):
        clock.advance(0 if number % 10 else 0.010)
        lookahead.ended(clock())
        wanted.add(lookahead.missing if number > 1000 else 12)
    assert min(wanted) >= 10


def test_nothing_is_asked_for_while_half_of_it_is_there_or_the_store_has_no_more() -> None:
    lookahead = seen(50, 0.001)
    job: Any = object()
    missing = []
    for _ in range(13):
        missing.append(lookahead.missing)
        lookahead.jobs.append(job)
    assert missing == [12, 11, 10, 9, 8, 7, 6, 0, 0, 0, 0, 0, 0]
    lookahead.jobs.clear()
    lookahead.more = False
    assert lookahead.missing == 0


def test_one_that_was_wrong_expects_nothing_for_a_while() -> None:
    lookahead, clock = seen(50, 0.001), ManualClock(1000.0)
    lookahead.misjudged()
    assert lookahead.missing == 0
    for _ in range(500):
        clock.advance(0.001)
        lookahead.ended(clock())
    assert lookahead.missing == 12


# -- at work -----------------------------------------------------------------------------------------------------------


@pytest.fixture
async def queue() -> AsyncIterator[AsyncQueue]:
    queue = AsyncQueue("memory://", max_concurrent_jobs=SLOTS)
    yield queue
    await queue.close()


class Watch:
    """What a worker did with jobs that wait 20 ms each."""

    def __init__(self, queue: AsyncQueue, monkeypatch: pytest.MonkeyPatch) -> None:
        self.queue = queue
        self.running = self.most = 0
        self.begun: list[int] = []
        self.waited = 0  # the most jobs that waited for a slot
        self.at: dict[int, Any] = {}
        ask = Taking.look_ahead

        def look(taking: Taking) -> bool:
            self.waited = max(self.waited, len(taking.lookahead.jobs))
            return ask(taking)

        monkeypatch.setattr(Taking, "look_ahead", look)
        queue.handler(self.handle)

    async def handle(self, job: Any) -> None:
        self.begun.append(job.data["n"])
        self.running += 1
        self.most = max(self.most, self.running)
        if job.data["n"] in self.at:
            self.at[job.data["n"]]()
        await asyncio.sleep(job.data.get("seconds", 0.02))
        self.running -= 1

    async def push(self, count: int, **more: Any) -> None:
        await self.queue.bulk([("X", {"n": n, **more}) for n in range(count)])


@pytest.fixture
def watch(queue: AsyncQueue, monkeypatch: pytest.MonkeyPatch) -> Watch:
    return Watch(queue, monkeypatch)


async def test_jobs_wait_for_a_slot_and_no_more_run_than_may(queue: AsyncQueue, watch: Watch) -> None:
    await watch.push(800)
    assert await queue.listen(stop_when_empty=True) is StopReason.EMPTY
    assert (watch.most, sorted(watch.begun), await queue.size()) == (SLOTS, list(range(800)), 0)
    assert 0 < watch.waited <= SLOTS // 4


async def test_their_leases_are_kept(queue: AsyncQueue, watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[int] = []
    ask = Taking.look_ahead

    def look(taking: Taking) -> bool:
        (worker,) = queue._workers
        kept.append(len(set(map(id, taking.lookahead.jobs)) & set(map(id, worker._reservations()))))
        assert kept[-1] == len(taking.lookahead.jobs)
        return ask(taking)

    monkeypatch.setattr(Taking, "look_ahead", look)
    await watch.push(800)
    await queue.listen(stop_when_empty=True)
    assert (max(kept), len(watch.begun)) == (watch.waited, 800)
    assert max(kept) > 0


@pytest.mark.parametrize("stop", ["shutdown", "restart", "cancel"])
async def test_at_a_stop_they_go_back_in_order_with_their_attempts_unused(
    queue: AsyncQueue, watch: Watch, stop: str
) -> None:
    await watch.push(900)
    worker = asyncio.create_task(queue.listen())

    def end() -> None:
        if stop == "shutdown":
            queue.shutdown()
        elif stop == "restart":
            queue._workers[0].core.restarted = True
        else:
            worker.cancel()

    watch.at = {500: end}
    if stop == "cancel":
        with pytest.raises(asyncio.CancelledError):
            await worker
    else:
        await worker
    left = await queue.pending_jobs(limit=900)
    assert await queue.reserved_size() == 0
    assert watch.waited > 0
    assert all(job.attempts == 0 for job in left)
    numbers = [job.data["n"] for job in left]
    unbegun = [n for n in numbers if n not in watch.begun]
    if stop != "cancel":  # which also gives back jobs that were about to begin, in any order
        assert unbegun == sorted(unbegun)
    assert sorted({*watch.begun, *numbers}) == list(range(900))


async def test_a_pause_puts_them_back_and_resuming_runs_them(queue: AsyncQueue, watch: Watch) -> None:
    await watch.push(900)

    def pause() -> None:
        (worker,) = queue._workers
        worker.core.paused = True
        worker._stir.set()

    watch.at = {500: pause}
    watch.at[899] = queue.shutdown
    working = asyncio.create_task(queue.listen(sleep=0.01))
    while 500 not in watch.begun or watch.running or await queue.reserved_size():
        await asyncio.sleep(0.01)
    paused = len(watch.begun)
    await asyncio.sleep(0.05)
    assert (len(watch.begun), await queue.pending_size(), await queue.reserved_size()) == (paused, 900 - paused, 0)
    (worker,) = queue._workers
    worker.core.paused = False
    await working
    assert watch.begun == list(range(900))


@pytest.mark.parametrize("most", [401, 440, 444, 450])
async def test_max_jobs_is_exact(queue: AsyncQueue, watch: Watch, most: int) -> None:
    await watch.push(600)
    assert await queue.listen(max_jobs=most) is StopReason.MAX_JOBS
    assert (len(watch.begun), await queue.pending_size(), await queue.reserved_size()) == (most, 600 - most, 0)
    assert watch.waited > 0


async def test_where_slots_suddenly_stay_full_they_go_back(
    queue: AsyncQueue, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lara_queue.worker.aio.PATIENCE", 0.02)
    await queue.bulk([("X", {"n": n, "seconds": 0.02 if n < 400 else 60}) for n in range(600)])
    working = asyncio.create_task(queue.listen(shutdown_timeout=0))
    while watch.running < SLOTS or watch.begun[-1] < 439 or await queue.reserved_size() > SLOTS:
        await asyncio.sleep(0.01)
    assert watch.waited > 0
    assert (await queue.reserved_size(), await queue.pending_size()) == (SLOTS, 600 - 400 - SLOTS)
    queue.shutdown()
    await working
    assert (await queue.reserved_size(), await queue.pending_size()) == (0, 200)
