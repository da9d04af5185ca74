"""``work --metrics-port``: the worker's figures as text for Prometheus, over HTTP, from a thread of its own.

What is told is what the collector sums up anyway, so a scrape costs the worker next to nothing.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from lara_queue.cli.locate import AnyQueue
from lara_queue.cli.program import CommandError
from lara_queue.metrics.collector import MetricsSnapshot
from lara_queue.metrics.stats import BUCKETS

__all__ = ["exposition", "serve_metrics"]

TEXT_FORMAT = "text/plain; version=0.0.4; charset=utf-8"


def serve_metrics(queue: AnyQueue, port: int, host: str = "0.0.0.0") -> ThreadingHTTPServer:
    """A server that answers ``/metrics`` until the process ends.

    Raises :class:`~lara_queue.cli.program.CommandError` when the port is taken or the queue collects nothing.
    """
    collector = queue.metrics
    if collector is None:
        raise CommandError("--metrics-port needs a queue with enable_metrics on.")

    def text() -> str:
        return exposition(collector.snapshot(), in_hand=len(queue.processing_jobs))

    try:
        server = ThreadingHTTPServer((host, port), _handler(text))
    except OSError as error:
        raise CommandError(f"The metrics cannot be served on port {port}: {error.strerror}.") from error
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, name="lara_queue-metrics", daemon=True).start()
    return server


def _handler(text: Callable[[], str]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = self.path.partition("?")[0] in ("/", "/metrics")
            body = text().encode() if found else b"Not found; see /metrics.\n"
            self.send_response(200 if found else 404)
            self.send_header("Content-Type", TEXT_FORMAT)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing: a scrape every few seconds is no news."""

    return Handler


def exposition(figures: MetricsSnapshot, *, in_hand: int) -> str:
    """The figures in Prometheus's text format."""
    return "\n".join(_lines(figures, in_hand)) + "\n"


def _lines(figures: MetricsSnapshot, in_hand: int) -> Iterator[str]:
    yield from _head("uptime_seconds", "gauge", "Seconds since the worker began.")
    yield f"lara_queue_uptime_seconds {figures.uptime_seconds:.3f}"
    yield from _head("jobs_in_hand", "gauge", "Jobs being run now.")
    yield f"lara_queue_jobs_in_hand {in_hand}"
    yield from _head("jobs_total", "counter", "Attempts at jobs, by result.")
    for name, sums in figures.types.items():
        for result in ("successful", "failed"):
            yield f'lara_queue_jobs_total{{job="{_label(name)}",result="{result}"}} {sums[result]}'
    yield from _head("retries_total", "counter", "Attempts after which the job went back to be tried again.")
    for name, sums in figures.types.items():
        yield f'lara_queue_retries_total{{job="{_label(name)}"}} {sums["retries"]}'
    yield from _head("errors_total", "counter", "Exceptions that ended attempts, by type.")
    for kind, count in figures.errors.items():
        yield f'lara_queue_errors_total{{type="{_label(kind)}"}} {count}'
    yield from _head("job_seconds", "histogram", "How long attempts took.")
    for name, sums in figures.types.items():
        label, below = f'job="{_label(name)}"', 0
        for bound, count in zip((*BUCKETS, float("inf")), sums["buckets"], strict=True):
            below += count
            edge = "+Inf" if bound == float("inf") else f"{bound:g}"
            yield f'lara_queue_job_seconds_bucket{{{label},le="{edge}"}} {below}'
        yield f"lara_queue_job_seconds_sum{{{label}}} {sums['seconds']:.6f}"
        yield f"lara_queue_job_seconds_count{{{label}}} {below}"


def _head(name: str, kind: str, text: str) -> tuple[str, str]:
    return f"# HELP lara_queue_{name} {text}", f"# TYPE lara_queue_{name} {kind}"


def _label(value: str) -> str:
    """A label's value, escaped.

    >>> _label('App\\\\Jobs\\\\"X"')
    'App\\\\\\\\Jobs\\\\\\\\\\\\"X\\\\"'
    """
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
