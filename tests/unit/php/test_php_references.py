"""Shared objects (``r:``) and PHP references (``R:``): the same Python object again, and the same bytes again."""

from __future__ import annotations

import pytest

from lara_queue.php import PhpEnum, PhpObject, PhpReference, dumps, loads


@pytest.mark.parametrize(
    "data",
    [
        b'a:4:{i:0;O:8:"stdClass":1:{s:1:"v";i:1;}i:1;r:2;i:2;s:1:"s";i:3;r:2;}',
        b'a:4:{i:0;O:8:"stdClass":0:{}i:1;r:2;i:2;O:8:"stdClass":0:{}i:3;r:4;}',
        b'a:4:{i:0;i:1;i:1;R:2;i:2;O:8:"stdClass":0:{}i:3;r:3;}',
        b'O:1:"K":2:{s:1:"a";O:8:"stdClass":0:{}s:1:"b";a:2:{i:0;r:2;i:1;r:1;}}',
        b"a:2:{i:0;a:1:{i:0;R:2;}i:1;R:2;}",
        b"a:3:{i:0;a:1:{s:1:\"k\";i:5;}i:1;R:2;i:2;R:3;}",
        b'a:2:{i:0;O:1:"A":0:{}i:1;R:2;}',
        b'a:3:{i:0;O:1:"A":0:{}i:1;R:2;i:2;r:2;}',
        b'O:1:"A":2:{s:4:"self";r:1;s:3:"all";a:1:{i:0;R:1;}}',
        b'O:1:"A":3:{s:1:"a";N;s:1:"b";R:2;s:1:"c";a:1:{s:1:"d";R:2;}}',
        b'a:3:{i:0;E:11:"Suit:Hearts";i:1;r:2;i:2;R:2;}',
        b'a:3:{i:0;C:1:"A":2:{ab}i:1;r:2;i:2;R:2;}',
        b'a:2:{s:1:"x";a:2:{i:0;O:1:"A":1:{s:1:"p";R:2;}i:1;r:3;}s:1:"y";R:3;}',
        b'a:3:{i:0;a:2:{i:0;i:1;i:1;i:2;}i:1;O:1:"A":0:{}i:2;r:5;}',
    ],
)  # fmt: skip
def test_references_are_written_back_as_they_were(data: bytes) -> None:
    assert dumps(loads(data)) == data


def test_an_object_is_the_same_object_again() -> None:
    first, second = loads(b'a:2:{i:0;O:1:"A":0:{}i:1;r:2;}')  # type: ignore[misc,union-attr]
    assert first is second


def test_a_shared_scalar_is_one_cell() -> None:
    value = loads(b'a:3:{s:1:"a";i:1;s:1:"b";R:2;s:1:"c";i:1;}')
    assert isinstance(value, dict)
    cell = value["a"]
    assert isinstance(cell, PhpReference)
    assert value["b"] is cell
    assert value["c"] == 1
    cell.value = "new"
    assert dumps(value) == b'a:3:{s:1:"a";s:3:"new";s:1:"b";R:2;s:1:"c";i:1;}'


def test_a_shared_array_is_one_list_and_still_equals_a_plain_one() -> None:
    value = loads(b"a:2:{i:0;a:2:{i:0;i:1;i:1;i:2;}i:1;R:2;}")
    assert value == [[1, 2], [1, 2]]
    assert isinstance(value, list)
    assert isinstance(value[0], list)
    assert value[0] is value[1]
    value[0].append(3)
    assert dumps(value) == b"a:2:{i:0;a:3:{i:0;i:1;i:1;i:2;i:2;i:3;}i:1;R:2;}"
    assert value == [[1, 2, 3]] * 2
    assert value != [[1, 2]]


def test_cycles_can_be_printed_and_compared() -> None:
    data = b'O:1:"A":2:{s:4:"self";r:1;s:3:"all";a:1:{i:0;R:3;}}'
    one, other = loads(data), loads(data)
    assert one == other
    assert one in [other]
    assert "..." in repr(one)
    ring, same = loads(b"a:1:{i:0;R:1;}"), loads(b"a:1:{i:0;R:1;}")
    assert ring == same
    assert isinstance(ring, list)
    assert ring[0] is ring
    assert dumps(ring) == b"a:1:{i:0;R:1;}"
    keyed, again = loads(b'a:1:{s:1:"k";R:1;}'), loads(b'a:1:{s:1:"k";R:1;}')
    assert keyed == again
    assert keyed != {"k": 1}


