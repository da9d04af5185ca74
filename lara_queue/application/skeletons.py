"""The configuration that counts where an application has none: the part of each skeleton that queues and caches need.

Written in PHP, as the original is, and read by the same reader, so that the environment counts here, too. For Laravel
11 and later these are the framework's own base files, which are merged under the application's; for 8 to 10 they are
the files of a new application. Facts: protocol §9.2 to §9.4.
"""

from __future__ import annotations

from typing import Final

from lara_queue.application.php_reader import Scope, read_php
from lara_queue.application.values import Value
from lara_queue.application.versions import NEWEST, OLDEST

__all__ = ["FILES", "skeleton"]

FILES: Final = ("app", "cache", "database", "queue")

_MERGED_FROM: Final = 11

_APP = """<?php return [
'name' => env('APP_NAME', 'Laravel'), 'env' => env('APP_ENV', 'production'), 'timezone' => {timezone},
'key' => env('APP_KEY'), 'cipher' => 'AES-256-CBC', {more}
];"""
_APP_11 = """'previous_keys' => [...array_filter(explode(',', (string) env('APP_PREVIOUS_KEYS', '')))],
'maintenance' => ['driver' => env('APP_MAINTENANCE_DRIVER', 'file'),
'store' => env('APP_MAINTENANCE_STORE', 'database')]"""

_SQL = """'{name}' => ['driver' => '{name}', 'url' => env('{url}'), 'host' => env('DB_HOST', '127.0.0.1'),
'port' => env('DB_PORT', '{port}'), 'database' => env('DB_DATABASE', '{user[0]}'),
'username' => env('DB_USERNAME', '{user[1]}'), 'password' => env('DB_PASSWORD', ''), {more} 'prefix' => ''],"""
_DATABASE = """<?php return ['default' => env('DB_CONNECTION', '{default}'), 'connections' => [
'sqlite' => ['driver' => 'sqlite', 'url' => env('{url}'),
'database' => env('DB_DATABASE', database_path('database.sqlite')), 'prefix' => ''],
{sql}], 'redis' => ['client' => env('REDIS_CLIENT', 'phpredis'),
'options' => ['cluster' => env('REDIS_CLUSTER', 'redis'), 'prefix' => env('REDIS_PREFIX', {prefix})],
'default' => [{redis} 'database' => env('REDIS_DB', '0')],
'cache' => [{redis} 'database' => env('REDIS_CACHE_DB', '1')]]];"""
_REDIS = """'url' => env('REDIS_URL'), 'host' => env('REDIS_HOST', '127.0.0.1'), 'username' => env('REDIS_USERNAME'),
'password' => env('REDIS_PASSWORD'), 'port' => env('REDIS_PORT', '6379'),"""

_QUEUE_8 = """<?php return ['default' => env('QUEUE_CONNECTION', 'sync'), 'connections' => [
'sync' => ['driver' => 'sync'],
'database' => ['driver' => 'database', 'table' => 'jobs', 'queue' => 'default', 'retry_after' => 90,
'after_commit' => false],
'redis' => ['driver' => 'redis', 'connection' => 'default', 'queue' => env('REDIS_QUEUE', 'default'),
'retry_after' => 90, 'block_for' => null, 'after_commit' => false]],
'batching' => ['database' => env('DB_CONNECTION', 'mysql'), 'table' => 'job_batches'],
'failed' => ['driver' => env('QUEUE_FAILED_DRIVER', 'database-uuids'), 'database' => env('DB_CONNECTION', 'mysql'),
'table' => 'failed_jobs']];"""
_QUEUE_11 = """<?php return ['default' => env('QUEUE_CONNECTION', 'database'), 'connections' => [
'sync' => ['driver' => 'sync'],
'database' => ['driver' => 'database', 'connection' => env('DB_QUEUE_CONNECTION'),
'table' => env('DB_QUEUE_TABLE', 'jobs'), 'queue' => env('DB_QUEUE', 'default'),
'retry_after' => (int) env('DB_QUEUE_RETRY_AFTER', 90), 'after_commit' => false],
'redis' => ['driver' => 'redis', 'connection' => env('REDIS_QUEUE_CONNECTION', 'default'),
'queue' => env('REDIS_QUEUE', 'default'), 'retry_after' => (int) env('REDIS_QUEUE_RETRY_AFTER', 90),
'block_for' => null, 'after_commit' => false]],
'batching' => ['database' => env('DB_CONNECTION', 'sqlite'), 'table' => 'job_batches'],
'failed' => ['driver' => env('QUEUE_FAILED_DRIVER', 'database-uuids'), 'database' => env('DB_CONNECTION', 'sqlite'),
'table' => 'failed_jobs']];"""

