"""WK-25, SG-12, QS-03: the commands, run in this process."""

from __future__ import annotations

import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from lara_queue import Queue
from lara_queue.cli import cli
from lara_queue.sql import Database
from lara_queue.sql.schema import create_tables

APP = """
from lara_queue import {face} as Face
queue = Face({store!r}, failed={store!r}, cache={store!r})
told = []
for name in ("queue.paused", "queue.resumed", "queues.paused", "queues.resumed"):
    queue.on(name)(lambda event: told.append((event.name, getattr(event, "queue", None))))

@queue.handler
def handle(job):
    raise ValueError("no")
"""
Run = Callable[..., Result]
JOB = "App\\Jobs\\X"


@pytest.fixture(params=["Queue", "AsyncQueue"])
def app(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The module of a program, imported once in this process; ``run`` on it is the command line."""
    name = f"scenario_{uuid.uuid4().hex}"
    (tmp_path / f"{name}.py").write_text(APP.format(face=request.param, store=f"memory://{uuid.uuid4().hex}"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    for variable in ("URL", "APP", "CACHE", "FAILED"):
        monkeypatch.delenv(f"LARA_QUEUE_{variable}", raising=False)
    __import__(name)
    yield sys.modules[name]
    sys.modules.pop(name, None)


@pytest.fixture
def run(app: Any) -> Run:
    return lambda *words: CliRunner().invoke(cli, [word.replace("APP", app.__name__) for word in words])


def test_wk_25_the_command_may_run_twice_in_one_process(app: Any, run: Run) -> None:
    first = run("work", "APP:queue", "--stop-when-empty")
    assert (first.exit_code, "App\\Jobs\\X" in first.stdout) == (0, False)
    assert run("push", "App\\Jobs\\X", "--app", "APP:queue").exit_code == 0
    second = run("work", "APP:queue", "--stop-when-empty")
    assert second.exit_code == 0
    lines = [line for line in second.stdout.splitlines() if "App\\Jobs\\X" in line]
    assert [line.split()[-1] for line in lines] == ["RUNNING", "FAIL"]
    listed = run("failed", "--app", "APP:queue", "--json")
    assert listed.stdout.count("App\\\\Jobs\\\\X") >= 1
    assert run("flush", "--app", "APP:queue").stdout.count("(1)") == 1


def test_sg_12_pause_and_resume_are_told(app: Any, run: Run) -> None:
    assert run("pause", "default", "--app", "APP:queue").exit_code == 0
    assert run("pause", "--all", "--app", "APP:queue").exit_code == 0
    assert run("resume", "--all", "--app", "APP:queue").exit_code == 0
    assert app.told == [("queue.paused", "default"), ("queues.paused", None), ("queues.resumed", None)]


@pytest.mark.parametrize(("option", "gone"), [("--unfinished", "waits"), ("--cancelled", "cancelled")])
def test_qs_03_zero_hours_count_as_given(tmp_path: Path, option: str, gone: str) -> None:
    url = f"sqlite:///{tmp_path / 'app.sqlite'}"
    database = Database(url, create=True)
    database.transact(create_tables)
    database.close()
    with Queue(url) as queue:
        queue._services.clock = lambda: 1000.0  # pushed long ago, so that a limit of now is later
        batches = {"waits": queue.batch([JOB]).dispatch(), "cancelled": queue.batch([JOB]).dispatch()}
        batches["cancelled"].cancel()
    result = CliRunner().invoke(cli, ["prune-batches", option, "0", "--connection", url])
    assert result.exit_code == 0, result.output
    with Queue(url) as queue:
        left = {name for name, batch in batches.items() if queue.find_batch(batch.id) is not None}
    assert gone not in left


def test_qs_03_and_without_the_option_they_stay(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'app.sqlite'}"
    database = Database(url, create=True)
    database.transact(create_tables)
    database.close()
    with Queue(url) as queue:
        queue._services.clock = lambda: 1000.0
        batch = queue.batch([JOB]).dispatch()
    assert CliRunner().invoke(cli, ["prune-batches", "--hours", "0", "--connection", url]).exit_code == 0
    with Queue(url) as queue:
        assert queue.find_batch(batch.id) is not None


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["--stop-when-empty"], 0),
        (["--once", "--sleep", "0"], 0),
        (["--max-jobs", "1"], 0),
        (["--stop-when-empty-for", "0.01", "--sleep", "0"], 0),
        (["--memory", "1"], 12),
    ],
)
def test_the_exit_codes_of_queue_work(app: Any, run: Run, words: list[str], code: int) -> None:
    """WK-02, WK-05, WK-22: as a supervisor sees them; a job that fails changes none."""
    assert run("push", JOB, "--app", "APP:queue").exit_code == 0
    assert run("work", "APP:queue", *words).exit_code == code
    assert run("size", "--app", "APP:queue", "--json").stdout.count('"size": 0') == 1


def test_a_program_that_is_not_there_is_exit_code_1(app: Any, run: Run) -> None:
    assert run("work", "no_such_module_at_all:queue").exit_code == 1
