"""What Prometheus is told: the text, the server, the registry, and that a scrape disturbs nobody."""

from __future__ import annotations

import asyncio
import json
import math
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import fakeredis
import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from lara_queue import AsyncQueue, Job, MetricsCollector, Queue
from lara_queue.errors import ConfigurationError, MissingExtra, StoreUnreachable
from lara_queue.metrics.exposition import Family, Sample, as_text, exposition
from lara_queue.metrics.prometheus import Exporter, register, serve_metrics
from lara_queue.sql import Database
from lara_queue.sql.schema import create_tables

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def parsed(text: str) -> Samples:
    """The samples as Prometheus's own parser reads them; each must be there once."""
    found: Samples = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            key = (sample.name, frozenset(sample.labels.items()))
            assert key not in found
            found[key] = sample.value
    return found


def value(samples: Samples, name: str, **labels: str) -> float | None:
    return samples.get((f"lara_queue_{name}", frozenset(labels.items())))


@contextmanager
def served(queue: Any, **settings: Any) -> Iterator[str]:
    server = serve_metrics(queue, 0, "127.0.0.1", **settings)
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def fetch(url: str) -> tuple[int, str, str]:
    try:
        with urllib.request.urlopen(url, timeout=30) as answer:
            return answer.status, answer.headers["Content-Type"], answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers["Content-Type"], error.read().decode()


# -- the text ----------------------------------------------------------------------------------------------------------


def test_the_collectors_figures_as_text() -> None:
    metrics = MetricsCollector(clock=lambda: 100.0)
    metrics.record_job_success('App\\Jobs\\"X"\n', 100.0, 0.02)
    metrics.record_job_failure('App\\Jobs\\"X"\n', 100.0, 400, ValueError("no"))
    metrics.record_retry('App\\Jobs\\"X"\n')
    samples = parsed(exposition(metrics.snapshot(), in_hand=2))
    job = 'App\\Jobs\\"X"\n'
    assert value(samples, "jobs_in_hand") == 2
    assert value(samples, "jobs_total", job=job, result="successful") == 1
    assert value(samples, "jobs_total", job=job, result="failed") == 1
    assert value(samples, "retries_total", job=job) == 1
    assert value(samples, "errors_total", type="ValueError") == 1
    assert value(samples, "job_seconds_bucket", job=job, le="0.01") == 0
    assert value(samples, "job_seconds_bucket", job=job, le="0.025") == 1
    assert value(samples, "job_seconds_bucket", job=job, le="300") == 1
    assert value(samples, "job_seconds_bucket", job=job, le="+Inf") == 2
    assert value(samples, "job_seconds_count", job=job) == 2
    assert value(samples, "job_seconds_sum", job=job) == 400.02


def test_a_name_that_is_no_text_makes_no_broken_page() -> None:
    text = as_text([Family("x", "gauge", "X.", [Sample(1, {"job": "\ud800é"})])])
    assert 'lara_queue_x{job="?é"} 1' in text
    text.encode()


# -- the exporter ------------------------------------------------------------------------------------------------------


def sync_queue(**settings: Any) -> Queue:
    return Queue("memory://", queue="q", clock=lambda: 1000.0, **settings)


def test_depths_ages_waits_and_failures_of_a_queue() -> None:
    queue = sync_queue()
    exporter = Exporter(queue, ["q", "other"])

    @queue.handler
    def handle(job: Job) -> None:
        if job.data["bad"]:
            raise ValueError("no")

    queue.push_raw({"job": "A@b", "attempts": 0, "createdAt": 990, "data": {"bad": False}})
    queue.push_raw({"job": "A@b", "attempts": 0, "createdAt": 995, "data": {"bad": True}})
    queue.listen(stop_when_empty=True)
    queue.push_raw({"job": "A@b", "attempts": 0, "createdAt": 940, "data": {}})
    queue.push("App\\Jobs\\X", delay=60)
    samples = parsed(exporter.text())
    assert value(samples, "store_up") == 1
    assert value(samples, "queue_jobs", queue="q", state="pending") == 1
    assert value(samples, "queue_jobs", queue="q", state="delayed") == 1
    assert value(samples, "queue_jobs", queue="q", state="reserved") == 0
    assert value(samples, "queue_oldest_age_seconds", queue="q") == 60
    assert value(samples, "queue_oldest_age_seconds", queue="other") == 0
    assert value(samples, "failed_jobs") == 1
    assert value(samples, "wait_seconds_count", queue="q") == 2
    assert value(samples, "wait_seconds_sum", queue="q") == 15
    assert value(samples, "wait_seconds_bucket", queue="q", le="5") == 1
    assert value(samples, "wait_seconds_bucket", queue="q", le="10") == 2
    assert value(samples, "jobs_total", job="A@b", result="failed") == 1
    assert value(samples, "loop_turning") is None  # no worker runs


