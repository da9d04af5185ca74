"""What holds for every command: help, mistakes in one line, tracebacks on request."""

from __future__ import annotations

from typing import Any

import pytest
from click.testing import CliRunner

from lara_queue import Queue
from lara_queue.cli import cli
from tests.cli.commands import Run, clean_environment, queue, run, store

__all__ = ["clean_environment", "queue", "run", "store"]  # fixtures


@pytest.mark.parametrize("name", list(cli.commands))
def test_every_command_has_help_with_an_example(run: Run, name: str) -> None:
    result = run(name, "--help")
    assert result.exit_code == 0
    assert f"Example:\n      lara-queue {name}" in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 120
    assert "--debug" in result.stdout
    if name in WITHOUT_A_STORE:
        return
    if name not in ("work", "tables"):
        assert "--app" in result.stdout
    assert "--connection" in result.stdout


WITHOUT_A_STORE = {"demo", "make:php", "make:python"}
"""Commands that write source files, or make a store of their own."""


def test_version_and_overview(run: Run) -> None:
    assert run("--version").stdout.startswith("lara-queue ")
    assert run().exit_code == 0
    assert run().stdout == run("--help").stdout
    listed = [line.split()[0] for line in run().stdout.partition("Commands:")[2].splitlines() if line.strip()]
    assert listed == list(cli.commands)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["nothing"], "No such command 'nothing'"),
        (["size", "--colour"], "No such option"),
        (["push"], "Which job?"),
        (["push", "A", "{'a': 1}"], "not JSON"),
        (["push", "A", '{"a": NaN}'], "not JSON"),
        (["push", "A", "[" * 100_000], "nested too deeply"),
        (["push", "A", "[1]"], "mapping of its properties"),
        (["push", "A", "--tries", "many"], "--tries"),
        (["push", "A", "--backoff", "1,x"], "--backoff"),
        (["push", "A", "--raw", "README.md"], "--raw cannot be combined"),
        (["push", "A", "--encrypted"], "app_key"),
        (["monitor", ","], "at least one queue"),
        (["size", "--connection", "reids://localhost"], "did you mean redis://"),
        (["size", "--connection", "redis://127.0.0.1:1/0"], "cannot be reached"),
        (["size", "--connection", "redis://localhost:port/0"], "port"),
        (["size", "--app", "no_such_module"], "no module 'no_such_module'"),
        (["size", "--app", "memory:x", "--connection", "memory://"], "not both"),
        (["failed", "--failed", "mongodb://x"], "mongodb"),
        (["retry", "--range", "1-many"], "such as 1-5"),
    ],
)
def test_a_mistake_is_one_line(run: Run, words: list[str], told: str) -> None:
    result = run(*words)
    assert result.exit_code == 1
    assert result.stdout == ""
    assert len(result.stderr.splitlines()) == 1, result.stderr
    assert told in result.stderr
    assert result.stderr.startswith("lara-queue: ")


def test_no_queue_is_a_mistake_too() -> None:
    result = CliRunner().invoke(cli, ["size"])
    assert (result.exit_code, len(result.stderr.splitlines())) == (1, 1)
    assert "LARA_QUEUE_URL" in result.stderr


@pytest.mark.parametrize("flag", ["-v", "--debug"])
@pytest.mark.parametrize("before", [True, False])
def test_the_traceback_is_shown_on_request(run: Run, flag: str, before: bool) -> None:
    words = [flag, "push", "A", "{"] if before else ["push", "A", "{", flag]
    result = run(*words)
    assert "Traceback" in result.stderr
    assert result.stderr.splitlines()[-1].startswith("lara-queue: The data is not JSON")


def test_ctrl_c_is_clean(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Queue, "clear", interrupted)
    result = run("clear", "--force")
    assert result.exit_code == 130
    assert result.stderr.split() == ["lara-queue:", "stopped."]
