"""From a URL or a client to a driver. Read ``_STORES`` to see which store speaks which scheme.

A store's module is imported when its first URL or client comes by, so a program needs only the client libraries it
uses. A new store is one line here and a module with ``open_store(source, face, settings)``.
"""

from __future__ import annotations

import difflib
import importlib
from dataclasses import dataclass
from typing import Any, Literal, cast
from urllib.parse import urlsplit

from lara_queue.drivers.settings import DriverSettings
from lara_queue.errors import ConfigurationError, MissingExtra, UnknownDriver
from lara_queue.ports import Driver

__all__ = ["open_driver"]


@dataclass(frozen=True, slots=True)
class _Store:
    """Where a store's code is; ``extra``: what to install for it; ``module`` None: not written yet."""

    module: str | None
    extra: str | None = None


_STORES = {
    "memory": _Store("lara_queue.drivers.memory"),
    "redis": _Store("lara_queue.drivers.redis"),
    "rediss": _Store("lara_queue.drivers.redis"),
    "unix": _Store("lara_queue.drivers.redis"),
    "redis+sentinel": _Store(None),
    "redis+cluster": _Store(None),
    "sqlite": _Store("lara_queue.drivers.database"),
    "postgresql": _Store("lara_queue.drivers.database", "postgres"),
    "mysql": _Store("lara_queue.drivers.database", "mysql"),
    "mariadb": _Store("lara_queue.drivers.database", "mysql"),
    "sync": _Store("lara_queue.drivers.sync_driver"),
    "failover": _Store("lara_queue.drivers.failover"),
}
"""Scheme → store."""

_CLIENTS = {"redis": _STORES["redis"], "sqlalchemy": _Store("lara_queue.drivers.database")}
"""Package of a client's class, or of one it derives from → store."""

_ALIASES = {"postgres": "postgresql", "pgsql": "postgresql", "valkey": "redis", "mem": "memory", "array": "memory"}
"""Schemes people write → the one they mean, for the hint."""


def open_driver(source: Any, *, face: Literal["sync", "async"], settings: DriverSettings | None = None) -> Driver:
    """A driver for ``source``, ready to be driven by one face. Nothing is connected before its first use.

    Parameters:
        source: a URL; a redis-py client of either face, with any settings (see :mod:`lara_queue.drivers.redis.links`);
            an SQLAlchemy engine (see :class:`lara_queue.sql.Database`); or a driver, which is returned as it is.
            Drivers on the same ``memory://NAME`` share their jobs within the process; ``memory://`` alone is a store
            of its own.
        face: ``sync`` for plans that :func:`~lara_queue.plans.run` drives, ``async`` for ``run_async``.
        settings: prefix, retry_after (seconds), clock, ...

    Raises :class:`~lara_queue.errors.UnknownDriver` for a scheme no store speaks,
    :class:`~lara_queue.errors.MissingExtra` when a store's client library is not installed, and
    :class:`~lara_queue.errors.ConfigurationError` for anything else that cannot work.

    >>> open_driver("memory://", face="sync").name
    'memory'
    >>> open_driver("reids://localhost", face="sync")
    Traceback (most recent call last):
    lara_queue.errors.UnknownDriver: No store speaks 'reids://'; did you mean redis://?
    """
    settings = settings or DriverSettings()
    if isinstance(source, str):
        scheme, store = _store_of_url(source)
        return cast(Driver, _module(scheme, store).open_store(source, face, settings))
    for base in type(source).__mro__:
        store_of_client = _CLIENTS.get(base.__module__.partition(".")[0])
        if store_of_client is not None:
            return cast(Driver, _module(base.__module__, store_of_client).open_store(source, face, settings))
    if all(callable(getattr(source, method, None)) for method in ("push", "reserve", "delete", "release")):
        return cast(Driver, source)
    raise ConfigurationError(
        f"A {type(source).__name__} is not a place for jobs; give a URL such as redis://localhost:6379/0, "
        "a redis-py client, an SQLAlchemy engine, or a driver."
    )


def _store_of_url(url: str) -> tuple[str, _Store]:
    try:
        scheme = urlsplit(url).scheme.lower()
    except ValueError as error:
        raise ConfigurationError(f"This URL cannot be read: {error}.") from None
    if not scheme or "://" not in url:
        raise UnknownDriver("The store's URL must begin with a scheme, such as redis://localhost:6379/0 or memory://.")
    store = _STORES.get(scheme) or _STORES.get(scheme.partition("+")[0])  # sqlite+aiosqlite:// and the like
    if store is None:
        close = [_ALIASES[scheme]] if scheme in _ALIASES else difflib.get_close_matches(scheme, _STORES, 1)
        known = ", ".join(f"{name}://" for name, one in _STORES.items() if one.module)
        hint = f"did you mean {close[0]}://?" if close else f"there are {known}."
        raise UnknownDriver(f"No store speaks '{scheme}://'; {hint}")
    return scheme, store


def _module(name: str, store: _Store) -> Any:
    if store.module is None:
        known = ", ".join(f"{scheme}://" for scheme, one in _STORES.items() if one.module)
        raise UnknownDriver(f"'{name}://' is not supported yet; there are {known}.")
    try:
        return importlib.import_module(store.module)
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("lara_queue"):
            raise
        wanted = f"lara-queue[{store.extra}]" if store.extra else error.name
        raise MissingExtra(f"'{name}://' needs the package {error.name}: pip install '{wanted}'.") from error
