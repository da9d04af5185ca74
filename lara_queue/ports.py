"""The seams: what a store of jobs, a store of failures and a cache must be able to do.

Everything above this module (attempts, worker, facades) talks to these protocols only. Every method is a *plan*
(see :mod:`lara_queue.plans`): it performs nothing by itself. Implementations live in ``drivers/``, ``failed/`` and
``cache/``; the conformance suite in :mod:`lara_queue.testing` holds them to the promises written here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, runtime_checkable

import msgspec

from lara_queue.plans import Plan

__all__ = [
    "BatchCounts",
    "BatchRow",
    "BatchStore",
    "Cache",
    "DeletesMany",
    "Driver",
    "FailedJob",
    "FailedStore",
    "Failure",
    "ListsQueues",
    "Reservation",
    "Sizes",
    "State",
    "Waiting",
]

State = Literal["pending", "delayed", "reserved"]


class Reservation(msgspec.Struct, frozen=True):
    """A job that is ours until ``expires_at``, or until we settle it.

    Attributes:
        queue: the bare queue name it came from.
        body: the payload as it was *before* this attempt was counted, byte for byte.
        attempts: how often it has been taken, this time included.
        receipt: proof of holding it, understood by its driver only.
        expires_at: Unix time in seconds at which others may take it, if the lease is not renewed.
        problem: why the store thinks the payload unusable (it is then buried), else None.
    """

    queue: str
    body: bytes
    attempts: int
    receipt: Any
    expires_at: float
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Sizes:
    """How many jobs of a queue are due now, due later, and in somebody's hands."""

    pending: int
    delayed: int
    reserved: int

    @property
    def total(self) -> int:
        """All of them: what ``queue:monitor`` and Laravel's ``size()`` count."""
        return self.pending + self.delayed + self.reserved


@dataclass(frozen=True, slots=True)
class Waiting:
    """A job seen from outside: its bytes, its state, and the Unix time that state is about.

    ``at`` is when a delayed job becomes due or a reservation runs out; None for a pending one.
    """

    state: State
    body: bytes
    at: float | None = None
    attempts: int | None = None
    id: str | None = None


class Driver(Protocol):
    """Where jobs wait. Never loses one, never hands one out twice while its lease lives."""

    name: str
    """The kind of store: ``redis``, ``memory``, ``database``; also Laravel's name for the connection by default."""

    retry_after: float
    """Length of a lease in seconds."""

    adds_id: bool
    """True when payloads of this store carry ``id`` and ``attempts`` (Redis); false when columns do (database)."""

    def push(self, queue: str, body: bytes, *, delay: float = 0) -> Plan[str | None]:
        """The store's own id for the job if it has one, after storing it to be due in ``delay`` seconds (≤ 0: now)."""
        ...

    def push_many(self, queue: str, bodies: Sequence[tuple[bytes, float]]) -> Plan[None]:
        """Store many (body, delay in seconds) in as few round trips as the store allows, in order."""
        ...

    def reserve(self, queues: Sequence[str], *, limit: int = 1, wait: float = 0) -> Plan[list[Reservation]]:
        """Up to ``limit`` jobs that are now ours, those of the first queue first.

        Due delayed jobs and run-out reservations are made ready first, in the same trip. With nothing to take it
        waits up to ``wait`` seconds for something to come (a delayed job coming due counts); ``wait`` 0 never waits.
        """
        ...

    def delete(self, taken: Reservation) -> Plan[bool]:
        """True when the job was still ours and is gone; False when the lease had been lost."""
        ...

    def release(self, taken: Reservation, *, delay: float = 0) -> Plan[bool]:
        """True when the job was still ours and is due again in ``delay`` seconds, this attempt counted.

        A negative delay counts as 0. False, and nothing changed, when the lease had been lost.
        """
        ...

    def give_back(self, taken: Reservation, *, delay: float = 0) -> Plan[bool]:
        """True when the job was still ours and waits again as if never taken: this attempt is not counted.

        It is ready at the head of its queue, or, with a ``delay`` in seconds, due after it.
        """
        ...

    def extend(self, taken: Sequence[Reservation]) -> Plan[list[bool]]:
        """For each job: True when it was still ours and now is for another ``retry_after`` seconds from now."""
        ...

    def sizes(self, queue: str) -> Plan[Sizes]:
        """The queue's three sizes."""
        ...

    def clear(self, queue: str) -> Plan[int]:
        """How many jobs were deleted, in every state."""
        ...

    def browse(self, queue: str, state: State, *, offset: int = 0, limit: int = 50) -> Plan[list[Waiting]]:
        """Jobs of one state in the order they will be taken, without taking them."""
        ...

    def ping(self) -> Plan[None]:
        """Nothing, when the store answers; raises :class:`~lara_queue.errors.StoreUnreachable` otherwise."""
        ...


