"""What a queue object of either face has for schedules; running them is in the two faces."""

from __future__ import annotations

from datetime import UTC, tzinfo
from typing import Any

from lara_queue.clock import new_uuid
from lara_queue.producer import Producer
from lara_queue.schedule.entries import entry
from lara_queue.schedule.runner import Scheduler
from lara_queue.schedule.ticks import Missed

__all__ = ["Scheduled"]


class Scheduled:
    """Takes what is to be pushed by the clock."""

    queue: str
    _producer: Producer
    _scheduler: Scheduler

    def cron(
        self,
        expression: str,
        name: Any,
        data: Any = None,
        *,
        timezone: str | tzinfo = UTC,
        queue: str | None = None,
        missed: Missed = "skip",
        key: str | None = None,
        **options: Any,
    ) -> None:
        """Have a job pushed whenever a cron expression says so, for as long as a worker of this queue listens.

        Every worker may carry the same schedule: one of them leads and pushes each tick once; when it dies, another
        does within half a minute. Needs ``cache=`` and the extra ``schedule``.

        Parameters:
            expression: five fields, six with seconds in front, or ``@hourly``, ``@daily``, ``@weekly``, ``@monthly``,
                ``@yearly``.
            name, data, options: as for :meth:`push`. The payload gets ``scheduledFor``, the Unix time of the tick.
            timezone: a name such as ``Europe/Berlin``, or a tzinfo. What is set to a time of day that the clocks jump
                over runs right after; what is set to one that comes twice runs once.
            queue: another queue's bare name; it beats what the job says itself.
            missed: what becomes of ticks while no worker was there: ``skip`` them, push ``once`` for all of them, or
                ``all`` of them one by one.
            key: tells the entry from another of the same expression, queue and job name.

        Raises :class:`~lara_queue.errors.ConfigurationError` for an expression that is none, without a cache, or for
        the same entry twice; :class:`~lara_queue.errors.InvalidPayload` for a job that could not be pushed.
        """
        given: Any = {**options, "queue": queue or options.get("queue") or self.queue}
        self._producer.payload(name, data, given, uuid=new_uuid(), delay=None)  # rather now than at three at night
        self._scheduler.add(
            entry(
                expression,
                name,
                data,
                queue=given["queue"],
                timezone=timezone,
                missed=missed,
                key=key,
                options=given,
            )
        )
