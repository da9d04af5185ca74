"""Other queues at work, each in an environment of its own and at its best setting: ``peers.py NAME fill|work``.

What is unfair about each comparison stands in README.md: most keep no lease, some forget a job that was running when
they died.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import threading
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))
from meter import Meter

URL = os.environ["BENCH_URL"]
JOBS = int(os.environ["BENCH_JOBS"])
DATA: dict[str, Any] = json.loads(os.environ["BENCH_DATA"])
meter = Meter()


def done_soon() -> None:
    """End the process when the last job has been counted: some of these workers do not like to stop."""

    def watch() -> None:
        while not meter.done:
            time.sleep(0.01)
        time.sleep(0.1)
        os._exit(0)

    threading.Thread(target=watch, daemon=True).start()


def dramatiq_(act: str) -> None:
    import dramatiq
    from dramatiq.brokers.redis import RedisBroker

    broker = RedisBroker(url=URL)
    dramatiq.set_broker(broker)

    @dramatiq.actor(queue_name="bench")
    def job(data: dict[str, Any]) -> None:
        meter.job(data)

    if act == "fill":
        for _ in range(JOBS):
            job.send(DATA)
    else:
        done_soon()
        dramatiq.Worker(broker, worker_threads=16).start()
        time.sleep(600)


def huey_(act: str) -> None:
    from huey import RedisHuey

    huey = RedisHuey("bench", url=URL, results=False)

    @huey.task()
    def job(data: dict[str, Any]) -> None:
        meter.job(data)

    if act == "fill":
        for _ in range(JOBS):
            job(DATA)
    else:
        done_soon()
        huey.create_consumer(workers=2, periodic=False, initial_delay=0.001, backoff=1.0).run()


def saq_(act: str) -> None:
    import saq

    async def job(_: Any, *, data: dict[str, Any]) -> None:
        meter.job(data)

    async def main() -> None:
        queue = saq.Queue.from_url(URL)
        await queue.connect()
        if act == "fill":
            for _ in range(JOBS):
                await queue.enqueue("job", data=DATA)
            await queue.disconnect()
            return
        done_soon()
        await saq.Worker(queue, functions=[("job", job)], concurrency=20).start()

    asyncio.run(main())


def arq_(act: str) -> None:
    import arq
    from arq.connections import RedisSettings

    async def job(_: Any, data: dict[str, Any]) -> None:
        meter.job(data)

    settings = RedisSettings.from_dsn(URL)

    async def fill() -> None:
        pool = await arq.create_pool(settings)
        for _ in range(JOBS):
            await pool.enqueue_job("job", DATA)

    if act == "fill":
        asyncio.run(fill())
    else:
        done_soon()
        arq.run_worker(
            type("Settings", (), {"functions": [arq.func(job, name="job", keep_result=0)], "redis_settings": settings}),
            max_jobs=50,
            poll_delay=0.01,
        )


def taskiq_(act: str) -> None:
    from taskiq.api import run_receiver_task
    from taskiq_redis import RedisStreamBroker

    broker = RedisStreamBroker(url=URL)

    @broker.task(task_name="job")
    async def job(data: dict[str, Any]) -> None:
        meter.job(data)

    async def main() -> None:
        await broker.startup()
        if act == "fill":
            for _ in range(JOBS):
                await job.kiq(DATA)
            await broker.shutdown()
            return
        done_soon()
        broker.is_worker_process = True
        await run_receiver_task(broker, max_async_tasks=50, max_prefetch=50)

    asyncio.run(main())


def rq_(act: str) -> None:
    import redis
    import rq

    queue = rq.Queue("bench", connection=redis.Redis.from_url(URL))
    if act == "fill":
        for _ in range(JOBS):
            queue.enqueue("peers.rq_job", DATA, result_ttl=0)
    else:
        done_soon()
        rq.SimpleWorker([queue], connection=queue.connection).work(logging_level="ERROR")


def rq_job(data: dict[str, Any]) -> None:
    """The job that rq finds by its name."""
    meter.job(data)


def celery_(act: str) -> None:
    import celery

    app = celery.Celery("bench", broker=URL)
    app.conf.update(task_ignore_result=True, worker_prefetch_multiplier=16, broker_connection_retry_on_startup=True)

    @app.task(name="job", acks_late=True)
    def job(data: dict[str, Any]) -> None:
        meter.job(data)

    if act == "fill":
        for _ in range(JOBS):
            job.delay(DATA)
    else:
        done_soon()
        app.worker_main(
            ["worker", "--pool", "threads", "-c", "4", "--without-gossip", "--without-mingle", "-l", "ERROR"]
        )


def streaq_(act: str) -> None:
    import streaq

    worker = streaq.Worker(redis_url=URL, concurrency=50)

    @worker.task(name="job", ttl=0)
    async def job(data: dict[str, Any]) -> None:
        meter.job(data)

    async def fill() -> None:
        async with worker:
            for start in range(0, JOBS, 500):
                await worker.enqueue_many([job.enqueue(DATA) for _ in range(min(500, JOBS - start))])

    if act == "fill":
        asyncio.run(fill())
    else:
        done_soon()
        worker.run_sync()


PEERS = {
    "dramatiq": dramatiq_,
    "huey": huey_,
    "saq": saq_,
    "arq": arq_,
    "taskiq-redis": taskiq_,
    "streaq": streaq_,
    "rq": rq_,
    "celery": celery_,
}

if __name__ == "__main__":
    if sys.argv[1] == "rq":
        sys.modules["peers"] = sys.modules["__main__"]  # where rq looks for its job
    PEERS[sys.argv[1]](sys.argv[2])
