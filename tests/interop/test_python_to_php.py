"""Python pushes, Laravel's own worker runs: every property as it was given, with its type and visibility."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from lara_queue import php_class
from lara_queue.errors import InvalidPayload
from lara_queue.php import PhpObject, dumps

from .faces import Python
from .laravel import Laravel
from .php_server import Record
from .shapes import JOBS, SHAPES, STRING_DATA, USERS, Shape
from .tagged import assert_matches, assert_received

pytestmark = pytest.mark.live

EMPTY = {"ready": 0, "delayed": 0, "reserved": 0, "notify": 0}
Connect = Callable[..., Python]


def push(python: Python, shape: Shape, **options: Any) -> str:
    uuid: str = python("push", JOBS + shape.name, shape.make(), **{**shape.options, **options})
    return uuid


def run_one(laravel: Laravel, **options: Any) -> Record:
    """The record of the only job there was, which must have ended well."""
    ran = laravel.work(**{"tries": 1, **options})  # one that PHP cannot take must fail, not go round
    assert ran.of("exception") == []
    (record,) = ran.handled
    (ended,) = ran.of("processed")
    assert (ended["uuid"], ended["deleted"], ended["released"]) == (record["uuid"], True, False)
    assert laravel.counts() == EMPTY
    return record


@pytest.mark.parametrize("name", SHAPES)
def test_php_receives_what_python_pushed(laravel: Laravel, python: Python, name: str) -> None:
    shape = SHAPES[name]
    uuid = push(python, shape)

    record = run_one(laravel)

    assert (record["uuid"], record["attempts"], record["queue"]) == (uuid, 1, laravel.queue)
    assert record["class"] == record["displayName"] == JOBS + shape.name
    assert_received(record, shape.expected())
    assert laravel.keys() == []


@pytest.mark.parametrize("version", [8, 10, 11, 12, 13, "12.20"])
def test_php_8_reads_the_payload_of_every_version(laravel: Laravel, connect: Connect, version: int | str) -> None:
    python = connect(laravel_version=version)
    shape = SHAPES["hidden"]
    uuid = push(python, shape, tries=4, backoff=[1, 5])

    record = run_one(laravel)

    assert record["uuid"] == uuid
    assert (record["options"]["maxTries"], record["options"]["backoff"]) == (4, "1,5")
    assert_received(record, shape.expected())


def test_models_are_found_again(laravel: Laravel, python: Python) -> None:
    python("push", f"{JOBS}TakesModels", USERS)
    record = run_one(laravel)
    assert (record["user"]["name"], record["relations"]) == ("Grace", ["orders"])
    assert record["user"]["orders"] == [{"number": "B-2", "user_id": 2}]
    assert record["users"] == ["Zoë", "Ada"]


@pytest.mark.parametrize("name", STRING_DATA)
@pytest.mark.parametrize("method", ["fire", "other"])
def test_string_jobs(laravel: Laravel, python: Python, name: str, method: str) -> None:
    data = STRING_DATA[name]
    uuid = python("push", f"{JOBS}Legacy@{method}", data)

    record = run_one(laravel)

    assert (record["uuid"], record["string_job"]) == (uuid, f"{JOBS}Legacy@{method}")
    assert_matches(record["data"], _as_php_decodes(data))


def test_string_job_without_data(laravel: Laravel, python: Python) -> None:
    python("push", f"{JOBS}Legacy@fire")
    assert_matches(run_one(laravel)["data"], "")


def _as_php_decodes(data: Any) -> Any:
    """``json_decode(…, true)``: objects become arrays, whose keys follow PHP's rule."""
    if isinstance(data, dict):
        return {int(key) if key.isdecimal() else key: _as_php_decodes(value) for key, value in data.items()}
    if isinstance(data, list):
        return [_as_php_decodes(item) for item in data]
    return data


# -- options ----------------------------------------------------------------------------------------------------------


