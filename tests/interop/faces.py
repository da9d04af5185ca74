"""``Queue`` and ``AsyncQueue`` behind one blocking door, so that every interop test runs through both."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from typing import Any, Literal

import redis
import redis.asyncio

from lara_queue import AsyncQueue, Job, Queue

from .laravel import APP_KEY, Laravel

__all__ = ["Face", "Python"]

Face = Literal["sync", "async"]


class Python:
    """A Python worker and producer of the application: ``python("push", …)`` calls the method, awaited where needed.

    :param face: ``sync`` for ``Queue``, ``async`` for ``AsyncQueue``.
    :param laravel: the application whose keys it uses.
    :param options: for the queue object, such as ``retry_after`` or ``laravel_version``.
    """

    def __init__(self, face: Face, laravel: Laravel, **options: Any) -> None:
        options = {"appname": laravel.appname, "prefix": laravel.prefix, "queue": laravel.queue, **options}
        options.setdefault("app_key", APP_KEY)
        options.setdefault("cache", f"{laravel.cache_url}?lock_db=0")  # for the middleware that some jobs carry
        options.setdefault("cache_prefix", laravel.cache_key_prefix)
        self.face = face
        self.runner = asyncio.Runner() if face == "async" else None
        self.queue: Queue | AsyncQueue
        if face == "async":
            self.client: Any = redis.asyncio.Redis.from_url(laravel.url)
            self.queue = AsyncQueue(self.client, **options)
        else:
            self.client = redis.Redis.from_url(laravel.url)
            self.queue = Queue(self.client, **options)

    def __call__(self, method: str, *args: Any, **kwargs: Any) -> Any:
        return self.run(getattr(self.queue, method)(*args, **kwargs))

    def run(self, result: Any) -> Any:
        """What an awaitable gives, on this face's loop; anything else as it is."""
        if self.runner is not None and inspect.isawaitable(result):
            return self.runner.run(_awaited(result))
        return result

    def handle(self, function: Callable[[Job], Any], name: str | None = None, **options: Any) -> None:
        """Register a handler; under asyncio it becomes a coroutine function."""
        handler: Any = function
        if self.face == "async":

            async def handler(job: Job) -> None:
                function(job)

        if name is None and not options:
            self.queue.handler(handler)
        else:
            self.queue.handler(name, **options)(handler)

    def take(self, **options: Any) -> list[Job]:
        """Every job there is, after a worker has handled them all and stopped."""
        jobs: list[Job] = []
        self.handle(jobs.append)
        self.listen(**options)
        return jobs

    def listen(self, **options: Any) -> Any:
        """Run a worker until the queue is empty; why it stopped."""
        return self("listen", **{"stop_when_empty": True, "sleep": 0, "tries": 0, **options})

    def close(self) -> None:
        """Close connections and loop."""
        self("close")
        if self.runner is not None:
            self.runner.run(self.client.aclose())
            self.runner.close()
        else:
            self.client.close()


async def _awaited(awaitable: Any) -> Any:
    return await awaitable