@runtime_checkable
class DeletesMany(Protocol):
    """A :class:`Driver` that can delete many jobs in one step."""

    def delete_many(self, taken: Sequence[Reservation]) -> Plan[list[bool]]:
        """For each job as :meth:`Driver.delete`, asked for with the first effect."""
        ...


@runtime_checkable
class ListsQueues(Protocol):
    """A :class:`Driver` that can also tell which queues there are. Not every store can."""

    def queues(self) -> Plan[list[str]]:
        """The names of the queues that hold a job in any state, sorted.

        Raises :class:`~lara_queue.errors.StoreError` rather than answer some of them for all.
        """
        ...


@dataclass(frozen=True, slots=True)
class Failure:
    """What is recorded of a job that will not be tried again.

    Attributes:
        uuid: the payload's uuid, or a fresh one when the payload has none or cannot be read.
        connection: Laravel's connection name.
        queue: bare queue name.
        payload: the raw bytes, unchanged.
        exception: PHP-like text of the exception with its traceback.
        failed_at: Unix time in seconds.
        error_type, error_message: class name and message of the exception.
        attempts: attempts made; max_tries: attempts allowed, None for no limit.
        name: the job's display name, "" when unreadable.
    """

    uuid: str
    connection: str
    queue: str
    payload: bytes
    exception: str
    failed_at: float
    error_type: str = ""
    error_message: str = ""
    attempts: int = 0
    max_tries: int | None = None
    name: str = ""


@dataclass(frozen=True, slots=True)
class FailedJob:
    """One row of a failed-job store.

    Attributes:
        id: what the commands take: the uuid, or the row number (``database``).
        receipt: tells this record from a later one of the same job; understood by its store only.
    """

    id: str
    uuid: str | None
    connection: str
    queue: str
    payload: bytes
    exception: str
    failed_at: float
    receipt: Any = field(default=None, compare=False, repr=False)


class FailedStore(Protocol):
    """Where failures are kept. Mirrors ``Queue/Failed/FailedJobProviderInterface.php``."""

    name: str

    def record(self, failure: Failure) -> Plan[None]:
        """Keep it as the newest. A record with the same uuid is replaced: after a crash a failure is recorded twice,
        and a job that was put back may fail again before its first record is removed."""
        ...

    def all(self, *, queue: str | None = None, limit: int | None = None) -> Plan[list[FailedJob]]:
        """The failures, newest first."""
        ...

    def ids(self, *, queue: str | None = None) -> Plan[list[str]]:
        """The ids of the failures, newest first, without loading what is in them."""
        ...

    def find(self, id: str) -> Plan[FailedJob | None]:
        """The failure with that id, or None."""
        ...

    def forget(self, id: str) -> Plan[bool]:
        """True when there was one and it is gone."""
        ...

    def remove(self, failed: FailedJob) -> Plan[bool]:
        """True when that very record was there and is gone; one made later for the same job stays."""
        ...

    def flush(self, *, before: float | None = None) -> Plan[int]:
        """How many were deleted: all, or those that failed at or before that Unix time."""
        ...

    def prune(self, before: float) -> Plan[int]:
        """How many were deleted because they failed before that Unix time (``file``: or exactly at it)."""
        ...

    def count(self, *, queue: str | None = None) -> Plan[int]:
        """How many there are."""
        ...


