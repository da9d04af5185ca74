"""From a URL, or from the queue's own driver, to a failed-job store."""

from __future__ import annotations

from typing import Literal
from urllib.parse import urlsplit

from lara_queue.errors import UnknownDriver
from lara_queue.failed.memory import MemoryFailedStore
from lara_queue.failed.null import NullFailedStore
from lara_queue.failed.redis import RedisFailedStore
from lara_queue.ports import Driver, FailedStore

__all__ = ["open_failed_store"]

_named: dict[str, MemoryFailedStore] = {}


def open_failed_store(
    source: FailedStore | str | None, *, face: Literal["sync", "async"], driver: Driver, key: str
) -> FailedStore:
    """The store that ``source`` stands for; nothing is connected yet.

    Parameters:
        source: a store, which is returned as it is; a URL (``redis://…``, ``memory://``, ``memory://name``,
            ``null://``); or None for the place beside the queue: its Redis, or memory.
        face: which shell will drive its plans.
        driver: the queue's driver.
        key: the whole key of the list on Redis.

    Raises :class:`~lara_queue.errors.UnknownDriver` for another scheme.

    >>> from lara_queue.drivers import open_driver
    >>> open_failed_store(None, face="sync", driver=open_driver("memory://", face="sync"), key="").name
    'memory'
    """
    if source is None:
        link = getattr(driver, "link", None)
        return RedisFailedStore(link, key) if driver.name == "redis" and link is not None else MemoryFailedStore()
    if not isinstance(source, str):
        return source
    scheme = source.partition("://")[0]
    if scheme in ("redis", "rediss", "unix"):
        from lara_queue.drivers.redis import redis_link

        return RedisFailedStore(redis_link(source, face), key)
    if scheme == "memory":
        name = urlsplit(source).netloc
        return _named.setdefault(name, MemoryFailedStore()) if name else MemoryFailedStore()
    if scheme == "null":
        return NullFailedStore()
    raise UnknownDriver(f"No failed-job store speaks {scheme}://. There are redis://, memory:// and null://.")
