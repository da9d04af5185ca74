"""The pytest fixtures, used as in somebody's own tests."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]

TESTS = """
import pytest
from lara_queue import AsyncQueue, Queue

queue = Queue("redis://127.0.0.1:1/0")

def test_fake(lara_queue_fake):
    pushed = lara_queue_fake(queue)
    queue.push("App\\\\A", {"n": 1})
    pushed.assert_pushed("App\\\\A", lambda job: job.data["n"] == 1)

def test_the_fake_is_gone():
    assert queue.driver.name == "redis" and type(queue.driver).__name__ != "FakeDriver"

def test_memory_queue(memory_queue, frozen_clock):
    ran = []
    memory_queue.handler("App\\\\A")(lambda job: ran.append(job.attempts))
    memory_queue.push("App\\\\A", delay=60)
    memory_queue.listen(stop_when_empty=True)
    assert ran == []
    frozen_clock.advance(60)
    memory_queue.listen(stop_when_empty=True)
    assert ran == [1]
    memory_queue.cron("@daily", "App\\\\A")  # it has a cache

def test_async_memory_queue(async_memory_queue, lara_queue_fake):
    import asyncio
    pushed = lara_queue_fake(async_memory_queue)
    asyncio.run(async_memory_queue.push("App\\\\A"))
    pushed.assert_count(1)
"""


def python(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    ours = {name: value for name, value in os.environ.items() if name != "PYTEST_ADDOPTS"}  # those of this very run
    environment = {**ours, "PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    return subprocess.run(
        [sys.executable, "-W", "error", *arguments],
        cwd=cwd or ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_fixtures_in_a_users_tests(tmp_path: Path) -> None:
    (tmp_path / "test_mine.py").write_text(TESTS, encoding="utf-8")
    options = ["-q", "-p", "lara_queue_pytest", "-p", "no:cacheprovider", "-W", "error"]
    done = python("-m", "pytest", *options, str(tmp_path), cwd=tmp_path)
    assert "4 passed" in done.stdout, done.stdout + done.stderr


def test_loading_the_plugin_loads_nothing_else() -> None:
    """pytest imports it at every start, also of tests that have nothing to do with queues."""
    code = "import sys, pytest\nbefore = set(sys.modules)\nimport lara_queue_pytest\n"
    code += "print(sorted(set(sys.modules) - before))"
    assert python("-c", code).stdout.strip() == "['lara_queue_pytest']"


def test_pytest_is_told_of_the_plugin() -> None:
    from configparser import ConfigParser

    setup = ConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    assert setup["options.entry_points"]["pytest11"].split() == ["lara_queue", "=", "lara_queue_pytest"]
    assert setup["options"]["py_modules"].split() == ["lara_queue_pytest"]
