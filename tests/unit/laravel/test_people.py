"""Plain values: dates, intervals, collections, models, objects, and the way back."""

from __future__ import annotations

import enum
import pathlib
import uuid
from collections import OrderedDict, deque
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from phpserialize import phpobject

from lara_queue.errors import InvalidPayload
from lara_queue.laravel.binding import php_class
from lara_queue.laravel.build import build_command
from lara_queue.laravel.models import ModelIdentifier
from lara_queue.laravel.people import plain, to_php
from lara_queue.php import PhpEnum, PhpObject, PhpReference, dumps, loads, protected


def php_date(text: str, kind: int, zone: str, class_name: str = "Illuminate\\Support\\Carbon") -> PhpObject:
    return PhpObject(class_name, {"date": text, "timezone_type": kind, "timezone": zone})


@pytest.mark.parametrize(
    ("kind", "zone", "offset"),
    [
        (1, "+05:30", 5.5),
        (1, "-03:00", -3),
        (1, "+00:00", 0),
        (2, "EDT", -4),
        (2, "UTC", 0),
        (2, "Z", 0),
        (2, "ist", 2),
        (3, "Europe/Paris", 2),
        (3, "UTC", 0),
    ],
)
def test_every_kind_of_zone(kind: int, zone: str, offset: float) -> None:
    when = plain(php_date("2024-07-01 10:20:30.123456", kind, zone))
    assert when.replace(tzinfo=None) == datetime(2024, 7, 1, 10, 20, 30, 123456)
    assert when.utcoffset() == timedelta(hours=offset)


@pytest.mark.parametrize(
    "class_name", ["DateTime", "DateTimeImmutable", "Carbon\\CarbonImmutable", "App\\Support\\Date"]
)
def test_a_date_is_known_by_its_shape(class_name: str) -> None:
    assert plain(php_date("2024-01-02 00:00:00.000000", 3, "UTC", class_name)) == datetime(
        2024, 1, 2, tzinfo=timezone.utc
    )


def test_carbon_with_a_locale_is_a_date() -> None:
    localized = PhpObject("Carbon\\Carbon", {**php_date("2024-01-02 00:00:00.000000", 3, "UTC"), "dumpLocale": "fr"})
    assert plain(localized) == datetime(2024, 1, 2, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("text", "kind", "zone"),
    [
        ("-0044-03-15 00:00:00.000000", 3, "UTC"),
        ("12024-03-15 00:00:00.000000", 3, "UTC"),
        ("2024-01-01 00:00:00.000000", 3, "Mars/Olympus"),
        ("2024-01-01 00:00:00.000000", 3, "../../secret"),
        ("2024-01-01 00:00:00.000000", 3, ""),
        ("2024-01-01 00:00:00.000000", 3, "Europe"),
        ("2024-01-01 00:00:00.000000", 2, "XYZ"),
        ("2024-01-01 00:00:00.000000", 1, "+99:00"),
        ("2024-01-01 00:00:00.000000", 9, "UTC"),
        ("soon", 3, "UTC"),
        ("2024-02-31 00:00:00.000000", 3, "UTC"),
    ],
)
def test_a_date_that_python_cannot_hold_stays_an_object(text: str, kind: int, zone: str) -> None:
    given_ = php_date(text, kind, zone)
    assert plain(given_) == given_


def interval(**parts: Any) -> PhpObject:
    whole: dict[Any, Any] = {"y": 0, "m": 0, "d": 0, "h": 0, "i": 0, "s": 0, "f": 0.0, "invert": 0, "days": False}
    return PhpObject("DateInterval", {**whole, **parts})


def test_intervals_are_timedeltas_where_that_is_exact() -> None:
    assert plain(interval(d=1, h=2, i=3, s=4, f=0.5)) == timedelta(days=1, hours=2, minutes=3, seconds=4.5)
    assert plain(interval(h=1, invert=1)) == -timedelta(hours=1)
    assert plain(interval(y=1, m=2, d=3, h=5, days=428)) == timedelta(days=428, hours=5)
    monthly = interval(m=1)
    assert plain(monthly) == monthly
    relative = interval(from_string=True, date_string="next monday")
    assert plain(relative) == relative
    assert plain(interval(d=10**12)) == interval(d=10**12)


def test_a_zone_is_a_zone() -> None:
    assert plain(PhpObject("DateTimeZone", {"timezone_type": 3, "timezone": "Asia/Tokyo"})) == ZoneInfo("Asia/Tokyo")


