"""The quick way through the serializations that jobs are made of. It decodes nothing that it is not sure of.

The text is cut at its double quotes. Then every second piece is the content of a string (a key, a value, a class name,
an enum case), ready to use, and the pieces between are glue (:mod:`lara_queue.php.glue`), which says what happens
there::

    O:13: " App\\Jobs\\Job1 " :2:{s:2: " id " ;i:7;s:5: " queue " ;N;}
    glue    string           glue      str.  glue      string  glue

A string that has quotes in it is found by its length.

PHP references (``R:``), duplicate keys, opaque objects and odd spellings are not done here: ``Unusual`` sends the input
to :class:`~lara_queue.php.exact_reader.ExactReader`. So do errors, which are found there again, with their position.
"""

from __future__ import annotations

import re
from itertools import islice
from operator import length_hint
from typing import Any

from lara_queue.php.exact_reader import CLASS_NAME, array_key
from lara_queue.php.glue import (
    CLASS,
    CLOSE,
    CLOSING,
    EMPTY_THEN_KEY,
    KEY,
    LAST_WITH_KEY,
    LIST,
    OPEN,
    PROPERTIES,
    PROPERTIES_THEN_KEY,
    REPEAT,
    STRING,
    VALUE,
    Unusual,
    behind_class,
    behind_key,
    behind_value,
    remember,
)
from lara_queue.php.values import PhpEnum, PhpObject, PhpValue, RawKey, allocate, class_text, set_class_name, set_raw

__all__ = ["Unusual", "enum_case", "quick_read"]

_enum_name = re.compile(r"([^:]+):([A-Za-z_][0-9A-Za-z_]*)").fullmatch

_names: dict[str, str | bytes] = {}  # of keys that cannot be numbers
_classes: dict[str, str] = {}
_enums: dict[str, PhpEnum] = {}


