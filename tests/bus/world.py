"""A queue of either face in memory, with a clock that is moved by hand, for chains, batches, locks and middleware."""

from __future__ import annotations

import inspect
from typing import Any, Literal

from lara_queue.testing.clock import ManualClock
from tests.worker.faces import Face

__all__ = ["APP_KEY", "World"]

APP_KEY = "base64:a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s="


class World(Face):
    """A face on the memory driver; ``ran`` has a line for each handler that ran."""

    def __init__(self, kind: Literal["sync", "async"], **settings: Any) -> None:
        self.clock = ManualClock()
        given: dict[str, Any] = {
            "queue": "q",
            "clock": self.clock,
            "cache": "memory://",
            "batches": "memory://",
            "app_key": APP_KEY,
            "max_concurrent_jobs": 1,
            **settings,
        }
        super().__init__(kind, given.pop("client", "memory://"), **given)
        self.ran: list[str] = []
        self.failing: set[str] = set()

    def now(self, value: Any) -> Any:
        """What a builder's method gave, awaited where it has to be."""
        return self._runner.run(value) if inspect.iscoroutine(value) and self._runner is not None else value

    def record(self, *names: str, **options: Any) -> None:
        """Handle jobs of these names (default: any job) by noting that they ran, or raising for ``failing`` ones."""
        for name in names or (None,):

            def handle(job: Any) -> None:
                self.ran.append(job.name)
                if job.name in self.failing:
                    raise ValueError(f"{job.name} went wrong")

            self.queue.handler(name, **options)(handle) if name or options else self.queue.handler(handle)

    def work(self, **options: Any) -> list[str]:
        """Work until the queue is empty, letting delayed jobs become due; what has run, in order."""
        self.listen(stop_when_empty=True, sleep=0, **options)
        return self.ran

    def _drive_browse(self) -> list[float]:
        """When the delayed jobs are due."""
        seen = self.now(self.queue._drive(self.queue.driver.browse(self.queue.queue, "delayed")))
        return [one.at for one in seen]

    def sizes(self) -> tuple[int, int]:
        """Ready and delayed jobs, as the store counts them without moving any."""
        seen = self.now(self.queue._drive(self.queue.driver.sizes(self.queue.queue)))
        return seen.pending, seen.delayed
