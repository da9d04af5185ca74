"""How long to wait before the store is tried again: growing, capped, and never the same for two workers."""

from __future__ import annotations

from collections.abc import Callable, Iterator

__all__ = ["delays"]


def delays(chance: Callable[[], float], *, first: float = 0.1, longest: float = 5.0) -> Iterator[float]:
    """Endless seconds to wait; ``chance`` gives a number from 0 to 1.

    >>> steps = delays(lambda: 1.0)
    >>> [round(next(steps), 1) for _ in range(7)]
    [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0]
    """
    ceiling = first
    while True:
        yield ceiling * (0.5 + 0.5 * chance())
        ceiling = min(longest, ceiling * 2)
