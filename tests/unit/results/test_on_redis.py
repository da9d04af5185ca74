"""Results in a real Redis, through both faces and as PHP would find them."""

from __future__ import annotations

import json
import threading
import uuid
from typing import Any

import pytest
from redis import Redis

from lara_queue import AsyncQueue, Job, Queue
from lara_queue.php import loads
from lara_queue.results.keys import result_key

pytestmark = pytest.mark.live


@pytest.fixture
def settings(own_redis: str) -> dict[str, Any]:
    app = uuid.uuid4().hex
    return {"queue": "q", "appname": app, "cache": own_redis, "cache_prefix": f"{app}:", "results": 60}


def test_waiting_for_a_worker_in_another_thread(own_redis: str, settings: dict[str, Any]) -> None:
    worker = Queue(own_redis, **settings)

    @worker.handler("App\\Add")
    def add(job: Job) -> int:
        job.progress(0.5, "halfway")
        return int(job.data["a"] + job.data["b"])

    with Queue(own_redis, **settings) as queue:
        uuid_ = queue.push("App\\Add", {"a": 40, "b": 2})
        assert queue.result(uuid_).state == "pending"
        thread = threading.Thread(target=worker.listen, kwargs={"stop_when_empty": True})
        thread.start()
        result = queue.result(uuid_, timeout=30)
        thread.join(30)
        assert (result.state, result.value, result.progress, result.message) == ("finished", 42, 0.5, "halfway")
        with Redis.from_url(own_redis) as client:
            stored = client.get(settings["cache_prefix"] + result_key(uuid_))
            assert json.loads(loads(stored))["value"] == 42  # Cache::get, then json_decode
            assert 0 < client.ttl(settings["cache_prefix"] + result_key(uuid_)) <= 60
        queue.clear()
    worker.close()


async def test_under_asyncio(own_redis: str, settings: dict[str, Any]) -> None:
    async with AsyncQueue(own_redis, **settings) as queue:

        @queue.handler("App\\Fail")
        async def fail(job: Job) -> None:
            raise ValueError("no luck")

        uuid_ = await queue.push("App\\Fail")
        await queue.listen(stop_when_empty=True)
        result = await queue.result(uuid_, timeout=5)
        assert (result.state, result.error) == ("failed", "ValueError: no luck")
