"""What happens to a worker."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from lara_queue.events.base import Event

if TYPE_CHECKING:
    from lara_queue.options import WorkerOptions

__all__ = [
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
