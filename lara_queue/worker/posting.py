"""Settling jobs that were taken ahead (``prefetch``) many at a time, and without waiting for each answer.

The deletion of a job that went well waits for company: for the next jobs, or, when those are still to be run, for a
millisecond. It does not wait while a job runs that is not known to be short. It is sent without waiting for its answer,
which is read before the next jobs are taken. Until it is sent, the job stays in hand and its lease is kept.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

from lara_queue.errors import StoreError, StoreUnreachable
from lara_queue.job import Job
from lara_queue.lifecycle.attempt import DONE, Lifecycle
from lara_queue.plans import Call, Effect, Plan, resumed, run

__all__ = ["Posting"]

_SHORT = 0.001
"""Seconds that a deletion may wait, and that a job may take to be called short."""

_NAMES = 1000
"""Names of jobs whose last time is remembered."""


class _Line(Protocol):
    def post(self, name: str, args: tuple[Any, ...]) -> None: ...
    def collect(self) -> list[Any]: ...


class Posting:
    """The settlements of one thread that are due or on their way.

    Parameters:
        lifecycle: whose plans settle.
        line: of the driver's link.
        perform: performs whatever a plan asks for after its first call.
        settled: called with each job that is no longer in hand.
    """

    def __init__(
        self,
        lifecycle: Lifecycle,
        line: _Line,
        perform: Callable[[Effect], Any],
        settled: Callable[[Job], None],
    ) -> None:
        self._lifecycle = lifecycle
        self._line = line
        self._perform = perform
        self._settled = settled
        self._short: dict[str, bool] = {}
        self._since = 0.0
        self._sent: list[tuple[list[Job], Plan[None]]] = []
        self.held: list[Job] = []
        """Jobs that went well and are still to be deleted."""
        self.owed: deque[Job] = deque()
        """Jobs of which nobody knows whether they are deleted: the answer did not come."""

    def hold(self, job: Job, name: str, started: float, now: float) -> None:
        """Have a job deleted that went well; it ran from ``started`` to ``now``, in seconds of one clock."""
        short = now - started < _SHORT
        if len(self._short) >= _NAMES and name not in self._short:
            self._short.clear()
        self._short[name] = short
        if not self.held:
            self._since = started
        self.held.append(job)
        if not short or now - self._since >= _SHORT:
            self.send()

    def before(self, name: str) -> None:
        """A job of that name is about to run: what is held does not wait for it unless it is known to be short."""
        if self.held and not self._short.get(name, False):
            self.send()

    def send(self) -> None:
        """Send the deletions of what is held."""
        while self.held:
            queue = self.held[0].queue
            jobs = [job for job in self.held if job.queue == queue]
            self.held = [job for job in self.held if job.queue != queue]
            plan = self._lifecycle.settle_done(jobs)
            effect = next(plan)
            try:
                assert isinstance(effect, Call), "the deletion of jobs of one queue is one call"
                self._line.post(effect.name, effect.args)
            except StoreUnreachable:
                plan.close()
                self.owed.extend(jobs)
            else:
                self._sent.append((jobs, plan))
            for job in jobs:
                self._settled(job)

    def settling(self) -> Plan[None]:
        """Delete what is held, as a plan of its own: for whoever takes the next jobs in the same round trip."""
        jobs, self.held = self.held, []
        try:
            yield from self._lifecycle.settle_done(jobs)
        except BaseException:
            self.owed.extend(jobs)
            raise
        finally:
            for job in jobs:
                self._settled(job)

    def collect(self) -> None:
        """Read the answers that are due, and go on with the plans that wait for them."""
        if not self._sent:
            return
        sent, self._sent = self._sent, []
        for (jobs, plan), answer in zip(sent, self._line.collect(), strict=True):
            if isinstance(answer, StoreError):
                plan.close()
                self.owed.extend(jobs)
            else:
                run(resumed(plan, answer), self._perform)

    def settle_owed(self) -> None:
        """Settle what nobody knows about; a job that was settled after all is then found lost, which is told.

        Raises :class:`~lara_queue.errors.StoreError`; what is left is still owed then.
        """
        while self.owed:
            run(self._lifecycle.settle(self.owed[0], DONE), self._perform)
            self.owed.popleft()
