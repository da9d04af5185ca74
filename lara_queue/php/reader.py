"""``loads``: the quick way through the serializations that jobs are made of; anything unusual is read by the exact
reader.

The quick way handles what PHP writes for values without PHP references (``R:``), up to a good depth. It looks at each
byte about once and leans on what repeats from job to job: the text of a key (``s:5:"queue"``), of a class header
(``O:13:"App\\Jobs\\Job1":14:``) or of a length is looked up, not parsed. The tables only ever hold texts that were
parsed completely once, and they are emptied when they grow too large.

It decodes nothing it is not sure of. On the first surprise (a reference, an escaped string, an error, too much
depth) it gives up, and :class:`~lara_queue.php.exact_reader.ExactReader` reads from the beginning. So there is one
place that decides what PHP accepts, and errors come only from there.
"""

from __future__ import annotations

import re
from typing import TypeVar

from lara_queue.errors import PhpUnserializeError
from lara_queue.php.exact_reader import CLASS_NAME, ExactReader, array_key, text_or_bytes
from lara_queue.php.limits import DEFAULT, Limits
from lara_queue.php.values import PhpCustom, PhpEnum, PhpObject, PhpValue, RawKey, class_text, new_object

__all__ = ["loads"]

_TABLE_SIZE = 8192  # entries; the texts are at most _LEARN bytes long
_LEARN = 256
_LONG_MAX = 2**63 - 1
_LONG_MIN = -(2**63)
_QUICK_DEPTH = 200  # levels, one Python frame each
_ELEMENT_BYTES = 6

_string_start = re.compile(r's:(0|[1-9][0-9]{0,8}):"').match
_int_token = re.compile(r"i:(0|-?[1-9][0-9]{0,18})").fullmatch
_float_token = re.compile(r"d:(-?(?:[0-9]+(?:\.[0-9]+)?(?:E[+-]?[0-9]+)?|INF)|NAN)").fullmatch
_length_token = re.compile(r"s:(0|[1-9][0-9]{0,9}):").fullmatch
_array_header = re.compile(r"a:(0|[1-9][0-9]{0,8}):").fullmatch
_object_header = re.compile(r'O:([1-9][0-9]{0,3}):"([^"]+)":(0|[1-9][0-9]{0,8}):').fullmatch
_custom_header = re.compile(r'C:([1-9][0-9]{0,3}):"([^"]+)":(0|[1-9][0-9]{0,8}):\{').match
_repeat_token = re.compile(r"r:([1-9][0-9]{0,8})").fullmatch
_enum_token = re.compile(r'E:([1-9][0-9]{0,3}):"([^":;]+):([A-Za-z_][0-9A-Za-z_]*)"').fullmatch

_T = TypeVar("_T")

_array_keys: dict[str, RawKey] = {}
_property_keys: dict[str, RawKey] = {}
_lengths: dict[str, int] = {}
_objects: dict[str, tuple[str, int]] = {}
_enums: dict[str, PhpEnum] = {}
_counts: dict[str, int] = {}
_bools = {"b:0;": False, "b:1;": True}


class _Unusual(Exception):
    """The quick way does not know this text; the exact reader will."""


