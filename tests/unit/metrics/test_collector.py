"""The collector: right sums, right percentiles, per job type, and memory that ends somewhere."""

from __future__ import annotations

import random
import threading
import tracemalloc

import pytest

from lara_queue import MetricsCollector
from lara_queue.metrics.collector import FOLD_AFTER, MAX_NAME, MAX_TYPES
from lara_queue.metrics.stats import MAX_ERRORS, MAX_TEXT, OTHER, percentile


def collector(**settings: object) -> MetricsCollector:
    return MetricsCollector(clock=lambda: 100.0, **settings)  # type: ignore[arg-type]


@pytest.mark.parametrize("count", [1, 2, 3, 10, 99, 100, 101, 1000])
@pytest.mark.parametrize("per_cent", [1, 50, 95, 99, 100])
def test_a_percentile_is_the_smallest_value_that_so_many_do_not_exceed(count: int, per_cent: int) -> None:
    values = sorted(random.Random(count).random() for _ in range(count))
    found = percentile(values, per_cent)
    assert sum(value <= found for value in values) * 100 >= per_cent * count
    smaller = [value for value in values if value < found]
    assert len(smaller) * 100 < per_cent * count


def test_percentiles_of_all_jobs_and_of_each_type() -> None:
    metrics = collector()
    for n in range(1, 101):
        metrics.record_job_success("Quick", 100.0, n / 1000)
        metrics.record_job_success("Slow", 100.0, n / 10)
    shown = metrics.get_metrics()
    assert [shown["job_types"]["Quick"][p] for p in ("p50", "p95", "p99")] == [0.05, 0.095, 0.099]
    assert [shown["job_types"]["Slow"][p] for p in ("p50", "p95", "p99")] == [5.0, 9.5, 9.9]
    assert metrics.get_job_type_metrics("Slow") == shown["job_types"]["Slow"]
    assert shown["performance"]["p50"] == 0.1
    assert shown["performance"]["p99"] == 9.8


def test_each_type_has_its_own_sums() -> None:
    metrics = collector()
    metrics.record_job_success("A", 100.0, 0.5)
    metrics.record_job_failure("A", 100.0, 1.5, KeyError("x"))
    metrics.record_retry("A")
    metrics.record_job_success("B", 100.0, 3.0)
    types = metrics.get_metrics()["job_types"]
    assert types["A"] | {"p50": 0, "p95": 0, "p99": 0} == {
        "total": 2,
        "successful": 1,
        "failed": 1,
        "retries": 1,
        "success_rate": 50.0,
        "avg_processing_time": 1.0,
        "min_processing_time": 0.5,
        "max_processing_time": 1.5,
        "p50": 0,
        "p95": 0,
        "p99": 0,
    }
    assert types["B"]["total"] == 1
    assert metrics.get_metrics()["errors"]["error_counts"] == {"KeyError": 1}


def test_the_history_has_an_end_and_the_totals_do_not() -> None:
    metrics = collector(max_history_size=10)
    for n in range(5 * FOLD_AFTER):
        metrics.record_job_success("A", 100.0, float(n))
    shown = metrics.get_metrics()
    assert shown["general"]["total_processed"] == 5 * FOLD_AFTER
    assert shown["performance"]["history_size"] == 10
    assert shown["performance"]["min_processing_time"] == 5 * FOLD_AFTER - 10
    assert [job["processing_time"] for job in metrics.get_recent_jobs(2)] == [5 * FOLD_AFTER - 2, 5 * FOLD_AFTER - 1]


def test_too_many_types_and_errors_are_counted_together() -> None:
    metrics = collector()
    for n in range(MAX_TYPES + 50):
        metrics.record_job_failure(f"Type{n}", 100.0, 1.0, type(f"Error{n}", (Exception,), {})("m" * 10_000 + str(n)))
    shown = metrics.get_metrics()
    assert len(shown["job_types"]) == MAX_TYPES + 1
    assert shown["job_types"][OTHER]["total"] == 50
    assert shown["job_types"][OTHER]["p50"] == 1.0
    errors = shown["errors"]
    assert len(errors["error_counts"]) == MAX_ERRORS + 1
    assert sum(errors["error_counts"].values()) == MAX_TYPES + 50
    assert {len(message) for message in errors["error_types"]} == {MAX_TEXT}
    assert errors["error_counts"][OTHER] == MAX_TYPES + 50 - MAX_ERRORS


def test_a_name_without_end_is_cut() -> None:
    metrics = collector()
    name = "X" * 100_000
    metrics.record_job_success(name, 100.0, 1.0)
    assert list(metrics.get_metrics()["job_types"]) == ["X" * MAX_NAME]
    assert metrics.get_job_type_metrics(name)["total"] == 1
    assert metrics.get_recent_jobs()[0]["name"] == "X" * MAX_NAME


def test_memory_is_flat() -> None:
    """As many new names, errors and messages as a hostile producer can think of: after the first, nothing grows."""
    metrics = collector()

    def record(first: int, count: int) -> None:
        for n in range(first, first + count):
            metrics.record_job_success(f"Type{n}", 100.0, n % 7)
            metrics.record_job_failure(f"Type{n}", 100.0, n % 5, ValueError(f"message {n} " * 20))
            metrics.record_retry(f"Type{n}")

    record(0, 5_000)
    metrics.get_metrics()
    tracemalloc.start()
    try:
        record(5_000, 5_000)
        metrics.get_metrics()
        before, _ = tracemalloc.get_traced_memory()
        record(10_000, 20_000)
        metrics.get_metrics()
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < 100_000  # bytes; the 20000 jobs' names and messages alone would be some 10 million


def test_threads_lose_no_record() -> None:
    metrics = collector()

    def work(name: str) -> None:
        for _ in range(5_000):
            metrics.record_job_success(name, 100.0, 0.25)

    threads = [threading.Thread(target=work, args=(f"T{n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert metrics.snapshot().processed == 20_000
    assert {name: sums["total"] for name, sums in metrics.snapshot().types.items()} == dict.fromkeys(
        ("T0", "T1", "T2", "T3"), 5_000
    )


def test_a_clock_that_was_set_back_makes_no_negative_times() -> None:
    metrics = collector()
    metrics.record_job_success("A", 100.0, -5.0)
    assert metrics.get_metrics()["performance"]["min_processing_time"] == 0
    assert metrics.get_metrics()["job_types"]["A"]["max_processing_time"] == 0
