"""A configured value that remembers where it came from.

Reading an application's configuration answers :class:`Value` objects: the plain data beside the file and line it was
written at and the environment variables that were asked on the way. So ``doctor`` can say of everything it shows how to
change it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Constant", "EnvRead", "Unknown", "Value", "merged_reads", "plain"]

MOST_READS = 16
"""A value made of more environment variables than this keeps the first ones."""


@dataclass(frozen=True, slots=True)
class EnvRead:
    """One look at an environment variable.

    Attributes:
        name: the variable.
        text: what it holds, None when it is not set.
        where: ``environment``, or the file and line it was set at; None when it is not set.
    """

    name: str
    text: str | None = field(default=None, repr=False)  # it may be a password
    where: str | None = None


@dataclass(frozen=True, slots=True)
class Unknown:
    """PHP code whose value cannot be told without running it.

    Attributes:
        source: the code, shortened.
        file: where it stands, relative to the application.
        line: its first line.
    """

    source: str
    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file} line {self.line}: {self.source}"


@dataclass(frozen=True, slots=True)
class Constant:
    """A constant of PHP or of a class, by its name: ``PDO::MYSQL_ATTR_SSL_CA``, ``App\\Models\\User::class``."""

    name: str


@dataclass(frozen=True, slots=True)
class Value:
    """A piece of configuration and its origin.

    Attributes:
        data: None, bool, int, float, str, an :class:`Unknown`, a :class:`Constant`, or, for an array, a dict from
            keys (int, str or :class:`Constant`) to further values.
        file: where it was written, relative to the application; or a phrase such as "default of Laravel 11's skeleton".
        line: the line in that file; 0 when the file is a phrase.
        reads: the environment variables it depends on.

    >>> read = EnvRead("REDIS_QUEUE", "mail", ".env line 12")
    >>> Value("mail", "config/queue.php", 40, (read,)).source
    '.env line 12 (REDIS_QUEUE) via config/queue.php line 40'
    >>> Value("default", "config/queue.php", 40, (EnvRead("REDIS_QUEUE"),)).source
    'config/queue.php line 40 (REDIS_QUEUE is not set)'
    """

    data: Any = field(repr=False)
    file: str = ""
    line: int = 0
    reads: tuple[EnvRead, ...] = ()

    @property
    def source(self) -> str:
        """Where the value came from, for people."""
        place = f"{self.file} line {self.line}" if self.line else self.file
        used = [f"{read.where} ({read.name})" for read in self.reads if read.where is not None]
        if used:
            return f"{', '.join(used)} via {place}"
        unset = [read.name for read in self.reads]
        if unset:
            return f"{place} ({', '.join(unset)} {'is' if len(unset) == 1 else 'are'} not set)"
        return place

    def child(self, key: int | str) -> Value | None:
        """The element of an array with that key, or None."""
        found: Value | None = self.data.get(key) if isinstance(self.data, dict) else None
        return found

    def at(self, path: str) -> Value | None:
        """The element at a dotted path, as ``config('queue.default')`` finds it, or None.

        An element that cannot be told hides what would be inside it; then the answer is that element.

        >>> Value({"a": Value({"b": Value(1)})}).at("a.b").data
        1
        """
        found: Value | None = self
        for key in path.split("."):
            if found is None or isinstance(found.data, Unknown):
                return found
            found = found.child(int(key) if key.isdigit() else key)
        return found


def merged_reads(values: Iterable[Value]) -> tuple[EnvRead, ...]:
    """The environment variables of several values, each once, in order."""
    reads: dict[EnvRead, None] = {}
    for value in values:
        for read in value.reads:
            if len(reads) >= MOST_READS:
                return tuple(reads)
            reads[read] = None
    return tuple(reads)


def plain(value: Value | None, depth: int = 4) -> Any:
    """The data without its origin; arrays as dicts, down to so many levels, and what lies deeper left out.

    >>> plain(Value({"a": Value({0: Value("x")})}))
    {'a': {0: 'x'}}
    """
    if value is None:
        return None
    if isinstance(value.data, dict):
        return {key: plain(one, depth - 1) for key, one in value.data.items()} if depth > 0 else {}
    return value.data
