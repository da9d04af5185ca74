"""PHP jobs read by ``make:python``: Laravel dispatches, Python gets them typed; Python pushes, PHP runs them."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from lara_queue import Queue
from lara_queue.laravel.models import ModelIdentifier
from lara_queue.php import PhpEnum, private, protected

from .laravel import Laravel
from .making import SHOP, Php, forget, python_package
from .tagged import assert_received

pytestmark = pytest.mark.live

WHEN = datetime(2030, 5, 6, 7, 8, 9, tzinfo=timezone.utc)


@pytest.fixture
def php(laravel: Laravel) -> Iterator[Php]:
    """PHP with the shop's classes."""
    process = Php(laravel, {"Shop\\": SHOP / "app"})
    yield process
    process.close()


@pytest.fixture(params=[(), ("--split",)], ids=["one module", "split"])
def made(
    request: pytest.FixtureRequest, laravel: Laravel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Queue, ModuleType]]:
    """The queue, and the classes that were written for the shop."""
    name = f"made_{uuid.uuid4().hex}"
    monkeypatch.syspath_prepend(str(tmp_path))
    queue, models = python_package(tmp_path, name, laravel, request.param)
    yield queue, models
    queue.close()
    forget(name, f"{name}_app")


def received(queue: Queue, model: Any, names: str) -> Any:
    """What the handler of a class is called with, by a worker that ends when the queues are empty."""
    taken: list[Any] = []
    queue.handler(model)(taken.append)
    queue.listen(queue=names, stop_when_empty=True, sleep=0)
    (instance,) = taken
    assert list(queue.failed.all()) == []
    return instance


def test_what_php_dispatches_arrives_typed(laravel: Laravel, php: Php, made: tuple[Queue, ModuleType]) -> None:
    queue, models = made
    payload = php.dispatch(
        "(new \\Shop\\Jobs\\ShipOrder(7, [new \\Shop\\Data\\Line('A-1', 2, ['red']), new \\Shop\\Data\\Line('B-2')],"
        " \\App\\Models\\User::find(2), \\Shop\\Enums\\Carrier::None, \\Shop\\Enums\\Priority::High,"
        " new \\Shop\\Data\\Address('Main St 1', 'Bonn', '53111'),"
        " \\Illuminate\\Support\\Carbon::parse('2030-05-06 07:08:09 UTC'), new \\DateInterval('P1DT2H'),"
        " 'secret', [3, 4.5], 1.5, ['A-1' => 3, 'B-2' => null]))->of(42)"
    )
    assert payload["queue"] == "queues:shipping"
    assert [payload[key] for key in ("maxTries", "backoff", "timeout", "failOnTimeout")] == [3, "1,10", 120, True]

    job = received(queue, models.ShipOrder, "shipping")

    assert job == models.ShipOrder(
        order_id=7,
        lines=[models.Line("A-1", 2, ["red"]), models.Line("B-2")],
        user=ModelIdentifier("App\\Models\\User", 2, [], "sqlite"),
        tenant_id=42,
        context={},
        carrier=models.Carrier["None"],
        urgency=models.Priority.High,
        to=models.Address("Main St 1", "Bonn", None, "53111"),
        ship_at=WHEN,
        within=timedelta(days=1, hours=2),
        pin="secret",
        size=(3, 4.5),
        weight=1.5,
        stock={"A-1": 3, "B-2": None},
    )


def test_defaults_are_phps(laravel: Laravel, php: Php, made: tuple[Queue, ModuleType]) -> None:
    queue, models = made
    php.dispatch("new \\Shop\\Jobs\\ShipOrder(1, [], \\App\\Models\\User::find(1))")
    user = ModelIdentifier("App\\Models\\User", 1, [], "sqlite")
    assert received(queue, models.ShipOrder, "shipping") == models.ShipOrder(1, [], user)


def test_a_class_without_types(laravel: Laravel, php: Php, made: tuple[Queue, ModuleType]) -> None:
    queue, models = made
    php.dispatch("new \\Shop\\Jobs\\RebuildIndex('orders', ['id', 'name'], new \\DateTime('2030-05-06 07:08:09 UTC'))")
    job = received(queue, models.RebuildIndex, "indexing")
    carrier = "Shop\\Enums\\Carrier"
    assert job == models.RebuildIndex(
        index="orders",
        fields=["id", "name"],
        languages=["en", "de"],
        since=WHEN,
        from_=5,
        carriers=[PhpEnum(carrier, "Post"), PhpEnum(carrier, "None")],
        anything=None,
    )


def test_php_runs_what_python_pushes(laravel: Laravel, php: Php, made: tuple[Queue, ModuleType]) -> None:
    queue, models = made
    user = ModelIdentifier("App\\Models\\User", 3)
    order = models.ShipOrder(
        9,
        [models.Line("A-1", 2)],
        user,
        tenant_id=5,
        context={"lang": "de"},
        carrier=models.Carrier["None"],
        urgency=models.Priority.Low,
        to=models.Address("Main St 1", "Bonn", models.Address("Side St 2", "Ulm")),
        ship_at=WHEN,
        within=timedelta(hours=3),
        pin="1234",
        weight=2,
    )
    queue.push(order)
    queue.push(models.RebuildIndex("orders", ["id"], since=WHEN, from_=6))

    ran = php.work("shipping")

    assert ran.of("exception") == []
    assert [record["class"] for record in ran.handled] == ["Shop\\Jobs\\ShipOrder", "Shop\\Jobs\\RebuildIndex"]
    shipped, rebuilt = ran.handled
    found = {prop["name"]: prop["value"] for prop in shipped["props"]}
    assert found["user"]["class"] == "App\\Models\\User"
    assert_received(
        shipped,
        {
            "orderId": 9,
            "tenantId": 5,
            protected("context"): {"lang": "de"},
            "carrier": PhpEnum("Shop\\Enums\\Carrier", "None"),
            "urgency": PhpEnum("Shop\\Enums\\Priority", "Low"),
            "shipAt": WHEN,
            protected("within"): timedelta(hours=3),
            private("pin"): "1234",
            protected("size"): [1, 2.5],
            "weight": 2,
            "stock": None,
        },
    )
    assert_received(rebuilt, {"index": "orders", "fields": ["id"], private("since"): WHEN, "from": 6})
