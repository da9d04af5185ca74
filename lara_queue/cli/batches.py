"""``retry-batch`` and ``prune-batches``: artisan's commands, on the application's table of batches."""

from __future__ import annotations

import click

from lara_queue.batches.connect import open_batch_store
from lara_queue.cli.failed import HOURS, retry_ids
from lara_queue.cli.options import queue_options
from lara_queue.cli.output import note, warn
from lara_queue.cli.program import CommandError
from lara_queue.cli.session import Place, Session
from lara_queue.inspection import close
from lara_queue.ports import BatchStore

__all__ = ["prune_batches", "retry_batch"]

_BATCHES = click.option(
    "--batches",
    metavar="URL",
    envvar="LARA_QUEUE_BATCHES",
    show_envvar=True,
    help="Where the batches are, such as sqlite:///database/database.sqlite?table=job_batches; "
    "default the queue's own database.",
)


def _store(session: Session, url: str | None) -> BatchStore:
    queue = session.queue
    if url is None and queue._services.batches is not None:
        return queue._services.batches
    found = open_batch_store(url, face=queue.face, driver=queue.driver)
    if found is None:
        raise CommandError("This needs the application's table of batches: give --batches URL.")
    return found


@click.command("retry-batch")
@click.argument("ids", nargs=-1, required=True, metavar="ID...")
@_BATCHES
@queue_options(failed=True)
def retry_batch(place: Place, ids: tuple[str, ...], batches: str | None) -> int:
    """Put the failed jobs of a batch back onto their queues.

    Exit code 1 when there is no such batch, or a job could not be put back; the others are.

    \b
    Example:
        lara-queue retry-batch 9f8b1a54-2a55-4c6d-8f2e-3f3f0c1b2a3d --laravel .
    """
    bad = False
    with place.open() as session:
        store = _store(session, batches)
        for id in ids:
            row = session.do(store.find(id))
            if row is None:
                warn(f"Unable to find a batch with ID [{id}].")
                bad = True
            elif not row.failed_job_ids:
                warn(f"The given batch does not contain any failed jobs. [{id}]")
                bad = True
            else:
                note(f"Pushing failed queue jobs of the batch [{id}] back onto the queue.")
                bad = bool(retry_ids(session, row.failed_job_ids)) or bad
        session.do(close(store))
    return int(bad)


@click.command("prune-batches")
@click.option("--hours", type=HOURS, default=24, show_default=True, help="Keep those finished since so many hours ago.")
@click.option("--unfinished", type=HOURS, metavar="HOURS", help="Also those not finished, made so many hours ago.")
@click.option("--cancelled", type=HOURS, metavar="HOURS", help="Also those cancelled, made so many hours ago.")
@_BATCHES
@queue_options()
def prune_batches(
    place: Place, hours: float, unfinished: float | None, cancelled: float | None, batches: str | None
) -> None:
    """Delete batches that were finished more than a day ago, or than --hours; for a scheduler.

    A batch with a failure that is allowed never finishes: --unfinished takes those.

    \b
    Example:
        lara-queue prune-batches --hours 48 --unfinished 72 --laravel .
    """
    with place.open() as session:
        store = _store(session, batches)
        now = session.queue.clock()
        note(_entries(session.do(store.prune(int(now - hours * 3600))), ""))
        if unfinished is not None:
            count = session.do(store.prune(int(now - unfinished * 3600), what="unfinished"))
            note(_entries(count, "unfinished "))
        if cancelled is not None:
            note(_entries(session.do(store.prune(int(now - cancelled * 3600), what="cancelled")), "cancelled "))
        session.do(close(store))


def _entries(count: int, kind: str) -> str:
    return f"{count} {kind}{'entry' if count == 1 else 'entries'} deleted."