_CACHE_8 = """<?php return ['default' => env('CACHE_DRIVER', 'file'), 'stores' => [
'array' => ['driver' => 'array'],
'database' => ['driver' => 'database', 'table' => 'cache', 'connection' => null, 'lock_connection' => null],
'file' => ['driver' => 'file', 'path' => storage_path('framework/cache/data')],
'redis' => ['driver' => 'redis', 'connection' => 'cache', 'lock_connection' => 'default']],
'prefix' => env('CACHE_PREFIX', {prefix})];"""
_CACHE_11 = """<?php return ['default' => env('CACHE_STORE', 'database'), 'stores' => [
'array' => ['driver' => 'array'],
'database' => ['driver' => 'database', 'connection' => env('DB_CACHE_CONNECTION'),
'table' => env('DB_CACHE_TABLE', 'cache'), 'lock_connection' => env('DB_CACHE_LOCK_CONNECTION'),
'lock_table' => env('DB_CACHE_LOCK_TABLE')],
'file' => ['driver' => 'file', 'path' => storage_path('framework/cache/data'),
'lock_path' => storage_path('framework/cache/data')],
'redis' => ['driver' => 'redis', 'connection' => env('REDIS_CACHE_CONNECTION', 'cache'),
'lock_connection' => env('REDIS_CACHE_LOCK_CONNECTION', 'default')]],
'prefix' => env('CACHE_PREFIX', {prefix})];"""

_UNDERSCORED = "Str::slug((string) env('APP_NAME', 'laravel'), '_')"
_DASHED = "Str::slug((string) env('APP_NAME', 'laravel'))"


def skeleton(major: int, scope: Scope) -> Value:
    """The default configuration of a Laravel version, the four files of :data:`FILES` as elements of one array.

    >>> from pathlib import Path
    >>> [skeleton(major, Scope(Path("/app"))).at("cache.prefix").data for major in (8, 12, 13)]
    ['laravel_cache', 'laravel_cache_', 'laravel-cache-']
    """
    major = min(max(major, OLDEST), NEWEST)
    name = f"default of Laravel {major}'s {'framework' if major >= _MERGED_FROM else 'skeleton'}"
    read = {file: read_php(text, name, scope) for file, text in _texts(major).items()}
    return Value({file: _without_lines(value) for file, value in read.items()}, name)


def _texts(major: int) -> dict[str, str]:
    merged = major >= _MERGED_FROM
    app = _APP.replace("{timezone}", "env('APP_TIMEZONE', 'UTC')" if major == 11 else "'UTC'")
    app = app.replace("{more}", _APP_11 if merged else "'maintenance' => ['driver' => 'file']")
    cache = f"{_DASHED}.'-cache-'" if major >= 13 else f"{_UNDERSCORED}.'{'_cache' if major == 8 else '_cache_'}'"
    return {
        "app": app,
        "cache": (_CACHE_11 if merged else _CACHE_8).replace("{prefix}", cache),
        "database": _database(major, merged),
        "queue": _QUEUE_11 if merged else _QUEUE_8,
    }


def _database(major: int, merged: bool) -> str:
    url, user = ("DB_URL", ("laravel", "root")) if merged else ("DATABASE_URL", ("forge", "forge"))
    on_socket = "'unix_socket' => env('DB_SOCKET', ''), 'charset' => 'utf8mb4',"
    kinds = [("mysql", "3306", on_socket), ("pgsql", "5432", "'charset' => 'utf8', 'sslmode' => 'prefer',")]
    if merged:
        kinds.append(("mariadb", "3306", on_socket))
    text = _DATABASE.replace("{default}", "sqlite" if merged else "mysql").replace("{url}", url)
    sql = "\n".join(_SQL.format(name=name, url=url, port=port, user=user, more=more) for name, port, more in kinds)
    prefix = f"{_DASHED}.'-database-'" if major >= 13 else f"{_UNDERSCORED}.'_database_'"
    return text.replace("{sql}", sql).replace("{prefix}", prefix).replace("{redis}", _REDIS)


def _without_lines(value: Value) -> Value:
    """The same with origins that name no line: nobody has the text to look it up in."""
    data = value.data
    if isinstance(data, dict):
        data = {key: _without_lines(one) for key, one in data.items()}
    return Value(data, value.file, 0, value.reads)
