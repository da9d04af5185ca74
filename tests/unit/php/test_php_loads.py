"""``loads``, by hand: what becomes what, and what is refused where."""

from __future__ import annotations

import math
import sys

import pytest

from lara_queue.php import Limits, PhpCustom, PhpEnum, PhpObject, PhpUnserializeError, dumps, loads


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b"N;", None),
        (b"b:1;", True),
        (b"b:0;", False),
        (b"i:-7;", -7),
        (b"i:+007;", 7),
        (b"i:9223372036854775808;", 2**63 - 1),
        (b"i:-99999999999999999999999;", -(2**63)),
        (b"d:0.1;", 0.1),
        (b"d:1.0E+25;", 1e25),
        (b"d:.5;", 0.5),
        (b"d:5.;", 5.0),
        (b"d:INF;", math.inf),
        (b"d:-INF;", -math.inf),
        (b's:4:"h\xc3\xa9l";', "hél"),
        (b's:1:"\xff";', b"\xff"),
        (b's:3:"a"b";', 'a"b'),
        (b's:18446744073709551617:"a";', "a"),
        (b'S:3:"a\\41\\c3";', b"aA\xc3"),
        (b'S:3:"a\\41b";', "aAb"),
        (b"a:0:{}", []),
        (b"a:2:{i:0;i:5;i:1;N;}", [5, None]),
        (b"a:2:{i:1;i:5;i:0;N;}", {1: 5, 0: None}),
        (b'a:3:{s:1:"1";i:5;s:2:"01";N;s:1:"\xff";N;}', {1: 5, "01": None, b"\xff": None}),
        (b"a:3:{i:0;i:1;i:0;i:2;i:1;i:3;}", [2, 3]),
        (b"a:2:{i:0;i:1;i:0;i:2;}", [2]),
        (b'E:11:"Suit:Hearts";', PhpEnum("Suit", "Hearts")),
        (b'E:12:"\\Suit:Hearts";', PhpEnum("Suit", "Hearts")),
        (b'C:3:"Foo":4:{a"};}', PhpCustom("Foo", b'a"};')),
        (b'C:3:"Foo"::{}', PhpCustom("Foo", b"")),
        (b'O:3:"Foo":+1:{s:1:"a";i:1;}trailing', PhpObject("Foo", {"a": 1})),
        (b'O:3:"Foo":2:{i:5;i:1;s:1:"5";i:2;}', PhpObject("Foo", {5: 2})),
        (b"a:1:{i:0;a:1:{i:0;a:3:{i:0;b:1;i:1;N;i:2;d:0.5;}}}", [[[True, None, 0.5]]]),
    ],
)
def test_a_value_is_what_php_makes_of_it(data: bytes, value: object) -> None:
    found = loads(data)
    assert (type(found), found) == (type(value), value)


def test_nan_and_negative_zero_stay_what_they_are() -> None:
    assert math.isnan(loads(b"d:NAN;"))  # type: ignore[arg-type]
    assert math.copysign(1, loads(b"d:-0;")) == -1  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("data", "position", "reason"),
    [
        (b"", 0, "expected a value"),
        (b"x", 0, "expected a value"),
        (b"i:;", 0, "expected an int"),
        (b"b:2;", 0, "b:0; or b:1;"),
        (b"N", 1, "';'"),
        (b"d:0x1;", 0, "expected a float"),
        (b's:9:"abc";', 2, "expected 9 bytes of string, 5 bytes remain"),
        (b's:2:"abc";', 7, "after the string"),
        (b'S:3:"a\\4', 7, "hexadecimal"),
        (b'S:5:"abcd";', 10, "after the string"),
        (b"a:1000000000:{}", 14, "expected 1000000000 elements"),
        (b"a:1:{d:0.5;N;}", 5, "expected a key"),
        (b"a:2:{d:0;N;i:1;N;}", 5, "expected a key"),
        (b"a:2:{b:0;N;i:1;N;}", 5, "expected a key"),
        (b"a:2:{i:0;N;i:0;N;i:1;N;}", 17, "expected '}'"),
        (b"a:1:{i:0;N;i:1;N;}", 11, "expected '}'"),
        (b'O:0:"":0:{}', 2, "not empty"),
        (b'O:3:"a b":0:{}', 5, "class name"),
        (b'O:3:"Foo":-1:{}', 14, "elements"),
        (b'C:3:"Foo":9:{abc}', 13, "expected 9 bytes of data"),
        (b'E:3:"Foo";', 5, "Class:Case"),
        (b'E:3:"\\:A";', 5, "Class:Case"),  # the fuzz found that only what can be written again may be read
        (b'E:4:"\\\\:\xa9";', 5, "Class:Case"),
        (b'E:5:"\\\\B:A";', 5, "Class:Case"),
        (b"r:1;", 2, "cannot be itself"),
        (b"a:1:{i:0;R:9;}", 11, "no number 9"),
        (b"a:2:{i:0;i:1;i:1;r:2;}", 19, "needs an object"),
        (b"a:2:{i:0;i:1;i:0;R:2;}", 19, "reference to itself"),
    ],
)
def test_an_error_says_where_and_what_was_expected(data: bytes, position: int, reason: str) -> None:
    with pytest.raises(PhpUnserializeError) as caught:
        loads(data)
    assert caught.value.position == position
    assert reason in caught.value.reason


