"""From a Python annotation to the type of a PHP property that holds the same values.

What a property may hold is decided by both directions: it must take what :func:`~lara_queue.laravel.php_form.to_php`
writes, and what PHP puts there must fit (:mod:`~lara_queue.laravel.fitting`). A ``datetime`` is pushed as a Carbon and
received from any date class, so its type is ``DateTimeInterface``.
"""

from __future__ import annotations

import collections.abc
import enum
import types
import typing
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, time, timedelta, tzinfo
from decimal import Decimal
from pathlib import Path, PurePath
from typing import Any
from uuid import UUID

from lara_queue.laravel import names
from lara_queue.laravel.binding import bound_name, is_model
from lara_queue.laravel.fitting import type_text
from lara_queue.laravel.models import ModelIdentifier
from lara_queue.php import PhpCustom, PhpEnum, PhpObject

__all__ = [
    *("ELOQUENT_MODEL", "ENUMS", "MIXED", "READONLY", "READONLY_CLASSES", "UNIONS"),
    *("PhpType", "Target", "TypeMap", "Unsupported", "backing_of"),
]

Target = tuple[int, int]
UNIONS: Target = (8, 0)  # and promoted properties, and mixed
ENUMS: Target = (8, 1)
READONLY: Target = (8, 1)
READONLY_CLASSES: Target = (8, 2)

ELOQUENT_MODEL = "Illuminate\\Database\\Eloquent\\Model"
_LISTS = (
    *(list, collections.abc.Sequence, collections.abc.MutableSequence, collections.abc.Iterable),
    *(collections.abc.Collection, set, frozenset, collections.abc.Set, collections.abc.MutableSet),
)
_MAPS = (dict, collections.abc.Mapping, collections.abc.MutableMapping)


class Unsupported(Exception):
    """The type has no PHP counterpart; the message says which."""


@dataclass(frozen=True, slots=True)
class PhpType:
    """The type of a PHP property.

    Attributes:
        names: the alternatives without null: ``int``, ``array``, and classes with a leading backslash; none for mixed.
        nullable: null is allowed too.
        doc: what PHPDoc says beyond that, without null; empty when there is nothing to add.
    """

    names: tuple[str, ...]
    nullable: bool = False
    doc: str = ""

    @property
    def said(self) -> str:
        """The type in PHPDoc's words, without null."""
        return self.doc or "|".join(self.names) or "mixed"

    def declared(self, target: Target, shown: Callable[[str], str] = str) -> str:
        """The declaration; empty where that PHP cannot say it.

        :param target: the oldest PHP that must understand it.
        :param shown: how a class is written, given its name with the leading backslash.

        >>> PhpType(("int", "string"), nullable=True).declared((8, 0))
        'int|string|null'
        """
        if not self.names:
            return "mixed" if target >= UNIONS else ""
        shorts = [shown(name) if name.startswith("\\") else name for name in self.names]
        if len(shorts) == 1:
            return f"?{shorts[0]}" if self.nullable else shorts[0]
        return "|".join([*shorts, *(["null"] if self.nullable else [])]) if target >= UNIONS else ""

    def documented(self, target: Target) -> str:
        """What PHPDoc must add to the declaration; empty when nothing."""
        if not self.doc and self.declared(target):
            return ""
        if not self.doc and not self.names:
            return "mixed"
        return f"{self.said}|null" if self.nullable else self.said


MIXED = PhpType(())


def _joined(parts: Iterable[PhpType]) -> PhpType:
    """The type that holds what any of these hold."""
    parts = list(parts)
    nullable = any(part.nullable for part in parts)
    solid = [part for part in parts if part.names or not part.nullable]
    if any(not part.names for part in solid):
        return MIXED
    together = tuple(dict.fromkeys(name for part in solid for name in part.names))
    said = "|".join(dict.fromkeys(part.said for part in solid))
    return PhpType(together, nullable, said if any(part.doc for part in solid) else "")


_NULL = PhpType((), True)
_PLAIN: dict[Any, PhpType] = {
    int: PhpType(("int",)),
    float: PhpType(("float",)),
    bool: PhpType(("bool",)),
    str: PhpType(("string",)),
    bytes: PhpType(("string",)),
    Decimal: PhpType(("string",), doc="numeric-string"),
    UUID: PhpType(("string",)),
    Path: PhpType(("string",)),
    PurePath: PhpType(("string",)),
    time: PhpType(("string",)),
    ModelIdentifier: PhpType((f"\\{ELOQUENT_MODEL}", f"\\{names.ELOQUENT_COLLECTION}")),
    PhpObject: PhpType(("object",)),
    PhpCustom: PhpType(("object",)),
    PhpEnum: PhpType(("\\UnitEnum",)),
}


