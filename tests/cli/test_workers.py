"""``lara-queue work`` as processes on a real Redis: signals, exit codes, the supervisor and its children."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from lara_queue import Queue

pytestmark = pytest.mark.live
HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
FACES = ("queue", "aqueue")
PATIENCE = 60  # seconds; a busy machine starts an interpreter slowly


class Lab:
    """One prefix on a real Redis, and the processes on it."""

    def __init__(self, url: str, tmp_path: Path) -> None:
        self.url = url
        self.prefix = f"lab{uuid.uuid4().hex[:10]}_"
        self.redis: Any = redis.Redis.from_url(url)
        self.queue = Queue(url, queue="q", appname=self.prefix, prefix="")
        self.processes: list[subprocess.Popen[str]] = []
        self.home = tmp_path

    def start(self, *words: str, wait: bool = True, cwd: Path = HERE) -> subprocess.Popen[str]:
        """``lara-queue WORDS``; ``wait``: until it says that it processes jobs."""
        path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
        own = {
            "LARA_QUEUE_URL": self.url,
            "LARA_QUEUE_APPNAME": self.prefix,
            "LARA_QUEUE_PREFIX": "",
            "PYTHONPATH": path,
        }
        number = len(self.processes)
        with (self.home / f"out-{number}").open("w") as stdout, (self.home / f"err-{number}").open("w") as stderr:
            process = subprocess.Popen(
                [sys.executable, "-m", "lara_queue", *words],
                stdin=subprocess.PIPE,
                stdout=stdout,
                stderr=stderr,
                text=True,
                env={**os.environ, **own},
                cwd=cwd,
            )
        self.processes.append(process)
        if wait:
            self.until(lambda: process.poll() is not None or "Processing jobs" in self.said(process))
        return process

    def work(self, *words: str, **options: Any) -> subprocess.Popen[str]:
        return self.start("work", "worker_app:" + words[0], "--sleep", "1", *words[1:], **options)

    def told(self, process: subprocess.Popen[str]) -> list[str]:
        """What a process has written to stderr."""
        return (self.home / f"err-{self.processes.index(process)}").read_text().splitlines()

    def said(self, process: subprocess.Popen[str]) -> str:
        """What a process has written to stdout."""
        return (self.home / f"out-{self.processes.index(process)}").read_text()

    def until(self, condition: Callable[[], Any], seconds: float = PATIENCE) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, "it did not happen in time"
            time.sleep(0.02)

    def notes(self, name: str) -> list[str]:
        return [note.decode() for note in self.redis.lrange(f"{self.prefix}{name}", 0, -1)]

    def pids(self, name: str = "began") -> set[int]:
        return {int(note.split()[0]) for note in self.notes(name)}

    def go(self) -> None:
        """Let the jobs that wait for it end."""
        self.redis.set(f"{self.prefix}go", 1)

    def close(self) -> None:
        self.go()
        for process in self.processes:
            process.kill()
            process.communicate()
        self.queue.close()
        for key in self.redis.scan_iter(f"{self.prefix}*"):
            self.redis.delete(key)
        self.redis.close()


@pytest.fixture
def lab(own_redis: str, tmp_path: Path) -> Iterator[Lab]:
    lab = Lab(own_redis, tmp_path)
    yield lab
    lab.close()


def noticed(lab: Lab, process: subprocess.Popen[str], count: int = 1) -> bool:
    """True when so many workers have taken the first signal; two at once may reach a process as one."""
    return sum("finishing the jobs in hand" in line for line in lab.told(process)) == count


def is_alive(pid: int) -> bool:
    """True for a process that is there and not merely waiting to be buried."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def held(lab: Lab, count: int = 1) -> list[str]:
    """Jobs that run until ``go``."""
    return [lab.queue.push("App\\Jobs\\X", {"release": True}) for _ in range(count)]


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


# -- several under a supervisor --------------------------------------------------------------------------------------


def test_children_share_the_work_and_end_together(lab: Lab) -> None:
    held(lab, 3)
    supervisor = lab.work("queue", "--processes", "3")
    lab.until(lambda: len(lab.pids()) == 3)
    held(lab)
    supervisor.send_signal(signal.SIGTERM)
    lab.go()
    assert supervisor.wait(PATIENCE) == 0
    assert len(lab.notes("ended")) == 3
    assert (lab.queue.pending_size(), lab.queue.reserved_size()) == (1, 0)


def test_a_killed_child_is_replaced(lab: Lab) -> None:
    held(lab, 2)
    supervisor = lab.work("queue", "--processes", "2")
    lab.until(lambda: len(lab.pids()) == 2)
    before = lab.pids()
    os.kill(min(before), signal.SIGKILL)
    held(lab, 1)
    lab.until(lambda: len(lab.pids()) == 3)
    assert supervisor.poll() is None
    assert any("was killed by SIGKILL" in line for line in lab.told(supervisor))
    supervisor.send_signal(signal.SIGTERM)
    lab.go()
    assert supervisor.wait(PATIENCE) == 0


