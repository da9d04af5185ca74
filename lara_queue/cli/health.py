"""``health``: does the store answer, and how fast?"""

from __future__ import annotations

from typing import Any

import click

from lara_queue.cli.options import queue_options
from lara_queue.cli.output import paint, print_json, safe, table
from lara_queue.cli.progress import human_time
from lara_queue.cli.session import Place

__all__ = ["health"]

COLUMNS = ("status", "driver", "queue", "lag", "pending", "delayed", "reserved", "oldest")


@click.command()
@click.argument("queue", required=False)
@click.option("--json", "as_json", is_flag=True, help="For programs: one object.")
@queue_options()
def health(place: Place, queue: str | None, as_json: bool) -> int:
    """Whether the queue's store answers, and what waits there; exit code 1 when it does not.

    This looks at the store. For a worker's own health ask its "work --health-file", or /health on its "--metrics-port".

    \b
    Example:
        lara-queue health --connection redis://localhost:6379/0
    """
    with place.open(queue) as session:
        report = session.ask(session.queue.health())
    if as_json:
        print_json(report)
        return int(not report["healthy"])
    if not report["healthy"]:
        click.echo(f"{paint('unhealthy', 'red', bold=True)}: {safe(' '.join(_why(report).split()))}", err=True)
        return 1
    lag = f"{report['lag_seconds'] * 1000:.1f} ms"
    oldest = "" if report["oldest_pending_seconds"] is None else human_time(report["oldest_pending_seconds"])
    counts = (report["pending"], report["delayed"], report["reserved"], oldest)
    table(COLUMNS, [("healthy", report["driver"], report["queue"], lag, *counts)], right=frozenset(range(3, 8)))
    return 0


def _why(report: dict[str, Any]) -> str:
    """The first thing that is wrong."""
    if report["error"] is not None:
        return str(report["error"])
    if report["loop_turning"] is False:
        return f"A worker's loop has not turned for {report['seconds_since_turn']:.0f} s."
    return "Leases are not being renewed; a long job may be run twice."
