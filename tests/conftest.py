"""What every test may use: a Redis of its own, and no excuses where the services are required.

``LARA_QUEUE_REQUIRE_SERVICES=1`` says that Redis, PHP and the SQL servers are there: a test marked ``live`` that would
skip then fails, so that nothing is silently left out in the place that decides.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Generator, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from redis.exceptions import ConnectionError as RedisDown

ROOT = Path(__file__).resolve().parent.parent


def services_required() -> bool:
    """True where a missing service is a failure."""
    return os.environ.get("LARA_QUEUE_REQUIRE_SERVICES") == "1"


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, None]:
    outcome = yield
    report = outcome.get_result()
    if services_required() and report.skipped and item.get_closest_marker("live") and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"the services are required here, but the test wants to skip: {report.longrepr}"


def _free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture(scope="session")
def own_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a redis-server started for this session alone, on a port of its own."""
    binary = shutil.which("redis-server")
    if binary is None:
        if services_required():
            pytest.fail("redis-server is required here and not installed")
        pytest.skip("redis-server is not installed")
    port = _free_port()
    command = [binary, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    command += ["--dir", str(tmp_path_factory.mktemp("redis"))]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        for line in process.stdout:  # it says so when it can be connected to; it ends when it cannot start
            if "eady to accept connections" in line:
                break
        client = Redis(port=port)
        try:
            client.config_set("loglevel", "warning")  # nobody reads on: a full pipe would stop the server
        except RedisDown:
            pytest.fail(f"redis-server did not start on port {port}")
        finally:
            client.close()
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        process.terminate()
        process.communicate()
