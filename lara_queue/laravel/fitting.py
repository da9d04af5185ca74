"""Fitting plain values into the types of a model: strict about kinds, generous where PHP cannot say more.

An int is not a string and a string not a number, but an int fits a float, ISO text fits a ``datetime``, an enum case
fits the Python enum with a member of that name (or, with case and underscores aside, nearly so), an empty list fits
a dict because PHP has only one empty array. What is left, msgspec's own constraints included, is given to
``msgspec.convert``.
"""

from __future__ import annotations

import collections.abc
import dataclasses
import enum
import types
import typing
from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta, tzinfo
from decimal import Decimal, InvalidOperation
from pathlib import Path, PurePath
from typing import Any
from uuid import UUID

import msgspec

from lara_queue.laravel.binding import Field, fields_of, is_model
from lara_queue.laravel.command import property_of
from lara_queue.laravel.models import ModelIdentifier
from lara_queue.php import PhpCustom, PhpEnum, PhpObject, PhpReference

__all__ = ["Misfit", "fit", "fit_model"]

_AS_THEY_ARE = (ModelIdentifier, PhpObject, PhpEnum, PhpCustom, PhpReference, timedelta, tzinfo, bool)
_LISTS = (list, collections.abc.Sequence, collections.abc.MutableSequence, collections.abc.Iterable)
_COLLECTIONS = (*_LISTS, collections.abc.Collection)
_SETS = (set, frozenset, collections.abc.Set, collections.abc.MutableSet)
_DICTS = (dict, collections.abc.Mapping, collections.abc.MutableMapping)
_FROM_TEXT: dict[Any, Callable[[str], Any]] = {
    datetime: datetime.fromisoformat,
    date: date.fromisoformat,
    time: time.fromisoformat,
    UUID: UUID,
    Decimal: Decimal,
    Path: Path,
    PurePath: PurePath,
    bytes: str.encode,
}


class Misfit(Exception):
    """A value does not fit; where, what was expected, what was found."""

    def __init__(self, path: str, expected: str, found: str) -> None:
        super().__init__(path, expected, found)
        self.path = path
        self.expected = expected
        self.found = found

    def inside(self, step: str) -> Misfit:
        """The same, seen from one level further out."""
        return Misfit(f"{step}.{self.path}" if self.path else step, self.expected, self.found)

    def sentence(self) -> str:
        """For an error message."""
        if not self.path:
            return f"expected {self.expected}, found {self.found}."
        return f"property {self.path}: expected {self.expected}, found {self.found}."


def fit_model(cls: type[Any], data: Any) -> Any:
    """An instance of a model made from a mapping of its properties; raises :class:`Misfit`."""
    if not isinstance(data, Mapping):
        if data != []:
            raise Misfit("", cls.__qualname__, describe(data))
        data = {}
    arguments: dict[str, Any] = {}
    for field in fields_of(cls):
        name = field.property_name
        if name not in data:
            if name == field.name or field.name not in data:
                if field.required:
                    raise Misfit(name, type_text(field.type), "no such property")
                continue
            name = field.name
        try:
            arguments[field.name] = fit(data[name], field.type)
        except Misfit as misfit:
            raise misfit.inside(name) from misfit.__cause__
    return _instance(cls, arguments)


def _instance(cls: type[Any], arguments: dict[str, Any]) -> Any:
    if hasattr(cls, "model_validate"):
        return _pydantic(cls, arguments)
    try:
        return cls(**arguments)
    except (TypeError, ValueError) as exc:  # a check of the model's own
        raise Misfit("", f"what {cls.__qualname__} accepts", f"{type(exc).__name__}: {exc}") from exc


def _pydantic(cls: type[Any], arguments: dict[str, Any]) -> Any:
    by_alias = {_outside(field): arguments[field.name] for field in fields_of(cls) if field.name in arguments}
    try:
        return cls.model_validate(by_alias)
    except ValueError as exc:
        errors = getattr(exc, "errors", None)
        if errors is None:
            raise Misfit("", f"what {cls.__qualname__} accepts", str(exc)) from exc
        first = errors()[0]
        path = ".".join(str(step) for step in first["loc"])
        raise Misfit(path, f"{cls.__qualname__} ({first['msg']})", describe(first["input"])) from exc


