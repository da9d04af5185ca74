"""The parts of both faces that build chains and batches, and name rate limiters; nothing here asks a store."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from lara_queue.bus.batch import Batch, Means, find_batch
from lara_queue.bus.dispatch import dispatch
from lara_queue.bus.pending import PendingBatch, PendingChain, grow_chain
from lara_queue.bus.services import Services
from lara_queue.job import Job, current_job
from lara_queue.laravel.context import context_to_propagate
from lara_queue.php import PhpObject
from lara_queue.plans import Plan

__all__ = ["Builders"]

F = TypeVar("F", bound=Callable[[Job], Any])


class Builders:
    """Chains, batches and limiters of a queue; a part of :class:`~lara_queue.facade.QueueBase`."""

    _services: Services
    _drive: Callable[[Plan[Any]], Any]

    def chain(self, jobs: Iterable[Any]) -> PendingChain:
        """A chain to be dispatched: jobs that run one after the other, by PHP's workers or Python's.

        Parameters:
            jobs: each a class name, ``(name, data)``, ``(name, data, options)``, a typed job, or a batch made with
                :meth:`batch`. ``options`` are those of ``push``, and ``connection``.

        Raises :class:`~lara_queue.errors.InvalidPayload` when it is dispatched and a job is none of these. Mirrors
        ``Bus::chain``. See :class:`~lara_queue.bus.pending.PendingChain`.
        """
        return PendingChain(self._means(), jobs)

    def batch(self, jobs: Iterable[Any] = ()) -> PendingBatch:
        """A batch to be dispatched: jobs that are counted together, and callbacks that are jobs.

        Parameters:
            jobs: as for :meth:`chain`; a list among them is a chain.

        Needs ``batches=``, the place of Laravel's ``job_batches``, unless the queue itself is in a database. Mirrors
        ``Bus::batch``. See :class:`~lara_queue.bus.pending.PendingBatch`.
        """
        return PendingBatch(self._means(), jobs)

    def prepend_to_chain(self, *jobs: Any) -> None:
        """In a handler: have these jobs follow the one in hand, before what follows it already.

        Parameters:
            jobs: as for :meth:`chain`; a list counts as its members.

        They are pushed when the job in hand has gone well. Raises :class:`~lara_queue.errors.InvalidPayload` outside a
        handler. Mirrors ``prependToChain`` of Laravel 9.10 and later.
        """
        grow_chain(current_job.get(), jobs, in_front=True)

    def append_to_chain(self, *jobs: Any) -> None:
        """The same as :meth:`prepend_to_chain`, after what follows it already. Mirrors ``appendToChain``."""
        grow_chain(current_job.get(), jobs, in_front=False)

    def rate_limiter(self, name: str, function: F | None = None) -> Any:
        """Name a limiter for :class:`~lara_queue.middleware.RateLimited`, in Python and for PHP's jobs that carry it.

        Parameters:
            name: the name it has in PHP's ``RateLimiter::for``.
            function: from a job to a :class:`~lara_queue.middleware.Limit`, several, or None for no limit; without it,
                a decorator.
        """

        def register(limiter: F) -> F:
            limiters: dict[str, Any] = self._services.limiters  # type: ignore[assignment]  # ours to fill
            limiters[name] = limiter
            return limiter

        return register if function is None else register(function)

    def _means(self) -> Means:
        return Means(self._services, self._drive, _push)

    def _find_batch(self, id: str) -> Plan[Batch | None]:
        return find_batch(self._means(), id)


def _push(services: Services, command: PhpObject, where: Mapping[str, Any]) -> Plan[str]:
    """Push a job object; what it is pushed from hands its log context on."""
    job = current_job.get()
    context = context_to_propagate(job.envelope) if job is not None else None
    return (yield from dispatch(services, command, context=context, **where))
