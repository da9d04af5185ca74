"""One attempt at a job, from reservation to settlement, as plans.

:meth:`Lifecycle.attempt` runs the handler and decides; it returns an :class:`Outcome` and settles nothing.
:meth:`Lifecycle.settle` carries the outcome out. They are two plans so that the blocking worker can settle one job
in the round trip that takes the next.

The order of steps is Laravel's (protocol §6.4) with one exception: a failure is recorded *before* the job is deleted,
so that a worker dying in between leaves a job that runs out its lease and is failed again, not one that is gone.
Recording the same uuid twice changes nothing, so that costs nothing.
"""

from __future__ import annotations

import hashlib
import uuid as uuids
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from lara_queue.cache.signals import count_exception, forget_exceptions
from lara_queue.clock import Clock
from lara_queue.errors import Interrupted, JobTimeout, NoHandler, PayloadError
from lara_queue.events import (
    JobAttempted,
    JobExceptionOccurred,
    JobFailed,
    JobLeaseLost,
    JobProcessed,
    JobProcessing,
    JobReleased,
    JobReleasedAfterException,
    JobReturned,
    JobTimedOut,
)
from lara_queue.job import Job
from lara_queue.laravel.exceptions import php_text
from lara_queue.lifecycle.decide import (
    Bury,
    Delete,
    Disposition,
    GiveBack,
    Release,
    Rules,
    after_error,
    after_timeout,
    exceeded,
    out_of_attempts,
)
from lara_queue.plans import Emit, Handle, Plan
from lara_queue.ports import Cache, DeletesMany, Driver, FailedStore, Failure

