"""How Laravel writes a cache value and reads it back, on Redis and elsewhere.

``encode`` and ``decode`` are ``RedisStore::serialize`` and ``unserialize``; ``as_number`` is what ``increment`` does to
the value it finds. Protocol §6.12.
"""

from __future__ import annotations

import math
import re
from typing import Any

from lara_queue.errors import PhpUnserializeError, StoreError
from lara_queue.php import dumps, loads

__all__ = ["as_number", "decode", "encode", "unpack", "whole_seconds"]

_INT = re.compile(rb"(?:0|-?[1-9]\d{0,18})\Z")
_NUMERIC = re.compile(r"[ \t\n\r\v\f]*[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?[ \t\n\r\v\f]*\Z", re.ASCII)
_MOST = 2**63


def encode(value: Any) -> bytes:
    """The bytes Laravel stores: finite numbers and numeric strings as they are, everything else PHP-serialized.

    >>> encode(5), encode(True), encode("0123"), encode("a")
    (b'5', b'b:1;', b'0123', b's:1:"a";')
    """
    if isinstance(value, bool):
        return dumps(value)
    if isinstance(value, int) or (isinstance(value, float) and math.isfinite(value)):
        return str(value).encode()
    if isinstance(value, str) and _NUMERIC.match(value):
        return value.encode()
    return dumps(value)


def decode(stored: bytes | None) -> Any:
    """The value that stands there; whole numbers come back as int, other numeric text as ``str``, as PHP leaves it.

    >>> decode(b"5"), decode(b"b:1;"), decode(b"0123"), decode(None)
    (5, True, '0123', None)
    """
    if stored is None:
        return None
    if _INT.match(stored) and -_MOST <= int(stored) < _MOST:
        return int(stored)
    text = stored.decode("utf-8", "surrogateescape")
    if _NUMERIC.match(text):
        return text
    try:
        return loads(stored)
    except PhpUnserializeError:
        return stored  # written by something else, or through a serializer of the client's own


def unpack(stored: bytes) -> Any:
    """The value of PHP-serialized bytes; None, which is no value, when they are not that.

    >>> unpack(b'i:5;'), unpack(b"nonsense")
    (5, None)
    """
    try:
        return loads(stored)
    except PhpUnserializeError:
        return None


def as_number(key: str, value: Any) -> int:
    """The whole number that ``increment`` adds to; 0 for None.

    Raises :class:`~lara_queue.errors.StoreError` for what PHP would not call numeric.

    >>> as_number("hits", "12"), as_number("hits", 1.9), as_number("hits", None)
    (12, 1, 0)
    """
    if value is None:
        return 0
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and _NUMERIC.match(value) and len(value) < 400:
        value = float(value) if _INT.match(value.encode()) is None else int(value)
        if isinstance(value, int):
            return value
    if isinstance(value, float) and math.isfinite(value):
        return int(value)
    raise StoreError(f"The cache value {key!r} is a {type(value).__name__} and cannot be counted up; forget it first.")


def whole_seconds(seconds: float) -> int:
    """A time to live as stores count it: whole seconds, at least one, never shorter than asked.

    >>> whole_seconds(0), whole_seconds(1.2)
    (1, 2)
    """
    return max(1, math.ceil(seconds))
