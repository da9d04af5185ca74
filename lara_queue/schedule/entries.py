"""What is to be pushed when: one entry for each ``queue.cron()``."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import tzinfo
from typing import Any, get_args

from lara_queue.errors import ConfigurationError
from lara_queue.laravel.binding import class_name_of, is_model
from lara_queue.schedule.ticks import Cron, Missed

__all__ = ["Entry", "entry"]


@dataclass(frozen=True, slots=True)
class Entry:
    """A job, and when it is pushed.

    Attributes:
        key: tells it from others, in every process and over restarts.
        cron: its ticks.
        name, data, options: as for ``push()``.
        missed: what becomes of ticks that passed while nobody was there.
    """

    key: str
    cron: Cron
    name: Any
    data: Any = None
    options: Mapping[str, Any] = field(default_factory=dict)
    missed: Missed = "skip"


def entry(
    expression: str,
    name: Any,
    data: Any = None,
    *,
    queue: str,
    timezone: str | tzinfo,
    missed: Missed,
    key: str | None,
    options: Mapping[str, Any],
) -> Entry:
    """The entry for one ``queue.cron()``; see there.

    Without a ``key`` it is known by expression, time zone, queue and job name: change one of them and it is a new
    entry, whose missed ticks nobody makes up for.
    """
    if missed not in get_args(Missed):
        raise ConfigurationError(f"missed must be 'skip', 'once' or 'all', not {missed!r}.")
    cron = Cron(expression, timezone)
    if cron.next_after(0) is None:
        raise ConfigurationError(f"The cron expression {expression!r} never comes to pass.")
    text = "|".join((expression, str(timezone), queue, _name(name)))
    known_by = key or hashlib.sha256(text.encode()).hexdigest()[:16]
    return Entry(f"{queue}:{known_by}", cron, name, data, dict(options), missed)


def _name(name: Any) -> str:
    if isinstance(name, str):
        return name
    if is_model(type(name)):
        return class_name_of(type(name))
    raise ConfigurationError(f"cron() takes a job's name and data, or an instance of a typed job, not {name!r}.")
