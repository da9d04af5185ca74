"""Typed jobs: a Python class that stands for a PHP job class, in both directions.

A dataclass, or a pydantic, attrs or msgspec type, is bound to a PHP class by :func:`php_class`. Pushing an instance
writes its fields as the command's properties; a handler annotated with it receives an instance made from a job's. A
field is matched with the property of the same name, or of the name its type gives it for the outside: a dataclass's
``field(metadata={"php": "podcastId"})``, msgspec's ``rename``, pydantic's alias. ``metadata={"php":
protected("secret")}`` says the visibility as well, which PHP needs of classes with ``SerializesModels``.

A class without binding matches the PHP class whose last part is its name: ``SendInvoice`` takes
``App\\Jobs\\SendInvoice``. Such a class can receive jobs but not be pushed, because PHP needs the whole name.
"""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeVar

import msgspec

from lara_queue.errors import ConfigurationError, InvalidPayload, JobTypeError
from lara_queue.php.values import PropertyKey

__all__ = [
    "bind",
    "bound_name",
    "class_name_of",
    "default_of",
    "from_job",
    "is_model",
    "matches",
    "php_class",
    "to_properties",
    "value_of",
]

C = TypeVar("C", bound=type[Any])
T = TypeVar("T")
_ATTRIBUTE = "__php_class__"
_MISSING: Any = object()


def php_class(class_name: str) -> Callable[[C], C]:
    """A decorator that binds a class, or an enum, to the PHP class of that name.

    :param class_name: with its namespace, such as ``App\\Jobs\\SendInvoice``.
    :raises ConfigurationError: when that cannot be a PHP class name.

    >>> @php_class("App\\\\Jobs\\\\SendInvoice")
    ... @dataclass
    ... class SendInvoice:
    ...     amount: int
    >>> to_properties(SendInvoice(5))
    ('App\\\\Jobs\\\\SendInvoice', {'amount': 5})
    """

    def decorate(cls: C) -> C:
        return bind(cls, class_name)

    return decorate


def bind(cls: C, class_name: str) -> C:
    """The class itself, bound to a PHP class; for classes that cannot be decorated. See :func:`php_class`."""
    name = class_name.lstrip("\\")
    if not name or any(not part.isidentifier() for part in name.split("\\")):
        raise ConfigurationError(f"{class_name!r} is not the name of a PHP class.")
    setattr(cls, _ATTRIBUTE, name)
    return cls


def bound_name(cls: type[Any]) -> str | None:
    """The PHP class that a class is bound to; None when it is not. A subclass does not inherit it."""
    name = cls.__dict__.get(_ATTRIBUTE)
    return name.lstrip("\\") if isinstance(name, str) else None


def class_name_of(cls: type[Any]) -> str:
    """The PHP class that a class is bound to, or its bare name: the last part of the PHP class it then matches."""
    return bound_name(cls) or cls.__name__


def matches(cls: type[Any], name: str) -> bool:
    """True when jobs of the PHP class ``name`` are for ``cls``; PHP's class names ignore case.

    >>> matches(type("SendInvoice", (), {}), "App\\\\Jobs\\\\SendInvoice")
    True
    """
    bound = bound_name(cls)
    name = name.lstrip("\\")
    return name.lower() == bound.lower() if bound else name.rpartition("\\")[2] == cls.__name__


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a model: its name in Python, its property in PHP, its type and whether it may be missing."""

    name: str
    key: str | PropertyKey
    type: Any
    required: bool

    @property
    def property_name(self) -> str:
        """The property's plain name."""
        return self.key.name if isinstance(self.key, PropertyKey) else self.key


def is_model(cls: type[Any]) -> bool:
    """True for a dataclass, a pydantic model, an attrs class and a msgspec Struct.

    >>> is_model(dict), is_model(Field)
    (False, True)
    """
    return dataclasses.is_dataclass(cls) or (
        isinstance(cls, type)
        and (issubclass(cls, msgspec.Struct) or hasattr(cls, "__attrs_attrs__") or _is_pydantic(cls))
    )


def _is_pydantic(cls: type[Any]) -> bool:
    return hasattr(cls, "model_fields") and hasattr(cls, "model_validate")


def fields_of(cls: type[Any]) -> tuple[Field, ...]:
    """The fields that make an instance.

    :raises ConfigurationError: an annotation cannot be resolved.
    """
    return _fields(cls)  # type: ignore[arg-type]  # to mypy a class is not Hashable


