"""A module with queues for the command line's tests; the URL comes from the environment."""

from __future__ import annotations

import os

from lara_queue import AsyncQueue, Job, Queue

URL = os.environ.get("LARA_QUEUE_TEST_URL", "memory://")
PREFIX = os.environ.get("LARA_QUEUE_TEST_PREFIX", "cli_")

queue = Queue(URL, queue="q", appname=PREFIX, prefix="")
aqueue = AsyncQueue(URL, queue="q", appname=PREFIX, prefix="")


@queue.handler
def handle(job: Job) -> None:
    print("HANDLED", job.name, job.data, flush=True)


@aqueue.handler
async def handle_async(job: Job) -> None:
    print("HANDLED", job.name, job.data, flush=True)
