"""Pushing a job object that is there already, as PHP's dispatcher would. Mirrors ``Bus/Dispatcher.php``."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from lara_queue.bus.commands import Settings, display_name_of, settings_of
from lara_queue.bus.services import Services
from lara_queue.events import JobQueued, JobQueueing
from lara_queue.laravel.build import build_payload
from lara_queue.laravel.context import LogContext
from lara_queue.php import PhpObject
from lara_queue.plans import Emit, Plan

__all__ = ["Ready", "dispatch", "payload_of", "push_ready", "ready"]


class Ready:
    """A job that can be pushed: its payload, and where and when it goes."""

    __slots__ = ("body", "connection", "delay", "id", "queue", "uuid")

    def __init__(
        self, body: bytes, uuid: str, connection: str | None, queue: str, delay: float, id: str | None = None
    ) -> None:
        self.body = body
        self.uuid = uuid
        self.id = id
        self.connection = connection
        self.queue = queue
        self.delay = delay


def ready(
    services: Services,
    command: PhpObject,
    *,
    connection: str | None = None,
    queue: str | None = None,
    encrypted: bool = False,
    context: LogContext | Mapping[str, Any] | None = None,
    display_name: str | None = None,
    settings: Settings | None = None,
    uuid: str | None = None,
) -> Ready:
    """The job object as it would be pushed. Its own connection, queue and delay beat those given.

    Parameters:
        command: the object; its properties decide as PHP reads them (:func:`~lara_queue.bus.commands.settings_of`).
        connection: Laravel's name; None for the queue's own.
        queue: None for the default.
        encrypted: encrypt it, as is done anyway when the object's ``shouldBeEncrypted`` says so (listeners have it,
            and PHP looks at it in any job). Nobody can tell from the object whether its class asks for that.
        context: the log context that travels along.
        display_name: shown instead of what the object tells.
        settings: what was found in the object, when it has been looked into already.
        uuid: None for a fresh one.
    """
    said = settings or settings_of(command)
    now = services.clock()
    goes_to = said.connection or connection
    uuid = uuid or services.uuid()
    id = services.id() if services.driver_of(goes_to).adds_id else None
    body = payload_of(
        services,
        command,
        said,
        uuid=uuid,
        id=id,
        connection=goes_to,
        queue=said.queue or queue,
        encrypted=encrypted or said.encrypted,
        context=context,
        display_name=display_name,
    )
    delay = said.delay
    seconds = max(0.0, delay.timestamp() - now) if isinstance(delay, datetime) else max(0.0, delay or 0)
    return Ready(body, uuid, goes_to, said.queue or queue or services.default_queue, seconds, id)


def payload_of(
    services: Services,
    command: PhpObject,
    said: Settings,
    *,
    uuid: str,
    id: str | None,
    connection: str | None,
    queue: str | None,
    encrypted: bool = False,
    context: LogContext | Mapping[str, Any] | None = None,
    display_name: str | None = None,
) -> bytes:
    """The payload's bytes for the store behind ``connection``."""
    return build_payload(
        command.class_name,
        command,
        tries=said.tries,
        backoff=said.backoff,
        timeout=said.timeout,
        max_exceptions=said.max_exceptions,
        fail_on_timeout=said.fail_on_timeout,
        retry_until=said.retry_until,
        queue=queue,
        connection=connection or services.connection,
        encrypted=encrypted,
        encrypter=services.encrypter,
        context=context,
        uuid=uuid,
        id=id,
        now=services.clock(),
        version=services.version,
        hooks=services.hooks,
        batch_id=said.batch_id,
        display_name=display_name or display_name_of(command),
    )


def push_ready(services: Services, job: Ready) -> Plan[str]:
    """The uuid, after the job was stored."""
    yield Emit(JobQueueing(job.queue, job.body, job.delay or None, job.connection or services.connection))
    yield from services.driver_of(job.connection).push(job.queue, job.body, delay=job.delay)
    yield Emit(JobQueued(job.queue, job.body, job.delay or None, job.uuid, job.connection or services.connection))
    return job.uuid


def dispatch(services: Services, command: PhpObject, **where: Any) -> Plan[str]:
    """The uuid of a job object, after it was pushed; ``where`` as for :func:`ready`."""
    return (yield from push_ready(services, ready(services, command, **where)))
