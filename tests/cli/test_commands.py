"""The commands in this process, on queues in memory: what they do, what they print, what they say to a mistake."""

from __future__ import annotations

import json
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from lara_queue import Job, Queue
from lara_queue.cli import cli
from lara_queue.cli.program import state

APP_KEY = "base64:MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
Run = Callable[..., Result]


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
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


# -- push, size, inspect, monitor, clear, health ---------------------------------------------------------------------


def test_push_says_everything_that_was_asked(run: Run, queue: Queue) -> None:
    options = ["--tries", "0", "--backoff", "1,5", "--timeout", "0", "--max-exceptions", "2", "--fail-on-timeout"]
    result = run("push", "App\\Jobs\\X", '{"to": "ada", "n": {"a": [1.5, null]}}', *options)
    (job,) = queue.pending_jobs()
    assert result.exit_code == 0, result.output
    assert result.stdout.strip() == job.uuid
    assert job.data == {"to": "ada", "n": {"a": [1.5, None]}}
    assert (job.max_tries, job.backoff, job.timeout, job.max_exceptions) == (0, (1, 5), 0, 2)
    assert job.envelope.fail_on_timeout


def test_push_later_to_another_queue(run: Run, queue: Queue) -> None:
    result = run("push", "Legacy@fire", "-", "--queue", "mail", "--delay", "60", "--json", input="[1, 2]")
    (job,) = queue.delayed_jobs("mail")
    assert json.loads(result.stdout) == {"uuid": job.uuid, "queue": "mail"}
    assert job.envelope.data == [1, 2]


def test_push_encrypted(run: Run, queue: Queue) -> None:
    assert run("push", "App\\Jobs\\X", '{"pin": 1}', "--encrypted", LARA_QUEUE_APP_KEY=APP_KEY).exit_code == 0
    (job,) = queue.pending_jobs()
    assert b"pin" not in job.raw_body
    assert job.data == {"pin": 1}
    assert '"pin": 1' in run("inspect", "--json", LARA_QUEUE_APP_KEY=APP_KEY).stdout
    assert "app_key" in json.loads(run("inspect", "--json").stdout)[0]["error"]


def test_push_a_payload_as_it_is(run: Run, queue: Queue, tmp_path: Path) -> None:
    payload = b'{"job": "A@b", "data": 1.0, "x": "\xc3\xab"}'
    (tmp_path / "payload.json").write_bytes(payload)
    assert run("push", "--raw", str(tmp_path / "payload.json")).exit_code == 0
    assert [job.raw_body for job in queue.pending_jobs()] == [payload]


def test_size(run: Run, queue: Queue) -> None:
    queue.push("A")
    queue.later(60, "A")
    assert rows(run("size")) == [["QUEUE", "PENDING", "DELAYED", "RESERVED", "TOTAL"], ["default", "1", "1", "0", "2"]]
    assert json.loads(run("size", "default,low", "--json").stdout) == [
        {"queue": "default", "size": 2, "pending": 1, "delayed": 1, "reserved": 0},
        {"queue": "low", "size": 0, "pending": 0, "delayed": 0, "reserved": 0},
    ]


def test_size_of_all_queues(run: Run, queue: Queue) -> None:
    queue.push("A", queue="low")
    queue.later(60, "A", queue="high")
    assert [row[0] for row in rows(run("size", "--all"))[1:]] == ["default", "high", "low"]
    found = json.loads(run("size", "low", "--all", "--json").stdout)
    assert [(one["queue"], one["size"]) for one in found] == [("low", 1), ("high", 1)]


def test_inspect_shows_states_and_limits(run: Run, queue: Queue) -> None:
    first, second = queue.push("App\\Jobs\\One", {"a": 1}), queue.push("App\\Jobs\\Two")
    third = queue.later(60, "App\\Jobs\\Three")
    shown = json.loads(run("inspect", "--json").stdout)
    assert [(job["state"], job["uuid"]) for job in shown] == [
        ("pending", first),
        ("pending", second),
        ("delayed", third),
    ]
    assert [job["uuid"] for job in json.loads(run("inspect", "--json", "--limit", "1").stdout)] == [first, third]
    assert [job["uuid"] for job in json.loads(run("inspect", "--json", "--state", "delayed").stdout)] == [third]
    text = run("inspect", "--limit", "1").stdout
    assert "pending App\\Jobs\\One" in text
    assert "+a: 1 int" in text
    assert "2 of 3 jobs" in text
    assert queue.size() == 3  # nothing was taken


def test_inspect_finds_one_job_wherever_it_is(run: Run, queue: Queue) -> None:
    for _ in range(450):
        queue.push("App\\Jobs\\Other")
    wanted = queue.push("App\\Jobs\\X")
    assert [job["name"] for job in json.loads(run("inspect", "--id", wanted, "--json").stdout)] == ["App\\Jobs\\X"]
    queue.clear()
    (failed,) = fail(queue)
    (found,) = json.loads(run("inspect", "--id", failed, "--json").stdout)
    assert (found["state"], found["exception"].partition(":")[0]) == ("failed", "ValueError")
    assert "exception ValueError: no" in run("inspect", "--state", "failed").stdout
    missing = run("inspect", "--id", "nobody")
    assert (missing.exit_code, missing.stdout) == (1, "")