class Away:
    """A driver whose store is away."""

    name = "away"
    retry_after = 90.0
    adds_id = True

    def __getattr__(self, name: str) -> Any:
        def plan(*_: Any, **__: Any) -> Any:
            raise StoreUnreachable("The store is away.")
            yield

        return plan


def test_of_a_store_that_is_away_only_that_is_told() -> None:
    samples = parsed(Exporter(Queue(Away())).text())
    assert value(samples, "store_up") == 0
    assert not [name for name, _ in samples if name.startswith(("lara_queue_queue_", "lara_queue_failed_"))]
    assert value(samples, "jobs_in_hand") == 0


def test_without_metrics_there_is_nothing_to_tell() -> None:
    with pytest.raises(ConfigurationError, match="enable_metrics"):
        Exporter(sync_queue(enable_metrics=False))


def test_while_a_job_runs_it_is_in_hand_and_the_loop_turns() -> None:
    queue = sync_queue()
    exporter = Exporter(queue)
    seen: list[Samples] = []
    queue.handler(lambda job: seen.append(parsed(exporter.text())))
    queue.push("App\\Jobs\\X")
    queue.listen(stop_when_empty=True)
    assert value(seen[0], "jobs_in_hand") == 1
    assert value(seen[0], "queue_jobs", queue="q", state="reserved") == 1
    assert value(seen[0], "loop_turning") == 1
    assert value(seen[0], "loop_turn_age_seconds") == 0
    assert value(seen[0], "lease_keeper_alive") == 1


def test_a_redis_queue_is_read_over_connections_of_its_own() -> None:
    server = fakeredis.FakeServer()
    queue = Queue(fakeredis.FakeRedis(server=server), queue="q")
    exporter = Exporter(queue)
    assert exporter._aside is not None
    driver, failed = exporter._aside
    assert driver is not queue.driver
    assert failed is not queue._failed
    queue.push("App\\Jobs\\X")
    assert value(parsed(exporter.text()), "queue_jobs", queue="q", state="pending") == 1


async def test_an_asyncio_queue_is_read_while_its_loop_stands_still() -> None:
    """A handler that blocks the loop cannot keep the figures back: a blocking driver reads them."""
    server = fakeredis.FakeServer()
    queue = AsyncQueue(fakeredis.aioredis.FakeRedis(server=server), queue="q")
    exporter = Exporter(queue)
    seen: list[Samples] = []

    @queue.handler
    async def handle(job: Job) -> None:
        seen.append(parsed(exporter.text()))  # blocks the loop until it is there

    await queue.push("App\\Jobs\\X")
    await queue.listen(stop_when_empty=True)
    assert value(seen[0], "store_up") == 1
    assert value(seen[0], "queue_jobs", queue="q", state="reserved") == 1
    assert value(seen[0], "failed_jobs") == 0


async def test_a_store_that_cannot_be_opened_twice_is_read_over_the_loop() -> None:
    queue = AsyncQueue("memory://", queue="q")
    exporter = Exporter(queue, keep=0)
    seen: list[Samples] = []

    @queue.handler
    async def handle(job: Job) -> None:
        seen.append(parsed(await asyncio.to_thread(exporter.text)))

    await queue.push("App\\Jobs\\X")
    before = parsed(await asyncio.to_thread(exporter.text))
    await queue.listen(stop_when_empty=True)
    assert value(before, "store_up") == 0  # nobody runs the loop that it would be read over
    assert value(seen[0], "store_up") == 1
    assert value(seen[0], "queue_jobs", queue="q", state="reserved") == 1
    assert value(seen[0], "loop_turning") == 1


async def test_over_a_loop_that_stands_still_the_scrape_ends_all_the_same() -> None:
    queue = AsyncQueue("memory://", queue="q")
    exporter = Exporter(queue, wait=0.01)
    seen: list[Samples] = []

    @queue.handler
    async def handle(job: Job) -> None:
        seen.append(parsed(exporter.text()))

    await queue.push("App\\Jobs\\X")
    await queue.listen(stop_when_empty=True)
    assert value(seen[0], "store_up") == 0
    assert value(seen[0], "jobs_in_hand") == 1


def sqlite(path: Path) -> str:
    """The URL of a new database with Laravel's tables."""
    database = Database(f"sqlite:///{path}", create=True)
    database.transact(create_tables)
    database.close()
    return f"sqlite:///{path}"