def test_objects_and_cells_of_our_own_are_shared_too() -> None:
    obj, cell, case = PhpObject("A", {"x": 1}), PhpReference(7), PhpEnum("Suit", "Hearts")
    assert dumps([obj, obj]) == b'a:2:{i:0;O:1:"A":1:{s:1:"x";i:1;}i:1;r:2;}'
    assert dumps([cell, cell]) == b"a:2:{i:0;i:7;i:1;R:2;}"
    assert dumps([case, PhpEnum("Suit", "Hearts")]) == b'a:2:{i:0;E:11:"Suit:Hearts";i:1;r:2;}'
    assert dumps([PhpReference(obj), PhpReference(obj), obj]) == b'a:3:{i:0;O:1:"A":1:{s:1:"x";i:1;}i:1;R:2;i:2;r:2;}'
    assert dumps([PhpReference([1])] * 2) == dumps([cell] * 2).replace(b"i:7;", b"a:1:{i:0;i:1;}")
    obj.me = obj
    assert dumps(obj) == b'O:1:"A":2:{s:1:"x";i:1;s:2:"me";r:1;}'


def test_a_second_object_that_is_only_equal_is_not_shared() -> None:
    assert dumps([PhpObject("A"), PhpObject("A")]) == b'a:2:{i:0;O:1:"A":0:{}i:1;O:1:"A":0:{}}'


# What the fuzz against PHP found, kept: the input, and what it is when written again.
FOUND = [
    # an enum case whose name is not UTF-8
    (b'a:1:{i:0;E:5:"A:B\x89a";}', b'a:1:{i:0;E:5:"A:B\x89a";}'),
    # R: to a slot that was itself an r: makes that slot a reference too
    (b'a:3:{i:0;O:1:"A":0:{}i:1;r:2;i:2;R:3;}', b'a:3:{i:0;O:1:"A":0:{}i:1;R:2;i:2;R:2;}'),
    # a slot that a duplicate key has overwritten: its number means the new value
    (b"a:3:{i:0;i:1;i:0;i:2;i:1;R:2;}", b"a:2:{i:0;i:2;i:1;R:2;}"),
    (b"a:3:{i:0;a:0:{}i:0;i:2;i:1;R:2;}", b"a:2:{i:0;i:2;i:1;R:2;}"),
    # a number that means a slot in an array which is gone
    (b"a:2:{i:0;a:1:{i:0;i:5;}i:0;R:3;}", b"a:1:{i:0;i:5;}"),
    # a reference that only one slot is left of is no reference, wherever the others were
    (
        b'a:3:{i:0;E:11:"Suit:Hearts";i:1;a:1:{i:0;E:11:"Suit:Hearts";}i:1;R:4;}',
        b'a:2:{i:0;E:11:"Suit:Hearts";i:1;r:2;}',
    ),
    # ... but the slots of an array that has only references in it count
    (
        b'O:1:"A":3:{s:1:"a";a:1:{i:0;R:1;}i:0;R:2;i:0;a:1:{i:0;R:1;}}',
        b'O:1:"A":2:{s:1:"a";a:1:{i:0;R:1;}i:0;a:1:{i:0;R:1;}}',
    ),
    # two references to the outermost object: the one that is left with one slot is none
    (b'O:1:"A":3:{i:0;R:1;i:1;r:1;i:2;R:2;}', b'O:1:"A":3:{i:0;r:1;i:1;R:1;i:2;R:1;}'),
    # a reference to the outermost object that other references are far away from
    (
        b'O:2:"\xc3\xa9":3:{i:0;R:1;i:1;a:2:{i:0;R:1;i:1;R:2;}i:2;O:2:"\xc3\xa9":2:{i:0;R:3;i:1;O:1:"A":0:{}}}',
        b'O:2:"\xc3\xa9":3:{i:0;R:1;i:1;a:2:{i:0;R:1;i:1;R:2;}i:2;O:2:"\xc3\xa9":2:{i:0;R:3;i:1;O:1:"A":0:{}}}',
    ),
    # the other slot of a reference was in a ring of objects that a duplicate key has cut off
    (
        b'O:1:"A":3:{s:1:"a";O:1:"B":1:{s:1:"b";r:1;}i:7;O:1:"A":2:{i:0;R:3;i:1;r:4;}i:7;b:1;}',
        b'O:1:"A":2:{s:1:"a";O:1:"B":1:{s:1:"b";r:1;}i:7;b:1;}',
    ),
    # numbers overflow
    (b"a:2:{i:0;i:5;i:1;R:18446744073709551618;}", b"a:2:{i:0;i:5;i:1;R:2;}"),
]


@pytest.mark.parametrize(("data", "again"), FOUND)
def test_what_the_fuzz_found_stays_fixed(data: bytes, again: bytes) -> None:
    assert dumps(loads(data)) == again
