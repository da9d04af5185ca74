"""From Laravel's connection arrays to URLs that stores are opened with.

Mirrors ``Support/ConfigurationUrlParser``, ``Redis/RedisManager`` and ``Redis/Connectors/PhpRedisConnector``, and the
connectors of ``Database/Connectors``.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from lara_queue.application.php_values import CannotTell, to_bool, to_text, whole
from lara_queue.application.values import Constant, Unknown
from lara_queue.errors import ConfigurationError

__all__ = ["DatabaseConnection", "RedisConnection", "database_connection", "parse_url", "redis_connection"]

Plain = Mapping[Any, Any]

_DRIVERS: Final = {
    **{"mssql": "sqlsrv", "mysql2": "mysql", "postgres": "pgsql", "postgresql": "pgsql", "sqlite3": "sqlite"},
    **{"redis": "tcp", "rediss": "tls"},
}
_SCHEMES: Final = {"mysql": "mysql", "mariadb": "mariadb", "pgsql": "postgresql"}
_PORTS: Final = {"mysql": "3306", "mariadb": "3306", "pgsql": "5432"}
_SSL_CA: Final = 1009  # PDO::MYSQL_ATTR_SSL_CA, as a cached file has it; elsewhere it stands there by name
_SSL_CA_NAME: Final = re.compile(r"ATTR_SSL_CA\b")
_POSTGRES_TLS: Final = ("sslcert", "sslkey", "sslrootcert")
_CONTEXT: Final = {"cafile": "ssl_ca_certs", "local_cert": "ssl_certfile", "local_pk": "ssl_keyfile"}


@dataclass(frozen=True, slots=True)
class RedisConnection:
    """A connection of ``database.redis``.

    Attributes:
        name: its name there.
        url: with user and password where it has them.
        where: host, port and database; never a password.
        prefix: what the client puts before every key.
        client: ``phpredis``, ``predis`` or what else is configured.
        serializer, compression: phpredis options that change what is stored, when they do; None otherwise.
    """

    name: str
    url: str = field(repr=False)
    where: str
    prefix: str
    client: str = "phpredis"
    serializer: str | None = None
    compression: str | None = None


@dataclass(frozen=True, slots=True)
class DatabaseConnection:
    """A connection of ``database.connections``.

    Attributes:
        name: its name there.
        driver: ``sqlite``, ``mysql``, ``mariadb``, ``pgsql`` or what else is configured.
        url: for SQLAlchemy, with user and password; None for a driver that is not supported.
        where: file, or host, port and database; never a password.
        table_prefix: what stands before every table's name.
    """

    name: str
    driver: str
    url: str | None = field(repr=False)
    where: str
    table_prefix: str = ""


def parse_url(config: Plain) -> dict[Any, Any]:
    """The connection's options with those of its ``url`` over them.

    Raises :class:`~lara_queue.errors.ConfigurationError` for an URL that cannot be read.

    >>> parse_url({"url": "rediss://:s%40@cache:6380/2?name=x", "host": "localhost"})
    {'host': 'cache', 'driver': 'tls', 'database': '2', 'port': 6380, 'username': '', 'password': 's@', 'name': 'x'}
    """
    options = {key: value for key, value in config.items() if key != "url"}
    url = config.get("url")
    if not isinstance(url, str) or not url:
        return options
    for scheme in ("sqlite:///", "sqlite3:///"):
        if url.startswith(scheme):
            url = f"{scheme}null/{url[len(scheme) :]}".replace(":///null", "://null", 1)
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ConfigurationError("The URL of a connection in config/database.php cannot be read; check it.") from None
    path = unquote(parts.path)
    found: dict[Any, Any] = {
        "host": unquote(parts.hostname) if parts.hostname else None,
        "driver": _DRIVERS.get(parts.scheme, parts.scheme) or None,
        "database": path[1:] if path not in ("", "/") else None,
        "port": port,
        "username": None if parts.username is None else unquote(parts.username),
        "password": None if parts.password is None else unquote(parts.password),
    }
    given = {key: value for key, value in found.items() if value is not None}
    return {**options, **given, **dict(parse_qsl(parts.query, keep_blank_values=True))}


def redis_connection(name: str, config: Plain, redis: Plain, major: int) -> RedisConnection:
    """The Redis connection of that name.

    Parameters:
        name: the connection.
        config: its array.
        redis: the whole array of ``database.redis``, for ``client`` and ``options``.
        major: the Laravel's major version: 8 lets the shared options beat the connection's own ``prefix``.

    Raises :class:`~lara_queue.errors.ConfigurationError` when it cannot be used.

    >>> shared = {"options": {"prefix": "laravel_database_"}}
    >>> redis_connection("default", {"host": "cache", "password": "p", "database": "1"}, shared, 12).url
    'redis://:p@cache:6379/1'
    """
    options = parse_url(config)
    own = dict(_array(options.pop("options", None)))
    if major >= 9 and options.get("prefix") is not None:
        own["prefix"] = options["prefix"]
    merged = {**options, **_array(redis.get("options")), **own}
    scheme = _text(options.get("scheme") or options.get("driver") or "tcp").lower()
    host = _text(options.get("host") or options.get("path") or "127.0.0.1")
    if "://" in host:
        scheme, _, host = host.partition("://")
    database = _whole(options.get("database"))
    user = _user(options) if _text(options.get("password")) else ""
    path = host if host.startswith("/") else _text(options.get("path")) if scheme == "unix" else ""
    if path:
        url, where = f"unix://{user}{quote(path)}?db={database}", f"{path} database {database}"
    else:
        host = f"[{host}]" if ":" in host and not host.startswith("[") else host
        where = f"{host}:{_whole(options.get('port') or 6379)}"
        tls = scheme in ("tls", "ssl", "rediss")
        query = _tls_context(_array(options.get("context"))) if tls else {}
        url = f"{'rediss' if tls else 'redis'}://{user}{where}/{database}{_query(query)}"
        where = f"{where} database {database}{' over TLS' if tls else ''}"
    return RedisConnection(
        name,
        url,
        where,
        _text(merged.get("prefix")),
        _text(redis.get("client") or "phpredis"),
        _changing(merged.get("serializer"), "SERIALIZER_NONE"),
        _changing(merged.get("compression"), "COMPRESSION_NONE"),
    )


def database_connection(name: str, config: Plain, base: Path) -> DatabaseConnection:
    """The database connection of that name; jobs go where is written, so ``write`` options beat the others.

    Raises :class:`~lara_queue.errors.ConfigurationError` when it cannot be used.

    >>> database_connection("pgsql", {"driver": "pgsql", "host": "db", "database": "shop", "username": "ada",
    ...     "password": "p@ss", "search_path": "jobs,public"}, Path("/app")).url
    'postgresql://ada:p%40ss@db:5432/shop?options=-csearch_path%3Djobs%2Cpublic'
    """
    options = parse_url(config)
    write = _array(options.pop("write", None))
    options |= _array(write.get(0)) or write
    driver = _text(options.get("driver"))
    prefix = _text(options.get("prefix"))
    database = _text(options.get("database"))
    if driver == "sqlite":
        path = _sqlite_path(database, base)
        return DatabaseConnection(name, driver, f"sqlite:///{path}", path or "memory", prefix)
    host = options.get("host")
    host = _text(host.get(0) if isinstance(host, Mapping) else host) or "127.0.0.1"
    if driver not in _SCHEMES:
        return DatabaseConnection(name, driver, None, f"{host}/{database}", prefix)
    port = _text(options.get("port")) or _PORTS[driver]
    query = _mysql_query(options) if driver != "pgsql" else _postgres_query(options)
    socket = query.get("unix_socket")
    where = f"{socket or f'{host}:{port}'}/{database}"
    if host.startswith("/"):
        query["host"], authority = host, ""
    else:
        authority = f"[{host}]:{port}" if ":" in host and not host.startswith("[") else f"{host}:{port}"
    url = f"{_SCHEMES[driver]}://{_user(options)}{authority}/{quote(database, safe='')}{_query(query)}"
    return DatabaseConnection(name, driver, url, where, prefix)


def _sqlite_path(database: str, base: Path) -> str:
    """An absolute path; one that is relative counts from the application. Nothing for a database in memory."""
    if not database or database == ":memory:" or "mode=memory" in database:
        return ""
    return posixpath.normpath(database if database.startswith("/") else f"{base}/{database}")


def _mysql_query(options: Plain) -> dict[str, str]:
    query = {}
    charset = _text(options.get("charset"))
    if charset and charset != "utf8mb4":
        query["charset"] = charset
    if _text(options.get("unix_socket")):
        query["unix_socket"] = _text(options["unix_socket"])
    for key, value in _array(options.get("options")).items():
        is_ca = _SSL_CA_NAME.search(key.name) if isinstance(key, Constant) else key == _SSL_CA
        if is_ca and _text(value):
            query["ssl_ca"] = _text(value)
    return query


def _postgres_query(options: Plain) -> dict[str, str]:
    query = {}
    mode = _text(options.get("sslmode"))
    if mode and mode != "prefer":
        query["sslmode"] = mode
    query |= {name: _text(options[name]) for name in _POSTGRES_TLS if _text(options.get(name))}
    path = options.get("search_path") or options.get("schema") or "public"
    names = [_text(one) for one in path.values()] if isinstance(path, Mapping) else _text(path).split(",")
    names = [one.strip().strip("'\"") for one in names if one.strip()]
    if names and names != ["public"]:
        query["options"] = f"-csearch_path={','.join(names)}"
    return query


def _tls_context(context: Plain) -> dict[str, str]:
    """redis-py's words for a PHP stream context."""
    for inner in ("stream", "ssl"):
        context = _array(context.get(inner)) or context
    query = {ours: _text(context[theirs]) for theirs, ours in _CONTEXT.items() if _text(context.get(theirs))}
    if context.get("verify_peer") is False:
        query["ssl_cert_reqs"] = "none"
    elif context.get("verify_peer_name") is False:
        query["ssl_check_hostname"] = "false"
    return query


def _user(options: Plain) -> str:
    user, password = _text(options.get("username")), _text(options.get("password"))
    if not user and not password:
        return ""
    return f"{quote(user, safe='')}{f':{quote(password, safe=str())}' if password else ''}@"


def _query(query: Mapping[str, str]) -> str:
    return f"?{urlencode(query)}" if query else ""


def _changing(value: Any, harmless: str) -> str | None:
    """A phpredis option's name, unless it is the one that changes nothing."""
    if isinstance(value, Constant):
        return None if value.name.endswith(harmless) else value.name
    if isinstance(value, Unknown):
        return value.source
    return _text(value) if value and to_bool(value) else None


def _array(value: Any) -> Plain:
    return value if isinstance(value, Mapping) else {}


def _text(value: Any) -> str:
    try:
        return to_text(value)
    except CannotTell:
        return ""


def _whole(value: Any) -> int:
    try:
        return whole(value)
    except CannotTell:
        return 0
