"""``tables``: make Laravel's tables in a database that has none, or print the SQL that makes them."""

from __future__ import annotations

from pathlib import Path

import click

from lara_queue.cli.options import general_options
from lara_queue.cli.output import note, paint
from lara_queue.cli.program import CommandError

__all__ = ["tables"]


@click.command()
@click.option(
    "--connection",
    metavar="URL",
    envvar="LARA_QUEUE_URL",
    help="The database, such as sqlite:///database/database.sqlite; also LARA_QUEUE_URL.",
)
@click.option("--print", "only_print", is_flag=True, help="Print the SQL for this database, and change nothing.")
@general_options
def tables(connection: str | None, only_print: bool) -> None:
    """Make Laravel's tables for queues: jobs, job_batches, failed_jobs, cache, cache_locks.

    They are as Laravel's own migrations make them. What is there already is left as it is, so in a Laravel application
    (where `php artisan migrate` makes them) nothing changes. An SQLite file that does not exist is created, in WAL
    mode.

    \b
    Example:
        lara-queue tables --connection sqlite:///queue.sqlite
        lara-queue tables --connection postgresql://localhost/app --print
    """
    from lara_queue.sql.database import Database
    from lara_queue.sql.schema import create_tables, statements_to_create

    if connection is None:
        raise CommandError("Which database? Give --connection URL, or set LARA_QUEUE_URL.")
    database = Database(connection, create=True)
    if only_print:
        for statement in statements_to_create(database.engine.dialect):
            click.echo(f"{statement};")
        return
    path = Path(database.engine.url.database or "")
    if database.kind == "sqlite" and not database.in_memory and not path.exists():
        if not path.parent.is_dir():
            raise CommandError(f"There is no folder {path.parent} to make {path.name} in.")
        with database.engine.connect() as opened:
            opened.exec_driver_sql("PRAGMA journal_mode=WAL")
    try:
        made = database.transact(create_tables)
    finally:
        database.close()
    for name in made:
        note(f"{paint('Made', 'green')} {name}")
    if not made:
        note("All tables are there already.")