def loads(data: bytes, *, limits: Limits = DEFAULT) -> PhpValue:
    """The value that PHP's ``unserialize()`` makes of ``data``, without running any code.

    Strings become ``str`` if they are UTF-8 and ``bytes`` if not, arrays ``list`` or ``dict``, objects ``PhpObject``;
    references come back as shared objects (see :mod:`lara_queue.php.values`). Bytes behind the value are ignored, as
    PHP does.

    :param data: the serialization, in bytes: PHP's lengths count bytes.
    :param limits: depth, size and number of elements that are acceptable.
    :raises PhpUnserializeError: when PHP would refuse the bytes, with the position in bytes, or when a limit is
        exceeded.
    :raises TypeError: when ``data`` is not bytes.

    Mirrors ``unserialize()`` of PHP 8.2, in ``ext/standard/var_unserializer.re``. What PHP refuses only because of a
    class it knows (an enum case that does not exist, a value that does not fit a typed property) is accepted.

    >>> loads(b'a:2:{s:2:"to";s:1:"x";s:3:"ids";a:2:{i:0;i:7;i:1;i:8;}}')
    {'to': 'x', 'ids': [7, 8]}
    """
    if not isinstance(data, bytes):
        if not isinstance(data, (bytearray, memoryview)):
            raise TypeError(f"PHP serialization is bytes, not {type(data).__name__}")
        data = bytes(data)
    if limits.size is not None and len(data) > limits.size:
        raise PhpUnserializeError(f"more than the limit of {limits.size} bytes", limits.size)
    if limits.elements is None or len(data) <= limits.elements * _ELEMENT_BYTES:
        try:
            return _quick(data, limits)
        except (_Unusual, IndexError, KeyError, ValueError, RecursionError):
            pass
    return ExactReader(data, limits).read()


def _quick(data: bytes, limits: Limits) -> PhpValue:
    text = data.decode("latin-1")  # one character a byte, so that lengths and slices are the same as in the bytes
    if ";R:" in text:  # PHP references need to know which slot a value is in; this is so rare that we do not keep track
        raise _Unusual
    depth = min(limits.depth or _QUICK_DEPTH, _QUICK_DEPTH)
    numbered: list[object] | None = [] if ";r:" in text else None
    brace = text.index("{")
    elements: dict[RawKey, PhpValue] = {}
    if text[0] == "O":
        class_name, count = _object(text[:brace])
        made = new_object(class_name, elements)
        if numbered is not None:
            numbered.append(made)
        _elements(text, data, brace + 1, count, elements, _property_keys, depth, numbered)
        return made
    count = _count(text[:brace])
    if numbered is not None:
        numbered.append(elements)
    _elements(text, data, brace + 1, count, elements, _array_keys, depth if count else 1, numbered)
    return list(elements.values()) if list(elements) == list(range(count)) else elements


def _elements(
    text: str,
    data: bytes,
    at: int,
    count: int,
    found: dict[RawKey, PhpValue],
    keys: dict[str, RawKey],
    depth: int,
    numbered: list[object] | None,
) -> int:
    """Read ``count`` keys with their values, and the closing brace, into ``found``; returns the position behind.

    ``numbered`` gets every value in PHP's order, if there are back references to them. The loop is long on purpose: a
    call for each value would double the time.
    """
    if not depth:
        raise _Unusual
    find = text.index
    value: PhpValue
    for _ in range(count):
        end = find(";", at)
        try:
            key = keys[text[at:end]]
        except KeyError:
            key, end = _learn_key(text, at, end, keys)
        at = end + 1
        tag = text[at : at + 2]
        if tag == "s:":
            start = find('"', at) + 1
            try:
                end = start + _lengths[text[at : start - 1]]
            except KeyError:
                end = start + _learn_length(text[at : start - 1])
            at = end + 2
            if text[end:at] != '";':
                raise _Unusual
            value = text[start:end]
            if not value.isascii():
                value = text_or_bytes(data[start:end])
        elif tag == "N;":
            at += 2
            value = None
        elif tag == "i:":
            end = find(";", at)
            digits = text[at + 2 : end]
            value = int(digits) if digits.isdecimal() and len(digits) < 19 else _int(text[at:end])
            at = end + 1
        elif tag == "b:":
            value = _bools[text[at : at + 4]]
            at += 4
        elif tag == "a:":
            end = find("{", at)
            try:
                size = _counts[text[at:end]]
            except KeyError:
                size = _count(text[at:end])
            if numbered is not None:
                numbered.append(None)
            if size:
                elements: dict[RawKey, PhpValue] = {}
                at = _elements(text, data, end + 1, size, elements, _array_keys, depth - 1, numbered)
                is_list = size - 1 in elements and list(elements) == list(range(size))
                found[key] = list(elements.values()) if is_list else elements
            else:
                at = end + 2
                if text[end + 1] != "}":
                    raise _Unusual
                found[key] = []
            continue
        elif tag == "O:":
            end = find("{", at)
            head = text[at:end]
            try:
                class_name, size = _objects[head]
            except KeyError:
                class_name, size = _object(head)
            elements = {}
            found[key] = made = new_object(class_name, elements)
            if numbered is not None:
                numbered.append(made)
            at = _elements(text, data, end + 1, size, elements, _property_keys, depth - 1, numbered)
            continue
        else:
            value, at = _rare(text, data, at, numbered)
        found[key] = value
        if numbered is not None:
            numbered.append(value)
    # After a duplicate key, PHP's numbers mean the slot's new value: not here.
    if text[at] != "}" or len(found) != count:
        raise _Unusual
    return at + 1


