"""What a worker prints about its jobs: artisan's lines for people, its JSON lines for programs (protocol §6.13).

A listener like any other: it is told by events and decides nothing. Each line is written in one piece, so that those
of threads and of processes that share a terminal or a pipe stay whole.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any, Literal

from lara_queue.cli.locate import AnyQueue
from lara_queue.cli.output import paint, safe, terminal_width
from lara_queue.cli.program import state
from lara_queue.errors import PayloadError
from lara_queue.events import (
    JobAttempted,
    JobExceptionOccurred,
    JobFailed,
    JobLeaseLost,
    JobProcessed,
    JobProcessing,
    JobReleasedAfterException,
    JobReturned,
    WorkerPaused,
    WorkerQueuePaused,
    WorkerQueueResumed,
    WorkerResumed,
)
from lara_queue.job import Job
from lara_queue.laravel.exceptions import class_of_error

__all__ = ["Progress", "human_time"]

Status = Literal["starting", "success", "released_after_exception", "failed", "returned", "lease_lost"]

WORDS: dict[Status, tuple[str, str]] = {
    "starting": ("RUNNING", "yellow"),
    "success": ("DONE", "green"),
    "released_after_exception": ("FAIL", "yellow"),
    "failed": ("FAIL", "red"),
    "returned": ("RETURNED", "yellow"),
    "lease_lost": ("LOST", "red"),
}
RESULTS: dict[Status, str] = {
    "starting": "",
    "success": "deleted",
    "released_after_exception": "released",
    "failed": "deleted",  # as artisan: by the time it tells of a failure, the job is deleted
    "returned": "released",
    "lease_lost": "",
}


class Progress:
    """The printing of one worker's jobs, until the end of a ``with`` block.

    Parameters:
        queue: the queue whose events are listened to.
        as_json: JSON lines instead of artisan's layout.
        queues: the names worked on, for lines about pauses of the worker.
    """

    def __init__(self, queue: AnyQueue, *, as_json: bool, queues: str) -> None:
        self._as_json = as_json
        self._queues = queues
        self._lock = threading.Lock()
        self._silenced = False
        self._jobs: dict[int, tuple[float, BaseException | None]] = {}  # of each job in hand: start, exception
        self._emitter = queue.emitter
        self._listeners: dict[str, Callable[[Any], None]] = {
            JobProcessing.name: self._processing,
            JobProcessed.name: self._processed,
            JobExceptionOccurred.name: self._exception,
            JobReleasedAfterException.name: self._released,
            JobFailed.name: self._failed,
            JobReturned.name: self._returned,
            JobLeaseLost.name: self._lost,
            JobAttempted.name: self._attempted,
            WorkerPaused.name: lambda event: self._paused("paused"),
            WorkerResumed.name: lambda event: self._paused("resumed"),
            WorkerQueuePaused.name: lambda event: self._paused("paused", event.queue),
            WorkerQueueResumed.name: lambda event: self._paused("resumed", event.queue),
        }
        for name, listener in self._listeners.items():
            self._emitter.on(name, listener)

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        for name, listener in self._listeners.items():
            self._emitter.remove_listener(name, listener)

    # -- events ------------------------------------------------------------------------------------------------------

    def _processing(self, event: JobProcessing) -> None:
        self._jobs[id(event.job)] = (time.perf_counter(), None)
        self._print(event.job, "starting")

    def _processed(self, event: JobProcessed) -> None:
        self._print(event.job, "success")

    def _exception(self, event: JobExceptionOccurred) -> None:
        started, _ = self._jobs.get(id(event.job), (time.perf_counter(), None))
        self._jobs[id(event.job)] = (started, event.exception)

    def _released(self, event: JobReleasedAfterException) -> None:
        self._print(event.job, "released_after_exception", self._jobs.get(id(event.job), (0, None))[1])

    def _failed(self, event: JobFailed) -> None:
        self._print(event.job, "failed", event.exception)

    def _returned(self, event: JobReturned) -> None:
        if id(event.job) in self._jobs:  # one that nobody handles was never started
            self._print(event.job, "returned")
            del self._jobs[id(event.job)]

    def _lost(self, event: JobLeaseLost) -> None:
        self._print(event.job, "lease_lost")
        self._jobs.pop(id(event.job), None)

    def _attempted(self, event: JobAttempted) -> None:
        self._jobs.pop(id(event.job), None)

    def _paused(self, status: str, queue: str | None = None) -> None:
        """The worker, by a signal, or only one of its queues, by the cache."""
        now = datetime.now(timezone.utc)
        if self._as_json:
            names = self._queues if queue is None else queue
            self._write(json.dumps(_truthy(level="info", queue=names, status=status, timestamp=_stamp(now))))
        else:
            what = "worker" if queue is None else f"queue [{safe(queue)}]"
            self._write(f"  {_local(now)} The {what} is {status}.")

    # -- lines -------------------------------------------------------------------------------------------------------

    def _print(self, job: Job, status: Status, exception: BaseException | None = None) -> None:
        now = datetime.now(timezone.utc)
        known = self._jobs.get(id(job))
        seconds = None if known is None or status == "starting" else time.perf_counter() - known[0]
        line = self._json_line if self._as_json else self._human_line
        self._write(line(job, status, exception, now, seconds))

    def _json_line(
        self, job: Job, status: Status, exception: BaseException | None, now: datetime, seconds: float | None
    ) -> str:
        name, uuid, job_id = _identity(job)
        result = "released" if status == "success" and job.is_released else RESULTS[status]
        line = _truthy(
            level="info" if status in ("starting", "success") else "warning",
            id=job_id,
            uuid=uuid,
            connection=job.connection,
            queue=job.queue,
            job=name,
            status=status,
            result=result,
            attempts=job.attempts,
            exception="" if exception is None else class_of_error(exception),
            message="" if exception is None else str(exception),
            timestamp=_stamp(now),
        )
        if seconds is not None:
            line["duration"] = round(seconds, 6)
        return json.dumps(line)

    def _human_line(
        self, job: Job, status: Status, _exception: BaseException | None, now: datetime, seconds: float | None
    ) -> str:
        name, _, job_id = _identity(job)
        name = safe(name or "(unreadable)")
        more = ""
        if state.verbosity:
            more = f" {paint(safe(job_id or '-'), 'bright_black')} {paint(job.connection, 'blue')} {safe(job.queue)}"
        word, colour = WORDS[status]
        took = "" if seconds is None else f" {paint(human_time(seconds), 'bright_black')}"
        plain = len(name) + len(word) + (len(human_time(seconds)) + 1 if seconds is not None else 0)
        if state.verbosity:
            plain += len(job_id or "-") + len(job.connection) + len(job.queue) + 3
        dots = "." * max(terminal_width() - plain - 26, 0)
        when = paint(_local(now), "bright_black")
        return f"  {when} {name}{more} {paint(dots, 'bright_black')}{took} {paint(word, colour, bold=True)}"

    def _write(self, line: str) -> None:
        with self._lock:
            if self._silenced:
                return
            try:
                sys.stdout.write(line + "\n")
                sys.stdout.flush()
            except (BrokenPipeError, ValueError):
                self._silenced = True  # nobody reads any more; the jobs matter more


def _identity(job: Job) -> tuple[str, str | None, str | None]:
    """Name, uuid and id; nothing for a job that cannot be read."""
    try:
        return job.name, job.uuid, job.id
    except PayloadError:
        return "", None, None


def _truthy(**members: Any) -> dict[str, Any]:
    """Without what PHP's ``array_filter`` drops."""
    return {name: value for name, value in members.items() if value and value != "0"}


def _stamp(now: datetime) -> str:
    return now.isoformat(timespec="microseconds")


def _local(now: datetime) -> str:
    return f"{now.astimezone():%Y-%m-%d %H:%M:%S}"


def human_time(seconds: float) -> str:
    """A running time as artisan shows it.

    >>> human_time(0.01234), human_time(65.2), human_time(3723)
    ('12.34ms', '1m 5s', '1h 2m 3s')
    """
    if seconds <= 1:
        return f"{seconds * 1000:.2f}ms"
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    parts = [f"{number}{unit}" for number, unit in ((hours, "h"), (minutes, "m"), (rest, "s")) if number]
    return " ".join(parts) or "0s"
