"""``failed``, ``retry``, ``forget``, ``flush`` and ``prune-failed``: artisan's commands, on the same stores."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timezone
from typing import Any

import click

from lara_queue.cli.options import queue_options
from lara_queue.cli.output import note, paint, print_json, safe, table, terminal_width, warn
from lara_queue.cli.program import CommandError, one_line
from lara_queue.cli.session import Place, Session
from lara_queue.errors import LaraQueueError, StoreUnreachable
from lara_queue.failed.records import display_name
from lara_queue.ports import FailedJob

__all__ = ["HOURS", "failed", "flush", "forget", "prune_failed", "retry", "retry_ids"]

HOURS = click.FloatRange(min=0)
_RANGE = re.compile(r"(\d{1,19})-(\d{1,19})", re.ASCII)
_NUMBER = re.compile(r"0|[1-9]\d{0,18}", re.ASCII)


@click.command()
@click.option("--queue", help="Only failures of this queue; on Redis, of its list NAME:failed.")
@click.option("--limit", type=click.IntRange(min=1), help="Only so many, the newest.")
@click.option("--json", "as_json", is_flag=True, help="For programs: a list of objects.")
@queue_options(failed=True)
def failed(place: Place, queue: str | None, limit: int | None, as_json: bool) -> None:
    """List failed jobs, the newest first.

    "inspect --state failed" shows what is in them.

    \b
    Example:
        lara-queue failed --failed sqlite:///database/database.sqlite
        lara-queue failed --json --limit 10
    """
    with place.open(queue) as session:
        jobs = session.ask(session.queue.failed.all(queue, limit))
    if as_json:
        print_json([_for_programs(job) for job in jobs])
    elif not jobs:
        note("No failed jobs found.")
    else:
        rows = [(job.id, job.connection, job.queue, display_name(job.payload), _moment(job.failed_at)) for job in jobs]
        table(("id", "connection", "queue", "class", "failed at"), rows)


def _for_programs(job: FailedJob) -> dict[str, Any]:
    return {
        "id": job.id,
        "uuid": job.uuid,
        "connection": job.connection,
        "queue": job.queue,
        "name": display_name(job.payload) or None,
        "failed_at": _moment(job.failed_at),
        "exception": job.exception.partition("\n")[0],
    }


@click.command()
@click.argument("ids", nargs=-1, metavar="ID...|all")
@click.option("--queue", help="Retry all failures of this queue; on Redis, of its list NAME:failed.")
@click.option("--range", "ranges", multiple=True, metavar="FROM-TO", help="Retry all of these numeric ids.")
@queue_options(failed=True)
def retry(place: Place, ids: tuple[str, ...], queue: str | None, ranges: tuple[str, ...]) -> int:
    """Put failed jobs back onto their queues, as if they had never been tried.

    Exit code 1 when an id was not found or a job could not be put back; the others are.

    \b
    Example:
        lara-queue retry all
        lara-queue retry 9f8b1a54-2a55-4c6d-8f2e-3f3f0c1b2a3d
        lara-queue retry --queue mail
        lara-queue retry --range 1-5 --failed sqlite:///database/database.sqlite
    """
    if not ids and not ranges and queue is None:
        raise CommandError("Which failed jobs? Give their ids, all, --queue NAME or --range FROM-TO.")
    if ("all" in ids and (len(ids) > 1 or ranges)) or (queue is not None and ids not in ((), ("all",))):
        raise CommandError("Give ids, or all, or --queue NAME: not several of these.")
    with place.open(queue) as session:
        wanted, missing = _wanted(session, ids, queue, _bounds(ranges))
        if wanted:
            note("Pushing failed queue jobs back onto the queue.")
        elif queue is not None and not missing:
            warn(f"Unable to find failed jobs for queue [{queue}].")
        elif not missing:
            note("No failed jobs found.")
        bad = [id for id in wanted if not _retry_one(session, id)]
    for id in missing:
        warn(f"Unable to find failed job with ID [{id}].")
    return int(bool(bad or missing))


def retry_ids(session: Session, ids: Sequence[str]) -> list[str]:
    """Those of the failed jobs that could not be put back; told line by line."""
    wanted, missing = _wanted(session, ids, None, ())
    bad = [id for id in wanted if not _retry_one(session, id)]
    for id in missing:
        warn(f"Unable to find failed job with ID [{id}].")
    return [*bad, *missing]


def _wanted(
    session: Session, ids: Sequence[str], queue: str | None, bounds: Sequence[tuple[int, int]]
) -> tuple[list[str], list[str]]:
    """The ids of the jobs to retry, and those of the given ones that there are not."""
    store = session.queue.failed
    if ids == ("all",) or not (ids or bounds):
        return session.ask(store.ids(queue)), []  # newest first, as artisan's
    wanted: list[str] = []
    missing: list[str] = []
    for id in dict.fromkeys(ids):
        found = session.ask(store.find(id))
        if found is not None:
            wanted.append(found.id)
        else:
            missing.append(id)
    if bounds:
        wanted += _within(bounds, session.ask(store.ids(queue)))
    return list(dict.fromkeys(wanted)), missing


def _within(bounds: Sequence[tuple[int, int]], ids: Sequence[str]) -> list[str]:
    """The ids that are numbers and in one of the ranges, in ascending order; a range may have holes.

    >>> _within([(2, 4), (9, 9)], ["10", "9", "4", "3", "1", "9f8b1a54-2a55"])
    ['3', '4', '9']
    """
    numbers = sorted({int(id) for id in ids if _NUMBER.fullmatch(id)})
    return [str(number) for number in numbers if any(first <= number <= last for first, last in bounds)]


def _bounds(ranges: Sequence[str]) -> list[tuple[int, int]]:
    bounds: list[tuple[int, int]] = []
    for each in ranges:
        found = _RANGE.fullmatch(each.strip())
        if found is None:
            raise CommandError(f"--range takes FROM-TO, such as 1-5, not {each!r}.")
        first, last = sorted((int(found[1]), int(found[2])))
        bounds.append((first, last))
    return bounds


def _retry_one(session: Session, id: str) -> bool:
    """True when it is back; a job that cannot be read does not keep the others."""
    try:
        done = bool(session.ask(session.queue.failed.retry(id)))
        problem = "is gone; somebody else has taken care of it"
    except StoreUnreachable:
        raise
    except LaraQueueError as error:
        done, problem = False, f"cannot be retried: {one_line(error)}"
    dots = "." * max(3, terminal_width() - len(id) - 10)
    note(f"  {safe(id)} {dots} {paint('DONE', 'green', bold=True) if done else paint('FAIL', 'red', bold=True)}")
    if not done:
        warn(f"The failed job {id} {problem}.")
    return done


@click.command()
@click.argument("id")
@queue_options(failed=True)
def forget(place: Place, id: str) -> None:
    """Delete one failed job; exit code 1 when there is none with that id.

    \b
    Example:
        lara-queue forget 9f8b1a54-2a55-4c6d-8f2e-3f3f0c1b2a3d
    """
    with place.open() as session:
        if not session.ask(session.queue.failed.forget(id)):
            raise CommandError("No failed job matches the given ID.")
    note("Failed job deleted successfully.")


@click.command()
@click.option("--hours", type=HOURS, help="Only those that failed at least so many hours ago.")
@queue_options(failed=True)
def flush(place: Place, hours: float | None) -> None:
    """Delete all failed jobs, or the old ones.

    \b
    Example:
        lara-queue flush --hours 48
    """
    with place.open() as session:
        count = session.ask(session.queue.failed.flush(hours))
    if hours is None:
        note(f"All failed jobs deleted successfully ({count}).")
    else:
        note(f"All jobs that failed more than {hours:g} hours ago have been deleted successfully ({count}).")


@click.command("prune-failed")
@click.option(
    "--hours", type=HOURS, default=24, show_default=True, help="Keep those that failed since so many hours ago."
)
@queue_options(failed=True)
def prune_failed(place: Place, hours: float) -> None:
    """Delete failed jobs that are older than a day, or than --hours; for a scheduler.

    \b
    Example:
        lara-queue prune-failed --hours 168
    """
    with place.open() as session:
        count = session.ask(session.queue.failed.prune(hours))
    note(f"{count} {'entry' if count == 1 else 'entries'} deleted.")


def _moment(seconds: float) -> str:
    """When it failed; the store's own time zone is the application's business, so this is UTC and says so."""
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
