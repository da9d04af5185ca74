"""The small ones. Mirror ``Queue/Middleware/{Skip,Release,FailOnException,SkipIfBatchCancelled}.php``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lara_queue.bus.services import services_of
from lara_queue.errors import JobTimeout
from lara_queue.job import Job
from lara_queue.middleware.base import Proceed
from lara_queue.plans import Plan

__all__ = ["FailOnException", "Release", "Skip", "SkipIfBatchCancelled"]

Condition = bool | Callable[[Job], bool]


def _holds(condition: Condition, job: Job) -> bool:
    return bool(condition(job)) if callable(condition) else condition


class Skip:
    """A job for which the condition holds is not run, and is done with.

    Parameters:
        when: True, or a test of the job.
        unless: the opposite.

    >>> Skip(when=lambda job: job.data["draft"]).when is not None
    True
    """

    def __init__(self, when: Condition = False, *, unless: Condition = True) -> None:
        self.when = when
        self.unless = unless

    def __call__(self, job: Job, proceed: Proceed) -> Plan[Any]:
        """Run the job unless it is to be skipped."""
        if _holds(self.when, job) or not _holds(self.unless, job):
            return None
        return (yield from proceed())


class Release:
    """A job for which the condition holds is tried again later.

    Parameters:
        when: True, or a test of the job.
        delay: seconds until then.
        unless: the opposite.
    """

    def __init__(self, when: Condition = False, delay: float = 0, *, unless: Condition = True) -> None:
        self.when = when
        self.unless = unless
        self.delay = delay

    def __call__(self, job: Job, proceed: Proceed) -> Plan[Any]:
        """Run the job unless it is to be released."""
        if _holds(self.when, job) or not _holds(self.unless, job):
            job.release(self.delay)
            return None
        return (yield from proceed())


class FailOnException:
    """Some exceptions fail the job at once, whatever tries are left.

    Parameters:
        on: exception classes, or a test of the exception and the job.

    >>> FailOnException(ValueError, KeyError)
    FailOnException(ValueError, KeyError)
    """

    def __init__(self, *on: type[BaseException] | Callable[[BaseException, Job], bool]) -> None:
        self.on = on

    def __call__(self, job: Job, proceed: Proceed) -> Plan[Any]:
        """Run the job; fail it for the exceptions meant. The exception passes on in any case."""
        try:
            return (yield from proceed())
        except JobTimeout:
            raise
        except Exception as error:
            if any(isinstance(error, one) if isinstance(one, type) else one(error, job) for one in self.on):
                job.fail(error)
            raise

    def __repr__(self) -> str:
        return f"FailOnException({', '.join(getattr(one, '__name__', repr(one)) for one in self.on)})"


class SkipIfBatchCancelled:
    """A job whose batch was cancelled is not run, and is done with."""

    def __call__(self, job: Job, proceed: Proceed) -> Plan[Any]:
        """Run the job unless its batch was cancelled."""
        if job.batch is not None:
            batch = yield from services_of(job).need_batches("SkipIfBatchCancelled").find(job.batch)
            if batch is not None and batch.cancelled_at is not None:
                return None
        return (yield from proceed())
