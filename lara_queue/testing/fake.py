"""``fake(queue)``: nothing that is pushed leaves the process, and a test says what it expects. Mirrors ``Queue::fake``.

While it stands in, the queue object has a store of its own in memory: payloads are built, events told, chains,
batches and unique locks done as always, but nobody else sees anything of it. Cache, failures and batches are stood in
for as well. Afterwards everything is as it was.
"""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any, Final, Literal, Self, overload

from lara_queue.aio import AsyncQueue
from lara_queue.batches.memory import MemoryBatchStore
from lara_queue.cache.memory import MemoryCache
from lara_queue.claims import Claims
from lara_queue.drivers.attempts import find_attempts
from lara_queue.drivers.memory import AsyncMemoryLink, MemoryDriver, MemoryStore, SyncMemoryLink
from lara_queue.drivers.settings import DriverSettings
from lara_queue.errors import PayloadError
from lara_queue.facade import QueueBase
from lara_queue.failed.memory import MemoryFailedStore
from lara_queue.inline import attempt_once, perform_inline, perform_inline_async
from lara_queue.laravel.build import set_attempts
from lara_queue.lifecycle.decide import Bury, Release
from lara_queue.plans import Plan, run, run_async
from lara_queue.ports import Driver, Reservation
from lara_queue.queue import Queue
from lara_queue.testing.jobs import PushedJob
from lara_queue.testing.matching import Name, is_chain, is_named, names_in, shown
from lara_queue.worker.core import WorkerCore

__all__ = ["AsyncFakeQueue", "FakeQueue", "Ran", "fake"]

Predicate = Callable[[PushedJob], Any]

MOST_ATTEMPTS: Final = 1000
FAR_FUTURE: Final = 1e12


@dataclass(frozen=True, slots=True)
class Ran:
    """One attempt that ``run_pushed()`` made.

    Attributes:
        job: what was attempted.
        state: ``processed``, ``released`` (to be tried again), or ``failed``.
        error: what was raised, or what the job was failed with; None when all went well.
    """

    job: PushedJob
    state: Literal["processed", "released", "failed"]
    error: BaseException | None


class FakeDriver(MemoryDriver):
    """A store in memory that looks like the one it stands in for, and keeps a list of what was pushed."""

    def __init__(self, like: Driver, queue: QueueBase, connection: str, pushed: list[PushedJob]) -> None:
        store = MemoryStore()
        link: Any = SyncMemoryLink(store) if queue.face == "sync" else AsyncMemoryLink(store)
        super().__init__(link, DriverSettings(retry_after=like.retry_after, clock=self._now))
        self.name = like.name
        self.adds_id = like.adds_id
        self.connection = connection
        self.everything_is_due = False
        self._queue = queue
        self._pushed = pushed

    def _now(self) -> float:
        return FAR_FUTURE if self.everything_is_due else self._queue.clock()

    def push(self, queue: str, body: bytes, *, delay: float = 0) -> Plan[str | None]:
        """None, after noting the job."""
        return super().push(queue, self._note(queue, body, delay), delay=delay)

    def push_many(self, queue: str, bodies: Sequence[tuple[bytes, float]]) -> Plan[None]:
        """Note many jobs in order."""
        return super().push_many(queue, [(self._note(queue, body, delay), delay) for body, delay in bodies])

    def job(self, taken: Reservation, delay: float = 0) -> PushedJob:
        """The job with that payload."""
        return PushedJob(taken, delay=delay, connection=self.connection, encrypter=self._queue._encrypter)

    def _note(self, queue: str, body: bytes, delay: float) -> bytes:
        self._pushed.append(self.job(Reservation(queue, body, 0, None, 0), delay))
        # A table counts attempts in a column; here they are in the payload.
        return body if self.adds_id or not find_attempts(body).problem else _counted(body)


