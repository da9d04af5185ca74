"""What ``Queue`` and ``AsyncQueue`` share: everything that performs no I/O, and the plans of everything that does.

The two classes on top of this one only drive: each public method there is one line that hands a plan from here to
:func:`~lara_queue.plans.run` or :func:`~lara_queue.plans.run_async`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, tzinfo
from pathlib import Path
from typing import Any, ClassVar, Literal, TypeVar, overload

from lara_queue.assembly import Sources, services_for
from lara_queue.builders import Builders
from lara_queue.bus.services import new_owner
from lara_queue.claims import Claims
from lara_queue.clock import Clock, system_clock
from lara_queue.drivers.after_commit import AfterCommit
from lara_queue.drivers.settings import MIGRATION_BATCH, DriverSettings
from lara_queue.emitter import emitter_for
from lara_queue.errors import ConfigurationError
from lara_queue.figures import Figures, retry_config
from lara_queue.inline import bind_inline
from lara_queue.job import Job
from lara_queue.laravel.encrypter import Encrypter
from lara_queue.lifecycle.backoff import RetryStrategy
from lara_queue.metrics.collector import MetricsCollector
from lara_queue.middleware.base import Middleware
from lara_queue.options import WorkerOptions
from lara_queue.ports import BatchStore, Cache, Driver, FailedStore, Reservation
from lara_queue.producer import Producer
from lara_queue.registry import Registry, Strategy
from lara_queue.results.face import KeepsResults
from lara_queue.schedule.face import Scheduled
from lara_queue.schedule.runner import Scheduler
from lara_queue.worker.core import WorkerCore, WorkerParts

__all__ = ["QueueBase"]

F = TypeVar("F", bound=Callable[..., Any])


class QueueBase(Builders, Scheduled, KeepsResults, Figures):
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
        migration_batch: how many due jobs Redis makes ready at a time, -1 for all of them; Laravel's
            ``migration_batch_size``.
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
        cipher: the application's ``app.cipher``: ``AES-256-CBC``, ``AES-256-GCM``, or the same with 128. By default
            CBC is written as long as the key is, and both are read.
        max_concurrent_jobs: threads in ``Queue`` (default 1), tasks in ``AsyncQueue`` (default 10).
        prefetch: jobs that ``Queue`` reserves ahead; those of them that are short and go well are deleted together.
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
        migration_batch: int = MIGRATION_BATCH,
        block_for: float | None = None,
        failed: FailedStore | str | None = None,
        table: str = "jobs",
        failed_table: str = "failed_jobs",
        timezone: str | tzinfo = UTC,
        cache: Cache | str | None = None,
        cache_prefix: str = "",
        app_key: str | bytes | None = None,
        previous_keys: Sequence[str | bytes] = (),
        cipher: str | None = None,
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
        self._sources = Sources(
            client=client,
            settings=DriverSettings(
                prefix=self.key_prefix,
                retry_after=retry_after,
                block_for=block_for,
                clock=clock,
                migration_batch=migration_batch,
                table=table,
            ),
            failed=failed,
            failed_key=f"{self.key_prefix}queues:{self.dead_letter_queue}",
            failed_table=failed_table,
            timezone=timezone,
        )
        self.driver: Driver = self._sources.driver(self.face)
        self.connection = connection or self.driver.name
        keys = tuple(previous_keys)
        self._encrypter = None if app_key is None else Encrypter(app_key, previous=keys, cipher=cipher)
        self._failed: FailedStore = self._sources.failed_store(self.face, self.driver)
        self._cache: Cache | None = self._sources.cache(self.face, self.driver, cache, cache_prefix)
        self._retry = retry_config(
            max_retries=max_retries,
            retry_strategy=retry_strategy,
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
        self._services = services_for(
            self._sources,
            self.face,
            self._producer,
            cache=self._cache,
            batches=batches,
            connections=connections,
            key=app_key,
            php_queue=php_queue,
            laravel_version=laravel_version,
        )
        self._services.handlers_of = self.registry.of
        self._producer.claims = Claims(self._cache, self._services.release, clock, new_owner)
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

    def pop_using(self, worker_name: str, strategy: Strategy | None) -> None:
        """Let ``strategy`` choose where the workers of that name look for jobs; None lets them look as usual.

        Parameters:
            worker_name: the ``name`` that ``listen()`` is given; ``default`` is that of all others.
            strategy: called before each look with the names of the worker's queues that are not paused, in order of
                priority; answers those to look into, in order. They need not be among them.

        Mirrors ``Worker::popUsing``.
        """
        self.registry.pop_using(worker_name, strategy)

    def use_cache(self, cache: Cache | str, prefix: str = "") -> None:
        """Take this as Laravel's cache from now on, as if the object had been made with it.

        Parameters:
            cache, prefix: as ``cache`` and ``cache_prefix`` are when it is made.

        Workers that run already keep the one they began with.
        """
        found = self._sources.cache(self.face, self.driver, cache, prefix)
        self._cache = self._services.cache = self._scheduler.cache = self._results.cache = found
        self._producer.claims = Claims(found, self._services.release, self.clock, new_owner)

    def create_payload_using(self, hook: Callable[..., Mapping[str, Any] | None]) -> None:
        """Add what ``hook(connection, queue, payload)`` returns to every payload; ``Queue::createPayloadUsing``."""
        self._producer.hooks.append(hook)

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
        """See :meth:`~lara_queue.assembly.Sources.aside`."""
        return self._sources.aside(self.driver, self._failed)

    def _jobs(self, queue: str, waiting: Iterable[Any]) -> list[Job]:
        return [
            Job(
                Reservation(queue, seen.body, seen.attempts or 0, seen, seen.at or 0),
                connection=self.connection,
                encrypter=self._encrypter,
            )
            for seen in waiting
        ]
