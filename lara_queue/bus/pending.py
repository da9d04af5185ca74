"""Chains and batches being put together, and batches looked at: what ``queue.chain()`` and ``queue.batch()`` give.

Mirrors ``Foundation/Bus/PendingChain.php``, ``Bus/PendingBatch.php`` and ``Bus/Batch.php``. The same objects serve both
faces: what performs something is handed to ``drive``, so under ``AsyncQueue`` it is awaited.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from lara_queue.bus import batching
from lara_queue.bus.building import chained_batch, command_of, members_of
from lara_queue.bus.chains import with_chain
from lara_queue.bus.closures import Callback, callback_to_push
from lara_queue.bus.commands import Chain, changed, settings_of
from lara_queue.bus.dispatch import ready
from lara_queue.bus.events import BatchCancelled
from lara_queue.bus.services import Services
from lara_queue.errors import InvalidPayload
from lara_queue.laravel import names
from lara_queue.php import PhpObject, dumps
from lara_queue.plans import Emit, Plan
from lara_queue.ports import BatchRow

__all__ = ["Batch", "PendingBatch", "PendingChain"]

Drive = Callable[[Plan[Any]], Any]
Push = Callable[[Services, PhpObject, Mapping[str, Any]], Plan[str]]


@dataclass(frozen=True, slots=True)
class Means:
    """What builders need: the services, how to drive a plan, and how to push a job object."""

    services: Services
    drive: Drive
    push: Push


class _Place:
    """Where the jobs go; shared by both builders."""

    def __init__(self, means: Means) -> None:
        self._means = means
        self._connection: str | None = None
        self._queue: str | None = None

    def on_queue(self, queue: str) -> Any:
        """Jobs that name no queue of their own go to this one."""
        self._queue = queue
        return self

    def on_connection(self, connection: str) -> Any:
        """Jobs that name no connection of their own go to this one, by Laravel's name."""
        self._connection = connection
        return self

    def when(self, condition: object, change: Callable[[Any], object]) -> Any:
        """Apply ``change`` to this builder if the condition holds."""
        if condition:
            change(self)
        return self

    def unless(self, condition: object, change: Callable[[Any], object]) -> Any:
        """Apply ``change`` to this builder unless the condition holds."""
        return self.when(not condition, change)

    def _callback(self, job: Any, *, unless_cancelled: bool = False) -> PhpObject:
        """The closure that stands for a job which is to be pushed by whoever gets there."""
        if callable(job) and not isinstance(job, tuple | str):
            raise InvalidPayload("A callback is a job, not a function: a name, (name, data) or a typed job.")
        services = self._means.services
        made = ready(services, command_of(job), connection=self._connection, queue=self._queue)
        return callback_to_push(Callback(made.body, made.queue, made.connection, unless_cancelled), services.key)


class PendingChain(_Place):
    """Jobs that run one after the other, each when the one before it went well.

    >>> from lara_queue import Queue
    >>> queue = Queue("memory://")
    >>> uuid = queue.chain([("App\\\\Jobs\\\\Pack", {"order": 7}), "App\\\\Jobs\\\\Ship"]).on_queue("low").dispatch()
    >>> queue.pending_jobs("low")[0].name
    'App\\\\Jobs\\\\Pack'
    """

    def __init__(self, means: Means, jobs: Iterable[Any]) -> None:
        super().__init__(means)
        self.jobs: list[Any] = list(jobs)
        self._delay: float | timedelta | datetime | None = None
        self._catch: list[Any] = []

    def append(self, *jobs: Any) -> PendingChain:
        """Further jobs at the end; a list counts as its members."""
        self.jobs += _flat(jobs)
        return self

    def prepend(self, *jobs: Any) -> PendingChain:
        """Further jobs in front, in the order given."""
        self.jobs[:0] = _flat(jobs)
        return self

    def delay(self, delay: float | timedelta | datetime) -> PendingChain:
        """The first job is due after so many seconds, a timedelta, or at that time."""
        self._delay = delay
        return self

    def catch(self, job: Any) -> PendingChain:
        """The job to push when a job of the chain fails for good, by Python's worker or PHP's."""
        self._catch.append(job)
        return self

    def dispatch(self) -> Any:
        """The first job's uuid, after it was pushed."""
        return self._means.drive(self.plan())

    def dispatch_if(self, condition: object) -> Any:
        """:meth:`dispatch` if the condition holds; else nothing, and None."""
        return self._means.drive(self.plan() if condition else _nothing())

    def dispatch_unless(self, condition: object) -> Any:
        """:meth:`dispatch` unless the condition holds."""
        return self.dispatch_if(not condition)

    def plan(self) -> Plan[str]:
        """The same as a plan."""
        head = self.command()
        return (yield from self._means.push(self._means.services, head, {}))

    def command(self) -> PhpObject:
        """The first job, with the others in it."""
        if not self.jobs:
            raise InvalidPayload("A chain needs a job.")
        first, *rest = (_command(job) for job in self.jobs)
        catch = tuple(self._callback(job) for job in self._catch)
        said = settings_of(first)
        chain = Chain(tuple(_text(one) for one in rest), self._connection, self._queue, catch)
        head = with_chain(first, chain, connection=said.connection or self._connection, queue=said.queue or self._queue)
        if self._delay is not None and said.delay is None:
            head = changed(head, {names.DELAY: self._seconds()})
        return head

    def _seconds(self) -> int:
        delay = self._delay
        if isinstance(delay, datetime):
            return max(0, int(delay.timestamp() - self._means.services.clock()))
        return int(delay.total_seconds() if isinstance(delay, timedelta) else delay or 0)


