"""What is measured: one function for each table, from a server and options to rows."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import database
import redis
import sqlalchemy.exc
from referee import (
    FLOOR_MANY,
    FLOOR_ONE,
    FLOOR_PIPELINED,
    HERE,
    KEY,
    PHP,
    PYTHON,
    Contestant,
    Figures,
    fill,
    job_data,
    measured,
    ours,
    php_config,
    run,
    server,
    url_of,
)

Row = dict[str, Any]
Note = Callable[[str], None]


@dataclass
class Options:
    """How much is measured.

    Attributes:
        rounds: how often each figure is taken; the median is kept.
        scale: factor on the numbers of jobs.
        environments: folder with the peers' Python environments; None leaves the peers out.
        note: called before each measurement with what it is.
    """

    rounds: int = 3
    scale: float = 1.0
    environments: Path | None = None
    note: Note = print
    problems: list[str] = field(default_factory=list)

    def jobs(self, count: int) -> int:
        """So many jobs at this scale."""
        return max(200, int(count * self.scale))


PLACES = {"apart": (0, 1), "same core": (0, 0)}
"""Where Redis and the worker run: a name, and the core of each."""

ASYNC = (1, 10, 50, 200)


def contestants(options: Options) -> list[tuple[Contestant, int]]:
    """Who is measured, and with how many jobs."""
    listed = [
        (PHP, 4000),
        (ours("sync", 1), 8000),
        (ours("sync", 1, 16), 12000),
        (ours("sync", 8), 8000),
        *((ours("async", slots), 5000 if slots == 1 else 20000) for slots in ASYNC),
        (FLOOR_ONE, 8000),
        (FLOOR_PIPELINED, 20000),
        (FLOOR_MANY, 40000),
    ]
    if options.environments is not None:
        script = str(HERE / "contestants" / "peers.py")
        for name, count in PEERS.items():
            python = options.environments / name / "bin" / "python"
            if python.exists():
                command = [str(python), script, name]
                listed.append((Contestant(name, [*command, "work"], [*command, "fill"]), count))
    return listed


PEERS = {
    "dramatiq": 4000,
    "huey": 4000,
    "saq": 2000,
    "taskiq-redis": 2000,
    "arq": 1500,
    "streaq": 3000,
    "celery": 1500,
    "rq": 300,
}
PACKAGES = {
    "dramatiq": ["dramatiq[redis]"],
    "huey": ["huey", "redis"],
    "saq": ["saq[redis]", "typing_extensions"],
    "taskiq-redis": ["taskiq-redis"],
    "arq": ["arq"],
    "streaq": ["streaq"],
    "celery": ["celery[redis]"],
    "rq": ["rq"],
}


def throughput(options: Options) -> list[Row]:
    """Jobs per second of every contestant, in both places; rounds are interleaved."""
    os.environ["BENCH_DATA"] = json.dumps(job_data())
    listed = contestants(options)
    rows: list[Row] = []
    for place, (redis_core, worker_core) in PLACES.items():
        figures: dict[str, list[Figures]] = {}
        for number in range(options.rounds):
            for contestant, count in listed:
                options.note(f"{place}, round {number + 1}: {contestant.name}")
                with server(redis_core) as client:
                    try:
                        one = run(contestant, client, options.jobs(count), core=worker_core)
                    except Exception as error:
                        options.problems.append(f"{contestant.name}, {place}: {error}"[:500])
                        continue
                figures.setdefault(contestant.name, []).append(one)
        base = statistics.median(one.rate for one in figures[PHP.name])
        for name, found in figures.items():
            rows.append(
                {
                    "place": place,
                    "worker": name,
                    "ratio": round(statistics.median(one.rate for one in found) / base, 2),
                    "rate": round(statistics.median(one.rate for one in found)),
                    "worker_cpu": round(statistics.median(one.cpu_per_1000 for one in found), 3),
                    "redis_cpu": round(statistics.median(one.redis_cpu_per_1000 for one in found), 3),
                    "peak_mib": round(max(one.peak_mib for one in found)),
                }
            )
    return rows


def enqueue(options: Options) -> list[Row]:
    """Jobs put in per second, one by one and in bulk."""
    os.environ["BENCH_DATA"] = json.dumps(job_data())
    script = str(HERE / "contestants" / "enqueue.py")
    php = str(HERE / "php" / "worker.php")
    ways = {
        "PHP, one by one": (["php", php, "push"], 4000),
        "Queue.push": ([PYTHON, script, "one"], 4000),
        "AsyncQueue.push, 50 at once": ([PYTHON, script, "async"], 10000),
        "PHP, bulk": (["php", php, "bulk"], 4000),
        "Queue.bulk": ([PYTHON, script, "bulk"], 20000),
    }
    figures: dict[str, list[Figures]] = {}
    for _ in range(options.rounds):
        for name, (command, count) in ways.items():
            options.note(f"enqueue: {name}")
            with server(0) as client:
                environment = _environment(client, options.jobs(count))
                figures.setdefault(name, []).append(measured(command, environment, client, core=1))
    rates = {name: statistics.median(one.rate for one in found) for name, found in figures.items()}
    return [
        {
            "way": name,
            "ratio": round(rate / rates["PHP, bulk" if "bulk" in name else "PHP, one by one"], 2),
            "rate": round(rate),
        }
        for name, rate in rates.items()
    ]


def latency(options: Options) -> list[Row]:
    """Milliseconds from push to start at 200 jobs a second."""
    os.environ["BENCH_DATA"] = json.dumps(job_data())
    count = options.jobs(1600)
    rows = []
    for contestant in (PHP, ours("sync", 1), ours("async", 10)):
        found: list[float] = []
        for _ in range(options.rounds):
            options.note(f"latency: {contestant.name}")
            with server(0) as client:
                environment = _environment(client, count)
                producer = [PYTHON, str(HERE / "contestants" / "producer.py"), "200"]
                pushing = subprocess.Popen(["taskset", "-c", "0", *producer], env=environment)
                try:
                    found += measured(contestant.command, environment, client, core=1).latencies[50:]
                finally:
                    pushing.kill()
                    pushing.wait()
        rows.append({"worker": contestant.name, "p50_ms": _ms(found, 0.5), "p99_ms": _ms(found, 0.99)})
    return rows


def idle(options: Options) -> list[Row]:
    """What a worker costs that has nothing to do, in Redis commands and processor time."""
    seconds = max(5.0, 10 * options.scale)
    rows = []
    for contestant in (PHP, ours("sync", 1), ours("async", 10)):
        options.note(f"idle: {contestant.name}")
        with server(0) as client:
            environment = {**_environment(client, 1), "BENCH_RESULT": "/dev/null", **contestant.environment}
            process = subprocess.Popen(["taskset", "-c", "1", *contestant.command], env=environment)
            try:
                time.sleep(3)
                commands, used = _commands(client), _cpu_of(process.pid)
                time.sleep(seconds)
                rows.append(
                    {
                        "worker": contestant.name,
                        "commands_per_s": round((_commands(client) - commands) / seconds, 2),
                        "cpu_percent": round((_cpu_of(process.pid) - used) / seconds * 100, 2),
                    }
                )
            finally:
                process.kill()
                process.wait()
    return rows


def waiting_jobs(options: Options) -> list[Row]:
    """Jobs that wait 50 ms for something, in 50 slots: the share of the ideal rate of 1,000 a second."""
    rows = []
    for contestant in (
        ours("async", 50, name="AsyncQueue, 50 slots", BENCH_SLEEP="0.05"),
        ours("sync", 50, name="Queue, 50 threads", BENCH_SLEEP="0.05"),
        Contestant("asyncio alone, 50 tasks", [PYTHON, str(HERE / "contestants" / "sleepers.py")]),
    ):
        options.note(f"I/O: {contestant.name}")
        found = []
        for _ in range(options.rounds):
            with server(0) as client:
                found.append(run(contestant, client, options.jobs(5000), core=1))
        rate = statistics.median(one.rate for one in found)
        rows.append({"worker": contestant.name, "rate": round(rate), "of_ideal_percent": round(rate / 10, 1)})
    return rows


def sizes(options: Options) -> list[Row]:
    """How the rate changes with the size of the payload."""
    rows = []
    for extra in (0, 1000, 10_000, 100_000):
        for contestant, count in ((PHP, 2000), (ours("async", 50), 4000)):
            options.note(f"payload + {extra} bytes: {contestant.name}")
            with server(0) as client:
                one = run(contestant, client, options.jobs(count if extra < 50_000 else count // 4), core=1, size=extra)
            rows.append(
                {"payload_kib": round((700 + extra) / 1024, 1), "worker": contestant.name, "rate": round(one.rate)}
            )
    return rows


def backlog(options: Options) -> list[Row]:
    """How the rate changes with what waits, and with what is delayed and reserved."""
    rows = []
    for waiting, others in ((10, 0), (1000, 0), (100_000, 0), (1_000_000, 0), (1000, 100_000)):
        if waiting * options.scale < 10:
            continue
        for contestant, count in ((PHP, 2000), (ours("async", 50), 8000)):
            options.note(f"backlog {waiting}, {others} delayed and reserved: {contestant.name}")
            with server(0) as client:
                jobs = options.jobs(count)
                client.flushdb()
                fill(client, jobs)
                _more(client, waiting, others)
                environment = _environment(client, jobs)
                one = measured(contestant.command, {**environment, **contestant.environment}, client, core=1)
            rows.append(
                {"waiting": waiting, "delayed_and_reserved": others, "worker": contestant.name, "rate": round(one.rate)}
            )
    return rows


def databases(options: Options) -> list[Row]:
    """Jobs per second out of a table: PHP's worker and ours, on SQLite and on the PostgreSQL of this machine."""
    rows: list[Row] = []
    for kind in ("sqlite", "postgresql"):
        options.note(f"database: {kind}")
        try:
            speeds = database.measure(kind, rounds=options.rounds, jobs=options.jobs(1500))
        except sqlalchemy.exc.OperationalError as error:
            options.problems.append(f"{kind}: {error}"[:500])
            continue
        first = next(iter(speeds.values()))
        rows += [
            {"server": kind, "worker": name, "ratio": round(speed / first, 2), "rate": round(speed)}
            for name, speed in speeds.items()
        ]
    return rows


