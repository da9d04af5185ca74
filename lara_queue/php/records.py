"""What the groups of a pattern become: the values of a job, put where they belong.

The pattern has checked everything but the lengths of strings and the numbering of lists. An object begins as a copy of
a prototype that has all its properties in order, with null in them; so what is always null costs nothing."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import msgspec

from lara_queue.php.quick_reader import enum_case
from lara_queue.php.values import PhpObject, PhpValue, RawKey, allocate, set_class_name, set_raw

__all__ = [
    "Container",
    "Convert",
    "Groups",
    "Miss",
    "Record",
    "as_choice",
    "as_each",
    "as_empty",
    "as_ints",
    "as_null",
    "as_one",
    "as_scalar",
    "as_text",
    "as_texts",
]

Groups: TypeAlias = tuple[Any, ...]
Convert: TypeAlias = "Callable[[Groups, int, bool], PhpValue]"
"""Makes a value of the groups from a number on; the bool tells that the whole text is ASCII."""

_WRITTEN = [str(number) for number in range(2048)]  # lengths, and the keys of lists
_ints: Callable[[str], list[Any]] = msgspec.json.Decoder(list[int]).decode


class Miss(Exception):
    """The text is not of this shape, or it has something rare in it."""


class Container:
    """Makes one object or array, and those inside.

    What it is to put where is in lists of keys and group numbers. Loops over these are quicker than they look, and than
    ``update`` and ``zip``.
    """

    __slots__ = ("class_name", "empties", "inner", "is_list", "numbers", "odd", "optional", "prototype", "texts")

    def __init__(self, keys: Sequence[RawKey], class_name: str | None = None, *, is_list: bool = False) -> None:
        self.prototype: dict[RawKey, PhpValue] = dict.fromkeys(keys)
        self.class_name = class_name
        self.is_list = is_list
        self.texts: list[tuple[RawKey, int, int]] = []  # the groups of its length and of itself
        self.optional: list[tuple[RawKey, int, int]] = []  # texts that may be null
        self.numbers: list[tuple[RawKey, int, Callable[[str], PhpValue]]] = []
        self.odd: list[tuple[RawKey, int, Convert]] = []
        self.empties: list[RawKey] = []
        self.inner: list[tuple[RawKey, Container]] = []

    def make(self, groups: Groups, is_ascii: bool) -> PhpValue:
        """The object or array that a match's groups are; raises :class:`Miss`."""
        made = self.prototype.copy()
        written, length, at, text = _WRITTEN, 0, 0, ""
        try:
            for key, length, at in self.texts:
                text = groups[at]
                if written[len(text) if is_ascii or text.isascii() else len(text.encode())] != groups[length]:
                    raise Miss
                made[key] = text
        except IndexError:  # it has a long one
            for key, length, _ in self.texts:
                made[key] = as_text(groups, length, is_ascii)
        for key, at, number in self.numbers:
            made[key] = number(groups[at])
        for key in self.empties:
            made[key] = []
        for key, length, at in self.optional:
            if groups[at] is not None:
                made[key] = as_text(groups, length, is_ascii)
        for key, at, way in self.odd:
            made[key] = way(groups, at, is_ascii)
        for key, container in self.inner:
            made[key] = container.make(groups, is_ascii)
        if self.class_name is not None:
            value = allocate(PhpObject)
            set_class_name(value, self.class_name)
            set_raw(value, made)
            return value
        return [*made.values()] if self.is_list else made


class Record:
    """Reads values of one shape.

    :param pattern: a group for whatever differs.
    :param top: makes the value of the groups.
    :param wrapped: the value is the only thing in what ``top`` makes.
    """

    def __init__(self, pattern: re.Pattern[str], top: Container, *, wrapped: bool) -> None:
        self.pattern = pattern
        self.match = pattern.match
        self.value = _unwrapping(top.make) if wrapped else top.make

    def read(self, text: str, is_ascii: bool) -> PhpValue:
        """The value at the front of a text; raises :class:`Miss`, and ValueError when the text is not Unicode."""
        match = self.match(text)
        if match is None:
            raise Miss
        return self.value(match.groups(), is_ascii)