@lru_cache(maxsize=1024)
def _fields(cls: Any) -> tuple[Field, ...]:
    try:
        if issubclass(cls, msgspec.Struct):
            return tuple(
                Field(each.name, each.encode_name, each.type, each.required) for each in msgspec.structs.fields(cls)
            )
        if _is_pydantic(cls):
            return tuple(
                Field(name, _alias(name, info), info.annotation, info.is_required())
                for name, info in cls.model_fields.items()
            )
        hints = typing.get_type_hints(cls, include_extras=True)
        if hasattr(cls, "__attrs_attrs__"):
            return tuple(
                Field(
                    each.alias,
                    each.metadata.get("php", each.name.lstrip("_")),
                    hints.get(each.name, Any),
                    _needed(each),
                )
                for each in cls.__attrs_attrs__
                if each.init
            )
    except (NameError, TypeError) as exc:
        raise ConfigurationError(f"The annotations of {cls.__qualname__} cannot be resolved: {exc}") from exc
    return tuple(
        Field(each.name, each.metadata.get("php", each.name), hints[each.name], _has_no_default(each))
        for each in dataclasses.fields(cls)
        if each.init
    )


def _needed(attribute: Any) -> bool:
    return repr(attribute.default) == "NOTHING"  # attrs is not imported for one constant


def _has_no_default(field: dataclasses.Field[Any]) -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def _alias(name: str, info: Any) -> str:
    alias = info.validation_alias if isinstance(info.validation_alias, str) else info.alias
    return alias if isinstance(alias, str) else name


def to_mapping(instance: Any) -> dict[Any, Any]:
    """The instance's fields by property name (with visibility where the model says it), values as they are."""
    return {each.key: value_of(instance, each) for each in fields_of(type(instance))}


def value_of(instance: Any, field: Field) -> Any:
    """What a field of the instance holds; attrs drops leading underscores from the names of arguments."""
    return getattr(instance, field.name if hasattr(instance, field.name) else f"_{field.name}")


def default_of(cls: type[Any], field: Field) -> Any:
    """What the field holds when nothing was given for it; an object equal to nothing when that cannot be told."""
    if field.required:
        return _MISSING
    if dataclasses.is_dataclass(cls):
        found = next(each for each in dataclasses.fields(cls) if each.name == field.name)
        return found.default if found.default_factory is dataclasses.MISSING else found.default_factory()
    if issubclass(cls, msgspec.Struct):
        by_name = {each.name: each for each in msgspec.structs.fields(cls)}[field.name]
        return by_name.default if by_name.default is not msgspec.NODEFAULT else by_name.default_factory()
    if _is_pydantic(cls):
        return cls.model_fields[field.name].get_default(call_default_factory=True)
    made = next((each.default for each in cls.__attrs_attrs__ if each.alias == field.name), _MISSING)
    return made.factory() if hasattr(made, "factory") and not made.takes_self else made


def to_properties(instance: Any) -> tuple[str, dict[Any, Any]]:
    """The PHP class of a typed job, and its properties in the order of its fields.

    :param instance: of a class that is bound to a PHP class.
    :raises InvalidPayload: the class is not bound: PHP would not know what to make of the job.
    """
    cls = type(instance)
    if not is_model(cls):
        raise InvalidPayload(f"A {cls.__qualname__} is not a typed job: it has no declared fields.")
    name = bound_name(cls)
    if name is None:
        raise InvalidPayload(
            f'{cls.__qualname__} is not bound to a PHP class: decorate it with @php_class("App\\Jobs\\{cls.__name__}").'
        )
    return name, to_mapping(instance)


def from_job(cls: type[T], data: typing.Mapping[str, Any], job_name: str) -> T:
    """An instance of ``cls`` made from a job's properties.

    :param cls: a dataclass, pydantic, attrs or msgspec type.
    :param data: plain values by property name; one that is missing takes the class's own default, others are ignored.
    :param job_name: for the error message.
    :raises JobTypeError: naming the job, the property, the expected and the found type.

    >>> from_job(Field, {"name": "a", "key": "b", "type": int, "required": True, "more": 1}, "Job").key
    'b'
    """
    from lara_queue.laravel.fitting import Misfit, fit_model

    try:
        made: T = fit_model(cls, data)
    except Misfit as misfit:
        raise JobTypeError(f"{job_name} does not fit {cls.__qualname__}: {misfit.sentence()}") from misfit.__cause__
    return made
