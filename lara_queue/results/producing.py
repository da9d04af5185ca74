"""Who notes that a job has been pushed, so that its result is ``pending`` and not unknown."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from lara_queue.errors import StoreError
from lara_queue.plans import Plan
from lara_queue.producer import Producer, PushOptions
from lara_queue.results.notes import write_first
from lara_queue.results.recording import Recorder, logger
from lara_queue.results.values import Result

__all__ = ["NotingProducer"]


class NotingProducer(Producer):
    """A producer that notes every job it has pushed."""

    recorder: Recorder | None = None

    @classmethod
    def of(cls, producer: Producer, recorder: Recorder) -> NotingProducer:
        """The same producer, noting what it pushes."""
        made = cls.__new__(cls)
        made.__dict__.update(producer.__dict__)
        made.recorder = recorder
        return made

    def push(self, name: Any, data: Any = None, options: PushOptions | None = None) -> Plan[str]:
        """The uuid of the job, after it was stored and noted."""
        uuid = yield from super().push(name, data, options)
        yield from self._note([uuid], options)
        return uuid

    def bulk(self, jobs: Iterable[Any], options: PushOptions | None = None) -> Plan[list[str]]:
        """The uuids of many jobs, after they were stored and noted."""
        uuids = yield from super().bulk(jobs, options)
        yield from self._note(uuids, options)
        return uuids

    def _note(self, uuids: list[str], options: PushOptions | None) -> Plan[None]:
        recorder = self.recorder
        if recorder is None or recorder.cache is None or recorder.seconds is None:
            return
        if options is not None and options.get("connection") is not None:
            return  # there is no job before the caller's transaction is committed, and perhaps never
        try:
            for uuid in filter(None, uuids):  # a job skipped as not unique has none
                yield from write_first(recorder.cache, Result(uuid, "pending", at=self.clock()), recorder.seconds)
        except StoreError as error:  # the jobs are pushed, whatever becomes of the note
            logger.warning("It could not be noted that %d jobs were pushed: %s", len(uuids), error)
