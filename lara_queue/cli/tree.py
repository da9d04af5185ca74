"""A job for people: a tree of its settings, its properties with type and visibility, its chain and its context.

Property signs are those of Laravel's ``dump()``: ``+`` public, ``#`` protected, ``-`` private.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta, timezone
from typing import Any

from rich.text import Text
from rich.tree import Tree

from lara_queue.cli.describe import Seen, subject
from lara_queue.cli.output import safe
from lara_queue.errors import PayloadError
from lara_queue.job import Job
from lara_queue.laravel.closures import Closure
from lara_queue.laravel.command import is_encrypted
from lara_queue.laravel.jobs import properties
from lara_queue.laravel.models import ModelIdentifier
from lara_queue.laravel.people import plain
from lara_queue.php import PhpCustom, PhpEnum, PhpObject, PhpProperty, PhpReference, loads

__all__ = ["draw"]

SIGNS = {"public": "+", "protected": "#", "private": "-"}
LONGEST, MOST, DEEPEST = 200, 20, 6  # characters of a text, items of a list, levels; without --full
COLOURS = {"pending": "green", "delayed": "yellow", "reserved": "cyan", "failed": "red"}


def draw(seen: Seen, *, full: bool = False) -> Tree:
    """The job as a rich tree; a job that cannot be read is drawn as far as it can be."""
    return _Drawing(full).job(seen)


class _Drawing:
    """One tree in the making.

    Parameters:
        full: nothing is shortened or left out.
    """

    def __init__(self, full: bool) -> None:
        self.full = full
        self.deepest = 100 if full else DEEPEST

    def job(self, seen: Seen) -> Tree:
        job = seen.job
        head = Text.assemble((seen.state, f"bold {COLOURS[seen.state]}"), " ")
        tree = Tree(head)
        try:
            head.append(safe(job.name), "bold")
            if job.kind != "job":
                head.append(f" ({job.kind})", "dim")
            self._settings(tree, seen)
            self._body(tree, job)
        except PayloadError as error:
            if head.plain.endswith(" "):
                head.append("unreadable", "bold red")
            self._line(tree, "error", safe(error), "red")
            self._line(tree, "raw", self._shortened(job.raw_body.decode("utf-8", "backslashreplace")))
        if seen.failed is not None:
            self._exception(tree, seen.failed.exception)
        return tree

    def _settings(self, tree: Tree, seen: Seen) -> None:
        job, envelope = seen.job, seen.job.envelope
        words = {"delayed": "due", "reserved": "reserved until", "failed": "failed"}
        tries = f" of {job.max_tries}" if job.max_tries else ", no limit" if job.max_tries == 0 else ""
        attempts = f"{job.attempts or envelope.attempts or 0}{tries}"
        facts: list[tuple[str, Any]] = [
            ("uuid", job.uuid),
            (words.get(seen.state, "at"), _moment(seen.at)),
            ("attempts", attempts),
            ("timeout", None if job.timeout is None else f"{job.timeout:g} s"),
            ("backoff", None if job.backoff is None else ", ".join(map(str, job.backoff)) + " s"),
            ("retry until", _moment(envelope.retry_until)),
            ("exceptions", None if job.max_exceptions is None else f"{job.max_exceptions} allowed"),
            ("pushed", _moment(envelope.created_at)),
            ("encrypted", "yes" if is_encrypted(envelope) else None),
        ]
        for name, value in facts:
            if value is not None:
                self._line(tree, name, safe(value))

    def _body(self, tree: Tree, job: Job) -> None:
        if job.batch is not None:
            self._line(tree, "batch", safe(job.batch))
        data, shown = job.data, subject(job)
        about = job.view.about
        if about:
            self._mapping(tree.add(Text("about", "dim")), about, 1)
        if isinstance(job.view.inner, Closure):
            self._value(tree, Text(), job.view.inner, 1)
        elif self.full and job.command is not None:
            self._value(tree, Text(), job.command, 0)
        elif shown is not None:
            branch = tree.add(Text(safe(shown.class_name), "magenta"))
            self._properties(branch, (p for p in shown.properties if p.name in data), 1)
        else:
            self._mapping(tree.add(Text("data", "dim")), data, 1)
        self._chain(tree, job.chain)
        context = job.context
        if context:
            branch = tree.add(Text("context", "dim"))
            self._mapping(branch, context.data, 1)
            for name in context.raw_hidden:
                self._line(branch, name, "(hidden)", "dim")

    def _chain(self, tree: Tree, chain: list[bytes]) -> None:
        if not chain:
            return
        branch = tree.add(Text(f"then, {len(chain)} in the chain", "dim"))
        for number, link in enumerate(chain, 1):
            try:
                command = loads(link)
            except PayloadError as error:
                self._line(branch, str(number), safe(error), "red")
                continue
            if not isinstance(command, PhpObject):
                self._value(branch, Text(f"{number}. "), command, 1)
                continue
            wanted = command if self.full else properties(command)
            below = branch.add(Text.assemble(f"{number}. ", (safe(command.class_name), "magenta")))
            self._properties(below, (p for p in command.properties if p.name in wanted), 1)

    def _exception(self, tree: Tree, exception: str) -> None:
        lines = exception.splitlines() or [""]
        branch = tree.add(Text.assemble(("exception ", "dim"), (safe(lines[0]), "red")))
        if self.full:
            for line in lines[1:]:
                branch.add(Text(safe(line), "dim"))

    # -- values ------------------------------------------------------------------------------------------------------

    def _line(self, tree: Tree, name: str, value: str, style: str = "") -> None:
        tree.add(Text.assemble((f"{safe(name)} ", "dim"), (value, style)))

    def _properties(self, tree: Tree, found: Iterable[PhpProperty], depth: int, above: tuple[int, ...] = ()) -> None:
        for each in found:
            label = Text.assemble((SIGNS[each.visibility], "yellow"), safe(_key(each.name)))
            if each.declaring_class is not None and self.full:
                label.append(f" ({safe(each.declaring_class)})", "dim")
            self._value(tree, label.append(": "), each.value, depth, above)

    def _mapping(self, tree: Tree, found: Mapping[Any, Any], depth: int, above: tuple[int, ...] = ()) -> None:
        for name, value in self._some(tree, list(found.items())):
            self._value(tree, Text(f"{safe(_key(name))}: "), value, depth, above)

    def _value(self, tree: Tree, label: Text, raw: Any, depth: int, above: tuple[int, ...] = ()) -> None:
        while isinstance(raw, PhpReference) and id(raw) not in above:
            above, raw = (*above, id(raw)), raw.value
        value = plain(raw)
        leaf = self._leaf(value, raw)
        if leaf is not None:
            tree.add(label.append_text(leaf))
            return
        kind = _kind(value, raw)
        if id(raw) in above or depth >= self.deepest:
            tree.add(label.append_text(Text.assemble(kind, (" (itself)" if id(raw) in above else " …", "dim"))))
            return
        branch = tree.add(label.append_text(kind))
        inside = (depth + 1, (*above, id(raw)))
        if isinstance(value, Closure):
            self._line(branch, "source", self._shortened(value.source))
            self._mapping(branch, value.bound, *inside)
        elif isinstance(raw, PhpObject) and isinstance(value, PhpObject):
            self._properties(branch, raw.properties, *inside)
        elif isinstance(value, dict):
            self._mapping(branch, raw if isinstance(raw, dict) else value, *inside)
        else:
            items = raw if isinstance(raw, list) else value
            for number, item in self._some(branch, list(enumerate(items))):
                self._value(branch, Text(f"{number}: ", "dim"), item, *inside)

    def _some(self, tree: Tree, items: list[tuple[Any, Any]]) -> Iterable[tuple[Any, Any]]:
        """The items that are shown; the rest is counted, last."""
        if self.full or len(items) <= MOST:
            yield from items
            return
        yield from items[:MOST]
        tree.add(Text(f"… {len(items) - MOST} more (--full)", "dim"))

    def _leaf(self, value: Any, raw: Any) -> Text | None:
        """One line for a value that has nothing inside, with the class it came from where that says more."""
        origin = f" {safe(raw.class_name)}" if isinstance(raw, PhpObject) else ""
        match value:
            case None | bool() | int() | float():
                return Text.assemble((_scalar(value), "cyan"), (_TYPES[type(value)], "dim"))
            case str():
                return Text.assemble((f'"{self._shortened(value)}"', "green"), (origin or " string", "dim"))
            case bytes():
                encoded = self._shortened(base64.b64encode(value).decode())
                return Text.assemble((f"base64 {encoded}", "green"), (f" binary string({len(value)})", "dim"))
            case datetime():
                return Text.assemble((value.isoformat(sep=" "), "blue"), (origin, "dim"))
            case timedelta():
                return Text.assemble((str(value), "blue"), (origin, "dim"))
            case PhpEnum():
                return Text.assemble((f"{safe(value.class_name)}::{safe(value.case)}", "magenta"), (" enum", "dim"))
            case PhpCustom():
                return Text.assemble((safe(value.class_name), "magenta"), (f" custom({len(value.data)})", "dim"))
            case ModelIdentifier():
                return _model(value)
            case list() | dict() | PhpObject() | PhpReference() | Closure():
                return None
        return Text.assemble((safe(value), "blue"), (origin, "dim"))  # a time zone

    def _shortened(self, text: str) -> str:
        if self.full or len(text) <= LONGEST:
            return safe(text)
        return f"{safe(text[:LONGEST])}… ({len(text)} characters)"


_TYPES = {type(None): "", bool: " bool", int: " int", float: " float"}


def _scalar(value: Any) -> str:
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else repr(value)


def _kind(value: Any, raw: Any) -> Text:
    """What a value is that holds others."""
    if isinstance(value, PhpObject):
        return Text(safe(value.class_name), "magenta")
    if isinstance(value, Closure):
        checked = "verified" if value.verified else "signed" if value.signed else "unsigned"
        return Text(f"closure, {checked}", "magenta")
    shape = f"array({len(value)})"
    return Text.assemble((shape, "dim"), (f" {safe(raw.class_name)}" if isinstance(raw, PhpObject) else "", "dim"))


def _model(model: ModelIdentifier) -> Text:
    if model.class_name is None:
        return Text("no models", "dim")  # what an empty collection leaves in the queue
    key = ", ".join(safe(each) for each in model.id) if isinstance(model.id, list) else safe(model.id)
    text = Text.assemble((safe(model.class_name), "magenta"), f" {key}", (" model", "dim"))
    if model.relations:
        text.append(f" with {', '.join(safe(name) for name in model.relations)}", "dim")
    return text


def _key(key: Any) -> str:
    return key.decode("utf-8", "backslashreplace") if isinstance(key, bytes) else str(key)


def _moment(seconds: float | None) -> str | None:
    """A Unix time as a date in UTC and how far away that is."""
    if seconds is None:
        return None
    try:
        then = datetime.fromtimestamp(seconds, timezone.utc)
    except (OverflowError, ValueError, OSError):
        return str(seconds)
    away = int((then - datetime.now(timezone.utc)).total_seconds())
    distance = timedelta(seconds=abs(away))
    return f"{then:%Y-%m-%d %H:%M:%S} UTC ({f'in {distance}' if away > 0 else f'{distance} ago'})"
