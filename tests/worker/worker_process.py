"""A worker as a process of its own: ``python -m tests.worker.worker_process FACE URL PREFIX OPTIONS``.

Its handler notes in Redis lists that it began and ended each job; a job's ``seconds`` says how long it takes.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import Any

import redis

from lara_queue import AsyncQueue, Job, Queue


def main() -> int:
    face, url, prefix, settings, options = *sys.argv[1:4], json.loads(sys.argv[4]), json.loads(sys.argv[5])
    notes = redis.Redis.from_url(url)

    def began(job: Job) -> float:
        notes.rpush(f"{prefix}began", f"{job.uuid} {job.attempts}")
        return float(job.data.get("seconds", 0))

    def ended(job: Job) -> None:
        notes.rpush(f"{prefix}ended", str(job.uuid))

    def ready(event: object) -> None:
        """Said when signals are heard: one that comes earlier ends the process."""
        notes.rpush(f"{prefix}ready", "1")

    if face == "sync":
        queue: Any = Queue(url, queue="q", appname=prefix, prefix="", **settings)

        @queue.handler
        def handle(job: Job) -> None:
            time.sleep(began(job))
            ended(job)

        queue.on("worker.starting")(ready)
        return int(queue.listen(**options).exit_code)

    aqueue: Any = AsyncQueue(url, queue="q", appname=prefix, prefix="", **settings)

    @aqueue.handler
    async def handle_async(job: Job) -> None:
        await asyncio.sleep(began(job))
        ended(job)

    aqueue.on("worker.starting")(ready)
    return int(asyncio.run(aqueue.listen(**options)).exit_code)


if __name__ == "__main__":
    sys.exit(main())
