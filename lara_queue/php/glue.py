"""Glue: the text between two strings of a serialization, parsed once into a small program and looked up ever after.

Between the contents of ``"…"`` there are few different texts: ``;s:5:`` or ``;N;s:3:`` is the same in every job. A glue
is read in one of three situations, and has a table for each: behind a key, behind a value, and behind the name of a
class. The two most common glues, a string next, and a value and a string next, have programs of their own; the others
are a list of steps.

Nothing is learnt that was not parsed to its end, and a table that grows too large is emptied.
"""

from __future__ import annotations

import re
from typing import Any, TypeAlias, TypeVar

__all__ = [
    "CLOSE",
    "DICT",
    "KEY",
    "LIST",
    "OPEN",
    "PROPERTIES",
    "REPEAT",
    "STEPS",
    "VALUE",
    "VALUE_THEN_KEY",
    "Step",
    "Unusual",
    "behind_class",
    "behind_key",
    "behind_value",
    "learn",
    "remember",
]


class Unusual(Exception):
    """The quick way does not know this text; the exact reader will."""


# What a step does; each has one argument. A value becomes a key where a key is due.
VALUE, LIST, DICT, OPEN, CLOSE, REPEAT = range(6)
Step: TypeAlias = tuple[int, Any]

# What a glue as a whole does: the next string is a value; a key; a key, and the extra is the value before it; or the
# extra is the steps and what comes next (s, O, E, or "" for nothing); or that, with the number of properties in front.
_STRING, KEY, VALUE_THEN_KEY, STEPS, PROPERTIES = range(5)
# What it does, the length of the next string in bytes (-1 when there is none), and the extra.
Program: TypeAlias = tuple[int, int, Any]

behind_key: dict[str, Program] = {}
behind_value: dict[str, Program] = {}
behind_class: dict[str, Program] = {}
_parts: dict[str, tuple[Step, ...]] = {}

_token = re.compile(
    r"(N;)|b:([01]);|i:(0|-?[1-9][0-9]{0,18});|d:([^;]{1,32});|(a:0:\{\})|a:([1-9][0-9]{0,8}):\{|(\})|r:([1-9][0-9]{0,8});"
).match
_float = re.compile(r"-?(?:[0-9]+(?:\.[0-9]+)?(?:E[+-]?[0-9]+)?|INF)|NAN").fullmatch
_object_count = re.compile(r":(0|[1-9][0-9]{0,8}):\{").match
_tail = re.compile(r"((?:\}|a:[0-9]+:\{)*)(?:([sOE]):(0|[1-9][0-9]{0,8}):)?").fullmatch
_ints = re.compile(r"a:([1-9][0-9]{0,8}):\{i:((?:-?[0-9]{1,18};i:)*-?[0-9]{1,18});\}").finditer
_long_number = re.compile(r"[0-9.]{4}").search

_LONG_MAX = 2**63 - 1
_LONG_MIN = -(2**63)
_TABLE_SIZE = 8192  # entries of a table before it is emptied
_LEARN = 96  # characters of a text that is worth keeping
_SHORT = 8  # the same for a part of a glue

_T = TypeVar("_T")


def remember(table: dict[str, _T], text: str, value: _T) -> _T:
    """Put ``value`` into the table, unless the text is too long to come again; returns it."""
    if len(text) <= _LEARN:
        if len(table) >= _TABLE_SIZE:
            table.clear()
        table[text] = value
    return value


def learn(table: dict[str, Program], glue: str) -> Program:
    """Parse a glue for the situation that ``table`` is for.

    :raises Unusual: when it is not glue as PHP writes it.

    >>> learn(behind_key, ";s:5:") == (_STRING, 5, None), learn(behind_key, ";N;s:3:") == (VALUE_THEN_KEY, 3, None)
    (True, True)
    """
    program = _parse(table, glue)
    # Numbers of many digits are ids and times: they will not come again.
    return program if _long_number(glue) else remember(table, glue, program)


