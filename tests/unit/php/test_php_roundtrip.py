"""Properties that hold for every value: what is written can be read back, by the quick and by the exact way alike."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lara_queue.php import PhpCustom, PhpEnum, PhpObject, PhpUnserializeError, dumps, loads, private, protected
from lara_queue.php.exact_reader import ExactReader, array_key
from lara_queue.php.exact_writer import ExactWriter
from lara_queue.php.limits import DEFAULT
from lara_queue.php.values import PropertyKey

text = st.text(st.characters(codec="utf-8"), max_size=12) | st.text('"";:{}\\0123456789é', max_size=8)
classes = st.sampled_from(["A", "App\\Jobs\\Send", "stdClass", "Ünï"])
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.integers(-9, 2000)
    | st.floats(allow_nan=False)
    | text
    | st.binary(max_size=6).filter(lambda raw: not decodes(raw))
    | st.builds(PhpEnum, classes, st.sampled_from(["One", "Two"]))
    | st.builds(PhpCustom, classes, st.binary(max_size=6))
)
keys = text.map(array_key) | st.integers(-5, 5) | st.integers(-(2**63), 2**63 - 1)
names: st.SearchStrategy[str | PropertyKey] = (
    text.filter(lambda name: not name.startswith("\0") and isinstance(array_key(name), str))
    | st.builds(protected, text)
    | st.builds(private, text, classes)
)


def decodes(raw: bytes) -> bool:
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return True


def not_a_list(value: dict[Any, Any]) -> Any:
    return list(value.values()) if list(value) == list(range(len(value))) else value


values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(keys, inner, max_size=4).map(not_a_list)
        | st.builds(PhpObject, classes, st.dictionaries(names, inner, max_size=4))
    ),
    max_leaves=25,
)


@settings(max_examples=300, deadline=None)
@given(values)
def test_every_value_comes_back(value: Any) -> None:
    data = dumps(value)
    assert ExactWriter().write(value) == data
    for again in (loads(data), ExactReader(data, DEFAULT).read()):
        assert again == value
        assert type(again) is type(value)
        assert dumps(again) == data


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=60) | st.text('aOrRsSiNbdEC:;{}"0123456789-+.', max_size=40).map(str.encode))
def test_no_input_raises_anything_else(data: bytes) -> None:
    try:
        value = loads(data)
    except PhpUnserializeError as error:
        if not 0 <= error.position <= len(data):
            pytest.fail(f"no position: {error}")
    else:
        assert loads(dumps(value)) is not ...
