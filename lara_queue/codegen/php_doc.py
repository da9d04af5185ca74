"""The types that PHP declarations and PHPDoc speak of: ``?int``, ``list<Line>``, ``array<string, int>|null``."""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["DocType", "doc_tags", "parse_type"]

_TOKEN = re.compile(
    r"\s*(?:(?P<name>\\?[A-Za-z_\x80-\U0010ffff][\w\\-]*(?:::[\w*]+)?|\$this)|(?P<text>'[^']*'|\"[^\"]*\")"
    r"|(?P<number>[+-]?\d[\d_]*(?:\.\d+)?)|(?P<sign>\.\.\.|\[\]|[?|&<>{}()\[\]:,*=]))"
)
_TAG = re.compile(r"@(?:phpstan-|psalm-)?(var|param)\s+(.*)", re.DOTALL)
_VARIABLE = re.compile(r"\s*(?:&|\.\.\.)?\$(\w+)")
_PARTS = 200


@dataclass(frozen=True, slots=True)
class DocType:
    """A type: its name, and the types it is made of.

    Attributes:
        name: as it is written; ``|`` of several alternatives, ``&`` of an intersection, ``{}`` of a shape (whose keys
            are in ``keys``), ``literal`` of a constant (which is in ``value``).
        parts: alternatives, arguments in angle brackets, or a shape's types.
        keys: a shape's keys; None for those by position.
        value: a constant.
    """

    name: str
    parts: tuple[DocType, ...] = ()
    keys: tuple[str | None, ...] = ()
    value: str | int | float | None = None


class _Malformed(Exception):
    pass


def parse_type(text: str) -> tuple[DocType, int] | None:
    """The type a text begins with, and where it ends; None when it begins with none.

    >>> parse_type("?list<int> $ids")
    (DocType(name='|', parts=(DocType(name='list', parts=(DocType(name='int', parts=(), keys=(), value=None),), \
keys=(), value=None), DocType(name='null', parts=(), keys=(), value=None)), keys=(), value=None), 10)
    """
    parser = _Parser(text)
    try:
        found = parser.union()
    except (_Malformed, RecursionError):
        return None
    return found, parser.at


class _Parser:
    def __init__(self, text: str) -> None:
        self.text, self.at, self.count = text, 0, 0

    def peek(self) -> re.Match[str] | None:
        return _TOKEN.match(self.text, self.at)

    def sees(self, *signs: str) -> str | None:
        """The next sign when it is one of these; it is then behind us."""
        token = self.peek()
        if token is not None and token["sign"] in signs:
            self.at = token.end()
            return token["sign"]
        return None

    def needs(self, sign: str) -> None:
        if self.sees(sign) is None:
            raise _Malformed(sign)

    def union(self) -> DocType:
        first = self.one()
        for sign in ("|", "&"):
            parts = [first]
            while self.sees(sign):
                parts.append(self.one())
            if len(parts) > 1:
                first = DocType(sign, tuple(parts))
        return first

    def one(self) -> DocType:
        self.count += 1
        if self.count > _PARTS:
            raise _Malformed("too long")
        if self.sees("?"):
            return DocType("|", (self.one(), DocType("null")))
        if self.sees("("):
            made = self.union()
            self.needs(")")
        else:
            made = self.atom()
        while self.sees("[]"):
            made = DocType("list", (made,))
        return made

    def atom(self) -> DocType:
        token = self.peek()
        if token is None or token["sign"]:
            raise _Malformed(self.text[self.at : self.at + 10])
        self.at = token.end()
        if token["text"]:
            return DocType("literal", value=token["text"][1:-1])
        if token["number"]:
            number = token["number"].replace("_", "")
            return DocType("literal", value=float(number) if "." in number else int(number))
        name = token["name"]
        if self.sees("<"):
            return DocType(name, self.listed(">"))
        if self.sees("{"):
            return self.shape()
        if name.lower().lstrip("\\") in ("callable", "closure") and self.sees("("):
            self.listed(")")
            if self.sees(":"):
                self.one()
        return DocType(name)

    def listed(self, end: str) -> tuple[DocType, ...]:
        parts: list[DocType] = []
        while not self.sees(end):
            if self.sees("*"):
                parts.append(DocType("mixed"))
            else:
                parts.append(self.union())
            self.sees("...", "=")
            if not self.sees(","):
                self.needs(end)
                break
        return tuple(parts)

    def shape(self) -> DocType:
        parts: list[DocType] = []
        keys: list[str | None] = []
        while not self.sees("}"):
            if self.sees("..."):
                keys.append("...")
                parts.append(DocType("mixed"))
            else:
                first = self.union()
                optional = self.sees("?") is not None
                if self.sees(":") or (optional and self.sees(":")):
                    keys.append(str(first.name if first.value is None else first.value))
                    first = self.union()
                else:
                    keys.append(None)
                parts.append(first)
            if not self.sees(","):
                self.needs("}")
                break
        return DocType("{}", tuple(parts), tuple(keys))


def doc_tags(comment: str) -> list[tuple[str, DocType, str | None]]:
    """The ``@var`` and ``@param`` tags of a comment: which, the type, and the variable's name if there is one.

    >>> [(tag, kind.name, name) for tag, kind, name in doc_tags("/** @param string|null  $note  what to say */")]
    [('param', '|', 'note')]
    """
    lines = (
        line.strip().lstrip("*").strip() for line in comment.strip().removeprefix("/**").removesuffix("*/").split("\n")
    )
    found = []
    for part in re.split(r"(?:^|\s)(?=@[a-z])", "\n".join(lines)):
        tag = _TAG.match(part)
        parsed = parse_type(tag[2]) if tag is not None else None
        if tag is not None and parsed is not None:
            name = _VARIABLE.match(tag[2], parsed[1])
            found.append((tag[1], parsed[0], name[1] if name else None))
    return found
