"""What a queue object of either face can tell about its jobs without asking the store; LaraQueue 1.x's names."""

from __future__ import annotations

import random
from typing import Any

from lara_queue.job import Job
from lara_queue.lifecycle.backoff import RetryConfig, RetryStrategy
from lara_queue.metrics.collector import MetricsCollector

__all__ = ["Figures", "retry_config"]


class Figures:
    """Jobs in hand, counts, times, and the retry settings; a part of :class:`~lara_queue.facade.QueueBase`."""

    metrics: MetricsCollector | None
    _retry: RetryConfig | None
    _in_hand: dict[int, Job]

    @property
    def processing_jobs(self) -> set[Job]:
        """The jobs in hand; may be asked from any thread."""
        jobs = list(self._in_hand.values())  # in one step: making a set of them could meet the worker changing it
        return set(jobs)

    @property
    def _processing_jobs(self) -> set[Job]:
        """LaraQueue 1.x's name, as its migration guide prints it."""
        return self.processing_jobs

    def get_metrics(self) -> dict[str, Any] | None:
        """Counts, times and errors (keys ``general``, ``performance``, ``job_types``, ``errors``); None when off."""
        return None if self.metrics is None else self.metrics.get_metrics()

    def get_job_type_metrics(self, job_name: str) -> dict[str, Any] | None:
        """The counts and times of one kind of job, or None."""
        return None if self.metrics is None else self.metrics.get_job_type_metrics(job_name)

    def get_recent_jobs(self, limit: int = 100) -> list[dict[str, Any]]:
        """The last jobs that were run, oldest first."""
        return [] if self.metrics is None else self.metrics.get_recent_jobs(limit)

    def get_performance_summary(self) -> dict[str, Any] | None:
        """The main figures; None when metrics are off."""
        return None if self.metrics is None else self.metrics.get_performance_summary()

    def reset_metrics(self) -> None:
        """Start counting anew."""
        if self.metrics is not None:
            self.metrics.reset_metrics()

    def get_retry_statistics(self) -> dict[str, Any]:
        """LaraQueue 1.x's retry figures, and the settings in force."""
        general = (self.get_metrics() or {}).get("general", {})
        retries = general.get("total_retries", 0)
        buried = max(0, general.get("total_failed", 0) - retries)
        config = self._retry or RetryConfig()
        return {
            "total_retries": retries,
            "successful_retries": max(0, retries - buried),
            "failed_retries": min(retries, buried),
            "dead_letter_jobs": buried,
            "success_rate": max(0, retries - buried) / max(1, retries) * 100,
            "max_retries": config.max_retries,
            "retry_strategy": config.retry_strategy.value,
            "retry_delay": config.retry_delay,
            "retry_max_delay": config.retry_max_delay,
            "retry_jitter": config.retry_jitter,
        }

    def reset_retry_statistics(self) -> None:
        """Start counting retries anew; they are counted with the metrics."""
        self.reset_metrics()

    def update_retry_config(self, **changes: Any) -> None:
        """Change LaraQueue's retry settings; the next :meth:`listen` uses them."""
        self._retry = retry_config(**{**_given(self._retry), **changes})


def retry_config(**given: Any) -> RetryConfig | None:
    """LaraQueue's settings with its defaults for what is None; None when nothing was given.

    Parameters:
        given: the fields of :class:`~lara_queue.lifecycle.backoff.RetryConfig`; ``retry_strategy`` also by its name.

    >>> retry_config(retry_strategy="fixed", retry_delay=None).retry_delay, retry_config(max_retries=None)
    (5, None)
    """
    chosen = {name: value for name, value in given.items() if value is not None}
    if isinstance(chosen.get("retry_strategy"), str):
        chosen["retry_strategy"] = RetryStrategy(chosen["retry_strategy"])
    return RetryConfig(**chosen, chance=random.random) if chosen else None


def _given(config: RetryConfig | None) -> dict[str, Any]:
    if config is None:
        return {}
    return {name: getattr(config, name) for name in config.__dataclass_fields__ if name != "chance"}
