"""Worker processes on one prefix of a real Redis, and what can be seen of them."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from lara_queue import Queue

__all__ = ["FACES", "HERE", "PATIENCE", "ROOT", "Lab", "held", "is_alive", "lab", "noticed"]

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
