"""Log records that say which job they are about, and a formatter that writes them as JSON.

Every record of the logger ``lara_queue`` that is about a job has these attributes, for any formatter: ``job_id``,
``job_uuid``, ``job_name``, ``job_queue``, ``job_connection``, ``job_attempts``, ``job_status`` and, once the handler
has ended, ``job_runtime`` in seconds. :class:`JobFilter` adds them to other loggers' records, so that a line written
inside a handler tells which job it was written for; they are absent where there is no job.

``job_status`` is ``processing`` while the handler runs; afterwards it is ``success``, ``released``, ``failed``,
``released_after_exception`` or ``lease_lost``, where they exist the words of ``queue:work --json``.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Mapping, Sequence, Set
from datetime import datetime, timezone
from typing import Any, Final

from lara_queue.emitter import AsyncEmitter, Emitter
from lara_queue.errors import PayloadError
from lara_queue.events import JobAttempted, JobLeaseLost, JobProcessed, JobProcessing, JobReturned
from lara_queue.job import Job, current_job

__all__ = ["JobFilter", "JobLog", "JsonFormatter", "job_fields", "log_jobs"]

PROCESSING: Final = "processing"
"""The status of a job whose handler runs."""


def job_fields(job: Job, *, status: str | None = None, runtime: float | None = None) -> dict[str, Any]:
    """What a log record says of a job, for ``extra=``; never raises, whatever the job's bytes are.

    Parameters:
        job: any job.
        status: how it stands, see above.
        runtime: seconds its handler took.

    >>> from lara_queue.ports import Reservation
    >>> job = Job(Reservation("mail", b'{"job":"Send@now","uuid":"u-1"}', 2, None, 0))
    >>> fields = job_fields(job, status="failed")
    >>> fields["job_name"], fields["job_uuid"], fields["job_queue"], fields["job_attempts"], fields["job_status"]
    ('Send@now', 'u-1', 'mail', 2, 'failed')
    """
    fields: dict[str, Any] = {"job_id": None, "job_uuid": None, "job_name": None}
    try:
        fields = {"job_id": job.id, "job_uuid": job.uuid, "job_name": job.envelope.display_name}
        fields["job_name"] = job.name
    except PayloadError:
        pass  # what can be told of an unreadable job is told
    fields |= {"job_queue": job.queue, "job_connection": job.connection, "job_attempts": job.attempts}
    if status is not None:
        fields["job_status"] = status
    if runtime is not None:
        fields["job_runtime"] = round(runtime, 6)
    return fields


class JobFilter(logging.Filter):
    """Adds the job's fields to records; add it to a *handler*, so that it sees the records of every logger.

    The job is the one that the message mentions, else the one whose handler is running. Lets every record pass.

    >>> handler = logging.StreamHandler()
    >>> handler.addFilter(JobFilter())
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """True, always; a record about a job has its fields afterwards."""
        if hasattr(record, "job_queue"):
            return True
        running = current_job.get()
        # logging hands a single argument that is a mapping, as jobs are, through as it is.
        arguments = (record.args,) if isinstance(record.args, Job) else record.args or ()
        job = next((each for each in arguments if isinstance(each, Job)), running)
        if job is not None:
            record.__dict__.update(job_fields(job, status=PROCESSING if job is running else None))
        return True


logger = logging.getLogger("lara_queue")
logger.addFilter(JobFilter())  # of all our own records, wherever they are handled


class JobLog:
    """The writing of those lines, until :meth:`stop` or the end of a ``with`` block; made by :func:`log_jobs`."""

    def __init__(self, emitter: Emitter | AsyncEmitter) -> None:
        self._emitter = emitter
        self._began: dict[int, float] = {}
        self._listeners: dict[str, Callable[[Any], None]] = {
            JobProcessing.name: self._processing,
            JobProcessed.name: self._processed,
            JobAttempted.name: self._over,
            JobReturned.name: self._over,
            JobLeaseLost.name: self._over,
        }
        for earlier in _logs_of(emitter):
            self._began |= earlier._began  # jobs in hand keep their beginning
            earlier.stop()
        for name, listener in self._listeners.items():
            emitter.on(name, listener)

    def stop(self) -> None:
        """Write no more; harmless when that was so already."""
        for name, listener in self._listeners.items():
            if listener in self._emitter.listeners(name):
                self._emitter.remove_listener(name, listener)
        self._began.clear()

    def __enter__(self) -> JobLog:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _processing(self, event: JobProcessing) -> None:
        self._began[id(event.job)] = time.perf_counter()

    def _processed(self, event: JobProcessed) -> None:
        job = event.job
        if job.has_failed:
            return  # which has its own line
        since = self._began.get(id(job))
        runtime = None if since is None else time.perf_counter() - since
        status = "released" if job.is_released else "success"
        logger.info("%r was processed", job, extra=job_fields(job, status=status, runtime=runtime))

    def _over(self, event: JobAttempted | JobReturned | JobLeaseLost) -> None:
        self._began.pop(id(event.job), None)


