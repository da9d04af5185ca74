"""From an application's settings to what ``Queue`` and ``AsyncQueue`` are made with.

This is the one place that knows which keyword of theirs takes which setting.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final, Literal, TypeVar
from urllib.parse import quote, urlencode

from lara_queue.application.settings import QueueConnection, Settings
from lara_queue.drivers.settings import MIGRATION_BATCH
from lara_queue.errors import ConfigurationError, MissingExtra
from lara_queue.ports import BatchStore, Cache, Driver

__all__ = ["arguments_beside", "cache_of", "failed_url", "lock_prefix", "queue_arguments"]

T = TypeVar("T")
Face = Literal["sync", "async"]
_FILE_LOCKS_PREFIXED: Final = (12, 36)


def queue_arguments(settings: Settings, connection: QueueConnection, face: Face) -> dict[str, Any]:
    """The arguments of a queue object on one of the application's queue connections.

    Parameters:
        settings: the application's settings.
        connection: the connection; its ``problem`` is None.
        face: ``sync`` for ``Queue``, ``async`` for ``AsyncQueue``.

    Raises :class:`~lara_queue.errors.ConfigurationError` when the connection has no store, and
    :class:`~lara_queue.errors.MissingExtra` when the package for its jobs, its cache or its failures is not installed.
    """
    links = _Links(face)
    arguments: dict[str, Any] = {
        "queue": connection.queue,
        "connection": connection.name,
        "retry_after": connection.retry_after,
        "block_for": connection.block_for or None,
        "app_key": settings.app_key,
        "previous_keys": settings.previous_keys,
        "cipher": settings.cipher,
        "laravel_version": _format_version(settings.version.text, settings.version.major),
        "timezone": settings.timezone,
        "cache": _cache_of(settings, links),
        "batches": _if_installed(partial(_batches_of, settings, links)),
        "connections": _others(settings, connection, links),
    }
    if settings.maintenance.driver != "cache":
        arguments["maintenance_file"] = settings.maintenance.file
    if (failed := failed_url(settings)) is not None:
        arguments["failed"] = failed
    if connection.redis is not None:
        # The whole prefix in one piece: an application may have set it to anything.
        arguments.update(client=connection.redis.url, appname="", prefix=connection.redis.prefix)
        return {**arguments, "migration_batch": _migration_batch(connection)}
    if connection.database is None or connection.database.url is None:
        raise ConfigurationError(f"The queue connection [{connection.name}] has no store.")
    return {**arguments, "client": connection.database.url, "table": connection.table}


def arguments_beside(settings: Settings, face: Face) -> dict[str, Any]:
    """What a queue object needs to look at the application's cache and failures without any of its jobs."""
    arguments: dict[str, Any] = {"connection": settings.default_connection, "timezone": settings.timezone}
    if (failed := failed_url(settings)) is not None:
        arguments["failed"] = failed
    return {**arguments, "cache": cache_of(settings, face)}


class _Links:
    """Links of one face to databases and Redis servers, one for each URL."""

    def __init__(self, face: Face) -> None:
        self.face = face
        self._made: dict[str, Any] = {}

    def sql(self, url: str) -> Any:
        """The link to a database."""
        from lara_queue.sql import sql_link

        if url not in self._made:
            self._made[url] = sql_link(url, self.face)
        return self._made[url]

    def redis(self, url: str) -> Any:
        """The link to a Redis."""
        from lara_queue.drivers.redis import redis_link

        if url not in self._made:
            self._made[url] = redis_link(url, self.face)
        return self._made[url]


def _if_installed(make: Callable[[], T]) -> T | None:
    """What is not needed by every job is left out where its client library is missing; who asks for it is told then."""
    try:
        return make()
    except MissingExtra:
        return None


def _driver_of(connection: QueueConnection, links: _Links) -> Driver | None:
    """A driver of a queue connection, under its own prefix or table."""
    from lara_queue.drivers import DriverSettings

    if connection.redis is not None:
        from lara_queue.drivers.redis import RedisDriver

        settings = DriverSettings(
            prefix=connection.redis.prefix,
            retry_after=connection.retry_after,
            migration_batch=_migration_batch(connection),
        )
        return RedisDriver(links.redis(connection.redis.url), settings)
    if connection.database is None or connection.database.url is None:
        return None
    from lara_queue.drivers.database import DatabaseDriver

    settings = DriverSettings(retry_after=connection.retry_after, table=connection.table)
    return DatabaseDriver(links.sql(connection.database.url), settings)


