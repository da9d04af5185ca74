"""``lara-queue`` on a Laravel application's queues: its worker runs PHP's jobs, PHP's worker runs what it pushes."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from lara_queue import Queue
from lara_queue.cli import cli
from lara_queue.cli.describe import jsonable

from .expected import DATA
from .laravel import APP_KEY, Laravel
from .tagged import assert_matches, assert_received

pytestmark = pytest.mark.live

ROOT = Path(__file__).parents[2]
EMPTY = {"ready": 0, "delayed": 0, "reserved": 0, "notify": 0}
JOBS = "App\\Jobs\\"
APP = "tests.interop.cli_app"


class Shell:
    """``python -m lara_queue`` with the application's settings in the environment, where a user would have them."""

    def __init__(self, laravel: Laravel) -> None:
        self.laravel = laravel
        self.environment = {
            **os.environ,
            "LARA_QUEUE_URL": laravel.url,
            "LARA_QUEUE_APPNAME": laravel.appname,
            "LARA_QUEUE_APP_KEY": APP_KEY,
            "LARA_QUEUE_CACHE": laravel.cache_url,
            "LARA_QUEUE_CACHE_PREFIX": laravel.cache_key_prefix,
            "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])),
        }
        self.started: list[subprocess.Popen[str]] = []

    def command(self, words: tuple[str, ...]) -> list[str]:
        return [sys.executable, "-m", "lara_queue", *words]

    def __call__(self, *words: str, code: int = 0, **environment: str) -> subprocess.CompletedProcess[str]:
        """The finished command, as a process, which must have ended with this exit code."""
        done = subprocess.run(
            self.command(words),
            capture_output=True,
            text=True,
            env={**self.environment, **environment},
            cwd=ROOT,
            timeout=60,
        )
        assert done.returncode == code, done.stderr + done.stdout
        return done

    def quick(self, *words: str, code: int = 0, **environment: str) -> Result:
        """The same without a process: the command's own code, in a tenth of the time."""
        done = CliRunner(env={**self.environment, **environment}).invoke(cli, words)
        assert done.exit_code == code, done.output
        return done

    def json(self, *words: str) -> Any:
        return json.loads(self.quick(*words, "--json").stdout)

    def start(self, *words: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            self.command(words), stdout=subprocess.PIPE, text=True, env=self.environment, cwd=ROOT
        )
        self.started.append(process)
        return process

    def close(self) -> None:
        for process in self.started:
            process.kill()
            process.communicate()


@pytest.fixture
def shell(laravel: Laravel) -> Iterator[Shell]:
    """The command line, on the application."""
    made = Shell(laravel)
    yield made
    made.close()


def taken(output: str) -> list[dict[str, Any]]:
    """What ``cli_app`` printed of the jobs it handled."""
    return [json.loads(line.partition("TOOK ")[2]) for line in output.splitlines() if "TOOK " in line]


# -- work --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("attribute", ["queue", "aqueue"])
def test_work_runs_phps_jobs(laravel: Laravel, shell: Shell, attribute: str) -> None:
    cases = [case for case in DATA if not case.startswith(("long", "big", "deep", "chain"))]
    pushed = {job.uuid: job for job in laravel.push_all(cases)}

    done = shell("work", f"{APP}:{attribute}", "--stop-when-empty", "--sleep", "0")

    records = {record["uuid"]: record for record in taken(done.stdout)}
    assert records.keys() == pushed.keys()
    for uuid, job in pushed.items():
        record = records[uuid]
        assert (record["name"], record["attempts"]) == (job.options["displayName"], 1)
        assert record["data"] == json.loads(json.dumps(jsonable(DATA[job.case]))), job.case
    assert laravel.counts() == EMPTY


def test_work_json_tells_each_step(laravel: Laravel, shell: Shell) -> None:
    first, second = laravel.push("plain"), laravel.push("plain", "high")
    done = shell("work", f"{APP}:queue", "--queue", "high,default", "--stop-when-empty", "--sleep", "0", "--json")
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert [(line["uuid"], line["queue"], line["status"], line["attempts"]) for line in lines] == [
        (second.uuid, "high", "starting", 1),
        (second.uuid, "high", "success", 1),
        (first.uuid, "default", "starting", 1),
        (first.uuid, "default", "success", 1),
    ]
    assert [line["id"] for line in lines] == [second.id, second.id, first.id, first.id]


