"""Python annotations as PHP types, Python values as PHP literals."""

from __future__ import annotations

import collections
import enum
import re
import typing
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Generic, Literal, NamedTuple, NewType, Optional, TypedDict, TypeVar, Union
from uuid import UUID

import msgspec
import pytest

from lara_queue.codegen.php_literals import NotLiteral, literal
from lara_queue.codegen.php_types import TypeMap, Unsupported
from lara_queue.laravel.binding import php_class
from lara_queue.laravel.models import ModelIdentifier
from lara_queue.php import PhpEnum, PhpObject

UserId = NewType("UserId", int)
T = TypeVar("T")
B = TypeVar("B", bound=int)


class Size(enum.Enum):
    S = "s"
    L = "l"


class Level(enum.IntEnum):
    LOW = 1


class Odd(enum.Enum):
    A = 1.5
    B = ("b",)


class Rights(enum.Flag):
    READ = 1


@dataclass
class Line(Generic[T]):
    sku: T


@php_class("App\\Data\\Bound")
@dataclass
class Bound:
    a: int


class Typed(TypedDict):
    a: int


class Pair(NamedTuple):
    a: int


def php(kind: Any, target: tuple[int, int] = (8, 1)) -> tuple[str, str]:
    """The declaration and what PHPDoc adds."""
    made = TypeMap(target, lambda cls: cls.__name__).of(kind)
    return made.declared(target), made.documented(target)


@pytest.mark.parametrize(
    ("kind", "declared", "documented"),
    [
        (int, "int", ""),
        (float, "float", ""),
        (bool, "bool", ""),
        (str, "string", ""),
        (bytes, "string", ""),
        (int | None, "?int", ""),
        (Optional[str], "?string", ""),  # noqa: UP045
        (Union[int, str, None], "int|string|null", ""),  # noqa: UP007
        (Any, "mixed", ""),
        (object, "mixed", ""),
        (Any | None, "mixed", ""),
        (datetime, "\\DateTimeInterface", ""),
        (date | None, "?\\DateTimeInterface", ""),
        (timedelta, "\\DateInterval", ""),
        (time, "string", ""),
        (tzinfo, "\\DateTimeZone", ""),
        (Decimal, "string", "numeric-string"),
        (UUID, "string", ""),
        (Path, "string", ""),
        (UserId, "int", ""),
        (B, "int", ""),
        (T, "mixed", ""),
        (Annotated[int, msgspec.Meta(le=5)], "int", ""),
        (list, "array", "list<mixed>"),
        (dict, "array", ""),
        (list[int], "array", "list<int>"),
        (list[int] | None, "?array", "list<int>|null"),
        (list[int | None], "array", "list<int|null>"),
        (set[str], "array", "list<string>"),
        (Iterable[list[float]], "array", "list<list<float>>"),
        (tuple[int, ...], "array", "list<int>"),
        (tuple[int, str], "array", "array{int, string}"),
        (dict[str, int], "array", "array<string, int>"),
        (dict[int | str, Any], "array", "array<int|string, mixed>"),
        (dict[Any, int], "array", "array<array-key, int>"),
        (Mapping[Size, int], "array", "array<string, int>"),
        (Typed, "array", ""),
        (Pair, "array", ""),
        (Literal["a", "b"], "string", "'a'|'b'"),
        (Literal["a", 1, None], "string|int|null", "'a'|1|null"),
        (Size, "\\Size", ""),
        (Size | None, "?\\Size", ""),
        (Odd, "\\Odd", ""),
        (list[Size], "array", "list<\\Size>"),
        (Literal[Size.S], "\\Size", ""),
        (Line, "\\Line", ""),
        (Line[int], "\\Line", ""),
        (list[Line[int]] | None, "?array", "list<\\Line>|null"),
        (PhpObject, "object", ""),
        (PhpEnum, "\\UnitEnum", ""),
        (
            ModelIdentifier,
            "\\Illuminate\\Database\\Eloquent\\Model|\\Illuminate\\Database\\Eloquent\\Collection",
            "",
        ),
    ],
    ids=str,
)
def test_types(kind: Any, declared: str, documented: str) -> None:
    assert php(kind) == (declared, documented)


@pytest.mark.parametrize(
    ("kind", "target", "declared", "documented"),
    [
        (int | str, (7, 4), "", "int|string"),
        (int | str | None, (7, 4), "", "int|string|null"),
        (Any, (7, 4), "", "mixed"),
        (Size, (7, 4), "string", "'s'|'l'"),
        (Size | None, (8, 0), "?string", "'s'|'l'|null"),
        (Level, (8, 0), "int", "1"),
        (Odd, (8, 0), "string", "'A'|'B'"),
        (PhpEnum, (8, 0), "mixed", ""),
    ],
    ids=str,
)
def test_older_php(kind: Any, target: tuple[int, int], declared: str, documented: str) -> None:
    assert php(kind, target) == (declared, documented)


@pytest.mark.parametrize(
    ("kind", "names"),
    [(Size, ("\\Size", "string")), (Level, ("\\Level", "int")), (Line, ("\\Line", "array")), (Bound, ("\\Bound",))],
)
def test_what_python_pushes_of_an_unbound_class_is_allowed(kind: Any, names: tuple[str, ...]) -> None:
    types = TypeMap((8, 1), lambda cls: cls.__name__)
    types.is_pushed = True
    assert types.of(kind).names == names


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (complex, "complex"),
        (range, "range"),
        (re.Pattern[str], "Pattern"),
        (Callable[[], int], "Callable"),
        (Rights, "several flags"),
        (collections.deque[int], "deque"),
        (dict[float, int], "float as a key"),
        (dict[Odd, int], "Odd as a key"),
        (list[ModelIdentifier], "ModelIdentifier within an array"),
        (dict[str, ModelIdentifier | None], "ModelIdentifier within an array"),
        (typing.Self, "Self"),
    ],
    ids=str,
)
def test_what_php_has_no_form_for(kind: Any, said: str) -> None:
    with pytest.raises(Unsupported, match=re.escape(said)):
        php(kind)


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (None, "null"),
        (True, "true"),
        (-5, "-5"),
        (2**63 - 1, "9223372036854775807"),
        (-(2**63), "PHP_INT_MIN"),
        (1.0, "1.0"),
        (1e300, "1.0e+300"),
        (float("inf"), "INF"),
        (float("-inf"), "-INF"),
        (float("nan"), "NAN"),
        ("it's \\ $x", "'it\\'s \\\\ $x'"),
        ("a\n$x\0\x7f", '"a\\n\\$x\\x00\\x7F"'),
        ("\u200b", '"\\u{200B}"'),
        (b"\xff\x00a", '"\\xFF\\x00a"'),
        ([1, "a", None], "[1, 'a', null]"),
        ((1, 2), "[1, 2]"),
        ({3, 1}, "[1, 3]"),
        ({"a": {1: []}}, "['a' => [1 => []]]"),
        (Decimal("1.50"), "'1.50'"),
        (UUID(int=1), "'00000000-0000-0000-0000-000000000001'"),
        (Size.S, "'s'"),
        ({Size.S: 1}, "['s' => 1]"),
    ],
    ids=str,
)
def test_literals(value: Any, written: str) -> None:
    assert literal(value) == written


@pytest.mark.parametrize(
    "value",
    [2**63, datetime(2024, 1, 1), object(), {1.5: 1}, {1, "a"}, "\ud800"],
    ids=["big", "date", "object", "float key", "set", "surrogate"],
)
def test_what_is_no_literal(value: Any) -> None:
    with pytest.raises(NotLiteral):
        literal(value)
