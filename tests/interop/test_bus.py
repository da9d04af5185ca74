"""Chains, batches, locks and limits shared with real Laravel 8: made by one side, worked and looked at by the other."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lara_queue.middleware import Limit, RateLimited, RateLimitedWithRedis, WithoutOverlapping

from .faces import Python
from .laravel import Laravel
from .php_server import PHP, php_binary

pytestmark = pytest.mark.live

STEP = "App\\Jobs\\Step"


class Bus:
    """A Laravel application and a Python queue beside it that share a Redis, a cache and a table of batches."""

    def __init__(self, laravel: Laravel, connect: Callable[..., Python], tmp: Path) -> None:
        self.laravel = laravel
        self.settings = {**laravel.settings, "sqlite": laravel.sqlite_file(), "failed": "database-uuids"}
        self.php("find", id="none")  # makes the tables
        self.ran: list[str] = []
        self.file = tmp / "callbacks"
        self.python = connect(
            queue="python",
            laravel_version=8,
            batches=f"sqlite:///{laravel.sqlite}",
            failed=f"sqlite:///{laravel.sqlite}",
            cache=laravel.cache_url + "?lock_db=0",
            cache_prefix=laravel.cache_key_prefix,
            php_queue="php",
            max_concurrent_jobs=1,
        )

    def php(self, op: str, **given: Any) -> dict[str, Any]:
        """What Laravel answers."""
        environment = {**os.environ, "INTEROP_CONFIG": json.dumps(self.settings)}
        command = [php_binary() or "php", str(PHP / "bus.php"), json.dumps({"op": op, **given})]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr + done.stdout
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer

    def handle(self, **options: Any) -> None:
        """Handle steps in Python; one whose name begins with "bad" fails."""

        def step(job: Any) -> None:
            self.ran.append(f"python {job.data['name']}")
            if job.data["name"].startswith("bad"):
                raise RuntimeError(f"{job.data['name']} failed in Python")

        self.python.handle(step, STEP, **options)

    def work_python(self) -> None:
        self.python.listen(queue="python", tries=1)

    def work_php(self) -> None:
        ran = self.laravel.work("php,default", settings=self.settings, tries=1)
        self.ran += [f"php {record['name']}" for record in ran.of("step")]

    def work(self) -> list[str]:
        """Both sides in turn until nothing is left; who ran what, in order."""
        for _ in range(12):
            self.work_python()
            self.work_php()
            if not any(self.laravel.size(queue) for queue in ("python", "php", "default")):
                return self.ran
        raise AssertionError(f"jobs are left; ran {self.ran}")

    def callbacks(self) -> list[str]:
        """What PHP's callbacks wrote, in order."""
        return self.file.read_text().splitlines() if self.file.exists() else []


@pytest.fixture
def bus(laravel: Laravel, connect: Callable[..., Python], tmp_path: Path) -> Bus:
    return Bus(laravel, connect, tmp_path)


def steps(*named: tuple[str, str]) -> list[dict[str, str]]:
    return [{"name": name, "queue": queue} for name, queue in named]


def test_a_chain_php_python_php(bus: Bus) -> None:
    bus.handle()
    bus.php("chain", jobs=steps(("one", "php"), ("two", "python"), ("three", "php"), ("four", "python")))
    assert bus.work() == ["php one", "python two", "php three", "python four"]


def test_a_chain_made_in_python_alternates_too(bus: Bus) -> None:
    bus.handle()
    php = {"queue": "php"}
    # What a PHP job class gets from Python: its properties, and those of its traits that the chain sets.
    jobs = [
        (STEP, {"name": "one"}),
        (STEP, {"name": "two"}, php),
        (STEP, {"name": "three"}),
        (STEP, {"name": "4"}, php),
    ]
    bus.python.run(bus.python.queue.chain(jobs).on_queue("python").dispatch())
    assert bus.work() == ["python one", "php two", "python three", "php 4"]


def test_all_on_queue_holds_across_the_languages(bus: Bus) -> None:
    bus.handle()
    bus.php("chain", jobs=[{"name": "one", "queue": "php"}, {"name": "two"}], all_on_queue="python")
    assert bus.work() == ["python one", "python two"]


def test_a_php_catch_runs_in_php_when_python_fails(bus: Bus) -> None:
    bus.handle()
    bus.php("chain", jobs=steps(("one", "php"), ("bad", "python"), ("never", "php")), catch_file=str(bus.file))
    assert bus.work() == ["php one", "python bad"]
    assert bus.callbacks() == ["catch: bad failed in Python"]


def test_a_python_catch_is_pushed_by_php_when_php_fails(bus: Bus) -> None:
    bus.handle()
    chain = bus.python.queue.chain([(STEP, {"name": "one"}), (STEP, {"name": "bad"}, {"queue": "php"})])
    bus.python.run(chain.catch((STEP, {"name": "caught"}, {"queue": "python"})).dispatch())
    assert bus.work() == ["python one", "php bad", "python caught"]


