"""A Python worker as a process of its own, for tests that stop or kill it: prints a JSON line for each job it takes.

Run with one JSON argument: ``url``, ``appname``, ``prefix``, ``queue``, ``face`` (sync or async), ``options`` for the
queue object, ``listen`` for the worker, and ``mode``: ``record`` handles and goes on, ``hang`` never returns from its
first job.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import Any

import redis
import redis.asyncio

from lara_queue import AsyncQueue, Job, Queue


def say(event: str, **facts: Any) -> None:
    print(json.dumps({"event": event, **facts}), flush=True)


def main(given: dict[str, Any]) -> None:
    is_async = given["face"] == "async"
    client: Any = (redis.asyncio if is_async else redis).Redis.from_url(given["url"])
    kind: Any = AsyncQueue if is_async else Queue
    queue = kind(client, queue=given["queue"], appname=given["appname"], prefix=given["prefix"], **given["options"])

    def take(job: Job) -> None:
        say("handled", uuid=job.uuid, attempts=job.attempts, name=job.name)

    async def handle_async(job: Job) -> None:
        take(job)
        if given["mode"] == "hang":
            await asyncio.sleep(3600)

    def handle(job: Job) -> None:
        take(job)
        if given["mode"] == "hang":
            time.sleep(3600)

    queue.handler(handle_async if is_async else handle)
    say("started")
    result = queue.listen(**given["listen"])
    reason = asyncio.run(result) if is_async else result
    say("stopped", reason=reason.value)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
