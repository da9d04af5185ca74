"""The shape of a serialization: what stays the same from one job of a class to the next, and what may differ.

A class and its properties' names stay; numbers and texts differ, and so do the lengths of lists. A shape says of each
value which kinds of it were met, and two shapes that agree in their names merge into one that fits both.
:mod:`lara_queue.php.patterns` makes a regular expression of it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from lara_queue.php.exact_reader import array_key
from lara_queue.php.names import RawKey

__all__ = ["Fixed", "Shape", "Shapeless", "merged", "shape_of"]

_token = re.compile(
    r'[Nbid][^;"]{0,34};|a:0:\{\}|[sE]:([0-9]{1,9}):"|a:([1-9][0-9]{0,8}):\{|(O:([0-9]{1,4}):"[^"]*":)([0-9]{1,9}):\{'
).match
_MOST_BYTES = 16 * 1024
_MOST_VALUES = 512
_MOST_LEVELS = 12
_LONGEST_KEY = 200
_LONGEST_TUPLE = 16


class Shapeless(Exception):
    """It has no shape worth knowing, or two shapes have too little in common."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What one value may be.

    ``kinds`` has the tag of each kind of scalar (``N``, ``b``, ``i``, ``d``, ``s``, ``E``) and ``a`` for an empty
    array; ``each`` is the shape of the elements of a list of any length but 0.
    """

    kinds: frozenset[str] = frozenset()
    each: Shape | None = None
    fixed: Fixed | None = None


@dataclass(frozen=True, slots=True)
class Fixed:
    """An object, or an array that always has the same keys: ``head`` and ``key_texts`` are how they are written."""

    head: str
    class_name: str | None
    is_list: bool
    keys: tuple[RawKey, ...]
    key_texts: tuple[str, ...]
    values: tuple[Shape, ...]


def shape_of(text: str) -> Shape:
    """The shape of a serialization that is known to be right; raises :class:`Shapeless`.

    >>> shape_of('a:2:{i:0;i:7;i:1;N;}').each
    Shape(kinds=frozenset({...}), each=None, fixed=None)
    """
    if len(text) > _MOST_BYTES:
        raise Shapeless
    return _Reader(text.encode().decode("latin-1")).value(0, _MOST_LEVELS)[0]


class _Reader:
    """Reads shapes from a text that has a character for each byte."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.values_left = _MOST_VALUES

    def value(self, at: int, levels: int) -> tuple[Shape, int]:
        """The shape of the value at a position, and the position behind it."""
        self.values_left -= 1
        token = _token(self.text, at)
        if token is None or not levels or not self.values_left:
            raise Shapeless
        end = token.end()
        if token[1]:  # a string or an enum case
            end += int(token[1])
            if self.text[end : end + 2] != '";':
                raise Shapeless
            return Shape(frozenset(token[0][0])), end + 2
        if token[2]:
            return self.array(token[0], int(token[2]), end, levels)
        if token[3]:
            return self.object(token, levels)
        return Shape(frozenset(token[0][0])), end

    def array(self, head: str, count: int, at: int, levels: int) -> tuple[Shape, int]:
        texts, values, at = self.elements(count, at, levels)
        keys = tuple(_key(text, in_array=True) for text in texts)
        is_list = keys == tuple(range(count))
        if is_list:
            try:
                each = values[0]
                for value in values[1:]:
                    each = merged(each, value)
                return Shape(each=each), at
            except Shapeless:
                if count > _LONGEST_TUPLE:
                    raise
        return Shape(fixed=Fixed(head, None, is_list, keys, texts, values)), at

    def object(self, token: re.Match[str], levels: int) -> tuple[Shape, int]:
        name = token[3][:-2].split('"', 1)[1]
        if len(name) != int(token[4]):
            raise Shapeless
        texts, values, at = self.elements(int(token[5]), token.end(), levels)
        keys = tuple(_key(text, in_array=False) for text in texts)
        return Shape(fixed=Fixed(_unicode(token[0]), _unicode(name), False, keys, texts, values)), at

    def elements(self, count: int, at: int, levels: int) -> tuple[tuple[str, ...], tuple[Shape, ...], int]:
        """The keys as they are written, the shapes of the values, and the position behind the closing brace."""
        texts, values = [], []
        for _ in range(count):
            start = at
            key, at = self.value(at, levels)
            if key.kinds not in ({"i"}, {"s"}) or at - start > _LONGEST_KEY:
                raise Shapeless
            texts.append(_unicode(self.text[start:at]))
            value, at = self.value(at, levels - 1)
            values.append(value)
        if self.text[at : at + 1] != "}":
            raise Shapeless
        return tuple(texts), tuple(values), at + 1


def _key(text: str, *, in_array: bool) -> RawKey:
    """The key that a piece of text means."""
    if text[0] == "i":
        return int(text[2:-1])
    name = text.split('"', 1)[1][:-2]
    return array_key(name) if in_array else name


def _unicode(text: str) -> str:
    try:
        return text.encode("latin-1").decode()
    except UnicodeDecodeError:
        raise Shapeless from None


def merged(one: Shape, other: Shape) -> Shape:
    """The shape that fits what either fits; raises :class:`Shapeless` when names or classes differ."""
    if one == other:
        return one
    each = one.each or other.each
    if one.each and other.each:
        each = merged(one.each, other.each)
    fixed = one.fixed or other.fixed
    if one.fixed and other.fixed:
        fixed = _merged_fixed(one.fixed, other.fixed)
    return Shape(one.kinds | other.kinds, each, fixed)


def _merged_fixed(one: Fixed, other: Fixed) -> Fixed:
    if (one.head, one.key_texts) != (other.head, other.key_texts):
        raise Shapeless
    return replace(one, values=tuple(map(merged, one.values, other.values)))
