"""What follows when a child process of the supervisor has ended: a decision, from values to a value."""

from __future__ import annotations

from dataclasses import dataclass

from lara_queue.lifecycle.stop import EXIT_SUCCESS, StopReason

__all__ = ["Exit", "Next", "after_exit", "replacement_delay"]

_TO_BE_REPLACED = (StopReason.RESTART, StopReason.MEMORY, StopReason.QUIT, StopReason.INTERRUPTED)


@dataclass(frozen=True, slots=True)
class Exit:
    """How a child ended.

    Attributes:
        code: its exit code; negative for the signal that killed it.
        reason: why its worker stopped, when it could still say.
        was_ready: its loop had turned.
    """

    code: int
    reason: str | None = None
    was_ready: bool = True


@dataclass(frozen=True, slots=True)
class Next:
    """What becomes of a child's place: ``replace`` it, at once or after a growing delay, or leave it empty."""

    replace: bool
    slowly: bool = False


def after_exit(ended: Exit) -> Next:
    """Whether a child that nobody told to stop is replaced.

    One that reached an end it was given (empty, so many jobs, so long) is not. One that stopped to be started anew (a
    restart signal, the memory limit, a TERM that somebody sent to it) is, at once. Every other is, with care: also one
    that stopped because a database is gone, which may be gone for longer.

    >>> after_exit(Exit(0, "max_jobs")), after_exit(Exit(12, "memory"))
    (Next(replace=False, slowly=False), Next(replace=True, slowly=False))
    >>> after_exit(Exit(-9)), after_exit(Exit(0, "lost_connection"))
    (Next(replace=True, slowly=True), Next(replace=True, slowly=True))
    """
    expected = ended.code == EXIT_SUCCESS or ended.reason == StopReason.MEMORY
    if ended.reason is None or ended.reason == StopReason.LOST_CONNECTION or not expected:
        return Next(True, slowly=True)
    return Next(ended.reason in _TO_BE_REPLACED)


def replacement_delay(failures: int) -> float:
    """Seconds before a child is replaced, when this is how many have died there soon after their start, in a row.

    >>> [replacement_delay(n) for n in (1, 2, 3, 20)]
    [0.1, 0.2, 0.4, 30.0]
    """
    return min(0.1 * 2.0 ** (min(failures, 20) - 1), 30.0)
