"""What a handler should find in ``job.data`` for the jobs of ``php/cases.php``, written by hand.

The exact comparison of every property is with what PHP itself says is in the job; this is the second opinion, about the
plain Python values that people work with.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

from lara_queue.laravel.models import ModelIdentifier
from lara_queue.php import PhpEnum, PhpObject, private, protected

__all__ = ["CHECKS", "DATA"]

UTC = ZoneInfo("UTC")
JOBS = "App\\Jobs\\"
SUPPORT = "App\\Support\\"


def deep(levels: int) -> Any:
    inner: Any = []
    for level in range(1, levels + 1):
        inner = {"level": level, "in": inner}
    return inner


def node(label: str) -> PhpObject:
    return PhpObject(f"{SUPPORT}Node", {"next": None, "previous": None, "label": label})


def address(street: str, city: str, zip_code: str, parent: PhpObject | None = None) -> PhpObject:
    key = f"{SUPPORT}Address"
    return PhpObject(key, {"parent": parent, "street": street, protected("city"): city, private("zip"): zip_code})


def customer(name: str, home: PhpObject | None = None, work: PhpObject | None = None, tags: Any = ()) -> PhpObject:
    return PhpObject(f"{SUPPORT}Customer", {"tags": list(tags), "name": name, "home": home, "work": work})


def std(**properties: Any) -> PhpObject:
    given: dict[Any, Any] = dict(properties)
    return PhpObject("stdClass", given)


def point(x: float, y: float) -> PhpObject:
    return PhpObject(f"{SUPPORT}Point", {"x": x, "y": y})


def at(zone: str, *parts: int) -> datetime:
    return datetime(*parts, tzinfo=ZoneInfo(zone))  # type: ignore[arg-type, misc]  # parts are year, month, …


_HOME = address("Side", "Rome", "00100")
_BOB = customer("Bob", _HOME, _HOME, [_HOME, "x", _HOME])

_PAYLOADS: dict[str, Any] = {
    "null": None,
    "bool-null-mix": {0: True, 1: False, 2: None, 3: [None, [True]], "x": False},
    "ints": [0, 1, -1, 2**31, -(2**31), 2**53 + 1, 2**63 - 1, -(2**63)],
    "floats": [
        0.1,
        1.0,
        -0.0,
        1e100,
        1.5e-7,
        5e-324,
        1 / 3,
        math.pi,
        1.7976931348623157e308,
        1e15,
        123456789012345678.0,
    ],
    "list": ["a", "b", "c"],
    "map": {"to": "ada@example.com", "count": 3, "ok": True},
    "map-order": {"z": 1, "a": 2, "m": 3, "b": 4},
    "nested-arrays": {"a": {"b": {"c": [1, [2, [3, {"d": []}]]]}}, "l": [[], [[]], [[[]]]]},
    "empty-array": [],
    "sparse-keys": {3: "three", 0: "zero", -5: "minus", 7: "seven"},
    "numeric-string-keys": {
        1: "int",
        "01": "str",
        -5: "int",
        "-0": "str",
        "1.5": "str",
        2**63 - 1: "int",
        "9223372036854775808": "str",
        "": "empty",
        " 1": "str",
    },
    "mixed-keys": {0: "first", "k": "named", 1: "replaced first index"},
    "one-based-list": {1: "a", 2: "b"},
    "unicode": [
        "Zoë",
        "naïve café",
        "日本語",
        "👩‍👩‍👧‍👦 🎉",
        "line\u2028sep\u2029",
        "\ufeffbom",
        "e\u0301",
        "\U0010ffff",
        "\0nul",
    ],
    "unicode-keys": {"ключ": "значение", "🔑": "🎁", "a\0b": "nul key", "é": {"ß": "ſ"}},
    "tricky-strings": [
        '"quoted"',
        "it's",
        "back\\slash",
        '\\"',
        "\0*\0prot",
        "tab\tnl\ncr\r",
        '";i:1;}',
        's:3:"abc";',
        'O:8:"stdClass":0:{}',
        "</script>",
        "%s%d",
        "${x}",
        "\x7f\x01\x1f",
        "1",
        "1.5",
        "true",
        "null",
    ],
    "empty-strings": {0: "", 1: {"": ""}, "k": ""},
    "long-string": "0123456789abcdefghijklmnopqrstü☃" * 3100,
    "big-list": list(range(1, 3001)),
    "deep-array": deep(60),
    "stdclass": std(**{"a": 1, "inner": std(b=[std()]), "0": "numeric", "with space": True}),
    "nested-objects": customer("Zoë", address('Main "St" 1', "Köln", "50667", address("", "Region", "0"))),
    "inherited-object": {
        "firm": PhpObject(
            f"{SUPPORT}BusinessCustomer",
            {
                "tags": [],
                "name": "ACME",
                "home": None,
                "work": None,
                private("vat"): "IT-123",
                "contact": customer("Bob"),
            },
        )
    },
    "shared-object": [_BOB, _BOB],
    "enums": {
        "suit": PhpEnum("App\\Enums\\Suit", "Hearts"),
        "again": PhpEnum("App\\Enums\\Suit", "Hearts"),
        "level": PhpEnum("App\\Enums\\Level", "Low"),
        "phase": PhpEnum("App\\Enums\\Phase", "Published"),
        "list": [
            PhpEnum("App\\Enums\\Phase", "Draft"),
            PhpEnum("App\\Enums\\Suit", "Clubs"),
            PhpEnum("App\\Enums\\Level", "High"),
        ],
    },
    "sleep": PhpObject(f"{SUPPORT}Session", {private("user"): "ada", protected("hits"): 3, "token": "t0k3n"}),
    "readonly-object": point(1.5, 0.1),
    "dynamic-properties": PhpObject(f"{SUPPORT}Bag", {"first": 1, "with space": 2, "123": "numeric", "ünï": None}),
    "array-object": {"a": 1, "b": [2]},
    "collection": ["a", "b", {"c": [1, 2]}],
    "collection-map": {"x": 1, "y": []},
    "carbon": {
        "zone": at("Asia/Tokyo", 2024, 5, 6, 7, 8, 9, 123456),
        "utc": at("UTC", 2020, 2, 29, 23, 59, 59),
        "offset": datetime(2021, 6, 7, 8, 9, 10, tzinfo=timezone(timedelta(hours=2))),
        "immutable": at("America/New_York", 1969, 12, 31, 23, 59, 59, 999999),
        "plain": at("Europe/Berlin", 2038, 1, 19, 3, 14, 8),
    },
    "carbon-shared": [at("UTC", 2024, 1, 1), at("UTC", 2024, 1, 1)],
    "time-zone": [ZoneInfo("Europe/Rome"), timezone(timedelta(hours=5, minutes=30))],
}

DATA: dict[str, Any] = {
    **{case: {"payload": value} for case, value in _PAYLOADS.items()},
    "plain": {"id": 7, "name": "Podcast", "ratio": 1.25, "flag": True},
    "no-properties": {},
    "visibility": {
        "shared": "child shared",
        "only": {"base": True},
        "hidden": 41,
        "open": "public",
        "num": -7,
        "secret": "child secret",
        "list": ["a", "b"],
    },
    "visibility-models": {"shared": "base shared", "open": "public", "num": -7, "secret": "child secret"},
    "typed": {
        "count": 3,
        "price": 9.99,
        "title": "Titel",
        "active": True,
        "note": None,
        "items": {"a": [1]},
        "either": "either",
        "more": [1.5, None],
    },
    "readonly": {"id": 1, "name": "ro", "tags": ["x", "y"], "at": point(1.0, 2.5)},
    "skeleton": {"payload": {"a": 1, "list": [1, 2], "o": node("in")}},
    "enum-properties": {
        "suit": PhpEnum("App\\Enums\\Suit", "Clubs"),
        "level": PhpEnum("App\\Enums\\Level", "High"),
        "phase": PhpEnum("App\\Enums\\Phase", "Draft"),
        "none": None,
    },
    "typed-objects": {"customer": customer("C"), "lines": [node("l1"), 2], "other": None},
    "dated-job": {
        "at": at("Asia/Tokyo", 2024, 5, 6, 7, 8, 9),
        "until": datetime(2024, 12, 31, 23, 59, 59, 1, tzinfo=timezone.utc),
        "maybe": None,
        "every": timedelta(seconds=90),
        "any": at("America/Sao_Paulo", 2024, 2, 29),
    },
    "model": {
        "user": ModelIdentifier("App\\Models\\User", 2, [], "sqlite"),
        "orders": None,
        "order": ModelIdentifier("App\\Models\\Order", "B-2", [], "sqlite"),
        "nobody": None,
    },
    "model-collection": {
        "user": ModelIdentifier("App\\Models\\User", 1, ["orders"], "sqlite"),
        "orders": ModelIdentifier("App\\Models\\Order", ["A-1", "B-2"], [], "sqlite"),
        "order": None,
        "nobody": None,
    },
    "own-format-job": {"v": 3, 0: "first", "state": {"x": [1, 2], "y": None}},
    "sleepy-format-job": {"number": 9, "kept": "yes"},
    "dynamic-job": {"declared": "here", "later": ["added"], "odd name": 1},
    "unicode-class": {"überschrift": "ümläut", "ключ": "значение"},
    "batched": {"part": "one", "batchId": "9b7f3b1e-0000-4000-8000-000000000000"},
    "configured": {
        "tries": 5,
        "maxExceptions": 2,
        "backoff": [1, 5, 10],
        "timeout": 120,
        "failOnTimeout": True,
        "deleteWhenMissingModels": True,
        "what": "properties",
    },
    "configured-by-methods": {},
    "retry-until-property": {"retryUntil": 4102444801, "tries": 0},
    "encrypted": {"secret": 's3cr3t "ü"', "card": {"number": "4111", "cvc": 123}},
    "encrypted-binary": {"secret": b"\xff\xfe\x00binary", "card": {b"\x80key": b"\xc3"}},
    "own-queue-properties": {"payload": "q", "connection": "redis", "queue": "somewhere", "afterCommit": True},
    "chain": {"step": 1, "label": "first"},
    "string-map": {"to": "ada", "n": 5, "list": [1, 2], "none": None, "ok": False},
    "string-no-method": {"a": 1},
    "string-other-method": {"a": {"b": {"c": "d"}}},
    "string-empty-array": {},
    "string-empty-data": {},
    "string-null": {},
    "string-scalar": {"data": "just text"},
    "string-int": {"data": 42},
    "string-list": {"data": [1, "two", 3.5, [4]]},
    "string-unicode": {"k/ey": 'ü☃👩‍👧 \u2028 " \\ / \x01\x7f'},
    "string-numbers": {"pi": math.pi, "big": 2**63 - 1, "third": 1 / 3, "e": 1e100, "minus": -0.5},
    "listener": {
        "order": ModelIdentifier("App\\Models\\Order", "A-1", [], "sqlite"),
        "carrier": "DHL",
        "parcels": [{"kg": 1.5}],
    },
    "listener-plain": {"email": "zoë@example.com", "at": at("UTC", 2024, 5, 6, 7, 8, 9)},
    "closure": {"n": 5, "name": "Zoë"},
}
"""``job.data`` by case. The cases that are not here have a function in ``CHECKS``."""


def _special_floats(data: Any) -> object:
    found = data["payload"]
    return found["inf"] == math.inf and found["minus"] == -math.inf and math.isnan(found["nan"])


def _cycle(data: Any) -> object:
    ring = data["payload"]["ring"]
    other = ring["next"]
    return (
        other["label"] == "b"
        and other["next"] is ring
        and other["previous"] is ring
        and ring["previous"] is other
        and ring["label"] == "a"
    )


def _holds_itself(data: Any) -> object:
    job = data["payload"]["me"]
    return job.class_name == f"{JOBS}Bare" and data["payload"]["again"] is job and job["payload"]["me"] is job


def _references(data: Any) -> object:
    found = data["payload"]
    return (
        found[0] == found[1] == found["r"][0] == 1
        and found["list"] == found["same"] == {"x": ["y"]}
        and found["list"] is found["same"]
        and found["p"] is found["q"]
        and found["p"] == point(0.5, -0.0)
    )


def _linked(data: Any) -> object:
    linked, other = data["payload"]
    return linked["source"] == {"a": 1} and linked["mirror"] is linked["source"] and linked["other"] is other


def _own_serialize(data: Any) -> object:
    found = data["payload"]
    money = PhpObject(f"{SUPPORT}Money", {0: 1999, "currency": "EUR", "meta": {"v": 2, "none": None}})
    return found[0] == money and found["same"] is found[0] and found["other"]["currency"] == "¥"


def _custom(data: Any) -> object:
    found = data["payload"]
    return found["old"].class_name == f"{SUPPORT}Legacy" and found["after"] == node("n")


def _spl(data: Any) -> object:
    found = data["payload"]
    return (
        found["storage"].class_name == "SplObjectStorage"
        and found["storage"][0][0] == node("key")
        and found["list"].class_name == "SplDoublyLinkedList"
        and found["fixed"].class_name == "SplFixedArray"
        and "b" in dict(found["fixed"]).values()
    )


def _support(data: Any) -> object:
    text, fluent, html = data["payload"]
    return text == "hello" and fluent["attributes"] == {"a": 1} and html["html"] == "<i>x</i>"


def _datetime(data: Any) -> object:
    found = data["payload"]
    return (
        # 02:30 does not exist that day in Paris: PHP has moved it before writing it
        found["zone"] == at("Europe/Paris", 2024, 3, 31, 3, 30)
        and found["immutable"] == at("Europe/Paris", 2024, 10, 27, 2, 30, 0, 500000)
        and found["offset"] == datetime(2000, 1, 1, tzinfo=timezone(-timedelta(hours=3, minutes=30)))
        and found["abbreviation"].utcoffset() == timedelta(hours=-5)
        and found["old"] == at("UTC", 99, 1, 2, 3, 4, 5)
    )


def _intervals(data: Any) -> object:
    found = data["payload"]
    return (
        (found["plain"]["y"], found["plain"]["m"], found["plain"]["s"]) == (1, 2, 6)  # months have no fixed length
        and found["diff"] == timedelta(days=60, hours=12)
        and found["back"] == timedelta(days=-1)
    )


def _carbon_interval(data: Any) -> object:
    found = data["payload"]
    return bool(found == timedelta(days=3, hours=4) or (found["d"], found["h"]) == (3, 4))


def _carbon_period(data: Any) -> object:
    return data["payload"].class_name == "Carbon\\CarbonPeriod" and len(data["payload"]) > 3


def _skeleton_shared(data: Any) -> object:
    first, second, third = data["payload"]
    return first == node("shared") and first is second and third["deep"] is first


def _middleware(data: Any) -> object:
    (limit,) = data["middleware"]
    return data["payload"] == "mw" and limit["key"] == "user-1" and limit["expiresAfter"] == 180


CHECKS: dict[str, Callable[[Any], object]] = {
    "floats-special": _special_floats,
    "cycle": _cycle,
    "job-holds-itself": _holds_itself,
    "references": _references,
    "reference-properties": _linked,
    "own-serialize": _own_serialize,
    "serializable-c": _custom,
    "spl": _spl,
    "support-objects": _support,
    "datetime": _datetime,
    "date-interval": _intervals,
    "carbon-interval": _carbon_interval,
    "carbon-period": _carbon_period,
    "skeleton-shared": _skeleton_shared,
    "middleware": _middleware,
}
"""The others: shapes whose point is identity, or which Python has no literal for."""
