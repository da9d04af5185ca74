"""Jobs per second out of a database queue: a real Laravel 8 worker, ``Queue`` and ``AsyncQueue``, on the same server.

Run it as ``python benchmarks/database.py [sqlite|postgresql|mariadb]``. Every round empties the same table with each
worker in turn, a process of its own that is started before the clock; the figures are the medians of the rounds. Read
the ratios: jobs per second are this machine's, and mostly those of its disk. Jobs do nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy

from lara_queue import AsyncQueue, Queue
from lara_queue.sql import Database
from lara_queue.sql.schema import create_tables

PHP = Path(__file__).parents[1] / "tests" / "interop" / "php" / "database.php"
SERVERS = {
    "postgresql": "postgresql+psycopg://postgres@127.0.0.1:5432/postgres",
    "mariadb": "mariadb+pymysql://root@127.0.0.1:3306/mysql",
}
WORKERS = {
    "PHP, Laravel 8": {"kind": "php"},
    "Queue": {"kind": "sync"},
    "Queue(prefetch=16)": {"kind": "sync", "prefetch": 16},
    "AsyncQueue (10 at once)": {"kind": "async"},
    "AsyncQueue(max_concurrent_jobs=100)": {"kind": "async", "max_concurrent_jobs": 100},
    "4 × PHP": {"kind": "php", "processes": 4},
    "4 × Queue(prefetch=16)": {"kind": "sync", "prefetch": 16, "processes": 4},
    "4 × AsyncQueue (10 at once)": {"kind": "async", "processes": 4},
}
JOB = "App\\Jobs\\Nothing"


@contextmanager
def database(kind: str, journal: str) -> Iterator[str]:
    """The URL of a new database with Laravel's tables; dropped afterwards."""
    if kind == "sqlite":
        with tempfile.TemporaryDirectory(dir=os.environ.get("BENCHMARK_DIR")) as folder:
            url = f"sqlite:///{folder}/database.sqlite"
            made = Database(url, create=True)
            with made.engine.connect() as connection:
                connection.exec_driver_sql(f"PRAGMA journal_mode={journal}")
            made.transact(create_tables)
            made.close()
            yield url
        return
    engine = sqlalchemy.create_engine(SERVERS[kind], isolation_level="AUTOCOMMIT")
    name = f"lara_queue_bench_{uuid.uuid4().hex[:8]}"
    with engine.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    try:
        made = Database(engine.url.set(database=name))
        made.transact(create_tables)
        made.close()
        yield engine.url.set(database=name).render_as_string(hide_password=False)
    finally:
        with engine.connect() as connection:
            connection.exec_driver_sql(f"DROP DATABASE {name}" + (" WITH (FORCE)" if kind == "postgresql" else ""))
        engine.dispose()


def for_php(url: str) -> str:
    """Laravel's settings of the same database."""
    parts = sqlalchemy.make_url(url)
    if parts.get_backend_name() == "sqlite":
        return json.dumps({"driver": "sqlite", "database": parts.database})
    driver = "pgsql" if parts.get_backend_name() == "postgresql" else "mysql"
    charset = {"charset": "utf8"} if driver == "pgsql" else {"charset": "utf8mb4", "collation": "utf8mb4_unicode_ci"}
    return json.dumps(
        {
            "driver": driver,
            "host": parts.host,
            "port": parts.port,
            "database": parts.database,
            "username": parts.username,
            "password": parts.password or "",
            **charset,
        }
    )


def empty(url: str, worker: dict[str, Any]) -> tuple[int, float]:
    """How many jobs the worker's processes ran, and in how many seconds from the first start to the last end."""
    environment = {**os.environ, "WAIT": "1", "DATABASE": for_php(url)}
    if worker["kind"] == "php":
        command = ["php", str(PHP), "work"]
    else:
        command = [sys.executable, __file__, "--worker", json.dumps({**worker, "url": url})]
    processes = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)
        for _ in range(worker.get("processes", 1))
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    reports = [json.loads(process.communicate()[0].splitlines()[-1]) for process in processes]
    seconds = max(report["ended"] for report in reports) - min(report["began"] for report in reports)
    return sum(report["jobs"] for report in reports), seconds


def work(given: dict[str, Any]) -> None:
    """Be one of the Python workers."""
    options = {name: given[name] for name in ("prefetch", "max_concurrent_jobs") if name in given}
    queue: Any = (AsyncQueue if given["kind"] == "async" else Queue)(given["url"], **options)
    count = 0

    def handle(job: Any) -> None:
        nonlocal count
        count += 1

    async def handle_async(job: Any) -> None:
        handle(job)

    queue.handler(handle_async if given["kind"] == "async" else handle)
    print("ready", flush=True)
    sys.stdin.readline()
    began = time.time()
    result = queue.listen(stop_when_empty=True, sleep=0)
    if given["kind"] == "async":
        asyncio.run(result)
    print(json.dumps({"jobs": count, "began": began, "ended": time.time()}))


def main() -> None:
    """Run the rounds and print the ratios."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("server", nargs="?", default="sqlite", choices=["sqlite", *SERVERS])
    parser.add_argument("--jobs", type=int, default=1500)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--journal", default="WAL", help="SQLite's journal mode")
    parser.add_argument("--only", default="", help="workers whose names contain this, beside the first")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.worker:
        work(json.loads(given.worker))
        return
    speeds = measure(given.server, rounds=given.rounds, jobs=given.jobs, journal=given.journal, only=given.only)
    first = speeds["PHP, Laravel 8"]
    print(f"{given.server}, {given.rounds} rounds of {given.jobs} jobs")
    for name, speed in speeds.items():
        print(f"{speed / first:6.1f} ×  {speed:8.0f} jobs/s  {name}")


def measure(server: str, *, rounds: int, jobs: int, journal: str = "WAL", only: str = "") -> dict[str, float]:
    """Each worker's jobs per second, PHP's first; the medians of interleaved rounds."""
    chosen = {name: worker for n, (name, worker) in enumerate(WORKERS.items()) if not n or only in name}
    speeds: dict[str, list[float]] = {name: [] for name in chosen}
    with database(server, journal) as url:
        queue = Queue(url)
        for _ in range(rounds):
            for name, worker in chosen.items():
                queue.bulk([JOB] * jobs)
                ran, seconds = empty(url, worker)
                assert ran == jobs, f"{name} ran {ran} of {jobs} jobs"
                left = queue.size()
                if left and worker["kind"] == "php":  # its workers may be told "locked" when they delete on SQLite
                    queue.clear()
                else:
                    assert left == 0, f"{name} left {left} jobs"
                speeds[name].append(ran / seconds)
        queue.close()
    return {name: statistics.median(found) for name, found in speeds.items()}


if __name__ == "__main__":
    main()
