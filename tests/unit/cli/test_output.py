"""Printing: tables in a pipe, mistakes in one line, artisan's lines for jobs, Prometheus's text."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from lara_queue import Job, Queue
from lara_queue.cli.metrics import exposition
from lara_queue.cli.options import split_names
from lara_queue.cli.output import paint, safe, table, wants_colour
from lara_queue.cli.program import CommandError, one_line, state
from lara_queue.cli.progress import Progress, human_time
from lara_queue.metrics.collector import MetricsCollector


@pytest.fixture(autouse=True)
def _calm_state(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("COLUMNS", "80")
    before = state.verbosity
    state.verbosity = 0
    yield
    state.verbosity = before


def test_a_table_in_a_pipe_is_aligned_and_plain(capsys: pytest.CaptureFixture[str]) -> None:
    table(("queue", "total"), [("default", 5), ("x", 1234)], right=frozenset([1]))
    assert capsys.readouterr().out == "QUEUE    TOTAL\ndefault      5\nx         1234\n"


@pytest.mark.parametrize(
    ("environment", "colour"),
    [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False), ({"NO_COLOR": ""}, True)],
)
def test_colour_only_on_a_terminal_that_wants_it(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], colour: bool
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert not wants_colour()  # pytest's capture is no terminal
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    assert wants_colour() is colour
    assert ("\x1b" in paint("x", "red")) is colour


def test_what_is_not_printable_is_escaped() -> None:
    assert safe("a\tb\udcff\u202e") == "a\\tb\\udcff\\u202e"
    assert safe("Zoë 日本") == "Zoë 日本"


def test_an_error_is_one_line() -> None:
    assert one_line(CommandError("first\n   second")) == "first second"
    assert one_line(KeyError("x")) == "KeyError: 'x' (--debug shows where)"


def test_names_come_apart_at_commas() -> None:
    assert split_names(["high, low", "low", " "]) == ["high", "low"]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0.00ms"), (0.0123456, "12.35ms"), (1, "1000.00ms"), (1.2, "1s"), (75, "1m 15s"), (3600, "1h")],
)
def test_running_times_are_artisans(seconds: float, text: str) -> None:
    assert human_time(seconds) == text


def worked(capsys: pytest.CaptureFixture[str], *, as_json: bool, tries: int = 1) -> list[str]:
    queue = Queue("memory://", queue="q")

    @queue.handler("App\\Jobs\\Good")
    def good(job: Job) -> None: ...

    @queue.handler("App\\Jobs\\Bad")
    def bad(job: Job) -> None:
        raise ValueError("no")

    @queue.handler("App\\Jobs\\Later")
    def later(job: Job) -> None:
        job.release(60)

    Progress(queue, as_json=as_json, queues="q")
    queue.push("App\\Jobs\\Good")
    queue.push("App\\Jobs\\Bad")
    queue.push("App\\Jobs\\Later")
    queue.push("App\\Jobs\\Nobody")
    queue.push_raw(b"not JSON")
    queue.listen(stop_when_empty=True, tries=tries, backoff=60)
    return capsys.readouterr().out.splitlines()


def test_json_lines_are_artisans(capsys: pytest.CaptureFixture[str]) -> None:
    lines: list[dict[str, Any]] = [json.loads(line) for line in worked(capsys, as_json=True)]
    assert [(line.get("job"), line["status"], line.get("result")) for line in lines] == [
        ("App\\Jobs\\Good", "starting", None),
        ("App\\Jobs\\Good", "success", "deleted"),
        ("App\\Jobs\\Bad", "starting", None),
        ("App\\Jobs\\Bad", "failed", "deleted"),
        ("App\\Jobs\\Later", "starting", None),
        ("App\\Jobs\\Later", "success", "released"),
        (None, "failed", "deleted"),  # one that cannot be read was never started
    ]
    keys = [
        "level",
        "id",
        "uuid",
        "connection",
        "queue",
        "job",
        "status",
        "result",
        "attempts",
        "timestamp",
        "duration",
    ]
    assert list(lines[1]) == keys
    assert list(lines[0]) == [key for key in keys if key not in ("result", "duration")]
    assert lines[0]["timestamp"].endswith("+00:00")
    assert len(lines[0]["timestamp"]) == 32
    assert (lines[3]["level"], lines[3]["exception"], lines[3]["message"]) == ("warning", "ValueError", "no")


def test_a_retry_is_told_with_its_exception(capsys: pytest.CaptureFixture[str]) -> None:
    line = json.loads(worked(capsys, as_json=True, tries=2)[3])
    assert (line["status"], line["result"], line["exception"]) == ("released_after_exception", "released", "ValueError")


def test_lines_for_people_are_artisans(capsys: pytest.CaptureFixture[str]) -> None:
    first, second, _, fourth, *_ = worked(capsys, as_json=False)
    assert first[22:36] == "App\\Jobs\\Good "
    assert first.endswith(".. RUNNING")
    assert len(first) == 78  # artisan leaves two columns of eighty free
    assert second.endswith("ms DONE")
    assert len(second) == 78
    assert fourth.endswith("ms FAIL")


def test_verbose_lines_name_id_connection_and_queue(capsys: pytest.CaptureFixture[str]) -> None:
    state.verbosity = 1
    assert " memory q " in worked(capsys, as_json=False)[0]


def test_a_reader_that_has_gone_does_not_trouble_the_jobs(monkeypatch: pytest.MonkeyPatch) -> None:
    queue = Queue("memory://", queue="q")
    queue.handler(lambda job: None)
    Progress(queue, as_json=True, queues="q")

    def broken(text: str) -> int:
        raise BrokenPipeError

    queue.push("App\\Jobs\\Good")
    with monkeypatch.context() as patched:
        patched.setattr(sys.stdout, "write", broken)
        queue.listen(stop_when_empty=True)
    assert queue.size() == 0


def test_the_text_for_prometheus() -> None:
    metrics = MetricsCollector(clock=lambda: 100.0)
    metrics.record_job_success('App\\Jobs\\"X"', 100.0, 0.02)
    metrics.record_job_failure('App\\Jobs\\"X"', 100.0, 400, ValueError("no"))
    lines = exposition(metrics.snapshot(), in_hand=2).splitlines()
    label = 'job="App\\\\Jobs\\\\\\"X\\""'
    assert "lara_queue_jobs_in_hand 2" in lines
    assert f'lara_queue_jobs_total{{{label},result="successful"}} 1' in lines
    assert 'lara_queue_errors_total{type="ValueError"} 1' in lines
    assert f'lara_queue_job_seconds_bucket{{{label},le="0.01"}} 0' in lines
    assert f'lara_queue_job_seconds_bucket{{{label},le="0.025"}} 1' in lines
    assert f'lara_queue_job_seconds_bucket{{{label},le="+Inf"}} 2' in lines
    assert f"lara_queue_job_seconds_count{{{label}}} 2" in lines
