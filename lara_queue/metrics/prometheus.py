"""A worker's figures for Prometheus: as text over HTTP, or as a collector of the ``prometheus_client`` package.

A worker serves them with ``lara-queue work --metrics-port``; a program of your own with :func:`serve_metrics`, or, when
it has a registry already, with :func:`register`.

A scrape never slows the worker. What the worker knows of itself is summed up when somebody looks
(:mod:`lara_queue.metrics.collector`); what only the store knows is read by a thread of its own over connections of its
own, at most every few seconds (:mod:`lara_queue.metrics.readings`). Under ``AsyncQueue`` too a blocking driver is
opened for that: it answers when the event loop is stuck in a handler, which is when somebody looks. Only stores that
cannot be opened a second time (memory, or a driver object that was given) are read over the worker's own loop.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from lara_queue import inspection
from lara_queue.aio import AsyncQueue
from lara_queue.errors import ConfigurationError, MissingExtra, StoreUnreachable
from lara_queue.events import JobProcessing, WorkerStarting
from lara_queue.metrics.exposition import (
    NAMESPACE,
    TEXT_FORMAT,
    Family,
    as_text,
    store_families,
    worker_families,
)
from lara_queue.metrics.readings import KEEP_SECONDS, WAIT_SECONDS, Reader, Reading, count_failed, read_store
from lara_queue.metrics.waits import WaitTimes
from lara_queue.plans import Plan, run
from lara_queue.queue import Queue
from lara_queue.worker.sync import perform

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry
    from prometheus_client.core import Metric

__all__ = ["Exporter", "register", "serve_metrics"]

IDLE_CONNECTION_SECONDS = 30.0
"""After which a silent connection to the metrics port is closed."""


class Exporter:
    """The figures of one queue object and its workers. Make it before ``listen()``: waits are counted from then on.

    Parameters:
        queue: the queue object.
        queues: names of the queues whose sizes are told; default the queue's own.
        keep: seconds for which what the store said is used again.
        wait: seconds that a scrape waits for the store at most.

    Raises :class:`~lara_queue.errors.ConfigurationError` when the queue collects no metrics.

    >>> queue = Queue("memory://", queue="mail")
    >>> exporter = Exporter(queue)
    >>> _ = queue.push("App\\\\Jobs\\\\SendEmail")
    >>> 'lara_queue_queue_jobs{queue="mail",state="pending"} 1' in exporter.text()
    True
    """

    def __init__(
        self,
        queue: Queue | AsyncQueue,
        queues: Sequence[str] | None = None,
        *,
        keep: float = KEEP_SECONDS,
        wait: float = WAIT_SECONDS,
    ) -> None:
        if queue.metrics is None:
            raise ConfigurationError("Metrics need a queue with enable_metrics on.")
        self._collector = queue.metrics
        self._queue = queue
        self._queues = tuple(queues or (queue.queue,))
        self._waits = WaitTimes(queue.clock)
        queue.on(JobProcessing.name, self._waits)
        self._reader = Reader(self._read, keep=keep, wait=wait)
        self._aside = queue._aside()
        self._loop: asyncio.AbstractEventLoop | None = None
        if self._aside is None and isinstance(queue, AsyncQueue):
            queue.on(WorkerStarting.name, self._note_loop)

    def families(self) -> Iterator[Family]:
        """Everything that is told, as values."""
        queue = self._queue
        yield from worker_families(
            self._collector.snapshot(),
            in_hand=len(queue._in_hand),
            waits=self._waits.snapshot(),
            health=self._worker_health(),
        )
        yield from store_families(self._reader.get())

    def text(self) -> str:
        """Everything in Prometheus's text format."""
        return as_text(self.families())

    def health(self) -> dict[str, Any]:
        """What ``queue.health()`` says of the workers and the store, from whatever thread, in bounded time."""
        reading, worker = self._reader.get(), self._worker_health()
        well = reading.up and worker["loop_turning"] is not False and worker["lease_keeper_alive"] is not False
        return {
            "healthy": well,
            "store_reachable": reading.up,
            "error": reading.error,
            "lag_seconds": reading.lag_seconds,
            "in_hand": len(self._queue._in_hand),
            **worker,
        }

    def close(self) -> None:
        """Close the connections that the store is read over; the next who asks opens them anew."""
        if self._aside is not None:
            run(inspection.close(*self._aside), perform)

    def _worker_health(self) -> dict[str, Any]:
        queue = self._queue
        cores = [worker.core for worker in list(queue._workers)]
        # A list of a dict's values is made in one step; anything slower could meet the worker changing it.
        return inspection.worker_health(cores, list(queue._in_hand.values()), queue.clock())

    def _note_loop(self, _event: WorkerStarting) -> None:
        self._loop = asyncio.get_running_loop()

    def _read(self) -> Reading:
        queue = self._queue
        driver, failed = self._aside or (queue.driver, queue._failed)

        def everything() -> Plan[Reading]:
            reading = yield from read_store(driver, self._queues, queue.clock)
            return replace(reading, failed=(yield from count_failed(failed)))

        if self._aside is not None or isinstance(queue, Queue):
            return run(everything(), perform)
        if self._loop is None or self._loop.is_closed():
            raise StoreUnreachable("This store can only be read while the worker runs.")
        return asyncio.run_coroutine_threadsafe(queue._drive(everything()), self._loop).result()


