"""Log records that know their job, and JSON lines whatever happens."""

from __future__ import annotations

import io
import json
import logging
import re
import sys
from collections.abc import Iterator, Mapping
from typing import Any, Literal

import pytest

from lara_queue import Job
from lara_queue.job import current_job
from lara_queue.laravel.json import encode_json
from lara_queue.logs import LONGEST, JobFilter, JsonFormatter, job_fields, log_jobs
from lara_queue.ports import Reservation
from tests.worker.faces import Face

KINDS: list[Literal["sync", "async"]] = ["sync", "async"]
FIELDS = {"job_id", "job_uuid", "job_name", "job_queue", "job_connection", "job_attempts"}


def fields(record: logging.LogRecord) -> dict[str, Any]:
    return {name: value for name, value in record.__dict__.items() if name.startswith("job_")}


def a_job(body: bytes | None = None) -> Job:
    body = encode_json({"job": "A@b", "uuid": "u-1", "id": "i-1"}) if body is None else body
    return Job(Reservation("mail", body, 2, None, 0), connection="redis")


# -- fields ------------------------------------------------------------------------------------------------------------


def test_the_fields_of_a_job() -> None:
    assert job_fields(a_job(), status="failed", runtime=1.23456789) == {
        "job_id": "i-1",
        "job_uuid": "u-1",
        "job_name": "A@b",
        "job_queue": "mail",
        "job_connection": "redis",
        "job_attempts": 2,
        "job_status": "failed",
        "job_runtime": 1.234568,
    }
    assert set(job_fields(a_job())) == FIELDS


@pytest.mark.parametrize("body", [b"", b"\xff", b"[]", b'{"uuid":"u"}', b'{"job":""}'])
def test_the_fields_of_a_job_that_cannot_be_read(body: bytes) -> None:
    assert job_fields(a_job(body)) == {
        "job_id": None,
        "job_uuid": None,
        "job_name": None,
        "job_queue": "mail",
        "job_connection": "redis",
        "job_attempts": 2,
    }


def record(msg: str, *args: Any) -> logging.LogRecord:
    return logging.getLogger("app").makeRecord("app", logging.INFO, __file__, 1, msg, args, None)


def test_the_filter_finds_the_job_that_a_message_mentions() -> None:
    for made in (record("%r", a_job()), record("%s of %r", "end", a_job())):
        assert JobFilter().filter(made)
        assert fields(made)["job_uuid"] == "u-1"
        assert "job_status" not in fields(made)
        assert "u-1" in made.getMessage()


def test_the_filter_finds_the_job_whose_handler_runs() -> None:
    token = current_job.set(a_job())
    try:
        made = record("hello")
        assert JobFilter().filter(made)
    finally:
        current_job.reset(token)
    assert fields(made) == job_fields(a_job(), status="processing")
    bare = record("hello %(x)s", {"x": 1})
    assert JobFilter().filter(bare)
    assert fields(bare) == {}


def test_what_a_record_says_itself_stays() -> None:
    made = record("%r", a_job())
    made.job_queue = "other"
    assert JobFilter().filter(made)
    assert fields(made) == {"job_queue": "other"}


# -- what the worker logs ----------------------------------------------------------------------------------------------


@pytest.fixture(params=KINDS)
def face(request: pytest.FixtureRequest) -> Iterator[Any]:
    made = Face(request.param, queue="q", connection="redis")
    yield made
    made.close()


def test_a_failure_and_a_retry_carry_the_jobs_fields(face: Any, caplog: pytest.LogCaptureFixture) -> None:
    @face.queue.handler
    def handle(job: Job) -> None:
        raise ValueError("no")

    uuid = face.push("App\\Jobs\\X", tries=2)
    face.listen(max_jobs=2)
    told = [fields(made) for made in caplog.records if made.name == "lara_queue"]
    assert [each["job_status"] for each in told] == ["released_after_exception", "failed"]
    assert [each["job_attempts"] for each in told] == [1, 2]
    for each in told:
        assert (each["job_uuid"], each["job_name"], each["job_queue"]) == (uuid, "App\\Jobs\\X", "q")
        assert each["job_connection"] == "redis"
        assert len(each["job_id"]) == 32
        assert 0 <= each["job_runtime"] < 60


