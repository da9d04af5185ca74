"""Glue: the text between two strings of a serialization, parsed once into a small program and looked up ever after.

Between the contents of ``"…"`` there are few different texts: ``;s:5:`` or ``;N;s:3:`` is the same in every job. A glue
is read in one of three situations, and has a table for each: behind a key, behind a value, and behind the name of a
class. The common glues (a string next; a value and a string next; the end of an object and a string next) have programs
of their own; the others are a list of steps.

Nothing is learnt that was not parsed to its end, and a table that grows too large is emptied. What is new in a glue is
mostly its beginning, an id or a price perhaps, and the length of the text behind it: then only these are read, and what
is between them is looked up.
"""

from __future__ import annotations

import re
from typing import Any, TypeAlias, TypeVar

__all__ = [
    "ARRAY_THEN_KEY",
    "CLASS",
    "CLOSE",
    "CLOSING",
    "DICT",
    "EMPTY_THEN_KEY",
    "KEY",
    "LAST_WITH_KEY",
    "LIST",
    "OPEN",
    "PROPERTIES",
    "PROPERTIES_THEN_KEY",
    "REPEAT",
    "STEPS",
    "STRING",
    "VALUE",
    "VALUE_THEN_KEY",
    "Step",
    "Unusual",
    "behind_class",
    "behind_key",
    "behind_value",
    "remember",
]


class Unusual(Exception):
    """The quick way does not know this text; the exact reader will."""


# What a step does; each has one argument. A value becomes a key where a key is due.
VALUE, LIST, DICT, OPEN, CLOSE, REPEAT = range(6)
Step: TypeAlias = tuple[int, Any]

# What a glue as a whole does. With the first six the next string is a key, and in front of it is: the value that is the
# extra; nothing; an empty array; the opening of an array or of an object, with as many elements as the extra says; the
# end of containers, with a value before it if one is due: the extra is whether it is an empty array, the value itself,
# and the number of containers. Then: the next string is a value; the name of a class. With STEPS, the extra is the
# steps and what comes next (s, O, E, or "" for nothing); PROPERTIES is the same with the number of an object's
# properties in front.
VALUE_THEN_KEY, KEY, EMPTY_THEN_KEY, ARRAY_THEN_KEY, PROPERTIES_THEN_KEY, CLOSING, STRING, CLASS = range(8)
STEPS, PROPERTIES = 8, 9
LAST_WITH_KEY = CLOSING
# What it does, the length of the next string in bytes (-1 when there is none), and the extra.
Program: TypeAlias = tuple[int, int, Any]


class _Table(dict[str, Program]):
    """The programs of the glues that were met in one situation; one that is missing is parsed.

    >>> behind_key[";s:5:"] == (STRING, 5, None), behind_key[";N;s:3:"] == (VALUE_THEN_KEY, 3, None)
    (True, True)
    """

    __slots__ = ()

    def __missing__(self, glue: str) -> Program:
        return _learn(self, glue)


behind_key = _Table()
behind_value = _Table()
behind_class = _Table()
_parts: dict[str, tuple[Step, ...]] = {}

_token = re.compile(
    r"(N;)|b:([01]);|i:(0|-?[1-9][0-9]{0,18});|d:([^;]{1,32});|(a:0:\{\})|a:([1-9][0-9]{0,8}):\{|(\})|r:([1-9][0-9]{0,8});"
).match
_float = re.compile(r"-?(?:[0-9]+(?:\.[0-9]+)?(?:E[+-]?[0-9]+)?|INF)|NAN").fullmatch
_object_count = re.compile(r":(0|[1-9][0-9]{0,8}):\{").match
_tail = re.compile(r"((?:\}|a:[0-9]+:\{)*)(?:([sOE]):(0|[1-9][0-9]{0,8}):)?").fullmatch
_ints = re.compile(r"a:([1-9][0-9]{0,8}):\{i:([-0-9;i:]*+)\}").finditer
_opening = re.compile(r";a:([1-9][0-9]{0,8}):\{").match
_text_item = re.compile(r";i:([0-9]{1,18});s:([0-9]{1,9}):").fullmatch
_ints_first = re.compile(r";a:([1-9][0-9]{0,8}):\{i:([-0-9;i:]*+)\}").match
_long_number = re.compile(r"[0-9]{4}").search

