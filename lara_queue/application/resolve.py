"""From the configuration to the settings: which keys are read, what counts when one is missing.

Mirrors ``Queue/Connectors``, ``Queue/QueueServiceProvider`` and ``Cache/CacheManager``. The defaults are those in
Laravel's code, which are not always the skeleton's.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from lara_queue.application.config import Config
from lara_queue.application.connections import (
    DatabaseConnection,
    RedisConnection,
    database_connection,
    redis_connection,
)
from lara_queue.application.php_values import CannotTell, to_bool, to_text, whole
from lara_queue.application.settings import Batching, CacheStore, Failed, Maintenance, QueueConnection, Settings
from lara_queue.application.values import Constant, Unknown, Value
from lara_queue.application.versions import Version
from lara_queue.errors import ConfigurationError

__all__ = ["OPENS", "resolve"]

CODE_DEFAULT: Final = "Laravel's default"
OPENS: Final = ("redis", "database")
"""The drivers whose jobs are in a store that can be opened."""


def resolve(base: Path, version: Version, config: Config, storage: Path) -> Settings:
    """The settings that a configuration comes to. Nothing is connected; nothing is raised for what cannot be told."""
    return _Resolver(base, version, config, storage).settings()


class _Resolver:
    """Reads keys and remembers where each value came from."""

    def __init__(self, base: Path, version: Version, config: Config, storage: Path) -> None:
        self.base, self.version, self.config, self.storage = base, version, config, storage
        self.sources: dict[str, str] = {}
        self.notes: list[str] = list(config.notes)

    # -- reading -----------------------------------------------------------------------------------------------------

    def value(self, key: str) -> Any:
        """The plain value of a key, None when it is missing."""
        return self._plain(key, self.config.get(key))

    def text(self, key: str, default: str = "") -> str:
        """A key's text; the default also for null."""
        text: str = self._typed(key, default, to_text)
        return text

    def number(self, key: str, default: int) -> int:
        """A key's whole number; the default also for null."""
        number: int = self._typed(key, default, whole)
        return number

    def section(self, key: str) -> dict[Any, Any]:
        """An array as plain data; what cannot be told in it is the skeleton's, or left out."""
        return self._section(key, self.config.get(key))

    def _typed(self, key: str, default: Any, convert: Any) -> Any:
        data = self.value(key)
        if data is None:
            written = self.sources.get(key)
            self.sources[key] = f"{written}; null stands for {CODE_DEFAULT}" if written else CODE_DEFAULT
            return default
        try:
            return convert(data)
        except CannotTell:
            self.notes.append(f"{key} is nothing that a setting can be; {default!r} stands in for it.")
            return default

    def _plain(self, key: str, value: Value | None, depth: int = 4) -> Any:
        if value is None:
            return None
        if isinstance(value.data, Unknown):
            instead = self.config.defaults.at(key)
            told = instead is not None and not isinstance(instead.data, Unknown | dict)
            stand_in = "what Laravel's default files say" if told else "nothing"
            self.notes.append(f"{key} cannot be told without running PHP ({value.data}); {stand_in} stands in for it.")
            self.sources[key] = f"stands in for {value.data.file} line {value.data.line}"
            return instead.data if told and instead is not None else None
        if isinstance(value.data, dict):
            return self._section(key, value, depth)
        self.sources[key] = value.source
        return value.data

    def _section(self, key: str, value: Value | None, depth: int = 4) -> dict[Any, Any]:
        if value is None or not isinstance(value.data, dict) or depth <= 0:
            if value is not None and isinstance(value.data, Unknown):
                self._plain(key, value)
            return {}
        return {
            name: self._plain(f"{key}.{name.name if isinstance(name, Constant) else name}", one, depth - 1)
            for name, one in value.data.items()
        }

    # -- connections -------------------------------------------------------------------------------------------------

    def redis(self, name: str) -> RedisConnection:
        """The Redis connection of that name. Raises ConfigurationError."""
        found = self.config.get(f"database.redis.{name}")
        if found is None:
            if self.config.get(f"database.redis.clusters.{name}") is not None:
                raise ConfigurationError(f"[{name}] is a Redis cluster, which is not supported yet.")
            raise ConfigurationError(f"There is no Redis connection [{name}] in config/database.php.")
        shared = {"client": self.value("database.redis.client"), "options": self.section("database.redis.options")}
        return redis_connection(name, self._section(f"database.redis.{name}", found), shared, self.version.major)

    def database(self, name: str | None) -> DatabaseConnection:
        """The database connection of that name, the default one for none. Raises ConfigurationError."""
        name = name or self.text("database.default")
        found = self.config.get(f"database.connections.{name}")
        if found is None:
            raise ConfigurationError(f"There is no database connection [{name}] in config/database.php.")
        return database_connection(name, self._section(f"database.connections.{name}", found), self.base)

    def _supported(self, name: str | None) -> DatabaseConnection:
        found = self.database(name)
        if found.url is None:
            raise ConfigurationError(f"The database driver [{found.driver}] of [{found.name}] is not supported.")
        return found

    def _database_or_note(self, name: str | None, what: str) -> DatabaseConnection | None:
        try:
            return self._supported(name)
        except ConfigurationError as error:
            self.notes.append(f"{what}: {error}")
            return None

    # -- sections ----------------------------------------------------------------------------------------------------

    def settings(self) -> Settings:
        """Everything."""
        connections = self.config.get("queue.connections")
        names = list(connections.data) if connections is not None and isinstance(connections.data, dict) else []
        previous = self.section("app.previous_keys").values()
        return Settings(
            base=self.base,
            version=self.version,
            name=self.text("app.name", "Laravel"),
            environment=self.text("app.env", "production"),
            timezone=self.text("app.timezone", "UTC"),
            app_key=self.text("app.key") or None,
            previous_keys=tuple(one for one in previous if isinstance(one, str) and one),
            cipher=self.text("app.cipher", "AES-256-CBC").upper(),
            default_connection=self.text("queue.default", "sync"),
            connections={str(name): self._connection(str(name)) for name in names},
            failed=self._failed(),
            batching=self._batching(),
            cache=self._cache(),
            maintenance=Maintenance(
                self.storage / "framework/down",
                self.text("app.maintenance.driver", "file"),
                self.text("app.maintenance.store") or None,
            ),
            config_cached=self.config.cached,
            sources=self.sources,
            notes=tuple(dict.fromkeys(self.notes)),
        )

    def _connection(self, name: str) -> QueueConnection:
        key = f"queue.connections.{name}"
        driver = self.text(f"{key}.driver")
        queue = self.text(f"{key}.queue", "default")
        if driver not in OPENS:
            return QueueConnection(name, driver, queue, problem=_why_not(driver))
        seconds = self.number(f"{key}.retry_after", 60)
        block_for = self.number(f"{key}.block_for", -1) if driver == "redis" else -1
        given: dict[str, Any] = {
            "retry_after": seconds,
            "block_for": block_for if block_for >= 0 else None,
            "after_commit": self._flag(f"{key}.after_commit"),
        }
        try:
            if driver == "redis":
                given["migration_batch_size"] = self.number(f"{key}.migration_batch_size", -1)
                given["redis"] = self.redis(self.text(f"{key}.connection", "default"))
            else:
                found = self._supported(self.text(f"{key}.connection") or None)
                given["database"], given["table"] = found, found.table_prefix + self.text(f"{key}.table", "jobs")
        except ConfigurationError as error:
            given["problem"] = str(error)
        return QueueConnection(name, driver, queue, **given)

    def _flag(self, key: str) -> bool:
        return bool(self._typed(key, False, to_bool))

    def _failed(self) -> Failed:
        key = "queue.failed"
        section = self.config.get(key)
        items = section.data if section is not None and isinstance(section.data, dict) else {}
        driver = self.text(f"{key}.driver") or ("database" if "driver" not in items and "table" in items else "null")
        if driver == "file":
            path = self.text(f"{key}.path") or str(self.storage / "framework/cache/failed-jobs.json")
            return Failed(driver, path=Path(path), limit=self.number(f"{key}.limit", 100))
        if driver == "null":
            return Failed()
        if driver == "dynamodb":
            self.notes.append("Failed jobs are kept in DynamoDB, which is not supported.")
            return Failed(driver)
        found = self._database_or_note(self.text(f"{key}.database") or None, "Failed jobs")
        prefix = found.table_prefix if found is not None else ""
        return Failed(driver, found, prefix + self.text(f"{key}.table", "failed_jobs"))

    def _batching(self) -> Batching:
        driver = self.text("queue.batching.driver", "database")
        if driver == "dynamodb":
            return Batching(driver)
        found = self._database_or_note(self.text("queue.batching.database") or None, "Batches")
        prefix = found.table_prefix if found is not None else ""
        return Batching(driver, found, prefix + self.text("queue.batching.table", "job_batches"))

    def _cache(self) -> CacheStore:
        name = self.text("cache.default", "file")
        key = f"cache.stores.{name}"
        driver = "null" if name == "null" else self.text(f"{key}.driver")
        prefix = self.text(f"{key}.prefix") or self.text("cache.prefix")
        try:
            if driver == "redis":
                return self._redis_cache(name, prefix)
            if driver == "database":
                return self._database_cache(name, prefix)
        except ConfigurationError as error:
            return CacheStore(name, driver, prefix, problem=str(error))
        if driver == "file":
            path = self.text(f"{key}.path") or str(self.storage / "framework/cache/data")
            return CacheStore(name, driver, path=Path(path), lock_path=Path(self.text(f"{key}.lock_path") or path))
        if driver == "array":
            return CacheStore(
                name, driver, prefix, problem="An array store lives in one PHP process; nobody shares it."
            )
        what = f"There is no support for cache stores of the driver [{driver or '?'}]."
        return CacheStore(name, driver, prefix, problem=what)

    def _redis_cache(self, name: str, prefix: str) -> CacheStore:
        """Laravel 8 to 10 put a colon behind the cache's prefix (``RedisStore::setPrefix``)."""
        key = f"cache.stores.{name}"
        connection = self.text(f"{key}.connection", "default")
        values = self.redis(connection)
        locks = self.redis(self.text(f"{key}.lock_connection") or connection)
        colon = ":" if prefix and self.version.major < 11 else ""
        return CacheStore(name, "redis", f"{values.prefix}{prefix}{colon}", redis=values, lock_redis=locks)

    def _database_cache(self, name: str, prefix: str) -> CacheStore:
        key = f"cache.stores.{name}"
        connection = self.text(f"{key}.connection") or None
        values = self._supported(connection)
        locks = self._supported(self.text(f"{key}.lock_connection") or connection)
        return CacheStore(
            name,
            "database",
            prefix,
            database=values,
            lock_database=locks,
            table=values.table_prefix + self.text(f"{key}.table", "cache"),
            lock_table=locks.table_prefix + self.text(f"{key}.lock_table", "cache_locks"),
        )


def _why_not(driver: str) -> str:
    if driver in ("sync", "deferred", "background"):
        return f"The driver [{driver}] runs jobs in PHP at once, without a store."
    if driver == "failover":
        return "A failover connection only chooses where to push; name the connection that has the jobs."
    if not driver:
        return "It has no driver."
    return f"There is no support for the driver [{driver}]."