class PendingBatch(_Place):
    """Jobs that run in any order and are counted together.

    >>> from lara_queue import Queue
    >>> queue = Queue("memory://", batches="memory://")
    >>> batch = queue.batch([("App\\\\Jobs\\\\Resize", {"id": n}) for n in range(3)]).name("resize").dispatch()
    >>> batch.name, batch.total_jobs, batch.progress()
    ('resize', 3, 0)
    """

    def __init__(self, means: Means, jobs: Iterable[Any]) -> None:
        super().__init__(means)
        self.jobs: list[Any] = list(jobs)
        self._name = ""
        self._options: dict[str, Any] = {}
        self._callbacks: list[tuple[str, Any]] = []
        self._before: list[Any] = []

    def add(self, *jobs: Any) -> PendingBatch:
        """Further jobs; a list is a chain."""
        self.jobs += jobs
        return self

    def name(self, name: str) -> PendingBatch:
        """What people call it."""
        self._name = name
        return self

    def allow_failures(self, allow: bool | Any = True, *jobs: Any) -> PendingBatch:
        """A failure does not cancel it. Jobs given here are pushed after each failure, as with :meth:`failure`."""
        self._options[batching.ALLOW_FAILURES] = allow is not False
        for job in (() if isinstance(allow, bool) else _flat([allow])) + tuple(jobs):
            self.failure(job)
        return self

    def before(self, job: Any) -> PendingBatch:
        """The job to push when the batch is stored and before its jobs are pushed."""
        self._before.append(job)
        return self

    def progress(self, job: Any) -> PendingBatch:
        """The job to push after each of its jobs that went well, or failed and may."""
        return self._on(batching.PROGRESS, job)

    def then(self, job: Any) -> PendingBatch:
        """The job to push when all have gone well."""
        return self._on(batching.THEN, job)

    def catch(self, job: Any) -> PendingBatch:
        """The job to push at the first failure."""
        return self._on(batching.CATCH, job)

    def failure(self, job: Any) -> PendingBatch:
        """The job to push at each failure, where failures are allowed."""
        return self._on(batching.FAILURE, job)

    def finally_(self, job: Any) -> PendingBatch:
        """The job to push when every job has ended once, well or badly."""
        return self._on(batching.FINALLY, job)

    def with_option(self, key: str, value: Any) -> PendingBatch:
        """Keep a value with it."""
        self._options[key] = value
        return self

    def dispatch(self) -> Any:
        """The :class:`Batch`, after it was stored and its jobs were pushed."""
        return self._means.drive(self.plan())

    def dispatch_if(self, condition: object) -> Any:
        """:meth:`dispatch` if the condition holds; else nothing, and None."""
        return self._means.drive(self.plan() if condition else _nothing())

    def dispatch_unless(self, condition: object) -> Any:
        """:meth:`dispatch` unless the condition holds."""
        return self.dispatch_if(not condition)

    def plan(self) -> Plan[Batch]:
        """The same as a plan."""
        services = self._means.services
        id = batching.batch_id_at(services.clock(), uuid4().hex)
        before = [self._callback(job) for job in self._before]
        row = yield from batching.open_batch(
            services, id, self._name, self.options(), members_of(self.jobs), before=before
        )
        return Batch(row, self._means)

    def options(self) -> dict[str, Any]:
        """What is stored with it: settings, and the callbacks as closures that push their jobs."""
        options: dict[str, Any] = {}
        for kind, job in self._callbacks:
            options.setdefault(kind, []).append(self._callback(job))
        options |= self._options
        if self._queue is not None:
            options[names.QUEUE] = self._queue
        if self._connection is not None:
            options[names.CONNECTION] = self._connection
        return options

    def as_command(self) -> PhpObject:
        """The batch as a member of a chain."""
        return chained_batch(self.jobs, self._name, self.options(), self._queue, self._connection)

    def _on(self, kind: str, job: Any) -> PendingBatch:
        self._callbacks.append((kind, job))
        return self