__all__ = ["DONE", "Lifecycle", "Outcome"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an attempt ended: exactly one disposition, and the exception if there was one."""

    disposition: Disposition
    error: BaseException | None = None
    max_tries: int | None = None


DONE = Outcome(Delete())
"""A job that went well and asked for nothing else."""

_PROCESSING, _PROCESSED, _ATTEMPTED = JobProcessing.name, JobProcessed.name, JobAttempted.name


class Lifecycle:
    """The plans of one worker.

    Parameters:
        driver: the store the jobs come from.
        failed: where failures are recorded.
        cache: Laravel's cache for exception counters, or None.
        connection: Laravel's name of the connection, for the failed row.
        look_up: from a job to what holds for it, and whether anybody handles it.
        clock: tells the Unix time in seconds.
        unhandled: what becomes of a job nobody handles.
        hears: whether anybody listens to the event of that name; what nobody listens to is not made.
        around: the plan that runs a job's handlers with what stands around them, or None when nothing does.
        after_growing: the plan of what follows when a handler with nothing around it has given its job a chain.
        after_failure: the plan of what follows from a final failure, after it was recorded.
    """

    def __init__(
        self,
        *,
        driver: Driver,
        failed: FailedStore,
        cache: Cache | None,
        connection: str,
        look_up: Callable[[Job], tuple[Rules, bool]],
        clock: Clock,
        unhandled: GiveBack | None,
        hears: Callable[[str], bool] = lambda _name: True,
        around: Callable[[Job], Plan[None] | None] = lambda _job: None,
        after_growing: Callable[[Job], Plan[None]] | None = None,
        after_failure: Callable[[Job, BaseException], Plan[None]] | None = None,
    ) -> None:
        self.driver = driver
        self._delete_many = driver.delete_many if isinstance(driver, DeletesMany) else None
        self.failed = failed
        self.cache = cache
        self.connection = connection
        self.look_up = look_up
        self.clock = clock
        self.unhandled = unhandled
        self.hears = hears
        self.around = around
        self.after_growing = after_growing
        self.after_failure = after_failure

    def attempt(self, job: Job) -> Plan[Outcome]:
        """How the attempt ended. Runs the handler unless the job is unreadable, unhandled or out of attempts.

        An :class:`~lara_queue.errors.Interrupted` gives the job back without using the attempt, then passes on.
        """
        try:
            problem = job.reservation.problem
            if problem is not None:
                raise PayloadError(problem)
            rules, handled = self.look_up(job)
        except PayloadError as error:
            return Outcome(Bury(error), error)
        if not handled:
            if self.unhandled is not None:
                return Outcome(self.unhandled)
            missing = NoHandler(f"No handler is registered for {job.name}; register one with @queue.handler.")
            return Outcome(Bury(missing), missing)
        if self.hears(_PROCESSING):
            yield Emit(JobProcessing(job))
            if job.wish is not None and job.is_deleted:  # by a listener
                return Outcome(job.wish, None, rules.max_tries)
        reservation = job.reservation
        if (rules.retry_until is not None or reservation.attempts > rules.max_tries) and exceeded(
            reservation.attempts, rules, self.clock()
        ):
            verdict = out_of_attempts(job.name)
            return Outcome(verdict, verdict.error, rules.max_tries)
        try:
            job.open()
        except PayloadError as error:
            return Outcome(Bury(error), error, rules.max_tries)
        try:
            steps = self.around(job)
            if steps is None:
                yield Handle(job)
                if job.grown and self.after_growing is not None:
                    yield from self.after_growing(job)
            else:
                yield from steps
        except Interrupted:
            yield from self._give_back(job, 0)
            raise
        except JobTimeout as error:
            if job.wish is not None:
                return Outcome(job.wish, error, rules.max_tries)
            exceptions = yield from self._count(job, rules)
            return Outcome(
                after_timeout(job.name, job.attempts, exceptions, rules, self.clock()), error, rules.max_tries
            )
        except Exception as error:
            if job.wish is not None:
                return Outcome(job.wish, error, rules.max_tries)
            exceptions = yield from self._count(job, rules)
            verdict_ = after_error(error, job.attempts, exceptions, rules, self.clock())
            return Outcome(verdict_, error, rules.max_tries)
        if job.wish is None:
            return DONE
        return Outcome(job.wish, None, rules.max_tries)

    def settle(self, job: Job, outcome: Outcome) -> Plan[bool]:
        """True when the outcome was carried out; False when the lease had been lost and nothing was done."""
        disposition, error = outcome.disposition, outcome.error
        if isinstance(disposition, Delete):
            held = yield from self.driver.delete(job.reservation)
            if held:
                if error is not None:
                    yield Emit(JobExceptionOccurred(job, error))
                elif self.hears(_PROCESSED):
                    yield Emit(JobProcessed(job))
        elif isinstance(disposition, Release):
            held = yield from self._release(job, disposition.delay, error)
        elif isinstance(disposition, Bury):
            held = yield from self._bury(job, disposition.error, outcome)
        else:
            held = yield from self._give_back(job, disposition.delay)
            return held
        if not held:
            yield Emit(JobLeaseLost(job))
        if self.hears(_ATTEMPTED):
            yield Emit(JobAttempted(job, error))
        return held

    def settle_done(self, jobs: Sequence[Job]) -> Plan[None]:
        """Delete jobs that went well, which is the first effect; for when nobody listens to their ends."""
        held: list[bool] = []
        if self._delete_many is not None:
            held = yield from self._delete_many([job.reservation for job in jobs])
        else:
            for job in jobs:
                held.append((yield from self.driver.delete(job.reservation)))
        for job, ours in zip(jobs, held, strict=True):
            if not ours:
                yield Emit(JobLeaseLost(job))

    def settle_stuck(self, job: Job) -> Plan[None]:
        """Record and delete a job whose handler did not end after its timeout, if it has no attempt left.

        Otherwise it stays reserved and comes back when its lease runs out, as with Laravel's worker, which dies too.
        """
        rules = job.rules
        if rules is None:
            return
        exceptions = yield from self._count(job, rules)
        verdict = after_timeout(job.name, job.attempts, exceptions, rules, self.clock())
        if isinstance(verdict, Bury):
            yield from self._bury(job, verdict.error, Outcome(verdict, JobTimeout(str(verdict.error)), rules.max_tries))
        else:
            yield Emit(_timed_out(job))

    def _release(self, job: Job, delay: float, error: BaseException | None) -> Plan[bool]:
        if isinstance(error, JobTimeout):
            yield Emit(_timed_out(job))
        elif error is not None:
            yield Emit(JobExceptionOccurred(job, error))
        held = yield from self.driver.release(job.reservation, delay=delay)
        if held and error is None:
            yield Emit(JobProcessed(job))
            yield Emit(JobReleased(job, delay))
        elif held and job.wish is None:  # a job that had released itself before it raised does not go back for that
            yield Emit(JobReleasedAfterException(job, delay, error))
        return held

    def _bury(self, job: Job, error: BaseException, outcome: Outcome) -> Plan[bool]:
        # Renewing first proves that the job is still ours: a failure of somebody else's job must not be recorded.
        held = (yield from self.driver.extend([job.reservation]))[0]
        if held:
            yield from self.failed.record(self._failure(job, error, outcome.max_tries))
            if self.after_failure is not None:
                yield from self.after_failure(job, error)
            held = yield from self.driver.delete(job.reservation)
        if held:
            yield Emit(JobFailed(job, error))
            if isinstance(outcome.error, JobTimeout):
                yield Emit(_timed_out(job))
            elif outcome.error is not None:
                yield Emit(JobExceptionOccurred(job, outcome.error))
            else:
                yield Emit(JobProcessed(job))  # it failed itself and returned, which Laravel calls processed
        return held

    def _give_back(self, job: Job, delay: float) -> Plan[bool]:
        held = yield from self.driver.give_back(job.reservation, delay=delay)
        yield Emit(JobReturned(job) if held else JobLeaseLost(job))
        return held

    def _count(self, job: Job, rules: Rules) -> Plan[int | None]:
        """How many exceptions the job has had, this one included; None when it sets no limit or nobody can count."""
        if rules.max_exceptions is None or self.cache is None or job.uuid is None:
            return None
        count: int = yield from count_exception(self.cache, job.uuid)
        if rules.max_exceptions <= count:
            yield from forget_exceptions(self.cache, job.uuid)
        return count

    def _failure(self, job: Job, error: BaseException, max_tries: int | None) -> Failure:
        uuid, name = None, ""
        try:
            uuid, name = job.uuid, job.name
        except PayloadError:
            pass  # an unreadable payload is recorded all the same, under an id of its own
        return Failure(
            uuid=uuid or _uuid_of(job),
            connection=self.connection,
            queue=job.queue,
            payload=job.raw_body,
            exception=php_text(error),
            failed_at=self.clock(),
            error_type=type(error).__name__,
            error_message=str(error),
            attempts=job.attempts,
            max_tries=max_tries,
            name=name,
        )


def _timed_out(job: Job) -> JobTimedOut:
    return JobTimedOut(job, None if job.rules is None else job.rules.timeout)


def _uuid_of(job: Job) -> str:
    """An id for a payload that has none: always the same, so that recording it twice stays one record.

    The receipt tells it from another with the same bytes, where it is the same each time the job is taken.
    """
    row = getattr(job.reservation.receipt, "id", "")
    return str(uuids.UUID(bytes=hashlib.sha256(job.raw_body + str(row).encode()).digest()[:16], version=5))
