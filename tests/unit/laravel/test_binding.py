"""Typed jobs: from a job to an instance and back, and what does not fit."""

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal, NewType, Optional
from uuid import UUID

import attr
import msgspec
import pydantic
import pytest

from lara_queue.errors import ConfigurationError, InvalidPayload, JobTypeError
from lara_queue.laravel.binding import bind, class_name_of, from_job, is_model, matches, php_class, to_properties
from lara_queue.laravel.build import build_command
from lara_queue.laravel.fitting import fit
from lara_queue.laravel.models import ModelIdentifier
from lara_queue.php import PhpEnum, PhpObject, protected

NOON = datetime(2024, 1, 2, 12, tzinfo=timezone.utc)
UserId = NewType("UserId", int)


@php_class("App\\Enums\\Status")
class Status(enum.Enum):
    Draft = "draft"
    IN_PROGRESS = "busy"


@dataclass
class Line:
    sku: str
    count: int = 1


@php_class("App\\Jobs\\SendInvoice")
@dataclass
class SendInvoice:
    amount: int
    to: str | None = None
    lines: list[Line] = field(default_factory=list)
    status: Status = Status.Draft
    due: date | None = None
    secret: str = field(default="", metadata={"php": protected("secretNote")})


class Struct(msgspec.Struct, rename="camel"):
    podcast_id: int
    tags: list[str] = []
    rating: Annotated[int, msgspec.Meta(le=5)] = 1


@attr.s(auto_attribs=True)
class Attrs:
    amount: int
    _hidden: str = "h"


class Model(pydantic.BaseModel):
    amount: int = pydantic.Field(gt=0)
    to: str = pydantic.Field(default="x", alias="toAddress")
    when: datetime | None = None
    lines: list[Line] = []


def test_a_job_becomes_an_instance() -> None:
    data = {
        "amount": 5,
        "lines": [PhpObject("App\\Line", {"sku": "a"}), {"sku": "b", "count": 2}],
        "status": PhpEnum("App\\Enums\\Status", "InProgress"),
        "due": NOON,
        "secretNote": "s",
        "queue": "extra properties are ignored",
    }
    made = from_job(SendInvoice, data, "App\\Jobs\\SendInvoice")
    assert made == SendInvoice(5, None, [Line("a", 1), Line("b", 2)], Status.IN_PROGRESS, date(2024, 1, 2), "s")


def test_a_missing_property_takes_the_default() -> None:
    assert from_job(SendInvoice, {"amount": 5}, "J") == SendInvoice(5)


def test_an_instance_becomes_a_job() -> None:
    name, properties = to_properties(SendInvoice(5, status=Status.IN_PROGRESS, secret="s"))
    assert name == "App\\Jobs\\SendInvoice"
    assert list(properties) == ["amount", "to", "lines", "status", "due", protected("secretNote")]
    assert b'E:28:"App\\Enums\\Status:IN_PROGRESS";' in build_command(name, properties)
    assert b's:13:"\0*\0secretNote";s:1:"s";' in build_command(name, properties)


def test_msgspec_attrs_and_pydantic() -> None:
    bind(Struct, "\\App\\Jobs\\ProcessPodcast")
    made = from_job(Struct, {"podcastId": 1, "tags": {}}, "J")
    assert (made.podcast_id, made.tags) == (1, [])
    assert to_properties(made) == ("App\\Jobs\\ProcessPodcast", {"podcastId": 1, "tags": [], "rating": 1})
    with pytest.raises(JobTypeError, match=r"property rating: expected .*<= 5"):
        from_job(Struct, {"podcastId": 1, "rating": 9}, "J")

    bind(Attrs, "App\\Jobs\\Attrs")
    assert from_job(Attrs, {"amount": 1, "hidden": "x"}, "J") == Attrs(1, "x")
    assert to_properties(Attrs(1)) == ("App\\Jobs\\Attrs", {"amount": 1, "hidden": "h"})

    bind(Model, "App\\Jobs\\Model")
    model = from_job(Model, {"amount": 1, "toAddress": "y", "when": NOON, "lines": [{"sku": "a"}]}, "J")
    assert (model.to, model.when, model.lines) == ("y", NOON, [Line("a")])
    assert to_properties(model)[1]["toAddress"] == "y"
    with pytest.raises(
        JobTypeError, match=r"J does not fit Model: property amount: expected Model \(.*greater than 0\)"
    ):
        from_job(Model, {"amount": 0}, "J")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({}, "App\\Jobs\\X does not fit SendInvoice: property amount: expected int, found no such property."),
        ({"amount": "5"}, "property amount: expected int, found str."),
        ({"amount": True}, "property amount: expected int, found bool."),
        ({"amount": 5.0}, "property amount: expected int, found float."),
        ({"amount": None}, "property amount: expected int, found null."),
        ({"amount": 1, "to": 7}, "property to: expected str | None, found int."),
        ({"amount": 1, "lines": [{"sku": 1}]}, "property lines.0.sku: expected str, found int."),
        ({"amount": 1, "lines": {"a": 1}}, "property lines: expected list[test_binding.Line], found dict."),
        (
            {"amount": 1, "lines": [PhpObject("App\\Line", {})]},
            "property lines.0.sku: expected str, found no such property.",
        ),
        (
            {"amount": 1, "status": PhpEnum("S", "Gone")},
            "property status: expected a member of Status, found the case 'Gone'.",
        ),
        ({"amount": 1, "due": ModelIdentifier("App\\U", 1)}, "expected date | None, found a reference to App\\U."),
    ],
)
def test_a_misfit_names_job_property_expected_and_found(data: dict[str, Any], message: str) -> None:
    with pytest.raises(JobTypeError) as caught:
        from_job(SendInvoice, data, "App\\Jobs\\X")
    assert message.replace("test_binding.", "") in str(caught.value).replace(f"{__name__}.", "")