def test_a_second_signal_forces_the_children(lab: Lab) -> None:
    held(lab, 2)
    supervisor = lab.work("queue", "--processes", "2", "-v")
    lab.until(lambda: len(lab.pids()) == 2)
    supervisor.send_signal(signal.SIGTERM)
    lab.until(lambda: noticed(lab, supervisor, 2))
    supervisor.send_signal(signal.SIGTERM)
    assert supervisor.wait(PATIENCE) == 0
    assert lab.notes("ended") == []
    assert [job.envelope.attempts for job in lab.queue.pending_jobs()] == [0, 0]


def test_a_bounded_run_ends_when_all_children_have_come_to_their_end(lab: Lab) -> None:
    lab.queue.bulk(["App\\Jobs\\X"] * 10)
    supervisor = lab.work("queue", "--processes", "2", "--max-jobs", "5")
    assert supervisor.wait(PATIENCE) == 0
    assert sorted(note.split()[0] for note in lab.notes("ended")) == sorted(
        str(pid) for pid in lab.pids() for _ in range(5)
    )
    assert lab.queue.size() == 0


def test_children_at_their_memory_limit_are_replaced(lab: Lab) -> None:
    lab.queue.bulk(["App\\Jobs\\X"] * 6)
    supervisor = lab.work("glutton", "--processes", "2", "--memory", "64", "--stop-when-empty")
    assert supervisor.wait(PATIENCE) == 0
    assert lab.queue.size() == 0
    assert len(lab.pids("ended")) > 2


def test_a_restart_signal_replaces_the_children(lab: Lab) -> None:
    supervisor = lab.work("queue", "--processes", "1", "--reload")  # one child, supervised
    lab.queue.push("App\\Jobs\\X")
    lab.until(lambda: len(lab.pids()) == 1)
    restart = lab.start("restart", "--app", "worker_app:queue", wait=False)
    assert restart.wait(PATIENCE) == 0

    def replaced() -> bool:
        lab.queue.push("App\\Jobs\\X")
        return len(lab.pids()) == 2

    lab.until(replaced)
    supervisor.send_signal(signal.SIGINT)
    assert supervisor.wait(PATIENCE) == 0


def test_pause_and_resume_reach_the_children(lab: Lab) -> None:
    alive = lab.home / "alive"
    supervisor = lab.work("queue", "--reload", "--health-file", str(alive))  # one child, supervised
    lab.until(alive.exists)
    supervisor.send_signal(signal.SIGUSR2)
    lab.until(lambda: "The worker is paused." in lab.said(supervisor))
    for _ in range(2):  # one that is waiting for jobs when it is told may still take one; the next turn does not
        seen = alive.stat().st_mtime_ns
        lab.until(lambda seen=seen: alive.stat().st_mtime_ns != seen)
    lab.queue.push("App\\Jobs\\X")
    supervisor.send_signal(signal.SIGCONT)
    lab.until(lambda: lab.notes("ended"))
    said = lab.said(supervisor)
    assert said.index("is paused") < said.index("is resumed") < said.index("RUNNING")
    supervisor.send_signal(signal.SIGTERM)
    assert supervisor.wait(PATIENCE) == 0


def test_children_do_not_outlive_a_killed_supervisor(lab: Lab) -> None:
    held(lab, 2)
    supervisor = lab.work("queue", "--processes", "2")
    lab.until(lambda: len(lab.pids()) == 2)
    supervisor.kill()
    supervisor.wait(PATIENCE)
    lab.go()
    lab.until(lambda: lab.queue.reserved_size() == 0)
    assert len(lab.notes("ended")) == 2  # they finish what they have in hand
    lab.until(lambda: not any(is_alive(pid) for pid in lab.pids()))


def test_reload_starts_anew_when_a_file_changes(lab: Lab) -> None:
    module = lab.home / "edited_app.py"
    text = (HERE / "worker_app.py").read_text()
    module.write_text(text)
    supervisor = lab.start("work", "edited_app:queue", "--sleep", "1", "--reload", cwd=lab.home)
    lab.queue.push("App\\Jobs\\X")
    lab.until(lambda: len(lab.pids()) == 1)
    module.write_text(text + "\nsyntax error\n")
    lab.until(lambda: any("SyntaxError" in line for line in lab.told(supervisor)))
    assert supervisor.poll() is None
    module.write_text(text + "\n# mended\n")
    lab.queue.push("App\\Jobs\\X")
    lab.until(lambda: len(lab.pids()) == 2)
    supervisor.send_signal(signal.SIGTERM)
    assert supervisor.wait(PATIENCE) == 0


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