def test_an_unreadable_job_and_one_without_handler(face: Any, caplog: pytest.LogCaptureFixture) -> None:
    face.push_raw(b"not JSON")
    face.push("App\\Jobs\\Nobody")
    face.listen(max_jobs=2, unhandled_delay=100)
    told = [fields(made) for made in caplog.records if made.name == "lara_queue"]
    assert [(each["job_name"], each["job_queue"]) for each in told] == [(None, "q"), ("App\\Jobs\\Nobody", "q")]


@pytest.mark.parametrize("is_async", [False, True])
def test_lines_of_a_handler_carry_its_jobs_fields(face: Any, is_async: bool, caplog: pytest.LogCaptureFixture) -> None:
    """Plain functions in the worker's thread and in a pool's, coroutines on either loop; several jobs at once."""
    log = logging.getLogger("shop.mail")
    caplog.handler.addFilter(added := JobFilter())
    caplog.set_level(logging.INFO, "shop.mail")

    def handle(job: Job) -> None:
        log.info("sending %s", job.data["n"])

    async def handle_async(job: Job) -> None:
        log.info("sending %s", job.data["n"])

    face.queue.handler(handle_async if is_async else handle)
    count = (
        1 if is_async and face.kind == "sync" else 3
    )  # the blocking face runs all coroutines in the first one's context
    uuids = [face.push("App\\Jobs\\X", {"n": n}) for n in range(count)]
    face.listen(stop_when_empty=True)
    log.info("outside")
    caplog.handler.removeFilter(added)
    *inside, outside = [made for made in caplog.records if made.name == "shop.mail"]
    assert {made.args[0]: fields(made)["job_uuid"] for made in inside if made.args} == dict(enumerate(uuids))  # type: ignore[index]
    assert {fields(made)["job_status"] for made in inside} == {"processing"}
    assert fields(outside) == {}


def test_a_line_for_each_job_that_went_well(face: Any, caplog: pytest.LogCaptureFixture) -> None:
    log_jobs(face.queue.emitter)
    caplog.set_level(logging.INFO, "lara_queue")

    @face.queue.handler("App\\Jobs\\X")
    def handle(job: Job) -> None:
        if job.attempts == 1:
            job.release()

    @face.queue.handler("App\\Jobs\\Bad")
    def bad(job: Job) -> None:
        job.fail("no")

    face.push("App\\Jobs\\X", tries=2)
    face.push("App\\Jobs\\Bad")
    face.listen(max_jobs=3)
    told = [fields(made) for made in caplog.records if "was processed" in made.getMessage()]
    assert sorted((each["job_name"], each["job_status"]) for each in told) == [
        ("App\\Jobs\\X", "released"),
        ("App\\Jobs\\X", "success"),
    ]
    assert all(0 <= each["job_runtime"] < 60 for each in told)


