"""Fresh identifiers, also after a fork."""

from __future__ import annotations

import multiprocessing

from lara_queue.clock import new_id, new_uuid


def _make(connection: object) -> None:
    connection.send([new_uuid() for _ in range(3)])  # type: ignore[attr-defined]  # a pipe's end


def test_forked_processes_do_not_make_the_same_identifiers() -> None:
    context = multiprocessing.get_context("fork")
    made = []
    for _ in range(2):
        ours, theirs = context.Pipe()
        process = context.Process(target=_make, args=(theirs,))
        process.start()
        made += ours.recv()
        process.join()
    made += [new_uuid() for _ in range(3)]
    assert len(set(made)) == 9


def test_identifiers_look_like_laravels() -> None:
    assert len({new_id() for _ in range(1000)}) == 1000
    assert all(value[14] == "4" and value[19] in "89ab" for value in (new_uuid() for _ in range(100)))
