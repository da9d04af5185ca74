"""Everything that can happen, one small frozen class each, under the name to listen for.

Listeners are added with ``queue.on(name)`` and get the event object. They are told; they do not decide: what a
listener returns is ignored, and one that raises is logged and forgotten. Two may have their say all the same, as in
Laravel: one of ``worker.looping`` that returns False keeps the worker from taking a job this time, and one of
``job.processing`` that deletes or fails the job keeps its handler from running.

============================  ==================================  ==============================================
Name                          Fields                              When (Laravel's event)
============================  ==================================  ==============================================
job.queueing                  queue, payload, delay, connection,  before a job is stored (JobQueueing)
                              job
job.queued                    queue, payload, delay, id,          after it was stored (JobQueued)
                              connection, job
job.popping                   connection, queue                   about to look for a job (JobPopping)
job.popped                    job                                 one was taken (JobPopped)
job.processing                job                                 it is about to run (JobProcessing)
job.processed                 job                                 it ran, or had been deleted (JobProcessed)
job.released                  job, delay                          its handler released it (JobReleased)
job.exception_occurred        job, exception                      its handler raised (JobExceptionOccurred)
job.released_after_exception  job, delay, exception               it goes back after an exception (same name)
job.failed                    job, exception                      it is recorded as failed and gone (JobFailed)
job.timed_out                 job, timeout                        its time was up (JobTimedOut)
job.attempted                 job, exception                      one attempt is over (JobAttempted)
job.lease_lost                job                                 somebody else had taken it; nothing settled
job.returned                  job                                 given back unharmed, no attempt used
worker.starting               queues, connection, options         the worker begins (WorkerStarting)
worker.looping                queues, connection, options         about to look for work (Looping)
worker.idle                   queues, connection, options         there was none (WorkerIdle)
worker.interrupted            signal, queues, connection          TERM, INT or QUIT came (WorkerInterrupted)
worker.paused                 signal                              USR2 (WorkerPausing)
worker.resumed                signal                              CONT (WorkerResuming)
worker.queue_paused           connection, queue                   it saw a pause in the cache (WorkerQueuePaused)
worker.queue_resumed          connection, queue                   it saw the pause lifted (WorkerQueueResumed)
worker.unreachable            error                               the store went away
worker.recovered              seconds                             the store is back, after so many seconds
worker.stopping               reason, exit_code, jobs,            the worker ends (WorkerStopping)
                              last_job_at, memory, options
queue.paused                  connection, queue, seconds          a pause was left in the cache (QueuePaused)
queue.resumed                 connection, queue                   it was lifted (QueueResumed)
queues.paused                                                     a pause of all queues (QueuesPaused)
queues.resumed                                                    it was lifted (QueuesResumed)
queue.busy                    queue, size, connection             ``monitor`` found it too long (QueueBusy)
============================  ==================================  ==============================================
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from lara_queue.job import Job
    from lara_queue.options import WorkerOptions

__all__ = [
    "Event",
    "JobAttempted",
    "JobEvent",
    "JobExceptionOccurred",
    "JobFailed",
    "JobLeaseLost",
    "JobPopped",
    "JobPopping",
    "JobProcessed",
    "JobProcessing",
    "JobQueued",
    "JobQueueing",
    "JobReleased",
    "JobReleasedAfterException",
    "JobReturned",
    "JobTimedOut",
    "PushEvent",
    "QueueBusy",
    "QueuePaused",
    "QueueResumed",
    "QueuesPaused",
    "QueuesResumed",
    "WorkerEvent",
    "WorkerIdle",
    "WorkerInterrupted",
    "WorkerLooping",
    "WorkerPaused",
    "WorkerQueuePaused",
    "WorkerQueueResumed",
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
class PushEvent(Event):
    """A job on its way into the store: ``payload`` is its JSON, ``delay`` seconds or None.

    ``queue`` is None when the caller named none, as in Laravel.
    """

    queue: str | None
    payload: bytes
    delay: float | None = None

    def decoded(self) -> Any:
        """The payload as JSON reads it.

        >>> JobQueueing(None, b'{"uuid":"u-1"}').decoded()["uuid"]
        'u-1'
        """
        return json.loads(self.payload)


@dataclass(frozen=True, slots=True)
class JobQueueing(PushEvent):
    """A job is about to be stored; ``job`` is what was pushed: a name, or a typed job (None for ``push_raw``)."""

    name: ClassVar[str] = "job.queueing"
    connection: str = ""
    job: Any = None


@dataclass(frozen=True, slots=True)
class JobQueued(PushEvent):
    """A job was stored; ``id`` is its uuid, or for ``push_raw`` the store's own id."""

    name: ClassVar[str] = "job.queued"
    id: str | None = None
    connection: str = ""
    job: Any = None


@dataclass(frozen=True, slots=True)
class JobPopping(Event):
    """The worker is about to look for a job; ``queue`` is the comma list it was told."""

    name: ClassVar[str] = "job.popping"
    connection: str
    queue: str


@dataclass(frozen=True, slots=True)
class JobEvent(Event):
    """Something happened to ``job``."""

    job: Job

    @property
    def connection(self) -> str:
        """Laravel's name of the connection the job came from."""
        return self.job.connection


@dataclass(frozen=True, slots=True)
class JobPopped(JobEvent):
    """A job was taken from its queue."""

    name: ClassVar[str] = "job.popped"