def processed(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    return [made for made in caplog.records if "was processed" in made.getMessage()]


def one_job(face: Any) -> None:
    face.push("App\\Jobs\\X")
    face.listen(stop_when_empty=True)


def heard(face: Any) -> set[str]:
    return set(face.queue.emitter.event_names())


def test_it_ends_with_stop_and_leaves_no_listener(face: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "lara_queue")
    face.queue.handler("App\\Jobs\\X")(lambda job: None)
    before = heard(face)
    log = log_jobs(face.queue.emitter)
    one_job(face)
    log.stop()
    log.stop()
    one_job(face)
    assert (len(processed(caplog)), heard(face)) == (1, before)
    with log_jobs(face.queue.emitter):
        one_job(face)
    one_job(face)
    assert (len(processed(caplog)), heard(face)) == (2, before)


def test_a_second_call_takes_the_place_of_the_first(face: Any, caplog: pytest.LogCaptureFixture) -> None:
    """One line a job; the first one's end is no end of the second."""
    caplog.set_level(logging.INFO, "lara_queue")
    logs = [log_jobs(face.queue.emitter)]

    @face.queue.handler("App\\Jobs\\X")
    def handle(job: Job) -> None:
        logs.append(log_jobs(face.queue.emitter))  # even while a job is in hand, whose runtime is still told

    one_job(face)
    logs[0].stop()
    one_job(face)
    runtimes = [fields(made)["job_runtime"] for made in processed(caplog)]
    assert len(runtimes) == 2
    assert all(0 <= runtime < 60 for runtime in runtimes)
    face.queue.emitter.remove_all_listeners("job.processed")
    logs[-1].stop()
    assert not heard(face) & {"job.processing", "job.attempted"}


# -- JSON --------------------------------------------------------------------------------------------------------------


def logged(write: Any) -> dict[str, Any]:
    """The one line that ``write`` logs, read back; JSON's strict rules hold."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter())
    handler.addFilter(JobFilter())
    logger = logging.Logger("app")
    logger.addHandler(handler)
    write(logger)
    text = stream.getvalue()
    assert text.endswith("\n")
    assert text.count("\n") == 1
    assert text.isascii()

    def no_constants(name: str) -> Any:
        raise AssertionError(f"{name} is not JSON")

    found: dict[str, Any] = json.loads(text, parse_constant=no_constants)
    return found


def test_a_line() -> None:
    line = logged(lambda log: log.warning("hello %s", "wörld\nline", extra={"n": 1, "tags": ["a"], "job_uuid": "u"}))
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00", line.pop("timestamp"))
    assert line == {
        "level": "WARNING",
        "logger": "app",
        "message": "hello wörld\nline",
        "n": 1,
        "tags": ["a"],
        "job_uuid": "u",
    }


def test_an_exception_is_text() -> None:
    def write(log: logging.Logger) -> None:
        try:
            raise ValueError("no")
        except ValueError:
            log.exception("oh")

    line = logged(write)
    assert line["exception"].startswith("Traceback (most recent call last):\n")
    assert line["exception"].endswith("ValueError: no")
    assert "stack" not in line
    assert "logged" in logged(lambda log: log.info("where", stack_info=True))["stack"]


class Hostile:
    def __repr__(self) -> str:
        raise RuntimeError("no repr")

    __str__ = __repr__


class BadMapping(dict[str, Any]):
    def items(self) -> Any:
        raise RuntimeError("no items")


class BadError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")


def cycle() -> list[Any]:
    made: list[Any] = []
    made.append(made)
    return made


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (None, None),
        (True, True),
        (1.5, 1.5),
        (float("nan"), "nan"),
        (float("-inf"), "-inf"),
        (2**70, str(2**70)),
        (b"caf\xc3\xa9\xff", "café\\xff"),
        ("\ud800", "\ud800"),
        ({1: {2: (3,)}}, {"1": {"2": [3]}}),
        ({("a", "b"): 1}, {"('a', 'b')": 1}),
        (Hostile(), "<Hostile without a readable repr>"),
        ({"x": Hostile()}, {"x": "<Hostile without a readable repr>"}),
        (BadMapping(a=1), "{'a': 1}"),
        (10**5000, "<int without a readable repr>"),
        ([0] * 5000, [0] * LONGEST),
        ("x" * 5000, "x" * 5000),
    ],
    ids=lambda value: type(value).__name__,
)
def test_any_value_makes_a_line(value: Any, written: Any) -> None:
    assert logged(lambda log: log.info("x", extra={"value": value}))["value"] == written


def test_a_value_that_holds_itself() -> None:
    assert "[[...]]" in json.dumps(logged(lambda log: log.info("x", extra={"value": cycle()})))


def test_a_job_as_an_extra_and_as_an_argument() -> None:
    line = logged(lambda log: log.info("%r", a_job(), extra={"job": a_job(b"\xff")}))
    assert line["job_uuid"] == "u-1"
    assert "unreadable" in line["job"]


def test_extras_named_like_our_own_members() -> None:
    line = logged(lambda log: log.info("x", extra={"level": 7, "logger": "mine", "exception": "none"}))
    assert (line["level"], line["level_"], line["logger_"], line["exception_"]) == ("INFO", 7, "mine", "none")


def test_a_message_that_cannot_be_made() -> None:
    assert logged(lambda log: log.info("%d apples", "many"))["message"] == "'%d apples' ('many',)"
    assert logged(lambda log: log.info("%s", Hostile()))["message"] == "'%s' <tuple without a readable repr>"
    assert logged(lambda log: log.info(Hostile()))["message"] == "<Hostile without a readable repr> ()"


def test_an_exception_that_has_no_text() -> None:
    def write(log: logging.Logger) -> None:
        try:
            raise BadError
        except BadError:
            log.error("oh", exc_info=sys.exc_info())

    assert "BadError" in logged(write)["exception"]


def test_a_mapping_subclass_is_written_as_a_mapping() -> None:
    class Case(Mapping[str, int]):
        def __getitem__(self, key: str) -> int:
            return 1

        def __iter__(self) -> Iterator[str]:
            return iter(["a"])

        def __len__(self) -> int:
            return 1

    assert logged(lambda log: log.info("x", extra={"value": Case()}))["value"] == {"a": 1}