def test_a_batch_filled_by_php_worked_by_both(bus: Bus) -> None:
    bus.handle()
    jobs = [{"name": f"s{n}"} for n in range(4)]
    made = bus.php("batch", jobs=jobs, name="both", queue="python", callback_file=str(bus.file))["batch"]
    assert (made["total"], made["pending"]) == (4, 4)
    bus.python.listen(queue="python", max_jobs=2)
    half = bus.php("find", id=made["id"])["batch"]
    assert (half["pending"], half["failed"], half["progress"], half["finished"]) == (2, 0, 50, False)
    ran = bus.laravel.work("python", settings=bus.settings, tries=1)
    assert [record["name"] for record in ran.of("step")] == ["s2", "s3"]
    done = bus.php("find", id=made["id"])["batch"]
    assert (done["pending"], done["failed"], done["progress"], done["finished"]) == (0, 0, 100, True)
    assert bus.callbacks() == ["then: 0/0 -", "finally: 0/0 -"]


def test_php_callbacks_run_in_php_when_python_ends_the_batch(bus: Bus) -> None:
    bus.handle()
    jobs = [{"name": f"s{n}"} for n in range(2)]
    made = bus.php("batch", jobs=jobs, queue="python", callback_file=str(bus.file))["batch"]
    bus.work()
    assert bus.callbacks() == ["then: 0/0 -", "finally: 0/0 -"]
    assert bus.php("find", id=made["id"])["batch"]["finished"] is True


def test_php_callbacks_get_both_arguments(bus: Bus) -> None:
    """A callback may ask for the exception without a default; Laravel gives null where there is none."""
    bus.handle()
    jobs = [{"name": "s0"}]
    bus.php("batch", jobs=jobs, queue="python", callback_file=str(bus.file), two_parameters=True)
    bus.work()
    assert bus.callbacks() == ["then: no error", "finally: no error"]


def test_php_pushes_a_repeated_callback_as_another_job_each_time(bus: Bus) -> None:
    """And one with a delay for later. (Laravel 8 does not know ``progress``, so the closure is called by the test.)"""
    builder = bus.python.queue.batch([(STEP, {"name": "one"})]).on_queue("python")
    builder.progress((STEP, {"name": "again"}, {"queue": "php"}))
    builder.then((STEP, {"name": "later"}, {"queue": "php", "delay": 60}))
    batch = bus.python.run(builder.dispatch())
    bus.php("call", id=batch.id, kind="progress", times=3)
    waiting = bus.python("pending_jobs", "php")
    assert len({job.uuid for job in waiting}) == len({job.id for job in waiting}) == 3
    assert {len(job.uuid) for job in waiting} == {36}
    bus.php("call", id=batch.id, kind="then", times=1)
    assert (bus.laravel.counts("php")["delayed"], bus.laravel.size("php")) == (1, 4)
    ran = bus.laravel.work("php", settings=bus.settings, tries=1)
    assert [record["name"] for record in ran.of("step")] == ["again"] * 3


def test_a_failure_in_python_cancels_the_batch_as_php_sees_it(bus: Bus) -> None:
    bus.handle()
    jobs = [{"name": "bad"}, {"name": "good"}]
    made = bus.php("batch", jobs=jobs, queue="python", callback_file=str(bus.file))["batch"]
    bus.work()
    row = bus.php("find", id=made["id"])["batch"]
    assert (row["pending"], row["failed"], row["cancelled"], len(row["failed_ids"])) == (1, 1, True, 1)
    caught, ended = bus.callbacks()
    assert caught == "catch: 1/1 bad failed in Python"
    assert ended.startswith("finally: 1/1 ")  # with the failure or without, whichever job ended last
    assert row["failed_ids"] == [failed.uuid for failed in bus.python.run(bus.python.queue.failed.all())]


def test_failures_allowed_and_retried_by_artisan(bus: Bus) -> None:
    bus.handle()
    jobs = [{"name": "bad"}, {"name": "good"}]
    made = bus.php("batch", jobs=jobs, queue="python", allow_failures=True)["batch"]
    bus.work()
    assert bus.php("find", id=made["id"])["batch"]["pending"] == 1
    retried = bus.laravel.artisan("queue:retry-batch", made["id"])
    assert retried.returncode == 0, retried.stdout + retried.stderr
    assert bus.laravel.size("python") == 1
    bus.work()
    row = bus.php("find", id=made["id"])["batch"]
    assert (row["pending"], row["failed"]) == (1, 2)  # it failed again, which PHP counts again


