"""A user's module, as ``lara-queue work`` is given it: two queue objects and a handler, set up by the environment."""

from __future__ import annotations

import json
import os
from typing import Any

from lara_queue import AsyncQueue, Job, Queue
from lara_queue.cli.describe import jsonable

_SETTINGS: dict[str, Any] = {
    "queue": "default",
    "appname": os.environ["LARA_QUEUE_APPNAME"],
    "app_key": os.environ["LARA_QUEUE_APP_KEY"],
    "cache": os.environ.get("LARA_QUEUE_CACHE"),
    "cache_prefix": os.environ.get("LARA_QUEUE_CACHE_PREFIX", ""),
}
queue = Queue(os.environ["LARA_QUEUE_URL"], **_SETTINGS)
aqueue = AsyncQueue(os.environ["LARA_QUEUE_URL"], **_SETTINGS)


def record(job: Job) -> None:
    facts = {
        "uuid": job.uuid,
        "name": job.name,
        "attempts": job.attempts,
        "queue": job.queue,
        "data": jsonable(job.data),
    }
    print("TOOK", json.dumps(facts), flush=True)
    if job.name == "App\\Jobs\\Failing":
        raise RuntimeError(str(job.data["message"]))


async def record_async(job: Job) -> None:
    record(job)


queue.handler(record)
aqueue.handler(record_async)