def _outside(field: Field) -> str:
    return field.property_name


def fit(value: Any, kind: Any) -> Any:
    """The value as an instance of a type annotation; raises :class:`Misfit`.

    >>> fit("2024-01-02", date), fit([1, 2], tuple[int, ...]), fit(None, int | None)
    (datetime.date(2024, 1, 2), (1, 2), None)
    """
    if kind is Any or kind is object:
        return value
    if kind is None or kind is type(None):
        return _same(value is None, value, kind)
    origin = typing.get_origin(kind)
    if origin is not None:
        return _generic(value, kind, origin)
    if isinstance(kind, typing.TypeVar):
        return fit(value, kind.__bound__ or Any)
    if isinstance(kind, typing.NewType):
        return fit(value, kind.__supertype__)
    if kind in (int, float, str):
        return _number_or_text(value, kind)
    if isinstance(kind, type):
        return _class(value, kind)
    return _convert(value, kind)


def _number_or_text(value: Any, kind: type[Any]) -> Any:
    if kind is float:
        return float(_same(type(value) in (int, float), value, kind))
    return _same(isinstance(value, kind) and type(value) is not bool, value, kind)


def _class(value: Any, kind: type[Any]) -> Any:
    if issubclass(kind, enum.Enum):
        return _enum(value, kind)
    if issubclass(kind, _AS_THEY_ARE):
        return _same(isinstance(value, kind), value, kind)
    if isinstance(value, kind) and not (kind is date and isinstance(value, datetime)):
        return value
    if is_model(kind):
        return fit_model(kind, value)
    if kind in _FROM_TEXT:
        return _from_text(value, kind)
    if kind in (list, tuple, set, frozenset, *_LISTS):
        return _generic(value, kind, kind)
    if kind in _DICTS:
        return _generic(value, kind, kind)
    return _convert(value, kind)


def _from_text(value: Any, kind: type[Any]) -> Any:
    if kind is date and isinstance(value, datetime):
        return value.date()
    if kind is time and isinstance(value, datetime):
        return value.timetz()
    if kind is Decimal and type(value) in (int, float):
        return Decimal(str(value))
    if isinstance(value, str):
        try:
            return _FROM_TEXT[kind](value)
        except (ValueError, InvalidOperation) as exc:
            raise Misfit("", type_text(kind), f"the text {value[:40]!r}") from exc
    if (
        isinstance(value, PhpObject) and kind is UUID and isinstance(text := property_of(value, "string"), str)
    ):  # ramsey/uuid
        return _from_text(text, kind)
    raise Misfit("", type_text(kind), describe(value))


def _enum(value: Any, kind: type[enum.Enum]) -> enum.Enum:
    if isinstance(value, kind):
        return value
    name = value.case if isinstance(value, PhpEnum) else value
    if isinstance(name, str):
        member = kind.__members__.get(name) or _nearly(kind, name)
        if member is not None:
            return member
    if isinstance(name, (str, int)):
        try:
            return kind(name)
        except ValueError:
            pass
    raise Misfit(
        "", f"a member of {kind.__qualname__}", f"the case {name!r}" if isinstance(name, str) else describe(value)
    )


def _nearly(kind: type[enum.Enum], name: str) -> enum.Enum | None:
    """The member whose name differs only in case and underscores: PHP says InProgress where Python says IN_PROGRESS."""
    wanted = name.replace("_", "").lower()
    found = [member for other, member in kind.__members__.items() if other.replace("_", "").lower() == wanted]
    return found[0] if len(found) == 1 else None


