"""A clock that stands still until it is moved."""

from __future__ import annotations

__all__ = ["ManualClock"]


class ManualClock:
    """Tells the Unix time it was set to.

    >>> clock = ManualClock(1000)
    >>> clock.advance(90)
    >>> clock()
    1090.0
    """

    def __init__(self, now: float = 1_750_000_000) -> None:
        self.now = float(now)

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        """Let so many seconds pass."""
        self.now += seconds
