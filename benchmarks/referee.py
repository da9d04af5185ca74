"""Runs contestants against a Redis of its own and reads what they measured."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import redis

from lara_queue import Queue

HERE = Path(__file__).parent
KEY = "laravel_database_queues:bench"


@dataclass
class Figures:
    """What one run of a contestant showed."""

    jobs: int
    seconds: float
    cpu_seconds: float
    peak_mib: float
    redis_cpu_seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Jobs per second."""
        return (self.jobs - 1) / self.seconds

    @property
    def cpu_per_1000(self) -> float:
        """The worker's processor seconds per 1,000 jobs."""
        return self.cpu_seconds / self.jobs * 1000

    @property
    def redis_cpu_per_1000(self) -> float:
        """Redis's processor seconds per 1,000 jobs, the time before the first job included."""
        return self.redis_cpu_seconds / self.jobs * 1000


def job_data(size: int = 0, **more: Any) -> dict[str, Any]:
    """Ten fields, as an application's job has them; ``size`` bytes more in one of them."""
    return {
        "id": 48213,
        "email": "ada.lovelace@example.org",
        "name": "Ada Lovelace",
        "amount": 129.95,
        "tags": ["invoice", "first", "eu"],
        "address": {"street": "St James's Square 12", "city": "London", "zip": "SW1Y 4LB"},
        "paid": True,
        "note": None,
        "pushed": None,
        "filler": "x" * size,
        **more,
    }


@dataclass(frozen=True)
class Contestant:
    """A worker to be measured.

    Attributes:
        name: for the table.
        command: to start it; it stops by itself after its last job.
        fill: puts jobs into its queue: called with the server's URL and how many; None for lara_queue's own payloads.
        environment: further variables.
    """

    name: str
    command: Sequence[str]
    fill: Sequence[str] | None = None
    environment: Mapping[str, str] = field(default_factory=dict)


@contextlib.contextmanager
def server(core: int | None) -> Iterator[redis.Redis]:
    """A client of a redis-server on a free port, without persistence, on one core."""
    with contextlib.closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    pin = [] if core is None else ["taskset", "-c", str(core)]
    command = [*pin, "redis-server", "--port", str(port), "--save", "", "--appendonly", "no", "--loglevel", "warning"]
    with tempfile.TemporaryDirectory() as folder:
        process = subprocess.Popen([*command, "--dir", folder], stdout=subprocess.DEVNULL)
        client = redis.Redis(port=port)
        try:
            for _ in range(100):
                with contextlib.suppress(redis.ConnectionError):
                    if client.ping():
                        break
                time.sleep(0.05)
            yield client
        finally:
            client.close()
            process.kill()
            process.wait()


def url_of(client: redis.Redis) -> str:
    """The URL of the server."""
    return f"redis://127.0.0.1:{client.connection_pool.connection_kwargs['port']}/0"


def fill(client: redis.Redis, jobs: int, size: int = 0) -> None:
    """Put ``jobs`` payloads of ours into the queue ``bench``, in the format of Laravel 8, which PHP's worker reads."""
    with Queue(url_of(client), queue="bench", laravel_version=8) as queue:
        for start in range(0, jobs, 5000):
            count = min(5000, jobs - start)
            queue.bulk([("App\\Jobs\\Bench", job_data(size))] * count)
    client.delete(KEY + ":notify")
    client.lpush(KEY + ":notify", *["1"] * min(jobs, 1000))


def redis_cpu(client: redis.Redis) -> float:
    """Processor seconds that the server has used."""
    found: Any = client.info("cpu")
    return float(found["used_cpu_user"] + found["used_cpu_sys"])


def run(
    contestant: Contestant, client: redis.Redis, jobs: int, *, core: int | None, size: int = 0, seconds: float = 120
) -> Figures:
    """Fill the queue, start the contestant on its core, and wait for what it measured."""
    client.flushdb()
    environment = {**os.environ, **contestant.environment, "BENCH_URL": url_of(client), "BENCH_JOBS": str(jobs)}
    environment["BENCH_CONFIG"] = json.dumps(php_config(client))
    if contestant.fill is None:
        fill(client, jobs, size)
    else:
        subprocess.run(contestant.fill, env=environment, check=True, stdout=subprocess.DEVNULL)
    return measured(contestant.command, environment, client, core=core, seconds=seconds)


def php_config(client: redis.Redis) -> dict[str, Any]:
    """The settings of PHP's worker for this server."""
    port = client.connection_pool.connection_kwargs["port"]
    return {"port": port, "queue": "bench", "block_for": 5, "prefix": "laravel_database_"}


def measured(
    command: Sequence[str],
    environment: Mapping[str, str],
    client: redis.Redis,
    *,
    core: int | None,
    seconds: float = 120,
) -> Figures:
    """Start a process on a core, and wait for the file in which it says what it measured."""
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "result.json"
        environment = {**environment, "BENCH_RESULT": str(result)}
        pin = [] if core is None else ["taskset", "-c", str(core)]
        before = redis_cpu(client)
        log = Path(folder) / "log"
        with log.open("wb") as out:
            process = subprocess.Popen([*pin, *command], env=environment, stdout=out, stderr=out)
        try:
            until = time.monotonic() + seconds
            while not result.exists():
                if time.monotonic() > until or (process.poll() is not None and not result.exists()):
                    raise RuntimeError(f"{command} measured nothing: {log.read_text()[-2000:]}")
                time.sleep(0.02)
            used = redis_cpu(client) - before
            found = json.loads(result.read_text())
        finally:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(3)
            process.kill()
            process.wait()
    return Figures(**found, redis_cpu_seconds=used)


PYTHON = sys.executable
"""The Python that runs lara_queue's contestants."""


def ours(face: str, slots: int, prefetch: int = 1, name: str | None = None, **environment: str) -> Contestant:
    """lara_queue with so many slots."""
    command = [PYTHON, str(HERE / "contestants" / "ours.py"), face, str(slots), str(prefetch)]
    shown = name or ("Queue" if face == "sync" else "AsyncQueue") + (
        f", prefetch={prefetch}" if prefetch > 1 else f", {slots} " + ("threads" if face == "sync" else "slots")
    )
    return Contestant(shown if slots > 1 or prefetch > 1 or face == "async" else "Queue", command, None, environment)


PHP = Contestant("Laravel 8 (PHP)", ["php", "-d", "opcache.enable_cli=0", str(HERE / "php" / "worker.php")])
FLOOR_ONE = Contestant("redis-py by hand, one", [PYTHON, str(HERE / "contestants" / "floor.py"), "one"])
FLOOR_PIPELINED = Contestant(
    "redis-py by hand, pipelined by 50", [PYTHON, str(HERE / "contestants" / "floor.py"), "pipelined"]
)
FLOOR_MANY = Contestant("redis-py by hand, a script of 50", [PYTHON, str(HERE / "contestants" / "floor.py"), "script"])