def test_a_batch_made_in_python_worked_by_both(bus: Bus) -> None:
    bus.handle()
    builder = bus.python.queue.batch([(STEP, {"name": f"s{n}"}) for n in range(4)]).name("mine").on_queue("python")
    builder.then((STEP, {"name": "then"}, {"queue": "php"})).finally_((STEP, {"name": "finally"}, {"queue": "python"}))
    batch = bus.python.run(builder.dispatch())
    row = bus.php("find", id=batch.id)["batch"]
    assert (row["name"], row["total"], row["pending"], sorted(row["options"])) == (
        "mine",
        4,
        4,
        ["finally", "queue", "then"],
    )
    bus.python.listen(queue="python", max_jobs=2)
    ran = bus.laravel.work("python", settings=bus.settings, tries=1, max_jobs=2)  # PHP ends it, and pushes both
    assert len(ran.of("step")) == 2
    bus.ran.clear()
    assert sorted(bus.work()) == ["php then", "python finally"]
    assert bus.php("find", id=batch.id)["batch"]["finished"] is True


def test_a_chain_in_a_batch_of_phps(bus: Bus) -> None:
    bus.handle()
    jobs = [steps(("c1", "python"), ("c2", "php")), {"name": "b1"}]
    made = bus.php("batch", jobs=jobs, queue="python", callback_file=str(bus.file))["batch"]
    assert made["total"] == 3
    bus.work()
    row = bus.php("find", id=made["id"])["batch"]
    assert (row["pending"], row["finished"]) == (0, True)
    assert bus.callbacks() == ["then: 0/0 -", "finally: 0/0 -"]


def test_cancelled_by_php_is_seen_in_python(bus: Bus) -> None:
    made = bus.php("batch", jobs=[{"name": "s0"}], queue="python")["batch"]
    bus.php("cancel", id=made["id"])
    assert bus.python("find_batch", made["id"]).cancelled() is True


def test_one_unique_lock_for_both(bus: Bus) -> None:
    assert bus.php("unique", id="7")["taken"] is True
    assert bus.python("push", "App\\Jobs\\OnlyOne", {"uniqueId": "7"}, unique="7") == ""
    assert bus.python("push", "App\\Jobs\\OnlyOne", {"uniqueId": "8"}, unique="8", queue="php") != ""
    assert bus.php("unique", id="8")["taken"] is False
    bus.work()  # PHP runs it and frees the lock
    assert bus.php("unique", id="8")["taken"] is True


def test_a_unique_job_of_phps_is_freed_by_python(bus: Bus) -> None:
    bus.python.handle(lambda job: bus.ran.append(job.name), "App\\Jobs\\OnlyOne", unique=True)
    bus.php("unique", id="9")
    bus.python("push", "App\\Jobs\\OnlyOne", {"uniqueId": "9"})
    bus.work()
    assert bus.php("unique", id="9")["taken"] is True


def test_one_overlap_lock_for_both(bus: Bus) -> None:
    bus.handle(middleware=[WithoutOverlapping("k", release_after=60)])
    assert bus.php("lock", name="laravel-queue-overlap:" + STEP + ":k")["taken"] is True
    bus.python("push", STEP, {"name": "one"})
    bus.python.listen(queue="python", once=True)
    assert (bus.ran, bus.laravel.counts("python")["delayed"]) == ([], 1)


def test_one_rate_limit_for_both(bus: Bus) -> None:
    import hashlib

    key = hashlib.md5(b"reports").hexdigest()
    bus.handle(middleware=[RateLimited("reports", Limit.per_hour(2))])
    assert bus.php("hit", key=key, decay=3600)["hits"] == 1
    for name in ("one", "two"):
        bus.python("push", STEP, {"name": name})
    bus.python.listen(queue="python", max_jobs=2)
    assert (bus.ran, bus.laravel.counts("python")["delayed"]) == (["python one"], 1)
    assert bus.php("too_many", key=key, max=2)["blocked"] is True


def test_one_redis_limiter_for_both(bus: Bus) -> None:
    import hashlib

    key = hashlib.md5(b"reports").hexdigest()
    bus.handle(middleware=[RateLimitedWithRedis("reports", Limit(2, 3600))])
    assert bus.php("redis_acquire", key=key, max=2, decay=3600)["allowed"] is True
    for name in ("one", "two"):
        bus.python("push", STEP, {"name": name})
    bus.python.listen(queue="python", max_jobs=2)
    assert (bus.ran, bus.laravel.counts("python")["delayed"]) == (["python one"], 1)
    assert bus.php("redis_acquire", key=key, max=2, decay=3600)["allowed"] is False


def test_middleware_that_a_php_job_carries(bus: Bus) -> None:
    bus.handle()
    overlapping = "Illuminate\\Queue\\Middleware\\WithoutOverlapping"
    bus.php("lock", name="laravel-queue-overlap:" + STEP + ":k")
    bus.settings["queue"] = "python"
    bus.php("dispatch", **{"class": STEP}, arguments=["one"], through=[[overlapping, ["k", 60, 0]]])
    bus.python.listen(queue="python", once=True)
    assert (bus.ran, bus.laravel.counts("python")["delayed"]) == ([], 1)