def test_collections_are_lists_and_dicts() -> None:
    def collect(items: Any, class_name: str = "Illuminate\\Support\\Collection", **more: Any) -> PhpObject:
        return PhpObject(class_name, {protected("items"): items, **{protected(k): v for k, v in more.items()}})

    assert plain(collect([1, collect({"a": 2})])) == [1, {"a": 2}]
    assert plain(collect([], "Illuminate\\Database\\Eloquent\\Collection", escapeWhenCastingToString=False)) == []
    assert plain(collect([1], "App\\UserCollection")) == [1]
    basket = collect([1], "App\\Basket")
    assert plain(basket) == basket, "an unknown class with items is an object of its own"
    assert plain(PhpObject("Illuminate\\Support\\LazyCollection", {"source": [1, 2]})) == [1, 2]


def test_spl_arrays_are_lists_and_dicts() -> None:
    assert plain(PhpObject("ArrayObject", {0: 0, 1: {"a": 1}, 2: [], 3: None})) == {"a": 1}
    with_members = PhpObject("ArrayObject", {0: 0, 1: [], 2: {"extra": 1}, 3: None})
    assert plain(with_members) == with_members


def test_a_model_is_an_identifier() -> None:
    """MS-01, MS-05, MS-07: five members, collections with their own class, dotted relations, gaps in their list."""
    wire = (
        b'O:45:"Illuminate\\Contracts\\Database\\ModelIdentifier":5:{s:5:"class";s:15:"App\\Models\\User";s:2:"id";i:1;'
        b's:9:"relations";a:0:{}s:10:"connection";s:7:"testing";s:15:"collectionClass";N;}'
    )
    user = plain(loads(wire))
    assert user == ModelIdentifier("App\\Models\\User", 1, [], "testing", None)
    assert dumps(to_php(user)) == wire
    many = PhpObject(
        "Illuminate\\Contracts\\Database\\ModelIdentifier",
        {
            "class": "App\\Models\\Order",
            "id": [3, 1],
            "relations": {0: "lines", 2: "lines.product"},
            "connection": None,
            "collectionClass": "App\\Orders",
        },
    )
    assert plain(many) == ModelIdentifier("App\\Models\\Order", [3, 1], ["lines", "lines.product"], None, "App\\Orders")
    old = PhpObject(many.class_name, {"class": "App\\User", "id": "u-1", "relations": [], "connection": "mysql"})
    assert plain(old).collection_class is None, "Laravel 8 has no such member"


def test_other_objects_keep_class_and_visibility_and_have_plain_values() -> None:
    order = PhpObject("App\\Order", {"at": php_date("2024-01-02 00:00:00.000000", 3, "UTC"), protected("total"): 5})
    seen = plain(order)
    assert seen["at"] == datetime(2024, 1, 2, tzinfo=timezone.utc)
    assert seen.class_name == "App\\Order"
    assert [prop.visibility for prop in seen.properties] == ["public", "protected"]
    assert isinstance(order["at"], PhpObject), "the given object is left as it was"
    assert to_php(seen) == order


def test_cycles_references_and_shared_objects() -> None:
    node = PhpObject("Node", {"next": None})
    node.next = node
    seen = plain([node, node, PhpReference(7), PhpEnum("Suit", "Hearts")])
    assert seen[0] is seen[1]
    assert seen[0]["next"] is seen[0]
    assert seen[2:] == [7, PhpEnum("Suit", "Hearts")]
    recursive: list[Any] = []
    recursive.append(recursive)
    again = plain(recursive)
    assert again[0] is again


def test_an_identifier_of_itself_is_an_object() -> None:
    odd = PhpObject("Illuminate\\Contracts\\Database\\ModelIdentifier", {"class": "A", "id": None})
    odd.id = odd
    assert plain(odd)["id"]["class"] == "A"


def test_no_depth_is_too_deep() -> None:
    deep: Any = "leaf"
    for _ in range(4000):
        deep = [PhpObject("Illuminate\\Support\\Collection", {protected("items"): [deep]})]
    seen = plain(deep)
    for _ in range(8000):
        seen = seen[0]
    assert seen == "leaf"


NOON = datetime(2024, 1, 2, 12, tzinfo=timezone.utc)


class Level(enum.IntEnum):
    LOW = 1


