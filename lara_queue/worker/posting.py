"""Settling jobs that were taken ahead without waiting for each answer.

While jobs that were reserved ahead (``prefetch``) are still to be run, a job that went well is deleted by a command
that is sent at once and whose answer is read later, before the next jobs are taken. So nothing is settled any later,
and the thread does not sit out a round trip between two jobs that it has already.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

from lara_queue.errors import StoreError, StoreUnreachable
from lara_queue.job import Job
from lara_queue.lifecycle.attempt import Lifecycle, Outcome
from lara_queue.plans import Call, Effect, Plan, resumed, run

__all__ = ["Posting"]


class _Line(Protocol):
    def post(self, name: str, args: tuple[Any, ...]) -> None: ...
    def collect(self) -> list[Any]: ...


class Posting:
    """The settlements of one thread that are on their way.

    Parameters:
        lifecycle: whose plans settle.
        line: of the driver's link.
        perform: performs whatever a plan asks for after its first call.
    """

    def __init__(self, lifecycle: Lifecycle, line: _Line, perform: Callable[[Effect], Any]) -> None:
        self._lifecycle = lifecycle
        self._line = line
        self._perform = perform
        self._sent: list[tuple[Job, Outcome, Plan[bool]]] = []
        self.owed: deque[tuple[Job, Outcome]] = deque()
        """Jobs of which nobody knows whether they are settled: the answer did not come."""

    def send(self, job: Job, outcome: Outcome) -> bool:
        """True when the job's settlement is on its way; False when it has to be settled in the usual way."""
        plan = self._lifecycle.settle(job, outcome)
        effect = next(plan)
        if not isinstance(effect, Call):
            plan.close()
            return False
        try:
            self._line.post(effect.name, effect.args)
        except StoreUnreachable:
            plan.close()
            return False
        self._sent.append((job, outcome, plan))
        return True

    def collect(self) -> None:
        """Read the answers that are due, and go on with the plans that wait for them."""
        if not self._sent:
            return
        sent, self._sent = self._sent, []
        for (job, outcome, plan), answer in zip(sent, self._line.collect(), strict=True):
            if isinstance(answer, StoreError):
                plan.close()
                self.owed.append((job, outcome))
            else:
                run(resumed(plan, answer), self._perform)

    def settle_owed(self) -> None:
        """Settle what nobody knows about; a job that was settled after all is then found lost, which is told.

        Raises :class:`~lara_queue.errors.StoreError`; what is left is still owed then.
        """
        while self.owed:
            run(self._lifecycle.settle(*self.owed[0]), self._perform)
            self.owed.popleft()
