"""lara_queue at work: ``ours.py sync|async SLOTS PREFETCH``. Reads every job's data, keeps leases and metrics."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from meter import Meter

from lara_queue import AsyncQueue, Job, Queue

URL = os.environ["BENCH_URL"]
SLEEP = float(os.environ.get("BENCH_SLEEP", "0"))
meter = Meter()


def sync(slots: int, prefetch: int) -> None:
    queue = Queue(URL, queue="bench", max_concurrent_jobs=slots, prefetch=prefetch)

    @queue.handler("App\\Jobs\\Bench")
    def run(job: Job) -> None:
        data = job.data
        if SLEEP:
            time.sleep(SLEEP)
        if meter.job(data):
            queue.shutdown()

    queue.listen(sleep=5, memory=0, timeout=60)


def asynchronous(slots: int) -> None:
    async def main() -> None:
        queue = AsyncQueue(URL, queue="bench", max_concurrent_jobs=slots)

        @queue.handler("App\\Jobs\\Bench")
        async def run(job: Job) -> None:
            data = job.data
            if SLEEP:
                await asyncio.sleep(SLEEP)
            if meter.job(data):
                queue.shutdown()

        await queue.listen(sleep=5, memory=0, timeout=60)

    asyncio.run(main())


if __name__ == "__main__":
    face, slots, prefetch = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    if face == "sync":
        sync(slots, prefetch)
    else:
        asynchronous(slots)