def test_inspect_an_empty_queue(run: Run) -> None:
    assert run("inspect").stdout == "The queue default is empty.\n"
    assert json.loads(run("inspect", "--json").stdout) == []


def test_monitor(run: Run, queue: Queue) -> None:
    queue.push("A", queue="high")
    calm = run("monitor", "high,redis:low", "--max", "2")
    assert calm.exit_code == 0
    assert [row[0] for row in rows(calm)[1:]] == ["memory:high", "redis:low"]
    busy = run("monitor", "high,low", "--max=1", "--json")
    assert busy.exit_code == 1
    first, second = json.loads(busy.stdout)
    assert isinstance(first.pop("oldest_pending"), int)
    assert first == {
        "connection": "memory",
        "queue": "high",
        "size": 1,
        "pending": 1,
        "delayed": 0,
        "reserved": 0,
        "status": "ALERT",
    }
    assert (second["status"], second["oldest_pending"]) == ("OK", None)


@pytest.mark.parametrize("kind", ["Queue", "AsyncQueue"])
def test_monitor_tells_the_listeners_of_the_application(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, kind: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("busy_app.py").write_text(
        f"""
from lara_queue import {kind}
queue = {kind}("memory://")
@queue.on("queue.busy")
{"async " if kind == "AsyncQueue" else ""}def busy(event):
    print("BUSY", event.queue, event.size, event.connection)
"""
    )
    result = run("monitor", "--app", "busy_app:queue", "default,redis:mail", "--max", "0")
    assert "BUSY default 0 memory" in result.stdout
    assert "BUSY mail 0 redis" in result.stdout
    assert result.exit_code == 1


def test_clear_asks_first(run: Run, queue: Queue) -> None:
    """QS-01, with a question that artisan asks in production only."""
    queue.push("A")
    queue.later(60, "A")
    queue.push("A", queue="other")
    refused = run("clear", input="n\n")
    assert (refused.exit_code, queue.size()) == (1, 2)
    nobody = run("clear")
    assert (nobody.exit_code, queue.size()) == (1, 2)
    agreed = run("clear", input="y\n")
    assert (agreed.exit_code, queue.size(), queue.size("other")) == (0, 0, 1)
    assert "Cleared 2 jobs from the [default] queue" in agreed.stdout


def test_clear_several(run: Run, queue: Queue) -> None:
    for name in ("a", "b", "c"):
        queue.push("A", queue=name)
    result = run("clear", "a, b", "c", "--force")
    assert result.stdout.splitlines() == [f"Cleared 1 job from the [{name}] queue" for name in "abc"]


def test_clear_without_a_name_clears_the_default_queue_only(run: Run, queue: Queue) -> None:
    """QS-01"""
    queue.bulk(["App\\Jobs\\X", "App\\Jobs\\Y"])
    queue.push("App\\Jobs\\X", queue="other")
    result = run("clear", "--force")
    assert (result.exit_code, result.stdout) == (0, "Cleared 2 jobs from the [default] queue\n")
    assert (queue.size(), queue.size("other")) == (0, 1)


def test_clear_takes_the_name_as_artisan_does(run: Run, queue: Queue) -> None:
    for name in ("a", "b", "default"):
        queue.push("App\\Jobs\\X", queue=name)
    assert run("clear", "--queue=a,b", "--force").exit_code == 0
    assert [queue.size(name) for name in ("a", "b", "default")] == [0, 0, 1]


def test_health_tells_how_long_the_next_job_has_been_due(run: Run, queue: Queue) -> None:
    queue.push_raw({"job": "A@b", "createdAt": 1000})
    head, row = rows(run("health"))
    assert head[-1] == "OLDEST"
    assert row[-1].endswith("s")
    assert json.loads(run("health", "--json").stdout)["oldest_pending_seconds"] > 1e9


def test_health(run: Run) -> None:
    assert rows(run("health"))[1][:3] == ["healthy", "memory", "default"]
    assert json.loads(run("health", "--json").stdout)["healthy"] is True
    away = run("health", "--connection", "redis://127.0.0.1:1/0")
    assert away.exit_code == 1
    assert "unhealthy" in away.stderr
    assert json.loads(run("health", "--json", "--connection", "redis://127.0.0.1:1/0").stdout)["healthy"] is False


# -- failed jobs -----------------------------------------------------------------------------------------------------


def test_failed_lists_the_newest_first(run: Run, queue: Queue) -> None:
    assert run("failed").stdout == "No failed jobs found.\n"
    uuids = fail(queue, 3)
    assert [row[0] for row in rows(run("failed"))[1:]] == uuids[::-1]
    listed = json.loads(run("failed", "--json", "--limit", "2").stdout)
    assert [job["id"] for job in listed] == uuids[:0:-1]
    assert list(listed[0]) == ["id", "uuid", "connection", "queue", "name", "failed_at", "exception"]
    assert (listed[0]["name"], listed[0]["queue"]) == ("App\\Jobs\\Bad", "default")
    assert json.loads(run("failed", "--json", "--queue", "other").stdout) == []


def test_retry_by_id_all_and_queue(run: Run, queue: Queue) -> None:
    first, second, third = fail(queue, 3)
    result = run("retry", first)
    assert result.exit_code == 0
    assert f"{first} ..." in result.stdout
    assert result.stdout.splitlines()[-1].endswith("DONE")
    assert [job.uuid for job in queue.pending_jobs()] == [first]
    nothing = run("retry", "--queue", "other")
    assert (nothing.exit_code, nothing.stdout) == (0, "")
    assert "Unable to find failed jobs for queue [other]." in nothing.stderr
    assert run("retry", "all").exit_code == 0
    assert [job.uuid for job in queue.pending_jobs()] == [first, third, second], "the newest first, as artisan does"
    assert queue.failed.count() == 0


def test_retry_says_which_id_there_is_not(run: Run, queue: Queue) -> None:
    (known,) = fail(queue)
    result = run("retry", "nobody", known)
    assert result.exit_code == 1
    assert "Unable to find failed job with ID [nobody]." in result.stderr
    assert queue.size() == 1


def test_retry_goes_on_after_a_job_that_cannot_be_read(run: Run, queue: Queue) -> None:
    queue.push_raw(b"not JSON")
    (known,) = fail(queue)
    result = run("retry", "all")
    assert result.exit_code == 1
    assert "cannot be retried" in result.stderr
    assert [job.uuid for job in queue.pending_jobs()] == [known]
    assert queue.failed.count() == 1


@pytest.mark.parametrize(
    "words", [[], ["--range", "x"], ["all", "1"], ["1", "--queue", "q"], ["all", "--range", "1-2"]]
)
def test_retry_wants_one_clear_choice(run: Run, words: list[str]) -> None:
    assert run("retry", *words).exit_code == 1


def test_retry_a_range_passes_over_its_holes(run: Run, queue: Queue) -> None:
    result = run("retry", "--range", "5-1")
    assert (result.exit_code, result.stdout) == (0, "No failed jobs found.\n")


def test_retry_ranges_of_a_store_with_row_numbers(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ids of the ``database`` store are numbers; those of the ranges go back in ascending order, others stay."""
    (tmp_path / "numbered_app.py").write_text(NUMBERED)
    monkeypatch.chdir(tmp_path)
    result = run("retry", "--app", "numbered_app:queue", "--range=9-10", "--range", "3-2", "--range=50-900000000")
    assert result.exit_code == 0, result.stderr
    assert [line.split()[0] for line in result.stdout.splitlines()[1:]] == ["2", "3", "9", "10"]
    numbered = sys.modules.pop("numbered_app").queue
    assert [job.payload["n"] for job in numbered.pending_jobs()] == [2, 3, 9, 10]
    assert sorted(int(job.id) for job in numbered.failed.all()) == [1, 4, 5, 6, 7, 8, 11, 12]


NUMBERED = """
from lara_queue import Queue
from lara_queue.failed.memory import MemoryFailedStore
from lara_queue.ports import FailedJob

store = MemoryFailedStore()
for n in range(1, 13):
    payload = b'{"job":"A@b","uuid":"u-%d","attempts":1,"n":%d}' % (n, n)
    store._jobs[str(n)] = FailedJob(str(n), f"u-{n}", "redis", "default", payload, "no", 1000.0)
queue = Queue("memory://", failed=store)
"""


def test_forget_flush_and_prune(run: Run, queue: Queue) -> None:
    first, _ = fail(queue, 2)
    assert run("forget", first).exit_code == 0
    assert run("forget", first).exit_code == 1
    assert "(0)" in run("flush", "--hours", "1").stdout
    assert run("prune-failed").stdout == "0 entries deleted.\n"
    assert run("prune-failed", "--hours", "0").stdout == "1 entry deleted.\n"
    fail(queue, 2)
    assert "(2)" in run("flush").stdout
    assert queue.failed.count() == 0


# -- restart, pause, resume ------------------------------------------------------------------------------------------


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


def test_signals_need_a_cache_and_only_that(run: Run, store: str) -> None:
    without = CliRunner().invoke(cli, ["restart", "--connection", store])
    assert without.exit_code == 1
    assert "--cache" in without.stderr
    assert CliRunner().invoke(cli, ["pause", "q", "--cache", store]).stdout.count("[redis:q]") == 1
    assert run("pause").exit_code == run("resume", "q", "--all").exit_code == 1


# -- everywhere ------------------------------------------------------------------------------------------------------


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
