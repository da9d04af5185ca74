"""JSON as PHP's ``json_encode(…, JSON_UNESCAPED_UNICODE)`` writes it, to the byte.

No spaces, ``/`` as ``\\/``, characters beyond ASCII raw but U+2028 and U+2029 escaped, floats with PHP's digits
(``1.0`` is ``1``), an empty array ``[]`` whatever it was in Python. Nearly all of that is msgspec's work; what it
would write differently (whole floats, keys that are ints, empty dicts, foreign types) takes the longer way through
:func:`_walk`.

Mirrors ``ext/json/json_encoder.c`` and the flags of ``Queue/Queue.php`` ``createPayload``; protocol §1.3.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Set
from datetime import date, datetime, time, timezone
from decimal import Decimal
from math import isfinite
from pathlib import PurePath
from typing import Any
from uuid import UUID

import msgspec

from lara_queue.errors import InvalidPayload
from lara_queue.laravel.binding import is_model, to_mapping
from lara_queue.php.floats import float_text

__all__ = ["encode_json", "encode_text"]

_encode = msgspec.json.Encoder().encode
_DEPTH = 512
_TOO_DEEP = "Maximum stack depth exceeded"
_BIG = 2**63


def encode_json(value: Any, *, escape_unicode: bool = False, inside: int = 0) -> bytes:
    """The bytes PHP would write for ``value``.

    :param value: None, bool, int, float, str, UTF-8 bytes, lists and mappings of such; dates become what Carbon's
        ``jsonSerialize`` writes (UTC, microseconds, ``Z``), enums their value, models objects, UUIDs and decimals text.
    :param escape_unicode: write ``\\uXXXX`` beyond ASCII, as PHP does without flags (Laravel 8.81 and older,
        ``queue:retry``).
    :param inside: how many arrays and objects are around it in the end; together they must not be too many.
    :raises InvalidPayload: text that is not UTF-8, INF and NAN, anything without a JSON form, more than 512 levels.

    >>> encode_json({"url": "a/b", "né": 1.0, "none": {}})
    b'{"url":"a\\\\/b","n\\xc3\\xa9":1,"none":[]}'
    """
    try:
        depth = _DEPTH - inside
        written = _encode(value) if _simple(value, depth) else "".join(_walk(value, depth)).encode()
    except (UnicodeEncodeError, UnicodeDecodeError):
        raise InvalidPayload("Malformed UTF-8 characters, possibly incorrectly encoded") from None
    except RecursionError:
        raise InvalidPayload(_TOO_DEEP) from None
    if escape_unicode and not written.isascii():
        return _ascii(written.replace(b"/", b"\\/").decode()).encode()
    return _escaped(written)


def encode_text(text: str) -> bytes:
    """The bytes PHP would write for a string; for valid Unicode only, without surrogates.

    >>> encode_text("a/b")
    b'"a\\\\/b"'
    """
    return _escaped(_encode(text))


def _escaped(written: bytes) -> bytes:
    written = written.replace(b"/", b"\\/")
    if b"\xe2\x80" in written:
        written = written.replace(b"\xe2\x80\xa8", b"\\u2028").replace(b"\xe2\x80\xa9", b"\\u2029")
    return written


def _simple(value: Any, depth: int) -> bool:
    """True when msgspec writes it as PHP would, but for the slashes."""
    kind = type(value)
    if kind is str or kind is bool or value is None:
        return True
    if kind is int:
        return bool(-_BIG <= value < _BIG)
    if kind is float:  # with digits on both sides of the point, and neither of them wants an exponent
        return bool(1e-4 <= abs(value) < 1e15 and value % 1)
    if depth == 0:
        return False
    if kind is dict:
        for key, item in value.items():
            if type(key) is not str or not (item is None or type(item) is str or _simple(item, depth - 1)):
                return False
        return bool(value)
    if kind is not list:
        return False
    for item in value:  # noqa: SIM110  # twice as fast as all()
        if not (type(item) is str or _simple(item, depth - 1)):
            return False
    return True


def _walk(value: Any, depth: int) -> list[str]:
    """The pieces of any value's JSON, slashes not yet escaped."""
    kind = type(value)
    if kind is str:
        return [_encode(value).decode()]
    if value is None or kind is bool or (kind is int and -_BIG <= value < _BIG):
        return [_encode(value).decode()]
    if kind is int:
        return [str(value)]
    if kind is float:
        if not isfinite(value):
            raise InvalidPayload("Inf and NaN cannot be JSON encoded")
        return [float_text(value).replace("E", "e")]
    if depth == 0:
        raise InvalidPayload(_TOO_DEEP)
    if isinstance(value, Mapping):
        return _object(value, depth - 1)
    if isinstance(value, (list, tuple, Set)):
        return _list(value, depth - 1)
    return _walk(_jsonable(value), depth - 1)


def _object(value: Mapping[Any, Any], depth: int) -> list[str]:
    if all(type(key) is int and key == at for at, key in enumerate(value)):  # PHP's list, the empty one too
        return _list(value.values(), depth)
    pieces = ["{"]
    for key, item in value.items():
        if len(pieces) > 1:
            pieces.append(",")
        pieces.append(_encode(_key(key)).decode())
        pieces.append(":")
        pieces += _walk(item, depth)
    pieces.append("}")
    return pieces


def _list(values: Any, depth: int) -> list[str]:
    pieces = ["["]
    for item in values:
        if len(pieces) > 1:
            pieces.append(",")
        pieces += _walk(item, depth)
    pieces.append("]")
    return pieces


def _key(key: Any) -> str:
    if isinstance(key, enum.Enum):
        key = key.value
    if isinstance(key, str):
        return str(key)
    if isinstance(key, bytes):
        return key.decode()
    if isinstance(key, int):
        return str(int(key))
    if isinstance(key, UUID):
        return str(key)
    raise InvalidPayload(f"A {type(key).__name__} cannot be a key in JSON.")


def _jsonable(value: Any) -> Any:
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, (bytes, bytearray)):
        return bytes(value).decode()
    if isinstance(value, bool | int):
        return int(value)
    if isinstance(value, float):
        return float(value)
    if isinstance(value, datetime):
        if value.utcoffset() is None:
            raise InvalidPayload("A datetime without a time zone cannot be pushed; use datetime.now(timezone.utc).")
        moment = value.astimezone(timezone.utc)
        return f"{moment.year:04d}-{moment:%m-%dT%H:%M:%S}.{moment.microsecond:06d}Z"
    if isinstance(value, (date, time)):
        return value.isoformat()
    if isinstance(value, (UUID, Decimal, PurePath)):
        return str(value)
    if is_model(type(value)):
        return {getattr(key, "name", key): item for key, item in to_mapping(value).items()}
    raise InvalidPayload(f"A {type(value).__name__} has no JSON form.")


def _ascii(text: str) -> str:
    pieces = []
    for char in text:
        code = ord(char)
        if code < 0x80:
            pieces.append(char)
        elif code < 0x10000:
            pieces.append(f"\\u{code:04x}")
        else:
            code -= 0x10000
            pieces.append(f"\\u{0xD800 + (code >> 10):04x}\\u{0xDC00 + (code & 0x3FF):04x}")
    return "".join(pieces)
