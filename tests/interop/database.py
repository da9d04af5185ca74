"""A Laravel application whose queue is its SQLite database, and Python queues on the same file."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from lara_queue import AsyncQueue, Queue

from .faces import Face, Python
from .laravel import APP_KEY, BackgroundWorker, Laravel, Pushed, Ran
from .php_server import PHP, Record, php_binary

__all__ = ["DatabaseLaravel", "DatabasePython", "connect", "database", "in_database", "migrated_by_laravel", "python"]


class DatabaseLaravel:
    """:class:`Laravel` with ``QUEUE_CONNECTION=database``; see there for what the methods do."""

    def __init__(self, laravel: Laravel) -> None:
        self.laravel = laravel
        self.file = laravel.sqlite_file()
        self.url = f"sqlite:///{self.file}"
        self.settings: Record = {"connection": "database", "sqlite": self.file}

    def push(self, case: str, queue: str | None = None, **options: Any) -> Pushed:
        return self.laravel.push(case, queue, **{**self.settings, **options})

    def work(self, queues: str | None = None, *, settings: Record | None = None, **options: Any) -> Ran:
        return self.laravel.work(queues, settings={**self.settings, **(settings or {})}, **options)

    def start_worker(self, *, settings: Record | None = None, **options: Any) -> BackgroundWorker:
        return self.laravel.start_worker(settings={**self.settings, **(settings or {})}, **options)

    def rows(self, table: str = "jobs") -> list[Record]:
        """The table as it stands."""
        return self.sql(f"SELECT * FROM {table} ORDER BY id")

    def sql(self, statement: str, *args: Any) -> list[Record]:
        """What a statement answers, committed."""
        with closing(sqlite3.connect(self.file, timeout=30)) as connection, connection:
            connection.row_factory = sqlite3.Row
            return [dict(row) for row in connection.execute(statement, args)]


class DatabasePython(Python):
    """:class:`Python` on a database's URL."""

    def __init__(self, face: Face, url: str, **options: Any) -> None:
        options.setdefault("app_key", APP_KEY)
        self.face = face
        self.runner = asyncio.Runner() if face == "async" else None
        self.queue = AsyncQueue(url, **options) if face == "async" else Queue(url, **options)

    def close(self) -> None:
        self("close")
        if self.runner is not None:
            self.runner.close()


@pytest.fixture
def database(laravel: Laravel) -> DatabaseLaravel:
    """The application; its tables are made by Laravel's migrations."""
    application = DatabaseLaravel(laravel)
    application.work()
    return application


@pytest.fixture
def connect(database: DatabaseLaravel, face: Face) -> Iterator[Any]:
    """Opens Python queues on the file, with any options; closes them afterwards."""
    opened: list[DatabasePython] = []

    def open_queue(**options: Any) -> DatabasePython:
        opened.append(DatabasePython(face, database.url, **options))
        return opened[-1]

    yield open_queue
    for python in opened:
        python.close()


@pytest.fixture
def python(connect: Any) -> DatabasePython:
    """A Python queue on the file."""
    queue: DatabasePython = connect()
    return queue


def in_database(url: str, *command: str) -> subprocess.CompletedProcess[str]:
    """What ``php/database.php`` says to a command about the database of a URL."""
    return subprocess.run(
        [php_binary() or "php", str(PHP / "database.php"), *command],
        env={**os.environ, "DATABASE": json.dumps(php_settings(url))},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )


def php_settings(url: str) -> Record:
    """Laravel's settings of the database of a URL."""
    from sqlalchemy import make_url

    parts = make_url(url)
    if parts.get_backend_name() == "sqlite":
        return {"driver": "sqlite", "database": parts.database}
    driver = "pgsql" if parts.get_backend_name() == "postgresql" else "mysql"
    settings = {"driver": driver, "host": parts.host, "port": parts.port, "database": parts.database}
    settings |= {"username": parts.username, "password": parts.password or ""}
    if driver == "pgsql":
        return settings | {"charset": "utf8"}
    return settings | {"charset": "utf8mb4", "collation": "utf8mb4_unicode_ci", "strict": True}


def migrated_by_laravel(url: str) -> None:
    """Run Laravel's migrations in the database of a URL."""
    if url.startswith("sqlite:///"):
        Path(url.removeprefix("sqlite:///")).touch()
    in_database(url, "migrate")