def processes(options: Options) -> list[Row]:
    """The rate of one worker process and of two, each on a core, with Redis on both."""
    rows = []
    for count in (1, 2):
        options.note(f"{count} processes")
        with server(None) as client:
            jobs = options.jobs(20000)
            fill(client, jobs * count)
            environment = _environment(client, jobs)
            results = [HERE / f".result-{count}-{number}" for number in range(count)]
            workers = [
                subprocess.Popen(
                    ["taskset", "-c", str(number), *ours("async", 50).command],
                    env={**environment, "BENCH_RESULT": str(result)},
                )
                for number, result in enumerate(results)
            ]
            try:
                _until(lambda results=results: all(result.exists() for result in results))
                found = [Figures(**json.loads(result.read_text())) for result in results]
            finally:
                for worker in workers:
                    worker.kill()
                    worker.wait()
                for result in results:
                    result.unlink(missing_ok=True)
        rows.append({"processes": count, "rate": round(sum(one.rate for one in found))})
    return rows


def memory(options: Options) -> list[Row]:
    """Memory of a worker after so many jobs; it must not grow."""
    rows = []
    for count in (10_000, 100_000, 1_000_000):
        jobs = int(count * min(1.0, options.scale))
        if jobs < 10_000:
            continue
        options.note(f"memory over {jobs:,} jobs")
        with server(0) as client:
            one = run(ours("async", 50), client, jobs, core=1, seconds=900)
        rows.append({"jobs": jobs, "peak_mib": round(one.peak_mib, 1)})
    return rows


