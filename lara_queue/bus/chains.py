"""Chains: what follows a job that went well, and who is told when one fails.

Mirrors ``Bus/Queueable.php`` ``dispatchNextJobInChain`` and ``invokeChainCatchCallbacks``; protocol §7.1.

In PHP what follows goes through ``dispatch()`` and so through ``PendingDispatch``, in every Laravel from 8 to 13: a
unique job takes its lock there, and is dropped together with the rest of its chain when that is held. The same is done
here as far as it can be told, see :func:`~lara_queue.bus.unique.lock_of_next`.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from uuid import UUID

from lara_queue.bus.callbacks import call_back
from lara_queue.bus.commands import Chain, chain_of, changed, display_name_of, load_command, settings_of
from lara_queue.bus.dispatch import Ready, push_ready, ready
from lara_queue.bus.events import JobSkipped
from lara_queue.bus.services import Services
from lara_queue.bus.unique import OWNED, Hold, acquire, hidden_context, lock_of_next, seconds_of
from lara_queue.errors import PayloadError
from lara_queue.laravel import names
from lara_queue.laravel.command import is_encrypted
from lara_queue.laravel.context import LogContext, context_to_propagate
from lara_queue.php import PhpObject
from lara_queue.plans import Emit, Plan

if TYPE_CHECKING:
    from lara_queue.job import Job

__all__ = ["call_catch", "dispatch_next", "next_link", "next_of", "owner_after", "uuid_after", "with_chain"]

logger = logging.getLogger("lara_queue")


def next_link(command: PhpObject) -> PhpObject | None:
    """The job that follows, with the rest of the chain in it; None when there is none.

    Raises :class:`~lara_queue.errors.PayloadError` when what follows is not a job object.

    >>> first = PhpObject("A", {"chained": ['O:1:"B":1:{s:1:"n";i:1;}', 'O:1:"C":0:{}'], "chainQueue": "low"})
    >>> next_link(first)
    PhpObject('B', {'n': 1, 'queue': 'low', 'chained': ['O:1:"C":0:{}'], 'chainQueue': 'low'})
    """
    chain = chain_of(command)
    if not chain.rest:
        return None
    following = load_command(chain.rest[0])
    if following is None:
        raise PayloadError(f"What follows {command.class_name} in its chain is not a job object.")
    own = settings_of(following)
    return with_chain(
        following,
        Chain(chain.rest[1:], chain.connection, chain.queue, chain.catch),
        connection=own.connection or chain.connection,
        queue=own.queue or chain.queue,
    )


def with_chain(command: PhpObject, chain: Chain, *, connection: str | None, queue: str | None) -> PhpObject:
    """The job object with this chain and place; what would only repeat a default is not written."""
    wanted: dict[str, Any] = {
        names.CONNECTION: connection,
        names.QUEUE: queue,
        names.CHAINED: list(chain.rest),
        names.CHAIN_CONNECTION: chain.connection,
        names.CHAIN_QUEUE: chain.queue,
        names.CHAIN_CATCH_CALLBACKS: list(chain.catch) or None,
    }
    return changed(command, {name: value for name, value in wanted.items() if value or name in command})


def dispatch_next(services: Services, job: Job) -> Plan[str | None]:
    """The uuid of the job that follows, after it was pushed; None when there is none, or its unique lock is held.

    It is encrypted if this one was, since nobody here can tell whether its class asks for that.
    """
    link = _link_of(job)
    if link is None:
        return None
    following = _made(services, job, link)
    hold = lock_of_next(services, link, following)
    if hold is None:
        return (yield from push_ready(services, following))
    return (yield from _push_unique(services, job, link, following, hold))


def next_of(services: Services, job: Job) -> Ready | None:
    """The job that follows, ready to be pushed, and without a lock; None when there is none.

    Its uuid follows from this job's. A worker that dies after pushing it and before deleting this one leaves both,
    and so the same job is pushed once more: by the uuid it can be known (``once_for``, and the count of a batch).
    """
    link = _link_of(job)
    return None if link is None else _made(services, job, link)


def _link_of(job: Job) -> PhpObject | None:
    command = job.command
    return None if command is None else next_link(command)


def _made(services: Services, job: Job, link: PhpObject, hidden: Mapping[str, Any] | None = None) -> Ready:
    context = context_to_propagate(job.envelope)
    return ready(
        services,
        link,
        encrypted=is_encrypted(job.envelope),
        context=(context or LogContext()).with_values(hidden=hidden) if hidden else context,
        uuid=None if job.uuid is None else uuid_after(job.uuid),
    )


def _push_unique(services: Services, job: Job, link: PhpObject, following: Ready, hold: Hold) -> Plan[str | None]:
    """Push the job that follows when its lock can be had; None when another has it.

    The lock's owner follows from this job's uuid, too. A worker that dies after taking the lock leaves this job to be
    delivered again, and the next one must not take that lock for another's: then what follows would be lost. It may be
    there twice instead, as any follower may, both copies with one uuid and one owner.
    """
    cache = services.cache
    if cache is None or job.uuid is None:  # Laravel's jobs have one; without it the lock would not be known again
        if cache is None and not services.told_of_locks:
            services.told_of_locks = True
            logger.warning(
                "%s follows in a chain and is unique, but its lock is not taken: give Queue(cache=…, cache_prefix=…).",
                link.class_name,
            )
        return (yield from push_ready(services, following))
    owner = owner_after(job.uuid)
    taken = yield from acquire(cache, hold.key, owner, seconds_of(link))
    if not taken and (yield from cache.lock_owner(hold.key)) != owner:
        yield Emit(JobSkipped(display_name_of(link), hold.key))
        return None
    if services.release >= OWNED:
        link = changed(link, {names.UNIQUE_OWNER: owner})
    try:
        following = _made(services, job, link, hidden_context(hold.key, owner, services.release))
        return (yield from push_ready(services, following))
    except Exception:
        if taken:  # else it may be held for a copy that is there
            yield from cache.unlock(hold.key, owner)
        raise


def owner_after(uuid: str) -> str:
    """Who holds the lock of the job that follows the one with this uuid: as long as Laravel's owners are.

    >>> owner_after("0d6b9a2c-5f0e-4d4e-9e0f-3a1b2c3d4e5f")
    'e910b3444254860d'
    """
    return hashlib.sha256(f"{uuid} lock".encode()).hexdigest()[:16]


def uuid_after(uuid: str) -> str:
    """The uuid of the job that follows the one with this uuid in its chain.

    >>> uuid_after("0d6b9a2c-5f0e-4d4e-9e0f-3a1b2c3d4e5f")
    '63520b8a-80e0-43a6-a036-bd133b0a1b45'
    """
    return str(UUID(bytes=hashlib.sha256(f"{uuid} next".encode()).digest()[:16], version=4))


def call_catch(services: Services, job: Job, error: BaseException) -> Plan[None]:
    """Have the chain's callbacks for failures called."""
    command = job.command
    if command is not None:
        for callback in chain_of(command).catch:
            yield from call_back(services, callback, "chain catch", message=str(error))
