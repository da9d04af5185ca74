"""Putting jobs into the queue: payloads built, events told, one plan for each way to push."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, TypedDict

from lara_queue.clock import Clock, new_id, new_uuid
from lara_queue.errors import InvalidPayload
from lara_queue.events import JobQueued, JobQueueing
from lara_queue.job import current_job
from lara_queue.laravel.binding import is_model, to_properties
from lara_queue.laravel.build import build_payload, parse_version
from lara_queue.laravel.context import context_to_propagate
from lara_queue.laravel.encrypter import Encrypter
from lara_queue.laravel.json import encode_json
from lara_queue.plans import Emit, Plan
from lara_queue.ports import Driver

__all__ = ["Delay", "JobOptions", "Producer", "PushOptions"]

Delay = float | timedelta | datetime | None
"""Seconds, a span, or the moment when a job becomes due."""


class JobOptions(TypedDict, total=False):
    """What can be said about a job when it is pushed.

    Keys:
        queue: another queue's bare name.
        tries: attempts; 0 for no limit.
        backoff: seconds before a retry, or a list of them.
        timeout: seconds an attempt may take.
        max_exceptions: exceptions allowed.
        fail_on_timeout: a timeout fails it at once.
        retry_until: aware datetime or Unix time until which any number of attempts is allowed.
        encrypted: encrypt the command, as ``ShouldBeEncrypted`` does; needs ``app_key``.
        headers: further keys of the payload.
    """

    queue: str | None
    tries: int | None
    backoff: float | Sequence[float] | None
    timeout: float | None
    max_exceptions: int | None
    fail_on_timeout: bool
    retry_until: float | datetime | None
    encrypted: bool
    headers: Mapping[str, Any] | None


class PushOptions(JobOptions, total=False):
    """:class:`JobOptions`, and ``delay``: seconds, a timedelta, or the aware datetime when the job becomes due."""

    delay: Delay


_KNOWN = sorted(PushOptions.__required_keys__ | PushOptions.__optional_keys__)


class Producer:
    """Builds payloads and plans their way into the store.

    Parameters:
        driver: where they go.
        default_queue: the queue for jobs that do not name one.
        connection: Laravel's name of the connection, for hooks.
        encrypter: for ``encrypted=True``.
        version: the Laravel whose payloads are written; None for the newest.
        clock: tells the Unix time in seconds.
    """

    def __init__(
        self,
        driver: Driver,
        *,
        default_queue: str,
        connection: str,
        encrypter: Encrypter | None,
        version: str | int | None,
        clock: Clock,
    ) -> None:
        self.driver = driver
        self.default_queue = default_queue
        self.connection = connection
        self.encrypter = encrypter
        self.version = parse_version(version)
        self.clock = clock
        self.hooks: list[Callable[..., Mapping[str, Any] | None]] = []

    def push(self, name: Any, data: Any = None, options: PushOptions | None = None) -> Plan[str]:
        """The uuid of the job, after it was stored."""
        given = options or {}
        queue = given.get("queue") or self.default_queue
        delay = self.seconds(given.get("delay"))
        uuid = new_uuid()
        body = self.payload(name, data, given, uuid=uuid, delay=delay)
        yield Emit(JobQueueing(queue, body, delay))
        yield from self.driver.push(queue, body, delay=delay or 0)
        yield Emit(JobQueued(queue, body, delay, uuid))
        return uuid

    def bulk(self, jobs: Iterable[Any], options: PushOptions | None = None) -> Plan[list[str]]:
        """The uuids of many jobs, after they were stored in as few round trips as the store allows."""
        by_queue: dict[str, list[tuple[bytes, float, str]]] = {}
        uuids: list[str] = []
        for item in jobs:
            name, data, own = _entry(item)
            given: PushOptions = {**(options or {}), **own}  # type: ignore[typeddict-item]  # checked by payload()
            uuid = new_uuid()
            delay = self.seconds(given.get("delay"))
            body = self.payload(name, data, given, uuid=uuid, delay=delay)
            by_queue.setdefault(given.get("queue") or self.default_queue, []).append((body, delay or 0, uuid))
            uuids.append(uuid)
        for queue, entries in by_queue.items():
            for body, delay, _ in entries:
                yield Emit(JobQueueing(queue, body, delay or None))
            yield from self.driver.push_many(queue, [(body, delay) for body, delay, _ in entries])
            for body, delay, uuid in entries:
                yield Emit(JobQueued(queue, body, delay or None, uuid))
        return uuids

    def push_raw(self, payload: bytes | str | Mapping[str, Any], queue: str | None, delay: Delay) -> Plan[str | None]:
        """The store's id of a payload stored exactly as given (a mapping is encoded as PHP encodes JSON)."""
        if isinstance(payload, Mapping):
            body = encode_json(dict(payload))
        else:
            body = payload.encode() if isinstance(payload, str) else bytes(payload)
        name = queue or self.default_queue
        seconds = self.seconds(delay)
        yield Emit(JobQueueing(name, body, seconds))
        stored = yield from self.driver.push(name, body, delay=seconds or 0)
        yield Emit(JobQueued(name, body, seconds, stored))
        return stored

    def payload(self, name: Any, data: Any, given: PushOptions, *, uuid: str, delay: float | None) -> bytes:
        """The payload's bytes; raises :class:`~lara_queue.errors.InvalidPayload` for what PHP could not read."""
        unknown = sorted(set(given) - set(_KNOWN))
        if unknown:
            raise InvalidPayload(f"push() has no option {unknown[0]!r}; it takes {', '.join(_KNOWN)}.")
        if not isinstance(name, str):
            if data is not None or isinstance(name, type) or not is_model(type(name)):
                raise InvalidPayload(
                    f"push() takes a job's name and data, or an instance of a typed job, not {name!r}."
                )
            name, data = to_properties(name)
        job = current_job.get()
        return build_payload(
            name,
            data,
            tries=given.get("tries"),
            backoff=given.get("backoff"),
            timeout=given.get("timeout"),
            max_exceptions=given.get("max_exceptions"),
            fail_on_timeout=given.get("fail_on_timeout", False),
            retry_until=given.get("retry_until"),
            queue=given.get("queue") or self.default_queue,
            connection=self.connection,
            encrypted=given.get("encrypted", False),
            encrypter=self.encrypter,
            headers=given.get("headers"),
            context=context_to_propagate(job.envelope) if job is not None else None,
            uuid=uuid,
            id=new_id() if self.driver.adds_id else None,
            now=self.clock(),
            version=self.version,
            hooks=self.hooks,
        )

    def seconds(self, delay: Delay) -> float | None:
        """A delay in seconds, never negative; None for "at once". Mirrors ``InteractsWithTime::secondsUntil``."""
        if delay is None:
            return None
        if isinstance(delay, timedelta):
            return max(0.0, delay.total_seconds())
        if isinstance(delay, datetime):
            return max(0.0, delay.timestamp() - self.clock())
        return max(0.0, float(delay))


def _entry(item: Any) -> tuple[Any, Any, Mapping[str, Any]]:
    """A job of :meth:`Producer.bulk`: a name, ``(name, data)``, ``(name, data, options)``, or a typed job."""
    if isinstance(item, tuple):
        if len(item) == 2:
            return item[0], item[1], {}
        if len(item) == 3:
            return item[0], item[1], item[2]
        raise InvalidPayload(f"bulk() takes (name, data) or (name, data, options), not a tuple of {len(item)}.")
    return item, None, {}
