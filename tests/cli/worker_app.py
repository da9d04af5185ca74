"""A module for ``lara-queue work``, run as a process of its own: its handlers note in Redis what they do."""

from __future__ import annotations

import asyncio
import os
import time

import redis

from lara_queue import AsyncQueue, Job, Queue

URL = os.environ["LARA_QUEUE_URL"]
PREFIX = os.environ["LARA_QUEUE_APPNAME"]
notes = redis.Redis.from_url(URL)

queue = Queue(URL, queue="q", appname=PREFIX, prefix="", cache=URL, cache_prefix=PREFIX)
aqueue = AsyncQueue(URL, queue="q", appname=PREFIX, prefix="", cache=URL, cache_prefix=PREFIX)
async_with_threads = AsyncQueue(URL, queue="q", appname=PREFIX, prefix="", max_concurrent_jobs=2)


def note(name: str, job: Job) -> None:
    notes.rpush(f"{PREFIX}{name}", f"{os.getpid()} {job.uuid}")


@queue.handler
@async_with_threads.handler
def handle(job: Job) -> None:
    note("began", job)
    if job.data.get("release") is not None:
        while not notes.get(f"{PREFIX}go"):  # the test says when
            time.sleep(0.01)
    note("ended", job)


@aqueue.handler
async def handle_async(job: Job) -> None:
    note("began", job)
    if job.data.get("release") is not None:
        while not notes.get(f"{PREFIX}go"):
            await asyncio.sleep(0.01)
    note("ended", job)


@queue.handler("App\\Jobs\\Bad")
def bad(job: Job) -> None:
    raise ValueError("no")


def glutton() -> Queue:
    """A queue whose worker is over its memory limit from the first job on."""
    hungry = Queue(URL, queue="q", appname=PREFIX, prefix="")
    hoard: list[bytearray] = []

    @hungry.handler
    def eat(job: Job) -> None:
        hoard.append(bytearray(os.urandom(1) * (64 * 2**20)))
        note("ended", job)

    return hungry
