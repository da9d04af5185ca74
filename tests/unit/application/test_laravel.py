"""Queues made from an application: on the right store, under the right keys, with its failures and signals."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from lara_queue import AsyncQueue, Job, Laravel, Queue
from lara_queue.cache import signals
from lara_queue.cache.database import DatabaseCache
from lara_queue.cache.file import FileCache
from lara_queue.cache.redis import RedisCache
from lara_queue.errors import ConfigurationError
from lara_queue.lifecycle.stop import StopReason
from lara_queue.sql import Database
from lara_queue.sql.schema import create_tables
from tests.unit.application.skeletons import KEY, make


def application(base: Path, major: int, url: str | None = None, **env: str) -> Laravel:
    defaults = {"APP_KEY": KEY, "APP_NAME": base.name.replace("_", "")}
    if url is not None:
        port = url.rpartition(":")[2].partition("/")[0]
        defaults |= {"QUEUE_CONNECTION": "redis", "CACHE_STORE": "redis", "CACHE_DRIVER": "redis", "REDIS_PORT": port}
    return Laravel(make(base, major, {**defaults, **env}), {})


def test_it_is_found_in_the_folders_above(tmp_path: Path) -> None:
    make(tmp_path, 12)
    found = Laravel.find(tmp_path / "app/Http", {})
    assert found is not None
    assert found.path == tmp_path
    assert repr(found) == f"<Laravel 12.53.0 in {tmp_path}>"
    with pytest.raises(ConfigurationError, match="no Laravel application"):
        Laravel(tmp_path / "app")


def test_arguments_of_a_redis_queue(tmp_path: Path) -> None:
    laravel = application(tmp_path, 8, "redis://127.0.0.1:6379/0", REDIS_QUEUE="mail", QUEUE_FAILED_DRIVER="null")
    queue = laravel.queue()
    assert (queue.queue, queue.connection, queue.driver.name, queue.driver.retry_after) == (
        "mail",
        "redis",
        "redis",
        90,
    )
    assert queue.key_prefix == f"{laravel.settings.name.lower()}_database_"
    assert isinstance(queue._cache, RedisCache)
    assert queue._cache.prefix == laravel.settings.cache.prefix
    assert queue._cache.lock_link is not queue._cache.link
    assert queue._maintenance_file == tmp_path / "storage/framework/down"
    assert queue._failed.name == "null"
    assert queue._encrypter is not None
    other = laravel.async_queue("high", retry_after=5, appname="x", max_concurrent_jobs=3)
    assert isinstance(other, AsyncQueue)
    assert isinstance(queue, Queue)
    assert (other.queue, other.driver.retry_after, other.key_prefix) == ("high", 5, "x_database_")


def test_arguments_of_a_database_queue(tmp_path: Path) -> None:
    laravel = application(tmp_path, 12, CACHE_STORE="file", DB_QUEUE_TABLE="work")
    queue = laravel.queue()
    assert queue.driver.name == "database"
    assert queue.connection == "database"
    assert isinstance(queue._cache, FileCache)
    assert queue._cache.lock_prefix == "file-store-lock:"
    assert queue._failed.name == "database-uuids"
    assert isinstance(application(tmp_path / "b", 12, CACHE_STORE="database").queue()._cache, DatabaseCache)


def test_failures_batches_and_other_connections(tmp_path: Path) -> None:
    laravel = application(tmp_path, 12, "redis://127.0.0.1:6379/0", DB_CONNECTION="sqlite", REDIS_QUEUE="a")
    Database(f"sqlite:///{tmp_path}/database/database.sqlite", create=True).transact(create_tables)
    queue = laravel.queue(connection="database", cache=None)

    @queue.handler
    def fail(job: Job) -> None:
        raise ValueError("no")

    uuid = queue.push("App\\Jobs\\Bad")
    queue.listen(stop_when_empty=True)
    (failed,) = queue.failed.all()
    assert (failed.id, failed.connection, failed.queue) == (uuid, "database", "default")
    assert queue._services.batches is not None
    assert set(queue._services.connections) == {"redis"}
    assert queue._services.connections["redis"].keys.prefix == laravel.settings.connection("redis").redis.prefix  # type: ignore[union-attr,attr-defined]
    queue.close()


def test_a_failed_file(tmp_path: Path) -> None:
    laravel = application(tmp_path, 12, QUEUE_FAILED_DRIVER="file")
    queue = laravel.queue()
    assert queue._failed.name == "file"
    assert queue._failed.path == tmp_path / "storage/framework/cache/failed-jobs.json"  # type: ignore[attr-defined]


def test_a_cache_that_only_php_can_read_is_left_out(tmp_path: Path) -> None:
    laravel = application(tmp_path, 12, "redis://127.0.0.1:6379/0", CACHE_STORE="array")
    assert laravel.queue()._cache is None
    assert "one PHP process" in (laravel.settings.cache.problem or "")


# -- end to end ------------------------------------------------------------------------------------------------------


@pytest.fixture
def client(own_redis: str) -> Iterator[Any]:
    client = Redis.from_url(own_redis)
    yield client
    client.close()


@pytest.mark.live
@pytest.mark.parametrize("major", [8, 10, 11, 12, 13])
def test_jobs_signals_and_maintenance_on_redis(tmp_path: Path, own_redis: str, client: Any, major: int) -> None:
    laravel = application(tmp_path / f"app{major}", major, own_redis, QUEUE_FAILED_DRIVER="null")
    name, dash = laravel.settings.name, "-" if major >= 12 else "_"
    queue = laravel.queue()
    queue.push("App\\Jobs\\Greet", {"name": "Ada"})
    assert client.llen(f"{name}{dash}database{dash}queues:default") == 1

    done: list[Any] = []

    @queue.handler("App\\Jobs\\Greet")
    def greet(job: Job) -> None:
        done.append(job.data)
        queue._drive(signals.restart(queue._cache, time.time()))  # type: ignore[arg-type]

    assert queue.listen(sleep=0.05) is StopReason.RESTART
    assert done == [{"name": "Ada"}]
    cache = Redis.from_url(own_redis.removesuffix("/0") + "/1")
    suffix = {8: "_cache:", 10: "_cache_:", 11: "_cache_"}.get(major, "-cache-")
    assert int(cache.get(f"{name}{dash}database{dash}{name}{suffix}illuminate:queue:restart")) > 1_600_000_000  # type: ignore[arg-type]
    cache.close()

    laravel.settings.maintenance.file.touch()
    queue.push("App\\Jobs\\Greet", {"name": "Bob"})
    assert queue.listen(max_time=0.2, sleep=0.05) is StopReason.MAX_TIME
    assert queue.size() == 1
    assert len(done) == 1
    queue.clear()
    queue.close()


@pytest.mark.live
async def test_the_same_on_asyncio(tmp_path: Path, own_redis: str) -> None:
    laravel = application(tmp_path / "aio", 12, own_redis, QUEUE_FAILED_DRIVER="null")
    queue = laravel.async_queue("other")
    await queue.push("App\\Jobs\\Greet")
    assert await queue.size() == 1
    assert await queue.clear() == 1
    await queue.close()
