"""``doctor``: what is configured, whether it can be reached, what waits there, and what is likely to surprise."""

from __future__ import annotations

import contextlib
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from typing import Any

import click

from lara_queue.application import Laravel
from lara_queue.application.arguments import arguments_beside
from lara_queue.application.checks import Check, Found, attempt, find_queues, look_into_jobs
from lara_queue.application.description import Section, cautions, describe, is_key
from lara_queue.application.resolve import OPENS
from lara_queue.application.settings import Batching
from lara_queue.cache.signals import Signals
from lara_queue.cli.options import queue_options
from lara_queue.cli.output import console, note, paint, print_json, safe, table
from lara_queue.cli.program import CommandError
from lara_queue.cli.session import Place, Session, remember_application, the_application
from lara_queue.errors import ConfigurationError
from lara_queue.plans import Plan
from lara_queue.queue import Queue

__all__ = ["doctor"]


@dataclass
class _Report:
    """What was found out so far."""

    application: Laravel | None = None
    sections: list[Section] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)
    found: Found | None = None
    paused: tuple[str, ...] = ()
    warnings: list[str] = field(default_factory=list)


@click.command()
@click.option("--json", "as_json", is_flag=True, help="For programs: one object.")
@queue_options(failed=True, cache=True)
def doctor(place: Place, as_json: bool) -> int:
    """Look into a Laravel application, or a queue: settings and their sources, reachability, what waits in which queue.

    The application is that of --laravel, or else, unless --connection or LARA_QUEUE_URL says otherwise, the one that
    the current folder belongs to. Nothing is changed, no PHP is run, and no key or password is printed. Exit code 1
    when something that is configured cannot be reached.

    \b
    Example:
        lara-queue doctor --laravel /srv/shop
        lara-queue doctor --laravel . --connection redis --json
        lara-queue doctor --connection redis://localhost:6379/0
    """
    report = _Report(_application(place))
    chosen = place.connection if place.connection and "://" not in place.connection else None
    if report.application is not None:
        report.sections = describe(report.application.settings, chosen)
        report.warnings = cautions(report.application.settings, report.application.config, chosen)
    _check_queue(report, place, chosen)
    if as_json:
        _print_json(report)
    else:
        _print(report)
    return int(not all(check.ok for check in report.checks))


def _application(place: Place) -> Laravel | None:
    """The application that is meant; it is then what the place opens, too."""
    if place.app is not None and the_application() is None:
        return None
    given = the_application()
    if given is not None:
        elsewhere = place.connection is not None and "://" in place.connection and place.typed("connection")
        return None if elsewhere and not given[1] else Laravel(given[0])
    if place.connection is not None and "://" in place.connection:
        return None
    found = Laravel.find()
    if found is None:
        raise CommandError(
            "There is no Laravel application here or in a folder above; give --laravel PATH, or --connection URL."
        )
    remember_application(click.get_current_context(), str(found.path), typed=True)
    return found


# -- checks ----------------------------------------------------------------------------------------------------------


def _check_queue(report: _Report, place: Place, chosen: str | None) -> None:
    with contextlib.ExitStack() as stack:
        try:
            session = stack.enter_context(_session(report, place, chosen))
        except ConfigurationError as error:
            _queue_unusable(report, chosen, error)
            return
        _check_store(report, session)
        _check_beside(report, session)


def _session(report: _Report, place: Place, chosen: str | None) -> Session:
    """The queue that is looked at, without the key where that is none: what is said of the key is said already."""
    application = report.application
    if application is None or place.app is not None or is_key(application.settings):
        return place.open()
    return Session(
        lambda: application.queue(connection=chosen, app_key=None, previous_keys=()), "--laravel", from_code=False
    )


def _queue_unusable(report: _Report, chosen: str | None, error: ConfigurationError) -> None:
    """The jobs cannot be looked at, but the cache and the failures may."""
    settings = report.application.settings if report.application is not None else None
    connection = settings.connections.get(chosen or settings.default_connection) if settings is not None else None
    if settings is None or (connection is None and chosen is not None):
        raise error
    if connection is None or connection.driver in OPENS:  # a driver without a store has nothing that could be missing
        report.checks.append(Check("queue", False, str(error)))
    with Session(
        lambda: Queue("memory://", **arguments_beside(settings, "sync")), "--laravel", from_code=False
    ) as session:
        _check_beside(report, session)


def _check_store(report: _Report, session: Session) -> None:
    queue = session.queue
    where = _where(report, queue.connection)
    check = session.do(attempt("queue", _seen(queue.driver.ping(), f"{queue.driver.name}{where}")))
    if check.ok:
        check = session.do(attempt("queue", _queues(report, session, check.detail)))
    report.checks.append(check)


def _queues(report: _Report, session: Session, detail: str) -> Plan[str]:
    queue = session.queue
    connection = None
    if report.application is not None:
        connection = report.application.settings.connections.get(queue.connection)
    names = connection.table if connection is not None else "jobs"
    found = yield from find_queues(queue.driver, [queue.queue], queue.key_prefix, names)
    report.found = found
    seen = [one.name for one in found.queues]
    has_key = queue._encrypter is not None
    report.warnings += yield from look_into_jobs(queue.driver, seen, queue.driver.retry_after, has_key=has_key)
    ours = any(one.sizes.total for one in found.queues)
    for prefix, example in found.others.items():
        report.warnings.append(
            f"Redis also has queues under the prefix {safe(prefix)!r} ({safe(example)}), while the configured one is "
            f"{queue.key_prefix!r}"
            + ("." if ours else ", which has none: if jobs are missing here, REDIS_PREFIX differs from the producer's.")
        )
    if not found.complete:
        report.warnings.append("The store is too big to look through; there may be more queues.")
    return detail


