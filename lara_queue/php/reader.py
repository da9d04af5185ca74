"""``loads``: the quick way through the serializations that jobs are made of; anything unusual is read by the exact reader.

The quick way handles objects, arrays, strings, ints, bools, nulls, plain floats and enum cases as PHP writes them, a few
dozen levels deep, without references. It looks at each byte about once and leans on what repeats from job to job: the text of
a key (``s:5:"queue"``), of a class header (``O:13:"App\\Jobs\\Job1":14:``) or of a length is looked up, not parsed. The
tables only ever hold texts that were parsed completely once, and they are emptied when they grow too large.

It decodes nothing it is not sure of. On the first surprise (a back reference, an escaped string, an error, too much depth)
it gives up, and :class:`~lara_queue.php.exact_reader.ExactReader` reads from the beginning. So there is one place that
decides what PHP accepts, and errors come only from there.
"""

from __future__ import annotations

import re
from typing import TypeVar

from lara_queue.errors import PhpUnserializeError
from lara_queue.php.exact_reader import CLASS_NAME, ExactReader, array_key, text_or_bytes
from lara_queue.php.limits import DEFAULT, Limits
from lara_queue.php.values import PhpEnum, PhpValue, RawKey, class_text, new_object

__all__ = ["loads"]

_TABLE_SIZE = 8192  # entries; the texts are at most _LEARN bytes long
_LEARN = 256
_QUICK_DEPTH = 60  # levels, one Python frame each
_ELEMENT_BYTES = 6

_string_start = re.compile(r's:(0|[1-9][0-9]{0,8}):"').match
_int_token = re.compile(r"i:(0|-?[1-9][0-9]{0,17})").fullmatch
_float_token = re.compile(r"d:(-?[0-9]+(?:\.[0-9]+)?(?:E[+-]?[0-9]+)?)").fullmatch
_length_token = re.compile(r"s:(0|[1-9][0-9]{0,9}):").fullmatch
_array_header = re.compile(r"a:(0|[1-9][0-9]{0,8}):").fullmatch
_object_header = re.compile(r'O:([1-9][0-9]{0,3}):"([^"]+)":(0|[1-9][0-9]{0,8}):').fullmatch
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

    Strings become ``str`` if they are UTF-8 and ``bytes`` if not, arrays ``list`` or ``dict``, objects ``PhpObject``; references
    come back as shared objects (see :mod:`lara_queue.php.values`). Bytes behind the value are ignored, as PHP does.

    :param data: the serialization, in bytes: PHP's lengths count bytes.
    :param limits: depth, size and number of elements that are acceptable.
    :raises PhpUnserializeError: when PHP would refuse the bytes, with the position in bytes, or when a limit is exceeded.
    :raises TypeError: when ``data`` is not bytes.

    Mirrors ``unserialize()`` of PHP 8.2, in ``ext/standard/var_unserializer.re``. What PHP refuses only because of a class it
    knows (an enum case that does not exist, a value that does not fit a typed property) is accepted.

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
    depth = min(limits.depth or _QUICK_DEPTH, _QUICK_DEPTH)
    tag = text[0]
    if tag != "O" and tag != "a":
        raise _Unusual
    brace = text.index("{")
    if tag == "O":
        class_name, count = _object(text[:brace])
        return new_object(class_name, _elements(text, data, brace + 1, count, _property_keys, depth)[0])
    count = _count(text[:brace])
    return _array(_elements(text, data, brace + 1, count, _array_keys, depth if count else 1)[0])


def _elements(
    text: str, data: bytes, at: int, count: int, keys: dict[str, RawKey], depth: int
) -> tuple[dict[RawKey, PhpValue], int]:
    """``count`` keys with their values from ``at`` and the closing brace; returns them and the position behind.

    The long loop is on purpose: a call per value would double the time.
    """
    if not depth:
        raise _Unusual
    found: dict[RawKey, PhpValue] = {}
    find = text.index
    value: PhpValue
    while count:
        count -= 1
        end = find(";", at)
        try:
            key = keys[text[at:end]]
        except KeyError:
            key, end = _learn_key(text, at, end, keys)
        at = end + 1
        tag = text[at]
        if tag == "s":
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
        elif tag == "N":
            at += 2
            if text[at - 1] != ";":
                raise _Unusual
            value = None
        elif tag == "i":
            end = find(";", at)
            digits = text[at + 2 : end]
            if digits.isdecimal() and len(digits) < 19 and text[at + 1] == ":":
                value = int(digits)
            else:
                value = _int(text[at:end])
            at = end + 1
        elif tag == "b":
            value = _bools[text[at : at + 4]]
            at += 4
        elif tag == "a":
            end = find("{", at)
            head = text[at:end]
            size = _counts.get(head)
            if size is None:
                size = _count(head)
            if size:
                elements, at = _elements(text, data, end + 1, size, _array_keys, depth - 1)
                value = list(elements.values()) if list(elements) == list(range(size)) else elements
            else:
                at = end + 2
                if text[end + 1] != "}":
                    raise _Unusual
                value = []
        elif tag == "O":
            end = find("{", at)
            head = text[at:end]
            shape = _objects.get(head) or _object(head)
            elements, at = _elements(text, data, end + 1, shape[1], _property_keys, depth - 1)
            value = new_object(shape[0], elements)
        else:
            end = find(";", at)
            token = text[at:end]
            value = _enums.get(token) or _rare(token)
            at = end + 1
        found[key] = value
    if text[at] != "}":
        raise _Unusual
    return found, at + 1


def _array(elements: dict[RawKey, PhpValue]) -> PhpValue:
    return list(elements.values()) if list(elements) == list(range(len(elements))) else elements


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
        if keys is _property_keys:
            raise _Unusual  # an int that names a property must be compared with strings
        return _learn(keys, token, int(number[1])), end
    start = _string_start(text, at)
    if start is None:
        raise _Unusual
    end = start.end() + int(start[1])
    if text[end : end + 2] != '";':
        raise _Unusual
    name = text[start.end() : end]
    key: RawKey = name if name.isascii() else text_or_bytes(name.encode("latin-1"))
    if keys is _array_keys and isinstance(key, str):
        key = array_key(key)
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
    known = _objects.get(head)
    if known is not None:
        return known
    match = _object_header(head)
    if match is None:
        raise _Unusual
    name = match[2].encode("latin-1")
    if len(name) != int(match[1]) or not CLASS_NAME(name):
        raise _Unusual
    return _learn(_objects, head, (class_text(name), int(match[3])))


def _int(token: str) -> int:
    match = _int_token(token)
    if match is None:
        raise _Unusual
    return int(match[1])


def _rare(token: str) -> PhpValue:
    """A float or an enum case."""
    number = _float_token(token)
    if number is not None:
        return float(number[1])
    case = _enum_token(token)
    if case is None or len(case[2]) + len(case[3]) + 1 != int(case[1]) or not CLASS_NAME(case[2].encode("latin-1")):
        raise _Unusual
    return _learn(_enums, token, PhpEnum(class_text(case[2].encode("latin-1")), case[3]))
