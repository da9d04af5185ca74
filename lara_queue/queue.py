"""``Queue``: the blocking face. Every method drives a plan in the calling thread."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, Literal, TypeVar

from typing_extensions import Unpack

from lara_queue import inspection
from lara_queue.bus.pending import Batch
from lara_queue.dead_letters import as_dead_letter, id_of
from lara_queue.facade import QueueBase
from lara_queue.failures import Failures
from lara_queue.job import Job
from lara_queue.lifecycle.stop import StopReason
from lara_queue.plans import Plan, run
from lara_queue.ports import FailedJob
from lara_queue.producer import Delay, JobOptions, PushOptions
from lara_queue.results.values import Result
from lara_queue.schedule.beside import ScheduleThread
from lara_queue.worker.sync import SyncWorker, perform

__all__ = ["FailedJobs", "Queue"]

T = TypeVar("T")


class Queue(QueueBase):
    """A queue of a Laravel application, blocking: one job at a time in the main thread, or several in threads.

    >>> queue = Queue("memory://", queue="python")
    >>> @queue.handler("App\\\\Jobs\\\\Greet")
    ... def greet(job):
    ...     print("hello", job.data["name"])
    >>> uuid = queue.push("App\\\\Jobs\\\\Greet", {"name": "Ada"})
    >>> queue.listen(stop_when_empty=True)
    hello Ada
    <StopReason.EMPTY: 'empty'>
    """

    face: ClassVar[Literal["sync", "async"]] = "sync"
    default_concurrency: ClassVar[int] = 1

    def _drive(self, plan: Plan[T]) -> T:
        return run(plan, lambda effect: perform(effect, self.emitter.tell))

    # -- producing ----------------------------------------------------------------

    def push(self, name: Any, data: Any = None, **options: Unpack[PushOptions]) -> str:
        """The uuid of the job, after it was stored for PHP or Python workers to run.

        Parameters:
            name: the PHP class (``"App\\\\Jobs\\\\SendEmail"``), ``"Class@method"`` for a string job, or an instance of
                a typed job.
            data: the object's properties by name (see :func:`lara_queue.php.protected` and ``private`` where PHP
                needs them), or a string job's data.
            options: see :class:`~lara_queue.producer.PushOptions`.

        Raises :class:`~lara_queue.errors.InvalidPayload` when PHP could not read it, and
        :class:`~lara_queue.errors.StoreUnreachable`. Mirrors ``Queue::push`` and ``later``.
        """
        return self._drive(self._producer.push(name, data, options))

    def later(self, delay: Delay, name: Any, data: Any = None, **options: Unpack[JobOptions]) -> str:
        """The uuid of a job that is due after ``delay`` (seconds, a timedelta, or an aware datetime)."""
        return self._drive(self._producer.push(name, data, PushOptions(**options, delay=delay)))

    def bulk(self, jobs: Iterable[Any], **options: Unpack[PushOptions]) -> list[str]:
        """The uuids of many jobs, stored in as few round trips as the store allows.

        Each is a name, ``(name, data)``, ``(name, data, options)`` or a typed job; ``options`` are for all of them.
        """
        return self._drive(self._producer.bulk(jobs, options))

    def push_raw(
        self,
        payload: bytes | str | Mapping[str, Any],
        queue: str | None = None,
        *,
        delay: Delay = None,
        connection: Any = None,
    ) -> str | None:
        """The store's id of a payload that is stored as it is; ``connection`` as for :meth:`push`.

        Mirrors ``Queue::pushRaw``.
        """
        return self._drive(self._producer.push_raw(payload, queue, delay, connection))

    # -- running ----------------------------------------------------------------

    def listen(self, **options: Any) -> StopReason:
        """Why the worker stopped. Runs jobs until then, with the options of ``queue:work``.

        See :class:`~lara_queue.WorkerOptions` for the options. In the main thread TERM, INT and QUIT finish the job
        in hand and stop; a second one stops at once.
        """
        worker = SyncWorker(self._core(options))
        self._workers.append(worker)
        try:
            with ScheduleThread(self._scheduler, lambda effect: perform(effect, self.emitter.tell)):
                return worker.run()
        finally:
            self._workers.remove(worker)

    def work_once(self, **options: Any) -> bool:
        """True when there was a job and it was run, well or badly."""
        core = self._core({"sleep": 0, **options, "once": True})
        SyncWorker(core).run()
        return core.jobs > 0

    def run_schedule(self) -> list[str]:
        """The uuids of the jobs of :meth:`cron` that were due and have been pushed; none while another process leads.

        For programs without a worker, called once a minute; :meth:`listen` does it by itself. Mirrors ``schedule:run``.
        """
        return self._drive(self._scheduler.once())

    # -- inspecting ----------------------------------------------------------------

    def size(self, queue: str | None = None) -> int:
        """How many jobs there are, waiting, delayed and reserved."""
        return self._drive(self.driver.sizes(queue or self.queue)).total

    def pending_size(self, queue: str | None = None) -> int:
        """How many jobs are ready to be taken."""
        return self._drive(self.driver.sizes(queue or self.queue)).pending

    def delayed_size(self, queue: str | None = None) -> int:
        """How many jobs are due later."""
        return self._drive(self.driver.sizes(queue or self.queue)).delayed

    def reserved_size(self, queue: str | None = None) -> int:
        """How many jobs are in workers' hands."""
        return self._drive(self.driver.sizes(queue or self.queue)).reserved

    def pending_jobs(self, queue: str | None = None, *, offset: int = 0, limit: int = 50) -> list[Job]:
        """The jobs that will be taken next, in order, without taking them."""
        name = queue or self.queue
        return self._jobs(name, self._drive(self.driver.browse(name, "pending", offset=offset, limit=limit)))

    def delayed_jobs(self, queue: str | None = None, *, offset: int = 0, limit: int = 50) -> list[Job]:
        """The jobs that are due later, the earliest first."""
        name = queue or self.queue
        return self._jobs(name, self._drive(self.driver.browse(name, "delayed", offset=offset, limit=limit)))

    def reserved_jobs(self, queue: str | None = None, *, offset: int = 0, limit: int = 50) -> list[Job]:
        """The jobs in workers' hands, the lease that runs out first in front."""
        name = queue or self.queue
        return self._jobs(name, self._drive(self.driver.browse(name, "reserved", offset=offset, limit=limit)))

    def queues(self) -> list[str]:
        """The names of the queues that hold a job in any state, sorted, this object's own or not.

        On Redis all keys are looked through for it, a thousand at a time. Raises
        :class:`~lara_queue.errors.ConfigurationError` for a store that cannot tell, and
        :class:`~lara_queue.errors.StoreError` for a Redis with more than five million keys.
        """
        return self._drive(inspection.queues(self.driver, self.dead_letter_queue))

    def clear(self, queue: str | None = None) -> int:
        """How many jobs were deleted, whatever their state. Mirrors ``queue:clear``."""
        return self._drive(self.driver.clear(queue or self.queue))

    def health(self) -> dict[str, Any]:
        """Whether the store answers, what waits there, and whether this object's workers are well.

        Never raises for a store that is away. See :func:`lara_queue.inspection.health` for the keys.
        """
        in_hand, cores = list(self._in_hand.values()), [worker.core for worker in self._workers]
        return self._drive(inspection.health(self.driver, self.queue, self.clock, in_hand, cores))

    def find_batch(self, id: str) -> Batch | None:
        """The batch with that id, as it is now, or None. Mirrors ``Bus::findBatch``."""
        return self._drive(self._find_batch(id))

    def result(self, uuid: str, *, timeout: float | None = 0) -> Result:
        """What is known of a job by its uuid: its state, what its handler returned, how far it is.

        Parameters:
            uuid: what :meth:`push` returned.
            timeout: seconds to wait for the job to finish or fail; 0 looks once, None waits for ever. Whatever is
                known then is returned: see :attr:`~lara_queue.results.values.Result.ready`.

        Needs ``cache=``, and ``results=`` where the job is run. Raises
        :class:`~lara_queue.errors.ConfigurationError` without a cache.
        """
        return self._drive(self._result(uuid, timeout))

    # -- failures ----------------------------------------------------------------

    @property
    def failed(self) -> FailedJobs:
        """The failed jobs: ``all``, ``ids``, ``find``, ``retry``, ``forget``, ``flush``, ``prune``, ``count``."""
        return FailedJobs(self)

    def get_dead_letter_jobs(self, limit: int = 100) -> list[dict[str, Any]]:
        """The newest failures in LaraQueue 1.x's shape."""
        return [as_dead_letter(failed) for failed in self._drive(self._failed.all(queue=self.queue, limit=limit))]

    def reprocess_dead_letter_job(self, job_data: Mapping[str, Any]) -> bool:
        """True when a failure from :meth:`get_dead_letter_jobs` went back to its queue."""
        plans = Failures(self._failed, self.driver, self.clock, self.connection)
        return self._drive(plans.reprocess(id_of(job_data)))

    def clear_dead_letter_queue(self) -> int:
        """How many failures were deleted."""
        return self._drive(self._failed.flush())

    def close(self) -> None:
        """Close the connections; the next call opens them anew."""
        self._drive(inspection.close(*self._ports()))

    def __enter__(self) -> Queue:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class FailedJobs:
    """The failed jobs of a :class:`Queue`'s application, with the verbs of artisan."""

    def __init__(self, queue: Queue) -> None:
        self._drive = queue._drive
        self._plans = Failures(queue._failed, queue.driver, queue.clock, queue.connection)

    def all(self, queue: str | None = None, limit: int | None = None) -> list[FailedJob]:
        """The failures, newest first."""
        return self._drive(self._plans.all(queue, limit))

    def ids(self, queue: str | None = None) -> list[str]:
        """The ids of the failures, newest first, without loading what is in them."""
        return self._drive(self._plans.ids(queue))

    def find(self, id: str) -> FailedJob | None:
        """One failure, or None."""
        return self._drive(self._plans.find(id))

    def retry(self, ids: str | Sequence[str] = "all", *, queue: str | None = None) -> list[str]:
        """The ids of the jobs that went back to their queues: an id, several, or ``"all"``."""
        return self._drive(self._plans.retry(ids, queue=queue))

    def forget(self, id: str) -> bool:
        """True when there was such a failure and it is gone."""
        return self._drive(self._plans.forget(id))

    def flush(self, hours: float | None = None) -> int:
        """How many were deleted: all, or those at least so many hours old."""
        return self._drive(self._plans.flush(hours))

    def prune(self, hours: float = 24) -> int:
        """How many were deleted because they are more than so many hours old."""
        return self._drive(self._plans.prune(hours))

    def count(self, queue: str | None = None) -> int:
        """How many there are."""
        return self._drive(self._plans.count(queue))
