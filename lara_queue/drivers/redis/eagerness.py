"""Whether to look for an answer for a moment before sleeping until it comes.

A Redis on the same machine answers within some ten microseconds, less than it takes to put this process to sleep and to
wake it up again. So one who waits looks again and again, letting others run in between, and sleeps when that took too
long. A Redis that is further away is never that quick: after a few attempts it is given up, and tried again once in a
thousand answers.
"""

from __future__ import annotations

import os
from collections.abc import Callable

__all__ = ["BUSY", "MOMENT", "Eagerness", "let_others_run"]

MOMENT = 0.0002
"""Seconds that are spent looking."""

BUSY = 0.00002
"""Seconds after which whoever let others run gets the processor back if there were any."""

_SELDOM = 1024
"""Answers of which one is looked for where they never come that soon."""

let_others_run: Callable[[], None] | None = getattr(os, "sched_yield", None)
"""Gives the processor to another process, perhaps to Redis; None where the system has no such call."""


class Eagerness:
    """Learns from each attempt whether the next ones are worth it.

    >>> eagerness = Eagerness()
    >>> eagerness.is_due()
    True
    >>> eagerness.learn(came=False)
    >>> eagerness.is_due(), eagerness.is_due()
    (False, True)
    """

    __slots__ = ("_left_out", "_misses")

    def __init__(self) -> None:
        self._misses = 1
        self._left_out = 0

    def is_due(self) -> bool:
        """True when this answer should be looked for; to be asked once for each answer."""
        if self._left_out:
            self._left_out -= 1
            return False
        return True

    def learn(self, *, came: bool) -> None:
        """Whether an answer that was looked for came in time."""
        if came:
            self._misses = max(1, self._misses // 2)
        else:
            self._misses = min(2 * self._misses, _SELDOM)
            self._left_out = self._misses // 2
