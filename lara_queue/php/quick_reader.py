"""The quick way through the serializations that jobs are made of. It decodes nothing that it is not sure of.

The text is cut at its double quotes. Then every second piece is the content of a string (a key, a value, a class name, an
enum case), ready to use, and the pieces between are *glue*, which says what happens from one string to the next::

    O:13: " App\\Jobs\\Job1 " :2:{s:2: " id " ;i:7;s:5: " queue " ;N;}
    glue    string           glue      str.  glue      string  glue

There are few different glues: ``;s:5:`` or ``;N;s:3:`` is the same in every job. So a glue is parsed once, into a small program
(:data:`Program`), and looked up the next time. A string that has quotes in it is found by its length.

PHP references (``R:``), duplicate keys, opaque objects and odd spellings are not done here: :class:`Unusual` sends the input to
:class:`~lara_queue.php.exact_reader.ExactReader`. So do errors, which are found there again, with their position.
"""

from __future__ import annotations

import re
from typing import TypeAlias

from lara_queue.php.exact_reader import CLASS_NAME, array_key, text_or_bytes
from lara_queue.php.values import PhpEnum, PhpObject, PhpValue, RawKey, class_text, new_object

__all__ = ["Unusual", "quick_read"]


class Unusual(Exception):
    """The quick way does not know this text; the exact reader will."""


# What a step of a glue does. A value becomes a key where a key is due.
_VALUE, _EMPTY, _OPEN, _CLOSE, _REPEAT = range(5)

# The elements of the object whose class name comes before the glue, or _NO_OBJECT behind the end of a string; the steps;
# what the next piece of text is (s, O, E, or "" at the end) and its length in bytes.
Program: TypeAlias = tuple[int, tuple[tuple[int, PhpValue], ...], str, int]
_NO_OBJECT = -1

_token = re.compile(
    r"(N;)|b:([01]);|i:(-?(?:0|[1-9][0-9]{0,18}));|d:([^;]{1,32});|a:(0:\{\})|a:([1-9][0-9]{0,8}):\{|(\})|r:([1-9][0-9]{0,8});"
).match
_float = re.compile(r"-?(?:[0-9]+(?:\.[0-9]+)?(?:E[+-]?[0-9]+)?|INF)|NAN").fullmatch
_object_count = re.compile(r":(0|[1-9][0-9]{0,8}):\{").match
_tail = re.compile(r"([sOE]):(0|[1-9][0-9]{0,8}):").fullmatch
_enum_name = re.compile(r"([^:]+):([A-Za-z_][0-9A-Za-z_]*)").fullmatch
_long_number = re.compile(r"[0-9.]{4}").search
_numeric = frozenset("-0123456789")

_LONG_MAX = 2**63 - 1
_LONG_MIN = -(2**63)
_TABLE_SIZE = 8192  # entries of a table before it is emptied
_LEARN = 96  # characters of a text that is worth keeping
_RANGES = [list(range(n)) for n in range(64)]

_programs: dict[str, Program] = {}
_classes: dict[str, str] = {}
_enums: dict[str, PhpEnum] = {}


class _NoKey:
    """Where a key is due."""


_NO_KEY = _NoKey()


def quick_read(data: bytes, depth: int) -> PhpValue:
    """The value at the front of ``data``, an array or an object.

    :param depth: the most levels of arrays and objects; 0 for no limit.
    :raises Unusual: and IndexError, KeyError or ValueError, when this is a case for the exact reader.

    >>> quick_read(b'a:2:{s:2:"id";i:7;s:5:"queue";N;}', 0)
    {'id': 7, 'queue': None}
    """
    text = data.decode("latin-1")  # a character a byte, so that lengths and positions are those of the bytes
    pieces = text.split('"')
    numbered: list[object] | None = [] if ";r:" in text else None  # every value in PHP's order, if somebody asks
    if text[0] not in "aO":
        raise Unusual
    top: dict[RawKey, PhpValue] = {}
    found, key, size, is_array = top, _ROOT, 1, False
    stack: list[tuple[dict[RawKey, PhpValue], RawKey, int, bool]] = []
    programs, classes = _programs, _classes
    class_name = ""
    glue = ";" + pieces[0]
    at = known = known_at = 0  # the piece we are at; one whose position in the text is known
    value: PhpValue
    while True:
        try:
            elements, steps, kind, length = programs[glue]
        except KeyError:
            elements, steps, kind, length = _learn_program(glue)
        if elements >= 0:
            if not class_name or key is _NO_KEY or key in found:
                raise Unusual
            stack.append((found, key, size, is_array))
            if len(stack) > depth > 0:
                raise Unusual
            made: dict[RawKey, PhpValue] = {}
            found[key] = value = new_object(class_name, made)
            if numbered is not None:
                numbered.append(value)
            found, key, size, is_array = made, _NO_KEY, elements, False
            class_name = ""
        elif class_name:
            raise Unusual
        for step, value in steps:
            if step == _CLOSE:
                if key is not _NO_KEY or len(found) != size:
                    raise Unusual
                made = found
                closes_array = is_array
                found, key, size, is_array = stack.pop()
                if closes_array:
                    last = len(made) - 1
                    if last in made and list(made) == (_RANGES[last + 1] if last < 63 else list(range(last + 1))):
                        found[key] = list(made.values())
                if not stack:
                    return top[0]
                key = _NO_KEY
                continue
            if key is _NO_KEY:
                if step != _VALUE or type(value) is not int or value in found:
                    raise Unusual
                key = value
                continue
            if step == _OPEN:
                stack.append((found, key, size, is_array))
                if len(stack) > depth > 0:
                    raise Unusual
                made = {}
                found[key] = made
                if numbered is not None:
                    numbered.append(None)
                found, key, size, is_array = made, _NO_KEY, value, True
                continue
            if step == _EMPTY:
                value = []
            elif step == _REPEAT:
                value = _earlier(numbered, value)
            found[key] = value
            key = _NO_KEY
            if numbered is not None:
                numbered.append(value)
        content = pieces[at + 1]
        at += 2
        if len(content) != length:
            # It has quotes in it. The position of this piece is the length of those before, and of the quotes between.
            known_at += sum(map(len, pieces[known : at - 1])) + at - 1 - known
            content = text[known_at : known_at + length]
            known = at - 1
            at += content.count('"')
            if text[known_at + length] != '"':
                raise Unusual
        glue = pieces[at]
        if kind == "s":
            if not content.isascii():
                content = text_or_bytes(content.encode("latin-1"))
            if key is _NO_KEY:
                key = content
                if key and key[0] in _numeric:
                    key = _numeric_key(key, is_array)
                if key in found:
                    raise Unusual
            else:
                found[key] = content
                key = _NO_KEY
                if numbered is not None:
                    numbered.append(content)
        elif kind == "O":
            try:
                class_name = classes[content]
            except KeyError:
                class_name = _learn_class(content)
        elif kind == "E" and key is not _NO_KEY:
            found[key] = value = _enums.get(content) or _learn_enum(content)
            key = _NO_KEY
            if numbered is not None:
                numbered.append(value)
        else:
            raise Unusual