class _Fake:
    """What the fakes of both faces share: the standing in, and the expectations."""

    def __init__(self, queue: QueueBase) -> None:
        self._queue = queue
        self._pushed: list[PushedJob] = []
        self._drivers: list[FakeDriver] = []
        self._before: list[tuple[Any, str, Any]] = []

    # -- standing in ----------------------------------------------------------------

    def start(self) -> Self:
        """Stand in from now on; the same as entering the context."""
        queue, services = self._queue, self._queue._services
        if self._before:
            return self
        driver = self._stand_in(queue.driver, queue.connection)
        others = {name: self._stand_in(other, name) for name, other in services.connections.items()}
        cache = None if queue._cache is None else MemoryCache(queue.clock)
        producer = copy.copy(queue._producer)
        producer.driver = driver
        producer.claims = Claims(cache, services.release, queue.clock, services.owner)
        self._swap(queue, "driver", driver)
        self._swap(queue, "_producer", producer)
        self._swap(queue, "_cache", cache)
        self._swap(queue, "_failed", MemoryFailedStore())
        batches = None if services.batches is None else MemoryBatchStore()
        self._swap(
            queue,
            "_services",
            replace(services, driver=driver, connections=others, cache=cache, batches=batches, redis=None),
        )
        self._swap(queue._results, "cache", cache)
        self._swap(queue._scheduler, "cache", cache)
        return self

    def stop(self) -> None:
        """Let everything be as it was; what was noted stays to be looked at."""
        while self._before:
            owner, name, value = self._before.pop()
            setattr(owner, name, value)

    def _swap(self, owner: Any, name: str, value: Any) -> None:
        self._before.append((owner, name, getattr(owner, name)))
        setattr(owner, name, value)

    def _stand_in(self, like: Driver, connection: str) -> FakeDriver:
        made = FakeDriver(like, self._queue, connection, self._pushed)
        self._drivers.append(made)
        return made

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    # -- what was pushed ----------------------------------------------------------------

    def pushed(self, name: Name = None, predicate: Predicate | None = None) -> list[PushedJob]:
        """The jobs that were pushed, in order; of one name, and those the predicate says yes to.

        Parameters:
            name: a PHP class or display name, its last part, ``Class@method``, or a typed job's class; None for all.
            predicate: called with a job, answers whether it is meant.
        """
        return [job for job in self._pushed if is_named(job, name) and (predicate is None or predicate(job))]

    def assert_pushed(
        self, name: Name, predicate: Predicate | None = None, *, times: int | None = None
    ) -> list[PushedJob]:
        """The jobs that match, of which there must be one at least, or exactly ``times``.

        Raises AssertionError that says what was pushed instead.
        """
        found = self.pushed(name, predicate)
        if times is not None and len(found) != times:
            raise AssertionError(f"{shown(name)} was pushed {len(found)} times, not {times}. {self._told(name)}")
        if times is None and not found:
            wanted = "" if predicate is None else " that the predicate accepts"
            raise AssertionError(f"No {shown(name)}{wanted} was pushed. {self._told(name)}")
        return found

    def assert_not_pushed(self, name: Name, predicate: Predicate | None = None) -> None:
        """Raises AssertionError when a job matches."""
        if found := self.pushed(name, predicate):
            raise AssertionError(f"{shown(name)} was pushed {len(found)} times. {self._told(name)}")

    def assert_nothing_pushed(self) -> None:
        """Raises AssertionError when anything was pushed."""
        if self._pushed:
            raise AssertionError(f"Nothing should have been pushed. {self._told(None)}")

    def assert_count(self, count: int) -> None:
        """Raises AssertionError unless exactly so many jobs were pushed."""
        if len(self._pushed) != count:
            raise AssertionError(f"{len(self._pushed)} jobs were pushed, not {count}. {self._told(None)}")

    def assert_pushed_on(self, queue: str, name: Name, predicate: Predicate | None = None) -> list[PushedJob]:
        """The jobs that match and went to the queue of that bare name, of which there must be one at least."""
        found = [job for job in self.pushed(name, predicate) if job.queue == queue]
        if not found:
            raise AssertionError(f"No {shown(name)} was pushed on the queue {queue!r}. {self._told(name)}")
        return found

    def assert_pushed_with_chain(
        self, name: Name, chain: Iterable[Any], predicate: Predicate | None = None
    ) -> list[PushedJob]:
        """The jobs that match and are followed by exactly this chain, of which there must be one at least.

        Each member is a PHP class, ``(class, data)`` where the data must be among the member's properties, a typed
        job's class, or a typed job.
        """
        wanted = list(chain)
        found = [job for job in self.pushed(name, predicate) if is_chain(job.chain, wanted)]
        if not found:
            chains = [", ".join(names_in(job.chain)) or "nothing" for job in self.pushed(name, predicate)]
            followed = f" It was followed by {'; '.join(chains)}." if chains else ""
            raise AssertionError(f"No {shown(name)} was pushed with that chain.{followed} {self._told(name)}")
        return found

    def _told(self, name: Name) -> str:
        """What was pushed, for an error; of one name in full, else by name."""
        if not self._pushed:
            return "Nothing was pushed."
        same = self.pushed(name)
        if name is not None and same:
            return "Pushed were: " + "; ".join(f"{job.data!r} on {job.queue!r}" for job in same[:10]) + "."
        counts = Counter(repr(job).partition(" uuid=")[0].removeprefix("<Job ") for job in self._pushed)
        return "Pushed were: " + ", ".join(f"{each} ({count})" for each, count in counts.items()) + "."

    # -- running it ----------------------------------------------------------------

    def _cores(self, options: dict[str, Any]) -> list[tuple[FakeDriver, WorkerCore]]:
        usual = self._queue._core({"unhandled": "fail", "report_job_exceptions": False, "timeout": 0, **options})
        given = frozenset(options)
        return [
            (driver, WorkerCore(replace(usual.parts, driver=driver), usual.options, given)) for driver in self._drivers
        ]

    def _next(self, cores: list[tuple[FakeDriver, WorkerCore]], delayed: bool) -> Plan[tuple[WorkerCore, Any] | None]:
        """A job that is due, with the core that runs it; None when there is none."""
        names = list(dict.fromkeys(job.queue for job in self._pushed))
        for driver, core in cores:
            driver.everything_is_due = delayed
            try:
                taken = yield from driver.reserve(names)
            finally:
                driver.everything_is_due = False
            if taken:
                return core, taken[0]
        return None

    def _ran(self, driver: Driver, taken: Reservation, ended: Any) -> Ran:
        assert isinstance(driver, FakeDriver)
        disposition = ended.outcome.disposition
        error = disposition.error if isinstance(disposition, Bury) else ended.error
        state: Literal["processed", "released", "failed"] = "processed"
        if isinstance(disposition, Bury):
            state = "failed"
        elif isinstance(disposition, Release):
            state = "released"
        return Ran(driver.job(taken), state, error)