def _check_beside(report: _Report, session: Session) -> None:
    """The cache, the failures, the batches, the maintenance file."""
    queue = session.queue
    application = report.application
    if queue._cache is not None:
        names = [one.name for one in report.found.queues] if report.found else [queue.queue]
        report.checks.append(session.do(attempt("cache", _signals(report, session, names))))
    if application is None or application.settings.failed.driver is not None:
        report.checks.append(session.do(attempt("failed jobs", _failures(report, session))))
    if application is not None:
        _check_batches(report, session, application.settings.batching)
        if application.settings.maintenance.driver != "cache" and application.settings.maintenance.file.exists():
            report.warnings.append(
                "The application is in maintenance mode: workers take no jobs, unless --force is given."
            )


def _signals(report: _Report, session: Session, names: list[str]) -> Plan[str]:
    queue = session.queue
    signals = Signals(session.cache, queue.connection)
    seen = yield from signals.read(names)
    report.paused = seen.paused_queues
    if seen.down:
        report.warnings.append("The application is in maintenance mode (in the cache).")
    return f"{session.cache.name}{_where(report, 'cache')}, last restart signal: {_moment(seen.restart)}"


def _failures(report: _Report, session: Session) -> Plan[str]:
    store = session.queue._failed
    count = yield from store.count()
    return f"{store.name}{_where(report, 'failed')}, {count} failed job{'' if count == 1 else 's'}"


def _check_batches(report: _Report, session: Session, batching: Batching) -> None:
    """Batches are not everybody's; a table that is missing is a warning only."""
    if batching.database is None or batching.database.url is None:
        return
    from lara_queue.application.tables import count_rows
    from lara_queue.sql import sql_link, step

    def counted() -> Plan[str]:
        link = sql_link(batching.database.url if batching.database else "", session.queue.face)
        count = yield step(link, count_rows, batching.table)
        return f"{count} in {batching.table}"

    check = session.do(attempt("batches", counted()))
    if check.ok:
        report.checks.append(check)
    else:
        report.warnings.append(f"Batches cannot be used: {check.detail}")


def _seen(plan: Plan[Any], detail: str) -> Plan[str]:
    yield from plan
    return detail


def _where(report: _Report, what: str) -> str:
    """Where a store is, as far as the application says."""
    if report.application is None:
        return ""
    settings = report.application.settings
    if what == "failed":
        found: Any = settings.failed.database or settings.failed
        return f" at {found.where}" if hasattr(found, "where") else f" in {found.path}" if found.path else ""
    if what == "cache":
        store = settings.cache
        place = store.redis or store.database
        return f" at {place.where}" if place is not None else f" in {store.path}"
    connection = settings.connections.get(what)
    place = (connection.redis or connection.database) if connection is not None else None
    return f" at {place.where}" if place is not None else ""


def _moment(value: Any) -> str:
    try:
        return datetime.fromtimestamp(int(value), timezone.utc).strftime("%Y-%m-%d %H:%M:%S UTC")
    except (TypeError, ValueError, OverflowError, OSError):
        return "none"


# -- printing --------------------------------------------------------------------------------------------------------


def _print_json(report: _Report) -> None:
    found = report.found
    print_json(
        {
            "application": None if report.application is None else str(report.application.path),
            "laravel": None if report.application is None else report.application.version.text,
            "settings": [{"section": one.title, **asdict(row)} for one in report.sections for row in one.rows],
            "checks": [asdict(check) for check in report.checks],
            "queues": [
                {"queue": one.name, "size": one.sizes.total, **asdict(one.sizes), "paused": one.name in report.paused}
                for one in (found.queues if found else [])
            ],
            "warnings": report.warnings,
            "healthy": all(check.ok for check in report.checks),
        }
    )


def _print(report: _Report) -> None:
    from rich.text import Text
    from rich.tree import Tree

    if report.application is not None:
        root = Tree(Text.assemble((f"Laravel {safe(report.application.version.text)}", "bold")), guide_style="dim")
        for section in report.sections:
            branch = root.add(Text(safe(section.title), "bold cyan"))
            for row in section.rows:
                line = Text.assemble((f"{safe(row.key)}  ", "dim"), safe(row.value))
                branch.add(line.append(f"  ({safe(row.source)})", "dim") if row.source else line)
        console().print(root)
        note("")
    for check in report.checks:
        mark = paint("ok  ", "green") if check.ok else paint("FAIL", "red", bold=True)
        note(f"{mark}  {check.name}: {safe(check.detail)}")
    for warning in report.warnings:
        note(f"{paint('note', 'yellow')}  {safe(' '.join(warning.split()))}")
    if report.found is not None:
        note("")
        columns = ("queue", "pending", "delayed", "reserved", "total", "")
        rows = [
            (one.name, one.sizes.pending, one.sizes.delayed, one.sizes.reserved, one.sizes.total)
            + (("paused",) if one.name in report.paused else ("",))
            for one in report.found.queues
        ]
        table(columns, rows, right=frozenset(range(1, 5)))