_LONG_MAX = 2**63 - 1
_LONG_MIN = -(2**63)
_TABLE_SIZE = 8192  # entries of a table before it is emptied
_LEARN = 96  # characters of a text that is worth keeping
_SHORT = 8  # the same for a part of a glue

_INDEXES = [str(index) for index in range(1024)]  # the keys of a list, as they are written

_T = TypeVar("_T")


def remember(table: dict[str, _T], text: str, value: _T) -> _T:
    """Put ``value`` into the table, unless the text is too long to come again; returns it."""
    if len(text) <= _LEARN:
        if len(table) >= _TABLE_SIZE:
            table.clear()
        table[text] = value
    return value


def _learn(table: _Table, glue: str) -> Program:
    """Parse a glue for the situation that ``table`` is for, by way of what is known of its parts.

    :raises Unusual: or ValueError, when it is not glue as PHP writes it.
    """
    if len(glue) > _LEARN:
        return _parse(table, glue)
    program = _from_parts(table, glue) or _parse(table, glue)
    # Numbers of many digits are ids, times and lengths of texts: they will not come again.
    return program if _long_number(glue) else remember(table, glue, program)


def _from_parts(table: _Table, glue: str) -> Program | None:
    """The program of a glue that begins in one of the common ways; what is behind that is looked up."""
    if table is behind_class:
        count = _object_count(glue)
        return _with_count(int(count[1]), ";" + glue[count.end() :]) if count else None
    head = glue[:3]
    if head == ";s:" or head == ";O:":
        digits = glue[3:-1]
        if digits.isdecimal() and glue[-1] == ":":
            if head == ";s:":
                return (STRING if table is behind_key else KEY), int(digits), None
            if table is behind_key:
                return CLASS, int(digits), None
    elif table is behind_value:
        if head[:2] == ";}":
            rest = glue[1:].lstrip("}")
            return _with_ends(len(glue) - 1 - len(rest), ";" + rest)
        if head == ";i:":
            item = _text_item(glue)
            if item:
                return STEPS, int(item[2]), (((VALUE, int(item[1])),), "s")
    elif head == ";N;":
        return _with_value((VALUE, None), glue[2:])
    elif head == ";i:" or head == ";d:":
        end = glue.find(";", 3)
        return _with_value((VALUE, _number(head, glue[3:end])), glue[end:])
    elif head == ";b:" and glue[3:5] in ("0;", "1;"):
        return _with_value((VALUE, glue[3] == "1"), glue[4:])
    elif glue.startswith(";a:0:{}"):
        return _with_value((LIST, ()), ";" + glue[7:])
    elif head == ";a:":
        if "}" not in glue:
            opening = _opening(glue)
            return _with_opening(int(opening[1]), ";" + glue[opening.end() :]) if opening else None
        ints = _ints_first(glue) if _long_number(glue) else None
        if ints:
            return _with_value(_array_of_ints(int(ints[1]), ints[2]), ";" + glue[ints.end() :])
    return None


def _number(head: str, digits: str) -> int | float:
    if head == ";i:":
        return int(digits) if digits.isdecimal() and len(digits) < 19 else int(_steps(f"i:{digits};")[0][1])
    if not _float(digits):
        raise Unusual
    return float(digits)


def _with_value(step: Step, rest: str) -> Program:
    """The program of a value and the glue behind it."""
    what, length, extra = behind_value[rest]
    if step[0] == VALUE or not step[1]:
        if what == KEY:
            return (VALUE_THEN_KEY if step[0] == VALUE else EMPTY_THEN_KEY), length, step[1]
        if what == CLOSING:
            return CLOSING, length, (step[0] == LIST, step[1], extra[2])
    steps, kind = _as_steps(what, length, extra)
    return STEPS, length, ((step, *steps), kind)


