"""How long to wait before the next attempt: a function from numbers to seconds."""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

__all__ = ["Backoff", "RetryConfig", "RetryStrategy", "from_list", "parse_backoff"]

Backoff = Callable[[int], float]
"""From the number of the attempt that just failed (1 for the first) to seconds until the next."""


class RetryStrategy(enum.Enum):
    """How the delay grows from retry to retry (LaraQueue 1.x's names)."""

    EXPONENTIAL = "exponential"
    LINEAR = "linear"
    FIXED = "fixed"
    CUSTOM = "custom"


def _no_chance() -> float:
    return 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryConfig:
    """LaraQueue 1.x's retry settings, as one value.

    Attributes:
        max_retries: retries after the first attempt.
        retry_strategy: how the delay grows.
        retry_delay: the first delay, seconds.
        retry_max_delay: no delay is longer, seconds (jitter included).
        retry_jitter: add 10 to 30 % so that jobs failing together do not come back together.
        retry_backoff_multiplier: factor of the exponential strategy.
        retry_custom_function: from retry number to seconds, for the custom strategy.
        retry_exceptions: retry only these; everything else fails at once.
        chance: a number from 0 to 1 each time it is called; tests pass their own.
    """

    max_retries: int = 3
    retry_strategy: RetryStrategy = RetryStrategy.EXPONENTIAL
    retry_delay: float = 5
    retry_max_delay: float = 300
    retry_jitter: bool = True
    retry_backoff_multiplier: float = 2.0
    retry_custom_function: Callable[[int], float] | None = None
    retry_exceptions: Sequence[type[BaseException]] | None = None
    chance: Callable[[], float] = field(default=_no_chance, repr=False, compare=False)

    def calculate_delay(self, attempt: int) -> float:
        """Seconds to wait after attempt number ``attempt`` (1 for the first) has failed; never under 1.

        >>> config = RetryConfig(retry_delay=5, retry_jitter=False)
        >>> [config.calculate_delay(n) for n in (1, 2, 3, 9)]
        [5, 10, 20, 300]
        """
        delay = self._grown(attempt)
        if self.retry_jitter:
            delay += delay * (0.1 + 0.2 * self.chance())
        return int(max(1, min(delay, self.retry_max_delay)))

    def should_retry(self, attempt: int, exception: BaseException) -> bool:
        """True when attempt number ``attempt`` was not the last one and the exception is one to retry.

        >>> [RetryConfig(max_retries=1).should_retry(n, ValueError()) for n in (1, 2)]
        [True, False]
        """
        return attempt <= self.max_retries and self.retries(exception)

    def retries(self, exception: BaseException) -> bool:
        """True when the exception is of a kind to retry."""
        return self.retry_exceptions is None or isinstance(exception, tuple(self.retry_exceptions))

    def _grown(self, attempt: int) -> float:
        match self.retry_strategy:
            case RetryStrategy.EXPONENTIAL:
                # Past the point where it exceeds the cap the power only risks an OverflowError.
                return self.retry_delay * self.retry_backoff_multiplier ** min(attempt - 1, 64)
            case RetryStrategy.LINEAR:
                return self.retry_delay * attempt
            case RetryStrategy.CUSTOM if self.retry_custom_function is not None:
                return self.retry_custom_function(attempt)
        return self.retry_delay


def from_list(delays: Sequence[float]) -> Backoff:
    """Laravel's rule: the element for the attempt, the last one from there on (``Worker::calculateBackoff``).

    >>> [from_list([1, 5, 9])(n) for n in (1, 2, 3, 4)]
    [1, 5, 9, 9]
    """

    def backoff(attempt: int) -> float:
        if not delays:
            return 0
        return delays[min(max(attempt, 1), len(delays)) - 1]

    return backoff


def parse_backoff(value: float | str | Sequence[float] | None) -> tuple[float, ...]:
    """The delays a ``backoff`` option means: a number, a comma list as on the command line, or a sequence.

    >>> parse_backoff("1,5,10"), parse_backoff(3), parse_backoff(None)
    ((1.0, 5.0, 10.0), (3,), (0,))
    """
    if value is None:
        return (0,)
    if isinstance(value, str):
        return tuple(float(part) for part in value.split(",") if part.strip()) or (0,)
    if isinstance(value, (int, float)):
        return (value,)
    return tuple(value) or (0,)
