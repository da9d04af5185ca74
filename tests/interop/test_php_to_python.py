"""Real Laravel pushes, Python takes: every value right, every key of the queue empty afterwards."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

import pytest
import redis

from lara_queue import Job, Queue
from lara_queue.php import PhpObject, dumps, loads

from .expected import CHECKS, DATA
from .faces import Python
from .laravel import Laravel, Pushed
from .tagged import assert_job, assert_matches

pytestmark = pytest.mark.live

CASES = [*DATA, *CHECKS]
EMPTY = {"ready": 0, "delayed": 0, "reserved": 0, "notify": 0}
Connect = Callable[..., Python]


def command_of(job: Job) -> PhpObject:
    command = job.command
    assert command is not None, f"{job.name} has no command"
    return command


def assert_same_job(pushed: Pushed, job: Job) -> None:
    """Everything about a job that PHP and Python must agree on, bar when it was taken."""
    options = pushed.options
    assert job.uuid == pushed.uuid
    if pushed.id is not None:  # Laravel's bulk() and its events do not say
        assert job.id == pushed.id
    assert job.name == options["displayName"]
    assert job.max_tries == options["maxTries"]
    assert job.max_exceptions == options["maxExceptions"]
    assert job.timeout == options["timeout"]
    backoff = options["backoff"]
    assert job.backoff == (None if backoff is None else tuple(map(int, backoff.split(","))))
    until = options.get("retryUntil")
    assert job.retry_until == (None if until is None else datetime.fromtimestamp(until, timezone.utc))
    if "string_job" in pushed.expect:
        assert job.payload["job"] == pushed.expect["string_job"]
        assert_matches(pushed.expect["data"], job.payload["data"])
    else:
        assert_job(pushed.expect, command_of(job))


@pytest.mark.parametrize("case", CASES)
def test_python_finds_what_php_pushed(laravel: Laravel, python: Python, case: str) -> None:
    pushed = laravel.push(case)

    job, *following = python.take(queue=f"{laravel.queue},z")

    assert [job.command["step"] for job in following] == ([2, 3] if case == "chain" else [])
    assert_same_job(pushed, job)
    assert (job.attempts, job.queue, job["name"]) == (1, laravel.queue, job.name)
    if case in DATA:
        assert job.data == DATA[case]
        assert job["data"] == DATA[case]
    else:
        assert CHECKS[case](job.data), job.data
    assert laravel.counts() == EMPTY
    assert laravel.keys() == []


@pytest.mark.parametrize("case", ["carbon", "datetime"])
def test_dates_are_the_instants_that_php_means(laravel: Laravel, python: Python, case: str) -> None:
    """Also where a wall clock shows an hour twice: PHP's choice, which is not Python's."""
    pushed = laravel.push(case)
    (job,) = python.take()
    (payload,) = (prop["value"]["v"] for prop in pushed.expect["props"] if prop["name"] == "payload")
    assert len(payload) == 5
    for key, tagged in payload:
        moment = job.data["payload"][key["v"]]
        meant = datetime.fromisoformat(tagged["datetime"])
        assert (moment.astimezone(timezone.utc), moment.utcoffset()) == (meant, meant.utcoffset()), key["v"]


def test_every_case_has_an_expectation(laravel: Laravel) -> None:
    cases = laravel.producer.ask({"op": "cases", "config": laravel.settings})["cases"]
    assert sorted(cases) == sorted(CASES)


def test_what_python_read_is_what_it_writes(laravel: Laravel, python: Python) -> None:
    cases = [case for case in CASES if not case.startswith(("string-", "encrypted", "chain"))]
    pushed = laravel.push_all(cases)
    waiting = laravel.ready()
    written = {body["uuid"]: body["data"]["command"] for body in map(json.loads, waiting)}

    jobs = python.take()

    assert len(jobs) == len(pushed)
    assert sorted(job.raw_body for job in jobs) == sorted(waiting)
    for job in jobs:
        _ = job.data  # plain values must not be written into the command they were made from
        assert dumps(command_of(job)) == written[job.uuid].encode()


def test_php_runs_again_what_python_pushed_back(laravel: Laravel, python: Python) -> None:
    """Through Python and back: the command re-encoded value by value, and PHP's worker as the judge."""
    cases = [case for case in CASES if not case.startswith(("string-", "encrypted", "listener", "closure", "chain"))]
    pushed = {job.uuid: job for job in laravel.push_all(cases)}
    for job in python.take():
        payload = {**job.payload, "data": {**job.payload["data"], "command": dumps(command_of(job)).decode()}}
        python("push_raw", payload)

    ran = laravel.work().by_uuid()

    assert ran.keys() == pushed.keys()
    for uuid, sent in pushed.items():
        record = ran[uuid]
        assert record["class"] == sent.expect["class"], sent.case
        if sent.case not in ("visibility-models", "job-holds-itself", "own-format-job", "sleepy-format-job"):
            # the others are changed by PHP itself on the way: a lost private property, the worker's own $job
            kept = [prop for prop in sent.expect["props"] if prop["name"] != "job"]
            assert record["props"] == kept, sent.case


