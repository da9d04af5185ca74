"""What a model's field holds when nobody says: its default, where that is a value and not a computation."""

from __future__ import annotations

import dataclasses
from typing import Any, Final

import msgspec

from lara_queue.laravel.binding import Field

__all__ = ["UNKNOWN", "default_of"]

UNKNOWN: Final[Any] = object()
"""The default is computed each time, or cannot be told."""
_EMPTY = frozenset((list, dict, set, frozenset, tuple, str, bytes, int, float, bool))


def default_of(model: type[Any], field: Field) -> Any:
    """The default of a field; :data:`UNKNOWN` when the model computes it. No code of the user's is run.

    :param model: a dataclass, pydantic, attrs or msgspec type.
    :param field: one of its fields that has a default.

    >>> from lara_queue.laravel.binding import fields_of
    >>> made = dataclasses.make_dataclass("Made", [("tags", list, dataclasses.field(default_factory=list))])
    >>> default_of(made, fields_of(made)[0])
    []
    """
    value, factory = _declared(model, field.name)
    if factory is not None:
        return factory() if factory in _EMPTY else UNKNOWN
    return value


def _declared(model: type[Any], name: str) -> tuple[Any, Any]:
    """The default and the function that makes it; one of them, if any."""
    if issubclass(model, msgspec.Struct):
        for each in msgspec.structs.fields(model):
            if each.name == name:
                return _given(each.default, msgspec.NODEFAULT), _given(each.default_factory, msgspec.NODEFAULT, None)
    elif hasattr(model, "model_fields"):
        info = model.model_fields[name]
        if info.default_factory is not None:
            return UNKNOWN, info.default_factory
        return (UNKNOWN if type(info.default).__name__ == "PydanticUndefinedType" else info.default), None
    elif hasattr(model, "__attrs_attrs__"):
        for each in model.__attrs_attrs__:
            if each.alias == name:
                factory = getattr(each.default, "factory", None)  # an attr.Factory
                return (UNKNOWN, factory) if factory is not None else (each.default, None)
    elif dataclasses.is_dataclass(model):
        found = {each.name: each for each in dataclasses.fields(model)}[name]
        missing = dataclasses.MISSING
        return _given(found.default, missing), _given(found.default_factory, missing, None)
    return UNKNOWN, None


def _given(value: Any, missing: Any, otherwise: Any = UNKNOWN) -> Any:
    return otherwise if value is missing else value
