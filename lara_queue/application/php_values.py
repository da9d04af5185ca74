"""What PHP's operators and functions make of plain values: those that configuration files use, and no others.

A function here answers plain data, an array as a dict of :class:`~lara_queue.application.values.Value`, or raises
:class:`CannotTell` when its answer depends on something that is not known.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

from lara_queue.application.slug import slug
from lara_queue.application.values import Constant, Unknown, Value

__all__ = ["FUNCTIONS", "CannotTell", "array_key", "calculate", "compare", "to_bool", "to_number", "to_text"]

LONGEST: Final = 1 << 20
"""No text made by joining others is longer."""

MOST_ITEMS: Final = 100_000
"""No array made from others has more elements."""

_NUMERIC = re.compile(r"[ \t\n\r\v\f]*+([+-]?(?:\d++(?:\.\d*+)?|\.\d++)(?:[eE][+-]?\d++)?)")
_KEY = re.compile(r"0|-?[1-9][0-9]{0,17}")


class CannotTell(Exception):
    """The value depends on something that is only known when PHP runs."""


def to_bool(data: Any) -> bool:
    """PHP's ``(bool)``.

    >>> to_bool("0"), to_bool(""), to_bool("0.0"), to_bool({}), to_bool(None)
    (False, False, True, False, False)
    """
    _known(data)
    return data not in ("", "0") if isinstance(data, str) else bool(data)


def to_text(data: Any) -> str:
    """PHP's ``(string)`` of a scalar.

    >>> to_text(True), to_text(None), to_text(1.5), to_text(2.0)
    ('1', '', '1.5', '2')
    """
    if data is None or isinstance(data, bool):
        return "1" if data else ""
    if isinstance(data, float):
        return str(int(data)) if data.is_integer() and abs(data) < 1e15 else repr(data).upper()
    if isinstance(data, int | str):
        return str(data)
    raise CannotTell


def to_number(data: Any) -> int | float:
    """PHP's number at the beginning of a value, 0 when there is none.

    >>> to_number("90 seconds"), to_number("1e3"), to_number(True), to_number("x")
    (90, 1000.0, 1, 0)
    """
    if isinstance(data, str):
        match = _NUMERIC.match(data)
        if match is None:
            return 0
        return int(match[1]) if match[1].lstrip("+-").isdigit() and len(match[1]) < 20 else float(match[1])
    if data is None or isinstance(data, bool):
        return int(data or 0)
    if isinstance(data, int | float):
        return data
    raise CannotTell


def whole(data: Any) -> int:
    """PHP's ``(int)``."""
    number = to_number(data)
    if isinstance(number, float) and not abs(number) < 2**63:
        return 0
    return int(number)


def array_key(data: Any) -> int | str | Constant:
    """An array's key for a value: texts that look like whole numbers are whole numbers.

    >>> array_key("7"), array_key("07"), array_key(True), array_key(None)
    (7, '07', 1, '')
    """
    if isinstance(data, str):
        return int(data) if _KEY.fullmatch(data) else data
    if isinstance(data, Constant):
        return data
    if isinstance(data, Unknown):
        return Constant(data.source)
    if data is None:
        return ""
    return whole(data)


def calculate(operator: str, left: Any, right: Any) -> Any:
    """``left operator right`` for ``.`` and arithmetic. Raises :class:`CannotTell`."""
    if operator == ".":
        text = to_text(left) + to_text(right)
        if len(text) > LONGEST:
            raise CannotTell
        return text
    one, other = to_number(left), to_number(right)
    if operator in ("/", "%") and not other:
        raise CannotTell
    try:
        if operator == "/":
            quotient = one / other
            return (
                int(quotient) if quotient.is_integer() and isinstance(one, int) and isinstance(other, int) else quotient
            )
        if operator == "%":
            return abs(whole(one)) % abs(whole(other)) * (-1 if one < 0 else 1)
        result = {"+": one + other, "-": one - other, "*": one * other}[operator]
        return result if isinstance(result, float) or abs(result) < 2**63 else float(result)
    except (OverflowError, ZeroDivisionError):
        raise CannotTell from None


def compare(operator: str, left: Any, right: Any) -> bool:
    """A comparison of scalars; of different types only where PHP's answer is plain. Raises :class:`CannotTell`."""
    for one in (left, right):
        _known(one)
        if isinstance(one, dict):
            raise CannotTell
    if operator in ("===", "!=="):
        same = type(left) is type(right) and left == right
        return same is (operator == "===")
    if left is None and isinstance(right, str):
        left = ""
    elif right is None and isinstance(left, str):
        right = ""
    if isinstance(left, bool | None) or isinstance(right, bool | None):
        left, right = to_bool(left), to_bool(right)
    elif not isinstance(left, str) or not isinstance(right, str):
        left, right = _number_only(left), _number_only(right)
    elif _NUMERIC.fullmatch(left) and _NUMERIC.fullmatch(right):
        left, right = to_number(left), to_number(right)
    answers = {"==": left == right, "!=": left != right, "<>": left != right, "<": left < right, ">": left > right}
    answers |= {"<=": left <= right, ">=": left >= right}
    return bool(answers[operator])


def _number_only(data: Any) -> int | float:
    if isinstance(data, str) and not _NUMERIC.fullmatch(data):
        raise CannotTell
    return to_number(data)


