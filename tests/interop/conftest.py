"""Fixtures of the interop tests: one pair of PHP processes for the session, one application for each test."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from .faces import Face, Python
from .laravel import Laravel
from .php_server import PhpServer, why_not
from .stores import closing_all, laravel_database, php_stores, shell, store_server, tables  # noqa: F401


@pytest.fixture(scope="session")
def php_processes() -> Iterator[tuple[PhpServer, PhpServer]]:
    """The process that pushes and the one that works; skips, or fails where services are required, without Laravel."""
    reason = why_not()
    if reason is not None:
        if os.environ.get("LARA_QUEUE_REQUIRE_SERVICES") == "1":
            pytest.fail(f"Laravel is required here: {reason}")
        pytest.skip(reason)
    servers = PhpServer("produce.php"), PhpServer("work.php", "--serve")
    yield servers
    for server in servers:
        server.close()


@pytest.fixture
def laravel(php_processes: tuple[PhpServer, PhpServer], own_redis: str, tmp_path: Path) -> Iterator[Laravel]:
    """A Laravel 8.83 application with its own Redis keys, deleted afterwards."""
    application = Laravel(*php_processes, own_redis, tmp_path)
    yield application
    application.close()


@pytest.fixture(params=["sync", "async"])
def face(request: pytest.FixtureRequest) -> Face:
    """``Queue`` and ``AsyncQueue``, one after the other."""
    chosen: Face = request.param
    return chosen


@pytest.fixture
def connect(laravel: Laravel, face: Face) -> Iterator[Callable[..., Python]]:
    """Opens Python queues on the application, with any options; closes them afterwards."""
    opened: list[Python] = []

    def open_queue(**options: Any) -> Python:
        opened.append(Python(face, laravel, **options))
        return opened[-1]

    yield open_queue
    for python in opened:
        python.close()


@pytest.fixture
def python(connect: Callable[..., Python]) -> Python:
    """A Python queue on the application, with default options."""
    return connect()