def _unwrapping(make: Callable[[Groups, bool], Any]) -> Callable[[Groups, bool], PhpValue]:
    return lambda groups, is_ascii: make(groups, is_ascii)[0]


def _written(number: int) -> str:
    return _WRITTEN[number] if number < len(_WRITTEN) else str(number)


def _size(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode())


# Conversions of values of several kinds, or of any length.


def as_null(groups: Groups, at: int, is_ascii: bool) -> PhpValue:
    """Null, whatever the groups."""
    return None


def as_empty(groups: Groups, at: int, is_ascii: bool) -> PhpValue:
    """An empty array, whatever the groups."""
    return []


def as_scalar(groups: Groups, at: int, is_ascii: bool) -> PhpValue:
    """The scalar that one group is, but for its semicolon."""
    text = groups[at]
    kind = text[0]
    if kind == "i":
        return int(text[2:])
    if kind == "d":
        return float(text[2:])
    if kind == "b":
        return bool(text[2] == "1")
    if kind == "N":
        return None
    _, length, name = text.split(":", 2)
    if int(length) != len(name) - 2:
        raise Miss
    return enum_case(name[1:-1])


def as_text(groups: Groups, at: int, is_ascii: bool) -> str:
    """The string of a length and a text."""
    text: str = groups[at + 1]
    if int(groups[at]) != (len(text) if is_ascii else _size(text)):
        raise Miss
    return text


def as_choice(ways: Sequence[tuple[int, Convert]], otherwise: Convert) -> Convert:
    """The value whose groups have taken part; each of the ways comes with the number of its groups."""
    if len(ways) == 1:
        ((_, only),) = ways
        return lambda groups, at, is_ascii: (otherwise if groups[at] is None else only)(groups, at, is_ascii)

    def convert(groups: Groups, at: int, is_ascii: bool) -> PhpValue:
        for size, way in ways:
            if groups[at] is not None:
                return way(groups, at, is_ascii)
            at += size
        return otherwise(groups, at, is_ascii)

    return convert


def as_one(record: Record) -> Convert:
    """The value of a group that is a record."""
    return lambda groups, at, is_ascii: record.read(groups[at], is_ascii)


def as_each(record: Record) -> Convert:
    """The list of a count and of the text of its elements: records that begin with their index."""
    each = record.pattern.finditer
    value = record.value

    def convert(groups: Groups, at: int, is_ascii: bool) -> PhpValue:
        values: list[PhpValue] = []
        for match in each(groups[at + 1]):
            found = match.groups()
            if found[0] != _written(len(values)):
                raise Miss
            values.append(value(found, is_ascii))
        if len(values) != int(groups[at]):
            raise Miss
        return values

    return convert


def as_texts(pattern: re.Pattern[str]) -> Convert:
    """The same, for strings: the pattern has the groups index, length and text."""
    each = pattern.findall

    def convert(groups: Groups, at: int, is_ascii: bool) -> PhpValue:
        values: list[PhpValue] = []
        for index, length, text in each(groups[at + 1]):
            if index != _written(len(values)) or length != _written(len(text) if is_ascii else _size(text)):
                raise Miss
            values.append(text)
        if len(values) != int(groups[at]):
            raise Miss
        return values

    return convert


def as_ints(groups: Groups, at: int, is_ascii: bool) -> PhpValue:
    """The same, for ints."""
    numbers = _ints(f"[{groups[at + 1].replace('i:', '').replace(';', ',')[:-1]}]")
    count = len(numbers) // 2
    if count != int(groups[at]) or numbers[::2] != [*range(count)]:
        raise Miss
    return numbers[1::2]
