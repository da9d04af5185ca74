"""Restart, pause and resume in this process: Laravel's keys, and what a worker tells of them."""

from __future__ import annotations

import io
import logging
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from lara_queue import Queue
from lara_queue.cli import cli
from tests.cli.commands import Run, clean_environment, queue, run, store

__all__ = ["clean_environment", "queue", "run", "store"]  # fixtures


def test_restart_pause_and_resume_leave_laravels_keys(run: Run, queue: Queue) -> None:
    def cached(key: str) -> Any:
        assert queue._cache is not None
        return queue._drive(queue._cache.get(key))

    assert run("restart").exit_code == 0
    assert isinstance(cached("illuminate:queue:restart"), int)
    assert run("pause", "mail").exit_code == 0
    assert run("pause", "redis:a:b").exit_code == 0
    assert run("pause", "redis:").exit_code == 0
    assert run("pause", "--all").exit_code == 0
    keys = ["queue:paused:memory:mail", "queue:paused:redis:a:b", "queue:paused:redis:default", "queues:paused"]
    assert [cached(f"illuminate:{key}") for key in keys] == [True] * 4
    for words in (["mail"], ["redis:a:b"], ["redis:"], ["--all"]):
        assert run("resume", *words).exit_code == 0
    assert [cached(f"illuminate:{key}") for key in keys] == [None] * 4


WORKING = """
from lara_queue import {kind}
queue = {kind}("memory://busy", cache="memory://busy")
seen = []
queue.pop_using("picky", lambda queues: [seen.append(queues), queues][1])

@queue.handler
def handle(job):
    pass
"""


@pytest.mark.parametrize("kind", ["Queue", "AsyncQueue"])
def test_work_tells_which_queue_is_paused(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, kind: str) -> None:
    """And passes the worker's name on. What it prints ends with the run: the second one prints each line once, too."""
    monkeypatch.chdir(tmp_path)
    Path("busy_app.py").write_text(WORKING.format(kind=kind))
    assert run("pause", "low", "--app", "busy_app:queue").exit_code == 0
    work = ("work", "busy_app:queue", "--queue", "high,low", "--stop-when-empty", "--name", "picky")
    for form in ((), ("--json",)):
        result = run(*work, *form)
        assert result.exit_code == 0, result.output
        told = [line for line in result.stdout.splitlines() if "low" in line and "paused" in line]
        assert len(told) == 1
    assert told[0].startswith('{"level": "info", "queue": "low", "status": "paused", "timestamp"')
    assert ("high",) in [tuple(queues) for queues in sys.modules["busy_app"].seen]
    assert run("resume", "low", "--app", "busy_app:queue").exit_code == 0


@pytest.mark.parametrize("kind", ["Queue", "AsyncQueue"])
def test_the_log_in_json_ends_with_the_run(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture, kind: str
) -> None:
    """The second run of a program tells of each job once, too, and leaves no listener behind."""
    monkeypatch.chdir(tmp_path)
    Path("busy_app.py").write_text(WORKING.format(kind=kind))
    caplog.set_level(logging.INFO, "lara_queue")  # which is put back afterwards, as the command does not
    written = io.StringIO()
    monkeypatch.setattr(logging.getLogger(), "handlers", [logging.StreamHandler(written)])
    for times in (1, 2):
        assert run("push", "App\\Jobs\\X", "--app", "busy_app:queue").exit_code == 0
        result = run("work", "busy_app:queue", "--queue", "default", "--stop-when-empty", "--log-json")
        assert result.exit_code == 0, result.output
        assert written.getvalue().count("was processed") == times
        assert "job.processed" not in sys.modules["busy_app"].queue.emitter.event_names()


def test_signals_need_a_cache_and_only_that(run: Run, store: str) -> None:
    without = CliRunner().invoke(cli, ["restart", "--connection", store])
    assert without.exit_code == 1
    assert "--cache" in without.stderr
    assert CliRunner().invoke(cli, ["pause", "q", "--cache", store]).stdout.count("[redis:q]") == 1
    assert run("pause").exit_code == run("resume", "q", "--all").exit_code == 1
