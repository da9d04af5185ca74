"""PHP source text as tokens: as much of the language as configuration files are made of.

Every pattern reads forward only, so that no text takes longer than its length allows. What is no PHP raises
:class:`NotPhp`; the reader turns that into an unknown value.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

__all__ = ["NotPhp", "Token", "matching", "shown", "tokens"]

MOST_TOKENS: Final = 2_000_000


class NotPhp(Exception):
    """The text is not PHP that can be read; the message says what is wrong, and at which line."""


class Token(NamedTuple):
    """One token.

    Attributes:
        kind: ``string``, ``template`` (a string with variables in it), ``variable``, ``name``, ``number``, ``cast``,
            ``op``, or ``end``.
        text: an operator's or a name's text (names that are keywords in lower case too), a variable's name without
            ``$``, a cast's type.
        value: what a string or a number stands for.
        line: where it begins.
        start, end: its place in the source.
    """

    kind: str
    text: str
    value: Any
    line: int
    start: int
    end: int


_PARTS = re.compile(
    r"""
    (?P<space>\s++)
  | (?P<comment>//[^\n?]*+(?:\?(?!>)[^\n?]*+)*+ | \#(?!\[)[^\n?]*+(?:\?(?!>)[^\n?]*+)*+)
  | (?P<block>/\*)
  | (?P<single>'(?P<single_text>[^'\\]*+(?:\\.[^'\\]*+)*+)')
  | (?P<double>"(?P<double_text>[^"\\]*+(?:\\.[^"\\]*+)*+)")
  | (?P<heredoc><<<[ \t]*+(?P<quote>['"]?)(?P<label>[A-Za-z_]\w*+)(?P=quote)\r?\n)
  | (?P<variable>\$[A-Za-z_]\w*+)
  | (?P<number>0[xX][0-9a-fA-F_]++ | 0[bB][01_]++ | (?:\d[\d_]*+)?\.\d[\d_]*+(?:[eE][+-]?\d++)?
        | \d[\d_]*+(?:\.(?!\.))?(?:[eE][+-]?\d++)?)
  | (?P<name>\\?[A-Za-z_\x80-\U0010ffff][\w\x80-\U0010ffff]*+(?:\\[A-Za-z_\x80-\U0010ffff][\w\x80-\U0010ffff]*+)*+)
  | (?P<cast>\([ \t]*+(?P<type>(?i:integer|int|boolean|bool|string|float|double|array|object))[ \t]*+\))
  | (?P<close>\?>)
  | (?P<op>===|!==|<=>|\*\*=|\.\.\.|\?\?=|\?->|=>|==|!=|<>|<=|>=|&&|\|\||\?\?|::|->|\+\+|--|\.=|\+=|-=|\*=|/=
        | [-+*/%.,;:?!=<>&|^~@(){}\[\]$`\\\#])
    """,
    re.VERBOSE | re.DOTALL,
)
_OPENING = re.compile(r"(?:\ufeff)?(?:#![^\n]*+\n)?\s*+<\?php(?=\s|$)", re.IGNORECASE)
_INTERPOLATED = re.compile(r"(?<!\\)(?:\\\\)*+(?:\$[A-Za-z_{]|\{\$)")
_ENV_NAME = re.compile(r"[A-Z][A-Z0-9_]{0,60}")
_SINGLE_ESCAPE = re.compile(r"\\([\\'])")
_DOUBLE_ESCAPE = re.compile(
    r"\\(?:(?P<one>[nrtvef\\$\"])|(?P<octal>[0-7]{1,3})|x(?P<hex>[0-9A-Fa-f]{1,2})|u\{(?P<point>[0-9A-Fa-f]{1,8})\})"
)
_ONES = {"n": "\n", "r": "\r", "t": "\t", "v": "\v", "e": "\x1b", "f": "\f", "\\": "\\", "$": "$", '"': '"'}


def tokens(source: str) -> list[Token]:
    """The tokens of a PHP file, comments left out, an ``end`` last.

    Raises :class:`NotPhp`.

    >>> [token.text for token in tokens("<?php return ['a' => 1];")]
    ['return', '[', "'a'", '=>', '1', ']', ';', '']
    """
    opening = _OPENING.match(source)
    if opening is None:
        raise NotPhp("the file does not begin with <?php")
    breaks = [match.start() for match in re.finditer("\n", source)]
    found: list[Token] = []
    at = opening.end()
    while at < len(source):
        match = _PARTS.match(source, at)
        line = bisect_right(breaks, at - 1) + 1
        if match is None:
            raise NotPhp(f"line {line} is not PHP that can be read")
        kind, end = match.lastgroup, match.end()
        if kind == "block":
            end = source.find("*/", end) + 2
            if end < 2:
                raise NotPhp(f"the comment that begins at line {line} never ends")
        elif kind == "heredoc":
            token = _heredoc(source, match, line)
            end = token.end
            found.append(token)
        elif kind == "close":
            break
        elif kind not in ("space", "comment"):
            found.append(_token(match, line))
        at = end
        if len(found) > MOST_TOKENS:
            raise NotPhp("the file is too long")
    end_line = bisect_right(breaks, len(source)) + 1
    found.append(Token("end", "", None, end_line, len(source), len(source)))
    return found


def matching(found: list[Token]) -> dict[int, int]:
    """For each opening bracket's index, its closing one's. Raises :class:`NotPhp` when they do not fit."""
    pairs: dict[int, int] = {}
    open_ones: list[int] = []
    for index, token in enumerate(found):
        if token.kind != "op":
            continue
        if token.text in ("(", "[", "{"):
            open_ones.append(index)
        elif token.text in (")", "]", "}"):
            if not open_ones or _CLOSES[found[open_ones[-1]].text] != token.text:
                raise NotPhp(f"there is a {token.text} too many at line {token.line}")
            pairs[open_ones.pop()] = index
    if open_ones:
        raise NotPhp(f"the {found[open_ones[-1]].text} at line {found[open_ones[-1]].line} is never closed")
    return pairs


_CLOSES = {"(": ")", "[": "]", "{": "}"}


def shown(code: Sequence[Token], longest: int = 120) -> str:
    """Code in one line for people. Texts in it may be secrets, so only those that can be a variable's name are kept.

    >>> shown(tokens("<?php env('KEY',  decrypt('s3cret'))")[:-1])
    "env('KEY', decrypt('…'))"
    """
    parts: list[str] = []
    length, end = 0, 0
    for token in code:
        text = token.text
        if token.kind in ("variable", "cast"):
            text = f"${text}" if token.kind == "variable" else f"({text})"
        elif token.kind == "template" or (token.kind == "string" and not _ENV_NAME.fullmatch(token.value)):
            text = "'…'"
        parts.append(f" {text}" if token.start > end and parts else text)
        length, end = length + len(parts[-1]), token.end
        if length > longest:
            break
    text = "".join(parts)
    return text if length <= longest else f"{text[:longest]}…"


def _token(match: re.Match[str], line: int) -> Token:
    kind, text = match.lastgroup, match[0]
    start, end = match.span()
    if match["single"] is not None:
        return Token("string", text, _SINGLE_ESCAPE.sub(r"\1", match["single_text"]), line, start, end)
    if match["double"] is not None:
        return _quoted(match["double_text"], text, line, start, end)
    if match["variable"] is not None:
        return Token("variable", text[1:], None, line, start, end)
    if match["number"] is not None:
        return Token("number", text, _number(text), line, start, end)
    if match["cast"] is not None:
        return Token("cast", match["type"].lower(), None, line, start, end)
    return Token("name" if kind == "name" else "op", text, None, line, start, end)


def _quoted(inside: str, text: str, line: int, start: int, end: int) -> Token:
    if _INTERPOLATED.search(inside):
        return Token("template", text, inside, line, start, end)
    return Token("string", text, unescaped(inside), line, start, end)


def unescaped(text: str) -> str:
    r"""A double-quoted string's text.

    >>> unescaped(r"a\tb\x41\u{e9}\q")
    'a\tbAé\\q'
    """
    return _DOUBLE_ESCAPE.sub(_one_escape, text)


def _one_escape(match: re.Match[str]) -> str:
    if match["one"]:
        return _ONES[match["one"]]
    if match["octal"]:
        return chr(int(match["octal"], 8) & 0xFF)
    point = int(match["hex"] or match["point"], 16)
    return chr(point) if point < 0x110000 and not 0xD800 <= point < 0xE000 else match[0]


def _number(text: str) -> int | float:
    digits = text.replace("_", "").lower()
    if digits.startswith(("0x", "0b")):
        value: int | float = int(digits, 0)
    elif any(char in digits for char in ".e"):
        value = float(digits)
    elif len(digits) > 40:
        value = float(digits[:400])
    elif digits.startswith("0") and digits.strip("01234567") == "":
        value = int(digits, 8)
    else:
        value = int(digits)
    if isinstance(value, int) and value >= 1 << 63:
        return float(value) if value < 1 << 1000 else float("inf")
    return value


def _heredoc(source: str, match: re.Match[str], line: int) -> Token:
    """A heredoc or a nowdoc, its closing label's indentation taken off every line."""
    closing = re.compile(rf"^([ \t]*){re.escape(match['label'])}\b", re.MULTILINE).search(source, match.end())
    if closing is None:
        raise NotPhp(f"the text that begins at line {line} never ends")
    body = source[match.end() : closing.start()].removesuffix("\n").removesuffix("\r")
    indent = closing[1]
    body = "\n".join(part.removeprefix(indent) for part in body.split("\n"))
    start, end = match.start(), closing.end()
    if match["quote"] == "'":
        return Token("string", source[start:end], body, line, start, end)
    return _quoted(body, source[start:end], line, start, end)
