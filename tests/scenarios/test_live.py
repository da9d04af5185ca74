"""What no store in memory can show: a Redis that restarts in mid-run, workers killed at random, a health file each.

Nothing may be lost, nothing settled twice, and whatever changes is logged once.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from lara_queue import Queue
from tests.conformance.servers import Server, server

pytestmark = pytest.mark.live
JOB = "App\\Jobs\\X"
ROOT = Path(__file__).resolve().parents[2]

WORKER = """
import asyncio, logging, sys, time
from lara_queue import AsyncQueue, Queue
logging.basicConfig(format="LOG %(levelname)s %(message)s", level=logging.INFO, stream=sys.stdout)
face, url, prefix, notes = sys.argv[1:]
settings = dict(queue="q", appname=prefix, prefix="", retry_after=4)
notes = open(notes, "a", buffering=1)
queue = Queue(url, **settings) if face == "sync" else AsyncQueue(url, max_concurrent_jobs=5, **settings)
for name in ("job.processed", "job.lease_lost", "job.failed", "job.released", "job.released_after_exception"):
    queue.on(name)(lambda event: notes.write(f"{event.name} {event.job.uuid}\\n"))

if face == "sync":
    @queue.handler
    def handle(job):
        time.sleep(0.002)
        notes.write(f"ran {job.uuid}\\n")
else:
    @queue.handler
    async def handle_async(job):
        await asyncio.sleep(0.01)
        notes.write(f"ran {job.uuid}\\n")

notes.write("ready -\\n")
reason = queue.listen(sleep=1)
sys.exit((asyncio.run(reason) if face == "async" else reason).exit_code)
"""


class Notes:
    """What a worker wrote down, in a file that outlives it and the server."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def of(self, what: str) -> list[str]:
        lines = self.path.read_text().splitlines() if self.path.exists() else []
        return [line.split()[1] for line in lines if line.startswith(f"{what} ")]