def test_a_check_of_the_models_own_is_a_misfit() -> None:
    @dataclass
    class Positive:
        n: int

        def __post_init__(self) -> None:
            if self.n < 1:
                raise ValueError("n must be positive")

    with pytest.raises(JobTypeError, match="ValueError: n must be positive"):
        from_job(Positive, {"n": 0}, "J")


@pytest.mark.parametrize(
    ("value", "kind", "fitted"),
    [
        (1, float, 1.0),
        (1, int | str, 1),
        ("1", int | str, "1"),
        (None, Optional[int], None),  # noqa: UP045  # users write it so
        ([1, 2], tuple[int, int], (1, 2)),
        ([1, 2], tuple[int, ...], (1, 2)),
        ([1, 1], set[int], {1}),
        ([1], frozenset[int], frozenset({1})),
        ([1], Sequence[int], [1]),
        ([], dict[str, int], {}),
        ({}, list[int], []),
        ({1: "a"}, dict[str, str], {"1": "a"}),
        (["a"], Mapping[int, str], {0: "a"}),
        ("a", Literal["a", "b"], "a"),
        (PhpEnum("S", "a"), Literal["a", "b"], "a"),
        ("draft", Status, Status.Draft),
        (PhpEnum("S", "Draft"), Status, Status.Draft),
        ("2024-01-02T12:00:00+00:00", datetime, NOON),
        (NOON, datetime, NOON),
        (NOON, date, date(2024, 1, 2)),
        ("07:30", time, time(7, 30)),
        (timedelta(1), timedelta, timedelta(1)),
        ("1.5", Decimal, Decimal("1.5")),
        (1.5, Decimal, Decimal("1.5")),
        ("00000000-0000-0000-0000-000000000001", UUID, UUID(int=1)),
        (PhpObject("Ramsey\\Uuid\\Lazy\\LazyUuidFromString", {"string": str(UUID(int=2))}), UUID, UUID(int=2)),
        ("/a", Path, Path("/a")),
        ("text", bytes, b"text"),
        (ModelIdentifier("U", 1), ModelIdentifier, ModelIdentifier("U", 1)),
        (7, UserId, 7),
        (7, Any, 7),
        (7, object, 7),
        ([PhpObject("L", {"sku": "a"})], list[Line], [Line("a")]),
        (PhpObject("L", {"sku": "a"}), PhpObject, PhpObject("L", {"sku": "a"})),
        ([[1]], list[list[float]], [[1.0]]),
    ],
)
def test_values_fit_types(value: Any, kind: Any, fitted: Any) -> None:
    made = fit(value, kind)
    assert made == fitted
    assert type(made) is type(fitted)


def test_names_match_by_binding_or_by_last_part() -> None:
    assert matches(SendInvoice, "\\app\\jobs\\SENDINVOICE")
    assert not matches(SendInvoice, "Other\\SendInvoice")
    assert matches(Line, "App\\Line")
    assert not matches(Line, "App\\Airline")
    assert (class_name_of(SendInvoice), class_name_of(Line)) == ("App\\Jobs\\SendInvoice", "Line")

    class Special(SendInvoice):
        pass

    assert class_name_of(Special) == "Special", "another PHP class stands behind a subclass"


def test_what_is_not_bound_cannot_be_pushed() -> None:
    with pytest.raises(
        InvalidPayload, match=r'Line is not bound to a PHP class: decorate it with @php_class\("App\\Jobs\\Line"\)'
    ):
        to_properties(Line("a"))
    with pytest.raises(InvalidPayload, match="not a typed job"):
        to_properties({"a": 1})


@pytest.mark.parametrize("name", ["", "\\", "App Jobs", "App\\", "9Lives", "A@b"])
def test_what_cannot_be_a_php_class_is_refused(name: str) -> None:
    with pytest.raises(ConfigurationError, match="not the name of a PHP class"):
        bind(type("X", (), {}), name)


def test_models_are_told_from_other_classes() -> None:
    assert all(map(is_model, (SendInvoice, Struct, Attrs, Model)))
    assert not any(map(is_model, (dict, int, Status, object)))
