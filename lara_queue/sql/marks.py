"""What is said of scripts, and how several of them run in one transaction.

Marks say more of a script: :func:`reading` that it changes nothing, :func:`repeatable` that it need not wait for the
disk, :func:`batched` that many calls of it can be one, :func:`undone_by` how to take back what it did for somebody who
was cancelled meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from copy import copy
from typing import Any, TypeVar

from lara_queue.errors import StoreUnreachable
from lara_queue.plans import Call
from lara_queue.sql.database import Database, Script, Transaction

__all__ = ["batched", "reading", "repeatable", "run_alone", "run_together", "step", "undo_of", "undone_by"]

F = TypeVar("F", bound=Callable[..., Any])

_READING: set[Script] = set()
_REPEATABLE: set[Script] = set()
_BATCHED: set[Script] = set()
_UNDO: dict[Script, Script] = {}


def reading(script: F) -> F:
    """Mark a script that changes nothing: it need not wait for its turn to write."""
    _READING.add(script)
    return script


def repeatable(script: F) -> F:
    """Mark a script whose work will simply be done once more if a power failure undoes it.

    See :meth:`~lara_queue.sql.database.Database.transact` for how little may be undone, and where.
    """
    _REPEATABLE.add(script)
    return script


def batched(script: F) -> F:
    """Mark a script whose last argument is a list and whose answer has one entry for each item of it.

    Calls of it in one basket whose other arguments are the same become one call, and each gets its share of the answer.
    """
    _BATCHED.add(script)
    return script


def undone_by(undo: Script) -> Callable[[F], F]:
    """Mark a script whose work is taken back when whoever asked for it is cancelled before the answer.

    ``undo`` is called with the script's arguments and what it returned.
    """

    def mark(script: F) -> F:
        _UNDO[script] = undo
        return script

    return mark


def step(link: Any, script: Script, *args: Any) -> Call:
    """The effect that runs ``script(transaction, *args)`` in one transaction; its reply is what the script returns.

    >>> from lara_queue.plans import run
    >>> from lara_queue.sql.links import SyncSqlLink
    >>> link = SyncSqlLink(Database("sqlite://"))
    >>> def answer(transaction, number):
    ...     return transaction.connection.exec_driver_sql("SELECT ? + 1", (number,)).scalar()
    >>> effect = step(link, answer, 41)
    >>> effect.name, effect.link.call(effect.name, effect.args)
    ('answer', 42)
    """
    return Call(link, script.__name__, (script, *args))


def undo_of(script: Script) -> Script | None:
    """What takes back a script's work, if it is to be taken back."""
    return _UNDO.get(script)


def run_together(database: Database, asked: Sequence[tuple[Any, ...]]) -> list[Any]:
    """What each script returned, or the error it ended with."""
    if len(asked) > 1:
        try:
            scripts = {args[0] for args in asked}
            reading, repeatable = scripts <= _READING, scripts <= _REPEATABLE | _READING
            return list(database.transact(_each, (asked,), reading=reading, repeatable=repeatable))
        except StoreUnreachable as error:  # the others would wait for the same door
            return [error, *(copy(error) for _ in asked[1:])]
        except Exception:
            pass  # nothing of it happened; now one by one, to see whose error it is
    answers: list[Any] = []
    for args in asked:
        try:
            answers.append(run_alone(database, args))
        except Exception as error:
            answers.append(error)
    return answers


def run_alone(database: Database, args: tuple[Any, ...]) -> Any:
    """What a script returned, given with its arguments; in a transaction of its own."""
    script, *rest = args
    return database.transact(script, rest, reading=script in _READING, repeatable=script in _REPEATABLE)


def _each(transaction: Transaction, asked: Sequence[tuple[Any, ...]]) -> list[Any]:
    """Run the scripts in order, calls that can be one as one, where the last of them stands.

    That place, so that a lease renewed in the same turn in which its job is deleted is not found lost.
    """
    groups: dict[Hashable, list[int]] = {}
    for number, args in enumerate(asked):
        key: Hashable = args[:-1] if args[0] in _BATCHED else number
        group = groups.pop(key, [])
        group.append(number)
        groups[key] = group
    answers: list[Any] = [None] * len(asked)
    for numbers in groups.values():
        script, *rest = asked[numbers[0]]
        if len(numbers) == 1:
            answers[numbers[0]] = script(transaction, *rest)
            continue
        parts = [asked[number][-1] for number in numbers]
        answer = script(transaction, *rest[:-1], [item for part in parts for item in part])
        at = 0
        for number, part in zip(numbers, parts, strict=True):
            answers[number] = answer[at : at + len(part)]
            at += len(part)
    return answers