def until(condition: Callable[[], Any], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


@pytest.fixture
def lasting(tmp_path: Path) -> Iterator[Server]:
    """A server whose data survive its being killed."""
    with server(tmp_path, "--appendonly", "yes", "--appendfsync", "always") as one:
        yield one


@pytest.mark.parametrize("face", ["sync", "async"])
def test_a_redis_that_restarts_in_mid_run_costs_no_job(lasting: Server, tmp_path: Path, face: str) -> None:
    url = f"redis://127.0.0.1:{lasting.port}/0"
    queue = Queue(url, queue="q", appname="live", prefix="_")
    uuids = queue.bulk([JOB] * 600, tries=0)
    notes = Notes(tmp_path / "notes")
    with (tmp_path / "log").open("w") as log:
        words = [sys.executable, "-c", WORKER, face, url, "live_", str(notes.path)]
        worker = subprocess.Popen(words, stdout=log, stderr=subprocess.STDOUT, cwd=ROOT)
    try:
        for reached in (100, 300):
            until(lambda: len(notes.of("ran")) >= reached)  # noqa: B023  # called before the next turn
            lasting.stop()
            time.sleep(0.4)  # the server is away for a while, which the worker has to live with
            lasting.start()
        until(lambda: _size(queue) == 0)
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(10) == 0
    finally:
        worker.kill()
        worker.wait()
        queue.close()

    ran, settled = Counter(notes.of("ran")), Counter(notes.of("job.processed"))
    assert set(ran) == set(uuids)
    assert set(ran.values()) == {1}
    # Where the answer to a deletion was lost on the way, the second one finds nothing: that is told, and once as well.
    unsure = Counter(notes.of("job.lease_lost"))
    assert set(settled + unsure) == set(uuids)
    assert set((settled + unsure).values()) == {1}
    assert sum(unsure.values()) <= 2 * 5
    assert [notes.of(name) for name in ("job.failed", "job.released", "job.released_after_exception")] == [[], [], []]
    log_lines = [line for line in (tmp_path / "log").read_text().splitlines() if line.startswith("LOG ")]
    assert sum("Trying again until it is back." in line for line in log_lines) == 2
    assert sum("The store is back after" in line for line in log_lines) == 2
    told = ("Trying again", "The store is back", "was lost; another worker may run it too")
    told += ("Leases could not be renewed",)  # where the keeper notices before the worker does
    rest = [line for line in log_lines if not any(each in line for each in told)]
    assert [line for line in rest if not line.startswith("LOG INFO SIGTERM")] == []


def _size(queue: Queue) -> int:
    try:
        return queue.size()
    except Exception:  # the server is just coming up
        return -1


def test_2000_jobs_and_four_workers_killed_at_random(own_redis: str) -> None:
    """Two of each face; whatever is killed is replaced. Every job is handled at least once, none is recorded failed."""
    chance = random.Random(2000)
    prefix = f"kill{uuid.uuid4().hex[:10]}_"
    client: Any = redis.Redis.from_url(own_redis)
    queue = Queue(own_redis, queue="q", appname=prefix, prefix="")
    uuids = set(queue.bulk([(JOB, {"seconds": 0.002}) for _ in range(2000)], tries=0))

    def start(face: str) -> tuple[str, subprocess.Popen[bytes]]:
        settings = {"retry_after": 2, "max_concurrent_jobs": 1 if face == "sync" else 10}
        words = [face, own_redis, prefix, json.dumps(settings), json.dumps({"sleep": 1})]
        return face, subprocess.Popen([sys.executable, "-m", "tests.worker.worker_process", *words], cwd=ROOT)

    def ended() -> int:
        return int(client.llen(f"{prefix}ended"))

    workers = [start(face) for face in ("sync", "async", "sync", "async")]
    kills = 0
    try:
        while kills < 12 and queue.size() > 0:
            before = ended()
            until(lambda: ended() > before + 40 or queue.size() == 0)  # noqa: B023  # called before the next turn
            face, victim = workers.pop(chance.randrange(len(workers)))
            os.kill(victim.pid, signal.SIGKILL)
            victim.wait()
            kills += 1
            workers.append(start(face))
        until(lambda: queue.size() == 0)
    finally:
        for _, worker in workers:
            worker.kill()
            worker.wait()
    done = Counter(note.decode() for note in client.lrange(f"{prefix}ended", 0, -1))
    assert kills >= 6
    assert set(done) == uuids
    assert queue.failed.all() == []
    assert sum(done.values()) <= 2000 + 10 * kills  # again only what a killed worker had in hand
    queue.close()
    for key in client.scan_iter(f"{prefix}*"):
        client.delete(key)
    client.close()


APP = """
from lara_queue import Queue
queue = Queue({url!r}, queue="q", appname={prefix!r}, prefix="")

@queue.handler
def handle(job):
    pass
"""


def test_each_child_of_a_supervisor_has_a_health_file(own_redis: str, tmp_path: Path) -> None:
    prefix = f"health{uuid.uuid4().hex[:10]}_"
    (tmp_path / "health_app.py").write_text(APP.format(url=own_redis, prefix=prefix))
    words = ["work", "health_app:queue", "--processes", "3", "--sleep", "0.2", "--health-file", str(tmp_path / "alive")]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    supervisor = subprocess.Popen(
        [sys.executable, "-m", "lara_queue", *words], cwd=tmp_path, env=environment, stdout=subprocess.DEVNULL
    )
    files = [tmp_path / "alive", tmp_path / "alive.2", tmp_path / "alive.3"]
    try:
        until(lambda: all(file.exists() for file in files))
        for file in files:
            os.utime(file, (1, 1))
        until(lambda: all(file.stat().st_mtime > 1 for file in files))  # each is touched again, not only made
        supervisor.send_signal(signal.SIGTERM)
        assert supervisor.wait(20) == 0
    finally:
        supervisor.kill()
        supervisor.wait()
    assert sorted(path.name for path in tmp_path.glob("alive*")) == ["alive", "alive.2", "alive.3"]
