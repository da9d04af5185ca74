"""PHP classes by name, and what they have from parents, traits and interfaces."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from lara_queue.codegen.php_code import CaseOf, Code, Expression, PhpClass

__all__ = ["ELOQUENT_COLLECTIONS", "ELOQUENT_MODELS", "FOUNDATION_QUEUEABLE", "Library"]

SHOULD_QUEUE = "illuminate\\contracts\\queue\\shouldqueue"
FOUNDATION_QUEUEABLE = "illuminate\\foundation\\queue\\queueable"  # Laravel 11 and later; has all the others in it
QUEUEABLE = frozenset(("illuminate\\bus\\queueable", FOUNDATION_QUEUEABLE))
SERIALIZES_MODELS = frozenset(("illuminate\\queue\\serializesmodels", FOUNDATION_QUEUEABLE))
_ELOQUENT = "illuminate\\database\\eloquent\\"
ELOQUENT_MODELS = frozenset(
    (
        *(f"{_ELOQUENT}{name}" for name in ("model", "relations\\pivot", "relations\\morphpivot")),
        "illuminate\\foundation\\auth\\user",
    )
)
ELOQUENT_COLLECTIONS = frozenset(("illuminate\\database\\eloquent\\collection",))
NOT_JOBS = frozenset(("illuminate\\mail\\mailable", "illuminate\\notifications\\notification"))
"""What Laravel queues inside a job of its own."""
OWN_FORMAT = frozenset(("__serialize", "__unserialize", "__sleep", "__wakeup", "serialize"))
"""Methods with which a class decides itself what is sent."""
_DEEPEST = 50


class Library:
    """The classes that were read, and those that can be read when somebody asks.

    :param codes: what was read.
    :param look_up: reads the file that a class must be in by its name; None when there is none.
    """

    def __init__(self, codes: Iterable[Code], look_up: Callable[[str], Code | None] = lambda name: None) -> None:
        self.classes: dict[str, PhpClass] = {}
        self.look_up = look_up
        self.missing: set[str] = set()
        for code in codes:
            self.add(code)

    def add(self, code: Code) -> None:
        """Take in what a file declares; of two classes with one name the first stays."""
        for each in code.classes:
            self.classes.setdefault(each.name.lower(), each)

    def find(self, name: str) -> PhpClass | None:
        """The class of that name, read if need be."""
        key = name.lower()
        if key not in self.classes and key not in self.missing and not key.startswith(("illuminate\\", "carbon\\")):
            found = self.look_up(name)
            if found is not None:
                self.add(found)
            if key not in self.classes:
                self.missing.add(key)
        return self.classes.get(key)

    def lineage(self, made: PhpClass) -> list[PhpClass]:
        """The class, its traits, its parent, and so on: the nearest first."""
        found: dict[str, PhpClass] = {}
        self._climb(made, found, 0)
        return list(found.values())

    def _climb(self, made: PhpClass, found: dict[str, PhpClass], depth: int) -> None:
        if made.name.lower() in found or depth > _DEEPEST:
            return
        found[made.name.lower()] = made
        for name in (*made.traits, *([made.parent] if made.parent else [])):
            other = self.find(name)
            if other is not None:
                self._climb(other, found, depth + 1)

    def unknown_ancestors(self, made: PhpClass) -> Iterator[tuple[PhpClass, str]]:
        """Parents and traits that were not found, Laravel's own aside, and who names them."""
        for each in self.lineage(made):
            for name in (*each.traits, *([each.parent] if each.parent else [])):
                if self.find(name) is None and not name.lower().startswith("illuminate\\"):
                    yield each, name

    def names_above(self, made: PhpClass) -> set[str]:
        """Parents, traits and interfaces, all in small letters, found or not."""
        above: set[str] = set()
        todo = self.lineage(made)
        seen: set[str] = set()
        while todo:
            each = todo.pop()
            if each.name.lower() in seen:
                continue
            seen.add(each.name.lower())
            names = [*each.traits, *each.interfaces, *([each.parent] if each.parent else [])]
            above.update(name.lower() for name in names)
            todo += [other for name in each.interfaces if (other := self.find(name)) is not None]
        return above

    def is_job(self, made: PhpClass) -> bool:
        """True for a class whose objects Laravel queues."""
        if made.kind != "class" or made.is_abstract:
            return False
        above = self.names_above(made)
        return (SHOULD_QUEUE in above or not QUEUEABLE.isdisjoint(above)) and NOT_JOBS.isdisjoint(above)

    def is_listener(self, made: PhpClass) -> bool:
        """True for a queued listener: Laravel sends its event, in a job of Laravel's own."""
        if made.handles is None or not QUEUEABLE.isdisjoint(self.names_above(made)):
            return False
        event = made.scope.resolve(made.handles.name).lower()
        return "\\listeners\\" in f"\\{made.name.lower()}" or "\\events\\" in f"\\{event}"

    def has_own_format(self, made: PhpClass) -> bool:
        """True for a class that decides itself what is sent of it; Laravel's own trait for models aside."""
        own = (each for each in self.lineage(made) if not each.name.lower().startswith("illuminate\\"))
        return any(method in OWN_FORMAT for each in own for method in each.returns)

    def serializes_models(self, made: PhpClass) -> bool:
        """True when Laravel sends the models among its properties by key."""
        return not SERIALIZES_MODELS.isdisjoint(self.names_above(made))

    def is_model(self, name: str) -> bool:
        """True for an Eloquent model; of one that cannot be read its namespace tells."""
        if name.lower() in ELOQUENT_MODELS:
            return True
        found = self.find(name)
        if found is None:
            return "\\models\\" in f"\\{name.lower()}".rpartition("\\")[0] + "\\"
        return not ELOQUENT_MODELS.isdisjoint(self.names_above(found))

    def constant(self, value: Any, depth: int = 0) -> Any:
        """A value whose constants are looked up; cases of enums stay, what is not known is an :class:`Expression`."""
        if isinstance(value, list):
            made = [self.constant(item, depth) for item in value]
            return next((item for item in made if isinstance(item, Expression)), made)
        if isinstance(value, dict):
            read = {key: self.constant(item, depth) for key, item in value.items()}
            return next((item for item in read.values() if isinstance(item, Expression)), read)
        if not isinstance(value, CaseOf):
            return value
        holder = self.find(value.class_name)
        if holder is not None and depth < _DEEPEST:
            for each in self.lineage(holder):
                if any(name == value.name for name, _ in each.cases):
                    return CaseOf(each.name, value.name)
                if value.name in each.constants:
                    return self.constant(each.constants[value.name], depth + 1)
        return Expression(f"{value.class_name}::{value.name}")
