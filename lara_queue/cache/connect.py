"""From a client, an engine or a URL to a cache store, and the prefix that each Laravel puts before its keys."""

from __future__ import annotations

from typing import Any, Final, Literal, cast
from urllib.parse import urlsplit

from lara_queue.cache.memory import MemoryCache
from lara_queue.cache.redis import RedisCache
from lara_queue.cache.urls import FILE, REDIS, SQL, kind_of, own_options, path_in
from lara_queue.clock import Clock, system_clock
from lara_queue.errors import ConfigurationError, UnknownDriver
from lara_queue.ports import Cache, Driver

__all__ = ["cache_prefix", "open_cache"]

TABLE, LOCK_TABLE, LOCK_DB, LOCK_PATH, LOCK_PREFIX = "table", "lock_table", "lock_db", "lock_path", "lock_prefix"
_SQL_OPTIONS: Final = (TABLE, LOCK_TABLE)
_FILE_OPTIONS: Final = (LOCK_PATH, LOCK_PREFIX)

_named: dict[str, MemoryCache] = {}

Face = Literal["sync", "async"]


def open_cache(
    source: Any, *, face: Face, prefix: str = "", clock: Clock = system_clock, driver: Driver | None = None
) -> Cache:
    """The cache store that ``source`` stands for; nothing is connected yet.

    Parameters:
        source: a store, which is returned as it is; a redis-py client; an SQLAlchemy engine; or a URL:
            ``redis://…`` (with ``lock_db=0`` when locks are in another database), ``sqlite:///…``, ``postgresql://…``
            and ``mysql://…`` (with ``table`` and ``lock_table``), ``file:///…/storage/framework/cache/data`` (with
            ``lock_path``, and ``lock_prefix=`` before Laravel 12.36), ``memory://name``; or ``redis`` or ``database``
            for the tables or keys beside the queue's own.
        face: which shell will drive its plans.
        prefix: everything that stands before a key; see :func:`cache_prefix`. Files have none.
        clock: tells the Unix time in seconds.
        driver: the queue's driver.

    Raises :class:`~lara_queue.errors.UnknownDriver` for another scheme.

    >>> open_cache("memory://", face="sync").name
    'array'
    """
    if not isinstance(source, str):
        if hasattr(source, "connection_pool"):
            from lara_queue.drivers.redis import redis_link

            return RedisCache(redis_link(source, face), prefix)
        if hasattr(source, "dialect") or hasattr(source, "sync_engine"):
            return _database(source, {}, face, prefix, clock)
        return cast(Cache, source)
    if "://" not in source:
        return _beside(source, driver, prefix, clock)
    kind = kind_of(source)
    if kind in ("memory", "array"):
        name = urlsplit(source).netloc
        return _named.setdefault(name, MemoryCache(clock)) if name else MemoryCache(clock)
    if kind == REDIS:
        from lara_queue.drivers.redis import redis_link

        url, said = own_options(source, (LOCK_DB,))
        locks = None
        if LOCK_DB in said:
            locks, _ = own_options(url, ("db",))
            locks = f"{locks}{'&' if '?' in locks else '?'}db={said[LOCK_DB]}"  # counts more than the one in the path
        return RedisCache(redis_link(url, face), prefix, None if locks is None else redis_link(locks, face))
    if kind == SQL:
        return _database(*own_options(source, _SQL_OPTIONS), face, prefix, clock)
    if kind == FILE:
        from lara_queue.cache import file
        from lara_queue.cache.files import file_link

        url, said = own_options(source, _FILE_OPTIONS)
        return file.FileCache(
            file_link(face),
            path_in(url),
            lock_directory=said.get(LOCK_PATH),
            lock_prefix=said.get(LOCK_PREFIX, file.LOCK_PREFIX),
            clock=clock,
        )
    raise UnknownDriver(
        f"No cache store speaks {kind}://. There are redis://, sqlite://, postgresql://, mysql://, file:// and memory://."
    )


def _database(source: Any, said: dict[str, str], face: Face, prefix: str, clock: Clock) -> Cache:
    from lara_queue.cache.database import DatabaseCache
    from lara_queue.sql import sql_link

    options: dict[str, Any] = dict(said)
    return DatabaseCache(sql_link(source, face), prefix, clock=clock, **options)


def _beside(name: str, driver: Driver | None, prefix: str, clock: Clock) -> Cache:
    link = getattr(driver, "link", None)
    if name in ("memory", "array"):
        return MemoryCache(clock)
    if driver is None or link is None or driver.name != name or name not in ("redis", "database"):
        raise ConfigurationError(
            f"The cache {name!r} is not in the queue's own store; give a URL such as redis://localhost:6379/1."
        )
    if name == "redis":
        return RedisCache(link, prefix)
    from lara_queue.cache.database import DatabaseCache

    return DatabaseCache(link, prefix, clock=clock)


def cache_prefix(version: int, prefix: str, *, store: str = "redis", connection_prefix: str = "") -> str:
    """What stands before every key of a Laravel cache.

    Parameters:
        version: Laravel's, 8 to 13; up to 10 a ``:`` follows a prefix on Redis.
        prefix: the configuration's ``cache.prefix``.
        store: ``redis`` or ``database`` put a prefix before their keys, ``file`` and ``array`` do not.
        connection_prefix: of the Redis connection (``database.redis.options.prefix``).

    >>> cache_prefix(10, "laravel_cache_", connection_prefix="laravel_database_")
    'laravel_database_laravel_cache_:'
    >>> cache_prefix(11, "laravel_cache_", store="database")
    'laravel_cache_'
    """
    if store == "redis":
        return connection_prefix + prefix + (":" if prefix and version <= 10 else "")
    return prefix if store == "database" else ""
