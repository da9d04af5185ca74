"""Chains and batches being put together: what ``queue.chain()`` and ``queue.batch()`` give.

Mirrors ``Foundation/Bus/PendingChain.php`` and ``Bus/PendingBatch.php``. The same objects serve both
faces: what performs something is handed to ``drive``, so under ``AsyncQueue`` it is awaited.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any

from lara_queue.bus import batching, recording
from lara_queue.bus.batch import Batch, Means, context_of_current
from lara_queue.bus.building import chained_batch, command_of, member_of, members_of, wanted
from lara_queue.bus.chains import with_chain
from lara_queue.bus.closures import Callback, callback_to_push
from lara_queue.bus.commands import Chain, chain_of, changed, settings_of
from lara_queue.bus.dispatch import ready
from lara_queue.errors import InvalidPayload
from lara_queue.job import Job
from lara_queue.laravel import names
from lara_queue.php import PhpObject, dumps
from lara_queue.plans import Plan

__all__ = ["Batch", "PendingBatch", "PendingChain", "grow_chain"]


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

    def _callback(self, job: Any, *, repeated: bool = False) -> PhpObject:
        """The closure that stands for a job which is to be pushed by whoever gets there, perhaps several times."""
        if callable(job) and not isinstance(job, tuple | str):
            raise InvalidPayload("A callback is a job, not a function: a name, (name, data) or a typed job.")
        services = self._means.services
        made = ready(services, command_of(job), connection=self._connection, queue=self._queue)
        renew = tuple(one for one in (made.uuid, made.id) if one) if repeated else ()
        callback = Callback(made.body, made.queue, made.connection, delay=made.delay, renew=renew)
        return callback_to_push(callback, services.key)


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
        self.jobs: list[Any] = wanted(jobs)
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
        first, *rest = (member_of(job) for job in self.jobs)
        catch = tuple(self._callback(job) for job in self._catch)
        said = settings_of(first)
        chain = Chain(tuple(serialized(one) for one in rest), self._connection, self._queue, catch)
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
        self.jobs: list[Any] = wanted(jobs)
        self._name = ""
        self._options: dict[str, Any] = {}
        self._callbacks: list[tuple[str, Any]] = []

    def add(self, *jobs: Any) -> PendingBatch:
        """Further jobs; a list is a chain."""
        self.jobs += wanted(jobs)
        return self

    def name(self, name: str) -> PendingBatch:
        """What people call it."""
        self._name = name
        return self

    def allow_failures(self, allow: bool | Any = True, *jobs: Any) -> PendingBatch:
        """A failure does not cancel it. Jobs given here are pushed after each failure, as with :meth:`failure`."""
        self._options[recording.ALLOW_FAILURES] = allow is not False
        for job in (() if isinstance(allow, bool) else _flat([allow])) + tuple(jobs):
            self.failure(job)
        return self

    def before(self, job: Any) -> PendingBatch:
        """The job to push when the batch is stored and before its jobs are pushed."""
        return self._on(recording.BEFORE, job)

    def progress(self, job: Any) -> PendingBatch:
        """The job to push after each of its jobs that went well, or failed and may."""
        return self._on(recording.PROGRESS, job)

    def then(self, job: Any) -> PendingBatch:
        """The job to push when all have gone well."""
        return self._on(recording.THEN, job)

    def catch(self, job: Any) -> PendingBatch:
        """The job to push at the first failure."""
        return self._on(recording.CATCH, job)

    def failure(self, job: Any) -> PendingBatch:
        """The job to push at each failure, where failures are allowed."""
        return self._on(recording.FAILURE, job)

    def finally_(self, job: Any) -> PendingBatch:
        """The job to push when every job has ended once, well or badly."""
        return self._on(recording.FINALLY, job)

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
        id = batching.batch_id_at(services.clock())
        row = yield from batching.open_batch(
            services, id, self._name, self.options(), members_of(self.jobs), context=context_of_current()
        )
        return Batch(row, self._means)

    def options(self) -> dict[str, Any]:
        """What is stored with it: settings, and the callbacks as closures that push their jobs."""
        options: dict[str, Any] = {}
        for kind, job in self._callbacks:
            options.setdefault(kind, []).append(self._callback(job, repeated=kind in recording.REPEATED))
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


def grow_chain(job: Job | None, jobs: Iterable[Any], *, in_front: bool) -> None:
    """Put jobs into the chain of the job that is being handled, at its front or its end.

    They are pushed when it has gone well. An attempt that fails takes them along into oblivion, and the next one may
    put them there again. Mirrors ``Bus/Queueable.php`` ``prependToChain`` and ``appendToChain``.

    Raises :class:`~lara_queue.errors.InvalidPayload` outside a handler, and in that of a string job.
    """
    command = job.command if job is not None else None
    if job is None or command is None:
        raise InvalidPayload("Only the handler of a job object has a chain to put jobs into; use chain() elsewhere.")
    new = [serialized(member_of(one)) for one in _flat(jobs)]
    now = list(chain_of(command).rest)
    command.__php_vars__[names.CHAINED] = [*new, *now] if in_front else [*now, *new]
    job.grown = True


def _nothing() -> Plan[None]:
    yield from ()


def _flat(jobs: Iterable[Any]) -> Any:
    found: list[Any] = []
    for job in jobs:
        found += job if isinstance(job, list) else [job]
    return tuple(wanted(found))


def serialized(command: PhpObject) -> str:
    """A member as it stands in the job before it; raises :class:`~lara_queue.errors.InvalidPayload` for what cannot."""
    text = dumps(command)
    try:
        return text.decode()
    except UnicodeDecodeError:
        raise InvalidPayload(
            f"{command.class_name} holds text that is not UTF-8, so it cannot be in a chain."
        ) from None