class _Server(ThreadingHTTPServer):
    """Answers scrapes, each in a thread of its own; closes the exporter's connections with its own."""

    daemon_threads = True

    def __init__(self, address: tuple[str, int], exporter: Exporter) -> None:
        self._exporter = exporter
        super().__init__(address, _handler(exporter))

    def server_close(self) -> None:
        """Close everything."""
        super().server_close()
        self._exporter.close()


def serve_metrics(
    queue: Queue | AsyncQueue | Exporter, port: int, host: str = "0.0.0.0", *, queues: Sequence[str] | None = None
) -> ThreadingHTTPServer:
    """A server, running in a thread of its own, that answers ``/metrics`` and ``/health`` until it is shut down.

    ``/health`` answers JSON, with status 503 when the store is away, the loop stands still or leases are not renewed.

    Parameters:
        queue: a queue object, or an exporter made from one.
        port: to listen on; 0 for any free one (``server.server_port`` says which).
        host: the address to listen on; default all of the machine's.
        queues: names of the queues whose sizes are told; default the queue's own.

    Raises :class:`~lara_queue.errors.ConfigurationError` when the port is taken or the queue collects no metrics.
    """
    exporter = queue if isinstance(queue, Exporter) else Exporter(queue, queues)
    try:
        server = _Server((host, port), exporter)
    except OSError as error:
        raise ConfigurationError(f"The metrics cannot be served on port {port}: {error.strerror}.") from error
    threading.Thread(target=server.serve_forever, name="lara_queue-metrics", daemon=True).start()
    return server


def _handler(exporter: Exporter) -> type[BaseHTTPRequestHandler]:
    pages: dict[str, Callable[[], tuple[int, str, str]]] = {
        "/metrics": lambda: (200, TEXT_FORMAT, exporter.text()),
        "/health": lambda: _health_page(exporter.health()),
    }
    pages["/"] = pages["/metrics"]

    class Handler(BaseHTTPRequestHandler):
        timeout = IDLE_CONNECTION_SECONDS

        def do_GET(self) -> None:
            page = pages.get(self.path.partition("?")[0])
            if page is None:
                status, kind, text = 404, "text/plain; charset=utf-8", "Not found; see /metrics and /health.\n"
            else:
                status, kind, text = page()
            body = text.encode()
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing: a scrape every few seconds is no news."""

    return Handler


def _health_page(report: dict[str, Any]) -> tuple[int, str, str]:
    return (200 if report["healthy"] else 503), "application/json", json.dumps(report) + "\n"


class _ClientCollector:
    """What ``prometheus_client`` calls at each scrape of its registry."""

    def __init__(self, exporter: Exporter) -> None:
        self._exporter = exporter

    def describe(self) -> list[Metric]:
        """Nothing: else the registry would read the store when the collector is registered."""
        return []

    def collect(self) -> Iterator[Metric]:
        """The families as that package's own objects."""
        from prometheus_client.core import Metric

        for family in self._exporter.families():
            name = NAMESPACE + family.name
            metric = Metric(name.removesuffix("_total"), family.help, family.kind)
            for sample in family.samples:
                metric.add_sample(name + sample.suffix, dict(sample.labels), sample.value)
            yield metric


def register(
    queue: Queue | AsyncQueue | Exporter,
    registry: CollectorRegistry | None = None,
    *,
    queues: Sequence[str] | None = None,
) -> Exporter:
    """The exporter, after it became a collector of ``prometheus_client``'s default registry, or of another.

    For programs that serve a registry already. Raises :class:`~lara_queue.errors.MissingExtra` when that package is not
    installed.
    """
    try:
        from prometheus_client import REGISTRY
    except ImportError as error:
        raise MissingExtra("This needs the package prometheus_client: pip install 'lara-queue[prometheus]'.") from error
    exporter = queue if isinstance(queue, Exporter) else Exporter(queue, queues)
    collector: Any = _ClientCollector(exporter)
    (REGISTRY if registry is None else registry).register(collector)
    return exporter
