"""A queue whose every step can be its worker's last: jobs, cache and batches in memory, each a step apart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from lara_queue import Queue
from lara_queue.claims import Claims
from lara_queue.inline import attempt_once, perform_inline
from lara_queue.plans import Call, Effect, Plan
from lara_queue.ports import BatchRow
from lara_queue.testing import Crash, Crashing, ManualClock
from tests.bus.world import APP_KEY

__all__ = ["Life", "lives"]


class Tapped:
    """A store in memory whose plans ask for an effect before and after each method, so that a crash can come there."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner
        self.name = inner.name

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.inner, name)

        def plan(*args: Any, **kwargs: Any) -> Plan[Any]:
            yield Call(self, "before", (name,))
            result = yield from method(*args, **kwargs)
            yield Call(self, "after", (name,))
            return result

        return plan

    def call(self, name: str, args: tuple[Any, ...]) -> None:
        """Nothing: it is the method itself that does something."""


class Life:
    """One world: what ran, what is recorded, and a worker that may die."""

    def __init__(self, *, tries: int = 0, cache: bool = True, **settings: Any) -> None:
        self.clock = ManualClock()
        given = {"batches": "memory://", "cache": "memory://" if cache else None, "app_key": APP_KEY, **settings}
        self.queue: Any = Queue("memory://", "q", clock=self.clock, **given)
        services = self.queue._services
        services.batches = Tapped(services.batches)
        if cache:
            services.cache = Tapped(services.cache)
            self.queue._producer.claims = Claims(services.cache, services.release, self.clock, services.owner)
        self.ran: list[str] = []
        self.failing: set[str] = set()
        self.core = self.queue._core({"tries": tries, "report_job_exceptions": False, "sleep": 0, "backoff": 0})

    def handle(self, name: str, **options: Any) -> None:
        @self.queue.handler(name, **options)
        def handler(job: Any) -> None:
            self.ran.append(job.name)
            if job.name in self.failing:
                raise ValueError(f"{job.name} went wrong")

    def perform(self, effect: Effect) -> Any:
        return perform_inline(effect, self.core)

    def attempt(self) -> Plan[Any]:
        """Take the next job, run it and settle it."""
        taken = yield from self.queue.driver.reserve(["q"])
        if not taken:
            return None
        return (yield from attempt_once(self.core, taken[0]))

    def work(self, jobs: int = 1) -> None:
        for _ in range(jobs):
            Crashing(self.perform, after=10**6).run(self.attempt())

    def everything(self, step: float = 1000) -> Counter[str]:
        """What has run when other workers have come and all is done, leases and delays over, so many seconds a turn."""
        for _ in range(20):
            self.clock.advance(step)
            for _ in range(60):
                if Crashing(self.perform, after=10**6).run(self.attempt()) is None:
                    break
            else:
                raise AssertionError(f"no end: {self.ran[-20:]}")
            if self.queue.size() == 0:
                return Counter(self.ran)
        raise AssertionError("jobs are left that never become due")

    def rows(self) -> list[BatchRow]:
        rows: list[BatchRow] = Crashing(self.perform, after=10**6).run(self.queue._services.batches.all())
        return rows


def lives(begin: Callable[[], tuple[Life, Plan[Any]]], *, answered: bool = True) -> list[Life]:
    """The worlds in which the plan's process died after its first, second … effect; the last one lived to the end."""
    worlds = []
    for after in range(1000):
        life, plan = begin()
        worlds.append(life)
        try:
            Crashing(life.perform, after=after, answered=answered).run(plan)
        except Crash:
            continue
        return worlds
    raise AssertionError("the plan has no end")
