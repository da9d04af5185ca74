"""JSON values as PHP's loose typing sees them: numeric strings are numbers, and what is of no use counts as absent.

Producers differ in how they write a number of seconds or a flag; Laravel's workers take all of it.
"""

from __future__ import annotations

import re

__all__ = ["integer", "php_number", "seconds", "text", "truth"]

_NUMERIC = re.compile(r"[ \t\n\r\v\f]*[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?[ \t\n\r\v\f]*", re.ASCII)
_LEADING_NUMBER = re.compile(r"[ \t\n\r\v\f]*([+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)", re.ASCII)
_LONGEST_NUMBER = 400


def php_number(value: object) -> float | None:
    """The number that PHP would see in a JSON value, or None when there is none.

    :param value: a decoded JSON value; a numeric string counts, and so does a boolean.

    >>> php_number("30"), php_number(1.5), php_number(True), php_number("soon"), php_number(None)
    (30, 1.5, 1, None, None)
    """
    kind = type(value)
    if kind is int or kind is float:
        return value  # type: ignore[return-value]  # the line above has just said so
    if kind is str:
        return _numeric_text(value)  # type: ignore[arg-type]
    if kind is bool:
        return int(value)  # type: ignore[call-overload,no-any-return]
    return None


def _numeric_text(written: str) -> float | None:
    if len(written) > _LONGEST_NUMBER or _NUMERIC.fullmatch(written) is None:
        return None
    try:
        return int(written)
    except ValueError:
        return float(written)


def integer(value: object) -> int | None:
    """The int that PHP would see, or None when there is none."""
    if type(value) is int:
        return value
    number = php_number(value)
    if number is None or number != number or number in (float("inf"), float("-inf")):
        return None
    return int(number)


def text(value: object) -> str | None:
    """A text that is not empty, or an int as one; else None."""
    if type(value) is str:
        return value or None
    if type(value) is int:
        return str(value)
    return None


def truth(value: object) -> bool:
    """PHP's ``(bool)``: the string "0" and empty arrays are false."""
    return bool(value) and value != "0"


def seconds(value: object) -> tuple[int, ...]:
    """The members of a backoff as PHP's ``explode(',', …)`` and ``(int)`` make them; a list is what some producers
    send.
    """
    kind = type(value)
    if kind is int:
        return (value,)  # type: ignore[return-value]
    if kind is str:
        return tuple(_leading_integer(part) for part in value.split(","))  # type: ignore[attr-defined]
    if kind is list:
        return tuple(integer(part) or 0 for part in value)  # type: ignore[attr-defined]
    return (integer(value) or 0,)


def _leading_integer(written: str) -> int:
    """PHP's ``(int) $text``: as far as it is a number, else 0."""
    try:
        return int(written)
    except ValueError:
        pass
    found = _LEADING_NUMBER.match(written[:_LONGEST_NUMBER])
    return integer(found[1]) or 0 if found else 0
