"""Everything that can happen, one small frozen class each, under the name to listen for.

Listeners are added with ``queue.on(name)`` and get the event object. They are told; they never decide: what a
listener returns is ignored, and one that raises is logged and forgotten.

==========================  ============================  ================================================
Name                        Fields                        When (Laravel's event)
==========================  ============================  ================================================
job.queueing                queue, payload, delay         before a job is stored (JobQueueing)
job.queued                  queue, payload, delay, id     after it was stored (JobQueued)
job.processing              job                           a job is about to run (JobProcessing)
job.processed               job                           it ran, or had been deleted (JobProcessed)
job.exception_occurred      job, exception                its handler raised (JobExceptionOccurred)
job.released                job, delay                    the handler released it (JobReleased)
job.released_after_exception  job, delay                  it goes back after an exception (same name)
job.failed                  job, exception                it is recorded as failed and gone (JobFailed)
job.timed_out               job                           its time was up (JobTimedOut)
job.attempted               job, exception                one attempt is over, well or badly (JobAttempted)
job.lease_lost              job                           somebody else had taken it meanwhile; nothing settled
job.returned                job                           given back unharmed, no attempt used
worker.starting             queues                        the worker begins (WorkerStarting)
worker.looping              queues                        it is about to look for work (Looping)
worker.paused               signal                        USR2, or a pause of all queues
worker.resumed              signal                        CONT, or the pause was lifted
worker.unreachable          error                         the store went away
worker.recovered            seconds                       the store is back, after so many seconds
worker.stopping             reason, exit_code             the worker ends (WorkerStopping)
queue.busy                  queue, size                   ``monitor`` found it at or over the limit (QueueBusy)
==========================  ============================  ================================================
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from lara_queue.job import Job

__all__ = [
    "Event",
    "JobAttempted",
    "JobExceptionOccurred",
    "JobFailed",
    "JobLeaseLost",
    "JobProcessed",
    "JobProcessing",
    "JobQueued",
    "JobQueueing",
    "JobReleased",
    "JobReleasedAfterException",
    "JobReturned",
    "JobTimedOut",
    "QueueBusy",
    "WorkerLooping",
    "WorkerPaused",
    "WorkerRecovered",
    "WorkerResumed",
    "WorkerStarting",
    "WorkerStopping",
    "WorkerUnreachable",
]


@dataclass(frozen=True, slots=True)
class Event:
    """What every event has: the ``name`` its listeners are registered under."""

    name: ClassVar[str] = ""


@dataclass(frozen=True, slots=True)
class JobQueueing(Event):
    """A job is about to be stored. ``payload`` is its JSON, ``delay`` seconds or None."""

    name: ClassVar[str] = "job.queueing"
    queue: str
    payload: bytes
    delay: float | None = None


@dataclass(frozen=True, slots=True)
class JobQueued(Event):
    """A job was stored; ``id`` is its uuid."""

    name: ClassVar[str] = "job.queued"
    queue: str
    payload: bytes
    delay: float | None = None
    id: str | None = None


@dataclass(frozen=True, slots=True)
class JobProcessing(Event):
    """A job is about to run."""

    name: ClassVar[str] = "job.processing"
    job: Job


@dataclass(frozen=True, slots=True)
class JobProcessed(Event):
    """A job ran without raising."""

    name: ClassVar[str] = "job.processed"
    job: Job


@dataclass(frozen=True, slots=True)
class JobExceptionOccurred(Event):
    """A job's handler raised."""

    name: ClassVar[str] = "job.exception_occurred"
    job: Job
    exception: BaseException


@dataclass(frozen=True, slots=True)
class JobReleased(Event):
    """A job's handler released it; it is due again in ``delay`` seconds."""

    name: ClassVar[str] = "job.released"
    job: Job
    delay: float = 0


@dataclass(frozen=True, slots=True)
class JobReleasedAfterException(Event):
    """A job goes back after an exception; it is due again in ``delay`` seconds."""

    name: ClassVar[str] = "job.released_after_exception"
    job: Job
    delay: float = 0


@dataclass(frozen=True, slots=True)
class JobFailed(Event):
    """A job will not be tried again; the failure is recorded and the job is gone from its queue."""

    name: ClassVar[str] = "job.failed"
    job: Job
    exception: BaseException


@dataclass(frozen=True, slots=True)
class JobTimedOut(Event):
    """A job's time was up."""

    name: ClassVar[str] = "job.timed_out"
    job: Job


@dataclass(frozen=True, slots=True)
class JobAttempted(Event):
    """One attempt is over; ``exception`` is None when it went well."""

    name: ClassVar[str] = "job.attempted"
    job: Job
    exception: BaseException | None = None


@dataclass(frozen=True, slots=True)
class JobLeaseLost(Event):
    """The job was no longer ours when it was to be settled, so nothing was settled."""

    name: ClassVar[str] = "job.lease_lost"
    job: Job


@dataclass(frozen=True, slots=True)
class JobReturned(Event):
    """The job was given back as if never taken: the worker stops, or has no handler for it."""

    name: ClassVar[str] = "job.returned"
    job: Job


@dataclass(frozen=True, slots=True)
class WorkerStarting(Event):
    """The worker begins."""

    name: ClassVar[str] = "worker.starting"
    queues: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class WorkerLooping(Event):
    """The worker is about to look for work."""

    name: ClassVar[str] = "worker.looping"
    queues: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class WorkerPaused(Event):
    """The worker takes no jobs until it is resumed."""

    name: ClassVar[str] = "worker.paused"
    signal: str


@dataclass(frozen=True, slots=True)
class WorkerResumed(Event):
    """The worker takes jobs again."""

    name: ClassVar[str] = "worker.resumed"
    signal: str


@dataclass(frozen=True, slots=True)
class WorkerUnreachable(Event):
    """The store went away; told once, not at every attempt to reach it."""

    name: ClassVar[str] = "worker.unreachable"
    error: BaseException


@dataclass(frozen=True, slots=True)
class WorkerRecovered(Event):
    """The store is back after so many seconds."""

    name: ClassVar[str] = "worker.recovered"
    seconds: float


@dataclass(frozen=True, slots=True)
class WorkerStopping(Event):
    """The worker ends, and why."""

    name: ClassVar[str] = "worker.stopping"
    reason: str
    exit_code: int = 0


@dataclass(frozen=True, slots=True)
class QueueBusy(Event):
    """``monitor`` found a queue at or over its limit."""

    name: ClassVar[str] = "queue.busy"
    queue: str
    size: int
