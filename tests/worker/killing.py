"""A worker that is killed again and again, and what became of its jobs."""

from __future__ import annotations

import subprocess
import sys
import time
import uuid
from pathlib import Path

from lara_queue import Queue


def ran_under_kills(url: str, out: Path, program: str, *words: str, jobs: int, most: int) -> list[int]:
    """The number ``n`` of each job that was run, in order, by a worker that was killed three times and then left alone.

    Parameters:
        url: of a Redis.
        out: the file to which ``program`` appends the number of each job, a line each.
        program: the worker's text; its arguments are the URL, the application's name, the file, and ``words``.
        jobs: how many there are.
        most: jobs after which it is killed each time.
    """
    out.touch()
    app = f"p{uuid.uuid4().hex[:8]}"
    with Queue(url, queue="q", appname=app, prefix="_") as queue:
        queue.bulk([("X", {"n": n}) for n in range(jobs)])
        for kill in (True, True, True, False):
            begun = len(out.read_text().splitlines())
            worker = subprocess.Popen([sys.executable, "-c", program, url, app, str(out), *words])
            if kill:
                until = time.monotonic() + 20
                while len(out.read_text().splitlines()) < begun + most and time.monotonic() < until:
                    time.sleep(0.005)
                worker.kill()
            worker.wait(60)
        assert queue.size() == 0
    return [int(line) for line in out.read_text().split()]