SUITES: dict[str, Callable[[Options], list[Row]]] = {
    "throughput": throughput,
    "enqueue": enqueue,
    "latency": latency,
    "idle": idle,
    "waiting_jobs": waiting_jobs,
    "sizes": sizes,
    "backlog": backlog,
    "databases": databases,
    "processes": processes,
    "memory": memory,
}


def _environment(client: redis.Redis, jobs: int) -> dict[str, str]:
    return {
        **os.environ,
        "BENCH_URL": url_of(client),
        "BENCH_JOBS": str(jobs),
        "BENCH_CONFIG": json.dumps(php_config(client)),
        "BENCH_DATA": json.dumps(job_data()),
    }


def _ms(seconds: Sequence[float], share: float) -> float:
    return round(sorted(seconds)[min(len(seconds) - 1, int(len(seconds) * share))] * 1000, 2)


def _commands(client: redis.Redis) -> int:
    """Commands that came over the line; what scripts call is counted by Redis, too, and left out here."""
    found: Any = client.info("commandstats")
    return sum(found.get(f"cmdstat_{name}", {}).get("calls", 0) for name in ("evalsha", "eval", "blpop", "get", "mget"))


def _cpu_of(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _more(client: redis.Redis, waiting: int, others: int) -> None:
    """Further jobs behind those that are measured, and far-off ones in the two sets."""
    body = b'{"uuid":"u%d","displayName":"App\\\\\\\\Jobs\\\\\\\\Other","job":"x@y","data":[],"id":"i%d","attempts":0}'
    pipe = client.pipeline(transaction=False)
    for number in range(waiting):
        pipe.rpush(KEY, body % (number, number))
        if number % 10_000 == 9_999:
            pipe.execute()
    for number in range(others):
        pipe.zadd(KEY + ":delayed", {body % (number, number): 9_999_999_999})
        pipe.zadd(KEY + ":reserved", {body % (number, number): 9_999_999_999})
        if number % 10_000 == 9_999:
            pipe.execute()
    pipe.execute()


def _until(ready: Callable[[], bool], seconds: float = 120) -> None:
    until = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > until:
            raise RuntimeError("the workers measured nothing")
        time.sleep(0.05)
