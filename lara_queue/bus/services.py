"""What plans around a job need: the cache, other connections, the application's key. One value for a worker."""

from __future__ import annotations

import random
import string
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lara_queue.bus.keys import NEWEST, Release
from lara_queue.clock import Clock, new_id, new_uuid, system_clock
from lara_queue.errors import ConfigurationError
from lara_queue.laravel.build import NEWEST as NEWEST_FORMAT
from lara_queue.laravel.build import Hook, LaravelVersion
from lara_queue.laravel.encrypter import Encrypter
from lara_queue.ports import BatchStore, Cache, Driver

if TYPE_CHECKING:
    from lara_queue.job import Job

__all__ = ["Services", "new_owner", "services_of"]

_OWNER = string.ascii_letters + string.digits


def new_owner() -> str:
    """Sixteen random letters and digits, by which Laravel tells who holds a lock."""
    return "".join(random.choices(_OWNER, k=16))


@dataclass(slots=True, kw_only=True)
class Services:
    """Everything that a plan around a job may use.

    Attributes:
        driver: the queue's own store.
        connection: Laravel's name of the queue's own connection.
        connections: further stores by Laravel's names, for chains and callbacks that go there.
        default_queue: where jobs go that name no queue.
        cache: Laravel's cache, or None when it is not known.
        batches: the store of batches, or None when there is none.
        redis: a link for limiters that are Redis's own, or None; ``redis_prefix`` stands before their keys.
        release: the application's Laravel, for names in the cache.
        version: the same, for payloads.
        key: ``APP_KEY``, which signs closures; None when it is not known.
        encrypter: for commands that must stay secret.
        php_queue: a queue on which a PHP worker listens, for closures that only PHP can run; None when there is none.
        limiters: named rate limiters.
        hooks: what else goes into payloads.
        handlers_of: the handlers that are registered for a job, or None when nobody knows them.
        clock, owner, uuid, id: the time in seconds, and fresh names.
    """

    driver: Driver
    connection: str
    default_queue: str
    connections: Mapping[str, Driver] = field(default_factory=dict)
    cache: Cache | None = None
    batches: BatchStore | None = None
    redis: Any = None
    redis_prefix: str = ""
    release: Release = NEWEST
    version: LaravelVersion = NEWEST_FORMAT
    key: str | bytes | None = None
    encrypter: Encrypter | None = None
    php_queue: str | None = None
    limiters: Mapping[str, Callable[[Job], Any]] = field(default_factory=dict)
    hooks: Sequence[Hook] = ()
    clock: Clock = system_clock
    owner: Callable[[], str] = new_owner
    uuid: Callable[[], str] = new_uuid
    id: Callable[[], str] = new_id
    handlers_of: Callable[[Job], Sequence[Any]] | None = None
    told_of_batches: bool = False
    told_of_locks: bool = False

    def need_cache(self, what: str) -> Cache:
        """The cache; raises :class:`~lara_queue.errors.ConfigurationError` that says what wants it."""
        if self.cache is None:
            raise ConfigurationError(f"{what} keeps its state in Laravel's cache; give Queue(cache=…, cache_prefix=…).")
        return self.cache

    def need_batches(self, what: str) -> BatchStore:
        """The store of batches; raises as :meth:`need_cache` does."""
        if self.batches is None:
            raise ConfigurationError(f"{what} needs the table job_batches; give Queue(batches='sqlite:///…').")
        return self.batches

    def driver_of(self, connection: str | None) -> Driver:
        """The store that Laravel knows by that name; raises :class:`~lara_queue.errors.ConfigurationError`."""
        if connection is None or connection == self.connection:
            return self.driver
        found = self.connections.get(connection)
        if found is None:
            known = ", ".join([self.connection, *self.connections])
            raise ConfigurationError(
                f"A job wants to go to the connection {connection!r}, which is not known here (there is {known}); "
                f"give Queue(connections={{{connection!r}: …}})."
            )
        return found


def services_of(job: Job) -> Services:
    """The services of the worker that runs the job.

    Raises :class:`~lara_queue.errors.ConfigurationError` for a job that no worker runs.
    """
    services = job.services
    if services is None:
        raise ConfigurationError("This job is not being run by a worker, so there is nothing to ask.")
    return services