class Batch:
    """A batch as it was when it was read. What asks or changes it is awaited under ``AsyncQueue``."""

    def __init__(self, row: BatchRow, means: Means) -> None:
        self.row = row
        self._means = means

    @property
    def id(self) -> str:
        """Its id."""
        return self.row.id

    @property
    def name(self) -> str:
        """What people call it."""
        return self.row.name

    @property
    def total_jobs(self) -> int:
        """How many jobs were put into it."""
        return self.row.total_jobs

    @property
    def pending_jobs(self) -> int:
        """How many have not gone well yet."""
        return self.row.pending_jobs

    @property
    def failed_jobs(self) -> int:
        """How often one of its jobs failed for good."""
        return self.row.failed_jobs

    @property
    def failed_job_ids(self) -> tuple[str, ...]:
        """The uuids of the jobs that failed."""
        return self.row.failed_job_ids

    @property
    def processed_jobs(self) -> int:
        """How many have gone well."""
        return self.row.total_jobs - self.row.pending_jobs

    @property
    def options(self) -> dict[str, Any]:
        """What is stored with it."""
        return batching.options_of(self.row)

    def progress(self) -> int:
        """The share of its jobs that have gone well, in percent."""
        total = self.row.total_jobs
        return int(self.processed_jobs / total * 100 + 0.5) if total > 0 else 0

    def finished(self) -> bool:
        """True when all have gone well, or it was cancelled."""
        return self.row.finished_at is not None

    def cancelled(self) -> bool:
        """True when it was cancelled. Its jobs still come; they look, or use ``SkipIfBatchCancelled``."""
        return self.row.cancelled_at is not None

    def has_failures(self) -> bool:
        """True when a job failed."""
        return self.row.failed_jobs > 0

    def allows_failures(self) -> bool:
        """True when a failure does not cancel it."""
        return self.options.get(batching.ALLOW_FAILURES) is True

    def add(self, jobs: Iterable[Any]) -> Any:
        """The batch, read again after further jobs were put into it. Only a job of the batch may do that safely."""
        return self._means.drive(self._add(list(jobs)))

    def cancel(self) -> Any:
        """Cancel it."""
        return self._means.drive(self._cancel())

    def delete(self) -> Any:
        """True when it was there and is forgotten; its jobs are not touched."""
        return self._means.drive(self._means.services.need_batches("A batch").delete(self.id))

    def fresh(self) -> Any:
        """The batch, read again; None when it is gone."""
        return self._means.drive(self._fresh())

    def _fresh(self) -> Plan[Batch | None]:
        row = yield from self._means.services.need_batches("A batch").find(self.id)
        return None if row is None else Batch(row, self._means)

    def _add(self, jobs: list[Any]) -> Plan[Batch | None]:
        yield from batching.add(self._means.services, self.row, members_of(jobs))
        return (yield from self._fresh())

    def _cancel(self) -> Plan[None]:
        services = self._means.services
        yield from services.need_batches("A batch").cancel(self.id, int(services.clock()))
        yield Emit(BatchCancelled(self.id))

    def __repr__(self) -> str:
        return f"<Batch {self.id} {self.name!r} {self.processed_jobs}/{self.total_jobs}, {self.failed_jobs} failed>"


def find_batch(means: Means, id: str) -> Plan[Batch | None]:
    """The batch with that id, or None."""
    row = yield from means.services.need_batches("A batch").find(id)
    return None if row is None else Batch(row, means)


def _nothing() -> Plan[None]:
    yield from ()


def _flat(jobs: Iterable[Any]) -> Any:
    found: list[Any] = []
    for job in jobs:
        found += job if isinstance(job, list) else [job]
    return tuple(found)


def _command(job: Any) -> PhpObject:
    made = getattr(job, "as_command", None)
    return made() if callable(made) else command_of(job)


def _text(command: PhpObject) -> str:
    serialized = dumps(command)
    try:
        return serialized.decode()
    except UnicodeDecodeError:
        raise InvalidPayload(
            f"{command.class_name} holds text that is not UTF-8, so it cannot be in a chain."
        ) from None
