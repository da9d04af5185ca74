"""Settings as frozen values, and the one place where payload, handler and worker options meet."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal

from lara_queue.errors import ConfigurationError

__all__ = ["HandlerOptions", "WorkerOptions"]


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerOptions:
    """The options of ``queue:work``, with its names and defaults (protocol §6.1), and a few of our own.

    Attributes:
        name: the worker's name; selects the strategy registered for it, if any (see ``Registry.pop_using``).
        queue: comma list of queue names in order of priority; None for the queue object's own.
        tries: attempts for a job that does not say; 0 for no limit.
        backoff: seconds before a retry, or a list of them.
        timeout: seconds a job may run; 0 for no limit.
        sleep: seconds to wait when there is no job.
        rest: seconds to rest after each job.
        max_jobs: stop after so many jobs; 0 for no limit.
        max_time: stop after so many seconds; 0 for no limit.
        memory: stop, with exit code 12, at so many mebibytes; 0 for no limit. Counted is what the process has grown
            by since the worker began, and the 20 an idle Laravel worker takes: imported libraries do not count.
        stop_when_empty: stop when there is no job.
        stop_when_empty_for: stop when there has been no job for so many seconds; 0 to go on.
        force: run although the application is in maintenance mode.
        once: take one job (wait ``sleep`` seconds if there is none) and stop.
        keep_leases: renew the reservation of a job that runs longer than ``retry_after``.
        unhandled: a job without handler is put back untouched (``release``) or recorded as failed (``fail``).
        unhandled_delay: seconds before a job put back that way is due again.
        shutdown_timeout: seconds the jobs in hand get to finish after the first signal; None for no limit.
        grace: seconds a handler gets to clean up after its timeout before the process is killed.
        health_file: touched while the loop turns, for liveness probes; each child of a supervisor has one of its own,
            from the second one on with ``.2``, ``.3`` and so on at its end.
        restartable: obey restart signals in the cache; False saves reading them.
        pausable: obey pauses of queues in the cache; False saves reading them.
        stop_on_lost_connection: stop, with exit code 0, after a job that raised because a database is gone, so that
            whoever watches the worker starts it anew with fresh connections.
        report_job_exceptions: log what jobs raise; the events tell of it either way.
        memory_exit_code: the exit code for the memory limit.

    >>> WorkerOptions().tries, WorkerOptions().timeout, WorkerOptions(queue="high,low").queues("default")
    (1, 60, ('high', 'low'))
    """

    name: str = "default"
    queue: str | None = None
    tries: int = 1
    backoff: float | str | Sequence[float] = 0
    timeout: float = 60
    sleep: float = 3
    rest: float = 0
    max_jobs: int = 0
    max_time: float = 0
    memory: float = 128
    stop_when_empty: bool = False
    stop_when_empty_for: float = 0
    force: bool = False
    once: bool = False
    keep_leases: bool = True
    unhandled: Literal["release", "fail"] = "release"
    unhandled_delay: float = 10
    shutdown_timeout: float | None = None
    grace: float = 5
    health_file: str | None = None
    restartable: bool = True
    pausable: bool = True
    stop_on_lost_connection: bool = True
    report_job_exceptions: bool = True
    memory_exit_code: int = 12

    def queues(self, default: str) -> tuple[str, ...]:
        """The queue names in order of priority; like Laravel, parts are not trimmed."""
        return tuple((self.queue if self.queue is not None else default).split(","))

    @classmethod
    def names(cls) -> frozenset[str]:
        """The names ``listen()`` understands."""
        return frozenset(field.name for field in fields(cls))

    @classmethod
    def of(cls, given: dict[str, object]) -> WorkerOptions:
        """Options from keyword arguments; raises :class:`~lara_queue.errors.ConfigurationError` for an unknown name."""
        unknown = sorted(set(given) - cls.names())
        if unknown:
            raise ConfigurationError(
                f"listen() has no option {unknown[0]!r}; it understands {', '.join(sorted(cls.names()))}."
            )
        return cls(**given)  # type: ignore[arg-type]  # names are checked above, values where they are used


@dataclass(frozen=True, slots=True, kw_only=True)
class HandlerOptions:
    """What a handler was registered with; None means "as the worker says". A job's payload beats it.

    Attributes:
        tries: attempts; 0 for no limit.
        backoff: seconds before a retry, a list of them, or a function from attempt number to seconds.
        timeout: seconds.
        max_exceptions: exceptions allowed.
        fail_on_timeout: a timeout fails the job at once.
        retry_exceptions: retry only these.
        middleware: what stands around it, see :mod:`lara_queue.middleware`.
        unique: its jobs are Laravel's ``ShouldBeUnique``; a function gets the unique id from the job. Needed for jobs
            of Laravel before 11.39, which do not say so.
        unique_until_processing: they are ``ShouldBeUniqueUntilProcessing``.
        debounce_id: what tells its debounced jobs apart: a function of the job.
        once_for: seconds for which a completed job is remembered; when it is delivered again it is not run.
        once_key: what makes two deliveries the same, a function of the job; default the uuid.
    """

    tries: int | None = None
    backoff: float | str | Sequence[float] | Callable[[int], float] | None = None
    timeout: float | None = None
    max_exceptions: int | None = None
    fail_on_timeout: bool | None = None
    retry_exceptions: tuple[type[BaseException], ...] | None = None
    middleware: tuple[Callable[..., Any], ...] = ()
    unique: bool | Callable[[Any], object] = False
    unique_until_processing: bool = False
    debounce_id: Callable[[Any], object] | None = None
    once_for: float | None = None
    once_key: Callable[[Any], object] | None = None
