"""Small applications, with the expressions of the skeletons of Laravel 8, 10, 11, 12 and 13 in their configuration."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

KEY = "base64:MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="

_SLUG = {
    8: "Str::slug(env('APP_NAME', 'laravel'), '_').'_",
    10: "Str::slug(env('APP_NAME', 'laravel'), '_').'_",
    11: "Str::slug(env('APP_NAME', 'laravel'), '_').'_",
    12: "Str::slug((string) env('APP_NAME', 'laravel')).'-",
    13: "Str::slug((string) env('APP_NAME', 'laravel')).'-",
}
_MYSQL_CA = {
    8: "PDO::MYSQL_ATTR_SSL_CA",
    10: "PDO::MYSQL_ATTR_SSL_CA",
    11: "PDO::MYSQL_ATTR_SSL_CA",
    12: "(PHP_VERSION_ID >= 80500 ? \\Pdo\\Mysql::ATTR_SSL_CA : \\PDO::MYSQL_ATTR_SSL_CA)",
    13: "Mysql::ATTR_SSL_CA",
}
FRAMEWORKS = {8: "8.83.29", 10: "10.50.3", 11: "11.56.0", 12: "12.53.0", 13: "13.26.1"}


def queue_php(major: int) -> str:
    """``config/queue.php``."""
    if major < 11:
        return """<?php

return [

    /*
    |--------------------------------------------------------------------------
    | Which connection, if nobody says
    |--------------------------------------------------------------------------
    */

    'default' => env('QUEUE_CONNECTION', 'sync'),

    'connections' => [

        'sync' => [
            'driver' => 'sync',
        ],

        'database' => [
            'driver' => 'database',
            'table' => 'jobs',
            'queue' => 'default',
            'retry_after' => 90,
            'after_commit' => false,
        ],

        'redis' => [
            'driver' => 'redis',
            'connection' => 'default',
            'queue' => env('REDIS_QUEUE', 'default'),
            'retry_after' => 90,
            'block_for' => null,
            'after_commit' => false,
        ],

    ],

    'failed' => [
        'driver' => env('QUEUE_FAILED_DRIVER', 'database-uuids'),
        'database' => env('DB_CONNECTION', 'mysql'),
        'table' => 'failed_jobs',
    ],

];
"""
    more = "" if major < 12 else "'deferred' => ['driver' => 'deferred'],"
    more += "" if major < 12 else "'failover' => ['driver' => 'failover', 'connections' => ['database', 'deferred']],"
    return f"""<?php

return [

    'default' => env('QUEUE_CONNECTION', 'database'),

    'connections' => [

        'sync' => [
            'driver' => 'sync',
        ],

        'database' => [
            'driver' => 'database',
            'connection' => env('DB_QUEUE_CONNECTION'),
            'table' => env('DB_QUEUE_TABLE', 'jobs'),
            'queue' => env('DB_QUEUE', 'default'),
            'retry_after' => (int) env('DB_QUEUE_RETRY_AFTER', 90),
            'after_commit' => false,
        ],

        'redis' => [
            'driver' => 'redis',
            'connection' => env('REDIS_QUEUE_CONNECTION', 'default'),
            'queue' => env('REDIS_QUEUE', 'default'),
            'retry_after' => (int) env('REDIS_QUEUE_RETRY_AFTER', 90),
            'block_for' => null,
            'after_commit' => false,
        ],
        {more}
    ],

    'batching' => [
        'database' => env('DB_CONNECTION', 'sqlite'),
        'table' => 'job_batches',
    ],

    'failed' => [
        'driver' => env('QUEUE_FAILED_DRIVER', 'database-uuids'),
        'database' => env('DB_CONNECTION', 'sqlite'),
        'table' => 'failed_jobs',
    ],

];
"""


def cache_php(major: int) -> str:
    """``config/cache.php``."""
    tail = "cache'" if major == 8 else "cache_'" if major < 12 else "cache-'"
    default = "env('CACHE_DRIVER', 'file')" if major < 11 else "env('CACHE_STORE', 'database')"
    redis = (
        "'connection' => 'cache', 'lock_connection' => 'default'"
        if major < 11
        else "'connection' => env('REDIS_CACHE_CONNECTION', 'cache'),\n"
        "            'lock_connection' => env('REDIS_CACHE_LOCK_CONNECTION', 'default')"
    )
    return f"""<?php

use Illuminate\\Support\\Str;

return [

    // One of the stores below.
    'default' => {default},

    'stores' => [

        'array' => ['driver' => 'array', 'serialize' => false],

        'database' => [
            'driver' => 'database',
            'table' => {"'cache'" if major < 11 else "env('DB_CACHE_TABLE', 'cache')"},
            'connection' => {"null" if major < 11 else "env('DB_CACHE_CONNECTION')"},
        ],

        'file' => [
            'driver' => 'file',
            'path' => storage_path('framework/cache/data'),
        ],

        'memcached' => [
            'driver' => 'memcached',
            'options' => [
                // Memcached::OPT_CONNECT_TIMEOUT => 2000,
            ],
        ],

        'redis' => [
            'driver' => 'redis',
            {redis},
        ],

    ],

    'prefix' => env('CACHE_PREFIX', {_SLUG[major]}{tail}),

];
"""


def database_php(major: int) -> str:
    """``config/database.php``."""
    url, default, name, user = (
        ("DATABASE_URL", "mysql", "forge", "forge") if major < 11 else ("DB_URL", "sqlite", "laravel", "root")
    )
    return f"""<?php

use Illuminate\\Support\\Str;
use Pdo\\Mysql;

