"""Every event of the package is in one of the two tables that say what can be listened to."""

from __future__ import annotations

import dataclasses
import importlib
import pkgutil
import re

import lara_queue
import lara_queue.bus.events
import lara_queue.events
from lara_queue.events import Event

ROW = re.compile(r"^([a-z]+\.[a-z_]+) +(.+)$")
RULE = re.compile(r"^(=+) +(=+) +(=+)$")


def tables() -> dict[str, set[str]]:
    """The fields of each event by its name, as the tables have them: in the second column, perhaps on two lines."""
    found: dict[str, set[str]] = {}
    for module in (lara_queue.events, lara_queue.bus.events):
        lines = (module.__doc__ or "").splitlines()
        first, second = next((r.start(2), r.start(3)) for r in map(RULE.match, lines) if r)
        name = ""
        for line in lines:
            if ROW.match(line):
                name = line.split()[0]
                found[name] = set()
            elif not line.startswith(" "):
                name = ""
            if name:
                found[name].update(field.strip(" ") for field in line[first:second].split(",") if field.strip(" "))
    return found


def classes() -> list[type[Event]]:
    """Those with a name of their own."""
    for module in pkgutil.walk_packages(lara_queue.__path__, "lara_queue."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    found: dict[tuple[str, str], type[Event]] = {}
    waiting = [Event]
    while waiting:
        kind = waiting.pop()
        waiting += kind.__subclasses__()
        if kind.__module__.startswith("lara_queue.") and kind.name:
            # A dataclass with slots has been made twice; the first one may still be about.
            found[kind.__module__, kind.__qualname__] = kind
    return list(found.values())


def test_every_event_is_in_a_table_and_there_are_no_others() -> None:
    assert sorted({kind.name for kind in classes()}) == sorted(tables())


def test_the_fields_are_those_of_the_table() -> None:
    found = tables()
    for kind in classes():
        assert {field.name for field in dataclasses.fields(kind)} == found[kind.name], kind.name


def test_no_two_events_have_one_name() -> None:
    names = [kind.name for kind in classes()]
    assert len(names) == len(set(names))
