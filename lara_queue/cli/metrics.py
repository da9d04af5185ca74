"""``work --metrics-port``: which port a worker process serves its metrics on."""

from __future__ import annotations

from collections.abc import Sequence
from http.server import ThreadingHTTPServer

from lara_queue.cli.locate import AnyQueue
from lara_queue.cli.program import CommandError
from lara_queue.metrics.exposition import exposition
from lara_queue.metrics.prometheus import serve_metrics as serve

__all__ = ["HIGHEST_PORT", "check_ports", "exposition", "serve_metrics"]

HIGHEST_PORT = 65535


def check_ports(first: int | None, processes: int) -> None:
    """Refuse ports that there are not: process n of a supervisor (from 0) serves on ``first`` + n.

    Raises :class:`~lara_queue.cli.program.CommandError`.
    """
    if first is not None and first + processes - 1 > HIGHEST_PORT:
        raise CommandError(
            f"--metrics-port {first} is too high for {processes} processes: each has a port of its own, "
            f"and the last would be {first + processes - 1}."
        )


def serve_metrics(queue: AnyQueue, port: int, queues: Sequence[str]) -> ThreadingHTTPServer:
    """The server of one worker process, running.

    Raises :class:`~lara_queue.cli.program.CommandError` when the port is taken or the queue collects nothing.
    """
    if queue.metrics is None:
        raise CommandError("--metrics-port needs a queue with enable_metrics on.")
    return serve(queue, port, queues=queues)