def _parse(table: dict[str, Program], glue: str) -> Program:
    if table is behind_class:
        count = _object_count(glue)
        if count is None:
            raise Unusual
        steps, kind, length = _glue(";" + glue[count.end() :])
        return PROPERTIES, length, (int(count[1]), steps, kind)
    if table is behind_key and glue[:3] == ";i:":  # a number that is new, and behind it something well known
        end = glue.index(";", 3)
        digits = glue[3:end]
        rest = behind_value.get(glue[end:])
        if rest is not None and len(digits) < 19 and digits.isdecimal():
            if rest[0] == KEY:
                return VALUE_THEN_KEY, rest[1], int(digits)
            return STEPS, rest[1], (((VALUE, int(digits)), *rest[2][0]), rest[2][1])
    steps, kind, length = _glue(glue)
    if kind == "s" and not steps:
        return (_STRING if table is behind_key else KEY), length, None
    if kind == "s" and table is behind_key and len(steps) == 1 and steps[0][0] == VALUE:
        return VALUE_THEN_KEY, length, steps[0][1]
    return STEPS, length, (steps, kind)


def _glue(glue: str) -> tuple[tuple[Step, ...], str, int]:
    """The steps, what comes next, and its length."""
    if glue[0] != ";":
        raise Unusual
    steps: list[Step] = []
    at = 1
    if len(glue) > _LEARN:
        for match in _ints(glue):  # long lists of ints are worth a shorter way
            steps += _steps(glue[at : match.start()])
            steps.append(_array(int(match[1]), [int(number) for number in match[2].split(";i:")]))
            at = match.end()
    *parts, last = glue[at:].split(";")
    for part in parts:
        steps += _parts.get(part) or _learn_part(part)
    tail = _tail(last)
    if tail is None:
        raise Unusual
    steps += _steps(tail[1])
    kind, length = (tail[2], int(tail[3])) if tail[2] else ("", -1)
    return tuple(_with_whole_arrays(steps)), kind, length


def _learn_part(part: str) -> tuple[Step, ...]:
    """The steps of a piece of glue that ends with a ``;``."""
    if part[:2] == "i:" and len(part) < 20 and part[2:].isdecimal():
        found: tuple[Step, ...] = ((VALUE, int(part[2:])),)
    else:
        found = _steps(part + ";")
    return remember(_parts, part, found) if len(part) <= _SHORT else found


def _steps(text: str) -> tuple[Step, ...]:
    steps: list[Step] = []
    at = 0
    while at < len(text):
        token = _token(text, at)
        if token is None:
            raise Unusual
        at = token.end()
        steps.append(_step(token))
    return tuple(steps)


def _with_whole_arrays(steps: list[Step]) -> list[Step]:
    """The same steps, with every array of mere numbers, bools and nulls as one step."""
    done: list[Step] = []
    opened = -1  # where the innermost array starts, while it holds nothing but values
    for step in steps:
        done.append(step)
        if step[0] == OPEN:
            opened = len(done) - 1
        elif step[0] == CLOSE and opened >= 0:
            done[opened:] = [_array(done[opened][1], [value for _, value in done[opened + 1 : -1]])]
            opened = -1
        elif step[0] != VALUE:
            opened = -1
    return done


def _array(count: int, words: list[Any]) -> Step:
    """The step that makes an array of keys and values."""
    keys, values = words[::2], words[1::2]
    if len(keys) != count or len(values) != count or set(map(type, keys)) != {int}:
        raise Unusual
    if keys == list(range(count)):
        return LIST, tuple(values)
    array = dict(zip(keys, values, strict=True))
    if len(array) != count:
        raise Unusual
    return DICT, array


def _step(token: re.Match[str]) -> Step:
    which, text = token.lastindex, token[token.lastindex or 0]
    if which == 1:
        return VALUE, None
    if which == 2:
        return VALUE, text == "1"
    if which == 3:
        number = int(text)
        if not _LONG_MIN <= number <= _LONG_MAX:
            raise Unusual
        return VALUE, number
    if which == 4:
        if not _float(text):
            raise Unusual
        return VALUE, float(text)
    if which == 5:
        return LIST, ()
    if which == 6:
        return OPEN, int(text)
    if which == 7:
        return CLOSE, None
    return REPEAT, int(text)