def _learn(table: dict[str, _T], token: str, value: _T) -> _T:
    if len(token) <= _LEARN:
        if len(table) >= _TABLE_SIZE:
            table.clear()
        table[token] = value
    return value


def _learn_key(text: str, at: int, end: int, keys: dict[str, RawKey]) -> tuple[RawKey, int]:
    """The key at ``at`` and where its ``;`` is; ``end`` is the first one, which may belong to the name."""
    token = text[at:end]
    number = _int_token(token)
    if number is not None:
        return _learn(keys, token, _int(token)), end
    start = _string_start(text, at)
    if start is None:
        raise _Unusual
    end = start.end() + int(start[1])
    if text[end : end + 2] != '";':
        raise _Unusual
    name = text[start.end() : end]
    key: RawKey = name if name.isascii() else text_or_bytes(name.encode("latin-1"))
    if isinstance(key, str):
        number_or_name = array_key(key)
        if keys is _array_keys:
            key = number_or_name
        elif key != number_or_name:
            raise _Unusual  # an object's s:1:"5" and i:5 are one property
    token = text[at : end + 1]
    return (key if ";" in token else _learn(keys, token, key)), end + 1


def _learn_length(head: str) -> int:
    match = _length_token(head)
    if match is None:
        raise _Unusual
    return _learn(_lengths, head, int(match[1]))


def _count(head: str) -> int:
    match = _array_header(head)
    if match is None:
        raise _Unusual
    return _learn(_counts, head, int(match[1]))


def _object(head: str) -> tuple[str, int]:
    match = _object_header(head)
    if match is None:
        raise _Unusual
    if len(match[2]) != int(match[1]):
        raise _Unusual
    return _learn(_objects, head, (_class(match[2]), int(match[3])))


def _int(token: str) -> int:
    match = _int_token(token)
    if match is None:
        raise _Unusual
    number = int(match[1])
    if not _LONG_MIN <= number <= _LONG_MAX:
        raise _Unusual
    return number


def _rare(text: str, data: bytes, at: int, numbered: list[object] | None) -> tuple[PhpValue, int]:
    """A float, an enum case, an ``r:`` or a ``C:``, and the position behind it."""
    if text[at] == "C":
        custom = _custom_header(text, at)
        if custom is None:
            raise _Unusual
        start = custom.end()
        end = start + int(custom[3])
        if len(custom[2]) != int(custom[1]) or text[end] != "}":
            raise _Unusual
        return PhpCustom(_class(custom[2]), data[start:end]), end + 1
    end = text.index(";", at)
    token = text[at:end]
    known = _enums.get(token)
    if known is not None:
        return known, end + 1
    number = _float_token(token)
    if number is not None:
        return float(number[1]), end + 1
    back = _repeat_token(token)
    if back is not None and numbered is not None:
        earlier = numbered[int(back[1]) - 1]
        if isinstance(earlier, (PhpObject, PhpEnum, PhpCustom)):
            return earlier, end + 1
    case = _enum_token(token)
    if case is None or len(case[2]) + len(case[3]) + 1 != int(case[1]):
        raise _Unusual
    return _learn(_enums, token, PhpEnum(_class(case[2]), case[3])), end + 1


def _class(name: str) -> str:
    raw = name.encode("latin-1")
    if not CLASS_NAME(raw):
        raise _Unusual
    return class_text(raw)
