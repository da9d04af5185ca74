"""``push``: a job into the queue, for PHP or Python to run."""

from __future__ import annotations

import json
import math
import sys
from typing import IO, Any

import click

from lara_queue.cli.options import queue_options
from lara_queue.cli.output import note, print_json
from lara_queue.cli.program import CommandError
from lara_queue.cli.session import Place
from lara_queue.lifecycle.backoff import parse_backoff
from lara_queue.producer import PushOptions

__all__ = ["push", "seconds_list"]


def seconds_list(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    """A backoff as artisan takes it, ``10`` or ``1,5,10``; anything else is a mistake that is told."""
    if value is None:
        return None
    try:
        if all(0 <= float(part) < math.inf for part in value.split(",")):
            return value
    except ValueError:
        pass
    raise click.BadParameter(f"{value!r} is not a number of seconds, nor a comma list of such.")


@click.command()
@click.argument("name", required=False)
@click.argument("data", required=False, metavar="[JSON]")
@click.option("--queue", help="The queue's name.  [default: default]")
@click.option("--delay", type=click.FloatRange(min=0), help="Seconds until it is due.")
@click.option("--tries", type=click.IntRange(min=0), help="Attempts allowed; 0 for no limit.")
@click.option("--backoff", callback=seconds_list, help="Seconds before a retry, or a comma list of them.")
@click.option("--timeout", type=click.FloatRange(min=0), help="Seconds an attempt may take.")
@click.option("--max-exceptions", type=click.IntRange(min=1), help="Exceptions allowed.")
@click.option("--fail-on-timeout", is_flag=True, help="A timeout fails the job at once.")
@click.option("--encrypted", is_flag=True, help="Encrypt the command, as ShouldBeEncrypted does; needs --app-key.")
@click.option("--raw", type=click.File("rb"), metavar="FILE", help="Push a file as the payload, as it is; - for stdin.")
@click.option("--json", "as_json", is_flag=True, help="For programs: an object with uuid and queue.")
@queue_options(keys=True)
def push(
    place: Place,
    name: str | None,
    data: str | None,
    queue: str | None,
    delay: float | None,
    backoff: str | None,
    raw: IO[bytes] | None,
    as_json: bool,
    **given: Any,
) -> None:
    """Push a job: the PHP class NAME with the properties in JSON, or Class@method with any JSON. Prints its uuid.

    JSON may be - to read it from stdin.

    \b
    Example:
        lara-queue push 'App\\Jobs\\SendEmail' '{"to": "ada@example.com"}' --queue mail --delay 60
        lara-queue push 'App\\Legacy@fire' '[1, 2]'
        lara-queue push --raw payload.json
    """
    if raw is None and name is None:
        raise click.UsageError("Which job? Give its NAME, or --raw FILE.", click.get_current_context())
    if raw is not None:
        _refuse_with_raw(name, backoff, given)
        body = raw.read()
        if not body.strip():
            raise CommandError("The file for --raw is empty; nothing was pushed.")
        with place.open() as session:
            stored = session.ask(session.queue.push_raw(body, queue, delay=delay))
            _tell(stored or "", queue or session.queue.queue, as_json, key="id")
        return
    options: PushOptions = {}
    said = {key: value for key, value in given.items() if value is not None and value is not False}  # 0 says something
    options.update(said)  # type: ignore[typeddict-item]
    if queue is not None:
        options["queue"] = queue
    if delay:
        options["delay"] = delay
    if backoff is not None:
        options["backoff"] = parse_backoff(backoff)
    with place.open() as session:
        uuid = str(session.do(session.queue._producer.push(name, _decoded(data), options)))
        _tell(uuid, queue or session.queue.queue, as_json, key="uuid")


def _decoded(data: str | None) -> Any:
    if data is None:
        return None
    text = sys.stdin.read() if data == "-" else data
    try:
        return json.loads(text, parse_constant=_no_constant)
    except RecursionError:
        raise CommandError("The data is nested too deeply.") from None
    except ValueError as error:
        raise CommandError(f"The data is not JSON: {error}.") from error


def _no_constant(constant: str) -> None:
    raise ValueError(f"{constant} is not a JSON value")


def _refuse_with_raw(name: str | None, backoff: str | None, given: dict[str, Any]) -> None:
    """A raw payload says everything itself; options that could not be obeyed are not ignored."""
    lost = [f"--{key.replace('_', '-')}" for key, value in given.items() if value is not None and value is not False]
    if backoff is not None:
        lost.append("--backoff")
    if name is not None:
        lost.insert(0, "a job's NAME")
    if lost:
        raise click.UsageError(f"--raw cannot be combined with {', '.join(lost)}.", click.get_current_context())


def _tell(identifier: str, queue: str, as_json: bool, *, key: str) -> None:
    if as_json:
        print_json({key: identifier or None, "queue": queue})
    else:
        note(identifier or f"Pushed to {queue}.")
