"""Jobs in Redis, under the keys and in the bytes that Laravel's own ``RedisQueue`` uses.

``driver.py`` has the rules as plans, ``scripts/`` what must happen in one step inside Redis, ``keys.py`` the key names,
``link_sync.py`` and ``link_async.py`` the two ways to talk to the server; what they share is in ``links.py``.
"""

from __future__ import annotations

from typing import Any, Literal

from lara_queue.drivers.redis.driver import RedisDriver
from lara_queue.drivers.redis.link_async import AsyncRedisLink
from lara_queue.drivers.redis.link_sync import SyncRedisLink
from lara_queue.drivers.redis.links import Recipe
from lara_queue.drivers.settings import DriverSettings

__all__ = ["AsyncRedisLink", "RedisDriver", "SyncRedisLink", "open_store", "redis_link"]


def redis_link(source: Any, face: Literal["sync", "async"]) -> SyncRedisLink | AsyncRedisLink:
    """A link to the Redis of a URL or a redis-py client, for whatever lives there: jobs, failures, cache.

    Its calls are Redis commands, ``Call(link, "GET", (key,))``, answered in bytes, and the scripts of this package by
    name with their keys and arguments, ``Call(link, "sizes", (keys, ()))``. Nothing is connected yet.

    Raises :class:`~lara_queue.errors.ConfigurationError` for what is neither.
    """
    recipe = Recipe.of(source, face)
    return SyncRedisLink(recipe) if face == "sync" else AsyncRedisLink(recipe)


def open_store(source: Any, face: Literal["sync", "async"], settings: DriverSettings) -> RedisDriver:
    """A driver on the Redis of a URL or client; nothing is connected yet. Raises ConfigurationError."""
    return RedisDriver(redis_link(source, face), settings)
