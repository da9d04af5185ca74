"""A real Laravel 8.83 application, driven from Python: it pushes jobs, works queues and runs artisan commands.

``Laravel`` is what a test gets (fixture ``laravel``): an application with keys of its own. The PHP processes behind it
live for the whole session, so a push or a worker run costs milliseconds::

    def test_it(laravel):
        pushed = laravel.push("floats")                 # a case of php/cases.php; pushed.expect says what is in it
        ran = laravel.work(tries=3)                     # Laravel's worker until the queue is empty
        assert [r["displayName"] for r in ran.handled] == ["App\\\\Jobs\\\\Bare"]
        assert laravel.artisan("queue:failed").returncode == 0
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from redis import Redis

from .php_server import PHP, PhpFailed, PhpServer, Record, php_binary

__all__ = ["APP_KEY", "BackgroundWorker", "Laravel", "Pushed", "Ran"]

APP_KEY = "base64:a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s="
CACHE_DB = 1


@dataclass(frozen=True)
class Pushed:
    """A job as PHP pushed it.

    Attributes:
        case: its name in ``php/cases.php``.
        uuid: the payload's uuid.
        queue: as Laravel's hooks see it (``queues:default``).
        options: the payload without ``data`` and ``uuid``: ``displayName``, ``maxTries``, ``backoff`` …
        expect: what PHP says is in it: ``{"class", "props", "wire"?, "chain"?}`` or ``{"string_job", "data"}``.
        id: what Laravel's ``push()`` returned: the payload's ``id``.
    """

    case: str
    uuid: str
    queue: str
    options: Record
    expect: Record
    id: str | None


class Ran(list[Record]):
    """What a worker run recorded, in order. Every record has ``event``: handled, processed, failed, exception …"""

    status: int | None = None

    def of(self, event: str) -> list[Record]:
        """The records of one kind."""
        return [record for record in self if record["event"] == event]

    @property
    def handled(self) -> list[Record]:
        """One record for each time a job's handle() ran."""
        return self.of("handled")

    def by_uuid(self) -> dict[str, Record]:
        """The handled records by uuid: the last of each."""
        return {record["uuid"]: record for record in self.handled}


class BackgroundWorker:
    """A PHP worker beside the test, recording to a file: start, watch, stop or kill it."""

    def __init__(self, process: subprocess.Popen[bytes], results: Path) -> None:
        self.process = process
        self.results = results

    def records(self) -> Ran:
        """What it has recorded so far."""
        if not self.results.exists():
            return Ran()
        return Ran(json.loads(line) for line in self.results.read_text().splitlines())

    def wait_for(self, event: str, count: int = 1, *, seconds: float = 20.0) -> list[Record]:
        """The records of a kind, as soon as there are ``count`` of them."""
        deadline = time.monotonic() + seconds
        while True:
            ended = self.process.poll() is not None  # asked before reading: what it wrote last must count
            found = self.records().of(event)
            if len(found) >= count:
                return found
            if ended or time.monotonic() > deadline:
                raise PhpFailed(f"The PHP worker recorded {len(found)} × {event}, not {count}: {self.records()}")
            time.sleep(0.01)

    def wait(self, seconds: float = 30.0) -> int:
        """Its exit code, when it has ended by itself."""
        return self.process.wait(seconds)

    def stop(self) -> int:
        """Its exit code after TERM, which lets it finish the job in hand."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)

    def kill(self) -> None:
        """End it as a crash would, in the middle of whatever it does."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


