"""Applications of each version, found and understood: values, versions, prefixes, and where everything came from."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from lara_queue.application import Laravel
from lara_queue.application.description import cautions, describe, describe_key
from lara_queue.application.versions import FRAMEWORK, find_version
from lara_queue.errors import ConfigurationError
from tests.unit.application import oracle, skeletons
from tests.unit.application.skeletons import KEY, make

REDIS = {"QUEUE_CONNECTION": "redis", "CACHE_STORE": "redis", "CACHE_DRIVER": "redis", "APP_KEY": KEY}


def app(base: Path, major: int, env: Any = "", process: dict[str, str] | None = None, **options: Any) -> Laravel:
    return Laravel(make(base, major, env, **options), process or {})


# -- what each version comes to --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("major", "redis", "cache"),
    [
        (8, "my_app_database_", "my_app_database_my_app_cache:"),
        (10, "my_app_database_", "my_app_database_my_app_cache_:"),
        (11, "my_app_database_", "my_app_database_my_app_cache_"),
        (12, "my-app-database-", "my-app-database-my-app-cache-"),
        (13, "my-app-database-", "my-app-database-my-app-cache-"),
    ],
)
def test_prefixes_by_version(tmp_path: Path, major: int, redis: str, cache: str) -> None:
    settings = app(tmp_path, major, {**REDIS, "APP_NAME": '"My App"'}).settings
    connection = settings.connection()
    assert connection.redis is not None
    assert connection.redis.prefix == redis
    assert settings.cache.prefix == cache
    assert settings.cache.redis is not None
    assert settings.cache.lock_redis is not None
    assert settings.cache.redis.url.endswith("/1")
    assert settings.cache.lock_redis.url.endswith("/0")
    assert (connection.name, connection.queue, connection.retry_after, connection.block_for) == (
        "redis",
        "default",
        90,
        None,
    )
    assert (settings.failed.driver, settings.failed.table) == ("database-uuids", "failed_jobs")
    assert settings.version.text == skeletons.FRAMEWORKS[major]
    assert settings.notes == ()


@pytest.mark.parametrize("major", [8, 10, 11, 12, 13])
def test_a_new_application(tmp_path: Path, major: int) -> None:
    settings = app(tmp_path, major).settings
    if major < 11:
        assert settings.default_connection == "sync"
        assert settings.cache.driver == "file"
        with pytest.raises(
            ConfigurationError, match=r"\[sync\] runs jobs in PHP at once.*name another.*database, redis"
        ):
            settings.connection()
        assert settings.failed.database is not None
        assert settings.failed.database.where == "127.0.0.1:3306/forge"
    else:
        connection = settings.connection()
        assert connection.database is not None
        assert connection.database.url == f"sqlite:///{tmp_path}/database/database.sqlite"
        assert settings.cache.driver == "database"
        assert settings.cache.database == connection.database
        assert settings.cache.prefix == ("laravel_cache_" if major == 11 else "laravel-cache-")
    assert settings.cache.path in (None, tmp_path / "storage/framework/cache/data")
    assert settings.maintenance.file == tmp_path / "storage/framework/down"


@pytest.mark.parametrize(("major", "prefix"), [(8, "laravel_cache"), (10, "laravel_cache_"), (12, "laravel-cache-")])
def test_a_database_cache_has_no_colon(tmp_path: Path, major: int, prefix: str) -> None:
    store = app(tmp_path, major, {"CACHE_DRIVER": "database", "CACHE_STORE": "database"}).settings.cache
    assert (store.prefix, store.table, store.lock_table) == (prefix, "cache", "cache_locks")


def test_the_environment_changes_what_it_may_change(tmp_path: Path) -> None:
    env = {
        **REDIS,
        "REDIS_QUEUE": "mail",
        "REDIS_QUEUE_RETRY_AFTER": "120",
        "REDIS_PREFIX": "",
        "CACHE_PREFIX": "c:",
        "REDIS_HOST": "h",
        "REDIS_PASSWORD": "s3cret",
        "REDIS_CACHE_DB": "5",
        "QUEUE_FAILED_DRIVER": "null",
        "APP_PREVIOUS_KEYS": f"{KEY},,{KEY}",
        "APP_MAINTENANCE_DRIVER": "cache",
    }
    settings = app(tmp_path, 12, env).settings
    connection = settings.connection()
    assert connection.redis is not None
    assert settings.cache.redis is not None
    assert (connection.queue, connection.retry_after, connection.redis.prefix) == ("mail", 120, "")
    assert connection.redis.url == "redis://:s3cret@h:6379/0"
    assert settings.cache.redis.url == "redis://:s3cret@h:6379/5"
    assert settings.cache.prefix == "c:"
    assert settings.failed.driver is None
    assert settings.previous_keys == (KEY, KEY)
    assert settings.app_key == KEY
    assert settings.maintenance.driver == "cache"
    assert "s3cret" not in repr(settings)
    assert KEY not in repr(settings)


# -- sources ---------------------------------------------------------------------------------------------------------


def test_where_values_came_from(tmp_path: Path) -> None:
    env = "APP_NAME=Shop\nQUEUE_CONNECTION=redis\nREDIS_QUEUE=${APP_NAME}\n"
    settings = app(tmp_path, 12, env, {"REDIS_QUEUE_RETRY_AFTER": "60"}).settings
    line = skeletons.queue_php(12).split("\n").index("            'queue' => env('REDIS_QUEUE', 'default'),") + 1
    key = "queue.connections.redis"
    assert settings.connection().queue == "Shop"
    assert settings.sources[f"{key}.queue"] == f".env line 3 (REDIS_QUEUE) via config/queue.php line {line}"
    assert settings.sources[f"{key}.retry_after"] == (
        f"environment (REDIS_QUEUE_RETRY_AFTER) via config/queue.php line {line + 1}"
    )
    assert settings.sources[f"{key}.connection"] == (
        f"config/queue.php line {line - 1} (REDIS_QUEUE_CONNECTION is not set)"
    )
    assert settings.sources[f"{key}.migration_batch_size"] == "Laravel's default"
    assert settings.sources["database.redis.options.prefix"].startswith(
        ".env line 1 (APP_NAME) via config/database.php"
    )


def test_files_that_are_missing(tmp_path: Path) -> None:
    """From Laravel 11 on the framework's files lie under the application's; those of 12 have underscores."""
    files = ("queue", "cache", "database", "app")
    settings = app(tmp_path, 12, REDIS, without=files).settings
    connection = settings.connection()
    assert connection.redis is not None
    assert connection.redis.prefix == "laravel_database_"
    assert settings.cache.prefix == "laravel_database_laravel_cache_"
    assert settings.sources["queue.default"] == ".env line 1 (QUEUE_CONNECTION) via default of Laravel 12's framework"
    thirteen = app(tmp_path / "13", 13, REDIS, without=files).settings
    assert thirteen.cache.prefix == "laravel-database-laravel-cache-"
    eight = app(tmp_path / "8", 8, REDIS, without=files).settings
    assert eight.cache.prefix == "laravel_database_laravel_cache:"
    assert "default of Laravel 8's skeleton" in eight.sources["queue.default"]


def test_an_upgraded_application_keeps_its_prefix_and_gets_the_new_connections(tmp_path: Path) -> None:
    make(tmp_path, 10, REDIS)
    (tmp_path / FRAMEWORK).write_text("<?php const VERSION = '12.53.0';")
    (tmp_path / "config/queue.php").write_text(
        "<?php return ['default' => 'redis', 'connections' => ['mine' => ['driver' => 'sync']]];"
    )
    settings = Laravel(tmp_path, {}).settings
    assert set(settings.connections) >= {"mine", "redis", "database"}
    connection = settings.connection("redis")
    assert connection.redis is not None
    assert connection.redis.prefix == "laravel_database_"
    assert settings.cache.prefix == "laravel_database_laravel_cache_"  # 12 puts no colon there


def test_installed_base_files_beat_what_we_know_of_them(tmp_path: Path) -> None:
    make(tmp_path, 12, REDIS, without=("queue",))
    below = tmp_path / "vendor/laravel/framework/config"
    below.mkdir()
    (below / "queue.php").write_text(
        "<?php return ['default' => 'redis', 'connections' => ['redis' => ['driver' => 'redis', 'retry_after' => 77]]];"
    )
    settings = Laravel(tmp_path, {}).settings
    assert settings.connection().retry_after == 77
    assert settings.sources["queue.connections.redis.retry_after"] == "vendor/laravel/framework/config/queue.php line 1"


# -- cached configuration --------------------------------------------------------------------------------------------


def test_a_cached_configuration_beats_everything(tmp_path: Path) -> None:
    make(tmp_path, 10, {"QUEUE_CONNECTION": "sync", "APP_NAME": "Other"})
    cached = {
        "app": {
            "name": "Cached",
            "key": KEY,
            "cipher": "AES-256-CBC",
            "timezone": "Europe/Paris",
            "previous_keys": [KEY],
        },
        "queue": {
            "default": "redis",
            "connections": {
                "redis": {
                    "driver": "redis",
                    "connection": "default",
                    "queue": "jobs",
                    "retry_after": 30,
                    "block_for": 5,
                }
            },
            "failed": {"driver": "file", "path": "/x/failed.json", "limit": 7},
        },
        "database": {
            "redis": {
                "client": "predis",
                "options": {"prefix": "p_"},
                "default": {"host": "h", "port": 1, "database": 2},
            }
        },
        "cache": {"default": "redis", "prefix": "c", "stores": {"redis": {"driver": "redis", "connection": "default"}}},
    }
    (tmp_path / "bootstrap/cache/config.php").write_text(oracle.exported(cached))
    application = Laravel(tmp_path, {"REDIS_HOST": "real", "QUEUE_CONNECTION": "sync"})
    settings = application.settings
    connection = settings.connection()
    assert (connection.queue, connection.retry_after, connection.block_for) == ("jobs", 30, 5)
    assert connection.redis is not None
    assert (connection.redis.url, connection.redis.prefix) == ("redis://h:1/2", "p_")
    assert (settings.name, settings.timezone, settings.previous_keys) == ("Cached", "Europe/Paris", (KEY,))
    assert settings.cache.prefix == "p_c:"
    assert settings.cache.lock_redis == settings.cache.redis
    assert (settings.failed.path, settings.failed.limit) == (Path("/x/failed.json"), 7)
    assert settings.sources["queue.default"].startswith("bootstrap/cache/config.php line ")
    assert settings.config_cached == "bootstrap/cache/config.php"
    assert not [one for one in cautions(settings, application.config) if ".env was changed" in one]
    os.utime(tmp_path / ".env", (2e9, 2e9))
    again = Laravel(tmp_path, {})
    assert [one for one in cautions(again.settings, again.config) if ".env was changed" in one]


def test_a_cached_configuration_elsewhere_and_one_that_is_broken(tmp_path: Path) -> None:
    make(tmp_path, 12, REDIS)
    (tmp_path / "other.php").write_text("<?php return array ('app' => array ('name' => 'There'));")
    assert Laravel(tmp_path, {"APP_CONFIG_CACHE": "other.php"}).settings.name == "There"
    assert Laravel(tmp_path, {"APP_CONFIG_CACHE": str(tmp_path / "other.php")}).settings.name == "There"
    (tmp_path / "bootstrap/cache/config.php").write_text("<?php return array (")
    settings = Laravel(tmp_path, {}).settings
    assert settings.default_connection == "redis"
    assert "config/ is read instead" in settings.notes[0]


# -- versions --------------------------------------------------------------------------------------------------------


def test_how_the_version_is_found(tmp_path: Path) -> None:
    make(tmp_path, 12, installed=False)
    version = find_version(tmp_path)
    assert (version.text, version.major, version.source) == ("12", 12, 'composer.json ("^12.0")')
    (tmp_path / "composer.lock").write_text(
        json.dumps({"packages": [{"name": "a/b"}, {"name": "laravel/framework", "version": "v11.3.1"}]})
    )
    assert find_version(tmp_path).text == "11.3.1"
    assert find_version(tmp_path).source == "composer.lock"
    (tmp_path / "vendor/composer").mkdir(parents=True)
    installed = {"packages": [{"name": "laravel/framework", "version": "v10.48.0"}]}
    (tmp_path / "vendor/composer/installed.json").write_text(json.dumps(installed))
    assert (find_version(tmp_path).text, find_version(tmp_path).major) == ("10.48.0", 10)
    make(tmp_path / "x", 8)
    assert find_version(tmp_path / "x").source == "vendor/laravel/framework"


@pytest.mark.parametrize(
    ("constraint", "major"), [("^8.75", 8), ("10.*", 10), (">=9.0 <11.0", 11), ("^11.0|^12.0", 12), ("~12.1.0", 12)]
)
def test_the_constraint_of_composer(tmp_path: Path, constraint: str, major: int) -> None:
    (tmp_path / "composer.json").write_text(json.dumps({"require": {"laravel/framework": constraint}}))
    assert find_version(tmp_path).major == major


@pytest.mark.parametrize("major", [8, 10, 11, 12])
def test_the_shape_of_the_skeleton(tmp_path: Path, major: int) -> None:
    make(tmp_path, major, installed=False)
    (tmp_path / "composer.json").write_text("{not json")
    assert find_version(tmp_path).major == major
    assert find_version(tmp_path).source == "shape of the skeleton"


# -- what cannot be told ---------------------------------------------------------------------------------------------


def test_code_that_must_be_run_is_noted_and_the_defaults_stand_in(tmp_path: Path) -> None:
    make(tmp_path, 12, REDIS)
    path = tmp_path / "config/database.php"
    path.write_text(path.read_text().replace("env('REDIS_HOST', '127.0.0.1')", "Vault::host('s3cret')", 1))
    settings = Laravel(tmp_path, {}).settings
    connection = settings.connection()
    assert connection.redis is not None
    assert connection.redis.where == "127.0.0.1:6379 database 0"
    (note,) = settings.notes
    assert note.startswith("database.redis.default.host cannot be told without running PHP (config/database.php line ")
    assert "s3cret" not in note
    assert "Vault::host" in note


def test_a_file_that_returns_conditionally_is_replaced(tmp_path: Path) -> None:
    make(tmp_path, 12, REDIS)
    (tmp_path / "config/queue.php").write_text("<?php if (x()) { return []; } return ['default' => 'sync'];")
    settings = Laravel(tmp_path, {}).settings
    assert settings.connection().driver == "redis"
    assert "config/queue.php stands in" in settings.notes[0]


def test_connections_that_cannot_be_used_say_why(tmp_path: Path) -> None:
    make(tmp_path, 12, {"DB_CONNECTION": "nowhere", "REDIS_QUEUE_CONNECTION": "none"})
    settings = Laravel(tmp_path, {}).settings
    with pytest.raises(ConfigurationError, match=r"no database connection \[nowhere\]"):
        settings.connection("database")
    with pytest.raises(ConfigurationError, match=r"no Redis connection \[none\]"):
        settings.connection("redis")
    with pytest.raises(ConfigurationError, match=r"no queue connection \[typo\]"):
        settings.connection("typo")


# -- for people ------------------------------------------------------------------------------------------------------


def test_nothing_secret_is_described(tmp_path: Path) -> None:
    env = {
        **REDIS,
        "REDIS_PASSWORD": "r3dis",
        "DB_CONNECTION": "mysql",
        "DB_PASSWORD": "my5ql",
        "REDIS_URL": "redis://u:ur1pw@h/0",
    }
    application = app(tmp_path, 12, env)
    shown = repr(describe(application.settings)) + repr(cautions(application.settings, application.config))
    for secret in ("r3dis", "my5ql", "ur1pw", KEY.removeprefix("base64:")):
        assert secret not in shown
    assert "set (base64, 32 bytes, AES-256-CBC)" in shown


def test_keys_are_described() -> None:
    assert describe_key("x" * 32, "AES-256-CBC") == "set (plain, 32 bytes, AES-256-CBC)"
    assert describe_key("base64:!", "AES-256-CBC") == "set, but its base64 cannot be decoded"


def test_cautions(tmp_path: Path) -> None:
    make(tmp_path, 12, {**REDIS, "APP_KEY": "", "QUEUE_FAILED_DRIVER": "null", "REDIS_QUEUE_RETRY_AFTER": "30"})
    path = tmp_path / "config/database.php"
    path.write_text(path.read_text().replace("'cluster' =>", "'serializer' => Redis::SERIALIZER_PHP, 'cluster' =>", 1))
    application = Laravel(tmp_path, {})
    text = "\n".join(cautions(application.settings, application.config))
    for part in ("APP_KEY is not set", "failed jobs are discarded", "retry_after is 30", "Redis::SERIALIZER_PHP"):
        assert part in text
