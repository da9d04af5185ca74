"""Which failed-job store a URL, a name or nothing stands for."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy

from lara_queue.cache.files import AsyncFileLink
from lara_queue.errors import ConfigurationError, UnknownDriver
from lara_queue.failed.connect import open_failed_store, time_zone
from lara_queue.failed.database import DatabaseFailedStore
from lara_queue.failed.file import FileFailedStore
from lara_queue.failed.memory import MemoryFailedStore
from lara_queue.failed.redis import RedisFailedStore
from lara_queue.sql import AsyncSqlLink, Database, SyncSqlLink

MEMORY: Any = SimpleNamespace(name="memory")
LINK = SyncSqlLink(Database("sqlite://"))
DATABASE: Any = SimpleNamespace(name="database", link=LINK)


def opened(source: Any, driver: Any = MEMORY, face: Any = "sync", **options: Any) -> Any:
    return open_failed_store(source, face=face, driver=driver, key="prefix_queues:default:failed", **options)


def test_nothing_is_the_place_beside_the_queue() -> None:
    """Laravel's default for a queue in a database; LaraQueue's for one on Redis."""
    store = opened(None, DATABASE)
    assert isinstance(store, DatabaseFailedStore)
    assert (store.name, store.link) == ("database-uuids", LINK)
    redis = opened(None, SimpleNamespace(name="redis", link="the link"))
    assert isinstance(redis, RedisFailedStore)
    assert (redis.link, redis.key) == ("the link", "prefix_queues:default:failed")
    assert isinstance(opened(None), MemoryFailedStore)


def test_a_failover_queue_keeps_failures_beside_its_first_lasting_store() -> None:
    inner: Any = SimpleNamespace(name="failover", link="links", members=(MEMORY, DATABASE))
    store = opened(None, SimpleNamespace(name="failover", link="links", members=(MEMORY, inner)))
    assert (store.name, store.link) == ("database-uuids", LINK)
    assert opened("database", inner).name == "database"
    assert isinstance(opened(None, SimpleNamespace(name="failover", members=(MEMORY,))), MemoryFailedStore)


def test_names_are_those_of_laravels_configuration() -> None:
    assert opened("database-uuids", DATABASE).name == "database-uuids"
    assert opened("database", DATABASE).name == "database"
    assert opened("null", DATABASE).name == "null"
    for name in ("database-uuids", "file", "dynamodb"):
        with pytest.raises(ConfigurationError, match="is not beside this queue; give a URL"):
            opened(name)


def test_a_database_url_says_driver_table_and_time_zone() -> None:
    store = opened("sqlite:///x.sqlite?driver=database&table=old&timezone=Asia/Tokyo&timeout=9", face="async")
    assert isinstance(store, DatabaseFailedStore)
    assert isinstance(store.link, AsyncSqlLink)
    assert (store.name, store._place.table.name, str(store._zone)) == ("database", "old", "Asia/Tokyo")
    assert store.link.database.engine.url.query == {"timeout": "9"}
    plain = opened("sqlite:///x.sqlite", table="mine", timezone="Europe/Paris")
    assert (plain.name, plain._place.table.name, str(plain._zone)) == ("database-uuids", "mine", "Europe/Paris")
    with pytest.raises(ConfigurationError, match="driver=dynamo is not a way"):
        opened("sqlite:///x.sqlite?driver=dynamo")
    with pytest.raises(ConfigurationError, match="no time zone 'Mars/Olympus'"):
        opened("sqlite:///x.sqlite?timezone=Mars/Olympus")


def test_engines_are_databases() -> None:
    engine = sqlalchemy.create_engine("sqlite://")
    assert opened(engine).link.database.engine is engine
    engine.dispose()


def test_a_file_url_says_limit_and_locks() -> None:
    store = opened("file:///app/failed-jobs.json?limit=7&lock_path=/app/locks&timezone=UTC", face="async")
    assert isinstance(store, FileFailedStore)
    assert isinstance(store.link, AsyncFileLink)
    assert (str(store.path), store.limit, str(store._locks)) == ("/app/failed-jobs.json", 7, "/app/locks")
    assert str(opened("file:///app/failed-jobs.json")._locks) == "/app/data"
    for bad in ("0", "x", "-1", ""):
        with pytest.raises(ConfigurationError, match="limit="):
            opened(f"file:///app/failed-jobs.json?limit={bad}")
    with pytest.raises(ConfigurationError, match="needs a path"):
        opened("file:///")


def test_memory_stores_of_a_name_are_one() -> None:
    assert opened("memory://a-name") is opened("memory://a-name")
    assert opened("memory://") is not opened("memory://")


def test_a_store_is_itself_and_what_is_unknown_is_said() -> None:
    store = MemoryFailedStore()
    assert opened(store) is store
    with pytest.raises(UnknownDriver, match="No failed-job store speaks ftp://"):
        opened("ftp://x")


def test_time_zones() -> None:
    assert str(time_zone("utc")) == "UTC"
    with pytest.raises(ConfigurationError):
        time_zone("../etc/passwd")
