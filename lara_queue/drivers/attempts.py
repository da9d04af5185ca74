"""Counting an attempt in a payload without touching anything else in it.

Laravel's pop script decodes the payload, adds one to ``attempts`` and encodes it again, which damages big integers,
floats and empty arrays, and destroys a payload it cannot decode. Here the number is found in the *text* and only its
digits are replaced. ``redis/scripts/lib_attempts.lua`` is the same rule in Lua: keep them alike (a test compares them).

The number is that of the outermost object's ``attempts`` key; of two such keys the last one counts, as for every JSON
reader. A number in quotes counts too, because it does in Laravel's script.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

__all__ = ["NOT_AN_OBJECT", "NOT_A_NUMBER", "NO_ATTEMPTS", "PROBLEMS", "Found", "find_attempts", "raise_attempts"]

NOT_AN_OBJECT, NO_ATTEMPTS, NOT_A_NUMBER = 1, 2, 3

PROBLEMS = {
    NOT_AN_OBJECT: "The payload is not a JSON object.",
    NO_ATTEMPTS: 'The payload has no "attempts"; Laravel\'s own worker would destroy it.',
    NOT_A_NUMBER: 'The "attempts" of the payload is not a whole number; Laravel\'s own worker would destroy it.',
}
"""What is wrong, for people, by the code that the scripts answer with."""

_KEY = b'"attempts":'
_AFTER = re.compile(rb"[^{}\[\]]*\}\s*\Z")
_END = re.compile(rb"\s*[,}]")
_NUMBER = re.compile(rb'-?[0-9.eE+-]+|"-?[0-9.eE+-]+"')
_MARK = re.compile(rb'["{}\[\]]')
_STRING = re.compile(rb'[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_BEFORE_VALUE = re.compile(rb"\s*:\s*")
_OPENING = re.compile(rb"\s*\{")


@dataclass(frozen=True, slots=True)
class Found:
    """Where the number stands (``body[start:start + length]``) and what it is; or what the ``problem`` is."""

    start: int = 0
    length: int = 0
    number: int = 0
    problem: int = 0


def find_attempts(body: bytes) -> Found:
    """Where a payload's number of attempts stands.

    >>> find_attempts(b'{"data":{"attempts":7},"attempts": 2}')
    Found(start=35, length=1, number=2, problem=0)
    >>> PROBLEMS[find_attempts(b'["attempts",1]').problem]
    'The payload is not a JSON object.'
    """
    at = body.rfind(_KEY)
    if at > 0 and body[at - 1] in b"{, \t\r\n":
        # Every quote inside a JSON string is escaped, so this is a key. Laravel writes it behind everything nested.
        found = _number_at(body, at + len(_KEY))
        if not found.problem and _AFTER.match(body, found.start + found.length):
            return found
    return _scan(body)


def raise_attempts(body: bytes) -> tuple[bytes, int, str | None]:
    """The payload with one more attempt, that number, and None; or the payload as it is, 0, and what is wrong with it.

    >>> raise_attempts(b'{"id":"a","attempts":9}')
    (b'{"id":"a","attempts":10}', 10, None)
    """
    found = find_attempts(body)
    if found.problem:
        return body, 0, PROBLEMS[found.problem]
    number = found.number + 1
    return body[: found.start] + b"%d" % number + body[found.start + found.length :], number, None


def _number_at(body: bytes, at: int) -> Found:
    match = _NUMBER.match(body, at)
    if match is None or not _END.match(body, match.end()):
        return Found(problem=NOT_A_NUMBER)
    try:
        number = float(match[0].strip(b'"'))
    except ValueError:
        return Found(problem=NOT_A_NUMBER)
    if not abs(number) < 1e14 or number != int(number):
        return Found(problem=NOT_A_NUMBER)
    return Found(at, match.end() - at, int(number))


def _scan(body: bytes) -> Found:
    """The way that is always right: walk over the text, minding strings and depth."""
    opening = _OPENING.match(body)
    if opening is None:
        return Found(problem=NOT_AN_OBJECT)
    at, depth, value_at = opening.end(), 1, -1
    while depth > 0:
        mark = _MARK.search(body, at)
        if mark is None:
            return Found(problem=NOT_AN_OBJECT)
        at = mark.end()
        if mark[0] == b'"':
            string = _STRING.match(body, at)
            if string is None:
                return Found(problem=NOT_AN_OBJECT)
            at = string.end()
            value = _BEFORE_VALUE.match(body, at) if depth == 1 else None
            if value is not None and _text(string[0]) == "attempts":
                value_at = value.end()
        else:
            depth += 1 if mark[0] in b"{[" else -1
    if body[at:].strip():
        return Found(problem=NOT_AN_OBJECT)
    return Found(problem=NO_ATTEMPTS) if value_at < 0 else _number_at(body, value_at)


def _text(string: bytes) -> str | None:
    """A JSON string's text, given what follows its opening quote."""
    if b"\\" not in string:
        return string[:-1].decode("utf-8", "replace")
    try:
        text = json.loads(b'"' + string)
    except ValueError:
        return None
    return text if isinstance(text, str) else None