# -- ways to push ----------------------------------------------------------------------------------------------------


def test_later_is_not_taken_early(laravel: Laravel, python: Python) -> None:
    laravel.push("map", delay=60)
    assert laravel.counts() == EMPTY | {"delayed": 1}
    assert python.take() == []
    assert laravel.counts() == EMPTY | {"delayed": 1}

    laravel.make_due()
    (job,) = python.take()

    assert job.data == DATA["map"]
    assert job.attempts == 1
    assert laravel.counts() == EMPTY


def test_later_at_a_date(laravel: Laravel, python: Python) -> None:
    due = datetime(2100, 1, 1, tzinfo=timezone.utc)
    laravel.push("map", at=due)

    (job,) = python("delayed_jobs")

    assert job.data == DATA["map"]
    assert laravel.scores(":delayed") == [due.timestamp()]


def test_bulk_keeps_the_order(laravel: Laravel, connect: Connect) -> None:
    cases = ["list", "map", "typed", "enums", "carbon", "plain"] * 3
    pushed = laravel.bulk(cases)

    jobs = connect(max_concurrent_jobs=1).take()

    assert [job.uuid for job in jobs] == [job.uuid for job in pushed]
    for job, sent in zip(jobs, pushed, strict=True):
        assert_same_job(sent, job)
    assert laravel.counts() == EMPTY


def test_dispatched_to_the_queue_that_the_job_names(laravel: Laravel, python: Python) -> None:
    pushed = laravel.push("own-queue-properties", via="dispatch")
    assert pushed.queue == "queues:somewhere"

    assert python.take() == []
    (job,) = python.take(queue="somewhere")

    assert (job.queue, job.uuid) == ("somewhere", pushed.uuid)


def test_queues_are_taken_in_order_of_priority(laravel: Laravel, connect: Connect) -> None:
    order = ("low", "high", "low", "middle", "high", "low")
    pushed = [(queue, laravel.push("list", queue).uuid) for queue in order]

    jobs = connect(max_concurrent_jobs=1).take(queue="high,middle,low")

    wanted = sorted(pushed, key=lambda job: ("high", "middle", "low").index(job[0]))
    assert [(job.queue, job.uuid) for job in jobs] == wanted


def test_many_at_once_each_once(laravel: Laravel, connect: Connect) -> None:
    pushed = {job.uuid: job for job in laravel.push_all(case for case in CASES if case != "chain")}

    jobs = connect(max_concurrent_jobs=8, prefetch=5).take()

    assert sorted(str(job.uuid) for job in jobs) == sorted(pushed)
    for job in jobs:
        assert_same_job(pushed[str(job.uuid)], job)
    assert laravel.counts() == EMPTY


def test_a_chain_shows_what_follows(laravel: Laravel, python: Python) -> None:
    pushed = laravel.push("chain")
    job, *_ = python.take(max_jobs=1)

    links: list[Any] = [loads(link) for link in job.chain]
    assert [(link["step"], link["label"], link["queue"]) for link in links] == [(2, 'second "q"', None), (3, "", "z")]
    for link, described in zip(links, pushed.expect["chain"], strict=True):
        assert link.class_name == described["class"]


def test_kinds_of_jobs(laravel: Laravel, python: Python) -> None:
    laravel.push_all(["plain", "listener", "closure", "string-map"])
    kinds = {job.kind: job for job in python.take()}

    assert kinds.keys() == {"job", "listener", "closure", "string"}
    assert kinds["listener"].name == "App\\Listeners\\SendShipmentNotice"
    assert (kinds["listener"].max_tries, kinds["listener"].backoff, kinds["listener"].timeout) == (4, (3, 9), 45)
    assert kinds["string"].command is None


# -- handlers --------------------------------------------------------------------------------------------------------