def nested(levels: int, opening: bytes = b"a:1:{i:0;") -> bytes:
    return opening * levels + b"N;" + b"}" * levels


@pytest.mark.parametrize("opening", [b"a:1:{i:0;", b'O:1:"A":1:{s:1:"a";', b'a:1:{s:1:"k";'])
def test_4096_levels_are_read_and_written_and_one_more_is_refused(opening: bytes) -> None:
    data = nested(4096, opening)
    assert dumps(loads(data)) == data
    with pytest.raises(PhpUnserializeError, match="4096 levels"):
        loads(nested(4097, opening))


def test_a_deeper_limit_is_kept_without_recursion() -> None:
    levels = sys.getrecursionlimit() * 20
    data = nested(levels)
    assert dumps(loads(data, limits=Limits(depth=0))) == data


def test_depth_counts_as_php_counts_it() -> None:
    assert loads(b"a:1:{i:0;a:0:{}}", limits=Limits(depth=1)) == [[]]
    assert loads(b"a:1:{i:0;i:1;}", limits=Limits(depth=1)) == [1]
    for data in (b"a:1:{i:0;a:1:{i:0;N;}}", b'a:1:{i:0;O:1:"A":0:{}}', b'O:1:"A":1:{s:1:"a";a:1:{i:0;N;}}'):
        with pytest.raises(PhpUnserializeError, match="at most 1 levels"):
            loads(data, limits=Limits(depth=1))


def test_size_and_elements_are_limited() -> None:
    with pytest.raises(PhpUnserializeError, match="limit of 3 bytes"):
        loads(b"i:5;", limits=Limits(size=3))
    assert loads(b"a:2:{i:0;N;i:1;N;}", limits=Limits(elements=2)) == [None, None]
    with pytest.raises(PhpUnserializeError, match="more elements"):
        loads(b"a:3:{i:0;N;i:1;N;i:2;N;}", limits=Limits(elements=2))
    with pytest.raises(ValueError, match="depth"):
        Limits(depth=-1)


@pytest.mark.parametrize(
    "data",
    [
        b"i:" + b"0" * 1_000_000 + b"x",
        b"a:1:{i:" + b"0" * 1_000_000 + b"x",
        b"a:1:{i:0;" + b"a:0:{}" * 100_000 + b"x",
        b"a:9:{i:1;" + b"a:1:{" * 100_000 + b'x"',
        b"a:9:{" + b"i:1;" * 100_000 + b"x",
        b"d:" + b"1" * 1_000_000 + b"x",
        b"a:1:{i:0;s:99:" + b'"' * 1_000_000,
    ],
    ids=["zeros", "zeros of a key", "empty arrays", "open arrays", "ints", "digits", "quotes"],
)
def test_no_pattern_tries_a_hostile_text_in_more_than_one_way(data: bytes) -> None:
    with pytest.raises(PhpUnserializeError):  # a pattern that backtracks would need hours
        loads(data)


@pytest.mark.parametrize(
    "data",
    [
        b"a:100000:{" + b"".join(b'i:%d;s:3:"a"b";' % n for n in range(100_000)) + b"}",
        b'a:1:{i:0;s:500000:"' + b'"' * 500_000 + b'";}',
        b"a:100000:{" + b"".join(b's:6:"k%05d";i:%d;' % (n, 10**9 + n) for n in range(100_000)) + b"}",
        b"a:100000:{" + b"".join(b's:6:"k%05d";a:1:{i:%d;i:%d;}' % (n, n, -n) for n in range(100_000)) + b"}",
        b"a:100000:{" + b"".join(b"i:%d;a:2:{i:0;i:1;i:1;a:1:{i:0;i:%d;}}" % (n, n) for n in range(100_000)) + b"}",
        b'O:1:"A":100000:{' + b"".join(b's:6:"k%05d";d:%d.5;' % (n, n) for n in range(100_000)) + b"}",
        b"a:4000:{" + b"".join(b's:5:"k%04d";s:%d:"%s";' % (n, n, b"x" * n) for n in range(1000, 5000)) + b"}",
    ],
    ids=["quoted strings", "a string of quotes", "new numbers", "new arrays", "arrays in a list", "floats", "lengths"],
)
def test_time_grows_with_the_size_and_no_faster(data: bytes) -> None:
    assert dumps(loads(data)) == data  # what is done again for every part of the input would need hours


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b"a:3:{i:0;i:007;i:1;i:-0;i:2;i:+5;}", [7, 0, 5]),
        (b"a:2:{i:5;i:1;i:6;i:2;}", {5: 1, 6: 2}),
        (b"a:1:{i:9223372036854775807;i:-9223372036854775808;}", {2**63 - 1: -(2**63)}),
        (b"a:1:{i:0;i:9223372036854775808;}", [2**63 - 1]),
        (b"a:1:{i:9223372036854775808;i:0;}", {2**63 - 1: 0}),
        (b"a:1:{i:0;i:" + b"1" * 5000 + b";}", [2**63 - 1]),
        (b'a:2:{s:1:"n";i:9223372036854775808;s:1:"m";i:0012;}', {"n": 2**63 - 1, "m": 12}),
        (b'a:1:{s:1:"n";d:0100.50;}', {"n": 100.5}),
        (b'a:1:{s:1:"n";s:0003:"a"b";}', {"n": 'a"b'}),
        (b'a:2:{i:0;s:3:"a"b";i:1;a:2:{s:1:"k";s:3:""""";i:5;s:1:""";}}', ['a"b', {"k": '"""', 5: '"'}]),
    ],
)
def test_numbers_and_lengths_may_be_spelt_in_odd_ways(data: bytes, value: object) -> None:
    assert loads(data) == value


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b"N;}", None),
        (b'b:1;i:3;s:1:"x";', True),
        (b"i:5;i:0;i:7;", 5),
        (b'i:5;s:1:"0";N;', 5),
        (b"d:0.5;x", 0.5),
        (b's:1:"a";s:1:"b";N;}', "a"),
        (b's:3:"a"b";"', 'a"b'),
        (b'a:0:{}s:1:"0";N;', []),
        (b'E:3:"A:B";}', PhpEnum("A", "B")),
        (b'O:1:"A":0:{}s:1:"a";N;', PhpObject("A")),
        (b'a:1:{i:0;N;}";', [None]),
    ],
)
def test_what_follows_a_value_is_left_alone(data: bytes, value: object) -> None:
    found = loads(data)
    assert (type(found), found) == (type(value), value)