def _with_opening(count: int, rest: str) -> Program:
    """The program of an opening array and the glue behind it."""
    what, length, extra = behind_value[rest]
    if what == KEY:
        return ARRAY_THEN_KEY, length, count
    steps, kind = _as_steps(what, length, extra)
    return STEPS, length, (((OPEN, count), *steps), kind)


def _with_ends(closes: int, rest: str) -> Program:
    """The program of some closing braces and the glue behind them."""
    if rest == ";":
        return CLOSING, -1, (False, None, closes)
    what, length, extra = behind_value[rest]
    if what == KEY:
        return CLOSING, length, (False, None, closes)
    steps, kind = _as_steps(what, length, extra)
    return STEPS, length, (((CLOSE, None),) * closes + steps, kind)


def _with_count(count: int, rest: str) -> Program:
    """The program of an object's number of properties and the glue behind it."""
    what, length, extra = behind_value[rest]
    if what == KEY:
        return PROPERTIES_THEN_KEY, length, count
    return PROPERTIES, length, (count, *_as_steps(what, length, extra))


def _as_steps(what: int, length: int, extra: Any) -> tuple[tuple[Step, ...], str]:
    """The steps and what comes next, of a program for a glue behind a value."""
    if what == KEY:
        return (), "s"
    if what == CLOSING:
        return ((CLOSE, None),) * extra[2], "s" if length >= 0 else ""
    steps, kind = extra
    return steps, kind


def _parse(table: _Table, glue: str) -> Program:
    if table is behind_class:
        count = _object_count(glue)
        if count is None:
            raise Unusual
        steps, kind, length = _glue(";" + glue[count.end() :])
        if kind == "s" and not steps:
            return PROPERTIES_THEN_KEY, length, int(count[1])
        return PROPERTIES, length, (int(count[1]), steps, kind)
    steps, kind, length = _glue(glue)
    if kind == "s" and not steps:
        return (STRING if table is behind_key else KEY), length, None
    if table is behind_key:
        if kind == "O" and not steps:
            return CLASS, length, None
        if kind == "s" and len(steps) == 1:
            what, extra = steps[0]
            if what == VALUE:
                return VALUE_THEN_KEY, length, extra
            if what == LIST and not extra:
                return EMPTY_THEN_KEY, length, None
            if what == OPEN:
                return ARRAY_THEN_KEY, length, extra
    if steps and kind in ("s", ""):
        first, *rest = steps if table is behind_key else ((VALUE, None), *steps)
        closes = rest.count((CLOSE, None))
        if 0 < closes == len(rest) and (first[0] == VALUE or first == (LIST, ())):
            return CLOSING, length, (first[0] == LIST, first[1], closes)
    return STEPS, length, (steps, kind)


def _glue(glue: str) -> tuple[tuple[Step, ...], str, int]:
    """The steps, what comes next, and its length."""
    if glue[0] != ";":
        raise Unusual
    steps: list[Step] = []
    at = 1
    if "{i:" in glue:
        for match in _ints(glue):  # long arrays of ints are worth a shorter way
            steps += _steps(glue[at : match.start()])
            steps.append(_array_of_ints(int(match[1]), match[2]))
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


def _array_of_ints(count: int, text: str) -> Step:
    """The step that makes an array of its text without the first ``i:``; ValueError when something is wrong with it."""
    words = text[:-1].split(";i:")
    if text[-1:] != ";" or len(words) != 2 * count:
        raise Unusual
    numbers = list(map(int, words[1::2]))
    if words[::2] != _INDEXES[:count]:
        numbers = list(map(int, words))
    if not _LONG_MIN <= min(numbers) <= max(numbers) <= _LONG_MAX:
        raise Unusual
    return (LIST, numbers) if len(numbers) == count else _array(count, numbers)


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
