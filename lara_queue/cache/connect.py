"""From a client or a URL to a cache store, and the prefix that each Laravel puts before its keys."""

from __future__ import annotations

from typing import Any, Literal, cast
from urllib.parse import urlsplit

from lara_queue.cache.memory import MemoryCache
from lara_queue.cache.redis import RedisCache
from lara_queue.clock import Clock, system_clock
from lara_queue.errors import UnknownDriver
from lara_queue.ports import Cache

__all__ = ["open_cache"]

_named: dict[str, MemoryCache] = {}


def open_cache(source: Any, *, face: Literal["sync", "async"], prefix: str = "", clock: Clock = system_clock) -> Cache:
    """The cache store that ``source`` stands for; nothing is connected yet.

    Parameters:
        source: a store, which is returned as it is; a redis-py client; or a URL (``redis://…``, ``memory://name``).
        face: which shell will drive its plans.
        prefix: everything that stands before a key, such as ``laravel_database_laravel_cache_:``.
        clock: tells the Unix time in seconds, for stores in memory.

    Raises :class:`~lara_queue.errors.UnknownDriver` for another scheme.
    """
    if isinstance(source, str):
        scheme = source.partition("://")[0]
        if scheme in ("memory", "array"):
            name = urlsplit(source).netloc
            return _named.setdefault(name, MemoryCache(clock)) if name else MemoryCache(clock)
        if scheme not in ("redis", "rediss", "unix"):
            raise UnknownDriver(f"No cache store speaks {scheme}://. There are redis:// and memory://.")
    elif not hasattr(source, "connection_pool"):
        return cast(Cache, source)
    from lara_queue.drivers.redis import redis_link

    return RedisCache(redis_link(source, face), prefix)
