"""lara_queue putting jobs in: ``enqueue.py one|bulk|async``. Prints through the meter like the workers."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
import meter as meters

from lara_queue import AsyncQueue, Queue

URL, JOBS = os.environ["BENCH_URL"], int(os.environ["BENCH_JOBS"])
DATA = json.loads(os.environ["BENCH_DATA"])
NAME = "App\\Jobs\\Bench"
meter = meters.Meter()


def start() -> None:
    meter._begun, meter._cpu = time.perf_counter(), meters.cpu_seconds()


async def asynchronous() -> None:
    queue = AsyncQueue(URL, queue="bench", laravel_version=8)
    start()
    for _ in range(0, JOBS, 50):
        await asyncio.gather(*(queue.push(NAME, DATA) for _ in range(50)))
    meter.write()
    await queue.close()


if sys.argv[1] == "async":
    asyncio.run(asynchronous())
else:
    with Queue(URL, queue="bench", laravel_version=8) as queue:
        queue.size()
        start()
        if sys.argv[1] == "bulk":
            for _ in range(0, JOBS, 1000):
                queue.bulk([(NAME, DATA)] * 1000)
        else:
            for _ in range(JOBS):
                queue.push(NAME, DATA)
        meter.write()