def _generic(value: Any, kind: Any, origin: Any) -> Any:
    arguments = typing.get_args(kind)
    if origin is typing.Annotated:
        return _convert(fit(value, arguments[0]), kind)
    if origin is typing.Union or origin is types.UnionType:
        return _union(value, kind, arguments)
    if origin is typing.Literal:
        chosen = value.case if isinstance(value, PhpEnum) else value
        return _same(any(chosen == each and type(chosen) is type(each) for each in arguments), chosen, kind)
    if origin in (typing.Final, typing.ClassVar) or origin is typing.Required:
        return fit(value, arguments[0])
    if origin is tuple:
        return _tuple(value, kind, arguments)
    if origin in _COLLECTIONS or origin in _SETS:
        if not isinstance(value, (list, tuple, set, frozenset)):
            if value != {} or isinstance(value, PhpObject):
                raise Misfit("", type_text(kind), describe(value))
            value = []
        items = _items(value, arguments[0] if arguments else Any)
        return items if origin in _COLLECTIONS else frozenset(items) if origin is frozenset else set(items)
    if origin in _DICTS:
        return _dict(value, kind, arguments)
    if isinstance(origin, type):
        return _class(value, origin)
    return _convert(value, kind)


def _items(values: Any, kind: Any) -> list[Any]:
    made = []
    for at, value in enumerate(values):
        try:
            made.append(fit(value, kind))
        except Misfit as misfit:
            raise misfit.inside(str(at)) from misfit.__cause__
    return made


def _tuple(value: Any, kind: Any, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
    if not isinstance(value, (list, tuple)):
        raise Misfit("", type_text(kind), describe(value))
    if not arguments or arguments[-1] is Ellipsis:
        return tuple(_items(value, arguments[0] if arguments else Any))
    if len(value) != len(arguments):
        raise Misfit("", type_text(kind), f"a list of {len(value)}")
    return tuple(_items([item], each)[0] for item, each in zip(value, arguments, strict=True))


def _dict(value: Any, kind: Any, arguments: tuple[Any, ...]) -> Any:
    if isinstance(value, list):
        value = dict(enumerate(value))  # PHP's arrays with keys 0…n-1; the empty one too
    if not isinstance(value, Mapping):
        raise Misfit("", type_text(kind), describe(value))
    key_kind, value_kind = arguments or (Any, Any)
    made = {}
    for key, item in value.items():
        try:
            made[_dict_key(key, key_kind)] = fit(item, value_kind)
        except Misfit as misfit:
            raise misfit.inside(str(key)) from misfit.__cause__
    return made


def _dict_key(key: Any, kind: Any) -> Any:
    if kind is str and type(key) is int:  # PHP makes an int of every key that looks like one
        return str(key)
    return fit(key, kind)


def _union(value: Any, kind: Any, arguments: tuple[Any, ...]) -> Any:
    if value is None and type(None) in arguments:
        return None
    exact = [each for each in arguments if isinstance(each, type) and type(value) is each]
    inner: Misfit | None = None
    for each in (*exact, *arguments):
        if each is type(None):
            continue
        try:
            return fit(value, each)
        except Misfit as misfit:
            inner = misfit
    if inner is not None and inner.path:  # the one candidate that has parts says more than the union's name
        raise inner
    raise Misfit("", type_text(kind), describe(value))


def _convert(value: Any, kind: Any) -> Any:
    try:
        return msgspec.convert(value, kind)
    except (msgspec.ValidationError, TypeError) as exc:
        raise Misfit("", type_text(kind), f"{describe(value)} ({exc})") from exc


def _same(fits: bool, value: Any, kind: Any) -> Any:
    if not fits:
        raise Misfit("", type_text(kind), describe(value))
    return value


def type_text(kind: Any) -> str:
    """A type annotation as its author wrote it, without modules."""
    if kind is None or kind is type(None):
        return "None"
    if isinstance(kind, type) and not typing.get_args(kind):
        return kind.__qualname__
    return str(kind).replace("typing.", "").replace("datetime.", "").replace("NoneType", "None")


def describe(value: Any) -> str:
    """The type of a value, named as PHP or Python people know it; never the value itself."""
    if value is None:
        return "null"
    if isinstance(value, PhpObject):
        return f"an object of {value.class_name}"
    if isinstance(value, PhpEnum):
        return f"the enum case {value.class_name}::{value.case}"
    if isinstance(value, ModelIdentifier):
        return f"a reference to {value.class_name}"
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return type(value).__qualname__
    return type(value).__name__
