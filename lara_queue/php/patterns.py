"""A shape as a regular expression: what stays the same is written out, what differs is a group.

So one match checks all names, classes, counts and kinds, at the speed of C, and :mod:`lara_queue.php.records` makes
values of the groups.

A pattern takes only what :mod:`lara_queue.php.quick_reader` would take, and less: what PHP may write but hardly ever
does is left to others. Every repetition in it is possessive and every choice is atomic, so it takes linear time,
whatever the input.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import msgspec

from lara_queue.php.records import (
    Container,
    Convert,
    Record,
    as_choice,
    as_each,
    as_empty,
    as_ints,
    as_null,
    as_one,
    as_scalar,
    as_text,
    as_texts,
)
from lara_queue.php.shapes import Fixed, Shape, Shapeless
from lara_queue.php.values import PhpValue, RawKey

__all__ = ["record_of"]

_COUNT = r"[1-9][0-9]{0,8}+"
_LENGTH = r"(?:0|[1-9][0-9]{0,8}+)"
_TEXT = r'[^"]*+(?:"(?!;)[^"]*+)*+'  # a string ends at the first "; and its length says whether that was right
_SCALARS = {
    "N": "N",
    "b": "b:[01]",
    "i": r"i:(?>0|-?(?>[1-9][0-9]{0,17}+(?![0-9])|[1-8][0-9]{18}))",  # all of them fit into 64 bits
    "d": r"d:-?[0-9]{1,20}+(?:\.[0-9]{1,20}+)?+(?:E[+-]?[0-9]{1,4}+)?+",
    "E": rf'E:{_COUNT}:"[0-9A-Za-z_:\\]++"',
}
_EMPTY = r"a:0:\{\}"
_CONVERTERS: dict[str, Callable[[str], PhpValue]] = {
    "i": msgspec.json.Decoder(int).decode,  # int() takes twice the time
    "d": float,
    "b": {"0": False, "1": True}.__getitem__,
}
_MOST_GROUPS = 400
_LONGEST_PATTERN = 16 * 1024


def record_of(shape: Shape) -> Record:
    """Reads values of this shape; raises :class:`~lara_queue.php.shapes.Shapeless` when it is too large.

    >>> from lara_queue.php.shapes import shape_of
    >>> record = record_of(shape_of('O:1:"A":2:{s:1:"n";i:1;s:1:"t";s:0:"";}'))
    >>> record.read('O:1:"A":2:{s:1:"n";i:7;s:1:"t";s:2:"or";}', True)
    PhpObject('A', {'n': 7, 't': 'or'})
    """
    return _record(shape)


def _record(shape: Shape, before: str = "", groups_before: int = 0) -> Record:
    writer = _Writer(groups_before)
    wrapped = shape.fixed is None or bool(shape.kinds) or shape.each is not None
    if wrapped:
        top = Container((0,))
        (pattern,) = writer.values(top, [(0, shape)])
    else:
        assert shape.fixed is not None
        pattern, top = writer.fixed(shape.fixed)
    if len(pattern) > _LONGEST_PATTERN or writer.groups > _MOST_GROUPS:
        raise Shapeless
    return Record(re.compile(before + pattern), top, wrapped=wrapped)


class _Writer:
    """Writes a pattern, and notes what its groups are."""

    def __init__(self, groups: int = 0, *, captures: bool = True) -> None:
        self.groups = groups
        self._captures = captures
        self._open = "(" if captures else "(?:"

    def fixed(self, fixed: Fixed) -> tuple[str, Container]:
        """The pattern of an object or array, and what makes it of the groups."""
        container = Container(fixed.keys, fixed.class_name, is_list=fixed.is_list)
        values = self.values(container, list(zip(fixed.keys, fixed.values, strict=True)))
        pairs = (re.escape(key) + value for key, value in zip(fixed.key_texts, values, strict=True))
        return f"{re.escape(fixed.head)}{''.join(pairs)}\\}}", container

    def values(self, container: Container, shapes: list[tuple[RawKey, Shape]]) -> list[str]:
        """The patterns of the values in a container, which is told where to find them."""
        patterns = []
        for key, shape in shapes:
            kinds = "".join(sorted(shape.kinds))
            if shape.fixed and not kinds and not shape.each:
                pattern, inner = self.fixed(shape.fixed)
                container.inner.append((key, inner))
            elif shape.each or shape.fixed or kinds not in ("N", "a", "s", "i", "d", "b", "Ns"):
                at = self.groups
                pattern, way = self._odd(shape)
                container.odd.append((key, at, way))
            elif kinds == "N":
                pattern = "N;"
            elif kinds == "a":
                pattern = _EMPTY
                container.empties.append(key)
            elif kinds == "Ns":
                container.optional.append((key, self.groups, self.groups + 1))
                pattern = f"(?>N;|{self._quoted()})"
            elif kinds == "s":
                container.texts.append((key, self.groups, self.groups + 1))
                pattern = self._quoted()
            else:
                container.numbers.append((key, self.groups, _CONVERTERS[kinds]))
                pattern = f"{kinds}:{self._open}{_SCALARS[kinds][2:]});"
                self.groups += 1
            patterns.append(pattern)
        return patterns

    def _quoted(self) -> str:
        self.groups += 2
        return rf's:{self._open}{_LENGTH}):"{self._open}{_TEXT})";'

    def _odd(self, shape: Shape) -> tuple[str, Convert]:
        """A value of several kinds, or of any length: groups for each kind but one, and what looks which it is."""
        choices: list[str] = []
        ways: list[tuple[int, Convert]] = []
        otherwise: Convert = as_null
        start = self.groups
        scalars = sorted(shape.kinds - {"s", "a"})
        if "a" in shape.kinds:
            choices.append(_EMPTY)
            otherwise = as_empty
        elif scalars == ["N"]:
            choices.append("N;")
            scalars = []
        if scalars:
            choices.append(f"{self._open}{'|'.join(_SCALARS[kind] for kind in scalars)});")
            ways.append((1, as_scalar))
        if "s" in shape.kinds:
            choices.append(self._quoted())
            ways.append((2, as_text))
        if shape.each:
            body = f"(?:i:{_LENGTH};{_plain(shape.each)})++"
            choices.append(rf"a:{self._open}{_COUNT}):\{{{self._open}{body})\}}")
            ways.append((2, self._each(shape.each)))
        if shape.fixed:
            alone = Shape(fixed=shape.fixed)
            choices.append(f"{self._open}{_plain(alone)})")
            ways.append((1, as_one(_record(alone)) if self._captures else as_null))
        self.groups = start + sum(size for size, _ in ways)
        return f"(?>{'|'.join(choices)})", as_choice(ways, otherwise) if choices[len(ways) :] else _only(ways)

    def _each(self, shape: Shape) -> Convert:
        if not self._captures:
            return as_null
        kinds = "".join(shape.kinds)
        if not shape.each and not shape.fixed and kinds == "i":
            return as_ints
        before = f"i:({_LENGTH});"
        if not shape.each and not shape.fixed and kinds == "s":
            return as_texts(re.compile(before + _Writer()._quoted()))
        return as_each(_record(shape, before, 1))


def _only(ways: list[tuple[int, Convert]]) -> Convert:
    return ways[0][1] if len(ways) == 1 else as_choice(ways, as_null)


def _plain(shape: Shape) -> str:
    """The pattern of a shape, without groups."""
    (pattern,) = _Writer(captures=False).values(Container((0,)), [(0, shape)])
    return pattern
