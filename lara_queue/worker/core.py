"""What both loops share: the worker's state, its decisions, and the bookkeeping around an attempt."""

from __future__ import annotations

import logging
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lara_queue.bus.pipeline import after_growing, around, failed, stands_alone
from lara_queue.bus.services import Services
from lara_queue.cache.signals import Signals, Snapshot
from lara_queue.clock import Clock
from lara_queue.emitter import AsyncEmitter, Emitter
from lara_queue.events import (
    Event,
    JobAttempted,
    JobPopping,
    JobProcessed,
    WorkerIdle,
    WorkerInterrupted,
    WorkerLooping,
    WorkerPaused,
    WorkerQueuePaused,
    WorkerQueueResumed,
    WorkerRecovered,
    WorkerResumed,
    WorkerStarting,
    WorkerStopping,
    WorkerUnreachable,
)
from lara_queue.job import Job
from lara_queue.laravel import names
from lara_queue.laravel.encrypter import Encrypter
from lara_queue.lifecycle.attempt import Lifecycle, Outcome
from lara_queue.lifecycle.backoff import RetryConfig
from lara_queue.lifecycle.decide import Bury, GiveBack, Release, Rules
from lara_queue.lifecycle.lost import is_lost_connection
from lara_queue.lifecycle.rules import RuleBook
from lara_queue.lifecycle.stop import Facts, StopReason, exit_code_of, stop_reason
from lara_queue.logs import job_fields
from lara_queue.metrics.collector import MetricsCollector
from lara_queue.options import WorkerOptions
from lara_queue.plans import Plan
from lara_queue.ports import Cache, Driver, FailedStore, Reservation
from lara_queue.registry import Registry
from lara_queue.worker.child import own_file
from lara_queue.worker.memory import MemoryUse
from lara_queue.worker.signals import PAUSE, RESUME

__all__ = ["WorkerCore", "WorkerParts"]

