"""``doctor``, and ``--laravel`` of the other commands: an application found, understood, looked at and worked on."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from redis import Redis

from lara_queue import Laravel, Queue
from lara_queue.cli import cli
from lara_queue.cli.program import state
from lara_queue.sql import Database
from lara_queue.sql.schema import create_tables
from tests.unit.application.skeletons import KEY, make

Run = Callable[..., Result]
VARIABLES = ("URL", "APP", "APPNAME", "PREFIX", "FAILED", "CACHE", "CACHE_PREFIX", "APP_KEY", "LARAVEL")


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    for name in VARIABLES:
        monkeypatch.delenv(f"LARA_QUEUE_{name}", raising=False)
    for name in (
        "QUEUE_CONNECTION",
        "REDIS_URL",
        "REDIS_HOST",
        "REDIS_PORT",
        "DB_CONNECTION",
        "CACHE_STORE",
        "APP_KEY",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.chdir(tmp_path)
    yield
    sys.modules.pop("doctor_app", None)
    state.verbosity = 0


@pytest.fixture
def run() -> Run:
    """Runs a command in the current folder."""
    return lambda *words, **env: CliRunner().invoke(cli, words, env=env)


@pytest.fixture
def client(own_redis: str) -> Iterator[Any]:
    """The session's own Redis, empty."""
    client = Redis.from_url(own_redis)
    client.flushall()
    yield client
    client.close()


def shop(base: Path, url: str, major: int = 12, **env: str) -> Path:
    """An application on that Redis whose failures are discarded."""
    port = url.rpartition(":")[2].partition("/")[0]
    given = {
        "APP_NAME": "Shop",
        "APP_KEY": KEY,
        "QUEUE_CONNECTION": "redis",
        "REDIS_PORT": port,
        "CACHE_STORE": "redis",
    }
    given |= {"CACHE_DRIVER": "redis", "DB_CONNECTION": "sqlite"}
    make(base, major, {**given, **env})
    Database(f"sqlite:///{base}/database/database.sqlite", create=True).transact(create_tables)
    return base


def report(result: Result) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(result.stdout)
    return found


# -- doctor ----------------------------------------------------------------------------------------------------------


@pytest.mark.live
@pytest.mark.parametrize("major", [8, 10, 11, 12, 13])
def test_an_application_of_each_version_is_understood(
    run: Run, tmp_path: Path, own_redis: str, client: Any, major: int
) -> None:
    shop(tmp_path, own_redis, major)
    queue = Laravel(tmp_path, {}).queue("mail")
    queue.bulk(["App\\Jobs\\A", "App\\Jobs\\B"])
    queue.later(60, "App\\Jobs\\C")
    result = run("doctor", "--laravel", ".")
    assert result.exit_code == 0, result.output
    prefix = "shop_database_" if major < 12 else "shop-database-"
    for part in (
        f"Laravel {major}.",
        "app.name  Shop  (.env line 1 (APP_NAME) via config/app.php line ",
        "app.key  set (base64, 32 bytes, AES-256-CBC)",
        "queue.default  redis  (.env line 3 (QUEUE_CONNECTION) via config/queue.php line ",
        f"database.redis.options.prefix  {prefix}  (.env line 1 (APP_NAME) via config/database.php line ",
        "ok    queue: redis at 127.0.0.1:",
        "ok    cache: redis at 127.0.0.1:",
        "ok    failed jobs: database-uuids at ",
    ):
        assert part in result.stdout
    assert KEY.removeprefix("base64:") not in result.stdout
    rows = [line.split() for line in result.stdout.splitlines()]
    assert ["mail", "2", "1", "0", "3"] in rows
    assert ["default", "0", "0", "0", "0"] in rows
    queue.close()


