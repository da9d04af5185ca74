"""One harness for both faces, so that each behaviour of the loop is written down once."""

from __future__ import annotations

import asyncio
import inspect
from typing import Any, Literal

from lara_queue import AsyncQueue, Queue

__all__ = ["Face"]


class Face:
    """A queue whose calls are blocking whichever class is behind it. ``events`` has the names of what was told."""

    def __init__(self, kind: Literal["sync", "async"], source: Any = "memory://", **settings: Any) -> None:
        self.kind = kind
        self._runner = asyncio.Runner() if kind == "async" else None
        self.queue: Any = (Queue if kind == "sync" else AsyncQueue)(source, **settings)
        self.events: list[Any] = []

    def hear(self, *names: str) -> None:
        for name in names:
            self.queue.on(name)(self.events.append)

    @property
    def told(self) -> list[str]:
        return [event.name for event in self.events]

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self.queue, name)
        if self._runner is None or not inspect.iscoroutinefunction(attribute):
            return attribute
        runner = self._runner
        return lambda *args, **kwargs: runner.run(attribute(*args, **kwargs))

    def queue_failed(self) -> list[Any]:
        """All failures."""
        found = self.queue.failed.all()
        return self._runner.run(found) if self._runner is not None else found

    def queue_retry_all(self) -> list[str]:
        """The ids of what went back."""
        retried = self.queue.failed.retry("all")
        return self._runner.run(retried) if self._runner is not None else retried

    def close(self) -> None:
        if self._runner is None:
            self.queue.close()
        else:
            self._runner.run(self.queue.close())
            self._runner.close()