def test_work_once_and_max_jobs(laravel: Laravel, shell: Shell) -> None:
    laravel.push_all(["list"] * 4)
    assert len(taken(shell("work", f"{APP}:queue", "--once").stdout)) == 1
    assert len(taken(shell("work", f"{APP}:aqueue", "--max-jobs", "2").stdout)) == 2
    assert laravel.counts() == EMPTY | {"ready": 1, "notify": 1}


def test_a_worker_stops_on_term(laravel: Laravel, shell: Shell) -> None:
    worker = shell.start("work", f"{APP}:aqueue", "--sleep", "30")
    assert worker.stdout is not None
    pushed = laravel.push("map")
    line = next(line for line in worker.stdout if "TOOK " in line)
    assert taken(line)[0]["uuid"] == pushed.uuid
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(10) == 0
    assert laravel.counts() == EMPTY


def test_a_job_that_fails_here_is_retried_and_run_by_php(laravel: Laravel, shell: Shell) -> None:
    uuid = shell.quick("push", f"{JOBS}Failing", '{"succeedOn": 1, "message": "Zoë ☃"}', "--tries", "1").stdout.strip()
    shell("work", f"{APP}:queue", "--stop-when-empty", "--sleep", "0")
    assert laravel.counts() == EMPTY

    (failed,) = shell.json("failed")
    assert (failed["uuid"], failed["queue"], failed["name"]) == (uuid, "default", f"{JOBS}Failing")
    assert "Zoë ☃" in failed["exception"]
    shell.quick("retry", uuid)

    ran = laravel.work()
    assert [(record["uuid"], record["attempts"]) for record in ran.handled] == [(uuid, 1)]
    assert ran.of("exception") == []
    assert shell.json("failed") == []


# -- push --------------------------------------------------------------------------------------------------------------


def test_push_for_php(laravel: Laravel, shell: Shell) -> None:
    data = {"i": 7, "f": 0.5, "s": "Zoë", "b": True, "a": {"k": [1]}, "either": "x", "more": []}
    settings = ("--tries", "4", "--backoff", "1,5", "--timeout", "33", "--max-exceptions", "2", "--fail-on-timeout")
    uuid = shell("push", f"{JOBS}TakesScalars", json.dumps(data), "--queue", "mail", *settings).stdout.strip()

    (record,) = laravel.work("mail").handled

    assert (record["uuid"], record["queue"]) == (uuid, "mail")
    assert_received(record, data)
    assert record["options"] == {
        "maxTries": 4,
        "maxExceptions": 2,
        "failOnTimeout": True,
        "backoff": "1,5",
        "timeout": 33,
        "retryUntil": None,
    }


def test_push_string_delayed_and_encrypted(laravel: Laravel, shell: Shell, tmp_path: Path) -> None:
    shell.quick("push", f"{JOBS}Legacy@fire", '[1, "zwei"]')
    shell.quick("push", f"{JOBS}TakesAnything", '{"value": "late"}', "--delay", "60")
    shell.quick("push", f"{JOBS}TakesSecrets", '{"value": "s3cr3t"}', "--encrypted")
    assert laravel.counts() == {"ready": 2, "delayed": 1, "reserved": 0, "notify": 2}
    assert not any(b"s3cr3t" in body for body in laravel.ready())
    raw = tmp_path / "payload.json"
    raw.write_bytes(laravel.ready()[0])
    laravel.make_due()

    ran = laravel.work()

    assert ran.of("exception") == []
    by_name = {record["displayName"]: record for record in ran.handled}
    assert_matches(by_name[f"{JOBS}Legacy"]["data"], [1, "zwei"])
    assert_received(by_name[f"{JOBS}TakesAnything"], {"value": "late"})
    assert_received(by_name[f"{JOBS}TakesSecrets"], {"value": "s3cr3t"})

    shell.quick("push", "--raw", str(raw))
    assert laravel.ready() == [raw.read_bytes()]
    assert_matches(laravel.work().handled[0]["data"], [1, "zwei"])


