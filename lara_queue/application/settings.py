"""What an application's configuration comes to, as frozen values. Secrets are in them, but not in their ``repr``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lara_queue.application.connections import DatabaseConnection, RedisConnection
from lara_queue.application.versions import Version
from lara_queue.errors import ConfigurationError

__all__ = ["Batching", "CacheStore", "Failed", "Maintenance", "QueueConnection", "Settings"]


@dataclass(frozen=True, slots=True)
class QueueConnection:
    """A connection of ``queue.connections``.

    Attributes:
        name: its name there; failures and pauses are kept under it.
        driver: ``redis``, ``database``, ``sync``, ...
        queue: the queue used when none is named.
        retry_after: seconds that a job stays with its worker.
        block_for: seconds to wait for work at a time, None for polling.
        after_commit: jobs are dispatched after the database transaction.
        migration_batch_size: due jobs made ready at a time; -1 for all.
        redis, database: where its jobs are, for these two drivers.
        table: the jobs' table, with the connection's table prefix.
        problem: why it cannot be used, None when it can.
    """

    name: str
    driver: str
    queue: str = "default"
    retry_after: int = 60
    block_for: int | None = None
    after_commit: bool = False
    migration_batch_size: int = -1
    redis: RedisConnection | None = None
    database: DatabaseConnection | None = None
    table: str = "jobs"
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Failed:
    """``queue.failed``: where failures are kept; ``table`` has the connection's prefix, ``path`` is for ``file``."""

    driver: str | None = None
    database: DatabaseConnection | None = None
    table: str = "failed_jobs"
    path: Path | None = None
    limit: int = 100


@dataclass(frozen=True, slots=True)
class Batching:
    """``queue.batching``: where batches are kept. ``table`` has the connection's table prefix."""

    driver: str = "database"
    database: DatabaseConnection | None = None
    table: str = "job_batches"


@dataclass(frozen=True, slots=True)
class CacheStore:
    """A store of ``cache.stores``.

    Attributes:
        name: its name there.
        driver: ``redis``, ``database``, ``file``, ``array``, ...
        prefix: everything that stands before a key in the store; on Redis the connection's prefix is part of it.
        redis, lock_redis: for ``redis``: where values and locks are.
        database, lock_database, table, lock_table: the same for ``database``; the tables with their prefix.
        path, lock_path: the folders of ``file``.
        problem: why it cannot be used, None when it can.
    """

    name: str
    driver: str
    prefix: str = ""
    redis: RedisConnection | None = None
    lock_redis: RedisConnection | None = None
    database: DatabaseConnection | None = None
    lock_database: DatabaseConnection | None = None
    table: str = "cache"
    lock_table: str = "cache_locks"
    path: Path | None = None
    lock_path: Path | None = None
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Maintenance:
    """``app.maintenance``: ``file`` is there while the application is down, unless the driver is ``cache``."""

    file: Path
    driver: str = "file"
    store: str | None = None


@dataclass(frozen=True, slots=True)
class Settings:
    """All that lara_queue takes from an application.

    Attributes:
        base: the application's folder.
        version: the Laravel it is made with.
        name, environment, timezone: of the application.
        app_key, previous_keys: as they are configured (``base64:…``); None without a key.
        cipher: what they are for.
        default_connection: name of the queue connection used when none is named.
        connections: the queue connections by name.
        failed, batching, cache, maintenance: see their classes.
        config_cached: the file with the cached configuration, None when there is none.
        sources: where each value came from, by Laravel's key.
        notes: what could not be told, and what stands in for it.
    """

    base: Path
    version: Version
    name: str
    environment: str
    timezone: str
    app_key: str | None = field(repr=False)
    previous_keys: tuple[str, ...] = field(repr=False)
    cipher: str
    default_connection: str
    connections: Mapping[str, QueueConnection]
    failed: Failed
    batching: Batching
    cache: CacheStore
    maintenance: Maintenance
    config_cached: str | None = None
    sources: Mapping[str, str] = field(default_factory=dict, repr=False)
    notes: tuple[str, ...] = ()

    def connection(self, name: str | None = None) -> QueueConnection:
        """The queue connection of that name, the default one for None.

        Raises :class:`~lara_queue.errors.ConfigurationError` when there is none or it cannot be used.
        """
        wanted = name or self.default_connection
        found = self.connections.get(wanted)
        usable = [one.name for one in self.connections.values() if one.problem is None]
        hint = f" There {'is' if len(usable) == 1 else 'are'}: {', '.join(usable)}." if usable else ""
        if found is None:
            raise ConfigurationError(f"The application has no queue connection [{wanted}].{hint}")
        if found.problem is not None:
            default = "" if name else " It is the default; name another one."
            raise ConfigurationError(f"The queue connection [{wanted}] cannot be used: {found.problem}{default}{hint}")
        return found
