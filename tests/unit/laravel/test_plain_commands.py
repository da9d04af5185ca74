"""Commands of plain values are written without being converted first; they must be what the conversion makes."""

from __future__ import annotations

import enum
from collections import OrderedDict
from datetime import datetime, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lara_queue.errors import InvalidPayload, PhpSerializeError
from lara_queue.laravel.build import build_command
from lara_queue.laravel.people import to_php
from lara_queue.php import PhpEnum, PhpObject, dumps, private, protected
from lara_queue.php.writer import dumps_plain


class Colour(str, enum.Enum):  # noqa: UP042  # as most programs still have them
    RED = "red"


class Size(enum.IntEnum):
    ONE = 1


texts = st.text(max_size=6) | st.sampled_from(["7", "-0", "a/b", "é", "\ud800", "\0x", "red", "RED"])
leaves = (
    st.none()
    | st.booleans()
    | st.integers(-(2**64), 2**64)
    | st.floats()
    | texts
    | st.binary(max_size=4)
    | st.sampled_from([Colour.RED, Size.ONE, PhpEnum("Suit", "Hearts"), PhpEnum("No Suit", "x")])
    | st.datetimes(timezones=st.just(timezone.utc))
)
keys: st.SearchStrategy[Any] = (
    texts
    | st.integers(-2, 3)
    | st.booleans()
    | st.none()
    | st.sampled_from([1.0, b"7", b"\xff", Colour.RED, Size.ONE, protected("p"), private("p"), private("p", "Base")])
)
values = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.tuples(inner, inner)
        | st.dictionaries(keys, inner, max_size=4)
        | st.builds(
            PhpObject, st.sampled_from(["A\\B", "", "Nö", "no class"]), st.dictionaries(keys, inner, max_size=3)
        )
        | inner.flatmap(lambda twice: st.just([twice, {"again": twice}]))
    ),
    max_leaves=15,
)


def outcome(make: Any, *args: Any) -> Any:
    try:
        return make(*args)
    except (InvalidPayload, PhpSerializeError) as error:
        return type(error), str(error)


@given(st.dictionaries(keys, values, max_size=4) | st.builds(PhpObject, st.just("A\\B"), st.dictionaries(keys, values)))
def test_a_command_is_what_the_conversion_makes(data: Any) -> None:
    converted = outcome(lambda: dumps(to_php(data if isinstance(data, PhpObject) else PhpObject("A\\B", data))))
    assert outcome(build_command, "A\\B", data) == converted


@given(values)
def test_what_is_written_without_conversion_is_what_it_would_make(value: Any) -> None:
    written = dumps_plain(value)
    assert written is None or written == dumps(to_php(value))


def test_the_given_data_is_left_as_it_was() -> None:
    data: dict[Any, Any] = {"a": [1], "when": datetime(2024, 1, 1, tzinfo=timezone.utc)}
    before = {**data, "a": [1]}
    command = PhpObject("A", {"b": {"c": 1}})
    for given_ in (data, command):
        build_command("A", given_)
        build_command("A", given_, batch_id="b")
    assert data == before
    assert command == PhpObject("A", {"b": {"c": 1}})


@pytest.mark.parametrize("data", [OrderedDict(to="x"), {"to": "x"}, PhpObject("A", {"to": "x"})])
def test_any_mapping_is_the_properties(data: Any) -> None:
    assert build_command("A", data) == b'O:1:"A":1:{s:2:"to";s:1:"x";}'
