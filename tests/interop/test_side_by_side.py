"""PHP's and Python's workers on one queue: each job once, and what one of them leaves the other takes up."""

from __future__ import annotations

import json
import os
import queue as std_queue
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lara_queue import Job

from .faces import Face, Python
from .laravel import APP_KEY, Laravel
from .php_server import Record
from .tagged import assert_job, assert_matches, assert_received

pytestmark = pytest.mark.live

EMPTY = {"ready": 0, "delayed": 0, "reserved": 0, "notify": 0}
HERE = Path(__file__).parent
JOBS = "App\\Jobs\\"
Connect = Callable[..., Python]


class PythonWorker:
    """A Python worker process; what it prints is read as it comes."""

    def __init__(self, laravel: Laravel, face: Face, *, mode: str = "record", **listen: Any) -> None:
        options = {"app_key": APP_KEY, **{key: listen.pop(key) for key in ("retry_after",) if key in listen}}
        given = {
            "url": laravel.url,
            "appname": laravel.appname,
            "prefix": laravel.prefix,
            "queue": laravel.queue,
            "face": face,
            "mode": mode,
            "options": options,
            "listen": {"sleep": 0.05, **listen},
        }
        path = os.pathsep.join(filter(None, [str(HERE.parent.parent), os.environ.get("PYTHONPATH")]))
        self.process = subprocess.Popen(
            [sys.executable, str(HERE / "worker_process.py"), json.dumps(given)],
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": path},
            text=True,
        )
        self.lines: std_queue.Queue[Record | None] = std_queue.Queue()
        threading.Thread(target=self.read, daemon=True).start()

    def read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.put(json.loads(line))
        self.lines.put(None)

    def next(self, event: str, seconds: float = 20) -> Record:
        """The next thing it says, which must be this event."""
        found = self.lines.get(timeout=seconds)
        assert found is not None, f"the worker ended with {self.process.wait()} instead of {event}"
        assert found["event"] == event
        return found

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()


@pytest.fixture
def spawn(laravel: Laravel, face: Face) -> Iterator[Callable[..., PythonWorker]]:
    """Starts Python worker processes, of the face under test; kills them afterwards."""
    started: list[PythonWorker] = []

    def start(**options: Any) -> PythonWorker:
        started.append(PythonWorker(laravel, face, **options))
        return started[-1]

    yield start
    for worker in started:
        worker.kill()


def test_each_job_once(laravel: Laravel, connect: Connect) -> None:
    php = laravel.start_worker()
    php.wait_for("started")
    python = connect(max_concurrent_jobs=2)
    taken: list[str] = []

    def handle(job: Job) -> None:
        taken.append(str(job.uuid))
        time.sleep(0.002)

    python.handle(handle)
    pushed = python("bulk", [(f"{JOBS}Slow", {"milliseconds": 2, "n": n}) for n in range(150)])
    pushed += [job.uuid for job in laravel.push_all(["plain", "map", "string-map"] * 20)]

    python.listen()
    deadline = time.monotonic() + 20
    while laravel.counts() != EMPTY and time.monotonic() < deadline:
        time.sleep(0.01)
    php.stop()

    by_php = [record["uuid"] for record in php.records().handled]
    assert laravel.counts() == EMPTY
    assert Counter(taken + by_php) == Counter(pushed), "each job exactly once"
    assert taken, "Python took its share"
    assert by_php, "PHP took its share"


# -- from one to the other ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "case", ["numeric-string-keys", "enums", "visibility", "carbon", "unicode", "encrypted", "cycle"]
)
def test_php_takes_what_python_released(laravel: Laravel, python: Python, case: str) -> None:
    pushed = laravel.push(case)
    python.handle(lambda job: job.release(0))
    python.listen(max_jobs=1)

    assert laravel.counts()["reserved"] == 0
    assert laravel.size() == 1
    laravel.make_due()
    (record,) = laravel.work().handled

    assert (record["uuid"], record["id"], record["attempts"]) == (pushed.uuid, pushed.id, 2)
    assert record["props"] == [prop for prop in pushed.expect["props"] if prop["name"] != "job"]
    assert laravel.counts() == EMPTY


