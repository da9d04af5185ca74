"""At the same time: the last jobs of a batch, and many who push a unique job."""

from __future__ import annotations

import asyncio
import threading
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from lara_queue import AsyncQueue, Queue
from tests.bus.world import APP_KEY
from tests.conformance.databases import KINDS
from tests.conformance.databases import run as sql

MEMBERS = 2
ROUNDS = 6


@pytest.fixture(params=KINDS)
def batches(request: pytest.FixtureRequest, database_with_tables: Callable[[str], str]) -> str:
    url = database_with_tables(request.param)
    sql(url, "DELETE FROM job_batches")
    return url


@pytest.mark.parametrize("fails", [False, True])
def test_two_workers_end_the_last_two_jobs_of_a_batch(batches: str, fails: bool) -> None:
    """Both handlers leave a barrier together, so both counts meet in the row; ``then`` comes exactly once, and with
    failures ``catch`` and ``finally`` do."""
    source = f"memory://{uuid.uuid4().hex}"

    def face() -> Queue:
        return Queue(source, "q", batches=batches, app_key=APP_KEY, cache="memory://")

    barrier = threading.Barrier(MEMBERS, timeout=20)
    workers = [face() for _ in range(MEMBERS)]
    for queue in workers:

        @queue.handler("J", tries=1)
        def member(job: Any) -> None:
            barrier.wait()
            if fails:
                raise ValueError("no")

    producer = face()
    ids = []
    for _ in range(ROUNDS):
        builder = producer.batch(["J"] * MEMBERS).allow_failures()
        for kind in ("then", "catch", "finally_"):
            getattr(builder, kind)((kind, None, {"queue": "callbacks"}))
        ids.append(builder.dispatch().id)
        with ThreadPoolExecutor(MEMBERS) as threads:
            for done in [threads.submit(one.listen, max_jobs=1, report_job_exceptions=False) for one in workers]:
                done.result(timeout=60)
    seen = [job.name for job in producer.pending_jobs("callbacks")]
    expected = ("catch", "finally_") if fails else ("then", "finally_")
    assert Counter(seen) == dict.fromkeys(expected, ROUNDS)
    for id in ids:
        batch: Any = producer.find_batch(id)
        assert (batch.pending_jobs, batch.failed_jobs) == ((MEMBERS, MEMBERS) if fails else (0, 0))
    for queue in (*workers, producer):
        queue.close()


async def test_many_tasks_end_the_jobs_of_one_batch(batches: str) -> None:
    queue = AsyncQueue("memory://", "q", batches=batches, app_key=APP_KEY, max_concurrent_jobs=10)

    @queue.handler("J")
    async def member(job: Any) -> None:
        await asyncio.sleep(0)

    made = await queue.batch(["J"] * 20).then(("Then", None, {"queue": "callbacks"})).dispatch()
    await queue.listen(max_jobs=20)
    assert [job.name for job in await queue.pending_jobs("callbacks")] == ["Then"]
    fresh = await made.fresh()
    assert (fresh.pending_jobs, fresh.finished()) == (0, True)
    await queue.close()


@pytest.fixture(params=["memory", pytest.param("redis", marks=pytest.mark.live), *KINDS])
def cache(request: pytest.FixtureRequest) -> Iterator[str]:
    if request.param == "memory":
        yield f"memory://{uuid.uuid4().hex}"
    elif request.param == "redis":
        yield request.getfixturevalue("own_redis")
    else:
        url = request.getfixturevalue("database_with_tables")(request.param)
        sql(url, "DELETE FROM cache_locks")
        yield url


def test_a_unique_lock_raced_by_twenty_threads(cache: str) -> None:
    queue = Queue("memory://", "q", cache=cache, max_concurrent_jobs=20)
    barrier = threading.Barrier(20, timeout=20)

    id = uuid.uuid4().hex

    def push(number: int) -> str:
        barrier.wait()
        return queue.push("U", {"n": number}, unique=id, unique_for=600)

    with ThreadPoolExecutor(20) as threads:
        answers = list(threads.map(push, range(20)))
    assert sum(answer != "" for answer in answers) == 1
    assert queue.size() == 1
    queue.close()


async def test_a_unique_lock_raced_by_twenty_tasks(cache: str) -> None:
    queue = AsyncQueue("memory://", "q", cache=cache)
    id = uuid.uuid4().hex
    pushes = [queue.push("U", {"n": number}, unique=id, unique_for=600) for number in range(20)]
    answers = await asyncio.gather(*pushes)
    assert sum(answer != "" for answer in answers) == 1
    assert await queue.size() == 1
    await queue.close()
