"""An asyncio worker: many jobs at once in one process, for handlers that wait for networks and databases.

    python examples/async_worker.py                                            feeds itself, runs, and stops
    LARA_QUEUE_URL=redis://localhost:6379/0 python examples/async_worker.py    works until Ctrl-C

On the Laravel side: `FetchPage::dispatch(...)->onQueue('python')`.
"""

from __future__ import annotations

import asyncio
import os
import time

from lara_queue import AsyncQueue, Job

URL = os.environ.get("LARA_QUEUE_URL", "memory://")
ALONE = URL.startswith("memory:")  # a queue in this process, which nobody else can feed

queue = AsyncQueue(URL, queue="python", max_concurrent_jobs=20)
running = most = 0


@queue.handler("App\\Jobs\\FetchPage", timeout=30)
async def fetch_page(job: Job) -> None:
    global running, most
    running += 1
    most = max(most, running)
    await asyncio.sleep(0.2)  # where a real handler waits for its answer
    running -= 1
    print(f"fetched page {job.data['page']}", flush=True)


@queue.handler("App\\Jobs\\MakeThumbnail")
def make_thumbnail(job: Job) -> None:
    print(f"thumbnail of {job.data['path']}", flush=True)  # a plain function runs in a thread, the loop goes on


async def main() -> None:
    if ALONE:
        await queue.bulk(("App\\Jobs\\FetchPage", {"page": page}) for page in range(1, 11))
        await queue.push("App\\Jobs\\MakeThumbnail", {"path": "cat.png"})
    started = time.perf_counter()
    reason = await queue.listen(stop_when_empty=ALONE)
    print(f"stopped: {reason}; {most} at once, {time.perf_counter() - started:.1f} s")


if __name__ == "__main__":
    asyncio.run(main())
