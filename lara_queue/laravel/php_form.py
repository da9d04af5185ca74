"""``to_php``: Python's values as the PHP of a Laravel application expects them.

The way back from :func:`~lara_queue.laravel.people.plain`. Datetimes become Carbon, a ``timedelta`` a DateInterval,
a model identifier what ``SerializesModels`` restores a model from; an instance of a class bound to a PHP class
becomes an object of that class, an unbound one an array. What PHP has no form for is refused by name and path,
before anything is stored.
"""

from __future__ import annotations

import enum
from collections import deque
from collections.abc import Iterable, Mapping, Set
from dataclasses import is_dataclass
from datetime import date, datetime, time, timedelta, tzinfo
from decimal import Decimal
from pathlib import PurePath
from typing import Any
from uuid import UUID

from phpserialize import phpobject

from lara_queue.errors import InvalidPayload
from lara_queue.laravel import names
from lara_queue.laravel.binding import bound_name, is_model, to_mapping
from lara_queue.laravel.models import ModelIdentifier
from lara_queue.laravel.zones import php_zone
from lara_queue.php import PhpCustom, PhpEnum, PhpObject, PhpReference
from lara_queue.php.values import PropertyKey, SharedDict, SharedList, by_reference, new_object, unmangle

__all__ = ["carbon", "to_php"]

_SCALARS = frozenset((type(None), bool, int, float, str, bytes, PhpEnum, PhpCustom))
_KEYS = frozenset((int, str, bytes, bool, type(None), float, PropertyKey))

_Path = tuple[Any, ...]
"""Where a value is: the path to what holds it, and its key there; empty at the top. Put into words only for an error.
"""


def to_php(value: Any) -> Any:
    """The value as :func:`lara_queue.php.dumps` takes it.

    :param value: None, bool, int, float, str, bytes, mappings, lists, tuples, sets (sorted where possible);
        ``datetime`` (aware) and ``date`` (midnight UTC) → Carbon; ``timedelta`` → DateInterval; ``Enum`` → the case
        of the PHP enum that it is bound to, else its value; Decimal, UUID, path, ``time`` → text; dataclass,
        pydantic, attrs and msgspec instances → an object of the PHP class that they are bound to, else an array; and
        everything that ``plain`` returns.
    :raises InvalidPayload: naming the place, for anything else and for a naive ``datetime``.

    >>> from datetime import timezone
    >>> to_php({"at": datetime(2024, 1, 1, tzinfo=timezone.utc)})["at"]["date"]
    '2024-01-01 00:00:00.000000'
    """
    try:
        return _Form().of(value, ())
    except RecursionError:
        raise InvalidPayload("The value is nested too deeply to be pushed.") from None


def carbon(moment: datetime) -> PhpObject:
    """An ``Illuminate\\Support\\Carbon`` of the same instant.

    :param moment: an aware datetime.

    >>> from datetime import timezone
    >>> carbon(datetime(2024, 1, 1, tzinfo=timezone.utc))["timezone"]
    'UTC'
    """
    kind, zone = php_zone(moment)
    return PhpObject(names.CARBON, {"date": _date_text(moment), "timezone_type": kind, "timezone": zone})


class _Form:
    """One conversion; remembers what became of each object, so that a shared one stays shared and a cycle ends."""

    __slots__ = ("made",)

    def __init__(self) -> None:
        self.made: dict[int, tuple[Any, Any]] = {}

    def of(self, value: Any, path: _Path) -> Any:
        kind = type(value)
        if kind in _SCALARS:
            return value
        if kind is dict:
            return self.mapping(value, path)
        if kind is list or kind is tuple:
            return self.items(value, path)
        known = self.made.get(id(value))
        if known is not None:
            return known[1]
        if kind is PhpObject:
            made = self.keep(value, new_object(value.class_name, {}, by_reference(value)))
            made.__php_vars__.update(
                [
                    (key, item if type(item) in _SCALARS else self.of(item, (path, key)))
                    for key, item in value.__php_vars__.items()
                ]
            )
            return made
        return self.other(value, path)

    def mapping(self, value: Mapping[Any, Any], path: _Path) -> dict[Any, Any]:
        return {  # a call for each key and value would take three times as long
            key if type(key) is str else _key(key, path): item if type(item) in _SCALARS else self.of(item, (path, key))
            for key, item in value.items()
        }

    def items(self, value: Iterable[Any], path: _Path) -> list[Any]:
        return [item if type(item) in _SCALARS else self.of(item, (path, at)) for at, item in enumerate(value)]

    def keep(self, value: Any, made: Any) -> Any:
        self.made[id(value)] = (value, made)  # the value too: its id must stay taken
        return made

    def other(self, value: Any, path: _Path) -> Any:
        if isinstance(value, phpobject):  # made with the phpserialize package, where texts may be bytes
            foreign = self.keep(value, new_object(_decoded(value.__name__), {}))
            foreign.__php_vars__.update([(_decoded(k), self.of(v, path)) for k, v in value.__php_vars__.items()])
            return foreign
        if isinstance(value, PhpReference):
            cell = self.keep(value, PhpReference())
            cell.value = self.of(value.value, path)
            return cell
        if isinstance(value, SharedList):
            items = self.keep(value, SharedList([], shared=value.shared, by_reference=value.by_reference))
            items.extend(self.of(item, (path, at)) for at, item in enumerate(value))
            return items
        if isinstance(value, SharedDict):
            members = self.keep(value, SharedDict({}, shared=value.shared, by_reference=value.by_reference))
            members.update({key: self.of(item, (path, key)) for key, item in value.items()})
            return members
        if isinstance(value, enum.Enum):
            return _enum(value, self, path)
        if isinstance(value, (date, timedelta, tzinfo)):
            return _moment(value, path)
        if isinstance(value, ModelIdentifier):
            return self.keep(value, _model(value))
        if isinstance(value, (str, bytes, int, float)):  # subclasses
            return value
        if isinstance(value, (Decimal, UUID, PurePath)):
            return str(value)
        if isinstance(value, time):
            return value.isoformat()
        if isinstance(value, (bytearray, memoryview)):
            return bytes(value)
        if is_model(type(value)) or (is_dataclass(value) and not isinstance(value, type)):
            return self.model(value, path)
        return self.container(value, path)

    def model(self, value: Any, path: _Path) -> Any:
        class_name = bound_name(type(value))
        if class_name is None:
            return self.mapping(to_mapping(value), path)
        made = self.keep(value, PhpObject(class_name, {}))
        filled = {key: self.of(item, (path, key)) for key, item in to_mapping(value).items()}
        made.__php_vars__.update(PhpObject(class_name, filled).__php_vars__)
        return made

    def container(self, value: Any, path: _Path) -> Any:
        if isinstance(value, Mapping):
            return self.mapping(value, path)
        if isinstance(value, Set):
            return [self.of(item, path) for item in _in_order(value)]
        if isinstance(value, (list, tuple, deque)):
            return self.items(value, path)
        raise InvalidPayload(f"{_at(path)} is a {_type_name(value)}, which has no PHP form.")