def quick_read(data: bytes, depth: int) -> PhpValue:
    """The value at the front of ``data``.

    :param depth: the most levels of arrays and objects; 0 for no limit.
    :raises Unusual: and IndexError or ValueError, when this is a case for the exact reader.

    The loop is long on purpose: a call for each value would cost more than the value.

    >>> quick_read(b'a:2:{s:2:"id";i:7;s:5:"queue";N;}', 0)
    {'id': 7, 'queue': None}
    """
    # A character a byte, so that lengths are those of the bytes; and a first glue like all others.
    text = ";" + data.decode("latin-1")
    pieces = text.split('"')
    pieces.append("")  # so that the last glue has something behind it, too
    numbered: list[object] | None = [] if ";r:" in text else None  # every value in PHP's order, if somebody asks
    all_ascii = text.isascii()
    top: dict[RawKey, PhpValue] = {}
    key: Any = 0
    found, size, is_array = top, 1, False
    stack: list[tuple[dict[RawKey, PhpValue], RawKey, int, bool]] = []
    left = iter(pieces)
    known = known_at = 0  # a piece whose position in the text is known
    class_name = ""
    extra: Any
    value: Any
    table = behind_key  # what the next glue is behind
    name_of = _names.get
    for glue, content in zip(left, left):  # noqa: B905 - the keyword would cost as much as a property
        what, length, extra = table[glue]
        if len(content) != length and length >= 0:
            # It has quotes in it. The position of this piece is the length of those before, and of the quotes between.
            at = len(pieces) - length_hint(left) - 1
            start = known_at + len("".join(pieces[known:at])) + at - known
            content = text[start : start + length]
            if text[start + length] != '"':
                raise Unusual
            quotes = content.count('"')
            next(islice(left, quotes - 1, None), None)
            known, known_at = at + quotes + 1, start + length + 1
        if what <= LAST_WITH_KEY:
            if not what:
                found[key] = extra
                if numbered is not None:
                    numbered.append(extra)
            elif what == KEY:
                pass  # the value has been read
            elif what == PROPERTIES_THEN_KEY:
                stack.append((found, key, size, is_array))
                made: dict[RawKey, PhpValue] = {}
                found[key] = value = allocate(PhpObject)  # what new_object() does, without the call
                set_class_name(value, class_name)
                set_raw(value, made)
                if numbered is not None:
                    numbered.append(value)
                found, size, is_array = made, extra, False
            elif what == EMPTY_THEN_KEY:
                found[key] = []
                if numbered is not None:
                    numbered.append(None)
            elif what == CLOSING:
                is_empty, value, closes = extra
                if table is behind_key:  # a value is due
                    found[key] = [] if is_empty else value
                    if numbered is not None:
                        numbered.append(None)
                while closes:
                    closes -= 1
                    if len(found) != size:
                        raise Unusual
                    made = found
                    closes_array = is_array
                    found, key, size, is_array = stack.pop()
                    if closes_array and len(made) - 1 in made and list(made) == list(range(len(made))):
                        found[key] = list(made.values())
                    if not stack:
                        return top[0]
                if length < 0:
                    raise Unusual  # nothing comes next, but something is still open
            else:  # ARRAY_THEN_KEY
                if len(stack) >= depth > 0:
                    raise Unusual
                stack.append((found, key, size, is_array))
                made = {}
                found[key] = made
                if numbered is not None:
                    numbered.append(None)
                found, size, is_array = made, extra, True
        elif what == STRING:
            found[key] = value = content if all_ascii or content.isascii() else _word(content)
            if numbered is not None:
                numbered.append(value)
            table = behind_value
            continue
        elif what == CLASS:
            if len(stack) >= depth > 0:
                raise Unusual
            class_name = _classes.get(content) or _learn_class(content)
            table = behind_class
            continue
        else:
            if what == PROPERTIES:
                count, steps, kind = extra
                stack.append((found, key, size, is_array))
                made = {}
                found[key] = value = allocate(PhpObject)
                set_class_name(value, class_name)
                set_raw(value, made)
                if numbered is not None:
                    numbered.append(value)
                found, size, is_array = made, count, False
                key_is_due = True
            else:
                steps, kind = extra
                key_is_due = table is behind_value
            for step, value in steps:
                if step == CLOSE:
                    if not key_is_due or len(found) != size:
                        raise Unusual
                    made = found
                    closes_array = is_array
                    found, key, size, is_array = stack.pop()
                    if closes_array and len(made) - 1 in made and list(made) == list(range(len(made))):
                        found[key] = list(made.values())
                    if not stack:
                        return top[0]
                elif key_is_due:
                    if step != VALUE or type(value) is not int or value in found:
                        raise Unusual
                    if not is_array and str(value) in found:
                        raise Unusual  # an object's i:5 and s:1:"5" are one property
                    key = value
                    key_is_due = False
                elif step == OPEN:
                    if len(stack) >= depth > 0:
                        raise Unusual
                    stack.append((found, key, size, is_array))
                    made = {}
                    found[key] = made
                    if numbered is not None:
                        numbered.append(None)
                    found, size, is_array = made, value, True
                    key_is_due = True
                else:
                    if step != VALUE:
                        if step == REPEAT:
                            value = _earlier(numbered, value)
                        elif value and len(stack) >= depth > 0:
                            raise Unusual
                        else:
                            if numbered is not None:
                                numbered += [None] * len(value)
                            value = list(value) if step == LIST else value.copy()
                    found[key] = value
                    key_is_due = True
                    if numbered is not None:
                        numbered.append(value)
            if key_is_due:
                if kind == "" and not stack:
                    return top[0]
                if kind != "s":
                    raise Unusual
            elif kind == "O":
                if len(stack) >= depth > 0:
                    raise Unusual
                class_name = _classes.get(content) or _learn_class(content)
                table = behind_class
                continue
            else:
                if kind == "s":
                    value = content if all_ascii or content.isascii() else _word(content)
                elif kind == "E":
                    value = enum_case(content)
                else:
                    raise Unusual
                found[key] = value
                if numbered is not None:
                    numbered.append(value)
                table = behind_value
                continue
        key = name_of(content)
        if key is None:
            key = _name(content, found, is_array)
        if key in found:
            raise Unusual
        table = behind_key
    raise Unusual


def _learn_class(content: str) -> str:
    raw = content.encode("latin-1")
    if not CLASS_NAME(raw):
        raise Unusual
    return remember(_classes, content, class_text(raw))


def enum_case(content: str) -> PhpEnum:
    """The enum case of a ``Class:Case``, a character a byte."""
    return _enums.get(content) or _learn_enum(content)


def _learn_enum(content: str) -> PhpEnum:
    name = _enum_name(content)
    if name is None or not CLASS_NAME(name[1].encode("latin-1")):
        raise Unusual
    return remember(_enums, content, PhpEnum(class_text(name[1].encode("latin-1")), name[2]))


def _word(content: str) -> str | bytes:
    """The value that a string is."""
    raw = content.encode("latin-1")
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw


def _name(content: str, found: dict[RawKey, PhpValue], is_array: bool) -> RawKey:
    """The key that a string is, when it is not one of the names that are known to be nothing but names."""
    word = _word(content)
    if not "+" < content < ":":  # a number begins with a digit or a minus
        return remember(_names, content, word)
    key = array_key(word) if isinstance(word, str) else word
    if type(key) is not int or is_array:
        return key
    if key in found:
        raise Unusual  # an object's s:1:"5" and i:5 are one property
    return word


def _earlier(numbered: list[object] | None, number: int) -> PhpValue:
    """The object that an ``r:`` means."""
    if numbered is None:
        raise Unusual
    value = numbered[number - 1]
    if not isinstance(value, (PhpObject, PhpEnum)):
        raise Unusual
    return value
