"""Jobs that are taken a moment before there is a slot for them.

Where many jobs wait for something at once, a slot becomes free every millisecond or so, and to take a job for it takes
as long again. So as many jobs are taken beforehand as will find a slot within some milliseconds, going by how often one
became free lately: for jobs of 50 ms in 50 slots that are a dozen, for jobs of a second none. No job waits long
because of it: where slots suddenly stay full, the jobs that were taken too early go back.
"""

from __future__ import annotations

from collections import deque

from lara_queue.ports import Reservation

__all__ = ["PATIENCE", "Lookahead"]

PATIENCE = 0.25
"""Seconds without a free slot after which the jobs that wait for one go back."""

_MOMENT = 0.015
"""Seconds within which a job that is taken beforehand is to find its slot."""

_OFTEN = 0.0002
"""Seconds between two ends of jobs below which it is not worth it: such jobs are taken many at a time as it is."""

_WEIGHT = 1 / 32
"""Of the last end in the mean of all."""


class Lookahead:
    """How many jobs to take beforehand, and those that were.

    Parameters:
        slots: of the worker.
        least: slots from which on it is worth it.

    >>> lookahead = Lookahead(50, least=32)
    >>> lookahead.more = True
    >>> for ms in range(500):
    ...     lookahead.ended(ms / 1000)
    >>> lookahead.missing
    12
    """

    __slots__ = ("_last", "_mean", "_most", "jobs", "more")

    def __init__(self, slots: int, *, least: int) -> None:
        self._most = slots // 4 if slots >= least else 0
        self._last = 0.0
        self._mean = 1.0  # second from one end to the next, until more is known
        self.jobs: deque[Reservation] = deque()
        """Taken, and not begun."""
        self.more = False
        """The store had as many jobs as it was asked for the last time."""

    def ended(self, now: float) -> None:
        """A job has ended, at a second of any clock that does not go back."""
        self._mean += (min(now - self._last, 1.0) - self._mean) * _WEIGHT
        self._last = now

    def misjudged(self) -> None:
        """No slot became free in time: expect none until jobs have ended quickly again."""
        self._mean = 1.0

    @property
    def missing(self) -> int:
        """How many jobs to ask for now; none until half of those that are wanted are gone."""
        if not self.more or not self._most or self._mean < _OFTEN:
            return 0
        wanted = min(self._most, int(_MOMENT / self._mean))
        missing = wanted - len(self.jobs)
        return missing if 2 * missing >= wanted else 0
