"""Payloads as real Laravel writes them, and jobs to call handlers with."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from lara_queue import Job, Queue, php_class
from lara_queue.errors import ManuallyFailed
from lara_queue.laravel import names
from lara_queue.laravel.envelope import Envelope, decode_payload
from lara_queue.laravel.models import ModelIdentifier
from lara_queue.php import PhpEnum, PhpObject, dumps, loads
from lara_queue.testing import (
    APP_KEY,
    carbon,
    collection,
    enum_case,
    make_job,
    model_identifier,
    payload,
)
from tests.unit.laravel.corpus import lines

VERSIONS = ["8", "9", "10", "11", "12.0", "12.11", "12", "13"]
PLAIN = [
    line
    for line in lines()
    if line["state"] in ("ready", "delayed")
    and line["driver"] in ("redis", "database")
    and "app_key" not in line
    and not line.get("horizon")
    # None is no data, for which Laravel writes ""; and an empty object in JSON is read as an empty array.
    and line["case"] not in ("string-job-null-data", "string-job-numbers")
]


@pytest.mark.parametrize("line", PLAIN, ids=repr)
def test_byte_for_byte_what_laravel_wrote(line: Any) -> None:
    """Everything that a factory is told here stands in the payload or was said when the job was pushed."""
    wrote = decode_payload(line.body)
    is_object = "command" in wrote["data"] if isinstance(wrote["data"], dict) else False
    command = loads(wrote["data"]["command"].encode()) if is_object else None
    headers = {key: value for key, value in wrote.items() if key not in KNOWN}
    made = payload(
        wrote["data"]["commandName"] if is_object else wrote["job"],
        command if is_object else wrote["data"],
        version=line["laravel"],
        store=line["driver"],
        uuid=wrote["uuid"],
        id=wrote.get("id"),
        now=wrote.get("createdAt"),
        tries=wrote["maxTries"],
        max_exceptions=wrote["maxExceptions"],
        fail_on_timeout=wrote["failOnTimeout"],
        backoff=wrote["backoff"],
        timeout=wrote["timeout"],
        retry_until=wrote.get("retryUntil"),
        delete_when_missing_models=wrote.get("deleteWhenMissingModels", False),
        delay=wrote.get("delay"),
        batch_id=wrote["data"].get("batchId") if is_object else None,
        display_name=wrote["displayName"],
        context=headers.pop(names.LOG_CONTEXT, None),
        headers=headers,
        string_job=not is_object,
    )
    assert made == line.body


KNOWN = {
    "uuid",
    "displayName",
    "job",
    "maxTries",
    "maxExceptions",
    "failOnTimeout",
    "backoff",
    "timeout",
    "retryUntil",
    "deleteWhenMissingModels",
    "data",
    "createdAt",
    "id",
    "attempts",
    "delay",
}


def test_there_are_golden_payloads_of_five_versions() -> None:
    assert {line.version for line in PLAIN} == {8, 10, 11, 12, 13}
    assert len(PLAIN) > 100


@pytest.mark.parametrize("version", VERSIONS)
def test_a_worker_runs_it_whatever_the_version(version: str) -> None:
    seen: list[Any] = []
    with Queue("memory://", app_key=APP_KEY) as queue:
        queue.handler("App\\A")(lambda job: seen.append((job.data["n"], job.attempts)))
        queue.push_raw(payload("App\\A", {"n": 1}, version=version))
        queue.push_raw(payload("App\\A", {"n": 2}, version=version, attempts=2))
        queue.push_raw(payload("App\\A", {"n": 3}, version=version, encrypted=True))
        queue.listen(stop_when_empty=True, tries=5)
    assert seen == [(1, 1), (2, 3), (3, 1)]


def test_stores_versions_and_delays_show_where_they_do() -> None:
    assert not {"id", "attempts"} & set(json.loads(payload("App\\A", store="database", attempts=2)))
    assert json.loads(payload("App\\A", attempts=2))["attempts"] == 2
    assert "delay" not in json.loads(payload("App\\A", version=11, delay=60))
    assert json.loads(payload("App\\A", version=12, delay=60))["delay"] == 60
    assert Envelope.parse(payload("App\\A", {}, tries=3, backoff=[1, 5])).backoff == (1, 5)


def test_a_payload_has_names_and_times_of_its_own() -> None:
    one, other = json.loads(payload("App\\A")), json.loads(payload("App\\A"))
    assert one["uuid"] != other["uuid"]
    assert one["id"] != other["id"]
    assert json.loads(payload("App\\A", uuid="u", now=5))["createdAt"] == 5


# -- what travels in them ----------------------------------------------------------------------------------------------


def golden_objects(class_name: str) -> list[tuple[int, PhpObject]]:
    """Every object of that class in the golden payloads, with the version that wrote it."""
    found: list[tuple[int, PhpObject]] = []

    def walk(version: int, value: Any, depth: int = 0) -> None:
        if isinstance(value, PhpObject):
            if value.class_name == class_name:
                found.append((version, value))
            value = value.__php_vars__
        if depth < 20 and isinstance(value, dict | list):
            for item in value.values() if isinstance(value, dict) else value:
                walk(version, item, depth + 1)

    for line in PLAIN:
        data = json.loads(line["payload"])["data"]
        if isinstance(data, dict) and "command" in data:
            walk(line.version, loads(data["command"].encode()))
    return found


def test_collections_are_as_laravel_serializes_them() -> None:
    found = [(v, one) for v, one in golden_objects(names.COLLECTION) if all(map(is_scalar, _items(one)))]
    assert {version for version, _ in found} == {8, 10, 11, 12, 13}
    for _, one in found:
        assert dumps(collection(one["items"])) == dumps(one)


def _items(one: PhpObject) -> list[Any]:
    items = one["items"]
    return list(items.values()) if isinstance(items, dict) else list(items)


def is_scalar(value: Any) -> bool:
    return isinstance(value, str | int | float | bool | None)


def test_model_identifiers_are_as_laravel_serializes_them() -> None:
    found = golden_objects(names.MODEL_IDENTIFIER)
    assert {version for version, _ in found} == {8, 10, 11, 12, 13}
    for version, one in found:
        made = model_identifier(
            one["class"],
            one["id"],
            relations=one["relations"],
            connection=one["connection"],
            collection_class=one.get("collectionClass"),
            version=version,
        )
        assert dumps(made) == dumps(one)


def test_what_travels_arrives_as_what_it_means() -> None:
    moment = datetime(2026, 1, 2, 3, 4, 5, 678, timezone(timedelta(hours=5, minutes=30)))
    job = make_job(
        "App\\A",
        {
            "at": carbon(moment),
            "list": collection([1, 2]),
            "map": collection({"a": 1}),
            "user": model_identifier("App\\Models\\User", 7, relations=["posts"]),
            "suit": enum_case("App\\Enums\\Suit", "Hearts"),
        },
    )
    assert job.data == {
        "at": moment,
        "list": [1, 2],
        "map": {"a": 1},
        "user": ModelIdentifier("App\\Models\\User", 7, ["posts"], "mysql", None),
        "suit": PhpEnum("App\\Enums\\Suit", "Hearts"),
    }


# -- a job to call a handler with --------------------------------------------------------------------------------------


def handler(job: Job) -> None:
    what = job.data["what"]
    if what == "release":
        job.release(delay=job.attempts * 10)
    elif what == "delete":
        job.delete()
    elif what == "fail":
        job.fail(ValueError("no"))
    elif what == "say":
        job.progress(0.5, "half")


@pytest.mark.parametrize(
    ("what", "told"),
    [
        ("nothing", (False, None, False, None)),
        ("release", (True, 20, False, None)),
        ("delete", (False, None, True, None)),
        ("fail", (False, None, False, "no")),
    ],
)
def test_what_the_handler_asked_for(what: str, told: Any) -> None:
    job = make_job("App\\A", {"what": what}, attempts=2)
    handler(job)
    error = job.failed_with and str(job.failed_with)
    assert (job.released, job.released_after, job.deleted, error) == told


def test_a_release_at_once_is_one_too() -> None:
    job = make_job("App\\A")
    job.release()
    assert (job.released, job.released_after) == (True, 0)


def test_a_text_to_fail_with() -> None:
    job = make_job("App\\A")
    job.fail("not today")
    assert isinstance(job.failed_with, ManuallyFailed)


def test_progress_is_noted() -> None:
    job = make_job("App\\A", {"what": "say"})
    handler(job)
    assert job.progressed == [(0.5, "half")]


def test_the_job_is_what_it_was_made_of() -> None:
    job = make_job("App\\A", {"n": 1}, queue="high", attempts=3, connection="mysql", tries=5, version=8, encrypted=True)
    assert (job.name, job.data, job.queue, job.attempts, job.max_tries) == ("App\\A", {"n": 1}, "high", 3, 5)
    assert (job["name"], job.connection, job.created_at) == ("App\\A", "mysql", None)
    assert job.payload["attempts"] == 2


def test_a_typed_job() -> None:
    @php_class("App\\Jobs\\Typed")
    @dataclass
    class Typed:
        n: int

    job = make_job(Typed(7), attempts=2)
    assert (job.name, job.data, job.attempts) == ("App\\Jobs\\Typed", {"n": 7}, 2)


def test_a_string_job() -> None:
    job = make_job("App\\Legacy@fire", ["x"])
    assert (job.name, job.kind, job.data) == ("App\\Legacy", "string", {"data": ["x"]})
