"""Commands run in this process, on a queue in memory that the test holds too."""

from __future__ import annotations

import sys
import uuid
from collections.abc import Callable, Iterator

import pytest
from click.testing import CliRunner, Result

from lara_queue import Job, Queue
from lara_queue.cli import cli
from lara_queue.cli.program import state

__all__ = ["APP_KEY", "Run", "clean_environment", "fail", "queue", "rows", "run", "store"]

APP_KEY = "base64:MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
Run = Callable[..., Result]


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("URL", "APP", "APPNAME", "PREFIX", "FAILED", "CACHE", "CACHE_PREFIX", "APP_KEY"):
        monkeypatch.delenv(f"LARA_QUEUE_{name}", raising=False)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield
    sys.modules.pop("busy_app", None)
    state.verbosity = 0


@pytest.fixture
def store() -> str:
    return f"memory://{uuid.uuid4().hex}"


@pytest.fixture
def queue(store: str) -> Queue:
    """The queue that the commands of ``run`` work on; its failed store and cache are the process's, by name."""
    return Queue(store, failed=store, cache=store, app_key=APP_KEY)


@pytest.fixture
def run(store: str) -> Run:
    """Runs a command on that queue."""

    def run(*words: str, input: str | None = None, **env: str) -> Result:
        place = {"LARA_QUEUE_URL": store, "LARA_QUEUE_FAILED": store, "LARA_QUEUE_CACHE": store}
        return CliRunner().invoke(cli, words, input=input, env={**place, **env})

    return run


def fail(queue: Queue, count: int = 1, name: str = "App\\Jobs\\Bad") -> list[str]:
    @queue.handler
    def handle(job: Job) -> None:
        raise ValueError("no")

    uuids = [queue.push(name) for _ in range(count)]
    queue.listen(stop_when_empty=True)
    return uuids


def rows(result: Result) -> list[list[str]]:
    return [line.split() for line in result.stdout.splitlines()]
