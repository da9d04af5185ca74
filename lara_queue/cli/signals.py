"""``restart``, ``pause`` and ``resume``: what artisan leaves in Laravel's cache for all workers to find."""

from __future__ import annotations

import click

from lara_queue.cache import signals
from lara_queue.cli.options import queue_options
from lara_queue.cli.output import note, safe
from lara_queue.cli.program import CommandError
from lara_queue.cli.session import Place, Session

__all__ = ["pause", "restart", "resume"]


@click.command()
@queue_options(cache=True)
def restart(place: Place) -> None:
    """Tell all workers of the application to finish the job in hand and end, so that their supervisor starts them anew.

    Workers notice within about a second. Those of --processes are replaced by their own supervisor.

    \b
    Example:
        lara-queue restart --cache redis://localhost:6379/1 --cache-prefix laravel_database_laravel_cache_
    """
    with place.open(only_cache=True) as session:
        session.do(signals.restart(session.cache, session.queue.clock()))
    note("Broadcasting queue restart signal.")


@click.command()
@click.argument("queue", required=False, metavar="[CONNECTION:]QUEUE")
@click.option("--all", "everything", is_flag=True, help="All queues of all connections.")
@click.option("--for", "seconds", type=click.FloatRange(min=1), metavar="SECONDS", help="Resume after so long.")
@queue_options(cache=True)
def pause(place: Place, queue: str | None, everything: bool, seconds: float | None) -> None:
    """Have workers take no more jobs of a queue, or of any; PHP's workers obey from Laravel 12.40 on.

    \b
    Example:
        lara-queue pause redis:mail --for 600
        lara-queue pause --all
    """
    with place.open(only_cache=True) as session:
        if _all_meant(queue, everything):
            session.do(signals.pause(session.cache, session.queue.connection, None, seconds))
            note("Job processing on all queues has been paused.")
            return
        connection, name = _named(session, queue)
        session.do(signals.pause(session.cache, connection, name, seconds))
        note(f"Job processing on queue [{safe(connection)}:{safe(name)}] has been paused.")


@click.command()
@click.argument("queue", required=False, metavar="[CONNECTION:]QUEUE")
@click.option("--all", "everything", is_flag=True, help="Lift the pause of all queues; single ones stay as they are.")
@queue_options(cache=True)
def resume(place: Place, queue: str | None, everything: bool) -> None:
    """Have workers take jobs of a paused queue again.

    \b
    Example:
        lara-queue resume redis:mail
    """
    with place.open(only_cache=True) as session:
        if _all_meant(queue, everything):
            session.do(signals.resume(session.cache, session.queue.connection, None))
            note("Job processing on all queues has been resumed.")
            return
        connection, name = _named(session, queue)
        session.do(signals.resume(session.cache, connection, name))
        note(f"Job processing on queue [{safe(connection)}:{safe(name)}] has been resumed.")


def _all_meant(queue: str | None, everything: bool) -> bool:
    if (queue is None) is not everything:
        raise CommandError("Name one queue, or give --all.")
    return everything


def _named(session: Session, given: str | None) -> tuple[str, str]:
    """Connection and queue, as artisan reads them: split at the first colon; no queue name means ``default``."""
    connection, colon, name = (given or "").partition(":")
    if not colon:
        connection, name = session.queue.connection, connection
    return connection, name or "default"