@php_class("App\\Enums\\Suit")
class Suit(enum.Enum):
    Hearts = "H"


@php_class("App\\Support\\Money")
@dataclass
class Money:
    amount: int
    note: str = field(default="n", metadata={"php": protected("note")})


@dataclass
class Unbound:
    x: Any


def test_python_values_become_what_php_expects() -> None:
    when = datetime(2024, 5, 6, 7, 8, 9, 123456, ZoneInfo("Asia/Tokyo"))
    assert to_php(when) == php_date("2024-05-06 07:08:09.123456", 3, "Asia/Tokyo")
    assert to_php(when.astimezone(timezone.utc))["timezone"] == "UTC"
    assert to_php(datetime(2024, 1, 1, tzinfo=timezone(-timedelta(hours=3, minutes=30))))["timezone"] == "-03:30"
    assert to_php(date(2024, 1, 2)) == php_date("2024-01-02 00:00:00.000000", 3, "UTC")
    assert to_php(time(7, 30)) == "07:30:00"
    assert to_php(Suit.Hearts) == PhpEnum("App\\Enums\\Suit", "Hearts")
    assert to_php(Level.LOW) == 1
    assert to_php([Decimal("1.50"), uuid.UUID(int=1), pathlib.PurePosixPath("/a")])[::2] == ["1.50", "/a"]
    assert to_php((1, {3, 2}, deque([4]), OrderedDict(a=1))) == [1, [2, 3], [4], {"a": 1}]
    assert to_php({Level.LOW: 1, uuid.UUID(int=1): 2}) == {1: 1, "00000000-0000-0000-0000-000000000001": 2}
    assert to_php(Money(5)) == PhpObject("App\\Support\\Money", {"amount": 5, protected("note"): "n"})
    assert to_php(Unbound(Unbound(1))) == {"x": {"x": 1}}
    assert to_php(bytearray(b"\xff")) == b"\xff"


def test_objects_of_the_phpserialize_package_are_taken() -> None:
    foreign = phpobject(b"App\\Order", {b"at": NOON, b"\0*\0n": 1})
    assert to_php([foreign])[0] == PhpObject("App\\Order", {"at": to_php(NOON), protected("n"): 1})
    assert build_command("App\\Order", phpobject("App\\Order", {"n": 1})) == b'O:9:"App\\Order":1:{s:1:"n";i:1;}'


def test_a_shared_instance_is_one_object_in_php() -> None:
    money = Money(1)
    assert dumps(to_php([money, money])).endswith(b"i:1;r:2;}")
    loop = Money(1)
    loop.amount = loop  # type: ignore[assignment]
    assert b"r:1;" in dumps(to_php(loop))


def test_what_loads_gave_is_written_back_byte_for_byte() -> None:
    for wire in (
        b"a:2:{i:0;a:1:{i:0;i:1;}i:1;R:2;}",
        b'a:3:{s:1:"p";i:10;s:1:"q";R:2;s:1:"o";O:8:"stdClass":1:{s:1:"o";r:3;}}',
        b'O:3:"Job":1:{s:4:"\x00*\x00x";O:8:"DateTime":3:{s:4:"date";s:1:"x";s:13:"timezone_type";i:3;s:8:"timezone";s:3:"UTC";}}',
    ):
        assert dumps(to_php(loads(wire))) == wire


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"a": [object()]}, r"The value at a\.0 is a object, which has no PHP form"),
        (datetime(2024, 1, 1), "without a time zone"),
        ({"f": print}, "at f is a builtin_function_or_method"),
        ({(1, 2): 3}, "has a tuple as a key"),
        ({"g": (i for i in ())}, "generator"),
    ],
)
def test_what_php_has_no_form_for_is_refused_by_place(value: Any, message: str) -> None:
    with pytest.raises(InvalidPayload, match=message):
        to_php(value)


def test_a_value_that_contains_itself_is_refused() -> None:
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(InvalidPayload, match="nested too deeply"):
        to_php(endless)


@given(st.datetimes(timezones=st.timezones(), allow_imaginary=False))
def test_every_datetime_comes_back_as_the_same_instant(when: datetime) -> None:
    back = plain(loads(dumps(to_php(when))))
    assert back.timestamp() == when.timestamp()


@given(st.timedeltas())
def test_every_timedelta_comes_back(length: timedelta) -> None:
    assert plain(loads(dumps(to_php(length)))) == length
