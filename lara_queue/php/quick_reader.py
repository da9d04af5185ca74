"""The quick way through the serializations that jobs are made of. It decodes nothing that it is not sure of.

The text is cut at its double quotes. Then every second piece is the content of a string (a key, a value, a class name,
an enum case), ready to use, and the pieces between are *glue*, which says what happens from one string to the next::

    O:13: " App\\Jobs\\Job1 " :2:{s:2: " id " ;i:7;s:5: " queue " ;N;}
    glue    string           glue      str.  glue      string  glue

There are few different glues: ``;s:5:`` or ``;N;s:3:`` is the same in every job. So a glue is parsed once, into a small
program (:data:`Program`), and looked up the next time. A string that has quotes in it is found by its length.

PHP references (``R:``), duplicate keys, opaque objects and odd spellings are not done here: :class:`Unusual` sends the
input to
:class:`~lara_queue.php.exact_reader.ExactReader`. So do errors, which are found there again, with their position.
"""

from __future__ import annotations

import re
from itertools import islice
from operator import length_hint
from typing import Any, TypeAlias, TypeVar

from lara_queue.php.exact_reader import CLASS_NAME, array_key, text_or_bytes
from lara_queue.php.values import PhpEnum, PhpObject, PhpValue, RawKey, allocate, class_text, set_class_name, set_raw

__all__ = ["Unusual", "quick_read"]


class Unusual(Exception):
    """The quick way does not know this text; the exact reader will."""


# What a step of a glue does. A value becomes a key where a key is due.
_VALUE, _LIST, _DICT, _OPEN, _CLOSE, _REPEAT = range(6)
Step: TypeAlias = tuple[int, Any]

# The value, if the glue is nothing but one value; the steps; what comes after the glue (None: a string, O: a class
# name, E: an enum case, "": nothing); its length in bytes.
Program: TypeAlias = tuple[Any, tuple[Step, ...], str | None, int]

_token = re.compile(
    r"(N;)|b:([01]);|i:(0|-?[1-9][0-9]{0,18});|d:([^;]{1,32});|(a:0:\{\})|a:([1-9][0-9]{0,8}):\{|(\})|r:([1-9][0-9]{0,8});"
).match
_float = re.compile(r"-?(?:[0-9]+(?:\.[0-9]+)?(?:E[+-]?[0-9]+)?|INF)|NAN").fullmatch
_object_count = re.compile(r":(0|[1-9][0-9]{0,8}):\{").match
_tail = re.compile(r"((?:\}|a:[0-9]+:\{\}?)*)(?:([sOE]):(0|[1-9][0-9]{0,8}):)?").fullmatch
_enum_name = re.compile(r"([^:]+):([A-Za-z_][0-9A-Za-z_]*)").fullmatch
_long_number = re.compile(r"[0-9.]{4}").search

_LONG_MAX = 2**63 - 1
_LONG_MIN = -(2**63)
_TABLE_SIZE = 8192  # entries of a table before it is emptied
_LEARN = 96  # characters of a text that is worth keeping
_SHORT = 8  # the same for a part of a glue

_T = TypeVar("_T")

_programs: dict[str, Program] = {}
_openers: dict[str, tuple[int, Program]] = {}
_parts: dict[str, tuple[Step, ...]] = {}
_classes: dict[str, str] = {}
_enums: dict[str, PhpEnum] = {}


_ROOT = 0
_NO_KEY: Any = object()  # where a key is due
_MANY: Any = object()  # where there is not exactly one value