def test_php_takes_what_failed_in_python(laravel: Laravel, python: Python) -> None:
    def fail(job: Job) -> None:
        raise RuntimeError("not here")

    pushed = laravel.push("configured")  # tries 5, backoff 1, 5, 10
    python.handle(fail)
    python.listen(max_jobs=1)
    assert laravel.counts() == EMPTY | {"delayed": 1}

    laravel.make_due()
    (record,) = laravel.work().handled

    assert (record["uuid"], record["attempts"]) == (pushed.uuid, 2)
    assert record["options"]["backoff"] == "1,5,10"


def test_python_takes_what_php_released(laravel: Laravel, python: Python) -> None:
    """PHP's pop script has written the payload anew, in another order: the command must not care."""
    uuid = python("push", f"{JOBS}Releasing", {"until": 9, "wait": 0, "extra": {"empty": [], "é": 1e15}})
    assert [record["attempts"] for record in laravel.work(max_jobs=1).handled] == [1]
    laravel.make_due()

    (job,) = python.take()

    assert (job.uuid, job.attempts) == (uuid, 2)
    assert job.data == {"until": 9, "wait": 0, "extra": {"empty": [], "é": 1e15}} | {
        key: value for key, value in job.data.items() if key not in ("until", "wait", "extra")
    }
    assert laravel.counts() == EMPTY


@pytest.mark.parametrize("data", [{"list": [], "map": {"a": 1}}, {"text": "é/\u2028"}, [], {"n": 5, "f": 0.5}])
def test_string_jobs_go_back_and_forth(laravel: Laravel, python: Python, data: Any) -> None:
    uuid = python("push", f"{JOBS}Legacy@release", data)
    (record,) = laravel.work(max_jobs=1).handled
    assert record["attempts"] == 1
    laravel.make_due()

    jobs: list[Job] = []

    def handle(job: Job) -> None:
        jobs.append(job)
        job.release()

    python.handle(handle)
    python.listen(max_jobs=1)
    assert (jobs[0].uuid, jobs[0].attempts) == (uuid, 2)
    laravel.make_due()
    (record,) = laravel.work(max_jobs=1).handled

    assert record["attempts"] == 3
    # The pop script of either side may have put the keys in another order, as cjson does.
    if isinstance(data, dict):
        record["data"]["v"].sort(key=lambda pair: list(data).index(pair[0]["v"]))
    assert_matches(record["data"], data)


def test_php_takes_a_python_job_that_failed_there(laravel: Laravel, python: Python) -> None:
    python("push", f"{JOBS}Failing", {"succeedOn": 3, "message": "first in PHP"}, tries=5, backoff=0)
    assert [record["attempts"] for record in laravel.work(max_jobs=1).handled] == [1]
    laravel.make_due()

    def fail(job: Job) -> None:
        assert job.attempts == 2
        raise RuntimeError("then in Python")

    python.handle(fail)
    python.listen(max_jobs=1)
    laravel.make_due()
    ran = laravel.work()

    assert [record["attempts"] for record in ran.handled] == [3]
    assert_received(ran.handled[0], {"succeedOn": 3, "message": "first in PHP"})
    assert ran.of("exception") == []
    assert laravel.counts() == EMPTY


def test_tries_are_counted_together(laravel: Laravel, python: Python) -> None:
    """Two tries, the first in PHP: the second, in Python, is the last."""
    python("push", f"{JOBS}Failing", {}, tries=2, backoff=0)
    laravel.work(max_jobs=1)
    laravel.make_due()

    def fail(job: Job) -> None:
        raise RuntimeError("the end")

    python.handle(fail)
    python.listen()

    assert laravel.counts() == EMPTY
    (failed,) = python.run(python.queue.failed.all())
    assert "the end" in failed.exception


# -- crashes -----------------------------------------------------------------------------------------------------------


def test_php_takes_over_from_a_killed_python_worker(laravel: Laravel, spawn: Callable[..., PythonWorker]) -> None:
    pushed = laravel.push("enums")
    worker = spawn(mode="hang", retry_after=60)
    worker.next("started")
    assert worker.next("handled") == {"event": "handled", "uuid": pushed.uuid, "attempts": 1, "name": "App\\Jobs\\Bare"}

    worker.kill()

    assert laravel.counts()["reserved"] == 1, "a kill -9 loses nothing"
    assert laravel.work().handled == [], "and nobody else takes it before its time"
    laravel.make_due(None, ":reserved")
    (record,) = laravel.work().handled
    assert (record["uuid"], record["attempts"]) == (pushed.uuid, 2)
    assert record["props"] == [prop for prop in pushed.expect["props"] if prop["name"] != "job"]
    assert laravel.counts() == EMPTY


