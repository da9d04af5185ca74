"""The reader that knows everything: PHP's grammar to the last corner, references, limits, and where an input is wrong.

It is the only place that decides what is accepted; :mod:`lara_queue.php.reader` is the quick way for the inputs that
jobs are made of. Each method for a scalar takes the position of its tag and returns the value and the position behind
it; arrays and objects are kept on a stack of frames (:mod:`lara_queue.php.slots`), so no depth of nesting is a danger.

Mirrors ``php_var_unserialize_internal`` in PHP's ``ext/standard/var_unserializer.re``.
"""

from __future__ import annotations

import re
from typing import NoReturn

from lara_queue.errors import PhpUnserializeError
from lara_queue.php.limits import Limits
from lara_queue.php.slots import Frame, Slots
from lara_queue.php.values import PhpCustom, PhpEnum, PhpValue, RawKey, class_text

__all__ = ["CLASS_NAME", "ENUM_CASE", "ExactReader", "array_key", "text_or_bytes"]

_LONG_MAX = 2**63 - 1
_LONG_MIN = -(2**63)
_WORD = 2**64
_ELEMENT_BYTES = 6  # the shortest element there is: i:0;N;

CLASS_NAME = re.compile(rb"(?!\\)[0-9A-Za-z_\\\x80-\xff]+").fullmatch
ENUM_CASE = re.compile(rb"[A-Za-z_\x80-\xff][0-9A-Za-z_\x80-\xff]*").fullmatch
_ENUM_CLASS = re.compile(rb"\\?(?!\\)[0-9A-Za-z_\\\x80-\xff]+").fullmatch
_UNSIGNED = re.compile(rb"[0-9]+").match
_LOOSE_INT = re.compile(rb"([+-]?)0*([0-9]*)").match
_INT = re.compile(rb"i:([+-]?)0*+([0-9]*+)(?<=[0-9]);").match  # possessive: zeros belong to one side only
_STRING = re.compile(rb's:([0-9]{1,18}):"').match
_FLOAT = re.compile(rb"d:(NAN|-?INF|[+-]?(?:[0-9]*\.[0-9]+|[0-9]+\.?)(?:[eE][+-]?[0-9]+)?);").match
_ESCAPES = re.compile(rb"\\([0-9A-Fa-f]{2})")
_FIRST_OF_INT = frozenset("-0123456789")
_CANONICAL_INT = re.compile(r"(?:0|-?[1-9][0-9]{0,18})\Z").match


def array_key(text: str) -> str | int:
    """What PHP makes of a string as an array key: canonical decimal integers become integers.

    >>> array_key("7"), array_key("-7"), array_key("07"), array_key("9223372036854775808")
    (7, -7, '07', '9223372036854775808')
    """
    if text[:1] in _FIRST_OF_INT and _CANONICAL_INT(text):
        number = int(text)
        if _LONG_MIN <= number <= _LONG_MAX:
            return number
    return text


