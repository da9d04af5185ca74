"""``make:php`` and ``make:python``: the other side of typed jobs, written from this one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from lara_queue.cli.locate import locate
from lara_queue.cli.options import general_options
from lara_queue.cli.output import note, paint, print_json, safe, warn
from lara_queue.cli.program import CommandError
from lara_queue.cli.session import Session
from lara_queue.codegen.files import Change, State, apply, difference, review
from lara_queue.codegen.make_php import TARGETS, Made, make_php
from lara_queue.codegen.make_python import make_python
from lara_queue.codegen.places import composer_roots, roots_from
from lara_queue.codegen.sources import read_modules, read_sources

__all__ = ["make_php_command", "make_python_command"]

_COLOURS = {State.NEW: "green", State.OLD: "yellow", State.EDITED: "red", State.FOREIGN: "red"}
_FILES = (
    click.option(
        "--check", is_flag=True, help="Write nothing; exit code 1 when a file is not as it should be, for CI."
    ),
    click.option("--dry-run", is_flag=True, help="Write nothing; show what would change."),
    click.option("--force", is_flag=True, help="Overwrite files that were edited or that are not ours, too."),
    click.option("--json", "as_json", is_flag=True, help="For programs: the files with their states, and the notes."),
)


def _files_options(function: Any) -> Any:
    for option in reversed(_FILES):
        function = option(function)
    return general_options(function)


@click.command("make:php")
@click.argument("target", metavar="MODULE[:ATTR]")
@click.option("--namespace", default="App\\Jobs", show_default=True, help="Of jobs that are not bound to a PHP class.")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("app/Jobs"),
    show_default=True,
    help="The folder of that namespace; others are found from it and from composer.json.",
)
@click.option(
    "--php", type=click.Choice([*TARGETS]), default="8.0", show_default=True, help="The oldest PHP to read it."
)
@click.option("--queue", help="Where the jobs go.  [default: the queue object's queue]")
@click.option("--on-connection", metavar="NAME", help="Laravel's connection for them.  [default: the queue object's]")
@_files_options
def make_php_command(
    target: str, namespace: str, out: Path, php: str, queue: str | None, on_connection: str | None, **how: bool
) -> int:
    """Write a PHP job class for each handler of the queue object ATTR (default: queue) in MODULE.

    A handler that takes a dataclass (or a pydantic, attrs or msgspec type) gives a class with that type's fields in its
    constructor, and the value classes and enums they need; one that only names a job gives a beginning to go on with.
    Running it again changes what has changed. A file that somebody edited is shown, not overwritten.

    \b
    Example:
        lara-queue make:php app:queue --namespace 'App\\Jobs' --php 8.2
        lara-queue make:php app:queue --out ../shop/app/Jobs --check
    """
    namespace = namespace.strip("\\")
    with Session(lambda: locate(target), target) as session:
        at = session.queue
        connection = "" if at.driver.name == "memory" else at.connection
        made = make_php(
            at.registry,
            roots=[*roots_from(namespace, out), *composer_roots(out)],
            namespace=namespace,
            target=TARGETS[php],
            queue=at.queue if queue is None else queue,
            connection=connection if on_connection is None else on_connection,
        )
    return _finish(made, **how)


@click.command("make:python")
@click.argument("paths", metavar="PATH...", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("laravel_jobs"),
    show_default=True,
    help="The Python package to write.",
)
@click.option("--split", is_flag=True, help="A module for each job, instead of one models.py.")
@click.option("--app", metavar="MODULE:ATTR", help="The queue object of the handlers.  [default: one made beside them]")
@click.option("--queue", help="The name of the queue made beside them.  [default: the jobs' own, else default]")
@_files_options
def make_python_command(
    paths: tuple[Path, ...], out: Path, split: bool, app: str | None, queue: str | None, **how: bool
) -> int:
    """Write typed Python dataclasses and handler stubs for the PHP job classes in PATH, a file or a folder.

    The classes are written anew each time. The module of handlers is begun once and then yours: later runs add a stub
    for each new job, and leave the rest as it is. What could not be understood is told with file and line, and is Any.
    Needs tree-sitter: pip install 'lara-queue[php]'.

    \b
    Example:
        lara-queue make:python ../shop/app/Jobs
        lara-queue make:python ../shop/app/Jobs --out jobs --app app:queue --check
    """
    read, look_up = read_sources(paths)
    if not read:
        raise CommandError(f"There are no .php files in {', '.join(map(str, paths))}.")
    made = make_python(read, out, look_up=look_up, existing=read_modules(out), split=split, app=app, queue=queue)
    return _finish(made, **how)


def _finish(made: Made, *, check: bool, dry_run: bool, force: bool, as_json: bool) -> int:
    """Write, or say what would be written; the exit code."""
    changes = review(made.files)
    writes = not check and not dry_run
    if writes:
        apply(changes, force=force)
    behind = [change for change in changes if change.state.is_behind]
    left = [change for change in behind if change.state.is_conflict and not force]
    failed = bool(behind) if check else bool(left) and not dry_run
    if as_json:
        files = [{"path": str(change.file.path), "state": _state(change, force and writes)} for change in changes]
        print_json({"ok": not failed, "written": writes, "files": files, "notes": list(made.notes)})
        return int(failed)
    for text in made.notes:
        warn(text)
    _tell(changes, shown=behind if dry_run or check else left, forced=force and writes)
    if left and writes:
        warn(f"{len(left)} of {len(changes)} files are not overwritten; move them away, or give --force.")
    elif check and failed:
        warn(f"{len(behind)} of {len(changes)} files are not as they should be; run this without --check.")
    return int(failed)


def _state(change: Change, forced: bool) -> str:
    return "overwritten" if forced and change.state.is_conflict else change.state.value


def _tell(changes: Sequence[Change], *, shown: Sequence[Change], forced: bool) -> None:
    for change in changes:
        state = _state(change, forced)
        colour = _COLOURS.get(change.state)
        note(f"  {paint(state, colour) if colour else state}  {safe(change.file.path)}")
    for change in shown:
        note("")
        for line in difference(change).splitlines():
            colour = {"+": "green", "-": "red"}.get(line[:1])
            note(paint(safe(line), colour) if colour else safe(line))