@dataclass(frozen=True, slots=True)
class JobProcessing(JobEvent):
    """A job is about to run. A listener may still delete or fail it."""

    name: ClassVar[str] = "job.processing"


@dataclass(frozen=True, slots=True)
class JobProcessed(JobEvent):
    """A job ran without raising."""

    name: ClassVar[str] = "job.processed"


@dataclass(frozen=True, slots=True)
class JobReleased(JobEvent):
    """A job's handler released it; it is due again in ``delay`` seconds."""

    name: ClassVar[str] = "job.released"
    delay: float = 0


@dataclass(frozen=True, slots=True)
class JobExceptionOccurred(JobEvent):
    """A job's handler raised."""

    name: ClassVar[str] = "job.exception_occurred"
    exception: BaseException


@dataclass(frozen=True, slots=True)
class JobReleasedAfterException(JobEvent):
    """A job goes back after an exception; it is due again in ``delay`` seconds (Laravel's ``backoff``)."""

    name: ClassVar[str] = "job.released_after_exception"
    delay: float = 0
    exception: BaseException | None = None


@dataclass(frozen=True, slots=True)
class JobFailed(JobEvent):
    """A job will not be tried again; the failure is recorded and the job is gone from its queue."""

    name: ClassVar[str] = "job.failed"
    exception: BaseException


@dataclass(frozen=True, slots=True)
class JobTimedOut(JobEvent):
    """A job's time was up: ``timeout`` seconds."""

    name: ClassVar[str] = "job.timed_out"
    timeout: float | None = None


@dataclass(frozen=True, slots=True)
class JobAttempted(JobEvent):
    """One attempt is over; ``exception`` is None when it went well."""

    name: ClassVar[str] = "job.attempted"
    exception: BaseException | None = None

    @property
    def successful(self) -> bool:
        """True when nothing was raised and the job has not been failed."""
        return self.exception is None and not self.job.has_failed


@dataclass(frozen=True, slots=True)
class JobLeaseLost(JobEvent):
    """The job was no longer ours when it was to be settled, so nothing was settled."""

    name: ClassVar[str] = "job.lease_lost"


@dataclass(frozen=True, slots=True)
class JobReturned(JobEvent):
    """The job was given back as if never taken: the worker stops, or has no handler for it."""

    name: ClassVar[str] = "job.returned"


@dataclass(frozen=True, slots=True)
class WorkerEvent(Event):
    """Something about a worker of ``queues``, in order of priority."""

    queues: tuple[str, ...]
    connection: str = ""
    options: WorkerOptions | None = None


@dataclass(frozen=True, slots=True)
class WorkerStarting(WorkerEvent):
    """The worker begins."""

    name: ClassVar[str] = "worker.starting"


@dataclass(frozen=True, slots=True)
class WorkerLooping(WorkerEvent):
    """The worker is about to look for work; a listener that returns False keeps it from it this time."""

    name: ClassVar[str] = "worker.looping"


@dataclass(frozen=True, slots=True)
class WorkerIdle(WorkerEvent):
    """The worker found nothing to do."""

    name: ClassVar[str] = "worker.idle"


@dataclass(frozen=True, slots=True)
class WorkerInterrupted(Event):
    """A signal asks the worker to stop; ``signal`` is its number."""

    name: ClassVar[str] = "worker.interrupted"
    signal: int
    queues: tuple[str, ...] = ()
    connection: str = ""


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
class WorkerQueuePaused(Event):
    """The worker has seen in the cache that one of its queues is paused."""

    name: ClassVar[str] = "worker.queue_paused"
    connection: str
    queue: str


@dataclass(frozen=True, slots=True)
class WorkerQueueResumed(Event):
    """The worker has seen that one of its queues is paused no longer."""

    name: ClassVar[str] = "worker.queue_resumed"
    connection: str
    queue: str


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
    """The worker ends, and why.

    ``jobs`` is how many it ran, ``last_job_at`` the Unix time when the last one ended (None when there was none), and
    ``memory`` what counts against its memory limit, in mebibytes.
    """

    name: ClassVar[str] = "worker.stopping"
    reason: str
    exit_code: int = 0
    jobs: int = 0
    last_job_at: float | None = None
    memory: float = 0
    options: WorkerOptions | None = None


@dataclass(frozen=True, slots=True)
class QueuePaused(Event):
    """A pause of one queue was left in the cache, for ``seconds`` or until it is lifted (None)."""

    name: ClassVar[str] = "queue.paused"
    connection: str
    queue: str
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class QueueResumed(Event):
    """The pause of one queue was lifted."""

    name: ClassVar[str] = "queue.resumed"
    connection: str
    queue: str


@dataclass(frozen=True, slots=True)
class QueuesPaused(Event):
    """A pause of all queues of all connections was left in the cache."""

    name: ClassVar[str] = "queues.paused"


@dataclass(frozen=True, slots=True)
class QueuesResumed(Event):
    """The pause of all queues was lifted; those of single queues were not."""

    name: ClassVar[str] = "queues.resumed"


@dataclass(frozen=True, slots=True)
class QueueBusy(Event):
    """``monitor`` found a queue at or over its limit."""

    name: ClassVar[str] = "queue.busy"
    queue: str
    size: int
    connection: str = ""