def test_options_reach_the_worker(laravel: Laravel, python: Python) -> None:
    until = datetime(2100, 1, 1, tzinfo=timezone.utc)
    python(
        "push",
        f"{JOBS}TakesAnything",
        {"value": 1},
        tries=7,
        backoff=[1, 5, 10],
        timeout=33,
        max_exceptions=2,
        fail_on_timeout=True,
        retry_until=until,
        headers={"trace": "abc"},
    )

    record = run_one(laravel)

    assert record["options"] == {
        "maxTries": 7,
        "maxExceptions": 2,
        "failOnTimeout": True,
        "backoff": "1,5,10",
        "timeout": 33,
        "retryUntil": int(until.timestamp()),
    }
    assert record["payload"]["trace"] == "abc"


def test_no_options(laravel: Laravel, python: Python) -> None:
    python("push", f"{JOBS}TakesAnything", {"value": 1})
    options = run_one(laravel)["options"]
    assert options == dict.fromkeys(options) | {"failOnTimeout": False}


def test_a_failing_job_is_tried_as_often_as_python_said(laravel: Laravel, python: Python) -> None:
    python("push", f"{JOBS}Failing", {"message": "by order"}, tries=3, backoff=0)

    attempts: list[int] = []
    for _ in range(5):
        laravel.make_due()
        ran = laravel.work()
        attempts += [record["attempts"] for record in ran.handled]
        failed = ran.of("failed_method")

        if failed:
            assert failed == [{"event": "failed_method", "message": "by order"}]
            break
    assert attempts == [1, 2, 3]
    assert laravel.counts() == EMPTY


def test_backoff_is_kept_between_tries(laravel: Laravel, python: Python) -> None:
    python("push", f"{JOBS}Failing", {"succeedOn": 2}, tries=3, backoff=[60, 120])
    now = datetime.now(timezone.utc).timestamp()
    laravel.work()

    (due,) = laravel.scores(":delayed")
    assert now + 58 <= due <= now + 65
    laravel.make_due()
    ran = laravel.work()
    assert [record["attempts"] for record in ran.handled] == [2]
    assert ran.of("exception") == []


def test_a_failed_job_can_be_retried_by_artisan(laravel: Laravel, python: Python) -> None:
    uuid = python("push", f"{JOBS}Failing", {"message": "Zoë ☃ / \\"}, tries=1)
    laravel.artisan("queue:work", "--stop-when-empty", "--sleep=0")
    assert uuid in laravel.artisan("queue:failed").stdout

    retried = laravel.artisan("queue:retry", uuid)

    assert "pushed back" in retried.stdout, retried.stderr
    (job,) = python("pending_jobs")
    assert (job.uuid, job.data["message"]) == (uuid, "Zoë ☃ / \\")
    assert [record["attempts"] for record in laravel.work().handled] == [1]


def test_a_job_that_releases_itself(laravel: Laravel, python: Python) -> None:
    python("push", f"{JOBS}Releasing", {"until": 3, "wait": 0}, tries=5)
    attempts = []
    for _ in range(3):
        laravel.make_due()
        attempts += [record["attempts"] for record in laravel.work().handled]
    assert attempts == [1, 2, 3]
    assert laravel.counts() == EMPTY


# -- ways to push -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("delay", [60, 60.0, timedelta(minutes=1), "datetime"], ids=str)
def test_later(laravel: Laravel, python: Python, delay: Any) -> None:
    now = datetime.now(timezone.utc)
    when = now + timedelta(seconds=60) if delay == "datetime" else delay
    uuid = python("later", when, f"{JOBS}TakesAnything", {"value": "late"})

    assert laravel.counts() == EMPTY | {"delayed": 1}
    assert laravel.work().handled == []
    (due,) = laravel.scores(":delayed")
    assert now.timestamp() + 58 <= due <= now.timestamp() + 63
    laravel.make_due()
    record = run_one(laravel)
    assert (record["uuid"], record["options"]["backoff"]) == (uuid, None)
    assert_received(record, {"value": "late"})


def test_a_delayed_job_is_not_retried_with_its_delay(laravel: Laravel, python: Python) -> None:
    """The payload's `delay` is PHP's backoff when there is no other: ours must not carry it."""
    python("push", f"{JOBS}Failing", {"succeedOn": 2}, delay=3600, tries=2)
    laravel.make_due()
    now = datetime.now(timezone.utc).timestamp()
    laravel.work(max_jobs=1)
    (due,) = laravel.scores(":delayed")
    assert due <= now + 5


