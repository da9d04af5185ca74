"""Many slots: jobs are taken in halves, the next half before the last one runs; deletions travel with what is taken."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from lara_queue import AsyncQueue, StopReason
from lara_queue.errors import StoreUnreachable
from lara_queue.worker.taking import Taking
from tests.worker.killing import ran_under_kills

SLOTS = 40


@pytest.fixture
async def queue() -> AsyncIterator[AsyncQueue]:
    queue = AsyncQueue("memory://", max_concurrent_jobs=SLOTS)
    yield queue
    await queue.close()


async def test_no_more_jobs_run_at_once_than_there_are_slots(queue: AsyncQueue) -> None:
    running = most = ran = 0

    @queue.handler
    async def handle(job: Any) -> None:
        nonlocal running, most, ran
        running += 1
        most = max(most, running)
        for _ in range(job.data["turns"]):
            await asyncio.sleep(0)
        running -= 1
        ran += 1

    await queue.bulk([("X", {"turns": n % 7}) for n in range(400)])
    assert await queue.listen(stop_when_empty=True) is StopReason.EMPTY
    assert (ran, await queue.size()) == (400, 0)
    assert SLOTS // 2 < most <= SLOTS


async def test_long_jobs_fill_all_slots_and_no_more_is_reserved(queue: AsyncQueue) -> None:
    go, begun = asyncio.Event(), 0

    @queue.handler
    async def handle(job: Any) -> None:
        nonlocal begun
        begun += 1
        await go.wait()

    await queue.bulk([("X", {})] * 100)
    working = asyncio.create_task(queue.listen(stop_when_empty=True))
    while begun < SLOTS:
        await asyncio.sleep(0.001)
    await asyncio.sleep(0.01)
    assert (begun, await queue.reserved_size(), await queue.pending_size()) == (SLOTS, SLOTS, 100 - SLOTS)
    go.set()
    await working
    assert (begun, await queue.size()) == (100, 0)


@pytest.mark.parametrize("most", [1, 19, 20, 21, 39, 41, 60])
async def test_max_jobs_is_exact(queue: AsyncQueue, most: int) -> None:
    ran: list[Any] = []

    @queue.handler
    async def handle(job: Any) -> None:
        ran.append(job)

    await queue.bulk([("X", {})] * 100)
    assert await queue.listen(max_jobs=most) is StopReason.MAX_JOBS
    assert (len(ran), await queue.pending_size(), await queue.reserved_size()) == (most, 100 - most, 0)


async def test_what_was_asked_for_ahead_is_given_back_in_order(queue: AsyncQueue) -> None:
    ran: list[int] = []

    @queue.handler
    async def handle(job: Any) -> None:
        ran.append(job.data["n"])
        if job.data["n"] == 25:
            queue.shutdown()

    await queue.bulk([("X", {"n": n}) for n in range(200)])
    await queue.listen()
    left = [job.data["n"] for job in await queue.pending_jobs(limit=200)]
    assert (await queue.reserved_size(), ran + left) == (0, list(range(200)))


async def test_jobs_of_a_cancelled_worker_that_had_not_begun_keep_their_attempts(
    queue: AsyncQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[Any] = []

    @queue.handler
    async def handle(job: Any) -> None:
        begun.append(job)

    worker: asyncio.Task[Any]
    ask = Taking.ask_ahead

    async def ask_and_cancel(self: Taking) -> None:
        await ask(self)
        worker.cancel()  # now: the jobs' tasks are made in this turn and have theirs in the next
        await asyncio.sleep(0)

    monkeypatch.setattr(Taking, "ask_ahead", ask_and_cancel)
    await queue.bulk([("X", {"n": n}) for n in range(100)])
    worker = asyncio.create_task(queue.listen())
    with pytest.raises(asyncio.CancelledError):
        await worker
    assert await queue.reserved_size() <= SLOTS  # those that this very turn had no chance to note come back by lease
    assert len(begun) + await queue.size() == 100
    assert all(job.attempts == 0 for job in await queue.pending_jobs(limit=100))


# -- on Redis ----------------------------------------------------------------------------------------------------------


@pytest.fixture
async def on_redis(own_redis: str) -> AsyncIterator[AsyncQueue]:
    name = f"p{uuid.uuid4().hex[:8]}"
    queue = AsyncQueue(own_redis, queue="q", appname=name, prefix="_", max_concurrent_jobs=SLOTS)
    yield queue
    await queue.clear()
    await queue.close()


@pytest.mark.live
async def test_a_lost_lease_among_many_is_told(on_redis: AsyncQueue, own_redis: str) -> None:
    queue, lost = on_redis, []
    queue.on("job.lease_lost")(lambda event: lost.append(event.job.data["n"]))

    @queue.handler
    async def handle(job: Any) -> None:
        if job.data["n"] == 7:  # somebody else takes it
            with Redis.from_url(own_redis) as client:
                client.zrem(f"{queue.key_prefix}queues:q:reserved", job.reservation.receipt)

    await queue.bulk([("X", {"n": n}) for n in range(30)])
    await queue.listen(stop_when_empty=True)
    assert (lost, await queue.size()) == ([7], 0)


@pytest.mark.live
async def test_deletions_that_nobody_answered_are_repeated(
    on_redis: AsyncQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue, ran, failures = on_redis, [], 3
    driver: Any = queue.driver
    delete_many = driver.delete_many

    def broken(taken: Any) -> Any:
        nonlocal failures
        failures -= 1
        if failures >= 0:
            raise StoreUnreachable("gone")
        return (yield from delete_many(taken))

    monkeypatch.setattr(type(driver), "delete_many", lambda self, taken: broken(taken))

    @queue.handler
    async def handle(job: Any) -> None:
        ran.append(job.data["n"])

    await queue.bulk([("X", {"n": n}) for n in range(100)])
    await queue.listen(stop_when_empty=True)
    assert (sorted(ran), await queue.size()) == (list(range(100)), 0)


@pytest.mark.live
async def test_a_half_costs_two_commands(on_redis: AsyncQueue, own_redis: str) -> None:
    queue = on_redis

    @queue.handler
    async def handle(job: Any) -> None:
        assert job.data

    await queue.bulk([("X", {"n": n}) for n in range(1000)])
    with Redis.from_url(own_redis) as client:
        before = client.info("commandstats")["cmdstat_evalsha"]["calls"]  # type: ignore[index]
        await queue.listen(stop_when_empty=True)
        used = client.info("commandstats")["cmdstat_evalsha"]["calls"] - before  # type: ignore[index]
    assert used <= 2 * 1000 // (SLOTS // 2) + 20


WORKER = """
import asyncio, sys
from lara_queue import AsyncQueue
queue = AsyncQueue(sys.argv[1], queue="q", appname=sys.argv[2], prefix="_", max_concurrent_jobs=40, retry_after=2)
out = open(sys.argv[3], "a", buffering=1)
@queue.handler
async def handle(job):
    await asyncio.sleep(float(sys.argv[4]) * (job.data["n"] % 5))
    out.write(f"{job.data['n']}\\n")
asyncio.run(queue.listen(stop_when_empty_for=3, sleep=0.1, tries=0))
"""


@pytest.mark.live
@pytest.mark.parametrize("seconds", [0.001, 0.01])  # quick ones in halves; jobs are taken beforehand for slow ones
def test_a_worker_killed_between_halves_loses_no_job(own_redis: str, tmp_path: Path, seconds: float) -> None:
    ran = ran_under_kills(own_redis, tmp_path / "ran", WORKER, str(seconds), jobs=2000, most=150)
    assert set(ran) == set(range(2000))
    assert len(ran) <= 2000 + 3 * 2 * SLOTS, "only what was in hand is run again"
