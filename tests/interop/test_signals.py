"""What PHP's and Python's workers tell each other through Laravel's cache: restart, and exceptions counted together."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from lara_queue import Job

from .faces import Python
from .laravel import Laravel
from .test_cli import APP, Shell
from .test_cli import shell as shell

pytestmark = pytest.mark.live

EMPTY = {"ready": 0, "delayed": 0, "reserved": 0, "notify": 0}
JOBS = "App\\Jobs\\"
Connect = Callable[..., Python]


def with_cache(laravel: Laravel) -> dict[str, Any]:
    return {"cache": laravel.cache_url, "cache_prefix": laravel.cache_key_prefix}


@pytest.mark.parametrize("attribute", ["queue", "aqueue"])
def test_artisans_restart_ends_a_python_worker(laravel: Laravel, shell: Shell, attribute: str) -> None:
    worker = shell.start("work", f"{APP}:{attribute}", "--sleep", "0.2")
    assert worker.stdout is not None
    laravel.push("list")
    next(line for line in worker.stdout if "TOOK " in line)  # it is running, and has read the signals once

    assert laravel.artisan("queue:restart").returncode == 0

    assert worker.wait(10) == 0


def test_our_restart_ends_a_php_worker(laravel: Laravel, shell: Shell) -> None:
    php = laravel.start_worker()
    laravel.push("list")
    php.wait_for("handled")

    shell.quick("restart")

    assert php.wait(10) == 0


def test_a_restart_from_before_ends_nobody(laravel: Laravel, connect: Connect) -> None:
    laravel.artisan("queue:restart")
    python = connect(**with_cache(laravel))
    laravel.push_all(["list", "map"])
    jobs: list[Job] = []
    python.handle(jobs.append)
    assert python.listen().value == "empty"
    assert len(jobs) == 2


def test_exceptions_are_counted_together(laravel: Laravel, connect: Connect) -> None:
    """Two exceptions allowed, one in PHP and one in Python: the second is the last."""
    python = connect(**with_cache(laravel))
    python("push", f"{JOBS}Failing", {"message": "x"}, tries=10, max_exceptions=2, backoff=0)
    assert len(laravel.work(max_jobs=1).of("exception")) == 1
    assert laravel.size() == 1
    laravel.make_due()

    def fail(job: Job) -> None:
        raise RuntimeError("the second")

    python.handle(fail)
    python.listen(max_jobs=1)

    assert laravel.counts() == EMPTY
    (failed,) = python.run(python.queue.failed.all())
    assert "the second" in failed.exception
    assert list(laravel.cache_redis.scan_iter(f"{laravel.appname}*")) == [], "the counter is gone with the job"


def test_php_goes_on_counting_pythons_exceptions(laravel: Laravel, connect: Connect) -> None:
    python = connect(**with_cache(laravel))
    uuid = python("push", f"{JOBS}Failing", {"message": "in PHP"}, tries=10, max_exceptions=2, backoff=0)

    def fail(job: Job) -> None:
        raise RuntimeError("in Python")

    python.handle(fail)
    python.listen(max_jobs=1)
    key = f"{laravel.cache_key_prefix}job-exceptions:{uuid}"
    assert laravel.cache_redis.get(key) == b"1"
    assert 86000 < int(laravel.cache_redis.ttl(key)) <= 86400
    laravel.make_due()

    ran = laravel.work(max_jobs=1)

    assert [record["message"] for record in ran.of("failed")] == ["in PHP"]
    assert laravel.counts() == EMPTY
