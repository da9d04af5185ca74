"""Connection arrays become URLs that lead to the same place, with the same rights, under the same prefix."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from redis import ConnectionPool
from sqlalchemy.engine import make_url

from lara_queue.application.connections import database_connection, parse_url, redis_connection
from lara_queue.application.values import Constant
from lara_queue.errors import ConfigurationError

BASE = Path("/srv/shop")
SHARED = {"client": "phpredis", "options": {"prefix": "shop_database_"}}


def redis(config: dict[Any, Any], shared: dict[Any, Any] = SHARED, major: int = 12) -> Any:
    return redis_connection("default", config, shared, major)


@pytest.mark.parametrize(
    ("config", "url"),
    [
        ({}, "redis://127.0.0.1:6379/0"),
        ({"host": "cache", "port": "6380", "database": "3"}, "redis://cache:6380/3"),
        ({"host": "h", "password": "p@ss/w:d", "username": None}, "redis://:p%40ss%2Fw%3Ad@h:6379/0"),
        ({"host": "h", "password": "p", "username": "ada"}, "redis://ada:p@h:6379/0"),
        (
            {"host": "h", "password": None, "username": "ada"},
            "redis://h:6379/0",
        ),  # Laravel only authenticates with a password
        ({"url": "redis://ada:p%40@h:7000/2", "host": "no", "port": 1}, "redis://ada:p%40@h:7000/2"),
        ({"url": "redis://h", "port": "6390", "database": "4"}, "redis://h:6390/4"),
        ({"url": "tls://h:6380"}, "rediss://h:6380/0"),
        ({"url": "rediss://h:6380/1"}, "rediss://h:6380/1"),
        ({"scheme": "tls", "host": "h"}, "rediss://h:6379/0"),
        ({"host": "tls://h"}, "rediss://h:6379/0"),
        ({"host": "::1"}, "redis://[::1]:6379/0"),
        ({"host": "/run/redis.sock", "port": 0, "database": "2"}, "unix:///run/redis.sock?db=2"),
        ({"scheme": "unix", "path": "/run/redis.sock", "password": "p"}, "unix://:p@/run/redis.sock?db=0"),
        (
            {"url": "rediss://h", "context": {"verify_peer": False}},
            "rediss://h:6379/0?ssl_cert_reqs=none",
        ),
        (
            {"scheme": "tls", "host": "h", "context": {"stream": {"cafile": "/ca.pem"}}},
            "rediss://h:6379/0?ssl_ca_certs=%2Fca.pem",
        ),
    ],
)
def test_redis_urls(config: dict[Any, Any], url: str) -> None:
    found = redis(config)
    assert found.url == url
    ConnectionPool.from_url(found.url)  # redis-py reads it
    assert "p@ss" not in repr(found)
    assert "p@ss" not in found.where


def test_redis_py_gets_what_was_configured() -> None:
    settings = ConnectionPool.from_url(
        redis({"host": "h", "password": "p@:/?#%", "username": "a:b"}).url
    ).connection_kwargs
    assert (settings["password"], settings["username"], settings["host"]) == ("p@:/?#%", "a:b", "h")


def test_the_prefix_of_a_connection() -> None:
    assert redis({}).prefix == "shop_database_"
    assert redis({"prefix": "own_"}).prefix == "own_"
    assert redis({"prefix": "own_"}, major=8).prefix == "shop_database_"  # Laravel 8 lets the shared options win
    assert redis({"options": {"prefix": "deep_"}}, major=8).prefix == "deep_"
    assert redis({"url": "redis://h?prefix=url_"}).prefix == "url_"
    assert redis({}, {"options": {"prefix": ""}}).prefix == redis({}, {}).prefix == ""


def test_options_that_change_what_is_stored() -> None:
    plain = redis({"options": {"serializer": Constant("Redis::SERIALIZER_NONE"), "compression": 0}})
    assert (plain.serializer, plain.compression) == (None, None)
    changed = redis({}, {"options": {"serializer": Constant("Redis::SERIALIZER_IGBINARY"), "compression": 3}})
    assert (changed.serializer, changed.compression) == ("Redis::SERIALIZER_IGBINARY", "3")


@pytest.mark.parametrize(
    ("config", "url", "where"),
    [
        ({"driver": "sqlite", "database": "/a/b.sqlite"}, "sqlite:////a/b.sqlite", "/a/b.sqlite"),
        ({"driver": "sqlite", "database": "database/x.sqlite"}, "sqlite:////srv/shop/database/x.sqlite", None),
        ({"driver": "sqlite", "database": ":memory:"}, "sqlite:///", "memory"),
        ({"url": "sqlite:////a/b.sqlite", "driver": "mysql"}, "sqlite:////a/b.sqlite", "/a/b.sqlite"),
        (
            {
                "driver": "mysql",
                "host": "db",
                "port": "3306",
                "database": "shop",
                "username": "ada",
                "password": "p@ss",
            },
            "mysql://ada:p%40ss@db:3306/shop",
            "db:3306/shop",
        ),
        ({"driver": "mariadb", "database": "s", "charset": "utf8"}, "mariadb://127.0.0.1:3306/s?charset=utf8", None),
        (
            {"driver": "mysql", "database": "s", "unix_socket": "/run/m.sock"},
            "mysql://127.0.0.1:3306/s?unix_socket=%2Frun%2Fm.sock",
            "/run/m.sock/s",
        ),
        (
            {"driver": "mysql", "database": "s", "options": {Constant("PDO::MYSQL_ATTR_SSL_CA"): "/ca.pem"}},
            "mysql://127.0.0.1:3306/s?ssl_ca=%2Fca.pem",
            None,
        ),
        (
            {"driver": "mysql", "database": "s", "options": {1009: "/ca.pem"}},
            "mysql://127.0.0.1:3306/s?ssl_ca=%2Fca.pem",
            None,
        ),
        (
            {"driver": "mysql", "database": "s", "options": {Constant("PDO::MYSQL_ATTR_SSL_CAPATH"): "/c"}},
            "mysql://127.0.0.1:3306/s",
            None,
        ),
        ({"url": "mysql://ada:p%40ss@db/shop?charset=latin1"}, "mysql://ada:p%40ss@db:3306/shop?charset=latin1", None),
        ({"url": "postgres://u:p@db:5433/shop"}, "postgresql://u:p@db:5433/shop", "db:5433/shop"),
        (
            {"driver": "pgsql", "database": "s", "search_path": "public", "sslmode": "prefer"},
            "postgresql://127.0.0.1:5432/s",
            None,
        ),
        (
            {"driver": "pgsql", "database": "s", "search_path": {0: "a", 1: "public"}, "sslmode": "require"},
            "postgresql://127.0.0.1:5432/s?sslmode=require&options=-csearch_path%3Da%2Cpublic",
            None,
        ),
        (
            {"driver": "pgsql", "database": "s", "schema": "old"},
            "postgresql://127.0.0.1:5432/s?options=-csearch_path%3Dold",
            None,
        ),
        (
            {
                "driver": "mysql",
                "database": "s",
                "host": "r",
                "write": {"host": {0: "w1", 1: "w2"}},
                "read": {"host": "r"},
            },
            "mysql://w1:3306/s",
            None,
        ),
        ({"driver": "sqlsrv", "host": "h", "database": "s"}, None, "h/s"),
    ],
)
def test_database_urls(config: dict[Any, Any], url: str | None, where: str | None) -> None:
    found = database_connection("main", config, BASE)
    assert found.url == url
    if where is not None:
        assert found.where == where
    if url is not None:
        make_url(url)
    assert "p@ss" not in repr(found)
    assert "p%40ss" not in repr(found)


def test_a_table_prefix() -> None:
    assert (
        database_connection("main", {"driver": "sqlite", "database": "/a", "prefix": "app_"}, BASE).table_prefix
        == "app_"
    )


def test_a_url_that_cannot_be_read_is_told_without_it() -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse_url({"url": "redis://:s3cret@host:port/0"})
    assert "s3cret" not in str(caught.value)