def quick_read(data: bytes, depth: int) -> PhpValue:
    """The value at the front of ``data``, an array or an object.

    :param depth: the most levels of arrays and objects; 0 for no limit.
    :raises Unusual: and IndexError or ValueError, when this is a case for the exact reader.

    >>> quick_read(b'a:2:{s:2:"id";i:7;s:5:"queue";N;}', 0)
    {'id': 7, 'queue': None}
    """
    text = data.decode("latin-1")  # a character a byte, so that lengths and positions are those of the bytes
    pieces = text.split('"')
    pieces.append("")  # so that the last glue has something behind it, too
    numbered: list[object] | None = [] if ";r:" in text else None  # every value in PHP's order, if somebody asks
    if text[0] not in "aO":
        raise Unusual
    top: dict[RawKey, PhpValue] = {}
    key: RawKey = _ROOT
    found, size, is_array = top, 1, False
    stack: list[tuple[dict[RawKey, PhpValue], RawKey, int, bool]] = []
    no_key, many, programs, openers, classes = _NO_KEY, _MANY, _programs, _openers, _classes
    left = iter(pieces)
    known = known_at = 0  # a piece whose position in the text is known
    all_ascii = text.isascii()
    pieces[0] = ";" + pieces[0]
    class_name = ""
    value: Any
    for glue, content in zip(left, left, strict=False):
        if class_name:
            size_of_it, (single, steps, kind, length) = openers.get(glue) or _learn_opener(glue)
            stack.append((found, key, size, is_array))
            made: dict[RawKey, PhpValue] = {}
            found[key] = value = allocate(PhpObject)  # what new_object() does, without the call
            set_class_name(value, class_name)
            set_raw(value, made)
            if numbered is not None:
                numbered.append(value)
            found, key, size, is_array = made, no_key, size_of_it, False
            class_name = ""
        else:
            single, steps, kind, length = programs.get(glue) or _learn_program(glue)
        if single is not many and key is not no_key:
            found[key] = single
            key = no_key
            if numbered is not None:
                numbered.append(single)
        elif steps:
            for step, value in steps:
                if step == _CLOSE:
                    if key is not no_key or len(found) != size:
                        raise Unusual
                    made = found
                    closes_array = is_array
                    found, key, size, is_array = stack.pop()
                    if closes_array and len(made) - 1 in made and list(made) == list(range(len(made))):
                        found[key] = list(made.values())
                    if not stack:
                        return top[0]
                    key = no_key
                    continue
                if key is no_key:
                    if step != _VALUE or type(value) is not int or value in found:
                        raise Unusual
                    if not is_array and str(value) in found:
                        raise Unusual  # an object's i:5 and s:1:"5" are one property
                    key = value
                    continue
                if step != _VALUE:
                    if step == _REPEAT:
                        value = _earlier(numbered, value)
                    elif value and len(stack) >= depth > 0:
                        raise Unusual
                    elif step == _OPEN:
                        stack.append((found, key, size, is_array))
                        made = {}
                        found[key] = made
                        if numbered is not None:
                            numbered.append(None)
                        found, key, size, is_array = made, no_key, value, True
                        continue
                    else:
                        if numbered is not None:
                            numbered += [None] * len(value)
                        value = list(value) if step == _LIST else value.copy()
                found[key] = value
                key = no_key
                if numbered is not None:
                    numbered.append(value)
            if not stack and key is no_key:
                return top[0]
        if len(content) != length:
            if length < 0:
                raise Unusual
            # It has quotes in it. The position of this piece is the length of those before, and of the quotes between.
            at = len(pieces) - length_hint(left) - 1
            known_at += sum(map(len, pieces[known:at])) + at - known - (not known)  # not the ";" that we have added
            known = at
            content = text[known_at : known_at + length]
            if text[known_at + length] != '"':
                raise Unusual
            next(islice(left, content.count('"') - 1, None), None)
        if kind is None:
            word = content if all_ascii else _word(content)
            if key is not no_key:
                found[key] = word
                key = no_key
                if numbered is not None:
                    numbered.append(word)
            else:
                key = _numeric_key(content, found, is_array) if "+" < content < ":" else word
                if key in found:
                    raise Unusual
        elif key is no_key:
            raise Unusual
        elif kind == "O":
            if len(stack) >= depth > 0:
                raise Unusual
            class_name = classes.get(content) or _learn_class(content)
        else:
            found[key] = value = _enums.get(content) or _learn_enum(content)
            key = no_key
            if numbered is not None:
                numbered.append(value)
    raise Unusual


def _learn_program(glue: str) -> Program:
    if glue[:3] == ";i:":  # a number that is new, and behind it something well known
        end = glue.index(";", 3)
        digits = glue[3:end]
        known = _programs.get(glue[end:])
        if known is not None and len(digits) < 19 and digits.isdecimal():
            program = _program([(_VALUE, int(digits)), *known[1]], known[2], known[3])
            return program if _long_number(digits) else _remember(_programs, glue, program)
    steps: list[Step] = []
    first, *parts = glue.split(";")
    if first:
        raise Unusual
    last = parts.pop()
    for part in parts:
        steps += _parts.get(part) or _learn_part(part)
    tail = _tail(last)
    if tail is None:
        raise Unusual
    steps += _steps(tail[1])
    kind, length = (tail[2], int(tail[3])) if tail[2] else ("", -1)
    program = _program(_with_whole_arrays(steps), None if kind == "s" else kind, length)
    # Numbers of many digits are ids and times: they will not come again.
    if len(glue) <= _LEARN and not _long_number(glue):
        _remember(_programs, glue, program)
    return program


