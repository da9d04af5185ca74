"""``health``: does the store answer, and how fast?"""

from __future__ import annotations

import click

from lara_queue.cli.options import queue_options
from lara_queue.cli.output import paint, print_json, safe, table
from lara_queue.cli.session import Place

__all__ = ["health"]


@click.command()
@click.argument("queue", required=False)
@click.option("--json", "as_json", is_flag=True, help="For programs: one object.")
@queue_options()
def health(place: Place, queue: str | None, as_json: bool) -> int:
    """Whether the queue's store answers, and what waits there; exit code 1 when it does not.

    This looks at the store. For a worker's own health use "work --health-file".

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
        click.echo(f"{paint('unhealthy', 'red', bold=True)}: {safe(' '.join(str(report['error']).split()))}", err=True)
        return 1
    lag = f"{report['lag_seconds'] * 1000:.1f} ms"
    columns = ("status", "driver", "queue", "lag", "pending", "delayed", "reserved")
    counts = (report["pending"], report["delayed"], report["reserved"])
    table(columns, [("healthy", report["driver"], report["queue"], lag, *counts)], right=frozenset(range(3, 7)))
    return 0
