"""A queue of one face whose cache remembers what was kept of its jobs."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any, Literal, get_args

import pytest

from lara_queue import Job
from lara_queue.cache.memory import MemoryCache
from lara_queue.errors import StoreUnreachable
from lara_queue.plans import Plan, run
from lara_queue.results.keys import result_key
from lara_queue.results.values import Result, decode
from lara_queue.testing import ManualClock
from lara_queue.testing.shells import perform
from tests.worker.faces import Face

__all__ = ["Bench", "Case", "Watched", "bench", "case"]

Case = Literal["sync", "sync, async handlers", "async", "async, plain handlers"]


class Watched(MemoryCache):
    """A cache that remembers what was kept in it about jobs, and breaks when told to."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__(clock)
        self.kept: list[Result] = []
        self.broken = False

    def put(self, key: str, value: Any, seconds: float | None = None) -> Plan[None]:
        if key.startswith("lara_queue:result:"):
            if self.broken:
                raise StoreUnreachable("the cache is away")
            self.kept.append(decode(key.rpartition(":")[2], value))
        yield from super().put(key, value, seconds)


class Bench:
    """A queue of one face; a case's handlers are made async where it says so."""

    def __init__(self, case: Case, **options: Any) -> None:
        self.clock = ManualClock()
        self.cache = Watched(self.clock)
        self.async_handlers = case in ("async", "sync, async handlers")
        options = {"queue": "q", "cache": self.cache, "clock": self.clock, "results": 60, **options}
        self.queue = Face("sync" if case.startswith("sync") else "async", **options)

    def handler(self, name: str = "App\\J", **options: Any) -> Callable[[Callable[[Job], Any]], None]:
        def register(function: Callable[[Job], Any]) -> None:
            async def as_async(job: Job) -> Any:
                return function(job)

            def as_plain(job: Job) -> Any:
                return function(job)

            self.queue.handler(name, **options)(as_async if self.async_handlers else as_plain)

        return register

    def push(self, **options: Any) -> str:
        return str(self.queue.push("App\\J", {}, **options))

    def work(self, **options: Any) -> None:
        for _ in range(5):  # a job put back by the last one in hand may be left for the next run
            self.queue.listen(stop_when_empty=True, **options)
            if not self.queue.size():
                return

    def now(self, uuid: str | None) -> Result:
        """What is kept at this moment, read past the queue so that handlers may ask."""
        return decode(uuid or "", run(self.cache.get(result_key(uuid or "")), perform))

    @property
    def states(self) -> list[str]:
        return [one.state for one in self.cache.kept]


@pytest.fixture(params=get_args(Case))
def case(request: pytest.FixtureRequest) -> Case:
    found: Case = request.param
    return found


@pytest.fixture
def bench(case: Case) -> Iterator[Bench]:
    logging.getLogger("lara_queue").setLevel(logging.CRITICAL)
    made = Bench(case)
    yield made
    made.queue.close()
    logging.getLogger("lara_queue").setLevel(logging.NOTSET)
