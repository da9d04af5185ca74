"""Signals left in the cache for workers: restart, pause, maintenance; and the exception counters.

The keys are Laravel's: ``QueueManager``, ``Worker``, ``Console/RestartCommand`` and ``Console/PauseCommand``
(protocol §6.10), ``Worker::markJobAsFailedIfWillExceedMaxExceptions`` (§6.7).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lara_queue.events import QueuePaused, QueueResumed, QueuesPaused, QueuesResumed
from lara_queue.plans import Emit, Plan, together
from lara_queue.ports import Cache

__all__ = [
    "RESTART",
    "Signals",
    "Snapshot",
    "count_exception",
    "forget_exceptions",
    "pause",
    "paused_queues",
    "restart",
    "resume",
]

RESTART = "illuminate:queue:restart"
PAUSED_ALL = "illuminate:queues:paused"
DOWN = "illuminate:foundation:down"
EXCEPTIONS = "job-exceptions:"
ONE_DAY = 86400


def paused_key(connection: str, queue: str) -> str:
    """The key that is there while a queue is paused.

    >>> paused_key("redis", "default")
    'illuminate:queue:paused:redis:default'
    """
    return f"illuminate:queue:paused:{connection}:{queue}"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What the cache said at one moment.

    Attributes:
        restart: the restart value, whatever its type; None when there is none.
        paused_queues: the queues that are paused, all of them when everything is.
        down: the application is in maintenance mode.
    """

    restart: Any
    paused_queues: tuple[str, ...]
    down: bool

    def restarted_since(self, first: Snapshot) -> bool:
        """True when the restart value has changed, appeared or vanished; compared as loosely as PHP does.

        >>> Snapshot("17", (), False).restarted_since(Snapshot(17, (), False))
        False
        """
        return _loose(self.restart) != _loose(first.restart)


def _loose(value: Any) -> str | None:
    return None if value is None else str(value)


class Signals:
    """Reads the signals for one worker, in two round trips where the store can.

    Only the keys of single queues are read in one command: in a Redis cluster every other one lies elsewhere, and a
    command for keys of several slots is refused. Mirrors ``QueueManager::getPausedQueues``.

    Parameters:
        cache: the application's cache store, or None when it is not known.
        connection: Laravel's name of the queue connection.
        maintenance_file: the application's ``storage/framework/down``, or None.
        restartable: read the restart signal (``Worker::$restartable``).
        pausable: read the pauses (``Worker::$pausable``).
    """

    def __init__(
        self,
        cache: Cache | None,
        connection: str,
        maintenance_file: Path | None = None,
        *,
        restartable: bool = True,
        pausable: bool = True,
    ) -> None:
        self._cache = cache
        self._connection = connection
        self._file = maintenance_file
        self._restartable = restartable
        self._pausable = pausable

    @property
    def readable(self) -> bool:
        """True when there is anything to read."""
        return self._cache is not None or self._file is not None

    def read(self, queues: Sequence[str]) -> Plan[Snapshot]:
        """What is signalled to a worker of these queues now."""
        down = self._file is not None and self._file.exists()
        if self._cache is None:
            return Snapshot(None, (), down)
        maintenance = self._cache.get(DOWN)
        if self._restartable:
            restarted, is_down = yield from together(self._cache.get(RESTART), maintenance)
        else:
            restarted, is_down = None, (yield from maintenance)
        paused: list[str] = []
        if self._pausable:
            paused = yield from paused_queues(self._cache, self._connection, queues)
        return Snapshot(restarted, tuple(paused), down or is_down is not None)


def paused_queues(cache: Cache, connection: str, queues: Sequence[str]) -> Plan[list[str]]:
    """Those of the queues that are paused on the connection, in the order asked; all of them when everything is."""
    everything, each = yield from together(
        cache.get(PAUSED_ALL), cache.get_many([paused_key(connection, queue) for queue in queues])
    )
    return [queue for queue, flag in zip(queues, each, strict=True) if flag or everything]


def restart(cache: Cache, now: float) -> Plan[None]:
    """Have every worker stop after its job; ``queue:restart``. ``now`` is the Unix time in seconds."""
    yield from cache.put(RESTART, int(now))


def pause(cache: Cache, connection: str, queue: str | None, seconds: float | None = None) -> Plan[None]:
    """Have no jobs taken from a queue, or from any when it is None; forever, or for so many seconds."""
    if queue is None:
        yield from cache.put(PAUSED_ALL, True, seconds)
        yield Emit(QueuesPaused())
    else:
        yield from cache.put(paused_key(connection, queue), True, seconds)
        yield Emit(QueuePaused(connection, queue, seconds))


def resume(cache: Cache, connection: str, queue: str | None) -> Plan[bool]:
    """True when it was paused; the global pause and those of single queues are lifted separately."""
    there_was = yield from cache.forget(PAUSED_ALL if queue is None else paused_key(connection, queue))
    yield Emit(QueuesResumed() if queue is None else QueueResumed(connection, queue))
    return there_was


def count_exception(cache: Cache, uuid: str) -> Plan[int]:
    """How many exceptions the job with that uuid has had, this one included; remembered for a day."""
    if not (yield from cache.get(EXCEPTIONS + uuid)):
        yield from cache.put(EXCEPTIONS + uuid, 0, ONE_DAY)
    return (yield from cache.increment(EXCEPTIONS + uuid))


def forget_exceptions(cache: Cache, uuid: str) -> Plan[bool]:
    """Count anew; done when the job fails."""
    return (yield from cache.forget(EXCEPTIONS + uuid))