@pytest.mark.live
def test_for_programs_and_from_a_folder_below(
    run: Run, tmp_path: Path, own_redis: str, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop(tmp_path, own_redis)
    queue = Laravel(tmp_path, {}).queue()
    queue.push("App\\Jobs\\A", timeout=300)
    assert run("pause", "--laravel", str(tmp_path), "redis:default").exit_code == 0
    monkeypatch.chdir(tmp_path / "app/Http")
    found = report(run("doctor", "--json"))
    assert found["application"] == str(tmp_path)
    assert found["laravel"] == "12.53.0"
    assert found["healthy"] is True
    assert [check["name"] for check in found["checks"]] == ["queue", "cache", "failed jobs", "batches"]
    assert found["queues"] == [
        {"queue": "default", "size": 1, "pending": 1, "delayed": 0, "reserved": 0, "paused": True}
    ]
    settings = {row["key"]: row for row in found["settings"]}
    assert settings["queue.connections.redis.retry_after"]["value"] == "90"
    assert settings["whole key prefix"]["value"] == "shop-database-shop-cache-"
    assert [one for one in found["warnings"] if "may run for 300 seconds, and retry_after is 90" in one]
    queue.close()


@pytest.mark.live
def test_another_prefix_is_pointed_at(run: Run, tmp_path: Path, own_redis: str, client: Any) -> None:
    shop(tmp_path, own_redis, 10)
    Queue(own_redis, appname="shop", prefix="-database-").push("App\\Jobs\\A")
    Queue(own_redis, queue="x:failed", appname="a", prefix="_").push("App\\Jobs\\A")
    result = run("doctor", "--laravel", str(tmp_path))
    assert "under the prefix 'shop-database-' (shop-database-queues:default)" in result.stdout
    assert "REDIS_PREFIX differs" in result.stdout
    assert "'a_'" not in result.stdout


@pytest.mark.live
def test_a_prefix_with_a_colon_and_none_at_all(run: Run, tmp_path: Path, own_redis: str, client: Any) -> None:
    for number, prefix in enumerate(["shop:", ""]):
        base = shop(tmp_path / str(number), own_redis, REDIS_PREFIX=prefix)
        queue = Laravel(base, {}).queue("mail")
        queue.push("App\\Jobs\\A")
        assert run("pause", "--laravel", str(base), "--all").exit_code == 0
        found = report(run("doctor", "--laravel", str(base), "--json"))
        assert [(one["queue"], one["size"], one["paused"]) for one in found["queues"]] == [
            ("default", 0, True),
            ("mail", 1, True),
        ]
        assert not [one for one in found["warnings"] if "illuminate" in one]
        queue.clear()
        queue.close()


def test_a_key_that_is_none_is_told_once_and_the_rest_is_looked_at(run: Run, tmp_path: Path) -> None:
    make(tmp_path, 12, {"APP_KEY": "base64:AAAA"})
    Database(f"sqlite:///{tmp_path}/database/database.sqlite", create=True).transact(create_tables)
    result = run("doctor", "--laravel", ".")
    assert result.exit_code == 0, result.output
    assert "APP_KEY is set (base64, 3 bytes; AES-256-CBC needs 32)" in result.stdout
    assert "ok    queue: database at " in result.stdout


@pytest.mark.live
def test_jobs_that_cannot_be_read_are_pointed_at(run: Run, tmp_path: Path, own_redis: str, client: Any) -> None:
    shop(tmp_path, own_redis)
    laravel = Laravel(tmp_path, {})
    queue = laravel.queue()
    queue.push("App\\Jobs\\Secret", {"x": 1}, encrypted=True)
    queue.push_raw("not json")
    env = tmp_path / ".env"
    env.write_text(env.read_text().replace(KEY, ""))
    result = run("doctor", "--laravel", str(tmp_path))
    assert "APP_KEY is not set" in result.stdout
    assert "There are encrypted jobs in default" in result.stdout
    assert "A job in default cannot be read" in result.stdout
    queue.close()


def test_what_cannot_be_reached_is_told_and_ends_with_1(run: Run, tmp_path: Path) -> None:
    shop(tmp_path, "redis://127.0.0.1:1/0", CACHE_STORE="database")
    result = run("doctor", "--laravel", ".")
    assert result.exit_code == 1
    assert "FAIL  queue: Redis at 127.0.0.1:1 cannot be reached" in result.stdout
    assert "ok    cache: database at " in result.stdout
    assert "ok    failed jobs: " in result.stdout
    (tmp_path / "database/database.sqlite").unlink()
    result = run("doctor", "--laravel", ".", "--json")
    assert [(check["name"], check["ok"]) for check in report(result)["checks"]] == [
        ("queue", False),
        ("cache", False),
        ("failed jobs", False),
    ]


def test_a_database_application(run: Run, tmp_path: Path) -> None:
    make(tmp_path, 12, {"APP_KEY": KEY})
    assert run("doctor", "--laravel", ".").exit_code == 1  # there is no database yet
    Database(f"sqlite:///{tmp_path}/database/database.sqlite", create=True).transact(create_tables)
    queue = Laravel(tmp_path, {}).queue("mail")
    queue.push("App\\Jobs\\A")
    found = report(run("doctor", "--json"))
    assert found["healthy"] is True, found
    assert [(one["queue"], one["size"]) for one in found["queues"]] == [("default", 0), ("mail", 1)]
    queue.close()


def test_a_connection_without_a_store_is_no_failure(run: Run, tmp_path: Path) -> None:
    shop(tmp_path, "redis://127.0.0.1:1/0", 10, QUEUE_CONNECTION="sync", CACHE_DRIVER="file")
    result = run("doctor", "--laravel", ".")
    assert result.exit_code == 0, result.output
    assert "The queue connection [sync] cannot be used: The driver [sync] runs jobs in PHP at once" in result.stdout
    assert "ok    cache: file in " in result.stdout
    assert "ok    failed jobs: database-uuids at " in result.stdout
    assert run("doctor", "--laravel", ".", "--connection", "typo").exit_code == 1


def test_maintenance_mode_is_told(run: Run, tmp_path: Path) -> None:
    make(tmp_path, 12, {"APP_KEY": KEY})
    (tmp_path / "storage/framework/down").touch()
    assert "is in maintenance mode" in run("doctor", "--laravel", ".").stdout


def test_without_an_application(run: Run) -> None:
    result = run("doctor", "--connection", "memory://doctor", "--json")
    found = report(result)
    assert result.exit_code == 0
    assert found["application"] is None
    assert found["settings"] == []
    assert [check["name"] for check in found["checks"]] == ["queue", "failed jobs"]
    assert run("doctor", LARA_QUEUE_URL="memory://doctor").exit_code == 0
    lost = run("doctor")
    assert lost.exit_code == 1
    assert "no Laravel application here or in a folder above" in lost.stderr


def test_a_refused_env_file_is_told_in_one_line(run: Run, tmp_path: Path) -> None:
    make(tmp_path, 12, "A=b c\n")
    result = run("doctor", "--laravel", ".")
    assert result.exit_code == 1
    assert result.stderr.count("\n") == 1
    assert "line 1 has unexpected whitespace" in result.stderr


# -- --laravel of the other commands ---------------------------------------------------------------------------------


@pytest.mark.live
def test_commands_work_on_the_applications_queues(run: Run, tmp_path: Path, own_redis: str, client: Any) -> None:
    shop(tmp_path, own_redis)
    assert run("push", "--laravel", ".", "App\\Jobs\\A").exit_code == 0
    assert client.llen("shop-database-queues:default") == 1
    result = run("size", "--laravel", str(tmp_path), "--json")
    assert json.loads(result.stdout)[0]["size"] == 1
    assert run("--laravel", ".", "size", "--json").stdout == result.stdout
    assert run("size", "--json", LARA_QUEUE_LARAVEL=str(tmp_path), LARA_QUEUE_URL="memory://x").stdout == result.stdout
    other = run("size", "--laravel", ".", "--connection", "database", "--json")
    assert json.loads(other.stdout)[0]["size"] == 0
    assert run("failed", "--laravel", ".").exit_code in (0, 1)
    assert run("restart", "--laravel", ".").exit_code == 0
    client.select(1)
    assert client.exists("shop-database-shop-cache-illuminate:queue:restart") == 1


def test_what_is_typed_wins(run: Run, tmp_path: Path) -> None:
    make(tmp_path, 12, {"APP_KEY": KEY})
    both = run("size", "--laravel", ".", "--connection", "memory://x")
    assert both.exit_code == 1
    assert "not both" in both.stderr
    typed = run("size", "--connection", "memory://x", "--json", LARA_QUEUE_LARAVEL=str(tmp_path))
    assert json.loads(typed.stdout)[0]["size"] == 0
    prefix = run("restart", "--laravel", ".", "--cache-prefix", "x")
    assert prefix.exit_code == 1
    assert "--cache" in prefix.stderr


def test_signals_need_no_queue(run: Run, tmp_path: Path) -> None:
    make(tmp_path, 10, {"QUEUE_CONNECTION": "sync"})
    assert run("restart", "--laravel", ".").exit_code == 0
    assert any(path.is_file() for path in (tmp_path / "storage/framework/cache/data").rglob("*"))
    make(tmp_path / "b", 10, {"CACHE_DRIVER": "array"})
    told = run("restart", "--laravel", "b")
    assert told.exit_code == 1
    assert "one PHP process" in told.stderr


def test_work_takes_what_the_queue_object_lacks(run: Run, tmp_path: Path) -> None:
    make(tmp_path, 10, {"APP_NAME": "Shop"})
    (tmp_path / "doctor_app.py").write_text(
        "from lara_queue import Queue\n"
        "queue = Queue('memory://doctor-work')\n"
        "queue.handler(lambda job: print('HANDLED', job.name))\n"
        "queue.push('App\\\\Jobs\\\\A')\n"
    )
    (tmp_path / "storage/framework/down").touch()
    down = run("work", "doctor_app:queue", "--laravel", ".", "--max-time", "0.2", "--sleep", "0.05", "-q")
    assert down.exit_code == 0, down.output
    assert "HANDLED" not in down.stdout
    (tmp_path / "storage/framework/down").unlink()
    up = run("work", "doctor_app:queue", "--laravel", ".", "--stop-when-empty", "-q")
    assert "HANDLED App\\Jobs\\A" in up.stdout
    queue = sys.modules["doctor_app"].queue
    assert queue._cache.name == "file"
    assert queue._maintenance_file == tmp_path / "storage/framework/down"
