"""``plain``: PHP's values as a Python programmer expects them.

Dates become aware ``datetime``, intervals ``timedelta`` where that is exact, collections lists or dicts, models in
the queue :class:`ModelIdentifier`. What has no Python form stays what it is: an enum case is a ``PhpEnum`` (its
value is not on the wire), any other object a ``PhpObject`` whose *properties* are plain, class and visibility kept,
so that it can be pushed back as it came. A date that Python cannot hold (year -44, an unknown zone) stays an object
too.

Works without recursion, so neither a cycle nor a deep nesting can break it; shared objects stay shared, and PHP
references are seen through. The input is never changed. :mod:`~lara_queue.laravel.php_form` is the way back.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone, tzinfo
from typing import Any

from lara_queue.laravel import names
from lara_queue.laravel.models import ModelIdentifier
from lara_queue.laravel.php_form import to_php
from lara_queue.laravel.zones import php_reading, zone_of
from lara_queue.php import PhpCustom, PhpEnum, PhpObject, PhpReference
from lara_queue.php.values import RawKey, new_object

__all__ = ["LEAF", "SCALARS", "ModelIdentifier", "array_inside", "leaf", "plain", "plain_properties", "to_php"]

_DATE = re.compile(r"(\d{4})-(\d\d)-(\d\d) (\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?", re.ASCII)
_LONG_DATE = len("2024-02-29 12:34:56.789012")
_ARRAY_OBJECTS = frozenset(("ArrayObject", "ArrayIterator", "RecursiveArrayIterator"))
_COLLECTIONS = frozenset((names.COLLECTION, names.ELOQUENT_COLLECTION))
_COLLECTION_SHAPE = {"\0*\0items", "\0*\0escapeWhenCastingToString"}
_RELATIVE = ("special_type", "special_amount", "have_weekday_relative", "have_special_relative", "first_last_day_of")
_REFERENCES = 64
LEAF = object()
"""What :func:`leaf` says of an object that needs its neighbours."""
SCALARS = frozenset((str, int, type(None), bool, float, bytes, PhpEnum, PhpCustom))
"""The types of what is the same in PHP and in Python."""


def plain(value: Any) -> Any:
    """The value as plain Python: datetimes, lists, dicts, :class:`ModelIdentifier`, and objects with plain properties.

    :param value: what :func:`lara_queue.php.loads` returned, or a part of it; it is left as it was.

    >>> date = {"date": "2024-02-29 12:34:56.789012", "timezone_type": 1, "timezone": "+05:30"}
    >>> plain(PhpObject("DateTime", date)).isoformat()
    '2024-02-29T12:34:56.789012+05:30'
    """
    work = _Plain()
    made = work.of(value)
    work.finish()
    return made


def plain_properties(value: PhpObject) -> dict[RawKey, Any]:
    """An object's properties by plain name, each as :func:`plain` makes it, whatever the object itself might become.

    :param value: any object; of several properties with one plain name, the one that the object shows.

    >>> plain_properties(PhpObject("Job", {"\\0*\\0items": [1]}))
    {'items': [1]}
    """
    work = _Plain()
    made: PhpObject = work.start(value, new_object(value.class_name, {}))
    work.finish()
    raw = made.__php_vars__
    for key in raw:
        if type(key) is not str or key[:1] == "\0":
            return {name: made[name] for name in made}
    return raw  # all of them public: the names are the keys


class _Plain:
    """One conversion: what has been made of each container so far, and which are still to be filled."""

    __slots__ = ("made", "todo")

    def __init__(self) -> None:
        self.made: dict[int, Any] = {}
        self.todo: list[tuple[Any, Any]] = []

    def of(self, value: Any) -> Any:
        """What ``value`` becomes; a container comes empty and is filled by :meth:`finish`."""
        kind = type(value)
        if kind in SCALARS:
            return value
        if kind is PhpReference:
            value = _seen_through(value)
            kind = type(value)
        if kind is PhpObject:
            made = leaf(value)
            if made is not LEAF:
                return self.identifier(made) if type(made) is ModelIdentifier else made
            inner = array_inside(value)
            if inner is None:
                return self.known(value) or self.start(value, new_object(value.class_name, {}))
            value = inner
        if isinstance(value, list):
            known = self.known(value)
            return self.start(value, []) if known is None else known
        if isinstance(value, dict):
            known = self.known(value)
            return self.start(value, {}) if known is None else known
        return value

    def known(self, source: object) -> Any:
        return self.made.get(id(source))

    def start(self, source: Any, target: Any) -> Any:
        self.made[id(source)] = target
        self.todo.append((source, target))
        return target

    def finish(self) -> None:
        """Fill the containers, and those inside, until nothing is left to do."""
        todo, of, scalars = self.todo, self.of, SCALARS  # most values are scalars: those are not worth a call
        while todo:
            source, target = todo.pop()
            if isinstance(target, list):
                target.extend([item if type(item) in scalars else of(item) for item in source])
                continue
            if not isinstance(target, dict):
                source, target = source.__php_vars__, target.__php_vars__
            target.update([(key, item if type(item) in scalars else of(item)) for key, item in source.items()])

    def identifier(self, found: ModelIdentifier) -> ModelIdentifier:
        if type(found.id) not in SCALARS:
            object.__setattr__(found, "id", self.of(found.id))
        return found


def _seen_through(value: Any) -> Any:
    for _ in range(_REFERENCES):
        if type(value) is not PhpReference:
            break
        value = value.value
    return value


def leaf(value: PhpObject) -> Any:
    """What an object becomes when it needs none of its neighbours; ``LEAF`` when it does."""
    raw = value.__php_vars__
    if "timezone_type" in raw:
        when = _date(raw) if "date" in raw else _zone(raw) if len(raw) == 2 else None
        return LEAF if when is None else when
    if "invert" in raw and "days" in raw:
        interval = _interval(raw)
        return LEAF if interval is None else interval
    class_name = value.class_name
    if class_name == names.MODEL_IDENTIFIER:
        return _identifier(raw)
    if class_name == names.STRINGABLE and isinstance(text := raw.get("\0*\0value"), str):
        return text
    return LEAF


def array_inside(value: PhpObject) -> list[Any] | dict[Any, Any] | None:
    """The array that an object is a dress for: a collection, an ArrayObject; None for any other object."""
    raw = value.__php_vars__
    class_name = value.class_name
    inner: Any = None
    if "\0*\0items" in raw:
        if class_name in _COLLECTIONS or (
            raw.keys() <= _COLLECTION_SHAPE and (len(raw) == 2 or class_name.endswith("Collection"))
        ):
            inner = raw["\0*\0items"]
    elif class_name == names.LAZY_COLLECTION:
        inner = raw.get("source", raw.get("\0*\0source"))
    elif class_name in _ARRAY_OBJECTS and raw.keys() >= {0, 1, 2} and not raw[2]:
        inner = raw[1]
    if type(inner) is PhpReference:
        inner = inner.value
    return inner if isinstance(inner, (list, dict)) else None


def _date(raw: dict[RawKey, Any]) -> datetime | None:
    text = raw["date"]
    found = _DATE.fullmatch(text) if isinstance(text, str) else None
    zone = _zone(raw)
    if found is None or zone is None:
        return None
    if zone is timezone.utc and len(text) == _LONG_DATE:  # what PHP writes, in the zone most applications live in
        try:
            return datetime.fromisoformat(f"{text}+00:00")
        except ValueError:
            return None
    year, month, day, hour, minute, second = map(int, found.groups()[:6])
    try:
        return php_reading(datetime(year, month, day, hour, minute, second, int((found[7] or "0").ljust(6, "0")), zone))
    except ValueError:  # year 0, the 30th of February: PHP writes no such date, others may
        return None


def _zone(raw: dict[RawKey, Any]) -> tzinfo | None:
    kind, text = raw.get("timezone_type"), raw.get("timezone")
    return zone_of(kind, text) if type(kind) is int and type(text) is str else None


def _interval(raw: dict[RawKey, Any]) -> timedelta | None:
    """A DateInterval as a timedelta: when its days are counted, or when there are no months and years in it."""
    parts: list[Any] = [raw.get(key) for key in ("y", "m", "d", "h", "i", "s")]
    if not all(type(part) is int for part in parts) or type(raw.get("f", 0.0)) not in (int, float):
        return None
    if raw.get("from_string") or any(raw.get(key) for key in _RELATIVE):
        return None
    years, months, days, hours, minutes, seconds = parts
    counted = raw["days"]
    if type(counted) is int:
        days = counted
    elif years or months:
        return None
    fraction = raw.get("f", 0.0)
    try:
        made = timedelta(
            days=days, hours=hours, minutes=minutes, seconds=seconds, microseconds=round(fraction * 1_000_000)
        )
    except (OverflowError, ValueError):
        return None
    return -made if raw["invert"] else made


def _identifier(raw: dict[RawKey, Any]) -> Any:
    class_name, connection = raw.get("class"), raw.get("connection")
    custom = raw.get("collectionClass")
    if any(not isinstance(text, str | None) for text in (class_name, connection, custom)):
        return LEAF
    key = _seen_through(raw.get("id"))
    if type(key) not in SCALARS and not isinstance(key, list | dict):
        return LEAF
    relations = raw.get("relations") or []
    found = relations.values() if isinstance(relations, dict) else relations if isinstance(relations, list) else ()
    return ModelIdentifier(class_name, key, [str(name) for name in found], connection, custom)
