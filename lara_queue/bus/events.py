"""What happens around jobs: batches, unique and debounced jobs. Continues :mod:`lara_queue.events`.

==========================  ============================  ================================================
Name                        Fields                        When (Laravel's event)
==========================  ============================  ================================================
job.debounced               job                           a newer push has taken its place (JobDebounced)
job.skipped                 job, key                      a unique job was not pushed (UniqueJobSkipped)
batch.dispatched            batch_id                      stored, and its jobs pushed (BatchDispatched)
batch.started               batch_id, job                 the first of its jobs has ended (BatchStarted)
batch.finished              batch_id, job                 the last one has gone well (BatchFinished)
batch.cancelled             batch_id                      by its first failure, or by somebody
bus.callback_skipped        what, batch_id, reason        a PHP callback that nobody could be asked to run
==========================  ============================  ================================================
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from lara_queue.events import Event

if TYPE_CHECKING:
    from lara_queue.job import Job

__all__ = [
    "BatchCancelled",
    "BatchDispatched",
    "BatchFinished",
    "BatchStarted",
    "CallbackSkipped",
    "JobDebounced",
    "JobSkipped",
]


@dataclass(frozen=True, slots=True)
class JobDebounced(Event):
    """A newer push of the same debounced job has taken its place; it was not run."""

    name: ClassVar[str] = "job.debounced"
    job: Job


@dataclass(frozen=True, slots=True)
class JobSkipped(Event):
    """A unique job was not pushed, because its lock ``key`` is held. ``job`` is its class."""

    name: ClassVar[str] = "job.skipped"
    job: str
    key: str


@dataclass(frozen=True, slots=True)
class BatchDispatched(Event):
    """A batch was stored and its jobs were pushed."""

    name: ClassVar[str] = "batch.dispatched"
    batch_id: str


@dataclass(frozen=True, slots=True)
class BatchStarted(Event):
    """The first job of a batch has ended."""

    name: ClassVar[str] = "batch.started"
    batch_id: str
    job: Job


@dataclass(frozen=True, slots=True)
class BatchFinished(Event):
    """The last job of a batch has gone well."""

    name: ClassVar[str] = "batch.finished"
    batch_id: str
    job: Job


@dataclass(frozen=True, slots=True)
class BatchCancelled(Event):
    """A batch was cancelled."""

    name: ClassVar[str] = "batch.cancelled"
    batch_id: str


@dataclass(frozen=True, slots=True)
class CallbackSkipped(Event):
    """A callback of a chain or a batch was not called, and why."""

    name: ClassVar[str] = "bus.callback_skipped"
    what: str
    batch_id: str | None
    reason: str