@pytest.mark.parametrize("data", [b"r:1;", b"R:1;", b"}", b";N;", b'"', b';"', b"s:1:", b's:1:"a"', b"N", b"a:1:{}"])
def test_what_is_no_value_is_refused(data: bytes) -> None:
    with pytest.raises(PhpUnserializeError):
        loads(data)


@pytest.mark.parametrize(
    "data",
    [
        b"a:2:{i:0;i:1;i:2;}",
        b"a:1:{i:0;i:1;i:1;i:2;}",
        b"a:1:{i:0;i:1_0;}",
        b"a:1:{i:0;i: 1;}",
        b"a:1:{i:0;i:--1;}",
        b"a:1:{i:0;i:\xb2;}",
        b"a:1:{i:0;i:;}",
        b"a:1:{i:0;i:1}",
        b'a:1:{s:1:"n";i:5}',
        b'a:1:{s:1:"n";i:5_0;}',
        b'a:1:{s:1:"n";d:5_0.5;}',
        b'a:1:{s:1:"n";i:;}',
        b'a:1:{s:1:"n";i:12;s:1:"m";}',
        b'a:1:{s:1:"n";i:12;s:\xb2:"m";N;}',
        b'a:2:{s:1:"n";i:12;s:01:"n";}',
        b'a:1:{s:1:"n";i:5;',
        b'O:1:"A":1:{s:1:"n";i:5;s:1:"m";i:5;}',
        b'O:1:"A":2:{s:1:"n";i:5;}',
        b'a:1:{s:1:"n";O:1:"A":1:{s:1:"m";N;s:1:"o";N;}}',
        b'a:1:{s:1:"n";s:1:"v"6}',  # the fuzz found that only what comes behind the ; had been looked at
        b'a:1:{s:1:"n"}N;}',
        b'a:1:{s:1:"n"6N;}',
        b'a:1:{s:1:"n"6i:5;}',
        b'a:1:{s:1:"n"6s:1:"v";}',
        b'a:2:{s:1:"n";s:1:"v"6s:1:"m";N;}',
        b'a:2:{s:1:"n";s:1:"v"6i:1;s:1:"w";}',
        b'a:1:{s:1:"n"6a:0:{}}',
        b'a:1:{s:1:"n"6a:1:{i:0;i:12345;}}',
        b'a:1:{s:1:"n"6O:1:"A":0:{}}',
        b'O:1:"A"61:{s:1:"n";N;}',
        b'a:1:{s:1:"n";E:3:"A:B"6}',
    ],
)
def test_what_looks_like_a_number_or_an_end_and_is_none_is_refused(data: bytes) -> None:
    with pytest.raises(PhpUnserializeError):
        loads(data)


def test_only_bytes_are_read() -> None:
    assert loads(bytearray(b"i:5;")) == 5  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="str"):
        loads("i:5;")  # type: ignore[arg-type]


def test_strings_with_quotes_semicolons_and_serializations_in_them() -> None:
    inner = dumps({"a": 'x";s:3:"b', "n": [1, "é"], "o": PhpObject("A", {"t": '"'})}).decode()
    value = {"first": inner, 'k"y;': inner * 3, "last": [inner, '"', "", ";"], "unicode": 'ü"ü'}
    assert loads(dumps(value)) == value


def test_long_numbers_and_many_different_keys_do_not_confuse_the_tables() -> None:
    for number in range(0, 40_000, 7):
        value = {f"key{number}": number, "id": number * 1_000_003, "list": [number, -number, number / 7]}
        assert loads(dumps(value)) == value
