"""The quick way to a job's data gives what the general one does, for every command."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lara_queue.laravel import names
from lara_queue.laravel.command import open_command
from lara_queue.laravel.envelope import Envelope
from lara_queue.laravel.properties import _generally, properties
from lara_queue.php import PhpObject, PhpReference, loads, private, protected
from tests.unit.php.test_php_roundtrip import scalars, values
from tests.unit.php.varied import Kind

from .corpus import Line, lines
from .test_jobs import QUEUEABLE

TRAITS = [*QUEUEABLE, names.BATCH_ID, "group"]
COMMANDS = [line for line in lines() if '"command":"O:' in line["payload"]]


def written(data: dict[str, Any]) -> str:
    """Everything there is to see: types, order of keys, NaN."""
    return repr(data)


def containers(value: Any, met: dict[int, Any]) -> dict[int, Any]:
    """All lists, dicts and objects inside a value, by identity."""
    if isinstance(value, list | dict | PhpObject) and id(value) not in met:
        met[id(value)] = value
        inner = value if isinstance(value, list) else getattr(value, "__php_vars__", value).values()
        for item in inner:
            containers(item, met)
    return met


def check(command: PhpObject, batch_id: str | None = None) -> None:
    before = repr(command)
    expected = _generally(command, batch_id)
    for _ in range(2):
        found = properties(command, batch_id)
        assert written(found) == written(expected)
        assert not containers(found, {}).keys() & containers(command, {}).keys()
        assert len(containers(found, {})) == len(containers(expected, {})), "what is shared is shared"
    assert repr(command) == before


def test_of_every_golden_command() -> None:
    assert len(COMMANDS) > 500
    for line in COMMANDS:
        command = open_command(Envelope.parse(Line(line).body))
        check(command)
        check(command, "some-batch")


@pytest.mark.parametrize("seed", range(30))
def test_of_jobs_that_differ_in_their_values(seed: int) -> None:
    generator = random.Random(seed)
    kind = Kind(generator, "App\\Job")
    for _ in range(40):
        command = loads(kind.job(generator))
        assert isinstance(command, PhpObject)
        check(command)
        check(PhpObject("App\\Job", {**command.__php_vars__, **QUEUEABLE}))


keys = st.sampled_from([*TRAITS, "a", "b", protected("a"), private("a"), private("b", "App\\Base"), protected("delay")])
defaults = st.sampled_from([None, "", [], {}, 0, False, ["O:1"], 'O:1:"A":0:{}', ['O:1:"A":0:{}'], "b-1"])


@settings(max_examples=300, deadline=None)
@given(
    st.dictionaries(keys, defaults | scalars | values, max_size=8),
    st.booleans(),
    st.sampled_from([None, "b-1"]),
    st.data(),
)
def test_of_whatever_a_class_may_have(own: dict[Any, Any], queueable: bool, batch_id: str | None, data: Any) -> None:
    pairs = {**(QUEUEABLE if queueable else {}), **own}
    order = data.draw(st.permutations(list(pairs)))
    check(PhpObject("App\\Job", {key: pairs[key] for key in order}), batch_id)


def test_of_values_that_lead_to_one_another() -> None:
    shared: list[Any] = [1, 2]
    inner = PhpObject("App\\Inner", {"list": shared})
    command = PhpObject("App\\Job", {"a": shared, "b": shared, "inner": inner, "again": inner})
    check(command)
    data = properties(command)
    assert data["a"] is data["b"] is data["inner"]["list"]
    assert data["inner"] is data["again"]
    inner.__php_vars__["job"] = command
    check(command)
    inside = properties(command)["inner"]
    assert inside["job"]["inner"] is inside


def test_of_references_and_of_deep_values() -> None:
    deep: Any = 1
    for _ in range(100):
        deep = [deep]
    check(PhpObject("App\\Job", {"deep": deep}))
    check(PhpObject("App\\Job", {"ref": PhpReference([1, PhpReference(2)]), "list": [PhpReference(3)]}))
    command = loads(b'O:1:"A":3:{s:1:"a";a:1:{i:0;i:1;}s:1:"b";R:2;s:1:"c";a:1:{i:0;R:3;}}')
    assert isinstance(command, PhpObject)
    check(command)


def test_of_names_that_are_not_texts() -> None:
    for text in (b'O:1:"A":2:{i:0;i:1;s:2:"0a";i:2;}', b'O:1:"A":2:{s:1:"\xff";i:1;s:1:"a";a:1:{i:0;i:2;}}'):
        command = loads(text)
        assert isinstance(command, PhpObject)
        check(command)
