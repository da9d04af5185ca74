"""Whether a job is the one a test means."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lara_queue.bus.commands import load_command
from lara_queue.errors import PayloadError
from lara_queue.job import Job
from lara_queue.laravel.binding import class_name_of, is_model, to_properties
from lara_queue.laravel.people import plain_properties
from lara_queue.php import PhpObject

__all__ = ["Name", "is_chain", "is_named", "names_in", "shown"]

Name = str | type[Any] | None
"""A PHP class or display name, its last part, ``Class@method``, or a typed job's class; None for any."""


def is_named(job: Job, name: Name) -> bool:
    """True when the job has that name: its class or display name, the last part of it, or a string job's method."""
    if name is None:
        return True
    wanted = (class_name_of(name) if isinstance(name, type) else name).lstrip("\\")
    try:
        envelope = job.envelope
        names = {job.name, envelope.command_name, envelope.display_name}
    except PayloadError:  # what was pushed raw need not be a job
        return False
    if not envelope.is_object_job:
        names.add(envelope.job)
    return wanted in names or wanted == job.name.rpartition("\\")[2]


def is_chain(chain: Sequence[bytes], wanted: Sequence[Any]) -> bool:
    """True when the serialized jobs are exactly those, each a class, ``(class, data)`` or a typed job.

    >>> is_chain([b'O:1:"A":2:{s:1:"n";i:1;s:1:"m";i:2;}'], [("A", {"n": 1})])
    True
    """
    return len(chain) == len(wanted) and all(map(_is_member, chain, wanted))


def _is_member(serialized: bytes, wanted: Any) -> bool:
    command = load_command(serialized)
    if command is None:
        return False
    name, data = _member(wanted)
    if command.class_name != name.lstrip("\\"):
        return False
    if data is None:
        return True
    given, expected = plain_properties(command), plain_properties(PhpObject(name, data))
    return all(key in given and given[key] == value for key, value in expected.items())


def _member(wanted: Any) -> tuple[str, Any]:
    if isinstance(wanted, str):
        return wanted, None
    if isinstance(wanted, tuple):
        return wanted[0], wanted[1]
    if isinstance(wanted, type):
        return class_name_of(wanted), None
    if is_model(type(wanted)):
        return to_properties(wanted)
    raise TypeError(f"A chain's member is a class name, (name, data), or a typed job, not {wanted!r}.")


def names_in(chain: Sequence[bytes]) -> list[str]:
    """The classes of serialized jobs."""
    commands = (load_command(serialized) for serialized in chain)
    return [command.class_name if command is not None else "?" for command in commands]


def shown(name: Name) -> str:
    """The name as an error tells it."""
    return "job" if name is None else class_name_of(name) if isinstance(name, type) else name
