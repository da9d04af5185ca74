"""The commands that feed queues and look at them, in this process: what they do and print."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lara_queue import Queue
from tests.cli.commands import APP_KEY, Run, clean_environment, fail, queue, rows, run, store

__all__ = ["clean_environment", "queue", "run", "store"]  # fixtures


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
