"""Counting jobs for next to nothing: the hot path appends one tuple, and somebody who looks pays for the sums.

A worker that does fifty thousand jobs a second cannot afford locks, percentiles or dictionaries per job. So recording
only appends to a deque (one atomic step under the GIL, safe from any thread), and every few hundred records, or when
somebody asks, they are *folded* into totals. Memory is bounded everywhere: the history by ``max_history_size``, the
number of job types and errors told apart by constants below; whatever exceeds them is counted under ``(other)``.

The names and the shape of the answers are LaraQueue 1.x's (``metrics_collector.py``), so that dashboards keep working;
``p50``, ``p95`` and ``p99`` are ours.
"""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from lara_queue.clock import Clock, system_clock
from lara_queue.metrics.stats import BUCKETS, OTHER, Errors, TypeStats, percentile, text_of

__all__ = ["MetricsCollector", "MetricsSnapshot"]

FOLD_AFTER: Final = 512
"""Records that may wait to be summed up; also what a crash of the process could lose from a final report."""

MAX_TYPES: Final = 500
"""Job types told apart."""

MAX_NAME: Final = 250
"""Characters of a job's name that are kept; a PHP class has fewer, but anybody may write a payload."""

_Record = tuple[str, float, float, "tuple[str, str] | bool | None"]
# name, start, seconds, and: None for a success, (error type, message) for a failure, True for a retry


@dataclass(frozen=True, slots=True)
class MetricsSnapshot:
    """The collector's totals at one moment, for exporters.

    Attributes:
        processed, successful, failed, retries: jobs since the last reset.
        uptime_seconds: since the collector was made.
        types: for each job type ``{"total", "successful", "failed", "retries", "seconds", "buckets"}``; ``buckets``
            has one count for each bound of ``BUCKETS`` (jobs no longer than it and longer than the one before)
            and a last one for longer jobs.
        errors: how often each exception type was seen.
    """

    processed: int
    successful: int
    failed: int
    retries: int
    uptime_seconds: float
    types: dict[str, dict[str, Any]]
    errors: dict[str, int]


