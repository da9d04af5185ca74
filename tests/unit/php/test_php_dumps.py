"""``dumps``, by hand: Python values as PHP writes them, and what has no PHP form."""

from __future__ import annotations

import datetime
import decimal
import enum
import math
from collections import OrderedDict
from types import MappingProxyType

import phpserialize
import pytest

from lara_queue.php import (
    PhpCustom,
    PhpEnum,
    PhpObject,
    PhpReference,
    PhpSerializeError,
    dumps,
    loads,
    private,
    protected,
)


class Colour(enum.Enum):
    RED = "red"


class Level(enum.IntEnum):
    HIGH = 3


class Text(str):
    __slots__ = ()


@pytest.mark.parametrize(
    ("value", "data"),
    [
        (None, b"N;"),
        (True, b"b:1;"),
        (-5, b"i:-5;"),
        (2**63 - 1, b"i:9223372036854775807;"),
        (-(2**63), b"i:-9223372036854775808;"),
        ("é", b's:2:"\xc3\xa9";'),
        (b"\xff", b's:1:"\xff";'),
        (bytearray(b"ab"), b's:2:"ab";'),
        ((1, [2]), b"a:2:{i:0;i:1;i:1;a:1:{i:0;i:2;}}"),
        ([], b"a:0:{}"),
        ({}, b"a:0:{}"),
        ({"1": "a", "-5": 1, "01": 2, "": 3}, b'a:4:{i:1;s:1:"a";i:-5;i:1;s:2:"01";i:2;s:0:"";i:3;}'),
        ({True: 1, None: 2}, b'a:2:{i:1;i:1;s:0:"";i:2;}'),
        ({1.7: 1}, b"a:1:{i:1;i:1;}"),
        ({"1": "a", 1: "b"}, b'a:1:{i:1;s:1:"b";}'),
        ({b"k": 1, b"\xff": 2, b"7": 3}, b'a:3:{s:1:"k";i:1;s:1:"\xff";i:2;i:7;i:3;}'),
        ({"9223372036854775808": 1}, b'a:1:{s:19:"9223372036854775808";i:1;}'),
        (OrderedDict(b=1, a=2), b'a:2:{s:1:"b";i:1;s:1:"a";i:2;}'),
        (MappingProxyType({"a": 1}), b'a:1:{s:1:"a";i:1;}'),
        ([Colour.RED, Level.HIGH, Text("x")], b'a:3:{i:0;s:3:"red";i:1;i:3;i:2;s:1:"x";}'),
        ({Level.HIGH: 1}, b"a:1:{i:3;i:1;}"),
        (PhpEnum("Suit", "Hearts"), b'E:11:"Suit:Hearts";'),
        (PhpCustom("Foo", b"{}"), b'C:3:"Foo":2:{{}}'),
        (phpserialize.phpobject("Foo", {"a": 1}), b'O:3:"Foo":1:{s:1:"a";i:1;}'),
        (phpserialize.phpobject(b"Foo", {b"a": 1}), b'O:3:"Foo":1:{s:1:"a";i:1;}'),
        (
            PhpObject("A\\B", {"to": 1, protected("secret"): 2, private("key"): 3, private("key", cls="A\\P"): 4}),
            b'O:3:"A\\B":4:{s:2:"to";i:1;s:9:"\0*\0secret";i:2;s:8:"\0A\\B\0key";i:3;s:8:"\0A\\P\0key";i:4;}',
        ),
        (PhpObject("A", {0: "x", "5": 1}), b'O:1:"A":2:{i:0;s:1:"x";s:1:"5";i:1;}'),
        (PhpObject("Ünï\\A"), b'O:7:"\xc3\x9cn\xc3\xaf\\A":0:{}'),
    ],
)
def test_a_value_is_written_as_php_writes_it(value: object, data: bytes) -> None:
    assert dumps(value) == data
    assert dumps([value]) == b"a:1:{i:0;" + data + b"}"


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0.1, "0.1"), (1.0, "1"), (-0.0, "-0"), (0.30000000000000004, "0.30000000000000004"), (1e-4, "0.0001"),
        (1e15, "1000000000000000"), (1e16, "10000000000000000"), (1.2345678901234568e16, "12345678901234568"),
        (-9.9e16, "-99000000000000000"), (1e17, "1.0E+17"), (1.5e17, "1.5E+17"), (1e25, "1.0E+25"), (1e-5, "1.0E-5"),
        (1.5e-10, "1.5E-10"), (5e-324, "5.0E-324"), (1.7976931348623157e308, "1.7976931348623157E+308"),
        (math.inf, "INF"), (-math.inf, "-INF"), (math.nan, "NAN"),
    ],
)  # fmt: skip
def test_floats_are_written_with_phps_rules(number: float, text: str) -> None:
    assert dumps(number) == f"d:{text};".encode()
    assert dumps([number]) == f"a:1:{{i:0;d:{text};}}".encode()


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (
            {"a": [1, {"b": datetime.datetime(2024, 1, 1)}]},
            r"datetime\.datetime has no PHP form, at value\['a'\]\[1\]\['b'\]",
        ),
        ([decimal.Decimal(1)], r"decimal\.Decimal has no PHP form, at value\[0\]"),
        ({1, 2}, "set has no PHP form"),
        (object(), "object has no PHP form"),
        (2**63, "more than 64 bits"),
        ([-(2**63) - 1], r"more than 64 bits.*value\[0\]"),
        (10**4000, "int too big"),
        ("\ud800", "lone surrogate"),
        ({"\ud800": 1}, "lone surrogate"),
        ({(1, 2): 1}, "tuple cannot be an array key"),
        ({math.nan: 1}, "float cannot be an array key"),
        ({2**63: 1}, "more than 64 bits"),
        (PhpObject("A", {None: 1}), "NoneType cannot be a property name"),  # type: ignore[dict-item]
        (PhpObject("not a class"), "not a PHP class name"),
        (PhpObject("\\A"), "not a PHP class name"),
        pytest.param(PhpObject("\ud800"), "not a PHP class name", id="a surrogate in a class name"),
        (PhpEnum("Suit", "not a case"), "not the name of a PHP enum case"),
        (PhpCustom("", b""), "not a PHP class name"),
    ],
)
def test_what_has_no_php_form_is_refused_with_the_way_to_it(value: object, reason: str) -> None:
    with pytest.raises(PhpSerializeError, match=reason):
        dumps(value)


def test_the_same_list_twice_is_two_arrays_and_in_itself_it_is_nothing() -> None:
    twice: list[object] = [1]
    assert dumps([twice, twice]) == b"a:2:{i:0;a:1:{i:0;i:1;}i:1;a:1:{i:0;i:1;}}"
    twice.append({"again": twice})
    with pytest.raises(PhpSerializeError, match=r"list that contains itself.*\[1\]\['again'\]"):
        dumps(twice)


def test_a_cell_that_only_holds_itself_is_refused() -> None:
    cell = PhpReference()
    cell.value = cell
    with pytest.raises(PhpSerializeError, match="refers to itself"):
        dumps([cell])


def test_depth_is_no_danger() -> None:
    value: list[object] = []
    for _ in range(50_000):
        value = [value]
    data = dumps(value)
    assert data.startswith(b"a:1:{i:0;" * 50_000)
    obj: object = None
    for _ in range(4096):
        obj = PhpObject("A", {"next": obj})
    assert dumps(loads(dumps(obj))) == dumps(obj)
