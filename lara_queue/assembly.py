"""How a queue object is put together: from what its arguments name to stores, and from those to its other parts.

Nothing here connects to anything: a store is opened by its first use.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import tzinfo
from typing import Any, Literal

from lara_queue.batches.connect import open_batch_store
from lara_queue.bus.keys import release_of
from lara_queue.bus.services import Services
from lara_queue.cache.connect import open_cache
from lara_queue.drivers import DriverSettings, open_driver
from lara_queue.errors import ConfigurationError
from lara_queue.failed.connect import open_failed_store
from lara_queue.ports import BatchStore, Cache, Driver, FailedStore
from lara_queue.producer import Producer

__all__ = ["Face", "Sources", "services_for"]

Face = Literal["sync", "async"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Where the stores of a queue object are, as its arguments say.

    Attributes:
        client: of the jobs; see :func:`~lara_queue.drivers.open_driver`.
        settings: of its driver, and of those of further connections.
        failed, failed_key, failed_table, timezone: see :func:`~lara_queue.failed.connect.open_failed_store`.
    """

    client: Any
    settings: DriverSettings
    failed: Any
    failed_key: str
    failed_table: str
    timezone: str | tzinfo

    def driver(self, face: Face, source: Any = None) -> Driver:
        """The driver of the jobs, or of another source with the same settings."""
        return open_driver(self.client if source is None else source, face=face, settings=self.settings)

    def failed_store(self, face: Face, driver: Driver) -> FailedStore:
        """The store of failures, for jobs of that driver."""
        return open_failed_store(
            self.failed,
            face=face,
            driver=driver,
            key=self.failed_key,
            table=self.failed_table,
            timezone=self.timezone,
        )

    def cache(self, face: Face, driver: Driver, source: Cache | str | None, prefix: str) -> Cache | None:
        """Laravel's cache; None when none is named."""
        if source is None:
            return None
        return open_cache(source, face=face, prefix=prefix, clock=self.settings.clock, driver=driver)

    def aside(self, driver: Driver, failed: FailedStore) -> tuple[Driver, FailedStore] | None:
        """A blocking driver and failed store on links of their own, for a thread that looks on without disturbing.

        None where those that there are cannot be opened a second time: stores in this process's memory, and those that
        were given as objects.

        Parameters:
            driver, failed: those that there are.
        """
        if _only_here(driver) or _only_here(failed):
            return None
        try:
            its_driver = self.driver("sync")
            its_failed = self.failed_store("sync", its_driver)
        except ConfigurationError:  # a client whose connections exist in one face only
            return None
        return None if its_driver is driver or its_failed is failed else (its_driver, its_failed)


def _only_here(port: Any) -> bool:
    """True for a store that ends with the process: whoever opened it anew would open another, empty one."""
    database = getattr(getattr(port, "link", None), "database", None)
    if port.name == "memory" or getattr(database, "in_memory", False):
        return True
    members = getattr(port, "members", None)
    return isinstance(members, tuple) and any(map(_only_here, members))


def services_for(
    sources: Sources,
    face: Face,
    producer: Producer,
    *,
    cache: Cache | None,
    batches: BatchStore | str | None,
    connections: Mapping[str, Any] | None,
    key: str | bytes | None,
    php_queue: str | None,
    laravel_version: str | int | None,
) -> Services:
    """What plans around the jobs of a queue object may use; see :class:`~lara_queue.bus.services.Services`.

    Parameters:
        sources, face: where its stores are, and who drives them.
        producer: how it pushes.
        cache: Laravel's cache, opened.
        batches, connections, key, php_queue, laravel_version: the queue object's arguments; ``key`` is ``app_key``.
    """
    driver = producer.driver
    return Services(
        driver=driver,
        connection=producer.connection,
        default_queue=producer.default_queue,
        connections={name: sources.driver(face, source) for name, source in (connections or {}).items()},
        cache=cache,
        batches=open_batch_store(batches, face=face, driver=driver),
        redis=getattr(driver, "link", None) if driver.name == "redis" else None,
        redis_prefix=sources.settings.prefix,
        release=release_of(laravel_version),
        version=producer.version,
        key=key,
        encrypter=producer.encrypter,
        php_queue=php_queue,
        limiters={},
        hooks=producer.hooks,
        clock=producer.clock,
    )