def _migration_batch(connection: QueueConnection) -> int:
    """How many due jobs are made ready at a time.

    Laravel's default is all of them, which with very many holds up Redis; what is left over is made ready by the next
    look for jobs.
    """
    size = connection.migration_batch_size
    return size if size > 0 else MIGRATION_BATCH


def _others(settings: Settings, connection: QueueConnection, links: _Links) -> dict[str, Driver]:
    """Drivers of the application's other queue connections, for members of chains that name one."""
    found: dict[str, Driver] = {}
    for other in settings.connections.values():
        if other.problem is None and other.name != connection.name:
            driver = _if_installed(partial(_driver_of, other, links))
            if driver is not None:
                found[other.name] = driver
    return found


def _batches_of(settings: Settings, links: _Links) -> BatchStore | None:
    from lara_queue.batches.database import DatabaseBatchStore

    batching = settings.batching
    if batching.database is None or batching.database.url is None:
        return None
    return DatabaseBatchStore(links.sql(batching.database.url), batching.table)


def _format_version(text: str, major: int) -> str:
    """What the payloads' format is chosen by: the exact version where it is known, else the newest of its major."""
    numbers = [part for part in text.split(".")[:3] if part.isdecimal()]
    return ".".join(numbers) or str(major)


def failed_url(settings: Settings) -> str | None:
    """The failed-job store as a URL; None for one that is not supported, whose place the queue's own then takes."""
    failed = settings.failed
    if failed.driver is None:
        return "null://"
    if failed.path is not None:
        query = urlencode({"limit": failed.limit, "timezone": settings.timezone})
        return f"file://{quote(str(failed.path))}?{query}"
    if failed.database is None or failed.database.url is None:
        return None
    # Every other driver that has a table is Laravel's ``database`` (``QueueServiceProvider``).
    driver = failed.driver if failed.driver == "database-uuids" else "database"
    query = urlencode({"driver": driver, "table": failed.table, "timezone": settings.timezone})
    return f"{failed.database.url}{'&' if '?' in failed.database.url else '?'}{query}"


def cache_of(settings: Settings, face: Face) -> Cache | None:
    """The application's cache store, None when it is of a kind that nobody but PHP can read. Nothing is connected."""
    return _cache_of(settings, _Links(face))


def _cache_of(settings: Settings, links: _Links) -> Cache | None:
    store = settings.cache
    if store.problem is not None:
        return None
    if store.redis is not None:
        from lara_queue.cache.redis import RedisCache

        locks = links.redis((store.lock_redis or store.redis).url)
        return RedisCache(links.redis(store.redis.url), store.prefix, locks)
    if store.database is not None and store.database.url is not None:
        from lara_queue.cache.database import DatabaseCache

        return DatabaseCache(
            links.sql(store.database.url),
            store.prefix,
            table=store.table,
            lock_table=store.lock_table,
            lock_link=links.sql((store.lock_database or store.database).url or store.database.url),
        )
    if store.path is None:
        return None
    from lara_queue.cache.file import FileCache
    from lara_queue.cache.files import file_link

    prefix = lock_prefix(settings.version.text)
    return FileCache(file_link(links.face), store.path, lock_directory=store.lock_path, lock_prefix=prefix)


def lock_prefix(version: str) -> str:
    """What a Laravel version puts before the names of locks in files.

    >>> lock_prefix("12.35.1"), lock_prefix("12.36.0"), lock_prefix("13")
    ('', 'file-store-lock:', 'file-store-lock:')
    """
    from lara_queue.cache.file import LOCK_PREFIX

    numbers = tuple(int(part) if part.isdigit() else 0 for part in version.split(".")[:2])
    return LOCK_PREFIX if numbers >= _FILE_LOCKS_PREFIXED else ""
