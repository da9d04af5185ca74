"""What happens to queues: pauses left in the cache, what ``monitor`` finds, and a store that takes no jobs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from lara_queue.events.base import Event

__all__ = [
    "QueueBusy",
    "QueueFailedOver",
    "QueuePaused",
    "QueueResumed",
    "QueuesPaused",
    "QueuesResumed",
]


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


@dataclass(frozen=True, slots=True)
class QueueFailedOver(Event):
    """A store did not take a job, and the next one is tried. ``connection`` is the kind of store that failed."""

    name: ClassVar[str] = "queue.failed_over"
    connection: str
    queue: str
    payload: bytes
    exception: BaseException
