"""What a typed job says about itself: its queue, its tries and so on, declared with its class or set on the instance.

Laravel 13 has attributes for it (``#[Tries(3)]``), and properties in all versions. Here :func:`job_options` declares
them for a class, or for a mixin or base class of several; fields with the names of Laravel's properties (``tries``,
``backoff``, ``timeout``, ``queue``, ``delay``, ``maxExceptions``, ``failOnTimeout``, ``retryUntil``, as PHP sees them)
set them for each job. Which one counts is Laravel's rule: a field changed from its default, else what the nearest class
declares, else the field's default. A field of another type than the property's is something else, and left alone.
Mirrors ``Support/Traits/ReadsClassAttributes.php``; protocol §1.4.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, Final, TypeVar

from lara_queue.errors import ConfigurationError
from lara_queue.laravel.binding import Field, default_of, fields_of, is_model, value_of

__all__ = ["declared_options", "job_options"]

C = TypeVar("C", bound=type[Any])
_ATTRIBUTE: Final = "__job_options__"
_PROPERTIES: Final[dict[str, tuple[str, tuple[type, ...]]]] = {
    "queue": ("queue", (str, enum.Enum)),
    "delay": ("delay", (int, float, timedelta, datetime)),
    "tries": ("tries", (int,)),
    "backoff": ("backoff", (int, float, list, tuple)),
    "timeout": ("timeout", (int, float)),
    "maxExceptions": ("max_exceptions", (int,)),
    "failOnTimeout": ("fail_on_timeout", (bool,)),
    "retryUntil": ("retry_until", (int, float, datetime)),
}
"""Laravel's property → the option of ``push()``, and the types of its values."""


def job_options(**options: Any) -> Callable[[C], C]:
    """A decorator that declares options of ``push()`` for every job of a class and of those that derive from it.

    :param options: ``queue``, ``delay``, ``tries``, ``backoff``, ``timeout``, ``max_exceptions``, ``fail_on_timeout``,
        ``retry_until``; see :class:`~lara_queue.producer.PushOptions`. Members of an enum stand for their values.
    :raises ConfigurationError: for any other option.

    >>> @job_options(queue="notifications", tries=3)
    ... class Notifies: ...
    >>> declared_options(Notifies())
    {'queue': 'notifications', 'tries': 3}
    """
    known = sorted(option for option, _ in _PROPERTIES.values())
    for name in options:
        if name not in known:
            raise ConfigurationError(f"job_options() has no option {name!r}; it takes {', '.join(known)}.")

    def decorate(cls: C) -> C:
        plain = {name: value.value if isinstance(value, enum.Enum) else value for name, value in options.items()}
        setattr(cls, _ATTRIBUTE, {**cls.__dict__.get(_ATTRIBUTE, {}), **plain})
        return cls

    return decorate


def declared_options(job: Any) -> dict[str, Any]:
    """The options of ``push()`` that a typed job brings along; what the caller gives beats them."""
    cls = type(job)
    found: dict[str, Any] = {}
    for base in reversed(cls.__mro__):
        found.update(base.__dict__.get(_ATTRIBUTE, {}))
    for field, option, types in _option_fields(cls):  # type: ignore[arg-type]  # to mypy a class is not Hashable
        value = value_of(job, field)
        if isinstance(value, types) and (option not in found or value != default_of(cls, field)):
            found[option] = value.value if isinstance(value, enum.Enum) else value
    return found


@lru_cache(maxsize=1024)
def _option_fields(cls: type[Any]) -> tuple[tuple[Field, str, tuple[type, ...]], ...]:
    """The fields of a class that may be options, each with the option and the types of its values."""
    fields = fields_of(cls) if is_model(cls) else ()
    return tuple((field, *_PROPERTIES[field.property_name]) for field in fields if field.property_name in _PROPERTIES)
