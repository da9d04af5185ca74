"""The schedule's promises on a real Redis, where locks and notes are other commands than in memory."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from redis import Redis

from lara_queue import AsyncQueue, Queue
from lara_queue.schedule.keys import DONE, note_key, tick_key
from lara_queue.schedule.runner import SCHEDULED_FOR
from lara_queue.testing import ManualClock

FIRST = 1_750_000_200.0
pytestmark = pytest.mark.live


@pytest.fixture
def names(own_redis: str) -> Iterator[dict[str, Any]]:
    """Settings for queues of one application, told from those of other tests by its name."""
    app = uuid.uuid4().hex
    yield {"appname": app, "cache": own_redis, "cache_prefix": f"{app}:", "clock": ManualClock(FIRST - 10)}
    with Redis.from_url(own_redis) as client:
        for key in client.scan_iter(f"{app}*"):
            client.delete(key)


def test_many_at_once_push_each_tick_once(own_redis: str, names: dict[str, Any]) -> None:
    queues = [Queue(own_redis, queue="q", **names) for _ in range(6)]
    for queue in queues:
        queue.cron("*/5 * * * *", "App\\Tick")
        queue.run_schedule()
    for tick in range(3):
        names["clock"].now = FIRST + 300 * tick
        start = threading.Barrier(len(queues))

        def look(queue: Queue, start: threading.Barrier = start) -> None:
            start.wait(10)
            queue.run_schedule()

        threads = [threading.Thread(target=look, args=(queue,)) for queue in queues]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
    jobs = queues[0].pending_jobs()
    assert [job.payload[SCHEDULED_FOR] for job in jobs] == [FIRST, FIRST + 300, FIRST + 600]
    for queue in queues:
        queue.close()


async def test_what_stands_in_the_cache(own_redis: str, names: dict[str, Any]) -> None:
    async with AsyncQueue(own_redis, queue="q", **names) as queue:
        queue.cron("*/5 * * * *", "App\\Tick", key="k")
        await queue.run_schedule()
        names["clock"].now = FIRST
        assert len(await queue.run_schedule()) == 1
    with Redis.from_url(own_redis) as client:
        prefix = names["cache_prefix"]
        assert client.get(prefix + note_key("q:k")) == str(int(FIRST)).encode()
        assert DONE.encode() in (client.get(prefix + tick_key("q:k", int(FIRST))) or b"")
        assert client.get(prefix + queue._scheduler.lock_name) is None
        assert 0 < client.ttl(prefix + tick_key("q:k", int(FIRST))) <= 86400
