"""A process that dies between two instructions: the n-th effect of a plan is its last.

The plan is left standing there, as it would be by ``SIGKILL``: no ``except`` and no ``finally`` of it runs. What the
store then holds is what the next process finds::

    for steps in range(effects_of(perform, driver.release(taken))):  # this one lives to the end
        ...  # a fresh world with the job taken
        with contextlib.suppress(Crash):
            Crashing(perform, after=steps).run(driver.release(taken))
        ...  # the job must still be somewhere
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from lara_queue.plans import Effect, Plan

__all__ = ["Crash", "Crashing", "effects_of"]

T = TypeVar("T")


class Crash(BaseException):
    """The process has died. Not an ``Exception``, so that no plan can make something of it."""


class Crashing:
    """Performs effects until it is time to die.

    Parameters:
        perform: performs one effect, blocking.
        after: how many effects are performed before the death.
        answered: with False the last of them is performed but its answer never arrives.
    """

    def __init__(self, perform: Callable[[Effect], Any], *, after: int, answered: bool = True) -> None:
        self._perform = perform
        self._left = after
        self._answered = answered

    def __call__(self, effect: Effect) -> Any:
        """The effect's answer, or :class:`Crash`. Give it to ``run`` where the plan's own clean-up may run."""
        if self._left <= 0:
            raise Crash
        self._left -= 1
        answer = self._perform(effect)
        if self._left == 0 and not self._answered:
            raise Crash
        return answer

    def run(self, plan: Plan[T]) -> T:
        """What the plan returns if it lives that long; raises :class:`Crash` without telling the plan otherwise."""
        try:
            effect = next(plan)
            while True:
                try:
                    reply = self(effect)
                except Exception as error:
                    effect = plan.throw(error)
                else:
                    effect = plan.send(reply)
        except StopIteration as stop:
            value: T = stop.value
            return value
        except Crash:
            _abandoned.append(plan)  # so that it is not closed, which would run its clean-up
            raise


_abandoned: list[Any] = []


def effects_of(perform: Callable[[Effect], Any], plan: Plan[Any]) -> int:
    """How many effects a plan yields, by running it."""
    count = 0

    def counting(effect: Effect) -> Any:
        nonlocal count
        count += 1
        return perform(effect)

    Crashing(counting, after=1_000_000).run(plan)
    return count
