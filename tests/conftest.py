"""What every test may use: a Redis of its own, and no excuses where the services are required.

``LARA_QUEUE_REQUIRE_SERVICES=1`` says that Redis, PHP and the SQL servers are there: a test marked ``live`` that would
skip then fails, so that nothing is silently left out in the place that decides.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import uuid
from collections.abc import Callable, Generator, Iterator
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


SERVERS = {
    "postgresql": os.environ.get("LARA_QUEUE_TEST_POSTGRESQL", "postgresql+psycopg://postgres@127.0.0.1:5432/postgres"),
    "mariadb": os.environ.get("LARA_QUEUE_TEST_MARIADB", "mariadb+pymysql://root@127.0.0.1:3306/mysql"),
}
"""Where the tests may make databases of their own."""


@pytest.fixture(scope="session")
def own_database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], str]]:
    """Answers the URL of a new, empty database of a kind: ``sqlite`` (a file), ``postgresql`` or ``mariadb``.

    It is dropped with the session. Where the server is not there the test skips, or fails where it is required.
    """
    import sqlalchemy
    from sqlalchemy.exc import OperationalError

    made: list[tuple[sqlalchemy.Engine, str]] = []

    def make(kind: str) -> str:
        if kind == "sqlite":
            file = tmp_path_factory.mktemp("sqlite") / "database.sqlite"
            file.touch()
            return f"sqlite:///{file}"
        engine = sqlalchemy.create_engine(SERVERS[kind], isolation_level="AUTOCOMMIT")
        name = f"lara_queue_{uuid.uuid4().hex[:12]}"
        try:
            with engine.connect() as connection:
                connection.exec_driver_sql(f"CREATE DATABASE {name}")
        except OperationalError as error:
            engine.dispose()
            if services_required():
                pytest.fail(f"a {kind} server is required here: {error}")
            pytest.skip(f"there is no {kind} server: {error.orig}")
        made.append((engine, name))
        url = engine.url.set(drivername=kind, database=name)
        return url.render_as_string(hide_password=False)

    yield make
    for engine, name in made:
        with engine.connect() as connection:
            force = " WITH (FORCE)" if engine.dialect.name == "postgresql" else ""
            connection.exec_driver_sql(f"DROP DATABASE {name}{force}")
        engine.dispose()


@pytest.fixture(scope="session")
def database_with_tables(own_database: Callable[[str], str]) -> Callable[[str], str]:
    """Answers the URL of this session's database of a kind, in which Laravel's tables are."""
    from lara_queue.sql.database import Database
    from lara_queue.sql.schema import create_tables

    urls: dict[str, str] = {}

    def get(kind: str) -> str:
        if kind not in urls:
            url = own_database(kind)
            database = Database(url)
            database.transact(create_tables)
            database.close()
            urls[kind] = url
        return urls[kind]

    return get
