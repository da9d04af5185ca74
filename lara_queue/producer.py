"""Putting jobs into the queue: payloads built, events told, one plan for each way to push."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any, NamedTuple, Protocol, TypeVar, cast, runtime_checkable

from lara_queue.bus.events import JobSkipped
from lara_queue.claims import Claim, Claims
from lara_queue.clock import Clock, new_id, new_uuid
from lara_queue.drivers.after_commit import AFTER_COMMIT, AFTER_ROLLBACK
from lara_queue.errors import InvalidPayload, StoreError
from lara_queue.events import JobQueued, JobQueueing
from lara_queue.job import Job, current_job
from lara_queue.laravel.binding import is_model, to_properties
from lara_queue.laravel.build import build_payload, parse_version
from lara_queue.laravel.context import LogContext, context_to_propagate
from lara_queue.laravel.encrypter import Encrypter
from lara_queue.laravel.json import encode_json
from lara_queue.laravel.moulds import Moulds
from lara_queue.plans import Call, Emit, Plan
from lara_queue.ports import Driver
from lara_queue.push_options import Delay, JobOptions, PushOptions, check_known, complete

__all__ = ["Delay", "JobOptions", "Producer", "PushOptions"]

logger = logging.getLogger("lara_queue")

T = TypeVar("T")

_QUEUEING, _QUEUED = JobQueueing.name, JobQueued.name


@runtime_checkable
class PushesWithin(Protocol):
    """A driver whose jobs can be pushed in a transaction of the program's own."""

    def push_within(self, connection: Any, queue: str, bodies: Sequence[tuple[bytes, float]]) -> Plan[str | None]:
        """The new id if there is one (body, delay in seconds), after inserting them in that transaction."""
        ...


