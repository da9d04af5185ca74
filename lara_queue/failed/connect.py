"""From a URL, a driver's name, or the queue's own driver, to a failed-job store."""

from __future__ import annotations

from datetime import UTC, tzinfo
from typing import Any, Final, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from lara_queue.cache.urls import FILE, REDIS, SQL, kind_of, own_options, path_in
from lara_queue.errors import ConfigurationError, UnknownDriver
from lara_queue.failed.memory import MemoryFailedStore
from lara_queue.failed.null import NullFailedStore
from lara_queue.failed.redis import RedisFailedStore
from lara_queue.ports import Driver, FailedStore

__all__ = ["open_failed_store", "time_zone"]

Face = Literal["sync", "async"]

TABLE: Final = "failed_jobs"
UUIDS: Final = "database-uuids"
ROWS: Final = "database"

DRIVER, TABLE_KEY, TIMEZONE, LIMIT, LOCK_PATH = "driver", "table", "timezone", "limit", "lock_path"
_SQL_OPTIONS: Final = (DRIVER, TABLE_KEY, TIMEZONE)
_FILE_OPTIONS: Final = (LIMIT, LOCK_PATH, TIMEZONE)

_named: dict[str, MemoryFailedStore] = {}


def open_failed_store(
    source: Any,
    *,
    face: Face,
    driver: Driver,
    key: str,
    table: str = TABLE,
    timezone: str | tzinfo = UTC,
) -> FailedStore:
    """The store that ``source`` stands for; nothing is connected yet.

    Parameters:
        source: a store, which is returned as it is; a redis-py client; an SQLAlchemy engine; a URL; a name; or None.

            * ``sqlite:///…``, ``postgresql://…``, ``mysql://…``, with ``driver=database-uuids`` (the default) or
              ``driver=database``, ``table`` and ``timezone`` in their query;
            * ``file:///…/failed-jobs.json``, with ``limit``, ``lock_path`` and ``timezone``;
            * ``redis://…``, ``memory://``, ``memory://name``, ``null://``;
            * ``database-uuids`` or ``database`` for the table beside the queue's, ``null`` for nowhere;
            * None for the place beside the queue: its database (``database-uuids``), its Redis, or memory; of a
              failover queue's stores the first that has such a place.
        face: which shell will drive its plans.
        driver: the queue's driver.
        key: the whole key of the list on Redis.
        table: the table's name, where a URL does not say.
        timezone: the application's (``app.timezone``), in which ``failed_at`` is written.

    Raises :class:`~lara_queue.errors.UnknownDriver` for another scheme, and
    :class:`~lara_queue.errors.ConfigurationError` for a name or an option that means nothing here.

    >>> from lara_queue.drivers import open_driver
    >>> open_failed_store(None, face="sync", driver=open_driver("memory://", face="sync"), key="").name
    'memory'
    """
    driver = _home(driver)
    link = getattr(driver, "link", None)
    if source is None:
        if link is not None and driver.name == "redis":
            return RedisFailedStore(link, key)
        return _database(link, {}, table, timezone) if driver.name == ROWS and link else MemoryFailedStore()
    if not isinstance(source, str):
        return _of_object(source, face, key, table, timezone)
    if "://" not in source:
        if source == "null":
            return NullFailedStore()
        if source in (UUIDS, ROWS) and driver.name == ROWS and link is not None:
            return _database(link, {DRIVER: source}, table, timezone)
        raise ConfigurationError(
            f"failed={source!r} is not beside this queue; give a URL, such as "
            "sqlite:///database/database.sqlite?driver=database-uuids."
        )
    kind = kind_of(source)
    if kind == SQL:
        from lara_queue.sql import sql_link

        url, said = own_options(source, _SQL_OPTIONS)
        return _database(sql_link(url, face), said, table, timezone)
    if kind == FILE:
        from lara_queue.cache.files import file_link
        from lara_queue.failed import file

        url, said = own_options(source, _FILE_OPTIONS)
        return file.FileFailedStore(
            file_link(face),
            path_in(url),
            limit=_positive(said.get(LIMIT, str(file.LIMIT))),
            lock_directory=said.get(LOCK_PATH),
            timezone=time_zone(said.get(TIMEZONE, timezone)),
        )
    if kind == REDIS:
        from lara_queue.drivers.redis import redis_link

        return RedisFailedStore(redis_link(source, face), key)
    if kind == "memory":
        name = urlsplit(source).netloc
        return _named.setdefault(name, MemoryFailedStore()) if name else MemoryFailedStore()
    if kind == "null":
        return NullFailedStore()
    raise UnknownDriver(
        f"No failed-job store speaks {kind}://. There are sqlite://, postgresql://, mysql://, file://, redis://, "
        "memory:// and null://."
    )


def time_zone(zone: str | tzinfo) -> tzinfo:
    """The time zone of that name, as PHP's ``app.timezone`` has it.

    Raises :class:`~lara_queue.errors.ConfigurationError` for one that this machine does not know.

    >>> str(time_zone("Europe/Paris"))
    'Europe/Paris'
    """
    if not isinstance(zone, str):
        return zone
    if zone.upper() in ("UTC", "Z", ""):
        return UTC
    try:
        return ZoneInfo(zone)
    except (LookupError, ValueError, OSError):
        raise ConfigurationError(f"There is no time zone {zone!r} here; timezone is the application's.") from None


def _home(driver: Driver) -> Driver:
    """The driver, or of several behind one another the first that keeps failures beside its jobs."""
    found = getattr(driver, "members", ())
    members: tuple[Driver, ...] = found if isinstance(found, tuple) else ()
    homes = (_home(member) for member in members)
    return next((home for home in homes if home.name in ("redis", ROWS)), driver)


def _of_object(source: Any, face: Face, key: str, table: str, timezone: str | tzinfo) -> FailedStore:
    if hasattr(source, "connection_pool"):
        from lara_queue.drivers.redis import redis_link

        return RedisFailedStore(redis_link(source, face), key)
    if hasattr(source, "dialect") or hasattr(source, "sync_engine"):
        from lara_queue.sql import sql_link

        return _database(sql_link(source, face), {}, table, timezone)
    store: FailedStore = source
    return store


def _database(link: Any, said: dict[str, str], table: str, timezone: str | tzinfo) -> FailedStore:
    from lara_queue.failed.database import DatabaseFailedStore

    kind = said.get(DRIVER, UUIDS)
    if kind not in (UUIDS, ROWS):
        raise ConfigurationError(f"driver={kind} is not a way to keep failed jobs: it is {UUIDS} or {ROWS}.")
    return DatabaseFailedStore(
        link, said.get(TABLE_KEY, table), uuids=kind == UUIDS, timezone=time_zone(said.get(TIMEZONE, timezone))
    )


def _positive(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise ConfigurationError(f"limit={text} must be a number of failed jobs to keep, at least 1.")
    return int(text)