def _known(data: Any) -> Any:
    if isinstance(data, Unknown | Constant):
        raise CannotTell
    return data


# -- functions -------------------------------------------------------------------------------------------------------


def _array(value: Value) -> dict[Any, Value]:
    if not isinstance(value.data, dict):
        raise CannotTell
    return value.data


def _renumbered(arrays: Sequence[dict[Any, Value]]) -> dict[Any, Value]:
    """``array_merge``: number keys are counted anew, later names replace earlier ones."""
    merged: dict[Any, Value] = {}
    number = 0
    for array in arrays:
        for key, value in array.items():
            if isinstance(key, int):
                merged[number] = value
                number += 1
            else:
                merged[key] = value
        if len(merged) > MOST_ITEMS:
            raise CannotTell
    return merged


def _explode(separator: Value, text: Value, limit: Value | None = None) -> Any:
    if limit is not None or not to_text(separator.data):
        raise CannotTell
    parts = to_text(text.data).split(to_text(separator.data))
    return {number: Value(part, text.file, text.line, text.reads) for number, part in enumerate(parts)}


def _implode(separator: Value, array: Value) -> str:
    text = to_text(separator.data).join(to_text(one.data) for one in _array(array).values())
    if len(text) > LONGEST:
        raise CannotTell
    return text


def _filter(array: Value) -> Any:
    # What cannot be told stays: it is there, whatever it may be.
    return {k: v for k, v in _array(array).items() if isinstance(v.data, Unknown | Constant) or to_bool(v.data)}


def _map(function: Value, array: Value) -> Any:
    apply = FUNCTIONS.get(to_text(function.data).lower())
    if apply is None or function.data not in ("trim", "strtolower", "strtoupper", "intval", "ltrim", "rtrim", "strval"):
        raise CannotTell
    return {key: Value(apply(one), one.file, one.line, one.reads) for key, one in _array(array).items()}


def _stripped(strip: Callable[[str, str], str]) -> Callable[..., str]:
    def function(text: Value, characters: Value | None = None) -> str:
        chosen = " \n\r\t\v\0" if characters is None else to_text(characters.data)
        if ".." in chosen:
            raise CannotTell
        return strip(to_text(text.data), chosen)

    return function


def _slug(title: Value, separator: Value | None = None, *_: Value) -> str:
    return slug(to_text(title.data), "-" if separator is None else to_text(separator.data))


def _replace(search: Value, replace: Value, subject: Value) -> str:
    text = to_text(subject.data)
    wanted, instead = to_text(search.data), to_text(replace.data)
    if not wanted:
        return text
    if len(text) + text.count(wanted) * len(instead) > LONGEST:
        raise CannotTell
    return text.replace(wanted, instead)


def _parse_url(url: Value, component: Value | None = None) -> Any:
    text = to_text(url.data)
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return False
    found = {"scheme": parts.scheme, "host": parts.hostname, "port": port, "user": parts.username}
    found |= {"pass": parts.password, "path": parts.path, "query": parts.query, "fragment": parts.fragment}
    if component is not None:
        if not isinstance(component.data, Constant):
            raise CannotTell
        return found.get(component.data.name.removeprefix("PHP_URL_").lower()) or None
    return {name: Value(part, url.file, url.line, url.reads) for name, part in found.items() if part}


def _in_array(needle: Value, array: Value, strict: Value | None = None) -> bool:
    operator = "===" if strict is not None and to_bool(strict.data) else "=="
    return any(compare(operator, needle.data, one.data) for one in _array(array).values())


def _dirname(path: Value, levels: Value | None = None) -> str:
    text = to_text(path.data)
    for _ in range(min(100, 1 if levels is None else whole(levels.data))):
        text = posixpath.dirname(text)
    return text


FUNCTIONS: Final[dict[str, Callable[..., Any]]] = {
    "array_filter": _filter,
    "array_map": _map,
    "array_merge": lambda *arrays: _renumbered([_array(one) for one in arrays]),
    "array_values": lambda array: dict(enumerate(_array(array).values())),
    "boolval": lambda value: to_bool(value.data),
    "dirname": _dirname,
    "explode": _explode,
    # Whoever configured a database has its extension: which branch is meant is plain.
    "extension_loaded": lambda name: bool(to_text(name.data)),
    "floatval": lambda value: float(to_number(value.data)),
    "implode": _implode,
    "in_array": _in_array,
    "intval": lambda value: whole(value.data),
    "is_null": lambda value: _known(value.data) is None,
    "is_string": lambda value: isinstance(_known(value.data), str),
    "join": _implode,
    "ltrim": _stripped(str.lstrip),
    "parse_url": _parse_url,
    "rtrim": _stripped(str.rstrip),
    "str_replace": _replace,
    "str_slug": _slug,
    "str::lower": lambda text: to_text(text.data).lower(),
    "str::slug": _slug,
    "strtolower": lambda text: to_text(text.data).lower(),
    "strtoupper": lambda text: to_text(text.data).upper(),
    "strval": lambda value: to_text(value.data),
    "trim": _stripped(str.strip),
    "value": lambda value: value.data,
}
"""By name in lower case, a class's method as ``class::method``; each takes the arguments' values."""
