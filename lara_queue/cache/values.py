"""How Laravel writes a cache value on Redis and reads it back; ``RedisStore::serialize`` and ``unserialize``."""

from __future__ import annotations

import math
import re
from typing import Any

from lara_queue.errors import PhpUnserializeError
from lara_queue.php import dumps, loads

__all__ = ["decode", "encode"]

_INT = re.compile(rb"-?\d+\Z")
_NUMERIC = re.compile(r"\s*[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?\s*\Z")


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
    if _INT.match(stored) and str(int(stored)).encode() == stored:
        return int(stored)
    text = stored.decode("utf-8", "surrogateescape")
    if _NUMERIC.match(text):
        return text
    try:
        return loads(stored)
    except PhpUnserializeError:
        return stored  # written by something else, or through a serializer of the client's own
