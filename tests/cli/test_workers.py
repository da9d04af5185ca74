"""``lara-queue work`` as a process on a real Redis: signals, exit codes, mistakes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import pytest

from tests.cli.lab import FACES, PATIENCE, ROOT, Lab, held, lab, noticed

__all__ = ["lab"]  # fixtures
pytestmark = pytest.mark.live


# -- one worker ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT])
def test_a_signal_lets_the_job_in_hand_finish(lab: Lab, face: str, number: signal.Signals) -> None:
    held(lab, 2)
    worker = lab.work(face, "--concurrency", "1")
    lab.until(lambda: lab.notes("began"))
    worker.send_signal(number)
    lab.go()
    assert worker.wait(PATIENCE) == 0
    assert len(lab.notes("ended")) == 1
    assert (lab.queue.pending_size(), lab.queue.reserved_size()) == (1, 0)


@pytest.mark.parametrize("face", [*FACES, "async_with_threads"])
def test_a_second_signal_forces_and_the_job_goes_back_unharmed(lab: Lab, face: str) -> None:
    (held_uuid,) = held(lab)
    worker = lab.work(face, "-v")
    lab.until(lambda: lab.notes("began"))
    worker.send_signal(signal.SIGTERM)
    lab.until(lambda: noticed(lab, worker))
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(PATIENCE) == 0
    assert lab.notes("ended") == []
    (job,) = lab.queue.pending_jobs()
    assert (job.uuid, job.envelope.attempts) == (held_uuid, 0)


@pytest.mark.parametrize("face", FACES)
def test_an_idle_worker_ends_at_once_on_ctrl_c(lab: Lab, face: str) -> None:
    worker = lab.work(face, "--sleep", "600")
    lab.queue.push("App\\Jobs\\X")
    lab.until(lambda: lab.notes("ended"))
    worker.send_signal(signal.SIGINT)
    assert worker.wait(PATIENCE) == 0
    assert lab.told(worker) == []


@pytest.mark.parametrize(
    ("words", "left"),
    [(["--once"], 2), (["--max-jobs", "2"], 1), (["--stop-when-empty"], 0), (["--stop-when-empty-for", "1"], 0)],
)
def test_it_ends_where_it_was_told_to(lab: Lab, words: list[str], left: int) -> None:
    lab.queue.bulk(["App\\Jobs\\X"] * 3)
    assert lab.work("queue", *words).wait(PATIENCE) == 0
    assert lab.queue.size() == left


def test_the_memory_limit_ends_with_12(lab: Lab) -> None:
    lab.queue.bulk(["App\\Jobs\\X"] * 50)
    assert lab.work("glutton", "--memory", "64").wait(PATIENCE) == 12
    assert lab.queue.reserved_size() == 0


def test_options_reach_the_worker(lab: Lab) -> None:
    lab.queue.push("App\\Jobs\\Bad", queue="low")
    worker = lab.work(
        "queue", "--queue", "high,low", "--tries", "2", "--backoff", "0,9", "--stop-when-empty", "--json", wait=False
    )
    assert worker.wait(PATIENCE) == 0
    lines = [json.loads(line) for line in lab.said(worker).splitlines()]
    assert [(line["status"], line["attempts"]) for line in lines] == [
        ("starting", 1),
        ("released_after_exception", 1),
        ("starting", 2),
        ("failed", 2),
    ]
    assert lab.queue.failed.count() == 1
    assert any("ValueError: no" in line for line in lab.told(worker))


def test_a_file_shows_that_the_loop_turns(lab: Lab) -> None:
    lab.work("queue", "--health-file", str(lab.home / "alive"))
    lab.until((lab.home / "alive").exists)


@pytest.mark.parametrize("words", [[], ["--processes", "3"]])
@pytest.mark.parametrize(
    ("target", "url", "told"),
    [
        ("no_such_module:queue", None, "no module 'no_such_module'"),
        ("worker_app:nothing", None, "has no 'nothing'"),
        ("worker_app:queue", "redis://127.0.0.1:1/0", "cannot be reached"),
    ],
)
def test_a_mistake_is_one_line(lab: Lab, words: list[str], target: str, url: str | None, told: str) -> None:
    connection = [] if url is None else ["--connection", url]
    worker = lab.start("work", target, *connection, *words, wait=False)
    assert worker.wait(PATIENCE) == 1
    assert lab.said(worker) == ""
    assert len(lab.told(worker)) == 1, lab.told(worker)
    assert told in lab.told(worker)[0]


# -- other commands --------------------------------------------------------------------------------------------------


def test_ctrl_c_at_a_question_is_clean(lab: Lab) -> None:
    lab.queue.push("App\\Jobs\\X")
    asking = lab.start("clear", "q", wait=False)
    lab.until(lambda: any("Delete 1 job" in line for line in lab.told(asking)))
    asking.send_signal(signal.SIGINT)
    assert asking.wait(PATIENCE) == 130
    assert "Traceback" not in "".join(lab.told(asking))
    assert lab.queue.size() == 1


def test_a_reader_that_goes_away_is_no_error(lab: Lab) -> None:
    lab.queue.bulk(["App\\Jobs\\X"] * 100)
    command = f"{sys.executable} -m lara_queue inspect q --limit 100 | head -1"
    environment = {**os.environ, "LARA_QUEUE_URL": lab.url, "LARA_QUEUE_APPNAME": lab.prefix, "LARA_QUEUE_PREFIX": ""}
    done = subprocess.run(command, shell=True, capture_output=True, text=True, env=environment, cwd=ROOT, timeout=30)
    assert done.stdout == "pending App\\Jobs\\X\n"
    assert done.stderr == ""
