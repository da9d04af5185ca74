"""From a URL, an engine, or the queue's own driver, to a batch store."""

from __future__ import annotations

from typing import Any, Final, Literal
from urllib.parse import urlsplit

from lara_queue.batches.memory import MemoryBatchStore
from lara_queue.cache.urls import SQL, kind_of, own_options
from lara_queue.errors import ConfigurationError, UnknownDriver
from lara_queue.ports import BatchStore, Driver

__all__ = ["open_batch_store"]

TABLE: Final = "job_batches"

_named: dict[str, MemoryBatchStore] = {}


def open_batch_store(
    source: Any, *, face: Literal["sync", "async"], driver: Driver, table: str = TABLE
) -> BatchStore | None:
    """The batch store that ``source`` stands for; nothing is connected yet.

    Parameters:
        source: a store, which is returned as it is; an SQLAlchemy engine; a URL (``sqlite:///…``, ``postgresql://…``,
            ``mysql://…`` with ``table`` in the query; ``memory://``, ``memory://name``); ``database`` for the table
            beside the queue's; or None for what is beside the queue: its database, or this process for the memory
            driver. Redis has none: then the answer is None.
        face: which shell will drive its plans.
        driver: the queue's driver.
        table: the table's name, where a URL does not say.

    Raises :class:`~lara_queue.errors.UnknownDriver` for another scheme.

    >>> from lara_queue.drivers import open_driver
    >>> open_batch_store(None, face="sync", driver=open_driver("memory://", face="sync")).name
    'memory'
    """
    link = getattr(driver, "link", None)
    if source is None or source == "database":
        if driver.name == "database" and link is not None:
            return _database(link, table)
        if source is not None:
            raise ConfigurationError("The queue is in no database; give batches='sqlite:///database/database.sqlite'.")
        return MemoryBatchStore() if driver.name == "memory" else None
    from_engine = hasattr(source, "dialect") or hasattr(source, "sync_engine")
    if not isinstance(source, str) and not from_engine:
        store: BatchStore = source
        return store
    said: dict[str, str] = {}
    if isinstance(source, str):
        kind = kind_of(source)
        if kind == "memory":
            name = urlsplit(source).netloc
            return _named.setdefault(name, MemoryBatchStore()) if name else MemoryBatchStore()
        if kind != SQL:
            raise UnknownDriver(
                f"No batch store speaks {kind}://. There are sqlite://, postgresql://, mysql:// and memory://."
            )
        source, said = own_options(source, ("table",))
    from lara_queue.sql import sql_link

    return _database(sql_link(source, face), said.get("table", table))


def _database(link: Any, table: str) -> BatchStore:
    from lara_queue.batches.database import DatabaseBatchStore

    return DatabaseBatchStore(link, table)
