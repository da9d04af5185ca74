"""What both loops share: the worker's state, its decisions, and the bookkeeping around an attempt."""

from __future__ import annotations

import logging
import os
import resource
import sys
from dataclasses import dataclass, field
from pathlib import Path

from lara_queue.cache.signals import Signals, Snapshot
from lara_queue.clock import Clock
from lara_queue.emitter import AsyncEmitter, Emitter
from lara_queue.events import Event
from lara_queue.job import Job
from lara_queue.laravel.encrypter import Encrypter
from lara_queue.lifecycle.attempt import Lifecycle, Outcome
from lara_queue.lifecycle.backoff import RetryConfig
from lara_queue.lifecycle.decide import Bury, GiveBack, Release, Rules
from lara_queue.lifecycle.rules import RuleBook
from lara_queue.lifecycle.stop import Facts, StopReason, stop_reason
from lara_queue.metrics.collector import MetricsCollector
from lara_queue.options import WorkerOptions
from lara_queue.plans import Plan
from lara_queue.ports import Cache, Driver, FailedStore, Reservation
from lara_queue.registry import Registry

__all__ = ["WorkerCore", "WorkerParts", "memory_in_mebibytes"]

logger = logging.getLogger("lara_queue")

IDLE_WORKER_MEBIBYTES = 20.0
"""What an idle Laravel worker reports as its memory use. ``memory`` limits that plus what the process has grown by
since it began: a limit meant to catch leaks must not count the libraries that were imported before the first job."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerParts:
    """What a worker is put together from."""

    driver: Driver
    failed: FailedStore
    cache: Cache | None
    registry: Registry
    emitter: Emitter | AsyncEmitter
    metrics: MetricsCollector | None
    clock: Clock
    connection: str
    default_queue: str
    encrypter: Encrypter | None = None
    retry: RetryConfig | None = None
    prefetch: int = 1
    concurrency: int = 1
    maintenance_file: Path | None = None
    in_hand: dict[int, Job] = field(default_factory=dict)


class WorkerCore:
    """One run of a worker.

    Parameters:
        parts: what it is put together from.
        options: the options of this run.
        explicit: names of the options given by the caller.
    """

    def __init__(self, parts: WorkerParts, options: WorkerOptions, explicit: frozenset[str] = frozenset()) -> None:
        self.parts = parts
        self.options = options
        self.queues = options.queues(parts.default_queue)
        self.driver = parts.driver
        self.clock = parts.clock
        self.metrics = parts.metrics
        self.tell = parts.emitter.tell
        self.in_hand = parts.in_hand
        self._book = RuleBook(options, parts.retry, explicit)
        self.lifecycle = Lifecycle(
            driver=parts.driver,
            failed=parts.failed,
            cache=parts.cache,
            connection=parts.connection,
            look_up=self._look_up,
            clock=parts.clock,
            unhandled=GiveBack(options.unhandled_delay) if options.unhandled == "release" else None,
        )
        now = self.clock()
        self.started = now
        self.last_job = now
        self.jobs = 0
        self.claimed = 0
        self.quit = False
        self.forced = False
        self.paused = False
        self.signals = Signals(parts.cache, parts.connection, parts.maintenance_file)
        self._first_signals: Snapshot | None = None
        self._restarted = False
        self._held_back = False  # by a pause or maintenance seen in the cache
        self._open_queues = self.queues
        self._signals_at = 0.0
        self._memory_at = 0.0
        self._memory = 0.0
        self._memory_before = memory_in_mebibytes()
        self._down_since: float | None = None
        self._unhandled_names: set[str] = set()

    # -- around one job ----------------------------------------------------------------

    def job(self, taken: Reservation) -> Job:
        """The job that was taken."""
        return Job(taken, connection=self.parts.connection, encrypter=self.parts.encrypter)

    def _look_up(self, job: Job) -> tuple[Rules, bool]:
        handlers = job.handlers = self.parts.registry.of(job)
        rules = job.rules = self._book.rules(job.envelope, handlers[0].options if handlers else None)
        return rules, bool(handlers)

    def begun(self, job: Job) -> None:
        """Note that a job is in hand."""
        self.jobs += 1
        self.in_hand[id(job)] = job

    def ended(self, job: Job, outcome: Outcome, started: float, now: float) -> None:
        """Note how the attempt went; it is still to be settled."""
        self.last_job = self.clock()
        disposition = outcome.disposition
        if isinstance(disposition, GiveBack):
            self._warn_unhandled(job)
            return
        error = outcome.error or (disposition.error if isinstance(disposition, Bury) else None)
        if error is not None:
            self._log(job, disposition, error)
        if self.metrics is None:
            return
        name = "unreadable" if isinstance(disposition, Bury) and job.rules is None else job.name
        if error is None:
            self.metrics.record_job_success(name, started, now - started)
        else:
            self.metrics.record_job_failure(name, started, now - started, error)
            if isinstance(disposition, Release):
                self.metrics.record_retry(name)

    def settled(self, job: Job) -> None:
        """Note that a job is no longer in hand."""
        self.in_hand.pop(id(job), None)

    def _log(self, job: Job, disposition: object, error: BaseException) -> None:
        fields = {"job_queue": job.queue, "job_attempts": job.attempts}
        if isinstance(disposition, Release):
            logger.warning(
                "%r raised %s: %s; next attempt in %g s",
                job,
                type(error).__name__,
                error,
                disposition.delay,
                extra=fields,
            )
        else:
            logger.error("%r failed with %s: %s", job, type(error).__name__, error, exc_info=error, extra=fields)

    def _warn_unhandled(self, job: Job) -> None:
        if job.name not in self._unhandled_names and len(self._unhandled_names) < 1000:
            self._unhandled_names.add(job.name)
            logger.warning(
                "No handler for %s: such jobs are put back untouched. Register one, or use --unhandled=fail.", job.name
            )

    # -- whether to go on ----------------------------------------------------------------

    def wait(self, now: float) -> float:
        """Seconds to wait for a job when there is none."""
        options = self.options
        if options.stop_when_empty or options.once:
            return 0
        limits = [options.sleep]
        if options.stop_when_empty_for:
            limits.append(self.last_job + options.stop_when_empty_for - now)
        if options.max_time:
            limits.append(self.started + options.max_time - now)
        return max(0.0, min(limits))

    def limit(self, free: int) -> int:
        """How many jobs may still be taken, ``free`` at most."""
        if self.options.max_jobs:
            return max(0, min(free, self.options.max_jobs - self.claimed))
        return free

    def stop_reason(self, got_job: bool) -> StopReason | None:
        """Why to stop after this round, or None."""
        now = self.clock()
        return stop_reason(
            Facts(
                now=now,
                started=self.started,
                last_job=self.last_job,
                jobs=self.jobs,
                got_job=got_job,
                quit=self.quit,
                restarted=self._restarted,
                memory=self._memory_now(now),
            ),
            self.options,
        )

    def _memory_now(self, now: float) -> float:
        if self.options.memory > 0 and now - self._memory_at >= 1:
            self._memory = memory_in_mebibytes() - self._memory_before + IDLE_WORKER_MEBIBYTES
            self._memory_at = now
        return self._memory

    # -- signals left in the cache ----------------------------------------------------------------

    def signals_due(self) -> bool:
        """True when the cache signals should be read again: once a second at most."""
        return self.signals.readable and abs(self.clock() - self._signals_at) >= 1

    def read_signals(self) -> Plan[None]:
        """Take note of restart, pause and maintenance."""
        self._signals_at = self.clock()
        seen = yield from self.signals.read(self.queues)
        if self._first_signals is None:
            self._first_signals = seen
        self._restarted = self._restarted or seen.restarted_since(self._first_signals)
        self._open_queues = tuple(queue for queue in self.queues if queue not in seen.paused_queues)
        self._held_back = (seen.down and not self.options.force) or not self._open_queues

    @property
    def idle(self) -> bool:
        """True while no jobs may be taken: paused, or in maintenance mode."""
        return self.paused or self._held_back

    @property
    def open_queues(self) -> tuple[str, ...]:
        """The queues that are not paused, in order of priority."""
        return self._open_queues

    # -- the store coming and going ----------------------------------------------------------------

    def went_down(self, error: BaseException) -> Event | None:
        """What to tell when the store cannot be reached: something the first time, None afterwards."""
        from lara_queue.events import WorkerUnreachable

        if self._down_since is not None:
            return None
        self._down_since = self.clock()
        logger.error("%s Trying again until it is back.", error)
        return WorkerUnreachable(error)

    def came_back(self) -> Event | None:
        """What to tell when the store answers: something after it had been away, else None."""
        from lara_queue.events import WorkerRecovered

        if self._down_since is None:
            return None
        seconds, self._down_since = self.clock() - self._down_since, None
        logger.warning("The store is back after %.1f s.", seconds)
        return WorkerRecovered(seconds)

    @property
    def is_down(self) -> bool:
        """True while the store cannot be reached."""
        return self._down_since is not None

    def alive(self) -> None:
        """Show a liveness probe that the loop turns."""
        if self.options.health_file is not None:
            Path(self.options.health_file).touch()


def memory_in_mebibytes() -> float:
    """What the process holds in memory, in MiB; the highest it ever held where the system does not tell the present.

    >>> memory_in_mebibytes() > 1
    True
    """
    try:
        with open("/proc/self/statm", "rb") as statm:
            return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20
    except OSError:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak / 2**20 if sys.platform == "darwin" else peak / 2**10
