"""A Python worker as a process of its own on a database's queue: appends a JSON line to a file for each job it takes.

Run with one JSON argument: ``url``, ``face`` (sync or async), ``results`` (the file), ``hang`` (never return from the
first job), ``pause`` (seconds in each job); ``sleep`` for the worker, whatever else there is for the queue object.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
import time
from typing import Any

from lara_queue import AsyncQueue, Job, Queue


def main(given: dict[str, Any]) -> None:
    logging.basicConfig(level=logging.INFO)
    results = os.open(given.pop("results"), os.O_CREAT | os.O_APPEND | os.O_WRONLY)
    hang, pause, sleep = given.pop("hang", False), given.pop("pause", 0), given.pop("sleep", 0.1)
    is_async = given.pop("face") == "async"
    kind: Any = AsyncQueue if is_async else Queue
    queue = kind(given.pop("url"), **given)

    def take(job: Job) -> None:
        os.write(results, json.dumps({"uuid": job.uuid, "attempts": job.attempts}).encode() + b"\n")

    async def handle_async(job: Job) -> None:
        take(job)
        await asyncio.sleep(3600 if hang else pause)

    def handle(job: Job) -> None:
        take(job)
        time.sleep(3600 if hang else pause)

    queue.handler(handle_async if is_async else handle)
    os.write(results, b'{"uuid": null}\n')  # ready
    result = queue.listen(sleep=sleep)
    if is_async:
        asyncio.run(result)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