def text_or_bytes(raw: bytes) -> str | bytes:
    """``raw`` as str if it is UTF-8, else as it is."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw


class ExactReader:
    """Reads one value from the front of ``data``; whatever follows it is left alone, as PHP does."""

    def __init__(self, data: bytes, limits: Limits) -> None:
        self._data = data
        self._depth = limits.depth
        self._elements = limits.elements
        self._slots = Slots()
        self._key_readers = {b"i": self._int, b"s": self._string, b"S": self._escaped}
        self._scalars = {
            **self._key_readers,
            b"N": self._null,
            b"b": self._bool,
            b"d": self._float,
            b"E": self._enum,
            b"C": self._custom,
        }

    def read(self) -> PhpValue:
        """The value at the start of the bytes; raises PhpUnserializeError."""
        data, slots, scalars = self._data, self._slots, self._scalars
        numbered = slots.numbered
        frame = slots.top
        depth = position = 0
        key: RawKey = 0
        while True:
            frame.left -= 1
            if frame is not slots.top:
                key, position = self._key(frame, position)
            tag = data[position : position + 1]
            if tag != b"R":
                numbered.append((frame, key))
            if key in frame.container:
                slots.overwrite(frame, key)
            scalar = scalars.get(tag)
            if scalar is not None:
                value, position = scalar(position)
                frame.container[key] = value  # type: ignore[index]  # a dict, while it is open
            elif tag == b"a" or tag == b"O":
                opened, position = (self._open_array if tag == b"a" else self._open_object)(frame, key, position)
                if opened.left or opened.obj is not None:  # PHP does not count an empty array as a level
                    depth += 1
                    if depth > self._depth > 0:
                        self._fail(f"expected at most {self._depth} levels of arrays and objects", position)
                frame = opened
            elif tag == b"r" or tag == b"R":
                position = self._back_reference(frame, key, position)
            else:
                self._fail("expected a value", position)
            while not frame.left:
                if frame is slots.top:
                    return slots.finish()
                if data[position : position + 1] != b"}":
                    self._fail("expected '}' after the last element", position)
                position += 1
                if frame.container or frame.obj is not None:
                    depth -= 1
                frame = slots.close(frame)

    def _fail(self, reason: str, position: int) -> NoReturn:
        raise PhpUnserializeError(reason, min(position, len(self._data)))

    # Keys and scalars: each takes the position of its tag and returns the value and the position behind it.

    def _key(self, frame: Frame, position: int) -> tuple[RawKey, int]:
        reader = self._key_readers.get(self._data[position : position + 1])
        if reader is None:
            self._fail("expected a key: an int or a string", position)
        value, end = reader(position)
        key: RawKey = value  # the three readers of keys give nothing else
        if frame.obj is None:
            return (array_key(key) if type(key) is str else key), end
        # PHP sees an object's i:5 and s:1:"5" as one name. Both spellings are kept, for __serialize() writes ints and
        # a plain object never does, but one name must not appear twice.
        if type(key) is int:
            return (str(key) if str(key) in frame.container else key), end
        if type(key) is str and array_key(key) in frame.container:
            return array_key(key), end
        return key, end

    def _null(self, position: int) -> tuple[None, int]:
        if self._data[position : position + 2] != b"N;":
            self._fail("expected ';' after N", position + 1)
        return None, position + 2

    def _bool(self, position: int) -> tuple[bool, int]:
        token = self._data[position : position + 4]
        if token == b"b:1;":
            return True, position + 4
        if token != b"b:0;":
            self._fail("expected b:0; or b:1;", position)
        return False, position + 4

    def _int(self, position: int) -> tuple[int, int]:
        match = _INT(self._data, position)
        if match is None:
            self._fail("expected an int: i:, an optional sign, digits and ';'", position)
        return _saturated(match[1], match[2]), match.end()

    def _float(self, position: int) -> tuple[float, int]:
        match = _FLOAT(self._data, position)
        if match is None:
            self._fail("expected a float: d:, a decimal number, INF, -INF or NAN, and ';'", position)
        return float(match[1]), match.end()

    def _string(self, position: int) -> tuple[str | bytes, int]:
        match = _STRING(self._data, position)
        if match is not None:  # the same as below, for strings as they should be
            start = match.end()
            end = start + int(match[1])
            if self._data[end : end + 2] == b'";':
                return text_or_bytes(self._data[start:end]), end + 2
        start, end = self._quoted(position, "string", empty=True)
        if self._data[end : end + 2] != b'";':
            self._fail("expected '\";' after the string", end)
        return text_or_bytes(self._data[start:end]), end + 2

    def _escaped(self, position: int) -> tuple[str | bytes, int]:
        data = self._data
        start, end = self._quoted(position, "string", empty=True)
        parts: list[bytes] = []
        missing, at = end - start, start  # the length counts characters after unescaping
        while missing:
            backslash = data.find(b"\\", at, at + missing)
            plain = data[at : at + missing] if backslash < 0 else data[at:backslash]
            parts.append(plain)
            missing -= len(plain)
            at += len(plain)
            if at >= len(data):
                self._fail("expected more characters of the string", at)
            if backslash >= 0:
                escape = _ESCAPES.match(data, at)
                if escape is None:
                    self._fail("expected two hexadecimal digits after '\\'", at + 1)
                parts.append(bytes.fromhex(escape[1].decode()))
                missing -= 1
                at += 3
        if data[at : at + 2] != b'";':
            self._fail("expected '\";' after the string", at)
        return text_or_bytes(b"".join(parts)), at + 2

    def _enum(self, position: int) -> tuple[PhpEnum, int]:
        start, end = self._quoted(position, "enum name", empty=False)
        if self._data[end : end + 2] != b'";':
            self._fail("expected '\";' after the enum name", end)
        name, colon, case = self._data[start:end].partition(b":")
        # A name that no PHP class or case can have is refused, as PHP refuses every enum that does not exist. It takes
        # one leading backslash away.
        if not colon or not _ENUM_CLASS(name) or not ENUM_CASE(case):
            self._fail("expected an enum name of the form Class:Case", start)
        return PhpEnum(class_text(name.removeprefix(b"\\")), class_text(case)), end + 2

    def _custom(self, position: int) -> tuple[PhpCustom, int]:
        name, position = self._class(position)
        length, position = self._loose_int(position)
        if self._data[position : position + 2] != b":{":
            self._fail("expected ':{' before the object's data", position)
        start = position + 2
        if not 0 <= length < len(self._data) - start:
            self._fail(f"expected {length} bytes of data and '}}', {len(self._data) - start} bytes remain", start)
        end = start + length
        if self._data[end : end + 1] != b"}":
            self._fail("expected '}' after the object's data", end)
        return PhpCustom(class_text(name), self._data[start:end]), end + 1

    # Pieces of values.

    def _unsigned(self, position: int, what: str) -> tuple[int, int]:
        """A length or number as PHP reads it: it overflows silently, so the digits count modulo 2**64."""
        digits, end = self._digits(position, what)
        return int(digits[-64:]) % _WORD, end  # 10**64 is a multiple of 2**64: no digit further left counts

    def _digits(self, position: int, what: str) -> tuple[bytes, int]:
        """The digits behind a tag and a colon."""
        match = _UNSIGNED(self._data, position + 2) if self._data[position + 1 : position + 2] == b":" else None
        if match is None:
            self._fail(f"expected ':' and {what}", position + 1)
        return match[0], match.end()

    def _loose_int(self, position: int) -> tuple[int, int]:
        """A count as PHP reads it behind a class name: a sign is fine, no digits at all are a zero, too many
        saturate."""
        match = _LOOSE_INT(self._data, position)
        assert match is not None  # the pattern matches the empty string
        return _saturated(match[1], match[2]), match.end()

    def _quoted(self, position: int, what: str, *, empty: bool) -> tuple[int, int]:
        length, at = self._unsigned(position, f"the length of the {what}")
        if self._data[at : at + 2] != b':"':
            self._fail(f"expected ':\"' after the length of the {what}", at)
        start = at + 2
        if length > len(self._data) - start:
            self._fail(f"expected {length} bytes of {what}, {len(self._data) - start} bytes remain", position + 2)
        if not length and not empty:
            self._fail(f"expected a {what} that is not empty", position + 2)
        return start, start + length

    def _class(self, position: int) -> tuple[bytes, int]:
        start, end = self._quoted(position, "class name", empty=False)
        if self._data[end : end + 2] != b'":':
            self._fail("expected '\":' after the class name", end)
        name = self._data[start:end]
        if not CLASS_NAME(name):
            self._fail("expected a class name of letters, digits, '_' and '\\'", start)
        return name, end + 2

    def _count(self, count: int, position: int) -> None:
        if not 0 <= count * _ELEMENT_BYTES <= len(self._data) - position:
            self._fail(f"expected {count} elements, {len(self._data) - position} bytes remain", position)
        if self._elements is not None:
            self._elements -= count
            if self._elements < 0:
                self._fail("more elements than the limit allows", position)

    def _open_array(self, frame: Frame, key: RawKey, position: int) -> tuple[Frame, int]:
        digits, position = self._digits(position, "the number of elements")
        count = _saturated(b"", digits.lstrip(b"0"))
        if self._data[position : position + 2] != b":{":
            self._fail("expected ':{' after the number of elements", position)
        self._count(count, position + 2)
        return self._slots.open_array(frame, key, count), position + 2

    def _open_object(self, frame: Frame, key: RawKey, position: int) -> tuple[Frame, int]:
        name, position = self._class(position)
        count, position = self._loose_int(position)
        if self._data[position : position + 2] != b":{":
            self._fail("expected the number of properties and ':{'", position)
        self._count(count, position + 2)
        return self._slots.open_object(frame, key, count, class_text(name)), position + 2

    def _back_reference(self, frame: Frame, key: RawKey, position: int) -> int:
        slots = self._slots
        number, end = self._unsigned(position, "the number of an earlier value")
        if self._data[end : end + 1] != b";":
            self._fail("expected ';' after the number of an earlier value", end)
        if not 0 < number <= len(slots.numbered):
            self._fail(f"expected the number of an earlier value, there is no number {number} yet", position + 2)
        follow = slots.repeat if self._data[position : position + 1] == b"r" else slots.reference
        wrong = follow(number, frame, key)
        if wrong:
            self._fail(wrong, position + 2)
        return end + 1


def _saturated(sign: bytes, digits: bytes) -> int:
    """An int of 64 bits from digits without leading zeros; what does not fit becomes the nearest that does."""
    if len(digits) > 19:
        return _LONG_MIN if sign == b"-" else _LONG_MAX
    number = int(digits or b"0")
    return max(-number, _LONG_MIN) if sign == b"-" else min(number, _LONG_MAX)
