"""How much one serialized value may ask for before it is refused.

PHP bounds a hostile string by ``unserialize_max_depth`` and its memory limit. Python has no memory limit per request,
so the size of the input and the number of elements are bounded here as well.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["DEFAULT", "Limits"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The bounds that ``loads`` keeps; the defaults are generous for jobs and safe for a server.

    :param depth: levels of arrays and objects inside each other; 4096 is PHP's ``unserialize_max_depth``. 0 means no
        limit.
    :param size: bytes of input; None means no limit.
    :param elements: array elements and properties in all; None means no limit. An element takes 6 bytes of input at
        least, so a small input is never near it.
    :raises ValueError: when a bound is negative.

    >>> Limits(depth=16).depth
    16
    """

    depth: int = 4096
    size: int | None = 256 * 1024 * 1024
    elements: int | None = 10_000_000

    def __post_init__(self) -> None:
        for name in ("depth", "size", "elements"):
            bound = getattr(self, name)
            if bound is not None and bound < 0:
                raise ValueError(f"{name} must not be negative: {bound}")


DEFAULT = Limits()
