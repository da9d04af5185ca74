"""The command line as a user meets it: as a process, on a real Redis, with what it prints and its exit code."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator

import pytest

from lara_queue import Job, Queue

pytestmark = pytest.mark.live


class Shell:
    """Runs ``python -m lara_queue`` on one prefix of a real Redis."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.prefix = f"cli{uuid.uuid4().hex[:10]}_"
        self.queue = Queue(url, queue="q", appname=self.prefix, prefix="")

    def __call__(self, *words: str, connected: bool = True) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "LARA_QUEUE_TEST_URL": self.url, "LARA_QUEUE_TEST_PREFIX": self.prefix}
        place = ["--app", "tests.cli.jobs_module:queue"] if connected else []
        return subprocess.run(
            [sys.executable, "-m", "lara_queue", words[0], *place, *words[1:]],
            capture_output=True,
            text=True,
            env=environment,
            timeout=60,
        )


@pytest.fixture
def shell(own_redis: str) -> Iterator[Shell]:
    shell = Shell(own_redis)
    yield shell
    for name in ("q", "other"):
        shell.queue.clear(name)
    shell.queue.failed.flush()
    shell.queue.close()


@pytest.mark.parametrize("attribute", ["queue", "aqueue"])
def test_work_runs_what_waits_and_ends(shell: Shell, attribute: str) -> None:
    shell.queue.bulk([("App\\Jobs\\A", {"n": 1}), ("App\\Jobs\\B", {"n": 2})])
    done = shell("work", f"tests.cli.jobs_module:{attribute}", "--stop-when-empty", connected=False)
    assert done.returncode == 0, done.stderr
    assert "HANDLED App\\Jobs\\A {'n': 1}" in done.stdout
    assert "HANDLED App\\Jobs\\B {'n': 2}" in done.stdout
    assert shell.queue.size() == 0


def test_work_prints_json_lines_on_request(shell: Shell) -> None:
    shell.queue.push("App\\Jobs\\A", {"n": 1})
    done = shell("work", "tests.cli.jobs_module:queue", "--stop-when-empty", "--json", connected=False)
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert [(line["job"], line["status"]) for line in lines] == [
        ("App\\Jobs\\A", "starting"),
        ("App\\Jobs\\A", "success"),
    ]


def test_processes_share_the_work(shell: Shell) -> None:
    shell.queue.bulk(["App\\Jobs\\A"] * 20)
    done = shell("work", "tests.cli.jobs_module:queue", "--processes", "2", "--stop-when-empty", connected=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("HANDLED") == 20
    assert shell.queue.size() == 0


def test_push_size_inspect_and_clear(shell: Shell) -> None:
    pushed = shell("push", "App\\Jobs\\A", '{"to": "ada"}', "--tries", "3")
    assert pushed.returncode == 0, pushed.stderr
    (job,) = shell.queue.pending_jobs()
    assert (job.name, job.data, job.max_tries) == ("App\\Jobs\\A", {"to": "ada"}, 3)
    assert "1" in shell("size").stdout
    shown = shell("inspect")
    assert "App\\Jobs\\A" in shown.stdout
    assert "ada" in shown.stdout
    as_json = json.loads(shell("inspect", "--json").stdout)
    assert str(job.uuid) in json.dumps(as_json)
    cleared = shell("clear", "--force")
    assert cleared.returncode == 0
    assert shell.queue.size() == 0


def test_failed_retry_forget_flush(shell: Shell) -> None:
    def fails(job: Job) -> None:
        raise ValueError("no")

    shell.queue.handler(fails)
    uuids = shell.queue.bulk(["App\\Jobs\\A"] * 3)
    shell.queue.listen(stop_when_empty=True)
    listed = shell("failed")
    assert all(uuid in listed.stdout for uuid in uuids)
    assert shell("retry", uuids[0]).returncode == 0
    assert shell.queue.size() == 1
    assert shell("forget", uuids[1]).returncode == 0
    assert shell("forget", uuids[1]).returncode == 1
    assert shell("flush").returncode == 0
    assert shell.queue.failed.count() == 0


def test_monitor_tells_a_busy_queue_by_its_exit_code(shell: Shell) -> None:
    shell.queue.bulk(["App\\Jobs\\A"] * 3)
    assert shell("monitor", "q", "--max", "3").returncode == 1
    assert shell("monitor", "q", "--max", "4").returncode == 0


@pytest.mark.parametrize(
    "words",
    [
        ("work", "no_such_module:queue"),
        ("work", "tests.cli.jobs_module:nothing"),
        ("work", "tests.cli.jobs_module:URL"),
        ("size", "--connection", "redis://127.0.0.1:1/0"),
        ("size", "--connection", "reddis://localhost"),
        ("size", "--connection", "not a url"),
        ("push", "--connection", "memory://", "App\\Jobs\\A", "{not json"),
        ("forget", "--connection", "memory://", "nobody"),
    ],
    ids=lambda words: " ".join(words),
)
def test_a_mistake_is_one_line_and_exit_code_1(shell: Shell, words: tuple[str, ...]) -> None:
    done = shell(*words, connected=False)
    assert done.returncode == 1
    told = [line for line in done.stderr.splitlines() if line.strip()]
    assert len(told) == 1, done.stderr
    assert "Traceback" not in done.stderr


def test_every_command_shows_an_example(shell: Shell) -> None:
    overview = shell("--help", connected=False)
    assert overview.returncode == 0
    for name in ("work", "push", "size", "inspect", "clear", "failed", "retry", "restart"):
        assert name in overview.stdout
        assert "Example" in shell(name, "--help", connected=False).stdout