# -- looking -----------------------------------------------------------------------------------------------------------


def test_size_agrees_with_laravel(laravel: Laravel, shell: Shell) -> None:
    laravel.push_all(["list", "map"])
    laravel.push("list", delay=60)
    laravel.push("list", "other")
    assert shell.json("size", "default", "other") == [
        {"queue": "default", "size": 3, "pending": 2, "delayed": 1, "reserved": 0},
        {"queue": "other", "size": 1, "pending": 1, "delayed": 0, "reserved": 0},
    ]
    assert laravel.size() == 3
    assert laravel.artisan("queue:monitor", "default", "--max=3").stdout.count("ALERT") == 1
    shell.quick("monitor", "default", "--max", "3", code=1)


def test_inspect_shows_what_is_in_phps_jobs(laravel: Laravel, shell: Shell) -> None:
    cases = ["visibility", "enums", "carbon", "model", "encrypted", "configured", "listener", "string-map", "chain"]
    pushed = laravel.push_all(cases)
    before = laravel.ready()

    seen = shell.json("inspect", "default")

    assert [job["uuid"] for job in seen] == [job.uuid for job in pushed]
    for job, sent in zip(seen, pushed, strict=True):
        assert (job["state"], job["name"], job["error"]) == ("pending", sent.options["displayName"], None)
        assert job["class"] == sent.expect.get("class")
        assert job["data"] == json.loads(json.dumps(jsonable(DATA[sent.case]))), sent.case
    by_case = dict(zip(cases, seen, strict=True))
    assert by_case["visibility"]["visibility"]["secret"] == "private"
    assert by_case["visibility"]["visibility"]["num"] == "protected"
    assert by_case["encrypted"]["encrypted"] is True
    assert (by_case["configured"]["max_tries"], by_case["configured"]["backoff"]) == (5, [1, 5, 10])
    assert [link["data"]["step"] for link in by_case["chain"]["chain"]] == [2, 3]
    assert laravel.ready() == before, "looking takes nothing"


def test_inspect_for_people(laravel: Laravel, shell: Shell) -> None:
    laravel.push_all(["visibility", "carbon", "unicode", "tricky-strings"])
    shown = shell("inspect", "default", "--full").stdout
    for text in (f"{JOBS}Visibility", "child secret", "2024-05-06", "Zoë", "日本語", "back\\slash"):
        assert text in re.sub(r"\x1b\[[0-9;]*m", "", shown)
    assert "\0" not in shown
    assert "\x1b" not in shown, "no colours, and no control characters of jobs, in a pipe"


def test_clear_is_seen_by_laravel(laravel: Laravel, shell: Shell) -> None:
    laravel.push_all(["list", "map"])
    laravel.push("list", delay=60)
    assert "3 jobs" in shell.quick("clear", "default", "--force").output
    assert laravel.size() == 0
    assert laravel.keys() == []


@pytest.mark.parametrize(
    ("words", "environment"),
    [
        (("work", f"{APP}:nothing"), {}),
        (("work", "no_such_module:queue"), {}),
        (("size",), {"LARA_QUEUE_URL": "redis://127.0.0.1:1/0"}),
        (("size",), {"LARA_QUEUE_URL": "nonsense://x"}),
        (("work", f"{APP}:queue", "--once"), {"LARA_QUEUE_URL": "redis://127.0.0.1:1/0"}),
        (("push", f"{JOBS}X", "{not json"), {}),
    ],
    ids=["attribute", "module", "unreachable", "scheme", "unreachable-work", "json"],
)
def test_a_mistake_is_one_line_and_exit_code_1(
    shell: Shell, words: tuple[str, ...], environment: dict[str, str]
) -> None:
    done = shell(*words, code=1, **environment)
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert "Traceback" not in done.stderr


def test_the_environment_names_the_queue(laravel: Laravel, shell: Shell) -> None:
    """What the shell reads from the environment is what ``Queue`` is given in code."""
    uuid = shell.quick("push", f"{JOBS}TakesAnything", '{"value": 1}').stdout.strip()
    with Queue(laravel.url, appname=laravel.appname, prefix=laravel.prefix) as queue:
        assert [job.uuid for job in queue.pending_jobs()] == [uuid]