class Cache(Protocol):
    """Laravel's cache store: signals, counters and locks, under Laravel's keys and encodings (protocol §6.10–6.12)."""

    name: str

    def get(self, key: str) -> Plan[Any]:
        """The value, decoded as PHP would, or None."""
        ...

    def get_many(self, keys: Sequence[str]) -> Plan[list[Any]]:
        """The values in order, in one round trip where the store can."""
        ...

    def put(self, key: str, value: Any, seconds: float | None = None) -> Plan[None]:
        """Store it for so many seconds, or forever."""
        ...

    def add(self, key: str, value: Any, seconds: float | None = None) -> Plan[bool]:
        """Store it only if there is none; True when stored."""
        ...

    def increment(self, key: str, by: int = 1) -> Plan[int]:
        """The number after adding ``by``, which may be negative; its expiry is kept.

        A missing key counts as 0 and is then kept for ever. Raises :class:`~lara_queue.errors.StoreError` for a value
        that is not a number.
        """
        ...

    def touch(self, key: str, seconds: float) -> Plan[bool]:
        """True when there is a value and it now lasts for so many seconds from now."""
        ...

    def forget(self, key: str) -> Plan[bool]:
        """True when there was one and it is gone."""
        ...

    def lock(self, name: str, owner: str, seconds: float = 0) -> Plan[bool]:
        """True when the lock is now ``owner``'s, for so many seconds (0: until released)."""
        ...

    def unlock(self, name: str, owner: str | None) -> Plan[bool]:
        """True when it was the owner's and is free; owner None frees it whoever holds it."""
        ...

    def refresh_lock(self, name: str, owner: str, seconds: float) -> Plan[bool]:
        """True when the lock is still the owner's and now is for so many seconds from now."""
        ...

    def lock_owner(self, name: str) -> Plan[str | None]:
        """Who holds the lock now, or None."""
        ...


@dataclass(frozen=True, slots=True)
class BatchRow:
    """One row of ``job_batches``, as it was when it was read.

    Attributes:
        id: a time-ordered UUID.
        name: "" when it has none.
        total_jobs, pending_jobs, failed_jobs: counts.
        failed_job_ids: uuids of the jobs that failed, each once.
        options: the PHP-serialized array, base64 undone; b"" when there is none.
        created_at, cancelled_at, finished_at: Unix times in seconds, or None.
    """

    id: str
    name: str
    total_jobs: int
    pending_jobs: int
    failed_jobs: int
    failed_job_ids: tuple[str, ...]
    options: bytes
    created_at: int
    cancelled_at: int | None = None
    finished_at: int | None = None


@dataclass(frozen=True, slots=True)
class BatchCounts:
    """The two counts of a batch right after a change."""

    pending_jobs: int
    failed_jobs: int

    @property
    def all_have_run_once(self) -> bool:
        """True when every job has ended once; Laravel's ``allJobsHaveRanExactlyOnce``."""
        return self.pending_jobs - self.failed_jobs == 0


class BatchStore(Protocol):
    """Where batches are kept. Mirrors ``Bus/BatchRepository.php`` (protocol §4.5)."""

    name: str

    def find(self, id: str) -> Plan[BatchRow | None]:
        """The batch, or None."""
        ...

    def all(self, *, limit: int = 50, before: str | None = None) -> Plan[list[BatchRow]]:
        """The newest batches first; those older than ``before`` when it is given."""
        ...

    def store(self, id: str, name: str, options: bytes, created_at: int) -> Plan[None]:
        """Keep a new batch, with zero counts."""
        ...

    def increment_total_jobs(self, id: str, count: int) -> Plan[None]:
        """Add jobs: total and pending rise, and it is not finished any more."""
        ...

    def decrement_pending_jobs(self, id: str, uuid: str) -> Plan[BatchCounts | None]:
        """The counts after a job's success; None when there is no such batch."""
        ...

    def increment_failed_jobs(self, id: str, uuid: str) -> Plan[BatchCounts | None]:
        """The counts after a job's failure; None when there is no such batch."""
        ...

    def mark_as_finished(self, id: str, at: int) -> Plan[None]:
        """Note when it was finished."""
        ...

    def cancel(self, id: str, at: int) -> Plan[None]:
        """Note when it was cancelled; it counts as finished, too."""
        ...

    def delete(self, id: str) -> Plan[bool]:
        """True when there was one and it is gone."""
        ...

    def prune(self, before: int, *, what: Literal["finished", "unfinished", "cancelled"] = "finished") -> Plan[int]:
        """How many were deleted: finished before that Unix time, or unfinished or cancelled and created before it."""
        ...