def test_a_database_is_read_over_connections_of_its_own(tmp_path: Path) -> None:
    queue = Queue(sqlite(tmp_path / "queue.sqlite"), queue="q", clock=lambda: 1000.0)
    exporter = Exporter(queue)
    queue.push_raw({"job": "A@b", "createdAt": 940})
    samples = parsed(exporter.text())
    assert exporter._aside is not None
    assert exporter._aside[0] is not queue.driver
    assert value(samples, "queue_jobs", queue="q", state="pending") == 1
    assert value(samples, "queue_oldest_age_seconds", queue="q") == 60
    assert value(samples, "failed_jobs") == 0
    exporter.close()
    queue.close()


async def test_a_database_of_an_asyncio_queue_is_read_while_its_loop_stands_still(tmp_path: Path) -> None:
    queue = AsyncQueue(sqlite(tmp_path / "queue.sqlite"), queue="q")
    exporter = Exporter(queue)
    seen: list[Samples] = []

    @queue.handler
    async def handle(job: Job) -> None:
        seen.append(parsed(exporter.text()))

    await queue.push("App\\Jobs\\X")
    await queue.listen(stop_when_empty=True)
    assert value(seen[0], "queue_jobs", queue="q", state="reserved") == 1
    exporter.close()
    await queue.close()


def test_a_database_in_memory_is_not_opened_twice() -> None:
    queue = Queue("sqlite://", queue="q")
    exporter = Exporter(queue)
    queue.push("App\\Jobs\\X")
    assert exporter._aside is None
    assert value(parsed(exporter.text()), "queue_jobs", queue="q", state="pending") == 1
    queue.close()


# -- the server --------------------------------------------------------------------------------------------------------


def test_the_server() -> None:
    queue = sync_queue()
    queue.push("App\\Jobs\\X")
    with served(queue, queues=["q"]) as url:
        status, kind, text = fetch(f"{url}/metrics")
        assert (status, kind) == (200, "text/plain; version=0.0.4; charset=utf-8")
        assert value(parsed(text), "queue_jobs", queue="q", state="pending") == 1
        assert fetch(f"{url}/?x=1")[0] == 200
        assert fetch(f"{url}/other")[0] == 404
        status, kind, text = fetch(f"{url}/health")
        assert (status, kind) == (200, "application/json")
        assert json.loads(text)["healthy"] is True
        assert json.loads(text)["workers"] == 0


def test_health_over_http_of_a_store_that_is_away() -> None:
    with served(Queue(Away())) as url:
        status, _, text = fetch(f"{url}/health")
    assert status == 503
    assert (json.loads(text)["healthy"], json.loads(text)["error"]) == (False, "The store is away.")


def test_a_port_that_is_taken_is_a_clear_mistake() -> None:
    with served(sync_queue()) as url:
        port = int(url.rpartition(":")[2])
        with pytest.raises(ConfigurationError, match=f"port {port}: Address already in use"):
            serve_metrics(sync_queue(), port, "127.0.0.1")


def test_scrapes_go_on_while_handlers_run() -> None:
    """The worker's thread is inside a handler; the server answers from its own."""
    queue = sync_queue()
    entered, go = threading.Event(), threading.Event()

    @queue.handler
    def handle(job: Job) -> None:
        entered.set()
        assert go.wait(30)

    queue.push("App\\Jobs\\X")
    with served(queue) as url:
        worker = threading.Thread(target=lambda: queue.listen(stop_when_empty=True))
        worker.start()
        assert entered.wait(30)
        samples = parsed(fetch(f"{url}/metrics")[2])
        go.set()
        worker.join(30)
    assert value(samples, "jobs_in_hand") == 1
    assert value(samples, "jobs_total", job="App\\Jobs\\X", result="successful") is None


# -- prometheus_client -------------------------------------------------------------------------------------------------


def test_a_registry_of_prometheus_client_tells_the_same() -> None:
    queue = sync_queue()
    queue.handler(lambda job: None)
    registry = CollectorRegistry()
    exporter = register(queue, registry, queues=["q"])
    queue.push_raw({"job": "A@b", "attempts": 0, "createdAt": 990})
    queue.listen(stop_when_empty=True)
    ours, theirs = parsed(exporter.text()), parsed(generate_latest(registry).decode())
    assert ours == theirs
    assert value(theirs, "wait_seconds_count", queue="q") == 1
    assert all(math.isfinite(number) for number in theirs.values())


def test_registering_asks_no_store() -> None:
    queue = Queue(Away())
    exporter = register(queue, CollectorRegistry())
    assert exporter._reader._last is None


def test_without_prometheus_client_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "prometheus_client", None)
    with pytest.raises(MissingExtra, match=r"lara-queue\[prometheus\]"):
        register(sync_queue())
