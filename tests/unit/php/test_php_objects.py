"""``PhpObject``: a mapping of plain names over PHP's mangled ones, and a ``phpserialize.phpobject``."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Mapping

import phpserialize
import pytest

import lara_queue.php
from lara_queue.php import PhpCustom, PhpObject, PhpProperty, dumps, loads, private, protected, public

JOB = PhpObject(
    "App\\Job",
    {
        private("key", cls="App\\Base"): "parent's",
        public("to"): "a@example.com",
        protected("secret"): 1,
        private("key"): "own",
        private("only", cls="App\\Base"): 2,
    },
)


def test_the_mapping_shows_plain_names_and_prefers_the_objects_own() -> None:
    assert list(JOB) == ["key", "to", "secret", "only"]
    assert dict(JOB) == {"key": "own", "to": "a@example.com", "secret": 1, "only": 2}
    assert len(JOB) == 4
    assert "secret" in JOB
    assert "missing" not in JOB
    assert JOB.get("missing", 7) == 7
    with pytest.raises(KeyError, match="missing"):
        JOB["missing"]
    shadowed = PhpObject("A", {private("x"): 1, protected("x"): 2, "x": 3})
    assert shadowed["x"] == 3
    assert isinstance(JOB, Mapping)


def test_properties_show_all_of_them_in_order() -> None:
    assert JOB.properties == (
        PhpProperty("key", "parent's", "private", "App\\Base"),
        PhpProperty("to", "a@example.com"),
        PhpProperty("secret", 1, "protected"),
        PhpProperty("key", "own", "private", "App\\Job"),
        PhpProperty("only", 2, "private", "App\\Base"),
    )


def test_it_is_a_phpobject() -> None:
    assert isinstance(JOB, phpserialize.phpobject)
    assert JOB.__name__ == JOB.class_name == "App\\Job"
    assert JOB.secret == 1
    assert JOB._asdict() == dict(JOB)
    assert phpserialize.dumps(JOB) == dumps(JOB)
    job = PhpObject("A", {protected("x"): 1})
    job.x = 2
    job.new = 3
    assert job.__php_vars__ == {"\0*\0x": 2, "new": 3}
    with pytest.raises(AttributeError, match="missing"):
        job.missing  # noqa: B018
    assert not hasattr(job, "__len_hint__")


def test_equality_is_by_class_and_properties_and_hash_by_identity() -> None:
    assert PhpObject("A", {"x": 1}) == PhpObject("A", {"x": 1})
    assert PhpObject("A", {"x": 1}) == phpserialize.phpobject("A", {"x": 1})
    assert PhpObject("A", {"x": 1}) != PhpObject("B", {"x": 1})
    assert PhpObject("A", {"x": 1}) != PhpObject("A", {protected("x"): 1})
    assert PhpObject("A", {"x": 1}) != {"x": 1}
    assert len({PhpObject("A"), PhpObject("A")}) == 2
    assert len({PhpCustom("A", b""), PhpCustom("A", b"")}) == 2
    assert PhpCustom("A", b"") == PhpCustom("A", b"")
    assert PhpObject("A")


def test_it_can_be_copied_and_pickled() -> None:
    value = loads(b'O:1:"A":2:{s:1:"a";O:1:"B":0:{}s:1:"b";R:2;}')
    for other in (copy.deepcopy(value), pickle.loads(pickle.dumps(value))):
        assert other == value
        assert dumps(other) == dumps(value)
    assert copy.copy(value) == value
    ring = copy.deepcopy(loads(b'O:1:"A":1:{s:1:"a";r:1;}'))
    assert isinstance(ring, PhpObject)
    assert ring["a"] is ring


def test_names_that_are_not_text() -> None:
    data = b'O:2:"\xffA":3:{s:1:"\xff";i:1;s:5:"\0*\0a\xff";i:2;s:5:"\0\xffA\0b";i:3;}'
    value = loads(data)
    assert isinstance(value, PhpObject)
    assert [(p.name, p.visibility) for p in value.properties] == [
        (b"\xff", "public"),
        (b"a\xff", "protected"),
        ("b", "private"),
    ]
    assert value["b"] == 3
    assert value.properties[2].declaring_class == value.class_name == "\udcffA"
    assert dumps(value) == data


def test_names_that_only_look_mangled_are_public() -> None:
    value = loads(b'O:1:"A":1:{s:2:"\0a";i:1;}')
    assert isinstance(value, PhpObject)
    assert value.properties == (PhpProperty("\0a", 1),)


def test_the_public_names_are_these() -> None:
    assert lara_queue.php.__all__ == sorted(lara_queue.php.__all__)
    assert all(hasattr(lara_queue.php, name) for name in lara_queue.php.__all__)
