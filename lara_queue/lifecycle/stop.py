"""When a worker stops, and with which exit code: one table from facts to a reason.

Mirrors ``Worker::stopIfNecessary`` and ``WorkerStopReason``; protocol §6.8. Laravel calls ``quit`` interrupted and
``restart`` restart_signal; here ``interrupted`` means that the second signal broke jobs off.
"""

from __future__ import annotations

import enum

import msgspec

from lara_queue.options import WorkerOptions

__all__ = ["EXIT_ERROR", "EXIT_MEMORY_LIMIT", "EXIT_SUCCESS", "Facts", "StopReason", "exit_code_of", "stop_reason"]

EXIT_SUCCESS = 0
EXIT_ERROR = 1
EXIT_MEMORY_LIMIT = 12


class StopReason(enum.StrEnum):
    """Why a worker stopped; compares equal to its text."""

    LOST_CONNECTION = "lost_connection"
    QUIT = "quit"
    INTERRUPTED = "interrupted"
    MEMORY = "memory"
    RESTART = "restart"
    EMPTY = "empty"
    EMPTY_FOR = "empty_for"
    MAX_TIME = "max_time"
    MAX_JOBS = "max_jobs"
    ONCE = "once"
    TIMED_OUT = "timed_out"

    @property
    def exit_code(self) -> int:
        """The process exit code Laravel gives for it: 0, 12 for the memory limit, 1 where it dies of a timeout."""
        if self is StopReason.MEMORY:
            return EXIT_MEMORY_LIMIT
        return EXIT_ERROR if self is StopReason.TIMED_OUT else EXIT_SUCCESS


def exit_code_of(reason: StopReason, options: WorkerOptions) -> int:
    """The exit code for a reason, with the one that the options have for the memory limit.

    >>> [exit_code_of(reason, WorkerOptions(memory_exit_code=3)) for reason in (StopReason.MEMORY, StopReason.QUIT)]
    [3, 0]
    """
    return options.memory_exit_code if reason is StopReason.MEMORY else reason.exit_code


class Facts(msgspec.Struct, frozen=True):  # made for each job: a dataclass would take four times as long
    """What the loop knows after a round. Times are Unix seconds, memory is mebibytes."""

    now: float
    started: float
    last_job: float
    jobs: int
    got_job: bool
    quit: bool
    restarted: bool
    memory: float
    lost_connection: bool = False


def stop_reason(facts: Facts, options: WorkerOptions) -> StopReason | None:
    """Why the worker stops now, or None to go on.

    >>> facts = Facts(now=9, started=0, last_job=0, jobs=2, got_job=True, quit=False, restarted=False, memory=20)
    >>> stop_reason(facts, WorkerOptions(max_jobs=2))
    <StopReason.MAX_JOBS: 'max_jobs'>
    """
    if facts.lost_connection:
        return StopReason.LOST_CONNECTION
    if facts.quit:
        return StopReason.QUIT
    if options.memory > 0 and facts.memory >= options.memory:
        return StopReason.MEMORY
    if facts.restarted:
        return StopReason.RESTART
    if options.stop_when_empty and not facts.got_job:
        return StopReason.EMPTY
    if options.stop_when_empty_for and not facts.got_job and facts.now - facts.last_job >= options.stop_when_empty_for:
        return StopReason.EMPTY_FOR
    if options.max_time and facts.now - facts.started >= options.max_time:
        return StopReason.MAX_TIME
    if options.max_jobs and facts.jobs >= options.max_jobs:
        return StopReason.MAX_JOBS
    return None
