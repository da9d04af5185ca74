"""The answer of the reserve script: what it says, and how to undo it. ``scripts/reserve.lua`` describes it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from lara_queue.drivers.attempts import PROBLEMS
from lara_queue.ports import Reservation

__all__ = ["next_due", "read_taken", "undo"]


def next_due(reply: Sequence[Any]) -> float | None:
    """The Unix time when the next job of the queues comes due, if the script found none to take."""
    due = float(reply[0])
    return None if due < 0 else due


def read_taken(queues: Sequence[str], expires: float, reply: Sequence[Any]) -> list[Reservation]:
    """The jobs that were taken; ``expires`` is when their reservation ends.

    >>> read_taken(["mail"], 99.0, [-1, 1, b'{"attempts":0}', 13, 1, 1, b" "])[0].receipt
    b'{"attempts":1} '
    """
    return [
        Reservation(
            queues[index - 1],
            body,
            number if start else 1,
            _receipt(body, start, length, number, blanks),
            expires,
            None if start else PROBLEMS[length],
        )
        for index, body, start, length, number, blanks in _jobs(reply)
    ]


def undo(args: tuple[Any, ...], reply: Sequence[Any]) -> list[tuple[str, tuple[Any, ...]]]:
    """The calls, in order, that put the jobs back that a reserve with these arguments took."""
    keys: tuple[bytes, ...] = args[0]
    calls = []
    for index, body, start, length, number, blanks in reversed([*_jobs(reply)]):
        ready, delayed, reserved, notify = keys[4 * (index - 1) : 4 * index]
        receipt = _receipt(body, start, length, number, blanks)
        calls.append(("give_back", ((reserved, ready, notify, delayed), (receipt, body, b""))))
    return calls


def _receipt(body: bytes, start: int, length: int, number: int, blanks: bytes) -> bytes:
    """The job as it stands among the reserved ones: with its attempts counted, where it has any."""
    if not start:
        return body + blanks
    return b"".join((body[: start - 1], b"%d" % number, body[start - 1 + length :], blanks))


def _jobs(reply: Sequence[Any]) -> Iterator[tuple[int, bytes, int, int, int, bytes]]:
    """For each job: queue index, body, where its attempts stand and how long they are, their number, blanks."""
    fields = iter(reply)
    next(fields)
    return zip(fields, fields, fields, fields, fields, fields, strict=True)
