"""Which cache a URL, a client or a name stands for; what stands before keys; the values of Redis."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import fakeredis
import pytest
import sqlalchemy

from lara_queue.cache.connect import cache_prefix, open_cache
from lara_queue.cache.database import DatabaseCache
from lara_queue.cache.file import FileCache
from lara_queue.cache.files import AsyncFileLink
from lara_queue.cache.memory import MemoryCache
from lara_queue.cache.redis import RedisCache
from lara_queue.cache.values import as_number, decode, encode
from lara_queue.errors import ConfigurationError, StoreError, UnknownDriver
from lara_queue.sql import AsyncSqlLink, Database, SyncSqlLink
from lara_queue.testing.driving import drive


def opened(source: Any, face: Any = "sync", **options: Any) -> Any:
    return open_cache(source, face=face, **options)


def test_redis_with_its_locks_in_another_database() -> None:
    """LK-06: Laravel keeps values in database 1 and locks in 0."""
    cache = opened("redis://u:p@h:1234/1?lock_db=0&socket_timeout=3", prefix="p:")
    assert isinstance(cache, RedisCache)
    assert cache.lock_link is not cache.link
    settings = [link.recipe.settings for link in (cache.link, cache.lock_link)]  # type: ignore[union-attr]
    assert [(each["host"], each["port"], each["username"]) for each in settings] == [("h", 1234, "u")] * 2
    assert [each["db"] for each in settings] == [1, 0]
    socket = opened("unix:///run/redis.sock?db=1&lock_db=2")
    assert [link.recipe.settings["db"] for link in (socket.link, socket.lock_link)] == [1, 2]
    for plan in (cache.lock("a", "o"), cache.unlock("a", "o"), cache.unlock("a", None), cache.lock_owner("a")):
        assert [effect.link for effect in drive(plan).effects] == [cache.lock_link]  # type: ignore[union-attr]
    plain = opened("redis://h:1234/1")
    assert plain.lock_link is plain.link


def test_redis_clients_and_engines_and_stores() -> None:
    with fakeredis.FakeRedis() as client:
        assert opened(client, prefix="p").prefix == "p"
    engine = sqlalchemy.create_engine("sqlite://")
    assert opened(engine).link.database.engine is engine
    engine.dispose()
    cache = MemoryCache()
    assert opened(cache) is cache


def test_a_database_url_says_its_tables() -> None:
    cache = opened("sqlite:///x.sqlite?table=c&lock_table=l&timeout=9", "async", prefix="p_")
    assert isinstance(cache, DatabaseCache)
    assert isinstance(cache.link, AsyncSqlLink)
    assert (cache._values.name, cache._locks.name, cache.prefix) == ("c", "l", "p_")
    assert cache.link.database.engine.url.query == {"timeout": "9"}


def test_a_file_url_says_its_folders() -> None:
    cache = opened("file:///app/data?lock_path=/app/locks&lock_prefix=", "async")
    assert isinstance(cache, FileCache)
    assert isinstance(cache.link, AsyncFileLink)
    assert (str(cache.directory), str(cache.lock_directory), cache.lock_prefix) == ("/app/data", "/app/locks", "")
    plain = opened("file:///app/data")
    assert (str(plain.lock_directory), plain.lock_prefix) == ("/app/data", "file-store-lock:")


def test_names_mean_the_store_of_the_queue() -> None:
    link = SyncSqlLink(Database("sqlite://"))
    database: Any = SimpleNamespace(name="database", link=link)
    assert opened("database", driver=database, prefix="p").link is link
    redis: Any = SimpleNamespace(name="redis", link=object())
    assert opened("redis", driver=redis).link is redis.link
    assert opened("array").name == "array"
    for name, driver in (("database", redis), ("redis", database), ("file", database), ("database", None)):
        with pytest.raises(ConfigurationError, match="is not in the queue's own store; give a URL"):
            opened(name, driver=driver)


def test_memory_of_a_name_is_one() -> None:
    assert opened("memory://a-cache") is opened("memory://a-cache")
    assert opened("memory://") is not opened("memory://")


def test_an_unknown_scheme_is_said() -> None:
    with pytest.raises(UnknownDriver, match="No cache store speaks memcached://"):
        opened("memcached://x")


@pytest.mark.parametrize(
    ("version", "prefix", "store", "whole"),
    [
        (8, "laravel_cache", "redis", "laravel_database_laravel_cache:"),
        (10, "laravel_cache_", "redis", "laravel_database_laravel_cache_:"),
        (10, "", "redis", "laravel_database_"),
        (11, "laravel_cache_", "redis", "laravel_database_laravel_cache_"),
        (8, "laravel_cache", "database", "laravel_cache"),
        (13, "laravel-cache-", "database", "laravel-cache-"),
        (13, "laravel-cache-", "file", ""),
    ],
)
def test_prefixes(version: int, prefix: str, store: str, whole: str) -> None:
    """Protocol §6.11."""
    assert cache_prefix(version, prefix, store=store, connection_prefix="laravel_database_") == whole


def test_redis_values() -> None:
    for stored in (b"9" * 30, b"-", b"1.5", b"1e5", b"+7", b" 1"):
        assert decode(stored) == (stored.decode() if stored != b"-" else b"-")
    assert [decode(encode(value)) for value in (0, -5, 2**63 - 1)] == [0, -5, 2**63 - 1]
    assert encode(float("inf")) == b"d:INF;"


def test_what_counts_as_a_number() -> None:
    assert [as_number("k", value) for value in ("7", " 7.9", "1e3", -2, None)] == [7, 7, 1000, -2, 0]
    for value in ("x", "", "1e999", [], True, float("nan"), "1" * 500):
        with pytest.raises(StoreError, match="cannot be counted up"):
            as_number("k", value)
