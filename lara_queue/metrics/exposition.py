"""Figures as families of samples, and families as Prometheus's text. Pure: from values to text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from lara_queue.metrics.collector import MetricsSnapshot
from lara_queue.metrics.readings import Reading
from lara_queue.metrics.stats import BUCKETS
from lara_queue.metrics.waits import WAIT_BUCKETS, WaitStats

__all__ = ["TEXT_FORMAT", "Family", "Sample", "as_text", "exposition", "store_families", "worker_families"]

TEXT_FORMAT: Final = "text/plain; version=0.0.4; charset=utf-8"
"""The content type of :func:`as_text`."""

NAMESPACE: Final = "lara_queue_"

Kind = Literal["counter", "gauge", "histogram"]


@dataclass(frozen=True, slots=True)
class Sample:
    """One number; ``suffix`` is what its name has beyond the family's (``_bucket``, ``_sum``, ``_count``)."""

    value: float
    labels: Mapping[str, str] = field(default_factory=dict)
    suffix: str = ""


@dataclass(frozen=True, slots=True)
class Family:
    """Samples of one name, with what they mean."""

    name: str
    kind: Kind
    help: str
    samples: Sequence[Sample]


def worker_families(
    figures: MetricsSnapshot,
    *,
    in_hand: int,
    waits: Mapping[str, WaitStats] | None = None,
    health: Mapping[str, Any] | None = None,
) -> Iterator[Family]:
    """What the worker process knows of itself, without asking the store.

    Parameters:
        figures: the collector's totals.
        in_hand: jobs being run now.
        waits: the wait histograms by queue.
        health: of :func:`lara_queue.inspection.worker_health`.
    """
    types = figures.types.items()
    yield Family(
        "uptime_seconds", "gauge", "Seconds since the worker began.", [Sample(round(figures.uptime_seconds, 3))]
    )
    yield Family("jobs_in_hand", "gauge", "Jobs being run now.", [Sample(in_hand)])
    yield Family(
        "jobs_total",
        "counter",
        "Attempts at jobs, by result.",
        [
            Sample(sums[result], {"job": name, "result": result})
            for name, sums in types
            for result in ("successful", "failed")
        ],
    )
    yield Family(
        "retries_total",
        "counter",
        "Attempts after which the job went back to be tried again.",
        [Sample(sums["retries"], {"job": name}) for name, sums in types],
    )
    yield Family(
        "errors_total",
        "counter",
        "Exceptions that ended attempts, by type.",
        [Sample(count, {"type": kind}) for kind, count in figures.errors.items()],
    )
    yield Family(
        "job_seconds",
        "histogram",
        "How long attempts took.",
        [
            sample
            for name, sums in types
            for sample in _histogram({"job": name}, BUCKETS, sums["buckets"], sums["seconds"])
        ],
    )
    if waits is not None:
        yield Family(
            "wait_seconds",
            "histogram",
            "How long jobs had been due when their first attempt began; only jobs whose payload tells.",
            [
                sample
                for name, stats in waits.items()
                for sample in _histogram({"queue": name}, WAIT_BUCKETS, stats.buckets, stats.seconds)
            ],
        )
    if health is not None:
        yield from _health_families(health)


def _health_families(health: Mapping[str, Any]) -> Iterator[Family]:
    since = health["seconds_since_turn"]
    if since is not None:
        yield Family("loop_turn_age_seconds", "gauge", "Seconds since the loop last turned.", [Sample(round(since, 3))])
    for name, key, text in (
        ("loop_turning", "loop_turning", "1 while the loop turns as often as it should."),
        ("lease_keeper_alive", "lease_keeper_alive", "1 while leases of long jobs are renewed."),
    ):
        if health[key] is not None:
            yield Family(name, "gauge", text, [Sample(int(health[key]))])


def store_families(reading: Reading) -> Iterator[Family]:
    """What the store said; figures that it did not give are absent, not zero."""
    yield Family("store_up", "gauge", "1 when the queue's store answered.", [Sample(int(reading.up))])
    if reading.lag_seconds is not None:
        yield Family(
            "store_lag_seconds",
            "gauge",
            "How long the store's last answer took.",
            [Sample(round(reading.lag_seconds, 6))],
        )
    if reading.queues:
        yield Family(
            "queue_jobs",
            "gauge",
            "Jobs in the queue: due now, due later, in workers' hands.",
            [
                Sample(getattr(found.sizes, state), {"queue": name, "state": state})
                for name, found in reading.queues.items()
                for state in ("pending", "delayed", "reserved")
            ],
        )
        ages = {name: found.oldest_age for name, found in reading.queues.items()}
        yield Family(
            "queue_oldest_age_seconds",
            "gauge",
            "How long the job to be taken next has been due; 0 when none waits, absent when its payload does not tell.",
            [
                Sample(round(age or 0.0, 3), {"queue": name})
                for name, age in ages.items()
                if age is not None or not reading.queues[name].sizes.pending
            ],
        )
    if reading.failed is not None:
        yield Family("failed_jobs", "gauge", "Failed jobs on record.", [Sample(reading.failed)])


def _histogram(
    labels: Mapping[str, str], bounds: Sequence[float], counts: Sequence[int], total: float
) -> Iterator[Sample]:
    below = 0
    for bound, count in zip((*bounds, float("inf")), counts, strict=True):
        below += count
        yield Sample(below, {**labels, "le": "+Inf" if bound == float("inf") else f"{bound:g}"}, "_bucket")
    yield Sample(round(total, 6), labels, "_sum")
    yield Sample(below, labels, "_count")


def as_text(families: Iterable[Family]) -> str:
    """The families in Prometheus's text format, version 0.0.4.

    >>> print(as_text([Family("jobs_in_hand", "gauge", "Jobs being run now.", [Sample(2)])]), end="")
    # HELP lara_queue_jobs_in_hand Jobs being run now.
    # TYPE lara_queue_jobs_in_hand gauge
    lara_queue_jobs_in_hand 2
    """
    lines: list[str] = []
    for family in families:
        name = NAMESPACE + family.name
        lines += (f"# HELP {name} {family.help}", f"# TYPE {name} {family.kind}")
        lines += (f"{name}{sample.suffix}{_labels(sample.labels)} {sample.value}" for sample in family.samples)
    return "\n".join(lines) + "\n"


def exposition(figures: MetricsSnapshot, *, in_hand: int) -> str:
    """A collector's figures alone as text, for a program that has no queue object at hand."""
    return as_text(worker_families(figures, in_hand=in_hand))


def _labels(labels: Mapping[str, str]) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items()) + "}"


def _escaped(value: str) -> str:
    """A label's value, escaped; what cannot be written as UTF-8 is replaced.

    >>> _escaped('App\\\\Jobs\\\\"X"')
    'App\\\\\\\\Jobs\\\\\\\\\\\\"X\\\\"'
    """
    text = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return text if text.isascii() else text.encode("utf-8", "replace").decode()