def _logs_of(emitter: Emitter | AsyncEmitter) -> list[JobLog]:
    """Those that are written now; the listeners themselves tell, so nothing else keeps an emitter alive."""
    owners = [getattr(listener, "__self__", None) for listener in emitter.listeners(JobProcessed.name)]
    return [owner for owner in owners if isinstance(owner, JobLog)]


def log_jobs(emitter: Emitter | AsyncEmitter) -> JobLog:
    """Have a line at level INFO for each job that went well; the worker itself only logs those that did not.

    What it returns ends that: with its ``stop()``, or as a context manager. There is one line a job, however often this
    is called for the same queue: each call takes the place of the one before.

    Parameters:
        emitter: of the queue object: ``log_jobs(queue.emitter)``.

    >>> from lara_queue import Queue
    >>> queue = Queue("memory://")
    >>> with log_jobs(queue.emitter):
    ...     queue.listen(stop_when_empty=True)
    <StopReason.EMPTY: 'empty'>
    """
    return JobLog(emitter)


_STANDARD: Final = frozenset(logging.LogRecord("", 0, "", 0, "", (), None).__dict__) | {
    "message",
    "asctime",
    "taskName",
}


class JsonFormatter(logging.Formatter):
    """One JSON object a line: ``timestamp``, ``level``, ``logger``, ``message``, what was in ``extra``, ``exception``.

    The timestamp is ISO 8601 in UTC. Lines are ASCII. Whatever the values are, a line comes out: what JSON has no form
    for is written as its ``repr``; an extra named like one of the above gets an underscore behind its name.

    >>> record = logging.makeLogRecord({"msg": "done", "levelname": "INFO", "name": "app", "created": 0, "n": {1, 2}})
    >>> print(JsonFormatter().format(record))
    {"timestamp":"1970-01-01T00:00:00.000000+00:00","level":"INFO","logger":"app","message":"done","n":[1,2]}
    """

    def format(self, record: logging.LogRecord) -> str:
        """The record as a line of JSON, without the line break."""
        moment = datetime.fromtimestamp(record.created, timezone.utc).isoformat(timespec="microseconds")
        line: dict[str, Any] = {
            "timestamp": moment,
            "level": record.levelname,
            "logger": record.name,
            "message": _message(record),
        }
        exception = self._exception(record)
        taken = {*line, "exception", "stack"}
        for name, value in record.__dict__.items():
            if name not in _STANDARD:
                line[f"{name}_" if name in taken else name] = value
        if exception is not None:
            line["exception"] = exception
        if record.stack_info:
            line["stack"] = self.formatStack(record.stack_info)
        return json.dumps(_plain(line, DEEPEST), separators=(",", ":"))

    def _exception(self, record: logging.LogRecord) -> str | None:
        if record.exc_info and record.exc_info[0] is not None:
            try:
                return self.formatException(record.exc_info)
            except Exception:  # an exception whose own __str__ fails
                return _described(record.exc_info[1])
        return record.exc_text


DEEPEST: Final = 8
"""Levels of nested values that are written; what is deeper is written as its repr."""

LONGEST: Final = 1000
"""Members of one list or mapping that are written."""


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception:  # arguments that do not fit, or whose own __str__ fails
        return f"{_described(record.msg)} {_described(record.args)}"


def _plain(value: Any, depth: int) -> Any:
    """The value, or what stands for it in JSON."""
    if value is None or value is True or value is False:
        return value
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        number = int(value)
        return number if abs(number) < 2**63 else _described(value)
    if isinstance(value, float):
        number_ = float(value)
        return number_ if number_ - number_ == 0 else _described(number_)  # JSON has no infinity, and nothing for "nan"
    if isinstance(value, bytes | bytearray):
        return bytes(value).decode("utf-8", "backslashreplace")
    if depth <= 0:
        return _described(value)
    try:
        if isinstance(value, Mapping):
            pairs = list(value.items())[:LONGEST]
            return {key if isinstance(key, str) else _described(key): _plain(item, depth - 1) for key, item in pairs}
        if isinstance(value, Sequence | Set):
            return [_plain(item, depth - 1) for item in list(value)[:LONGEST]]
    except Exception:  # a container of somebody else's that cannot be gone through
        pass
    return _described(value)


def _described(value: object) -> str:
    try:
        return repr(value)[:LONGEST]
    except Exception:
        return f"<{type(value).__name__} without a readable repr>"