def test_handlers_by_class_and_by_display_name(laravel: Laravel, python: Python) -> None:
    heard: list[tuple[str, str]] = []
    python.handle(lambda job: heard.append(("plain", job.name)), "App\\Jobs\\Plain")
    python.handle(lambda job: heard.append(("display name", job.name)), "nightly: Zoë’s report")
    python.handle(lambda job: heard.append(("string", job.name)), "App\\Jobs\\Legacy")
    python.handle(lambda job: heard.append(("any", job.name)))
    laravel.push_all(["plain", "configured-by-methods", "string-map", "map"])

    python.listen()

    assert sorted(heard) == [
        ("any", "App\\Jobs\\Bare"),
        ("display name", "nightly: Zoë’s report"),
        ("plain", "App\\Jobs\\Plain"),
        ("string", "App\\Jobs\\Legacy"),
    ]


def test_a_failing_handler_obeys_what_php_asked_for(laravel: Laravel, python: Python) -> None:
    """`configured` says tries 5, maxExceptions 2, backoff [1, 5, 10]: released after 1 second, then failed."""
    laravel.push("configured")
    seen: list[int] = []

    def fail(job: Job) -> None:
        seen.append(job.attempts)
        raise RuntimeError("always")

    python.handle(fail)
    before = datetime.now(timezone.utc).timestamp()
    python.listen()

    assert seen == [1]
    assert laravel.counts() == EMPTY | {"delayed": 1}
    (due,) = laravel.scores(":delayed")
    assert before + 1 - 1 <= due <= before + 5  # Laravel counts in whole seconds

    for _ in range(9):
        laravel.make_due()
        python.listen()
    assert laravel.counts() == EMPTY
    assert seen[:2] == [1, 2]
    assert len(seen) <= 5
    (failed,) = python.run(python.queue.failed.all())
    assert failed.queue == laravel.queue
    assert "always" in failed.exception


# -- what must not break a worker --------------------------------------------------------------------------------------


def test_an_encrypted_job_without_the_key_is_kept_whole(laravel: Laravel, connect: Connect) -> None:
    laravel.push("encrypted")
    laravel.push("plain")
    (body, _) = laravel.ready()
    python = connect(app_key=None)

    jobs = python.take()

    assert [job.name for job in jobs] == ["App\\Jobs\\Plain"]
    (failed,) = python.run(python.queue.failed.all())
    assert failed.payload == body
    assert b"s3cr3t" not in failed.exception.encode()


@pytest.mark.parametrize(
    "payload",
    [
        "not json",
        '{"uuid":"u","job":"Illuminate\\\\Queue\\\\CallQueuedHandler@call","data":{"command":"O:1:\\"A\\":1:{"},"attempts":0}',
        '{"uuid":"u","displayName":"X","job":"App\\\\X@fire","data":[]}',
        "[]",
        '"text"',
    ],
    ids=["not-json", "broken-command", "no-attempts", "list", "string"],
)
def test_a_bad_payload_is_buried_with_its_bytes(laravel: Laravel, python: Python, payload: str) -> None:
    laravel.push_raw(payload)
    laravel.push("plain")

    jobs = python.take()

    assert [job.name for job in jobs] == ["App\\Jobs\\Plain"]
    assert laravel.counts() == EMPTY
    (failed,) = python.run(python.queue.failed.all())
    assert failed.payload == payload.encode()


def test_a_job_nobody_handles_is_not_lost(laravel: Laravel, python: Python) -> None:
    pushed = laravel.push("plain")
    (body,) = laravel.ready()
    python.handle(lambda job: None, "App\\Jobs\\Other")

    python.listen()

    assert laravel.counts()["ready"] + laravel.counts()["delayed"] == 1
    laravel.make_due()
    record = laravel.work().by_uuid()[pushed.uuid]
    assert record["attempts"] == 1, "putting it back untouched uses no attempt"
    assert json.loads(body)["uuid"] == record["uuid"]


def test_clients_of_every_kind(laravel: Laravel) -> None:
    """RESP2 and RESP3, decode_responses on and off: the bytes must be the same."""
    for protocol in (2, 3):
        for decode in (False, True):
            pushed = laravel.push("unicode")
            client = redis.Redis.from_url(laravel.url, protocol=protocol, decode_responses=decode)
            queue = Queue(client, queue=laravel.queue, appname=laravel.appname, prefix=laravel.prefix)
            jobs: list[Job] = []
            queue.handler(jobs.append)
            queue.listen(stop_when_empty=True, sleep=0)
            (job,) = jobs
            assert_same_job(pushed, job)
            queue.close()
            client.close()
    assert laravel.counts() == EMPTY
