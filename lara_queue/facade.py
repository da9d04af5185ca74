"""What ``Queue`` and ``AsyncQueue`` share: everything that performs no I/O, and the plans of everything that does.

The two classes on top of this one only drive: each public method there is one line that hands a plan from here to
:func:`~lara_queue.plans.run` or :func:`~lara_queue.plans.run_async`.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, tzinfo
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Literal, TypeVar, overload

from lara_queue.batches.connect import open_batch_store
from lara_queue.builders import Builders
from lara_queue.bus.keys import release_of
from lara_queue.bus.services import Services, new_owner
from lara_queue.cache.connect import open_cache
from lara_queue.claims import Claims
from lara_queue.clock import Clock, system_clock
from lara_queue.drivers import DriverSettings, open_driver
from lara_queue.drivers.after_commit import AfterCommit
from lara_queue.emitter import emitter_for
from lara_queue.errors import ConfigurationError
from lara_queue.failed.connect import open_failed_store
from lara_queue.inline import bind_inline
from lara_queue.job import Job
from lara_queue.laravel.encrypter import Encrypter
from lara_queue.lifecycle.backoff import RetryConfig, RetryStrategy
from lara_queue.metrics.collector import MetricsCollector
from lara_queue.middleware.base import Middleware
from lara_queue.options import WorkerOptions
from lara_queue.ports import BatchStore, Cache, Driver, FailedStore
from lara_queue.producer import Producer
from lara_queue.registry import Registry
from lara_queue.results.face import KeepsResults
from lara_queue.schedule.face import Scheduled
from lara_queue.schedule.runner import Scheduler
from lara_queue.worker.core import WorkerCore, WorkerParts

__all__ = ["QueueBase"]

F = TypeVar("F", bound=Callable[..., Any])


class QueueBase(Builders, Scheduled, KeepsResults):
    """One queue of a Laravel application: who handles its jobs, and where they are.

    Parameters:
        client: a redis-py client (its own settings are kept, its connections are not shared), a URL
            (``redis://``, ``rediss://``, ``memory://``), or a driver of your own.
        queue: the queue's bare name, as in Laravel's ``onQueue()``.
        driver: LaraQueue 1.x's name for the kind of store; with a URL or a client it need not be given.
        appname, prefix: together the Redis key prefix, ``laravel`` + ``_database_`` as Laravel 8 to 12.0 have it;
            applications made with Laravel 12.1 or later use ``prefix="-database-"``.
        is_queue_notify: kept for LaraQueue's sake; the notify list is always fed and used, as Laravel does.
        is_horizon: reserved for Horizon's records.
        horizon_metrics_enabled, horizon_ttl, retry_tracking_ttl, max_retry_tracking: taken so that LaraQueue 1.x's
            scripts run unchanged, and without effect: attempts are counted in the job.
        dead_letter_queue: name of the Redis list that failures are kept in; default the queue's name + ``:failed``.
        max_retries, retry_strategy, retry_delay, retry_max_delay, retry_jitter, retry_backoff_multiplier,
            retry_custom_function, retry_exceptions: LaraQueue 1.x's retry settings (seconds). Once any of them is
            given they decide for jobs that do not say themselves; else ``listen()``'s ``tries`` and ``backoff`` do.
        enable_metrics: collect what :meth:`get_metrics` shows.
        metrics_history_size: how many recent jobs the metrics remember.
        retry_after: seconds a job is ours before others may take it; renewed while its handler runs.
        block_for: seconds to wait in one go when there is no job; None for ``sleep``.
        failed: where failures are kept: a store, a URL, or ``database-uuids``, ``database`` or ``null`` as in Laravel's
            ``queue.failed.driver``; default the table or the dead letter list beside the queue.
        table: the jobs' table, where they are in a database: its whole name, a connection's prefix included.
        failed_table: the failures' table, where ``failed`` is in a database and does not say.
        timezone: the application's time zone, in which tables and files say when a job failed.
        cache: Laravel's cache, for restart and pause signals and exception counters: a store, a URL, or ``database`` or
            ``redis`` for the one beside the queue.
        cache_prefix: the cache's whole key prefix; see :func:`lara_queue.cache.connect.cache_prefix`.
        app_key, previous_keys: the application's ``APP_KEY`` and older ones, for encrypted jobs and closures.
        max_concurrent_jobs: threads in ``Queue`` (default 1), tasks in ``AsyncQueue`` (default 10).
        prefetch: jobs that ``Queue`` reserves ahead.
        connection: Laravel's name of the queue connection, for failed rows and pauses; default the driver's name.
        laravel_version: the Laravel whose payloads are written, such as ``8`` or ``13``; default the newest.
        batches: Laravel's ``job_batches``: a store, or a URL; default the table in the queue's own database.
        connections: further queue connections by Laravel's names, each a URL or a client: where members of a chain go
            that name another connection.
        php_queue: a queue on which a PHP worker listens; PHP closures that are due in a Python worker (``catch`` of a
            chain, ``then`` of a batch) are handed to it. Needs ``app_key``.
        middleware: what stands around every handler, see :mod:`lara_queue.middleware`.
        results: seconds for which :meth:`result` can tell what became of each job; None for handlers that ask for it.
        clock: tells the Unix time in seconds.

    Raises :class:`~lara_queue.errors.ConfigurationError` when the settings cannot work. Nothing is connected yet.
    """

    face: ClassVar[Literal["sync", "async"]]
    default_concurrency: ClassVar[int]

    def __init__(
        self,
        client: Any,
        queue: str = "default",
        driver: str | None = None,
        appname: str = "laravel",
        prefix: str = "_database_",
        is_queue_notify: bool = True,
        is_horizon: bool = False,
        *,
        horizon_metrics_enabled: bool | None = None,
        horizon_ttl: int | None = None,
        retry_tracking_ttl: int | None = None,
        max_retry_tracking: int | None = None,
        dead_letter_queue: str | None = None,
        max_retries: int | None = None,
        retry_strategy: RetryStrategy | str | None = None,
        retry_delay: float | None = None,
        retry_max_delay: float | None = None,
        retry_jitter: bool | None = None,
        retry_backoff_multiplier: float | None = None,
        retry_custom_function: Callable[[int], float] | None = None,
        retry_exceptions: Sequence[type[BaseException]] | None = None,
        enable_metrics: bool = True,
        metrics_history_size: int = 1000,
        retry_after: float = 90,
        block_for: float | None = None,
        failed: FailedStore | str | None = None,
        table: str = "jobs",
        failed_table: str = "failed_jobs",
        timezone: str | tzinfo = UTC,
        cache: Cache | str | None = None,
        cache_prefix: str = "",
        app_key: str | bytes | None = None,
        previous_keys: Sequence[str | bytes] = (),
        max_concurrent_jobs: int | None = None,
        prefetch: int = 1,
        connection: str | None = None,
        laravel_version: str | int | None = None,
        maintenance_file: str | Path | None = None,
        batches: BatchStore | str | None = None,
        connections: Mapping[str, Any] | None = None,
        php_queue: str | None = None,
        middleware: Sequence[Middleware] = (),
        results: float | None = None,
        clock: Clock = system_clock,
    ) -> None:
        del horizon_metrics_enabled, horizon_ttl, retry_tracking_ttl, max_retry_tracking
        if not queue or not isinstance(queue, str):
            raise ConfigurationError(f"A queue needs a name, not {queue!r}.")
        if driver not in (None, "redis", "memory", "database"):
            raise ConfigurationError(f"There is no driver {driver!r}; leave it out and give a client or a URL.")
        self.queue = queue
        self.key_prefix = f"{appname}{prefix}"
        self.is_horizon = is_horizon
        self.is_queue_notify = is_queue_notify
        self.clock = clock
        self.max_concurrent_jobs = max_concurrent_jobs or self.default_concurrency
        self.prefetch = max(1, prefetch)
        self.dead_letter_queue = dead_letter_queue or f"{queue}:failed"
        settings = DriverSettings(
            prefix=self.key_prefix, retry_after=retry_after, block_for=block_for, clock=clock, table=table
        )
        self._open_driver = partial(open_driver, client, settings=settings)
        self.driver: Driver = self._open_driver(face=self.face)
        self.connection = connection or self.driver.name
        self._encrypter = Encrypter(app_key, previous=tuple(previous_keys)) if app_key is not None else None
        self._open_failed = partial(
            open_failed_store,
            failed,
            key=f"{self.key_prefix}queues:{self.dead_letter_queue}",
            table=failed_table,
            timezone=timezone,
        )
        self._failed: FailedStore = self._open_failed(face=self.face, driver=self.driver)
        self._cache: Cache | None = (
            open_cache(cache, face=self.face, prefix=cache_prefix, clock=clock, driver=self.driver)
            if cache is not None
            else None
        )
        self._retry = _retry_config(
            max_retries=max_retries,
            retry_strategy=RetryStrategy(retry_strategy) if isinstance(retry_strategy, str) else retry_strategy,
            retry_delay=retry_delay,
            retry_max_delay=retry_max_delay,
            retry_jitter=retry_jitter,
            retry_backoff_multiplier=retry_backoff_multiplier,
            retry_custom_function=retry_custom_function,
            retry_exceptions=retry_exceptions,
        )
        self.emitter = emitter_for(self.face)
        self.registry = Registry(self.emitter, middleware)
        self.metrics = MetricsCollector(max_history_size=metrics_history_size, clock=clock) if enable_metrics else None
        self._maintenance_file = Path(maintenance_file) if maintenance_file is not None else None
        self._in_hand: dict[int, Job] = {}
        self._producer = Producer(
            self.driver,
            default_queue=queue,
            connection=self.connection,
            encrypter=self._encrypter,
            version=laravel_version,
            clock=clock,
        )
        self._producer.after_commit = AfterCommit(self.face, lambda plan: self._drive(plan))
        self._producer.hears = self.emitter.hears
        self._producer.claims = Claims(self._cache, release_of(laravel_version), clock, new_owner)
        on_redis = self.driver.name == "redis"
        self._services = Services(
            driver=self.driver,
            connection=self.connection,
            default_queue=queue,
            connections={
                name: open_driver(source, face=self.face, settings=settings)
                for name, source in (connections or {}).items()
            },
            cache=self._cache,
            batches=open_batch_store(batches, face=self.face, driver=self.driver),
            redis=getattr(self.driver, "link", None) if on_redis else None,
            redis_prefix=self.key_prefix,
            release=release_of(laravel_version),
            version=self._producer.version,
            key=app_key,
            encrypter=self._encrypter,
            php_queue=php_queue,
            limiters={},
            hooks=self._producer.hooks,
            clock=clock,
        )
        self._scheduler = Scheduler(self._cache, queue, lambda *job: self._producer.push(*job), clock)
        self._start_results(results)
        self._workers: list[Any] = []
        bind_inline(self, (self.driver, *self._services.connections.values()))

    # -- handlers and listeners ----------------------------------------------------------------

    @overload
    def handler(self, name: F, /) -> F: ...
    @overload
    def handler(self, name: str | type[Any] | None = None, /, **options: Any) -> Callable[[F], F]: ...
    def handler(self, name: Any = None, /, **options: Any) -> Any:
        """Register the decorated function for a job class, or without a name for every job nobody else handles.

        It is called with the :class:`~lara_queue.Job`, or, when its parameter is annotated with a dataclass (or a
        pydantic, attrs or msgspec type), with an instance of that for the PHP class it is bound to. Functions may be
        plain or ``async``. Several handlers of one job run one after the other.

        Parameters:
            name: the PHP class or display name (``"App\\\\Jobs\\\\SendEmail"``, ``"Legacy@fire"``), or a model class.
            options: ``tries``, ``backoff`` (seconds or a list of them), ``timeout`` (seconds), ``max_exceptions``,
                ``fail_on_timeout``, ``retry_exceptions``; what a job's payload says beats them. ``results`` (seconds):
                keep what it returns for :meth:`result`.

        Raises :class:`~lara_queue.errors.HandlerError` for a function that could never be called.
        """
        seconds = options.pop("results", None)
        registered = self.registry.handler(name, **options)
        return registered if seconds is None else self._keep_results(registered, seconds)

    def on(self, event: str, function: F | None = None) -> Any:
        """Register a listener for an event (see :mod:`lara_queue.events`): ``queue.on("job.failed")(f)``."""
        return self.emitter.on(event) if function is None else self.emitter.on(event, function)

    def create_payload_using(self, hook: Callable[..., Mapping[str, Any] | None]) -> None:
        """Add what ``hook(connection, queue, payload)`` returns to every payload; ``Queue::createPayloadUsing``."""
        self._producer.hooks.append(hook)

    # -- what can be told without asking the store ----------------------------------------------------------------

    @property
    def processing_jobs(self) -> set[Job]:
        """The jobs in hand."""
        return set(self._in_hand.values())

    @property
    def _processing_jobs(self) -> set[Job]:
        """LaraQueue 1.x's name, as its migration guide prints it."""
        return self.processing_jobs

    def get_metrics(self) -> dict[str, Any] | None:
        """Counts, times and errors (keys ``general``, ``performance``, ``job_types``, ``errors``); None when off."""
        return None if self.metrics is None else self.metrics.get_metrics()

    def get_job_type_metrics(self, job_name: str) -> dict[str, Any] | None:
        """The counts and times of one kind of job, or None."""
        return None if self.metrics is None else self.metrics.get_job_type_metrics(job_name)

    def get_recent_jobs(self, limit: int = 100) -> list[dict[str, Any]]:
        """The last jobs that were run, oldest first."""
        return [] if self.metrics is None else self.metrics.get_recent_jobs(limit)

    def get_performance_summary(self) -> dict[str, Any] | None:
        """The main figures; None when metrics are off."""
        return None if self.metrics is None else self.metrics.get_performance_summary()

    def reset_metrics(self) -> None:
        """Start counting anew."""
        if self.metrics is not None:
            self.metrics.reset_metrics()

    def get_retry_statistics(self) -> dict[str, Any]:
        """LaraQueue 1.x's retry figures, and the settings in force."""
        general = (self.get_metrics() or {}).get("general", {})
        retries = general.get("total_retries", 0)
        buried = max(0, general.get("total_failed", 0) - retries)
        config = self._retry or RetryConfig()
        return {
            "total_retries": retries,
            "successful_retries": max(0, retries - buried),
            "failed_retries": min(retries, buried),
            "dead_letter_jobs": buried,
            "success_rate": max(0, retries - buried) / max(1, retries) * 100,
            "max_retries": config.max_retries,
            "retry_strategy": config.retry_strategy.value,
            "retry_delay": config.retry_delay,
            "retry_max_delay": config.retry_max_delay,
            "retry_jitter": config.retry_jitter,
        }

    def reset_retry_statistics(self) -> None:
        """Start counting retries anew; they are counted with the metrics."""
        self.reset_metrics()

    def update_retry_config(self, **changes: Any) -> None:
        """Change LaraQueue's retry settings; the next :meth:`listen` uses them."""
        self._retry = _retry_config(**{**_given(self._retry), **changes})

    def shutdown(self) -> None:
        """Ask running workers of this queue to finish the jobs in hand and stop. Safe from handlers and any thread."""
        for worker in list(self._workers):
            worker.shutdown()

    def _ports(self) -> list[Any]:
        """Everything that may have connections."""
        services = self._services
        return [self.driver, self._failed, self._cache, services.batches, *services.connections.values()]

    # -- for the two faces ----------------------------------------------------------------

    def _core(self, given: dict[str, Any]) -> WorkerCore:
        """One run of a worker with these options."""
        options = WorkerOptions.of(given)
        parts = WorkerParts(
            driver=self.driver,
            failed=self._failed,
            cache=self._cache,
            registry=self.registry,
            emitter=self.emitter,
            metrics=self.metrics,
            clock=self.clock,
            connection=self.connection,
            default_queue=self.queue,
            encrypter=self._encrypter,
            retry=self._retry,
            prefetch=self.prefetch,
            concurrency=self.max_concurrent_jobs,
            maintenance_file=self._maintenance_file,
            in_hand=self._in_hand,
            services=self._services,
        )
        return WorkerCore(parts, options, frozenset(given))

    def _aside(self) -> tuple[Driver, FailedStore] | None:
        """A blocking driver and failed store on links of their own, for a thread that looks on without disturbing.

        None when there is nothing to open anew: stores in memory, and those that were given as objects.
        """
        if getattr(getattr(getattr(self.driver, "link", None), "database", None), "in_memory", False):
            return None  # SQLite's ``:memory:``, which each connection has for itself
        try:
            driver = self._open_driver(face="sync")
            failed = self._open_failed(face="sync", driver=driver)
        except ConfigurationError:  # a client whose connections exist in one face only
            return None
        return None if driver is self.driver or driver.name == "memory" or failed is self._failed else (driver, failed)

    def _jobs(self, queue: str, waiting: Iterable[Any]) -> list[Job]:
        from lara_queue.ports import Reservation

        return [
            Job(
                Reservation(queue, seen.body, seen.attempts or 0, seen, seen.at or 0),
                connection=self.connection,
                encrypter=self._encrypter,
            )
            for seen in waiting
        ]


def _given(config: RetryConfig | None) -> dict[str, Any]:
    if config is None:
        return {}
    return {name: getattr(config, name) for name in config.__dataclass_fields__ if name != "chance"}


def _retry_config(**given: Any) -> RetryConfig | None:
    """LaraQueue's settings with its defaults for what was not given; None when nothing was."""
    chosen = {name: value for name, value in given.items() if value is not None}
    return RetryConfig(**chosen, chance=random.random) if chosen else None
