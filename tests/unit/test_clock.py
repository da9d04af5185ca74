"""Fresh identifiers, also after a fork."""

from __future__ import annotations

import multiprocessing
import string
from collections import Counter
from uuid import UUID

import pytest

from lara_queue.clock import new_id, new_uuid


def _make(connection: object) -> None:
    connection.send([make() for make in (new_uuid, new_id) for _ in range(3)])  # type: ignore[attr-defined]  # a pipe's end


def test_forked_processes_do_not_make_the_same_identifiers() -> None:
    context = multiprocessing.get_context("fork")
    made = []
    for _ in range(2):
        ours, theirs = context.Pipe()
        process = context.Process(target=_make, args=(theirs,))
        process.start()
        made += ours.recv()
        process.join()
    made += [make() for make in (new_uuid, new_id) for _ in range(3)]
    assert len(set(made)) == 18


def test_identifiers_look_like_laravels() -> None:
    assert len({new_id() for _ in range(1000)}) == 1000
    assert all(value[14] == "4" and value[19] in "89ab" for value in (new_uuid() for _ in range(100)))
    assert all(UUID(value).version == 4 and str(UUID(value)) == value for value in (new_uuid() for _ in range(100)))


@pytest.mark.parametrize("length", [0, 1, 8, 32, 5000])
def test_an_id_is_as_long_as_asked(length: int) -> None:
    text = new_id(length)
    assert len(text) == length
    assert set(text) <= set(string.ascii_letters + string.digits)


def test_every_letter_of_an_id_is_as_likely() -> None:
    found = Counter(new_id(62_000))
    assert len(found) == 62
    assert all(800 < count < 1200 for count in found.values())  # 1000 each, give or take six deviations