logger = logging.getLogger("lara_queue")


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
    services: Services | None = None


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
        self.hears = parts.emitter.hears
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
            hears=self.hears,
            around=self._around,
            after_growing=self._after_growing,
            after_failure=self._after_failure,
        )
        now = self.clock()
        self.started = now
        self.last_job = now
        self.jobs = 0
        self.claimed = 0
        self.quit = False
        self.forced = False
        self.paused = False
        self.lost_connection = False
        self.signals = Signals(
            parts.cache,
            parts.connection,
            parts.maintenance_file,
            restartable=options.restartable,
            pausable=options.pausable,
        )
        self._opens_batches = parts.services is not None and parts.services.batches is not None
        self._first_signals: Snapshot | None = None
        self.restarted = False
        self._down = False  # for maintenance
        self._open_queues = self.queues
        self.nowhere = False
        self._strategy = parts.registry.strategies.get(options.name)
        self._health_file = None if options.health_file is None else Path(own_file(options.health_file))
        self._signals_at = 0.0
        self._memory = MemoryUse()
        self._down_since: float | None = None
        self._unhandled_names: set[str] = set()
        self.turned_at = now  # for health(): when the loop last turned, and whether leases are being renewed
        self.keeper_alive: Callable[[], bool] | None = None

    @property
    def hears_ends(self) -> bool:
        """True when somebody is to be told of a job's end before the next one begins."""
        return self.hears(JobProcessed.name) or self.hears(JobAttempted.name)

    # -- around one job ----------------------------------------------------------------

    def job(self, taken: Reservation) -> Job:
        """The job that was taken."""
        return Job(taken, connection=self.parts.connection, encrypter=self.parts.encrypter)

    def _look_up(self, job: Job) -> tuple[Rules, bool]:
        handlers = job.handlers = self.parts.registry.of(job)
        if self._opens_batches and job.envelope.command_name == names.CHAINED_BATCH:
            handlers = job.handlers = self.parts.registry.named(job)  # else the worker opens the batch itself
            rules = job.rules = self._book.rules(job.envelope, handlers[0].options if handlers else None)
            return rules, True
        rules = job.rules = self._book.rules(job.envelope, handlers[0].options if handlers else None)
        return rules, bool(handlers)

    def _around(self, job: Job) -> Plan[None] | None:
        services = self.parts.services
        if services is None:
            return None
        handler = job.handlers[0] if job.handlers else None
        plans, said = (handler.plans, handler.said) if handler is not None else ((), None)
        job.services = services
        if not plans and said is None and stands_alone(job):
            return None
        return around(services, job, plans, said)

    def _after_growing(self, job: Job) -> Plan[None]:
        if self.parts.services is not None:
            yield from after_growing(self.parts.services, job)

    def _after_failure(self, job: Job, error: BaseException) -> Plan[None]:
        if self.parts.services is not None:
            job.services = self.parts.services
            said = job.handlers[0].said if job.handlers else None
            yield from failed(self.parts.services, job, error, said)

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
        if error is not None and self.options.stop_on_lost_connection and is_lost_connection(error):
            self.lost_connection = True
        if error is not None and self.options.report_job_exceptions:
            self._log(job, disposition, error, now - started)
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

    def _log(self, job: Job, disposition: object, error: BaseException, runtime: float) -> None:
        status = "released_after_exception" if isinstance(disposition, Release) else "failed"
        fields = job_fields(job, status=status, runtime=runtime)
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
                "No handler for %s: such jobs are put back untouched. Register one, or use --unhandled=fail.",
                job.name,
                extra=job_fields(job),
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
                restarted=self.restarted,
                memory=self._memory.lately(now) if self.options.memory > 0 else 0,
                lost_connection=self.lost_connection,
            ),
            self.options,
        )

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
        self.restarted = self.restarted or seen.restarted_since(self._first_signals)
        self._down = seen.down and not self.options.force
        before = self._open_queues
        self._open_queues = tuple(queue for queue in self.queues if queue not in seen.paused_queues)
        for queue in self.queues:
            if (queue in before) is not (queue in self._open_queues):
                kind = WorkerQueuePaused if queue in before else WorkerQueueResumed
                self.tell(kind(self.parts.connection, queue))

    @property
    def idle(self) -> bool:
        """True while no jobs may be taken: paused, or in maintenance mode."""
        return self.paused or self._down

    def where(self) -> Sequence[str]:
        """The queues to look into, in order: those that are not paused, or what the worker's strategy makes of them."""
        queues = self._open_queues if self._strategy is None else tuple(self._strategy(self._open_queues))
        self.nowhere = not queues  # then the store cannot do the waiting
        return queues

    @property
    def pause(self) -> float:
        """Seconds until it is looked again whether jobs may be taken."""
        return 0 if self.options.stop_when_empty else self.options.sleep or 1

    # -- telling ----------------------------------------------------------------

    def looping(self) -> WorkerLooping:
        """What to tell, and to ask, before looking for work."""
        return WorkerLooping(self._open_queues, self.parts.connection, self.options)

    def tell_starting(self) -> None:
        """Tell that the worker begins."""
        self.tell(WorkerStarting(self.queues, self.parts.connection, self.options))

    def tell_popping(self) -> None:
        """Tell that the store is about to be asked for jobs."""
        self.tell(JobPopping(self.parts.connection, ",".join(self.queues)))

    def tell_idle(self) -> None:
        """Tell that there was no job."""
        if self.hears(WorkerIdle.name):
            self.tell(WorkerIdle(self._open_queues, self.parts.connection, self.options))

    def tell_stopping(self, reason: StopReason) -> None:
        """Tell that the worker ends, and why."""
        self.tell(
            WorkerStopping(
                reason.value,
                exit_code_of(reason, self.options),
                self.jobs,
                self.last_job if self.jobs else None,
                self._memory.now(),
                self.options,
            )
        )

    def signalled(self, number: int) -> bool:
        """Obey a signal and tell about it; True when it is the first one that asks the worker to stop."""
        name = signal.Signals(number).name
        if number in (PAUSE, RESUME):
            self.paused = number == PAUSE
            self.tell(WorkerPaused(name) if self.paused else WorkerResumed(name))
            return False
        first = not self.quit
        if first:
            logger.info("%s: finishing the jobs in hand; once more to leave at once.", name)
            self.quit = True
        else:
            self.forced = True
        self.tell(WorkerInterrupted(number, self.queues, self.parts.connection))
        for job in list(self.in_hand.values()):
            job.interrupt(number)
        return first

    # -- the store coming and going ----------------------------------------------------------------

    def went_down(self, error: BaseException) -> Event | None:
        """What to tell when the store cannot be reached: something the first time, None afterwards."""
        if self._down_since is not None:
            return None
        self._down_since = self.clock()
        logger.error("%s Trying again until it is back.", error)
        return WorkerUnreachable(error)

    def came_back(self) -> Event | None:
        """What to tell when the store answers: something after it had been away, else None."""
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
        self.turned_at = self.clock()
        if self._health_file is not None:
            self._health_file.touch()
