"""The worker of migration_before.py, moved to asyncio, with a handler of its own for each kind of job.

Run it: python examples/migration_after.py
"""

from __future__ import annotations

import asyncio
import logging
import os

from lara_queue import AsyncQueue, Job, RetryStrategy

queue = AsyncQueue(
    os.environ.get("LARA_QUEUE_URL", "memory://"),  # a URL instead of a client; a redis.asyncio client will do as well
    queue="python",
    dead_letter_queue="python_failed",
    max_retries=2,
    retry_strategy=RetryStrategy.FIXED,
    retry_delay=1,
    retry_jitter=False,
    max_concurrent_jobs=20,
)


@queue.handler("App\\Jobs\\TestJob")
async def test_job(job: Job) -> None:
    print("Processing:", job.name, job.data["message"], "attempt", job.attempts, flush=True)
    if job.data.get("broken"):
        if job.attempts == 3:
            queue.shutdown()
        raise ValueError("this one is broken")


async def main() -> None:
    logging.getLogger("lara_queue").setLevel(logging.CRITICAL)  # it reports every failure with its traceback
    await queue.push("App\\Jobs\\TestJob", {"message": "first"})
    await queue.push("App\\Jobs\\TestJob", {"message": "second", "broken": True})
    await queue.listen()

    for failed in await queue.failed.all():
        print("Failed:", failed.exception.splitlines()[0])
    metrics = queue.get_metrics()
    assert metrics is not None
    print("Total retries:", metrics["general"]["total_retries"])
    print("Cleared:", await queue.failed.flush())
    await queue.close()


if __name__ == "__main__":
    asyncio.run(main())
