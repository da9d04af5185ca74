"""The jobs that Python pushes for PHP to run: what is given to ``push()``, and what PHP must have received.

A shape is a PHP class of ``php/receivers.php``, the data, and, where PHP sees something else than what was given, what
it sees. A property is compared by name and visibility, with its type; those that are not named may have any value.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum, IntEnum
from pathlib import PurePosixPath
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from lara_queue.laravel.models import ModelIdentifier
from lara_queue.php import PhpCustom, PhpEnum, PhpObject, PhpReference, private, protected

from .expected import address, customer, deep, node, point, std

__all__ = ["SHAPES", "STRING_DATA", "Shape"]

JOBS = "App\\Jobs\\"
CARBON = "Illuminate\\Support\\Carbon"
COLLECTION = "Illuminate\\Support\\Collection"


@dataclass(frozen=True)
class Shape:
    """One job: its class, what is pushed (made anew for each push), what PHP receives if that is not the same."""

    name: str
    make: Callable[[], dict[Any, Any]]
    received: Callable[[], dict[Any, Any]] | None = None
    options: dict[str, Any] = field(default_factory=dict)

    def expected(self) -> dict[Any, Any]:
        return (self.received or self.make)()


def anything(value: Any, received: Any = ...) -> Shape:
    """A value in an untyped public property."""
    return Shape("TakesAnything", lambda: {"value": value}, None if received is ... else lambda: {"value": received})


class Colour(Enum):
    RED = "red"


class Size(IntEnum):
    BIG = 3


@dataclass
class Line:
    sku: str
    count: int = 1


def collection(*items: Any) -> PhpObject:
    return PhpObject(COLLECTION, {protected("items"): list(items), protected("escapeWhenCastingToString"): False})


def suit(case: str) -> PhpEnum:
    return PhpEnum("App\\Enums\\Suit", case)


def _shared() -> dict[Any, Any]:
    home = address("Side", "Rome", "00100")
    bob = customer("Bob", home, home, [home])
    return {"value": [bob, bob], "extra": home}


def _cycle() -> dict[Any, Any]:
    a, b = node("a"), node("b")
    a.__php_vars__.update(next=b, previous=b)
    b.__php_vars__.update(next=a, previous=a)
    return {"value": a}


def _cells() -> dict[Any, Any]:
    cell = PhpReference(1)
    return {"value": [cell, cell, {"deep": cell}]}


_SCALARS: dict[Any, Any] = {
    "i": -(2**63),
    "f": 0.1,
    "s": "ü\0",
    "b": False,
    "n": None,
    "a": {"k": [1]},
    "either": "7",
    "more": [],
}
_DATES: dict[Any, Any] = {
    "at": datetime(2024, 5, 6, 7, 8, 9, 123456, tzinfo=ZoneInfo("Asia/Tokyo")),
    "any": datetime(2024, 5, 6, 7, 8, 9, tzinfo=timezone.utc),
}
_MOMENTS = [
    datetime(1970, 1, 1, tzinfo=timezone.utc),
    datetime(2024, 7, 1, 12, 0, tzinfo=timezone(timedelta(hours=5, minutes=45))),
    datetime(2024, 10, 27, 2, 30, tzinfo=ZoneInfo("Europe/Paris")),
    datetime(1, 1, 1, tzinfo=timezone.utc),
    datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=timezone.utc),
]

SHAPES: dict[str, Shape] = {
    # -- values in an untyped property ---------------------------------------------------------------------------------
    "none": anything(None),
    "bools": anything([True, False, [True]]),
    "ints": anything([0, 1, -1, 2**31, 2**53 + 1, 2**63 - 1, -(2**63)]),
    "floats": anything([0.1, 1.0, -0.0, 1e100, 1.5e-7, 5e-324, 1 / 3, math.pi, 1e15, 123456789012345678.0]),
    "floats-special": anything({"inf": math.inf, "minus": -math.inf, "nan": math.nan}),
    "strings": anything(["", "text", "1", "1.5", "true", "null", " "]),
    "unicode": anything(["Zoë", "日本語", "👩‍👩‍👧‍👦 🎉", "line\u2028sep\u2029", "\ufeffbom", "e\u0301", "\U0010ffff"]),
    "tricky-strings": anything(
        ['"q"', "it's", "\\", '\\"', "\0*\0x", "\t\n\r", '";i:1;}', 's:3:"abc";', "</script>", "\x7f\x01\x1f", "${x}"]
    ),
    "long-string": anything("0123456789abcdefghijklmnopqrstü☃" * 3100),
    "list": anything(["a", 1, None, 2.5]),
    "empty-list": anything([]),
    "empty-dict": anything({}, []),
    "map": anything({"to": "ada", "count": 3, "ok": True}),
    "map-order": anything({"z": 1, "a": 2, "m": 3}),
    "int-keys": anything({3: "three", 0: "zero", -5: "minus"}),
    "numeric-string-keys": anything(
        {"1": "a", "01": "b", "-5": "c", "-0": "d", "": "e"}, {1: "a", "01": "b", -5: "c", "-0": "d", "": "e"}
    ),
    "bool-and-none-keys": anything({True: "a", None: "b"}, {1: "a", "": "b"}),
    "unicode-keys": anything({"ключ": "значение", "🔑": {"ß": "ſ"}, "a\0b": 1}),
    "nested": anything({"a": {"b": {"c": [1, [2, [3, {"d": []}]]]}}, "l": [[], [[]]]}),
    "deep": anything(deep(60)),
    "big-list": anything(list(range(3000))),
    "tuple": anything(("a", ("b",)), ["a", ["b"]]),
    "set": anything({3, 1, 2}, [1, 2, 3]),
    "ordered-dict": anything(OrderedDict(b=1, a=2), {"b": 1, "a": 2}),
    "decimal": anything(Decimal("1.10"), "1.10"),
    "uuid": anything(UUID(int=1), "00000000-0000-0000-0000-000000000001"),
    "path": anything(PurePosixPath("/tmp/x"), "/tmp/x"),
    "python-enum": anything([Colour.RED, Size.BIG], ["red", 3]),
    "dataclass": anything(Line("A-1", 2), {"sku": "A-1", "count": 2}),
    "date": anything(date(2024, 2, 29), datetime(2024, 2, 29, tzinfo=timezone.utc)),
    "moments": anything(_MOMENTS),
    "timedelta": Shape(
        "TakesAnything", lambda: {"value": [timedelta(days=1, hours=2, microseconds=500000), timedelta(seconds=-90)]}
    ),
    # -- objects -------------------------------------------------------------------------------------------------------
    "stdclass": anything(std(a=1, inner=std(b=[std()]))),
    "objects": anything(
        [customer("Zoë", address('Main "St"', "Köln", "50667", address("", "R", "0"))), point(0.5, -0.0)]
    ),
    "enums": anything(
        {"suit": suit("Hearts"), "list": [suit("Clubs"), suit("Hearts"), PhpEnum("App\\Enums\\Phase", "Draft")]}
    ),
    "shared": Shape("TakesAnything", _shared),
    "cycle": Shape("TakesAnything", _cycle),
    "references": Shape("TakesAnything", _cells),
    "serializable": anything(PhpCustom("App\\Support\\Legacy", b"enj")),
    "own-unserialize": anything(
        PhpObject("App\\Support\\Money", {0: 5, "currency": "EUR", "meta": {"v": 2, "none": None}})
    ),
    "two-properties": Shape("TakesAnything", lambda: {"value": 1, "extra": [2]}),
    "class-default-stays": Shape("TakesAnything", lambda: {"extra": 1}, lambda: {"value": "class default", "extra": 1}),
    "no-data": Shape("TakesAnything", dict, lambda: {"value": "class default", "extra": "class default"}),
    "no-traits": Shape("TakesNothing", dict),
    # -- with SerializesModels, which looks each property up by its exact mangled name -------------------------------
    "models-map": Shape("TakesAnythingModels", lambda: {"value": {"a": [1, 2]}}),
    "models-shared": Shape("TakesAnythingModels", lambda: {"value": [o := node("n"), o], "extra": o}),
    "models-default-stays": Shape("TakesAnythingModels", lambda: {"extra": 1}, lambda: {"value": "class default"}),
    # -- typed properties ----------------------------------------------------------------------------------------------
    "scalars": Shape("TakesScalars", lambda: dict(_SCALARS)),
    "scalars-models": Shape("TakesScalarsModels", lambda: dict(_SCALARS)),
    "int-for-float": Shape("TakesScalars", lambda: {**_SCALARS, "f": 2}, lambda: {**_SCALARS, "f": 2.0}),
    "hidden": Shape(
        "TakesHidden",
        lambda: {
            "open": "o",
            protected("secret"): "s",
            private("key"): "k",
            private("key", cls="App\\Jobs\\TakesHiddenBase"): "base k",
            private("list"): [1],
            protected("shared"): {"x": 1},
        },
    ),
    "hidden-models": Shape(
        "TakesHiddenModels", lambda: {"open": "o", protected("secret"): "s", private("key"): "k", private("list"): None}
    ),
    "readonly": Shape("TakesReadonly", lambda: {"id": 7, protected("name"): "ro", private("tags"): ["x"]}),
    "dates": Shape("TakesDates", lambda: dict(_DATES)),
    "date-classes": Shape(
        "TakesDates",
        lambda: {
            "at": datetime(2024, 1, 1, tzinfo=timezone.utc),
            "until": _date("DateTimeImmutable", "2024-12-31 23:59:59.000001", 3, "Europe/Rome"),
            "fixed": _date("Carbon\\CarbonImmutable", "2024-01-01 00:00:00.000000", 1, "-03:30"),
            "any": _date("DateTime", "2024-01-01 00:00:00.000000", 2, "EST"),
            "every": timedelta(minutes=5),
        },
    ),
    "enum-properties": Shape(
        "TakesEnums",
        lambda: {
            "suit": suit("Clubs"),
            protected("level"): PhpEnum("App\\Enums\\Level", "High"),
            private("phase"): PhpEnum("App\\Enums\\Phase", "Published"),
            "all": [suit("Hearts"), suit("Clubs")],
        },
    ),
    "object-properties": Shape(
        "TakesObjects", lambda: {"customer": customer("C"), "other": customer("D"), "lines": collection(node("l"), 2)}
    ),
    "unicode-class": Shape("Größe", lambda: {"überschrift": "neu", protected("ключ"): "нов"}),
    # -- encrypted -----------------------------------------------------------------------------------------------------
    "encrypted": Shape(
        "TakesSecrets", lambda: {"value": ["s3cr3t", {"a": 1}], protected("hidden"): "h"}, None, {"encrypted": True}
    ),
    "encrypted-binary": Shape("TakesSecrets", lambda: {"value": b"\xff\xfe\x00"}, None, {"encrypted": True}),
    "encrypted-without-the-interface": Shape("TakesAnything", lambda: {"value": "x"}, None, {"encrypted": True}),
}


def _date(class_name: str, text: str, kind: int, zone: str) -> PhpObject:
    return PhpObject(class_name, {"date": text, "timezone_type": kind, "timezone": zone})


USERS = {
    "user": ModelIdentifier("App\\Models\\User", 2, ["orders"], "sqlite"),
    "users": ModelIdentifier("App\\Models\\User", [3, 1], [], "sqlite"),
}

STRING_DATA: dict[str, Any] = {
    "map": {"to": "ada", "n": 5, "list": [1, 2], "none": None, "ok": False},
    "nested": {"a": {"b": {"c": ["d", {"e": []}]}}},
    "list": [1, "two", 3.5, [4]],
    "empty-list": [],
    "text": "just text",
    "int": 42,
    "bool": True,
    "float": 0.1,
    "unicode": {"k/ey": 'ü☃👩‍👧 \u2028 " \\ / \x01\x7f', "ключ": "🔑"},
    "numbers": {"pi": math.pi, "big": 2**63 - 1, "third": 1 / 3, "minus": -0.5},
    "keys": {"1": "a", "x": "b"},
}
"""Data of string jobs: JSON, as PHP's ``json_decode`` reads it."""
