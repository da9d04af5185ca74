"""``size``, ``monitor`` and ``clear``: how much waits where, and doing away with it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

import click

from lara_queue.cli.options import queue_options, split_names
from lara_queue.cli.output import note, paint, print_json, safe, table
from lara_queue.cli.program import CommandError
from lara_queue.cli.session import Place, Session
from lara_queue.errors import PayloadError
from lara_queue.events import QueueBusy
from lara_queue.ports import Sizes

__all__ = ["clear", "monitor", "size"]

SIZE_COLUMNS = ("queue", "pending", "delayed", "reserved", "total")


@click.command()
@click.argument("queues", nargs=-1, metavar="[QUEUE]...")
@click.option("--all", "everything", is_flag=True, help="All queues that hold a job; on Redis all keys are looked at.")
@click.option("--json", "as_json", is_flag=True, help="For programs: a list of objects.")
@queue_options()
def size(place: Place, queues: tuple[str, ...], everything: bool, as_json: bool) -> None:
    """How many jobs wait in the queues: due now, due later, and in workers' hands.

    \b
    Example:
        lara-queue size high default
        lara-queue size --all
        lara-queue size --json default
    """
    with place.open() as session:
        names = split_names(queues) or [session.queue.queue]
        if everything:
            names = list(dict.fromkeys([*names, *session.ask(session.queue.queues())]))
        sizes = {name: _sizes(session, name) for name in names}
    if as_json:
        print_json([{"queue": name, "size": found.total, **_counts(found)} for name, found in sizes.items()])
        return
    rows = [(name, found.pending, found.delayed, found.reserved, found.total) for name, found in sizes.items()]
    table(SIZE_COLUMNS, rows, right=frozenset(range(1, 5)))


@dataclass(frozen=True, slots=True)
class _Watched:
    """One queue as ``monitor`` found it."""

    connection: str
    queue: str
    sizes: Sizes
    oldest: float | None
    busy: bool

    def as_json(self) -> dict[str, Any]:
        """Its line for programs, with artisan's keys."""
        return {
            "connection": self.connection,
            "queue": self.queue,
            "size": self.sizes.total,
            **_counts(self.sizes),
            "oldest_pending": self.oldest,
            "status": "ALERT" if self.busy else "OK",
        }


@click.command()
@click.argument("queues", nargs=-1, required=True, metavar="QUEUES")
@click.option(
    "--max", "limit", type=click.IntRange(min=0), default=1000, show_default=True, help="Busy from this many jobs on."
)
@click.option("--json", "as_json", is_flag=True, help="For programs: a list of objects with artisan's keys.")
@queue_options()
def monitor(place: Place, queues: tuple[str, ...], limit: int, as_json: bool) -> int:
    """Look whether queues are busy; exit code 1 when any has --max jobs or more.

    QUEUES is a comma list of [CONNECTION:]NAME. All of them are looked up in the one store that --connection names; the
    connection's name is only shown. Listeners for queue.busy that the --app module registers are told.

    \b
    Example:
        lara-queue monitor high,default --max=100 || page-somebody
    """
    found: list[_Watched] = []
    with place.open() as session:
        for wanted in split_names(queues):
            connection, _, name = wanted.rpartition(":") if ":" not in wanted else wanted.partition(":")
            name = name or "default"
            sizes = _sizes(session, name)
            busy = sizes.total >= limit
            found.append(_Watched(connection or session.queue.connection, name, sizes, _oldest(session, name), busy))
            if busy:
                session.tell(QueueBusy(name, sizes.total, connection or session.queue.connection))
    if not found:
        raise CommandError("Name at least one queue.")
    if as_json:
        print_json([each.as_json() for each in found])
    else:
        _print_watched(found)
    return int(any(each.busy for each in found))


def _print_watched(found: list[_Watched]) -> None:
    rows = [
        (
            f"{each.connection}:{each.queue}",
            each.sizes.pending,
            each.sizes.delayed,
            each.sizes.reserved,
            each.sizes.total,
            "" if each.oldest is None else _moment(each.oldest),
            "ALERT" if each.busy else "OK",
        )
        for each in found
    ]
    table((*SIZE_COLUMNS, "oldest", "status"), rows, right=frozenset(range(1, 5)))


@click.command()
@click.argument("queues", nargs=-1, metavar="[QUEUE]...")
@click.option("--queue", "more", metavar="NAMES", multiple=True, help="The same as an option, as artisan has it.")
@click.option("--force", is_flag=True, help="Do not ask.")
@queue_options()
def clear(place: Place, queues: tuple[str, ...], more: tuple[str, ...], force: bool) -> int:
    """Delete all jobs of the queues, those in workers' hands included. Asks first, unless --force is given.

    \b
    Example:
        lara-queue clear default,low --force
        lara-queue clear --queue=default --force
    """
    with place.open() as session:
        names = split_names((*queues, *more)) or [session.queue.queue]
        if not force:
            waiting = sum(_sizes(session, name).total for name in names)
            listed = ", ".join(safe(name) for name in names)
            try:
                agreed = click.confirm(f"Delete {_jobs(waiting)} from {listed}?", err=True)
            except click.Abort as abort:
                if isinstance(abort.__context__, KeyboardInterrupt):
                    raise
                raise CommandError("Nothing was deleted; use --force where nobody can be asked.") from None
            if not agreed:
                note("Nothing was deleted.")
                return 1
        for name in names:
            count = session.ask(session.queue.clear(name))
            note(f"{paint('Cleared', 'green')} {_jobs(count)} from the [{safe(name)}] queue")
    return 0


def _sizes(session: Session, name: str) -> Sizes:
    return session.do(session.queue.driver.sizes(name))


def _counts(sizes: Sizes) -> dict[str, int]:
    return {"pending": sizes.pending, "delayed": sizes.delayed, "reserved": sizes.reserved}


def _oldest(session: Session, name: str) -> float | None:
    """Unix time at which the next job was pushed, where its payload says so (Laravel 12.11 and later)."""
    for job in session.ask(session.queue.pending_jobs(name, limit=1)):
        try:
            return job.envelope.created_at
        except PayloadError:
            return None
    return None


def _jobs(count: int) -> str:
    return f"{count} job{'' if count == 1 else 's'}"


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%d %H:%M:%S UTC")
