"""Python values as PHP source."""

from __future__ import annotations

import enum
import math
from collections.abc import Callable, Mapping, Set
from datetime import time
from decimal import Decimal
from pathlib import PurePath
from typing import Any
from uuid import UUID

__all__ = ["NotLiteral", "literal", "quoted"]

_BIGGEST = 2**63 - 1
_ESCAPES = {"\n": "\\n", "\r": "\\r", "\t": "\\t", "\\": "\\\\", '"': '\\"', "$": "\\$"}


class NotLiteral(Exception):
    """The value cannot be written as a constant."""


def literal(value: Any, case: Callable[[enum.Enum], str | None] = lambda member: None) -> str:
    """The value as a PHP constant expression, as :func:`~lara_queue.laravel.php_form.to_php` would send it.

    :param case: how an enum member is written; None for its value.
    :raises NotLiteral: for objects, and for ints beyond 64 bits.

    >>> print(literal({"a": [1, 2.0, None], "it's": True}))
    ['a' => [1, 2.0, null], 'it\\'s' => true]
    """
    if isinstance(value, enum.Enum):
        written = case(value)
        return literal(value.value, case) if written is None else written
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return _int(int(value))
    if isinstance(value, float):
        return _float(float(value))
    if isinstance(value, str):
        return quoted(str(value))
    if isinstance(value, bytes):
        return quoted(value.decode("utf-8", "surrogateescape"))
    if isinstance(value, (Decimal, UUID, PurePath)):
        return quoted(str(value))
    if isinstance(value, time):
        return quoted(value.isoformat())
    if isinstance(value, Mapping):
        return f"[{', '.join(f'{_key(key, case)} => {literal(item, case)}' for key, item in value.items())}]"
    if isinstance(value, Set):
        try:
            value = sorted(value)
        except TypeError:
            raise NotLiteral(repr(value)) from None
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(literal(item, case) for item in value)}]"
    raise NotLiteral(repr(value))


def _key(key: Any, case: Callable[[enum.Enum], str | None]) -> str:
    if isinstance(key, enum.Enum):
        key = key.value
    if type(key) in (int, str):
        return literal(key, case)
    raise NotLiteral(repr(key))


def _int(value: int) -> str:
    if not -_BIGGEST - 1 <= value <= _BIGGEST:
        raise NotLiteral(repr(value))
    return "PHP_INT_MIN" if value == -_BIGGEST - 1 else str(value)


def _float(value: float) -> str:
    if math.isnan(value):
        return "NAN"
    if math.isinf(value):
        return "INF" if value > 0 else "-INF"
    text = repr(value)
    mantissa, e, exponent = text.partition("e")
    if "." not in mantissa:
        mantissa += ".0"
    return f"{mantissa}{e}{exponent}"


def quoted(text: str) -> str:
    """A PHP string; surrogates that stand for bytes are written as those bytes.

    >>> print(quoted("it's"), quoted("two\\nlines"))
    'it\\'s' "two\\nlines"
    """
    if text.isprintable():
        inner = text.replace("\\", "\\\\").replace("'", "\\'")
        return f"'{inner}'"
    return '"' + "".join(_char(char) for char in text) + '"'


def _char(char: str) -> str:
    if char in _ESCAPES:
        return _ESCAPES[char]
    if char.isprintable():
        return char
    if "\udc80" <= char <= "\udcff":
        return f"\\x{ord(char) - 0xDC00:02X}"
    if char < "\x80":
        return f"\\x{ord(char):02X}"
    if "\ud800" <= char <= "\udfff":
        raise NotLiteral(repr(char))
    return f"\\u{{{ord(char):X}}}"