class TypeMap:
    """Python types as PHP ones, and the classes and enums that have to be written for them.

    :param target: the oldest PHP that must understand what is written.
    :param class_of: the PHP class that stands for a Python model or enum.

    >>> TypeMap((8, 0), lambda kind: kind.__name__).of(dict[str, int] | None)
    PhpType(names=('array',), nullable=True, doc='array<string, int>')
    """

    def __init__(self, target: Target, class_of: Callable[[type[Any]], str]) -> None:
        self.target = target
        self.class_of = class_of
        self.found: dict[type[Any], str] = {}
        self.is_pushed = False
        """Python pushes such objects, too: an unbound enum then comes as its value, an unbound model as an array."""

    def of(self, kind: Any) -> PhpType:
        """The PHP type of an annotation; raises :class:`Unsupported`."""
        if kind is Any or kind is object:
            return MIXED
        if kind is None or kind is type(None):
            return _NULL
        if isinstance(kind, typing.TypeVar):
            return self.of(kind.__bound__ or Any)
        if isinstance(kind, typing.NewType):
            return self.of(kind.__supertype__)
        if type(kind).__name__ == "TypeAliasType":  # type X = …, from Python 3.12 on
            return self.of(kind.__value__)
        origin = typing.get_origin(kind)
        if origin is not None:
            return self.generic(kind, origin, typing.get_args(kind))
        if isinstance(kind, type):
            return self.class_type(kind)
        raise Unsupported(type_text(kind))

    def class_type(self, kind: type[Any]) -> PhpType:
        """The PHP type of a class without type arguments."""
        if kind is PhpEnum and self.target < ENUMS:
            return MIXED
        if kind in _PLAIN:
            return _PLAIN[kind]
        if issubclass(kind, enum.Enum):
            return self.enum(kind)
        if issubclass(kind, ModelIdentifier):
            return _PLAIN[ModelIdentifier]
        if is_model(kind):
            return self.written(kind, "array")
        for base, name in ((date, "\\DateTimeInterface"), (timedelta, "\\DateInterval"), (tzinfo, "\\DateTimeZone")):
            if issubclass(kind, base):
                return PhpType((name,))
        if kind in _LISTS or kind in _MAPS or issubclass(kind, tuple) or typing.is_typeddict(kind):
            return PhpType(("array",), doc="list<mixed>" if kind in (*_LISTS, tuple) else "")
        raise Unsupported(type_text(kind))

    def written(self, kind: type[Any], pushed: str) -> PhpType:
        """A class that is written for the model or enum, and what Python pushes of one that is not bound."""
        name = f"\\{self.found.setdefault(kind, self.class_of(kind))}"
        return PhpType((name, pushed) if pushed and self.is_pushed and bound_name(kind) is None else (name,))

    def enum(self, kind: type[enum.Enum]) -> PhpType:
        """The PHP enum of a Python one; before PHP 8.1 its values."""
        if issubclass(kind, enum.Flag):
            raise Unsupported(f"{kind.__qualname__} (a PHP enum cannot hold several flags at once)")
        backing = backing_of(kind)
        if self.target >= ENUMS:
            return self.written(kind, backing)
        values = [member.value if backing else member.name for member in kind]
        return PhpType((backing or "string",), doc="|".join(_literal(value) for value in values))

    def generic(self, kind: Any, origin: Any, arguments: tuple[Any, ...]) -> PhpType:
        """The PHP type of an annotation with type arguments."""
        if origin is typing.Annotated or origin in (typing.Final, typing.Required, typing.NotRequired):
            return self.of(arguments[0])
        if origin is typing.Union or origin is types.UnionType:
            return _joined(self.of(each) for each in arguments)
        if origin is typing.Literal:
            return _joined(self.literal(each) for each in arguments)
        if origin is tuple:
            if not arguments or arguments[-1] is Ellipsis:
                return self.list_of(arguments[0] if arguments else Any)
            return PhpType(("array",), doc=f"array{{{', '.join(self.item(each) for each in arguments)}}}")
        if origin in _LISTS:
            return self.list_of(arguments[0] if arguments else Any)
        if origin in _MAPS:
            key, value = arguments or (Any, Any)
            return PhpType(("array",), doc=f"array<{self.key(key)}, {self.item(value)}>")
        if isinstance(origin, type):
            return self.class_type(origin)
        raise Unsupported(type_text(kind))

    def literal(self, value: Any) -> PhpType:
        """The PHP type of one value of a ``Literal``."""
        if isinstance(value, enum.Enum):
            return self.enum(type(value))
        plain = self.of(type(value))
        return plain if value is None else PhpType(plain.names, doc=_literal(value))

    def list_of(self, item: Any) -> PhpType:
        """A list of what ``item`` is the annotation of."""
        return PhpType(("array",), doc=f"list<{self.item(item)}>")

    def item(self, kind: Any) -> str:
        """The type of an element, for PHPDoc."""
        if _holds(kind, ModelIdentifier):
            raise Unsupported(
                "ModelIdentifier within an array (Laravel would send such models whole; "
                "a field of its own holds one model, or a collection of them)"
            )
        made = self.of(kind)
        return f"{made.said}|null" if made.nullable and made.names else made.said

    def key(self, kind: Any) -> str:
        """The type of an array's keys, for PHPDoc."""
        if isinstance(kind, type) and issubclass(kind, enum.Enum) and (backing := backing_of(kind)):
            return backing  # an array's key is the value, never the case
        made = self.of(kind)
        if not made.names and not made.nullable:
            return "array-key"
        if set(made.names) <= {"int", "string"}:
            return made.said
        raise Unsupported(f"{type_text(kind)} as a key (PHP's arrays have ints and strings)")


def backing_of(kind: type[enum.Enum]) -> str:
    """``int`` or ``string`` for an enum whose values all are, else empty: a PHP enum without values.

    >>> backing_of(enum.Enum("Size", {"S": 1, "M": "m"}))
    ''
    """
    values = [member.value for member in kind]
    if values and all(isinstance(value, str) for value in values):
        return "string"
    if values and all(isinstance(value, int) and not isinstance(value, bool) for value in values):
        return "int"
    return ""


def _holds(kind: Any, wanted: type[Any]) -> bool:
    return (isinstance(kind, type) and issubclass(kind, wanted)) or any(
        _holds(each, wanted) for each in typing.get_args(kind)
    )


def _literal(value: Any) -> str:
    """A constant in PHPDoc."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(int(value))
    if isinstance(value, str) and not any(char in "'\\\n*" for char in value):
        return f"'{value}'"
    return "string"