def _program(steps: list[Step], kind: str | None, length: int) -> Program:
    single = steps[0][1] if len(steps) == 1 and steps[0][0] == _VALUE else _MANY
    return single, tuple(steps), kind, length


def _learn_opener(glue: str) -> tuple[int, Program]:
    """What the glue behind a class name means: the number of properties comes first, then it goes on as any other."""
    count = _object_count(glue)
    if count is None:
        raise Unusual
    opener = int(count[1]), _learn_program(";" + glue[count.end() :])
    return opener if _long_number(glue) else _remember(_openers, glue, opener)


def _word(content: str) -> str | bytes:
    return content if content.isascii() else text_or_bytes(content.encode("latin-1"))


def _learn_part(part: str) -> tuple[Step, ...]:
    """The steps of a piece of glue that ends with a ``;``."""
    if part[:2] == "i:" and len(part) < 20 and part[2:].isdecimal():
        found: tuple[Step, ...] = ((_VALUE, int(part[2:])),)
    else:
        found = _steps(part + ";")
    return _remember(_parts, part, found) if len(part) <= _SHORT else found


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
        if step[0] == _OPEN:
            opened = len(done) - 1
        elif step[0] == _CLOSE and opened >= 0:
            words = [value for _, value in done[opened + 1 : -1]]
            array = dict(zip(words[::2], words[1::2], strict=True))
            if not 2 * len(array) == len(words) == 2 * done[opened][1] or any(type(key) is not int for key in array):
                raise Unusual
            is_list = list(array) == list(range(len(array)))
            done[opened:] = [(_LIST, tuple(array.values())) if is_list else (_DICT, array)]
            opened = -1
        elif step[0] != _VALUE:
            opened = -1
    return done


def _step(token: re.Match[str]) -> Step:
    which, text = token.lastindex, token[token.lastindex or 0]
    if which == 1:
        return _VALUE, None
    if which == 2:
        return _VALUE, text == "1"
    if which == 3:
        number = int(text)
        if not _LONG_MIN <= number <= _LONG_MAX:
            raise Unusual
        return _VALUE, number
    if which == 4:
        if not _float(text):
            raise Unusual
        return _VALUE, float(text)
    if which == 5:
        return _LIST, ()
    if which == 6:
        return _OPEN, int(text)
    if which == 7:
        return _CLOSE, None
    return _REPEAT, int(text)


def _learn_class(content: str) -> str:
    raw = content.encode("latin-1")
    if not CLASS_NAME(raw):
        raise Unusual
    return _remember(_classes, content, class_text(raw))


def _learn_enum(content: str) -> PhpEnum:
    name = _enum_name(content)
    if name is None or not CLASS_NAME(name[1].encode("latin-1")):
        raise Unusual
    return _remember(_enums, content, PhpEnum(class_text(name[1].encode("latin-1")), name[2]))


def _remember(table: dict[str, _T], text: str, value: _T) -> _T:
    if len(text) <= _LEARN:
        if len(table) >= _TABLE_SIZE:
            table.clear()
        table[text] = value
    return value


def _numeric_key(name: str, found: dict[RawKey, PhpValue], is_array: bool) -> RawKey:
    """The key that a name is which begins like a number, and so is ASCII throughout if it is one."""
    key = array_key(name)
    if is_array:
        return key if type(key) is int else _word(name)
    if type(key) is int and key in found:
        raise Unusual  # an object's s:1:"5" and i:5 are one property
    return _word(name)


def _earlier(numbered: list[object] | None, number: int) -> PhpValue:
    """The object that an ``r:`` means."""
    if numbered is None:
        raise Unusual
    value = numbered[number - 1]
    if not isinstance(value, (PhpObject, PhpEnum)):
        raise Unusual
    return value