def test_bulk_keeps_order_and_options(laravel: Laravel, python: Python) -> None:
    names = ["map", "hidden", "enums", "scalars", "dates"]
    uuids = python("bulk", [(JOBS + SHAPES[name].name, SHAPES[name].make()) for name in names], tries=6)
    uuids += python("bulk", [(f"{JOBS}TakesAnything", {"value": 1}, {"tries": 2}), f"{JOBS}TakesNothing"])

    ran = laravel.work()

    assert [record["uuid"] for record in ran.handled] == uuids
    assert [record["options"]["maxTries"] for record in ran.handled] == [6] * 5 + [2, None]
    for record, name in zip(ran.handled, names, strict=False):
        assert_received(record, SHAPES[name].expected())
    assert laravel.counts() == EMPTY


def test_bulk_with_delays(laravel: Laravel, python: Python) -> None:
    python("bulk", [(f"{JOBS}TakesAnything", {"value": n}, {"delay": n * 60}) for n in range(3)])
    assert laravel.counts()["ready"] == 1
    assert laravel.counts()["delayed"] == 2
    laravel.make_due()
    assert len(laravel.work().handled) == 3


def test_push_raw_is_stored_as_it_is(laravel: Laravel, python: Python) -> None:
    payload = {
        "uuid": "33333333-3333-4333-8333-333333333333",
        "displayName": "raw",
        "job": "Illuminate\\Queue\\CallQueuedHandler@call",
        "data": {"command": dumps(PhpObject(f"{JOBS}TakesAnything", {"value": "raw"})).decode()},
        "id": "raw-id",
        "attempts": 0,
    }
    for given in (payload, json.dumps(payload), json.dumps(payload).encode()):
        python("push_raw", given)
        if given is not payload:
            assert laravel.ready() == [json.dumps(payload).encode()]
        record = run_one(laravel)
        assert (record["uuid"], record["id"], record["displayName"]) == (payload["uuid"], "raw-id", "raw")
        assert_received(record, {"value": "raw"})


def test_other_queues(laravel: Laravel, python: Python) -> None:
    python("push", f"{JOBS}TakesAnything", {"value": "low"}, queue="low")
    python("push", f"{JOBS}TakesAnything", {"value": "high"}, queue="high")
    ran = laravel.work("high,low")
    assert [record["queue"] for record in ran.handled] == ["high", "low"]


def test_a_typed_job(laravel: Laravel, python: Python) -> None:
    @php_class("App\\Jobs\\TakesAnything")
    @dataclass
    class TakesAnything:
        value: dict[str, int]
        extra: datetime

    when = datetime(2024, 1, 2, 3, 4, 5, tzinfo=timezone.utc)
    python("push", TakesAnything({"a": 1}, when))
    assert_received(run_one(laravel), {"value": {"a": 1}, "extra": when})


def test_sizes_agree_with_laravels(laravel: Laravel, python: Python) -> None:
    for n in range(3):
        python("push", f"{JOBS}TakesAnything", {"value": n})
    python("later", 60, f"{JOBS}TakesAnything", {"value": 4})
    assert laravel.size() == python("size") == 4
    assert (python("pending_size"), python("delayed_size"), python("reserved_size")) == (3, 1, 0)
    assert python("clear") == 4
    assert laravel.size() == 0


# -- what must be refused before it is stored -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value",
    ["\ud800", b"\xff", 2**63, datetime(2024, 1, 1), object(), {1.5j: 1}, lambda: None],
    ids=["surrogate", "binary", "too-big", "naive-datetime", "object", "complex-key", "function"],
)
def test_what_php_cannot_read_is_not_pushed(laravel: Laravel, python: Python, value: Any) -> None:
    with pytest.raises(InvalidPayload):
        python("push", f"{JOBS}TakesAnything", {"value": value})
    assert laravel.keys() == []