class _Made(NamedTuple):
    """A job of :meth:`Producer.bulk`, ready to be stored; ``asked`` is the queue the caller named, if any."""

    body: bytes
    delay: float | None
    uuid: str
    job: Any
    asked: str | None


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
        self.hears: Callable[[str], bool] = lambda _name: True
        """Whether anybody listens to the event of that name; what nobody listens to is not made."""
        self.claims: Claims | None = None
        """What unique and debounced jobs claim in the cache."""
        self.hooks: list[Callable[..., Mapping[str, Any] | None]] = []
        self.moulds = Moulds(self._build)
        """For the payloads of jobs that are pushed again and again, without log context."""
        self.after_commit: Any = None
        """The link that performs plans after a commit; see :mod:`lara_queue.drivers.after_commit`."""

    def push(self, name: Any, data: Any = None, options: PushOptions | None = None) -> Plan[str]:
        """The uuid of the job, after it was stored."""
        given = complete(name, options or {})
        if self.claims is not None and ("unique" in given or "debounce" in given):
            return (yield from self._push_claimed(self.claims, name, data, given))
        return (yield from self._push(name, data, given, self.seconds(given.get("delay"))))

    def _push_claimed(self, claims: Claims, name: Any, data: Any, given: PushOptions) -> Plan[str]:
        shown = name if isinstance(name, str) else to_properties(name)[0]
        claim = yield from claims.claim(shown, given)
        if claim is None:
            return (yield from self._push(name, data, given, self.seconds(given.get("delay"))))
        if not claim.granted:
            yield Emit(JobSkipped(shown, claim.key))
            return ""
        delay = self.seconds(given.get("delay"))
        transaction = given.get("connection")

        def let_go() -> Plan[None]:
            return _let_go(claims, claim)

        try:
            if transaction is not None:
                yield Call(self.after_commit, AFTER_ROLLBACK, (transaction, let_go))
            if not isinstance(name, str):
                name, data = to_properties(name)
            if claim.properties:
                data = {**(data or {}), **claim.properties}
            delay = claim.delay if delay is None else delay
            uuid = yield from self._push(name, data, given, delay, claim.hidden, let_go)
            yield from claims.settle(claim, transaction, self.after_commit)
            return uuid
        except GeneratorExit:
            raise  # nobody drives this plan any more: what it holds runs out by itself, as after a crash
        except BaseException:
            yield from claims.drop(claim)
            raise

    def _push(
        self,
        name: Any,
        data: Any,
        given: PushOptions,
        delay: float | None,
        hidden: Mapping[str, Any] | None = None,
        let_go: Callable[[], Plan[None]] | None = None,
    ) -> Plan[str]:
        queue = given.get("queue") or self.default_queue
        uuid = new_uuid()
        body = self.payload(name, data, given, uuid=uuid, delay=delay, hidden=hidden)
        asked = given.get("queue")
        transaction = given.get("connection")

        def store() -> Plan[None]:
            if self.hears(_QUEUEING):
                yield Emit(JobQueueing(asked, body, delay, self.connection, name))
            try:
                if transaction is not None and self._pushes_within:
                    yield from cast(PushesWithin, self.driver).push_within(transaction, queue, [(body, delay or 0)])
                else:
                    yield from self.driver.push(queue, body, delay=delay or 0)
            except StoreError:
                if let_go is not None:  # after a commit nobody else would
                    yield from let_go()
                raise
            if self.hears(_QUEUED):
                yield Emit(JobQueued(asked, body, delay, uuid, self.connection, name))

        yield from self._with(transaction, store)
        return uuid

    @property
    def _pushes_within(self) -> bool:
        return isinstance(self.driver, PushesWithin)

    def _with(self, transaction: Any, store: Callable[[], Plan[T]]) -> Plan[T | None]:
        """What storing returns; None when it is put off until a transaction is committed elsewhere."""
        if transaction is None or self._pushes_within:
            return (yield from store())
        yield Call(self.after_commit, AFTER_COMMIT, (transaction, store))
        return None

    def bulk(self, jobs: Iterable[Any], options: PushOptions | None = None) -> Plan[list[str]]:
        """The uuids of many jobs, after they were stored in as few round trips as the store allows."""
        common = options or PushOptions()
        context = _context(current_job.get(), None)
        # A context is the same for these jobs only.
        moulds = self.moulds if context is None else Moulds(partial(self._build, context=context))
        by_queue: dict[str, list[_Made]] = {}
        uuids: list[str] = []
        for item in jobs:
            name, data, own = _entry(item)
            # The keys are checked by _payload().
            given = complete(name, {**common, **own} if own else common)  # type: ignore[typeddict-item]
            uuid = new_uuid()
            delay = self.seconds(given["delay"]) if "delay" in given else None
            body = self._payload(name, data, given, uuid, context, moulds)
            made = _Made(body, delay, uuid, name, given.get("queue"))
            by_queue.setdefault(made.asked or self.default_queue, []).append(made)
            uuids.append(uuid)
        transaction = common.get("connection")

        def store() -> Plan[None]:
            for queue, entries in by_queue.items():
                if self.hears(_QUEUEING):
                    for made in entries:
                        yield Emit(JobQueueing(made.asked, made.body, made.delay, self.connection, made.job))
                bodies = [(made.body, made.delay or 0) for made in entries]
                if transaction is not None and self._pushes_within:
                    yield from cast(PushesWithin, self.driver).push_within(transaction, queue, bodies)
                else:
                    yield from self.driver.push_many(queue, bodies)
                if self.hears(_QUEUED):
                    for made in entries:
                        yield Emit(JobQueued(made.asked, made.body, made.delay, made.uuid, self.connection, made.job))

        yield from self._with(transaction, store)
        return uuids

    def push_raw(
        self, payload: bytes | str | Mapping[str, Any], queue: str | None, delay: Delay, transaction: Any = None
    ) -> Plan[str | None]:
        """The store's id of a payload stored exactly as given (a mapping is encoded as PHP encodes JSON)."""
        if isinstance(payload, Mapping):
            body = encode_json(dict(payload))
        else:
            body = payload.encode() if isinstance(payload, str) else bytes(payload)
        name = queue or self.default_queue
        seconds = self.seconds(delay)

        def store() -> Plan[str | None]:
            yield Emit(JobQueueing(queue, body, seconds, self.connection))
            if transaction is not None and self._pushes_within:
                within = cast(PushesWithin, self.driver).push_within
                stored = yield from within(transaction, name, [(body, seconds or 0)])
            else:
                stored = yield from self.driver.push(name, body, delay=seconds or 0)
            yield Emit(JobQueued(queue, body, seconds, stored, self.connection))
            return stored

        return (yield from self._with(transaction, store))

    def payload(
        self,
        name: Any,
        data: Any,
        given: PushOptions,
        *,
        uuid: str,
        delay: float | None,
        hidden: Mapping[str, Any] | None = None,
    ) -> bytes:
        """The payload's bytes; raises :class:`~lara_queue.errors.InvalidPayload` for what PHP could not read."""
        context = _context(current_job.get(), hidden)
        return self._payload(name, data, given, uuid, context, self.moulds if context is None else None)

    def _payload(
        self,
        name: Any,
        data: Any,
        given: PushOptions,
        uuid: str,
        context: LogContext | None,
        moulds: Moulds | None,
    ) -> bytes:
        """The payload, made in one of ``moulds`` if there is one for it; they must be for this very context."""
        if given:
            check_known(given)
        if not isinstance(name, str):
            if data is not None or isinstance(name, type) or not is_model(type(name)):
                raise InvalidPayload(
                    f"push() takes a job's name and data, or an instance of a typed job, not {name!r}."
                )
            name, data = to_properties(name)
        id = new_id() if self.driver.adds_id else None
        now = self.clock()
        if moulds is not None and not self.hooks:
            mould = moulds.find(name, given, id is not None)
            if mould is not None:
                body = mould.cast(data, uuid=uuid, id=id, now=now, encrypter=self.encrypter)
                if body is not None:
                    return body
        return self._build(name, given, context=context, data=data, uuid=uuid, id=id, now=now)

    def _build(self, name: str, given: PushOptions, **own: Any) -> bytes:
        """The payload, built the general way; ``own`` is what is not decided by the options, and beats them."""
        decided: dict[str, Any] = {
            "tries": given.get("tries"),
            "backoff": given.get("backoff"),
            "timeout": given.get("timeout"),
            "max_exceptions": given.get("max_exceptions"),
            "fail_on_timeout": given.get("fail_on_timeout", False),
            "retry_until": given.get("retry_until"),
            "queue": given.get("queue") or self.default_queue,
            "connection": self.connection,
            "encrypted": given.get("encrypted", False),
            "encrypter": self.encrypter,
            "headers": given.get("headers"),
            "version": self.version,
            "hooks": self.hooks,
        }
        return build_payload(name, **{**decided, **own})

    def seconds(self, delay: Delay) -> float | None:
        """A delay in seconds, never negative; None for "at once". Mirrors ``InteractsWithTime::secondsUntil``."""
        if delay is None:
            return None
        if isinstance(delay, timedelta):
            return max(0.0, delay.total_seconds())
        if isinstance(delay, datetime):
            return max(0.0, delay.timestamp() - self.clock())
        return max(0.0, float(delay))


def _let_go(claims: Claims, claim: Claim) -> Plan[None]:
    """Drop what was claimed for a job whose transaction was rolled back; the rollback itself must not fail for it."""
    try:
        yield from claims.drop(claim)
    except StoreError as error:
        logger.warning("The lock %s of a job that is not pushed after all could not be freed: %s", claim.key, error)


def _context(job: Job | None, hidden: Mapping[str, Any] | None) -> LogContext | None:
    """What the job being handled hands on, with what this push hides in it."""
    context = context_to_propagate(job.envelope) if job is not None else None
    if not hidden:
        return context
    own = LogContext.of(hidden=hidden)
    if context is None:
        return own
    return LogContext(context.raw_data, {**context.raw_hidden, **own.raw_hidden})


def _entry(item: Any) -> tuple[Any, Any, Mapping[str, Any]]:
    """A job of :meth:`Producer.bulk`: a name, ``(name, data)``, ``(name, data, options)``, or a typed job."""
    if isinstance(item, tuple):
        if len(item) == 2:
            return item[0], item[1], {}
        if len(item) == 3:
            return item[0], item[1], item[2]
        raise InvalidPayload(f"bulk() takes (name, data) or (name, data, options), not a tuple of {len(item)}.")
    return item, None, {}