class Laravel:
    """One application with keys of its own.

    :param producer: the shared process that pushes.
    :param worker: the shared process that works.
    :param url: of the Redis; its database 1 is Laravel's cache.
    :param tmp: a directory for its SQLite file and results.
    :param queue: the connection's default queue, also for what is pushed without naming one.
    """

    def __init__(self, producer: PhpServer, worker: PhpServer, url: str, tmp: Path, *, queue: str = "default") -> None:
        self.url = url
        self.producer = producer
        self.worker = worker
        self.tmp = tmp
        self.queue = queue
        self.appname = f"lqi{uuid.uuid4().hex[:12]}"
        self.prefix = "_database_"
        parts = urlsplit(url)
        self.redis: Redis = Redis.from_url(self.url)
        self.cache_url = parts._replace(path=f"/{CACHE_DB}").geturl()
        self.cache_redis: Redis = Redis.from_url(self.cache_url)
        self.settings: Record = {
            "host": parts.hostname or "127.0.0.1",
            "port": parts.port or 6379,
            "username": parts.username or None,
            "password": unquote(parts.password) if parts.password else None,
            "db": int(parts.path.strip("/") or 0),
            "cache_db": CACHE_DB,
            "prefix": self.key_prefix,
            "app_key": APP_KEY,
            "queue": queue,
        }
        self.background: list[BackgroundWorker] = []

    @property
    def key_prefix(self) -> str:
        """The Redis key prefix: what ``Queue(appname=…, prefix=…)`` puts together."""
        return self.appname + self.prefix

    @property
    def cache_key_prefix(self) -> str:
        """Everything before the key in Laravel's cache (database 1 by default): protocol of versions 8 to 10."""
        return f"{self.key_prefix}laravel_cache:"

    @property
    def sqlite(self) -> Path:
        """The SQLite file of :meth:`artisan` and of workers started with ``failed="database-uuids"``."""
        return self.tmp / f"{self.appname}.sqlite"

    # -- pushing -----------------------------------------------------------------------------------------------------

    def push(
        self,
        case: str,
        queue: str | None = None,
        *,
        via: str = "push",
        delay: int | None = None,
        at: datetime | None = None,
        **settings: Any,
    ) -> Pushed:
        """Push a case of ``php/cases.php`` from PHP.

        :param via: ``push``; ``later``, with ``delay`` in seconds or ``at``; ``dispatch``, through Laravel's bus, which
            obeys what the job says about its queue.
        :param settings: of the application, such as ``retry_after``; see ``php/application.php``.
        """
        command: Record = {"op": "push", "case": case, "via": via, "config": {**self.settings, **settings}}
        if queue is not None:
            command["queue"] = queue
        if delay is not None or at is not None:
            command |= {"via": "later", "delay": delay, "at": None if at is None else at.isoformat()}
        answer = self.producer.ask(command)
        (job,) = answer["jobs"]
        return Pushed(case, job["uuid"], job["queue"], job["options"], job["expect"], answer["id"])

    def push_all(self, cases: Iterable[str], queue: str | None = None) -> list[Pushed]:
        """Push many cases, in order."""
        return [self.push(case, queue) for case in cases]

    def bulk(self, cases: Sequence[str], queue: str | None = None) -> list[Pushed]:
        """Push many cases with one call of Laravel's ``bulk()``."""
        answer = self.producer.ask({"op": "bulk", "cases": list(cases), "queue": queue, "config": self.settings})
        return [
            Pushed(case, job["uuid"], job["queue"], job["options"], job["expect"], None)
            for case, job in zip(cases, answer["jobs"], strict=True)
        ]

    def push_raw(self, payload: str, queue: str | None = None) -> None:
        """Store a payload as it is, with Laravel's ``pushRaw()``."""
        self.producer.ask({"op": "raw", "payload": payload, "queue": queue, "config": self.settings})

    def size(self, queue: str | None = None) -> int:
        """Laravel's ``size()``: ready, delayed and reserved jobs together."""
        answer = self.producer.ask({"op": "sizes", "queues": [queue or self.queue], "config": self.settings})
        return int(answer["sizes"][0])

    # -- working -----------------------------------------------------------------------------------------------------

    def work(self, queues: str | None = None, *, settings: Record | None = None, **options: Any) -> Ran:
        """Run Laravel's worker until the queues are empty; what it recorded.

        :param queues: a comma list, as ``queue:work --queue`` takes it.
        :param settings: of the application: ``retry_after``, ``failed`` …
        :param options: of the worker: ``tries``, ``backoff``, ``max_jobs``, ``once`` …, see ``php/work.php``.
        """
        config = {**self.settings, **(settings or {})}
        options = {"tries": 0, **options}  # jobs go back and forth here; what the tries do has tests of its own
        answer = self.worker.ask({"queues": queues or self.queue, "options": options, "config": config})
        ran = Ran(answer["records"])
        ran.status = answer["status"]
        return ran

    def start_worker(
        self, queues: str | None = None, *, settings: Record | None = None, **options: Any
    ) -> BackgroundWorker:
        """Start a PHP worker as a process of its own, which does not stop when the queue is empty unless told to."""
        results = self.tmp / f"worker-{uuid.uuid4().hex[:8]}.jsonl"
        options = {"stop_when_empty": False, "sleep": 0.02, "tries": 0, **options}
        command = {"queues": queues or self.queue, "options": options, "results": str(results)}
        environment = {**os.environ, "INTEROP_CONFIG": json.dumps({**self.settings, **(settings or {})})}
        process = subprocess.Popen([php_binary() or "php", str(PHP / "work.php"), json.dumps(command)], env=environment)
        worker = BackgroundWorker(process, results)
        self.background.append(worker)
        return worker

    def artisan(
        self, *command: str, settings: Record | None = None, results: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run one of Laravel's queue commands; failed jobs are in :attr:`sqlite`, as ``database-uuids`` keeps them.

        :param results: the file to which jobs that ``queue:work`` runs record themselves, as JSON lines.
        """
        config = {**self.settings, "sqlite": self.sqlite_file(), "failed": "database-uuids", **(settings or {})}
        environment = {**os.environ, "INTEROP_CONFIG": json.dumps(config)}
        if results is not None:
            environment["INTEROP_RESULTS"] = str(results)
        return subprocess.run(
            [php_binary() or "php", str(PHP / "artisan.php"), *command, "--no-ansi"],
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
        )

    def sqlite_file(self) -> str:
        self.sqlite.touch()  # Laravel does not create the file
        return str(self.sqlite)

    # -- looking -----------------------------------------------------------------------------------------------------

    def key(self, queue: str | None = None, suffix: str = "") -> str:
        """The physical key of a queue, ``suffix`` being ``:delayed``, ``:reserved`` or ``:notify``."""
        return f"{self.key_prefix}queues:{queue or self.queue}{suffix}"

    def counts(self, queue: str | None = None) -> dict[str, int]:
        """How many entries each key of a queue has: ``ready``, ``delayed``, ``reserved``, ``notify``."""
        pipe = self.redis.pipeline(transaction=False)
        pipe.llen(self.key(queue))
        pipe.zcard(self.key(queue, ":delayed"))
        pipe.zcard(self.key(queue, ":reserved"))
        pipe.llen(self.key(queue, ":notify"))
        return dict(zip(("ready", "delayed", "reserved", "notify"), pipe.execute(), strict=True))

    def ready(self, queue: str | None = None) -> list[bytes]:
        """The payloads waiting, next first."""
        found: list[bytes] = self.redis.lrange(self.key(queue), 0, -1)  # type: ignore[assignment]
        return found

    def scores(self, suffix: str, queue: str | None = None) -> list[float]:
        """The Unix times in a queue's ``:delayed`` or ``:reserved``, earliest first."""
        found: list[tuple[bytes, float]] = self.redis.zrange(self.key(queue, suffix), 0, -1, withscores=True)  # type: ignore[assignment]
        return [score for _, score in found]

    def make_due(self, queue: str | None = None, *suffixes: str) -> None:
        """Let time pass for a queue's delayed jobs, or for those in ``suffixes``, so that no test has to wait."""
        for suffix in suffixes or (":delayed",):
            key = self.key(queue, suffix)
            members: list[bytes] = self.redis.zrange(key, 0, -1)  # type: ignore[assignment]
            if members:
                self.redis.zadd(
                    key, {member: time.time() - 1 - at / 1e6 for at, member in enumerate(reversed(members))}
                )

    def keys(self) -> list[str]:
        """All keys of this application in the queue's database."""
        return sorted(key.decode() for key in self.redis.scan_iter(f"{self.appname}*", count=1000))

    def close(self) -> None:
        """End what was started and delete every key."""
        for worker in self.background:
            worker.kill()
        for client in (self.redis, self.cache_redis):
            found = list(client.scan_iter(f"{self.appname}*", count=1000))
            if found:
                client.delete(*found)
            client.close()
