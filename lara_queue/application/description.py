"""The settings of an application as rows for people: key, value, and where it came from. Secrets are never in them."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass

from lara_queue.application.config import Config
from lara_queue.application.connections import DatabaseConnection, RedisConnection
from lara_queue.application.settings import CacheStore, QueueConnection, Settings

__all__ = ["Row", "Section", "cautions", "describe", "describe_key", "is_key"]

WORKERS_TIMEOUT = 60
"""Seconds that ``queue:work`` gives a job when nobody says."""

_KEY_BYTES = {"AES-128-CBC": 16, "AES-256-CBC": 32, "AES-128-GCM": 16, "AES-256-GCM": 32}


@dataclass(frozen=True, slots=True)
class Row:
    """One setting; ``source`` is "" where there is nothing more to say."""

    key: str
    value: str
    source: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """Settings that belong together."""

    title: str
    rows: tuple[Row, ...]


def describe(settings: Settings, chosen: str | None = None) -> list[Section]:
    """The settings as sections of rows.

    Parameters:
        settings: the application's.
        chosen: the queue connection that is looked at; None for the default one.
    """
    chosen = chosen or settings.default_connection
    connection = settings.connections.get(chosen)
    return [
        Section("application", _application(settings)),
        Section(f"queue connection {chosen}", _connection(settings, connection)),
        *_others(settings, chosen),
        Section("failed jobs", _failed(settings)),
        Section("batches", _batches(settings)),
        Section(f"cache store {settings.cache.name}", _cache(settings, settings.cache)),
        Section("maintenance", _maintenance(settings)),
    ]


def describe_key(key: str | None, cipher: str) -> str:
    """What can be said of a key without giving it away.

    >>> describe_key("base64:MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=", "AES-256-CBC")
    'set (base64, 32 bytes, AES-256-CBC)'
    >>> describe_key("base64:AAAA", "AES-256-CBC"), describe_key(None, "AES-256-CBC")
    ('set (base64, 3 bytes; AES-256-CBC needs 32)', 'not set')
    """
    if key is None:
        return "not set"
    form, raw = "plain", key.encode()
    if key.startswith("base64:"):
        form = "base64"
        try:
            raw = base64.b64decode(key.removeprefix("base64:"), validate=True)
        except (ValueError, binascii.Error):
            return "set, but its base64 cannot be decoded"
    wanted = _KEY_BYTES.get(cipher)
    if wanted != len(raw):
        return f"set ({form}, {len(raw)} bytes; {cipher} needs {wanted})"
    return f"set ({form}, {len(raw)} bytes, {cipher})"


def is_key(settings: Settings) -> bool:
    """True when the application has a key that fits its cipher."""
    said = describe_key(settings.app_key, settings.cipher)
    return said.startswith("set (") and ";" not in said


def cautions(settings: Settings, config: Config, chosen: str | None = None) -> list[str]:
    """What is likely to surprise, from the configuration alone."""
    found = list(settings.notes)
    version = settings.version
    if not 8 <= version.major <= 13:
        found.append(f"Laravel {version.text} is not one of 8 to 13, whose rules are known.")
    if config.cached_at is not None and (config.env_changed_at or 0) > config.cached_at:
        found.append(
            f".env was changed after {settings.config_cached} was written, which alone counts; "
            "`php artisan config:cache` takes the change over."
        )
    key = describe_key(settings.app_key, settings.cipher)
    if settings.app_key is None:
        found.append("APP_KEY is not set: encrypted jobs cannot be read, and closures not be verified.")
    elif not is_key(settings):
        found.append(f"APP_KEY is {key}: encrypted jobs cannot be read.")
    connection = settings.connections.get(chosen or settings.default_connection)
    if connection is None or connection.problem is not None:
        problem = "it is not configured." if connection is None else connection.problem
        found.append(f"The queue connection [{chosen or settings.default_connection}] cannot be used: {problem}")
    elif connection.retry_after <= WORKERS_TIMEOUT:
        found.append(
            f"retry_after is {connection.retry_after} seconds, no longer than the {WORKERS_TIMEOUT} that queue:work "
            "gives a job: a PHP worker's job may be run twice."
        )
    for redis in dict.fromkeys((connection.redis if connection is not None else None, settings.cache.redis)):
        if redis is not None and (redis.serializer or redis.compression):
            what = " and ".join(name for name in (redis.serializer, redis.compression) if name)
            found.append(
                f"The Redis connection [{redis.name}] has {what} set: what phpredis stores through it, cache values "
                "and before Laravel 12.45 delayed jobs, cannot be read here."
            )
    if settings.failed.driver is None:
        found.append("queue.failed.driver is null: failed jobs are discarded.")
    if settings.cache.problem is not None:
        found.append(
            f"The cache store [{settings.cache.name}] cannot be used: {settings.cache.problem} "
            "Restart and pause signals do not reach workers."
        )
    if settings.maintenance.driver == "cache" and settings.maintenance.store not in (None, settings.cache.name):
        found.append(
            f"Maintenance mode is kept in the cache store [{settings.maintenance.store}], which workers do not look at."
        )
    return list(dict.fromkeys(found))


class _Rows:
    """Rows of one application, with their sources looked up."""

    def __init__(self, settings: Settings) -> None:
        self._sources = settings.sources
        self.rows: list[Row] = []

    def add(self, key: str, value: object, source: str | None = None) -> None:
        shown = "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
        self.rows.append(Row(key, shown, self._sources.get(key, "") if source is None else source))


def _application(settings: Settings) -> tuple[Row, ...]:
    rows = _Rows(settings)
    rows.add("path", settings.base, "")
    rows.add("laravel", settings.version.text, settings.version.source)
    rows.add("configuration", settings.config_cached or "config/", "")
    rows.add("app.name", settings.name)
    rows.add("app.env", settings.environment)
    rows.add("app.timezone", settings.timezone)
    rows.add("app.key", describe_key(settings.app_key, settings.cipher))
    if settings.previous_keys:
        rows.add("app.previous_keys", len(settings.previous_keys), settings.sources.get("app.previous_keys.0", ""))
    return tuple(rows.rows)


def _connection(settings: Settings, connection: QueueConnection | None) -> tuple[Row, ...]:
    rows = _Rows(settings)
    rows.add("queue.default", settings.default_connection)
    if connection is None:
        return tuple(rows.rows)
    key = f"queue.connections.{connection.name}"
    rows.add(f"{key}.driver", connection.driver)
    if connection.problem is not None:
        return tuple(rows.rows)
    rows.add(f"{key}.queue", connection.queue)
    rows.add(f"{key}.retry_after", connection.retry_after)
    if connection.redis is not None:
        rows.add(f"{key}.block_for", connection.block_for)
    rows.add(f"{key}.after_commit", connection.after_commit)
    if connection.redis is not None:
        rows.add(f"{key}.connection", connection.redis.name)
        _redis(rows, connection.redis, settings)
    if connection.database is not None:
        rows.add(f"{key}.connection", connection.database.name)
        _database(rows, connection.database)
        rows.add(f"{key}.table", connection.table)
    return tuple(rows.rows)


def _others(settings: Settings, chosen: str) -> list[Section]:
    others = [one for one in settings.connections.values() if one.name != chosen]
    rows = [Row(one.name, one.problem or f"{one.driver} at {_where(one)}") for one in others]
    return [Section("other queue connections", tuple(rows))] if rows else []


def _where(connection: QueueConnection) -> str:
    found = connection.redis or connection.database
    return found.where if found is not None else "?"


def _redis(rows: _Rows, redis: RedisConnection, settings: Settings) -> None:
    base = f"database.redis.{redis.name}"
    source = next(
        (settings.sources[f"{base}.{key}"] for key in ("url", "host") if _is_set(settings, f"{base}.{key}")), ""
    )
    rows.add(base, redis.where, source)
    own = f"{base}.prefix"
    rows.add(own if own in settings.sources else "database.redis.options.prefix", redis.prefix)


def _is_set(settings: Settings, key: str) -> bool:
    """True for a host, or for a URL that was not left out."""
    source = settings.sources.get(key, "")
    return bool(source) and not (key.endswith(".url") and "not set)" in source)


def _database(rows: _Rows, database: DatabaseConnection) -> None:
    base = f"database.connections.{database.name}"
    rows.add(base, f"{database.driver} at {database.where}", rows._sources.get(f"{base}.database", ""))
    if database.table_prefix:
        rows.add(f"{base}.prefix", database.table_prefix)


def _failed(settings: Settings) -> tuple[Row, ...]:
    rows = _Rows(settings)
    rows.add("queue.failed.driver", settings.failed.driver)
    if settings.failed.path is not None:
        rows.add("queue.failed.path", settings.failed.path)
        rows.add("queue.failed.limit", settings.failed.limit)
    if settings.failed.database is not None:
        rows.add("queue.failed.database", settings.failed.database.name)
        _database(rows, settings.failed.database)
        rows.add("queue.failed.table", settings.failed.table)
    return tuple(rows.rows)


def _batches(settings: Settings) -> tuple[Row, ...]:
    rows = _Rows(settings)
    if settings.batching.database is None:
        rows.add("queue.batching.driver", settings.batching.driver)
    else:
        rows.add("queue.batching.database", settings.batching.database.name)
        rows.add("queue.batching.table", settings.batching.table)
    return tuple(rows.rows)


def _cache(settings: Settings, store: CacheStore) -> tuple[Row, ...]:
    rows = _Rows(settings)
    key = f"cache.stores.{store.name}"
    rows.add("cache.default", store.name)
    rows.add(f"{key}.driver", store.driver)
    if store.redis is not None:
        rows.add(f"{key}.connection", store.redis.name)
        rows.add(f"database.redis.{store.redis.name}", store.redis.where, "")
        if store.lock_redis is not None:
            rows.add(f"{key}.lock_connection", store.lock_redis.name)
    if store.database is not None:
        rows.add(f"{key}.connection", store.database.name)
        rows.add(f"{key}.table", store.table)
        rows.add(f"{key}.lock_table", store.lock_table)
    if store.path is not None:
        rows.add(f"{key}.path", store.path)
    if store.redis is not None or store.database is not None:
        rows.add("whole key prefix", store.prefix, settings.sources.get("cache.prefix", ""))
    return tuple(rows.rows)


def _maintenance(settings: Settings) -> tuple[Row, ...]:
    rows = _Rows(settings)
    rows.add("app.maintenance.driver", settings.maintenance.driver)
    if settings.maintenance.driver == "cache":
        rows.add("app.maintenance.store", settings.maintenance.store)
    else:
        rows.add("file", settings.maintenance.file, "")
    return tuple(rows.rows)