def _key(key: Any, path: _Path) -> Any:
    if type(key) in _KEYS:
        return key
    if isinstance(key, enum.Enum):
        return _key(key.value, path)
    if isinstance(key, (str, int)):
        return key
    if isinstance(key, UUID):
        return str(key)
    raise InvalidPayload(f"{_at(path)} has a {_type_name(key)} as a key; PHP's arrays have ints and strings.")


def _enum(value: enum.Enum, form: _Form, path: _Path) -> Any:
    class_name = bound_name(type(value))
    return form.of(value.value, path) if class_name is None else PhpEnum(class_name, value.name)


def _moment(value: date | timedelta | tzinfo, path: _Path) -> PhpObject:
    if isinstance(value, datetime):
        if value.utcoffset() is None:
            raise InvalidPayload(
                f"{_at(path)} is a datetime without a time zone; "
                "say which instant is meant, as in datetime.now(timezone.utc)."
            )
        return carbon(value)
    if isinstance(value, date):
        text = f"{value.year:04d}-{value.month:02d}-{value.day:02d} 00:00:00.000000"
        return PhpObject(names.CARBON, {"date": text, "timezone_type": 3, "timezone": "UTC"})
    if isinstance(value, timedelta):
        return _interval(value)
    kind, zone = php_zone(datetime(2000, 1, 1, tzinfo=value))
    return PhpObject("DateTimeZone", {"timezone_type": kind, "timezone": zone})


def _interval(value: timedelta) -> PhpObject:
    """A DateInterval as PHP 8.2 and later write it; older ones read it as well."""
    length = abs(value)
    minutes, seconds = divmod(length.seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return PhpObject(
        "DateInterval",
        {
            "y": 0,
            "m": 0,
            "d": length.days,
            "h": hours,
            "i": minutes,
            "s": seconds,
            "f": length.microseconds / 1_000_000,
            "invert": int(value < timedelta(0)),
            "days": False,
            "from_string": False,
        },
    )


def _model(value: ModelIdentifier) -> PhpObject:
    return PhpObject(
        names.MODEL_IDENTIFIER,
        {
            "class": value.class_name,
            "id": value.id if not isinstance(value.id, UUID) else str(value.id),
            "relations": list(value.relations),
            "connection": value.connection,
            "collectionClass": value.collection_class,
        },
    )


def _date_text(moment: datetime) -> str:
    return f"{moment.year:04d}-{moment:%m-%d %H:%M:%S}.{moment.microsecond:06d}"


def _in_order(values: Set[Any]) -> list[Any]:
    try:
        return sorted(values)
    except TypeError:
        return list(values)


def _decoded(text: Any) -> Any:
    return text.decode("utf-8", "surrogateescape") if isinstance(text, bytes) else text


def _shown(key: Any) -> str:
    """A key or a property's plain name, for a path."""
    if isinstance(key, PropertyKey):
        return key.name
    return str(unmangle(key)[0] if isinstance(key, (str, bytes)) else key)


def _at(path: _Path) -> str:
    steps: list[str] = []
    while path:
        path, key = path
        steps.append(_shown(key))
    return f"The value at {'.'.join(reversed(steps))}" if steps else "The value"


def _type_name(value: object) -> str:
    kind = type(value)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
