"""``inspect``: the jobs of a queue, decoded and drawn, without taking them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

import click

from lara_queue.cli.describe import Seen, describe
from lara_queue.cli.options import queue_options
from lara_queue.cli.output import console, note, print_json, safe
from lara_queue.cli.program import CommandError
from lara_queue.cli.session import Place, Session
from lara_queue.cli.tree import draw
from lara_queue.ports import FailedJob, Waiting

__all__ = ["inspect"]

WAITING = ("pending", "delayed", "reserved")
PAGE = 200


@click.command()
@click.argument("queue", required=False)
@click.option(
    "--state",
    "states",
    multiple=True,
    type=click.Choice([*WAITING, "failed"]),
    help="Only jobs of this state; may be repeated.  [default: pending, delayed and reserved]",
)
@click.option(
    "--limit", type=click.IntRange(min=1), default=10, show_default=True, help="At most so many of each state."
)
@click.option("--id", "uuid", metavar="UUID", help="The one job with this uuid, in whatever state it is.")
@click.option(
    "--full", is_flag=True, help="Nothing shortened: long texts and lists, deep values, Laravel's own properties."
)
@click.option("--json", "as_json", is_flag=True, help="For programs: a list of objects, described below.")
@queue_options(failed=True, keys=True)
def inspect(
    place: Place,
    queue: str | None,
    states: tuple[str, ...],
    limit: int,
    uuid: str | None,
    full: bool,
    as_json: bool,
) -> None:
    """Show the jobs of a queue, decoded: types, visibility (+ public, # protected, - private), times, chains.

    Nothing is taken and nothing is run. Give --app-key to look into encrypted jobs.

    --json prints, for each job: state, queue, at (when it is due, its reservation runs out, or it failed), uuid, id,
    name, kind, attempts, max_tries, max_exceptions, timeout, backoff, retry_until, created_at, batch, encrypted, class,
    data, visibility (of each property of data), about, chain, context, exception (of a failed job) and error (why it
    could not be decoded, with raw, its text). Times are ISO 8601. Inside data a PHP object is {"$class": ..., its
    properties}, an enum case {"$enum": ...}, a model {"$model": ..., "id": ...}, binary text {"$base64": ...}.

    \b
    Example:
        lara-queue inspect default --limit 3
        lara-queue inspect mail --state failed --json
        lara-queue inspect --id 9f8b1a54-2a55-4c6d-8f2e-3f3f0c1b2a3d
    """
    with place.open(queue) as session:
        name = queue or session.queue.queue
        if uuid is not None:
            found = _find(session, name, uuid, states)
            if found is None:
                raise CommandError(f"There is no job {uuid} in the queue {name}.")
            seen = [found]
        else:
            seen = list(chain.from_iterable(_seen(session, name, state, 0, limit) for state in states or WAITING))
        total = session.do(session.queue.driver.sizes(name)).total
    if as_json:
        print_json([describe(each) for each in seen])
        return
    if not seen:
        note(f"No such jobs in {safe(name)}." if states else f"The queue {safe(name)} is empty.")
        return
    out = console()
    for each in seen:
        out.print(draw(each, full=full))
    if uuid is None and "failed" not in states and len(seen) < total:
        note(f"{len(seen)} of {total} jobs; --limit and --state show others.")


def _seen(session: Session, name: str, state: str, offset: int, limit: int) -> list[Seen]:
    queue = session.queue
    if state == "failed":
        return [_of_failed(session, job) for job in session.ask(queue.failed.all(name, offset + limit))[offset:]]
    read = {"pending": queue.pending_jobs, "delayed": queue.delayed_jobs, "reserved": queue.reserved_jobs}[state]
    jobs = session.ask(read(name, offset=offset, limit=limit))
    return [Seen(job, state, job.reservation.expires_at or None) for job in jobs]


def _of_failed(session: Session, failed: FailedJob) -> Seen:
    job = session.queue._jobs(failed.queue, [Waiting("pending", failed.payload)])[0]
    return Seen(job, "failed", failed.failed_at, failed)


def _find(session: Session, name: str, uuid: str, states: tuple[str, ...]) -> Seen | None:
    """The job with that uuid; jobs that cannot be read have none and are passed over."""
    for state in states or WAITING:
        if state != "failed":
            for seen in _all(session, name, state):
                if seen.uuid == uuid:
                    return seen
    if not states or "failed" in states:
        failed = session.ask(session.queue.failed.find(uuid))
        if failed is not None:
            return _of_failed(session, failed)
    return None


def _all(session: Session, name: str, state: str) -> Iterator[Seen]:
    offset = 0
    while page := _seen(session, name, state, offset, PAGE):
        yield from page
        offset += len(page)
        if len(page) < PAGE:
            return