class MetricsCollector:
    """Counts, times and errors of the jobs that were run.

    Parameters:
        max_history_size: how many recent jobs are remembered; averages and percentiles are over these.
        clock: tells the Unix time in seconds.

    >>> metrics = MetricsCollector(clock=lambda: 100.0)
    >>> metrics.record_job_success("App\\\\Jobs\\\\SendEmail", 100.0, 0.25)
    >>> metrics.record_job_failure("App\\\\Jobs\\\\SendEmail", 100.0, 0.75, ValueError("no address"))
    >>> metrics.get_metrics()["general"]["success_rate"]
    50.0
    >>> metrics.get_job_type_metrics("App\\\\Jobs\\\\SendEmail")["avg_processing_time"]
    0.5
    """

    def __init__(self, max_history_size: int = 1000, clock: Clock = system_clock) -> None:
        self.max_history_size = max(0, max_history_size)
        self._clock = clock
        self._pending: deque[_Record] = deque()
        self._add = self._pending.append
        # Re-entrant, because a signal handler may ask for figures while its own thread is folding.
        self._folding = threading.RLock()
        self._started = clock()
        self._clear()

    def _clear(self) -> None:
        self._processed = self._successful = self._failed = self._retries = 0
        self._seconds = 0.0
        self._types: dict[str, TypeStats] = {}
        self._errors = Errors()
        self._history: deque[_Record] = deque(maxlen=self.max_history_size)
        self._reset_at = self._clock()

    # -- recording: the hot path -------------------------------------------------------------------------------------

    def record_job_start(self, job_name: str) -> float:
        """The time, in Unix seconds, to give to the call that records the end."""
        return self._clock()

    def record_job_success(self, job_name: str, start_time: float, processing_time: float) -> None:
        """Count a job that went well; times in seconds."""
        self._add((job_name, start_time, processing_time, None))
        if len(self._pending) >= FOLD_AFTER:
            self._fold(wait=False)

    def record_job_failure(
        self, job_name: str, start_time: float, processing_time: float, error: BaseException
    ) -> None:
        """Count an attempt that failed; times in seconds. The exception itself is not kept, only its name and text."""
        self._add((job_name, start_time, processing_time, (type(error).__name__, text_of(error))))
        if len(self._pending) >= FOLD_AFTER:
            self._fold(wait=False)

    def record_retry(self, job_name: str) -> None:
        """Count a job that goes back to be tried again."""
        self._add((job_name, 0.0, 0.0, True))
        if len(self._pending) >= FOLD_AFTER:
            self._fold(wait=False)

    # -- summing up ----------------------------------------------------------------------------------------------------

    def _fold(self, *, wait: bool = True) -> None:
        """Sum up what was recorded. Records added meanwhile by other threads are taken too, none is taken twice."""
        if not self._folding.acquire(blocking=wait):
            return  # another thread is at it
        try:
            take, types, keep = self._pending.popleft, self._types, self._history.append
            for _ in range(len(self._pending)):
                record = take()
                name, started, seconds, what = record
                stats = types.get(name)
                if stats is None:
                    name = name[:MAX_NAME]
                    stats, record = self._stats(name), (name, started, seconds, what)
                if what is True:
                    self._retries += 1
                    stats.retries += 1
                    continue
                if seconds < 0:  # the clock was set back while the job ran
                    seconds, record = 0.0, (name, started, 0.0, what)
                self._processed += 1
                self._seconds += seconds
                keep(record)
                stats.total += 1
                stats.seconds += seconds
                if seconds < stats.shortest:
                    stats.shortest = seconds
                if seconds > stats.longest:
                    stats.longest = seconds
                stats.buckets[bisect_left(BUCKETS, seconds)] += 1
                if what is None:
                    self._successful += 1
                    stats.successful += 1
                else:
                    assert isinstance(what, tuple)
                    self._failed += 1
                    stats.failed += 1
                    self._errors.count(*what, job_name=name, at=started + seconds)
        except IndexError:  # a signal handler of this thread has taken the rest
            pass
        finally:
            self._folding.release()

    def _stats(self, name: str) -> TypeStats:
        name = name if len(self._types) < MAX_TYPES else OTHER
        return self._types.setdefault(name, TypeStats())

    # -- looking -------------------------------------------------------------------------------------------------------

    def get_metrics(self) -> dict[str, Any]:
        """Everything, in LaraQueue 1.x's shape.

        Keys: ``general`` (``total_processed``, ``total_successful``, ``total_failed``, ``total_retries``,
        ``success_rate`` in per cent, ``uptime_seconds``, ``time_since_reset``), ``performance``, ``job_types`` and
        ``errors`` (``error_counts`` by type, ``error_types`` by message, ``error_details``). ``performance`` is about
        the remembered jobs, except ``throughput_per_second``: jobs since the last reset over the seconds since then.
        ``job_types`` has each type's counts and times since the last reset, and its percentiles over the remembered
        jobs.
        """
        with self._folding:
            self._fold()
            return {
                "general": self._general(),
                "performance": self._performance(),
                "job_types": self._job_types(),
                "errors": self._errors.shown(),
            }

    def _job_types(self) -> dict[str, Any]:
        recent: dict[str, list[float]] = {}
        for name, _, seconds, _ in self._history:
            recent.setdefault(name if name in self._types else OTHER, []).append(seconds)
        return {
            name: {**stats.shown(), **_percentiles(sorted(recent.get(name, ())))}
            for name, stats in self._types.items()
            if stats.total
        }

    def _general(self) -> dict[str, Any]:
        now = self._clock()
        return {
            "total_processed": self._processed,
            "total_successful": self._successful,
            "total_failed": self._failed,
            "total_retries": self._retries,
            "success_rate": self._successful / self._processed * 100 if self._processed else 0,
            "uptime_seconds": now - self._started,
            "time_since_reset": now - self._reset_at,
        }

    def _performance(self) -> dict[str, Any]:
        times = sorted(record[2] for record in self._history)
        elapsed = self._clock() - self._reset_at
        return {
            "avg_processing_time": sum(times) / len(times) if times else 0,
            "min_processing_time": times[0] if times else 0,
            "max_processing_time": times[-1] if times else 0,
            "throughput_per_second": self._processed / elapsed if elapsed > 0 else 0,
            "history_size": len(times),
            **_percentiles(times),
        }

    def get_job_type_metrics(self, job_name: str) -> dict[str, Any]:
        """The figures of one job type as in ``get_metrics()["job_types"]``; empty when it was never seen."""
        with self._folding:
            self._fold()
            found: dict[str, Any] = self._job_types().get(job_name[:MAX_NAME], {})
            return found

    def get_recent_jobs(self, limit: int = 10) -> list[dict[str, Any]]:
        """The last jobs, oldest first: ``name``, ``success``, ``processing_time``, ``timestamp``; failures ``error``.

        ``timestamp`` is the Unix time at which the job began; ``error`` the exception's type, ``message`` its text.
        """
        with self._folding:
            self._fold()
            recent = list(self._history)[-limit:] if limit > 0 else []
        return [_shown(record) for record in recent]

    def get_performance_summary(self) -> dict[str, Any]:
        """``general`` and ``performance`` of :meth:`get_metrics`, and LaraQueue 1.x's flat keys beside them."""
        with self._folding:
            self._fold()
            general, performance = self._general(), self._performance()
            uptime = general["uptime_seconds"]
            return {
                "general": general,
                "performance": performance,
                "total_jobs": self._processed,
                "success_rate": general["success_rate"],
                "avg_processing_time": self._seconds / max(1, self._processed),
                "throughput_per_second": performance["throughput_per_second"],
                "throughput_per_minute": self._processed / max(1, uptime / 60),
                "uptime_hours": uptime / 3600,
                "total_retries": self._retries,
            }

    def snapshot(self) -> MetricsSnapshot:
        """The totals for an exporter (see :mod:`lara_queue.metrics.prometheus`)."""
        with self._folding:
            self._fold()
            return MetricsSnapshot(
                processed=self._processed,
                successful=self._successful,
                failed=self._failed,
                retries=self._retries,
                uptime_seconds=self._clock() - self._started,
                types={name: stats.totals() for name, stats in self._types.items()},
                errors=dict(self._errors.counts),
            )

    def reset_metrics(self) -> None:
        """Forget everything but when the collector was made."""
        with self._folding:
            self._pending.clear()
            self._clear()

    # -- LaraQueue 1.x's attributes ------------------------------------------------------------------------------

    @property
    def total_processed(self) -> int:
        """Jobs run since the last reset."""
        return self.snapshot().processed

    @property
    def total_successful(self) -> int:
        """Those that went well."""
        return self.snapshot().successful

    @property
    def total_failed(self) -> int:
        """Attempts that failed."""
        return self.snapshot().failed

    @property
    def total_retries(self) -> int:
        """Jobs sent back to be tried again."""
        return self.snapshot().retries


def _percentiles(ordered: Sequence[float]) -> dict[str, float]:
    return {"p50": percentile(ordered, 50), "p95": percentile(ordered, 95), "p99": percentile(ordered, 99)}


def _shown(record: _Record) -> dict[str, Any]:
    name, started, seconds, what = record
    shown: dict[str, Any] = {
        "name": name,
        "success": what is None,
        "processing_time": seconds,
        "timestamp": started,
    }
    if isinstance(what, tuple):
        shown["error"], shown["message"] = what
    return shown
