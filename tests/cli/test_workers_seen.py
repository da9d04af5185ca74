"""What ``lara-queue work`` shows of itself: metrics and health over HTTP, and the log in JSON."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from tests.cli.lab import FACES, PATIENCE, Lab, held, lab

__all__ = ["lab"]  # fixtures
pytestmark = pytest.mark.live


def free_ports(count: int) -> int:
    """The first of so many neighbouring ports that nobody listens on."""
    for _ in range(100):
        with contextlib.ExitStack() as held:
            first = held.enter_context(socket.socket())
            first.bind(("127.0.0.1", 0))
            port: int = first.getsockname()[1]
            try:
                for n in range(1, count):
                    held.enter_context(socket.socket()).bind(("127.0.0.1", port + n))
            except (OSError, OverflowError):
                continue
            return port
    raise AssertionError("no free ports")


def fetch(port: int, path: str = "/metrics") -> str:
    """What a worker answers there; nothing while nobody listens."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=30) as answer:
            text: str = answer.read().decode()
            return text
    except urllib.error.HTTPError as error:
        with error:
            return error.read().decode()
    except OSError:
        return ""


@pytest.mark.parametrize("face", FACES)
def test_metrics_are_served(lab: Lab, face: str) -> None:
    port = free_ports(1)
    lab.queue.push("App\\Jobs\\X", delay=3600)
    lab.work(face, "--metrics-port", str(port), "--queue", "q,other")
    held(lab)
    lab.until(lambda: lab.notes("began"))
    text = fetch(port)
    for line in (
        "lara_queue_store_up 1",
        "lara_queue_jobs_in_hand 1",
        "lara_queue_loop_turning 1",
        "lara_queue_lease_keeper_alive 1",
        "lara_queue_failed_jobs 0",
        'lara_queue_queue_jobs{queue="q",state="delayed"} 1',
        'lara_queue_queue_jobs{queue="q",state="reserved"} 1',
        'lara_queue_queue_jobs{queue="other",state="pending"} 0',
        'lara_queue_wait_seconds_count{queue="q"} 1',
    ):
        assert line in text.splitlines(), text
    lab.go()
    lab.until(lambda: 'lara_queue_jobs_total{job="App\\\\Jobs\\\\X",result="successful"} 1' in fetch(port))
    report = json.loads(fetch(port, "/health"))
    assert (report["healthy"], report["workers"], report["loop_turning"]) == (True, 1, True)


def test_each_process_serves_metrics_on_a_port_of_its_own(lab: Lab) -> None:
    port = free_ports(3)
    supervisor = lab.work("queue", "--metrics-port", str(port), "--processes", "3")
    lab.until(lambda: all("lara_queue_loop_turning 1" in fetch(port + n) for n in range(3)))
    held(lab, 3)
    lab.until(lambda: len(lab.pids()) == 3)
    lab.until(lambda: all("lara_queue_jobs_in_hand 1\n" in fetch(port + n) for n in range(3)))
    victim = min(lab.pids())
    os.kill(victim, signal.SIGKILL)
    lab.until(lambda: any("lara_queue_jobs_in_hand 0" in fetch(port + n) for n in range(3)))  # its successor's port
    supervisor.send_signal(signal.SIGTERM)
    lab.go()
    assert supervisor.wait(PATIENCE) == 0


def test_ports_that_there_are_not(lab: Lab) -> None:
    worker = lab.start("work", "worker_app:queue", "--metrics-port", "65534", "--processes", "3", wait=False)
    assert worker.wait(PATIENCE) == 1
    assert "the last would be 65536" in lab.told(worker)[0]


def test_a_worker_whose_store_goes_away_says_so_over_http(tmp_path: Path) -> None:
    """On a Redis of its own that is then stopped: the scrape answers, and names what is wrong."""
    with own_server(tmp_path) as (url, server):
        lab = Lab(url, tmp_path)
        port = free_ports(1)
        lab.work("aqueue", "--metrics-port", str(port))
        lab.until(lambda: "lara_queue_store_up 1" in fetch(port))
        server.kill()
        server.wait()
        lab.until(lambda: "lara_queue_store_up 0" in fetch(port))
        report = json.loads(fetch(port, "/health"))
        assert (report["healthy"], report["store_reachable"], report["loop_turning"]) == (False, False, True)
        assert "cannot be reached" in report["error"]
        for process in lab.processes:
            process.kill()
            process.communicate()


@contextlib.contextmanager
def own_server(tmp_path: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """A redis-server that the test may kill."""
    binary = shutil.which("redis-server")
    if binary is None:
        pytest.skip("redis-server is not installed")
    port = free_ports(1)
    command = [binary, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(tmp_path)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        client = redis.Redis(port=port)
        deadline = time.monotonic() + PATIENCE
        while True:
            with contextlib.suppress(redis.ConnectionError):
                client.ping()
                break
            assert time.monotonic() < deadline
        client.close()
        yield f"redis://127.0.0.1:{port}/0", server
    finally:
        server.kill()
        server.wait()


@pytest.mark.parametrize("face", FACES)
def test_the_log_in_json(lab: Lab, face: str) -> None:
    """One JSON object a line on stderr, a line for each job, and nothing on stdout."""
    good = lab.queue.push("App\\Jobs\\X")
    bad = lab.queue.push("App\\Jobs\\Bad" if face == "queue" else "App\\Jobs\\X", {"bad": True})
    worker = lab.work(face, "--log-json", "--max-jobs", "2", wait=False)
    assert worker.wait(PATIENCE) == 0
    lines = [json.loads(line) for line in lab.told(worker)]
    assert lab.said(worker) == ""
    by_job = {line["job_uuid"]: line for line in lines if "job_status" in line}
    assert (by_job[good]["job_status"], by_job[good]["level"], by_job[good]["logger"]) == (
        "success",
        "INFO",
        "lara_queue",
    )
    assert by_job[good]["job_name"] == "App\\Jobs\\X"
    assert by_job[good]["job_runtime"] >= 0
    if face == "queue":
        assert (by_job[bad]["job_status"], by_job[bad]["level"]) == ("failed", "ERROR")
        assert by_job[bad]["exception"].endswith("ValueError: no")


def test_the_log_in_json_beside_artisans_lines(lab: Lab) -> None:
    lab.queue.push("App\\Jobs\\X")
    worker = lab.work("queue", "--log-json", "--json", "--max-jobs", "1", wait=False)
    assert worker.wait(PATIENCE) == 0
    assert [json.loads(line)["status"] for line in lab.said(worker).splitlines()] == ["starting", "success"]
    assert [json.loads(line)["job_status"] for line in lab.told(worker)] == ["success"]
