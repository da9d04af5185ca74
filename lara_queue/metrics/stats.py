"""The sums behind the metrics: one job type, the errors, a percentile."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from typing import Any, Final

__all__ = ["BUCKETS", "OTHER", "Errors", "TypeStats", "percentile", "text_of"]

BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)
"""Upper bounds of the runtime histogram, in seconds."""

OTHER: Final = "(other)"
"""Where types and errors are counted once too many have been told apart."""

MAX_ERRORS: Final = 100
MAX_DETAILS: Final = 10
MAX_TEXT: Final = 500


class TypeStats:
    """The sums of one job type; times in seconds."""

    __slots__ = ("buckets", "failed", "longest", "retries", "seconds", "shortest", "successful", "total")

    def __init__(self) -> None:
        self.total = self.successful = self.failed = self.retries = 0
        self.seconds = 0.0
        self.shortest = math.inf
        self.longest = 0.0
        self.buckets = [0] * (len(BUCKETS) + 1)

    def shown(self) -> dict[str, Any]:
        """The figures under LaraQueue 1.x's names."""
        return {
            "total": self.total,
            "successful": self.successful,
            "failed": self.failed,
            "retries": self.retries,
            "success_rate": self.successful / self.total * 100 if self.total else 0,
            "avg_processing_time": self.seconds / self.total if self.total else 0,
            "min_processing_time": self.shortest if self.total else 0,
            "max_processing_time": self.longest,
        }

    def totals(self) -> dict[str, Any]:
        """The sums for exporters."""
        return {
            "total": self.total,
            "successful": self.successful,
            "failed": self.failed,
            "retries": self.retries,
            "seconds": self.seconds,
            "buckets": tuple(self.buckets),
        }


class Errors:
    """How often each error was seen, by type and by message, and the last few of each type."""

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}
        self.messages: dict[str, int] = {}
        self.details: dict[str, deque[dict[str, Any]]] = {}

    def count(self, kind: str, message: str, *, job_name: str, at: float) -> None:
        """Count one error that ended an attempt at the Unix time ``at``."""
        kind = _counted(self.counts, kind)
        _counted(self.messages, message)
        detail = {"job_name": job_name, "timestamp": at, "message": message}
        self.details.setdefault(kind, deque(maxlen=MAX_DETAILS)).append(detail)

    def shown(self) -> dict[str, Any]:
        """The figures under LaraQueue 1.x's names."""
        return {
            "error_counts": dict(self.counts),
            "error_types": dict(self.messages),
            "error_details": {kind: list(details) for kind, details in self.details.items()},
        }


def _counted(counts: dict[str, int], key: str) -> str:
    """Count ``key``; the key it was counted under."""
    if key not in counts and len(counts) >= MAX_ERRORS:
        key = OTHER
    counts[key] = counts.get(key, 0) + 1
    return key


def percentile(ordered: Sequence[float], per_cent: float) -> float:
    """The value that ``per_cent`` of the ordered values do not exceed (nearest rank); 0 when there are none.

    >>> percentile([1, 2, 3, 4], 50), percentile([1, 2, 3, 4], 99), percentile([], 50)
    (2, 4, 0)
    """
    if not ordered:
        return 0
    return ordered[max(0, math.ceil(len(ordered) * per_cent / 100) - 1)]


def text_of(error: BaseException) -> str:
    """The exception's message, shortened; also for exceptions whose own ``__str__`` fails.

    >>> text_of(ValueError("no address"))
    'no address'
    """
    try:
        return str(error)[:MAX_TEXT]
    except Exception:
        return f"<{type(error).__name__} without a readable message>"