return [

    'default' => env('DB_CONNECTION', '{default}'),

    'connections' => [

        'sqlite' => [
            'driver' => 'sqlite',
            'url' => env('{url}'),
            'database' => env('DB_DATABASE', database_path('database.sqlite')),
            'prefix' => '',
            'foreign_key_constraints' => env('DB_FOREIGN_KEYS', true),
        ],

        'mysql' => [
            'driver' => 'mysql',
            'url' => env('{url}'),
            'host' => env('DB_HOST', '127.0.0.1'),
            'port' => env('DB_PORT', '3306'),
            'database' => env('DB_DATABASE', '{name}'),
            'username' => env('DB_USERNAME', '{user}'),
            'password' => env('DB_PASSWORD', ''),
            'unix_socket' => env('DB_SOCKET', ''),
            'charset' => 'utf8mb4',
            'prefix' => '',
            'options' => extension_loaded('pdo_mysql') ? array_filter([
                {_MYSQL_CA[major]} => env('MYSQL_ATTR_SSL_CA'),
            ]) : [],
        ],

        'pgsql' => [
            'driver' => 'pgsql',
            'url' => env('{url}'),
            'host' => env('DB_HOST', '127.0.0.1'),
            'port' => env('DB_PORT', '5432'),
            'database' => env('DB_DATABASE', '{name}'),
            'username' => env('DB_USERNAME', '{user}'),
            'password' => env('DB_PASSWORD', ''),
            'charset' => 'utf8',
            'prefix' => '',
            '{"schema" if major == 8 else "search_path"}' => 'public',
            'sslmode' => 'prefer',
        ],

    ],

    'redis' => [

        'client' => env('REDIS_CLIENT', 'phpredis'),

        'options' => [
            'cluster' => env('REDIS_CLUSTER', 'redis'),
            'prefix' => env('REDIS_PREFIX', {_SLUG[major]}database{"_" if major < 12 else "-"}'),
        ],

        'default' => [
            'url' => env('REDIS_URL'),
            'host' => env('REDIS_HOST', '127.0.0.1'),
            'username' => env('REDIS_USERNAME'),
            'password' => env('REDIS_PASSWORD'),
            'port' => env('REDIS_PORT', '6379'),
            'database' => env('REDIS_DB', '0'),
        ],

        'cache' => [
            'url' => env('REDIS_URL'),
            'host' => env('REDIS_HOST', '127.0.0.1'),
            'username' => env('REDIS_USERNAME'),
            'password' => env('REDIS_PASSWORD'),
            'port' => env('REDIS_PORT', '6379'),
            'database' => env('REDIS_CACHE_DB', '1'),
        ],

    ],

];
"""


def app_php(major: int) -> str:
    """``config/app.php``."""
    if major < 11:
        return """<?php

use Illuminate\\Support\\Facades\\Facade;
use Illuminate\\Support\\ServiceProvider;

return [
    'name' => env('APP_NAME', 'Laravel'),
    'env' => env('APP_ENV', 'production'),
    'debug' => (bool) env('APP_DEBUG', false),
    'timezone' => 'UTC',
    'key' => env('APP_KEY'),
    'cipher' => 'AES-256-CBC',
    'maintenance' => [
        'driver' => 'file',
        // 'store' => 'redis',
    ],
    'providers' => ServiceProvider::defaultProviders()->merge([
        App\\Providers\\AppServiceProvider::class,
    ])->toArray(),
];
"""
    return """<?php

return [
    'name' => env('APP_NAME', 'Laravel'),
    'env' => env('APP_ENV', 'production'),
    'debug' => (bool) env('APP_DEBUG', false),
    'timezone' => 'UTC',
    'cipher' => 'AES-256-CBC',
    'key' => env('APP_KEY'),
    'previous_keys' => [
        ...array_filter(
            explode(',', (string) env('APP_PREVIOUS_KEYS', ''))
        ),
    ],
    'maintenance' => [
        'driver' => env('APP_MAINTENANCE_DRIVER', 'file'),
        'store' => env('APP_MAINTENANCE_STORE', 'database'),
    ],
];
"""


def make(
    base: Path, major: int, env: Mapping[str, str] | str = "", *, installed: bool = True, without: tuple[str, ...] = ()
) -> Path:
    """An application of that version in a folder.

    Parameters:
        base: where; it is made.
        major: 8, 10, 11, 12 or 13.
        env: the ``.env``: its text, or its variables.
        installed: the framework is in ``vendor/``; else only ``composer.json`` asks for it.
        without: files of ``config/`` that are left out.
    """
    files = {"queue": queue_php, "cache": cache_php, "database": database_php, "app": app_php}
    for folder in ("config", "bootstrap/cache", "database", "storage/framework/cache/data", "app/Http"):
        (base / folder).mkdir(parents=True, exist_ok=True)
    (base / "artisan").write_text("#!/usr/bin/env php\n")
    (base / "composer.json").write_text(json.dumps({"require": {"php": "^8.2", "laravel/framework": f"^{major}.0"}}))
    for name, text in files.items():
        if name not in without:
            (base / f"config/{name}.php").write_text(text(major))
    if major < 11:
        (base / "app/Http/Kernel.php").write_text("<?php\n")
    if installed:
        file = base / "vendor/laravel/framework/src/Illuminate/Foundation/Application.php"
        file.parent.mkdir(parents=True)
        file.write_text(f"<?php\nclass Application\n{{\n    const VERSION = '{FRAMEWORKS[major]}';\n}}\n")
    text = env if isinstance(env, str) else "".join(f"{name}={value}\n" for name, value in env.items())
    (base / ".env").write_text(text)
    return base
