"""Workers as processes on a real Redis: signals, being killed, the server going away. Nothing may be lost."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis

from lara_queue import Queue

pytestmark = pytest.mark.live


class Lab:
    """One prefix on a real Redis, and the worker processes on it."""

    def __init__(self, url: str, face: str) -> None:
        self.url = url
        self.face = face
        self.prefix = f"lab{uuid.uuid4().hex[:10]}_"
        self.redis: Any = redis.Redis.from_url(url)
        self.queue = Queue(url, queue="q", appname=self.prefix, prefix="")
        self.workers: list[subprocess.Popen[bytes]] = []

    def start(self, settings: dict[str, Any] | None = None, **options: Any) -> subprocess.Popen[bytes]:
        ready = self.redis.llen(f"{self.prefix}ready")
        words = [self.face, self.url, self.prefix, json.dumps(settings or {}), json.dumps({"sleep": 1, **options})]
        worker = subprocess.Popen([sys.executable, "-m", "tests.worker.worker_process", *words])
        self.workers.append(worker)
        self.until(lambda: self.redis.llen(f"{self.prefix}ready") > ready)
        return worker

    def until(self, condition: Callable[[], Any], seconds: float = 20) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, "it did not happen in time"
            time.sleep(0.02)

    def notes(self, name: str) -> list[str]:
        return [note.decode() for note in self.redis.lrange(f"{self.prefix}{name}", 0, -1)]

    def close(self) -> None:
        for worker in self.workers:
            worker.kill()
            worker.wait()
        self.queue.close()
        for key in self.redis.scan_iter(f"{self.prefix}*"):
            self.redis.delete(key)
        self.redis.close()


@pytest.fixture(params=["sync", "async"])
def lab(request: pytest.FixtureRequest, own_redis: str) -> Iterator[Lab]:
    lab = Lab(own_redis, request.param)
    yield lab
    lab.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT])
def test_the_first_signal_lets_the_job_in_hand_finish(lab: Lab, number: int) -> None:
    lab.queue.bulk([("App\\Jobs\\X", {"seconds": 0.5}) for _ in range(3)])
    worker = lab.start({"max_concurrent_jobs": 1})
    lab.until(lambda: lab.notes("began"))
    worker.send_signal(number)
    assert worker.wait(10) == 0
    assert len(lab.notes("began")) == len(lab.notes("ended")) == 1
    assert (lab.queue.pending_size(), lab.queue.reserved_size()) == (2, 0)


def test_an_idle_worker_leaves_at_once(lab: Lab) -> None:
    worker = lab.start(sleep=30)
    time.sleep(0.3)  # it is to be found waiting, which cannot be seen from outside
    started = time.monotonic()
    worker.terminate()
    assert worker.wait(10) == 0
    assert time.monotonic() - started < 2


def test_the_second_signal_puts_the_job_back_without_using_an_attempt(lab: Lab) -> None:
    lab.queue.push("App\\Jobs\\X", {"seconds": 60})
    worker = lab.start()
    lab.until(lambda: lab.notes("began"))
    worker.terminate()
    time.sleep(0.2)
    worker.terminate()
    assert worker.wait(10) == 0
    (job,) = lab.queue.pending_jobs()
    assert job.payload["attempts"] == 0
    assert lab.queue.reserved_size() == 0


def test_the_shutdown_timeout_does_the_same(lab: Lab) -> None:
    lab.queue.push("App\\Jobs\\X", {"seconds": 60})
    worker = lab.start(shutdown_timeout=0.3)
    lab.until(lambda: lab.notes("began"))
    worker.terminate()
    assert worker.wait(10) == 0
    assert (lab.queue.pending_size(), lab.queue.reserved_size()) == (1, 0)


def test_usr2_pauses_and_cont_resumes(lab: Lab) -> None:
    worker = lab.start()
    worker.send_signal(signal.SIGUSR2)
    time.sleep(0.3)
    lab.queue.push("App\\Jobs\\X", {})
    time.sleep(0.5)
    assert lab.queue.pending_size() == 1
    worker.send_signal(signal.SIGCONT)
    lab.until(lambda: lab.notes("ended"))
    worker.terminate()
    assert worker.wait(10) == 0


def test_a_handler_that_swallows_its_timeout_is_killed_with_the_failure_recorded(own_redis: str) -> None:
    lab = Lab(own_redis, "sync")
    code = f"""
import time
from lara_queue import Queue
queue = Queue({own_redis!r}, queue="q", appname={lab.prefix!r}, prefix="")
@queue.handler
def handle(job):
    while True:
        try:
            time.sleep(60)
        except Exception:
            pass
queue.listen(grace=0.3)
"""
    lab.queue.push("App\\Jobs\\Stubborn", {}, timeout=1)
    worker = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.DEVNULL)
    lab.workers.append(worker)
    assert worker.wait(15) == -signal.SIGKILL
    assert lab.queue.size() == 0
    (failed,) = lab.queue.failed.all()
    assert "App\\Jobs\\Stubborn has timed out." in failed.exception
    lab.close()


def test_workers_killed_at_random_lose_no_job(lab: Lab) -> None:
    chance = random.Random(7)
    uuids = set(lab.queue.bulk([("App\\Jobs\\X", {"seconds": 0.002}) for _ in range(600)], tries=0))
    settings = {"retry_after": 2, "max_concurrent_jobs": 1 if lab.face == "sync" else 10}
    workers = [lab.start(settings) for _ in range(3)]
    for _ in range(6):
        time.sleep(0.25)
        victim = workers.pop(chance.randrange(len(workers)))
        victim.kill()
        victim.wait()
        workers.append(lab.start(settings))
    lab.until(lambda: lab.queue.size() == 0, 40)
    assert set(lab.notes("ended")) == uuids
    assert lab.queue.failed.all() == []


def test_a_long_job_keeps_its_lease(lab: Lab) -> None:
    lab.queue.push("App\\Jobs\\X", {"seconds": 4.5}, tries=0)
    settings = {"retry_after": 2}  # scores are whole seconds: a shorter lease may be over before it begins
    lab.start(settings)
    lab.start(settings)
    lab.until(lambda: lab.notes("ended"))
    assert len(lab.notes("began")) == 1
    lab.until(lambda: lab.queue.size() == 0)