def test_python_takes_over_from_a_killed_php_worker(laravel: Laravel, python: Python) -> None:
    uuid = python("push", f"{JOBS}Slow", {"milliseconds": 60000, "n": 1})
    php = laravel.start_worker(settings={"retry_after": 1})
    php.wait_for("handled")

    php.kill()

    assert laravel.counts()["reserved"] == 1
    laravel.make_due(None, ":reserved")
    (job,) = python.take()
    assert (job.uuid, job.attempts) == (uuid, 2)
    assert (job.data["milliseconds"], job.data["n"]) == (60000, 1)
    assert laravel.counts() == EMPTY


def test_a_lease_runs_out_by_itself(laravel: Laravel, spawn: Callable[..., PythonWorker], face: Face) -> None:
    """The same without touching the clock: one real second."""
    pushed = laravel.push("plain")
    worker = spawn(mode="hang", retry_after=1)
    worker.next("started")
    worker.next("handled")
    worker.kill()

    php = laravel.start_worker()
    (record,) = php.wait_for("handled", seconds=10)
    assert (record["uuid"], record["attempts"]) == (pushed.uuid, 2)


def test_a_living_worker_keeps_its_job(laravel: Laravel, spawn: Callable[..., PythonWorker]) -> None:
    """A handler that outlives retry_after keeps its lease: PHP, hungry beside it, must not get the job."""
    laravel.push("plain")
    worker = spawn(mode="hang", retry_after=2)
    worker.next("started")
    worker.next("handled")
    php = laravel.start_worker()
    php.wait_for("started")

    time.sleep(4.4)  # more than two leases

    assert php.records().handled == []
    assert laravel.counts()["reserved"] == 1


# -- waiting -----------------------------------------------------------------------------------------------------------


def test_a_waiting_python_worker_hears_phps_push(laravel: Laravel, spawn: Callable[..., PythonWorker]) -> None:
    worker = spawn(sleep=30)
    worker.next("started")
    time.sleep(0.3)  # it waits now; being wrong about that makes the test weaker, not red
    before = time.monotonic()
    pushed = laravel.push("plain")
    assert worker.next("handled")["uuid"] == pushed.uuid
    assert time.monotonic() - before < 5, "it was woken by the notify list, not by its sleep"


def test_a_waiting_php_worker_hears_pythons_push(laravel: Laravel, python: Python) -> None:
    php = laravel.start_worker(settings={"block_for": 30}, sleep=0)
    php.wait_for("started")
    time.sleep(0.3)
    before = time.monotonic()
    uuid = python("push", f"{JOBS}TakesAnything", {"value": 1})
    (record,) = php.wait_for("handled", seconds=15)
    assert record["uuid"] == uuid
    assert time.monotonic() - before < 5


def test_notify_tokens_do_not_pile_up(laravel: Laravel, python: Python) -> None:
    for _ in range(3):
        laravel.push("plain")
        python("push", f"{JOBS}TakesAnything", {"value": 1})
    assert laravel.counts()["notify"] == 6
    laravel.work(max_jobs=2)
    python.take(max_jobs=2)
    assert laravel.counts() == EMPTY | {"ready": 2, "notify": 2}
    laravel.work()
    assert laravel.counts() == EMPTY


def test_artisan_clears_pythons_jobs(laravel: Laravel, python: Python) -> None:
    python("push", f"{JOBS}TakesAnything", {"value": 1})
    python("later", 60, f"{JOBS}TakesAnything", {"value": 1})
    assert "Cleared 2 jobs" in laravel.artisan("queue:clear", "--queue=default", "--force").stdout
    assert python("size") == 0
    assert laravel.keys() == []


def test_what_a_listener_of_laravel_gets_after_python_released_it(laravel: Laravel, python: Python) -> None:
    pushed = laravel.push("listener")
    jobs: list[Job] = []

    def handle(job: Job) -> None:
        jobs.append(job)
        job.release()

    python.handle(handle)
    python.listen(max_jobs=1)
    command = jobs[0].command
    assert command is not None
    assert_job(pushed.expect, command)
    laravel.make_due()
    (record,) = laravel.work().handled
    assert (record["class"], record["attempts"]) == ("App\\Events\\OrderShipped", 2)
