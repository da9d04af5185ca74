"""What happens to a job: on its way into the store, while it runs, and afterwards."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from lara_queue.events.base import Event

if TYPE_CHECKING:
    from lara_queue.job import Job
    from lara_queue.ports import FailedJob

__all__ = [
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
    "JobRetryRequested",
    "JobReturned",
    "JobTimedOut",
    "PushEvent",
]


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
class JobRetryRequested(Event):
    """A failed job is about to go back to its queue; ``job`` is its record, as it was read from the store."""

    name: ClassVar[str] = "job.retry_requested"
    job: FailedJob