class FakeQueue(_Fake):
    """What stands in for a :class:`~lara_queue.Queue`; see :func:`fake`."""

    def run_pushed(self, *, delayed: bool = False, **options: Any) -> list[Ran]:
        """The attempts that were made, in order: at every job that is due, also those pushed or released meanwhile.

        A job lives as with a worker (attempts, backoff, middleware, chain, failure, events), without timeouts; a job
        that nobody handles has failed.

        Parameters:
            delayed: run those as well that are due later, without waiting for it.
            options: of the worker, such as ``tries``; see :class:`~lara_queue.WorkerOptions`.
        """
        cores, ran = self._cores(options), list[Ran]()
        while len(ran) < MOST_ATTEMPTS:
            found = run(self._next(cores, delayed), lambda effect: perform_inline(effect, cores[0][1]))
            if found is None:
                return ran
            core, taken = found
            ended = run(attempt_once(core, taken), lambda effect, core=core: perform_inline(effect, core))  # type: ignore[misc]
            ran.append(self._ran(core.driver, taken, ended))
        raise AssertionError(f"{MOST_ATTEMPTS} attempts were made and there is still something to run.")


class AsyncFakeQueue(_Fake):
    """What stands in for an :class:`~lara_queue.AsyncQueue`; see :func:`fake`."""

    async def run_pushed(self, *, delayed: bool = False, **options: Any) -> list[Ran]:
        """The attempts that were made, in order: at every job that is due, also those pushed or released meanwhile.

        A job lives as with a worker (attempts, backoff, middleware, chain, failure, events), without timeouts; a job
        that nobody handles has failed.

        Parameters:
            delayed: run those as well that are due later, without waiting for it.
            options: of the worker, such as ``tries``; see :class:`~lara_queue.WorkerOptions`.
        """
        cores, ran = self._cores(options), list[Ran]()
        while len(ran) < MOST_ATTEMPTS:
            found = await run_async(
                self._next(cores, delayed), lambda effect: perform_inline_async(effect, cores[0][1])
            )
            if found is None:
                await self._queue._results.drain()
                return ran
            core, taken = found
            ended = await run_async(
                attempt_once(core, taken),
                lambda effect, core=core: perform_inline_async(effect, core),  # type: ignore[misc]
            )
            ran.append(self._ran(core.driver, taken, ended))
        raise AssertionError(f"{MOST_ATTEMPTS} attempts were made and there is still something to run.")


@overload
def fake(queue: Queue) -> FakeQueue: ...
@overload
def fake(queue: AsyncQueue) -> AsyncFakeQueue: ...
def fake(queue: Queue | AsyncQueue) -> FakeQueue | AsyncFakeQueue:
    """What stands in for the queue's store inside a ``with`` block.

    >>> queue = Queue("redis://localhost:6379/0")
    >>> with fake(queue) as pushed:
    ...     uuid = queue.push("App\\\\Jobs\\\\SendEmail", {"to": "ada@example.com"}, queue="mail")
    >>> [job.data["to"] for job in pushed.assert_pushed_on("mail", "SendEmail")]
    ['ada@example.com']
    """
    return FakeQueue(queue) if isinstance(queue, Queue) else AsyncFakeQueue(queue)


def _counted(body: bytes) -> bytes:
    try:
        return set_attempts(body, 0)
    except PayloadError:  # whoever runs it finds that out
        return body
