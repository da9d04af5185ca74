"""What typed jobs declare, on their class, on a mixin and on the instance, and which of it counts."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import attr
import msgspec
import pydantic
import pytest

from lara_queue.errors import ConfigurationError
from lara_queue.laravel.binding import default_of, fields_of
from lara_queue.laravel.declared import declared_options, job_options


class Names(enum.Enum):
    HIGH = "high"


@job_options(queue="notifications", tries=5)
class Notifies:
    """A mixin, which is no job itself."""


@dataclass
class Inherits(Notifies):
    n: int = 1


@job_options(queue=Names.HIGH)
@dataclass
class Declares(Notifies):
    n: int = 1


@job_options(timeout=40, tries=2, backoff=9, max_exceptions=3, fail_on_timeout=True)
@dataclass
class Both:
    timeout: int = 1700
    tries: int = 7
    backoff: Any = 13
    maxExceptions: int = 11
    failOnTimeout: bool = False


def test_the_nearest_class_that_declares_an_option_counts() -> None:
    assert declared_options(Inherits()) == {"queue": "notifications", "tries": 5}
    assert declared_options(Declares()) == {"queue": "high", "tries": 5}


def test_a_declaration_beats_a_fields_default_and_a_changed_field_beats_the_declaration() -> None:
    """PL-03, and the rule beside it."""
    declared = {"timeout": 40, "tries": 2, "backoff": 9, "max_exceptions": 3, "fail_on_timeout": True}
    assert declared_options(Both()) == declared
    assert declared_options(Both(tries=8, backoff=[1, 2])) == {**declared, "tries": 8, "backoff": [1, 2]}


def test_fields_alone_do_as_well() -> None:
    @dataclass
    class Job:
        attempts: int = field(default=4, metadata={"php": "tries"})
        queue: Names = Names.HIGH
        delay: timedelta | None = None
        retryUntil: float | None = None

    assert declared_options(Job()) == {"tries": 4, "queue": "high"}
    assert declared_options(Job(delay=timedelta(seconds=3)))["delay"] == timedelta(seconds=3)


def test_a_field_of_another_type_is_something_else() -> None:
    @dataclass
    class Job:
        queue: dict[str, int]
        timeout: str = "soon"
        tries: int | None = None

    assert declared_options(Job({})) == {}


def test_what_is_no_job_declares_nothing() -> None:
    assert declared_options(5) == {}


def test_mistakes_are_told() -> None:
    with pytest.raises(ConfigurationError, match="no option 'retries'"):
        job_options(retries=3)


class Struct(msgspec.Struct):
    needed: int
    tries: int = 4
    names: list[str] = []


@attr.s(auto_attribs=True)
class Attrs:
    needed: int
    tries: int = 4
    names: list[str] = attr.Factory(list)


class Model(pydantic.BaseModel):
    needed: int
    tries: int = 4
    names: list[str] = pydantic.Field(default_factory=list)


@dataclass
class Data:
    needed: int
    tries: int = 4
    names: list[str] = field(default_factory=list)


@pytest.mark.parametrize("cls", [Struct, Attrs, Model, Data])
def test_the_defaults_of_every_kind_of_model(cls: Any) -> None:
    needed, tries, names = fields_of(cls)
    assert default_of(cls, needed) != 0
    assert (default_of(cls, tries), default_of(cls, names)) == (4, [])
    assert declared_options(cls(needed=1)) == {"tries": 4}
