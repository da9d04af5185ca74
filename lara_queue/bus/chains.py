"""Chains: what follows a job that went well, and who is told when one fails.

Mirrors ``Bus/Queueable.php`` ``dispatchNextJobInChain`` and ``invokeChainCatchCallbacks``; protocol §7.1.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any
from uuid import UUID

from lara_queue.bus.callbacks import call_back
from lara_queue.bus.commands import Chain, chain_of, changed, load_command, settings_of
from lara_queue.bus.dispatch import Ready, push_ready, ready
from lara_queue.bus.services import Services
from lara_queue.errors import PayloadError
from lara_queue.laravel import names
from lara_queue.laravel.command import is_encrypted
from lara_queue.laravel.context import context_to_propagate
from lara_queue.php import PhpObject
from lara_queue.plans import Plan

if TYPE_CHECKING:
    from lara_queue.job import Job

__all__ = ["call_catch", "dispatch_next", "next_link", "next_of", "uuid_after", "with_chain"]


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
    """The uuid of the job that follows, after it was pushed; None when there is none.

    It is encrypted if this one was, since nobody here can tell whether its class asks for that.
    """
    following = next_of(services, job)
    return None if following is None else (yield from push_ready(services, following))


def next_of(services: Services, job: Job) -> Ready | None:
    """The job that follows, ready to be pushed; None when there is none.

    Its uuid follows from this job's. A worker that dies after pushing it and before deleting this one leaves both,
    and so the same job is pushed once more: by the uuid it can be known (``once_for``, and the count of a batch).
    """
    command = job.command
    link = next_link(command) if command is not None else None
    if link is None:
        return None
    return ready(
        services,
        link,
        encrypted=is_encrypted(job.envelope),
        context=context_to_propagate(job.envelope),
        uuid=None if job.uuid is None else uuid_after(job.uuid),
    )


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
