"""What ``queue:retry``, ``queue:forget`` and their like do, as plans over any failed store and any driver."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any, Final

from lara_queue.clock import Clock
from lara_queue.errors import ConfigurationError, PayloadError
from lara_queue.events import JobRetryRequested
from lara_queue.laravel import names
from lara_queue.laravel.build import retry_payload
from lara_queue.laravel.envelope import decode_payload
from lara_queue.laravel.json import encode_json
from lara_queue.plans import Emit, Plan
from lara_queue.ports import Driver, FailedJob, FailedStore

__all__ = ["Failures", "renewed"]

_OF_ALL_CONNECTIONS: Final = ("database-uuids", "database", "file")
"""The stores that an application has one of, for the failures of all its queue connections."""


class Failures:
    """The failed jobs of a queue's application.

    Parameters:
        store: where they are kept.
        driver: where a retried job goes back to.
        clock: tells the Unix time in seconds.
        connection: Laravel's name of the driver's connection, whose failures can be retried here; None for all.
    """

    def __init__(self, store: FailedStore, driver: Driver, clock: Clock, connection: str | None = None) -> None:
        self.store = store
        self.driver = driver
        self.clock = clock
        self.connection = connection if store.name in _OF_ALL_CONNECTIONS else None

    def all(self, queue: str | None = None, limit: int | None = None) -> Plan[list[FailedJob]]:
        """The failures, newest first."""
        return self.store.all(queue=queue, limit=limit)

    def ids(self, queue: str | None = None) -> Plan[list[str]]:
        """The ids of the failures, newest first, without loading what is in them."""
        return self.store.ids(queue=queue)

    def find(self, id: str) -> Plan[FailedJob | None]:
        """One failure, or None."""
        return self.store.find(id)

    def retry(self, ids: str | int | Sequence[str | int] = "all", *, queue: str | None = None) -> Plan[list[str]]:
        """The ids of the jobs that went back to their queues with no attempt counted, in the order of artisan's.

        ``ids`` is an id, several, a ``range`` of row numbers, or ``"all"``; with ``queue`` only that queue's. Among
        all, one whose payload cannot be read, or that belongs to another connection, stays where it is; asked for by
        its id it raises :class:`~lara_queue.errors.PayloadError` or :class:`~lara_queue.errors.ConfigurationError`.

        A job is put back before its record is removed: after a crash in between it is there twice rather than not at
        all. If it fails again before its record is removed, the new record stays. Of each job that can be retried
        ``job.retry_requested`` is told, before it is put back. Mirrors ``RetryCommand``.
        """
        everything = ids == "all"
        wanted: Sequence[str | int]
        if isinstance(ids, str | int):
            wanted = (yield from self.store.ids(queue=queue)) if everything else [ids]
        else:
            wanted = ids
        retried: list[str] = []
        for id in dict.fromkeys(str(each) for each in wanted):
            failed = yield from self.store.find(id)
            if failed is None or (queue is not None and failed.queue != queue):
                continue
            try:
                body = self._prepared(failed)
            except (PayloadError, ConfigurationError):
                if not everything:
                    raise
                continue  # it would only be buried again; it stays on record, and the others are retried
            yield Emit(JobRetryRequested(failed))
            yield from self.driver.push(failed.queue, body)
            yield from self.store.remove(failed)
            retried.append(failed.id)
        return retried

    def _prepared(self, failed: FailedJob) -> bytes:
        if self.connection is not None and failed.connection != self.connection:
            raise ConfigurationError(
                f"The failed job {failed.id} is of the connection {failed.connection!r} and this queue of "
                f"{self.connection!r}; retry it on a queue of that connection, or give this one connection=…."
            )
        return renewed(retry_payload(failed.payload), self.clock())

    def reprocess(self, id: str | None) -> Plan[bool]:
        """True when there was such a failure and its job went back; LaraQueue 1.x's call, which raises nothing."""
        if id is None:
            return False
        try:
            return bool((yield from self.retry(id)))
        except PayloadError:
            return False

    def forget(self, id: str) -> Plan[bool]:
        """True when there was such a failure and it is gone."""
        return self.store.forget(id)

    def flush(self, hours: float | None = None) -> Plan[int]:
        """How many failures were deleted: all, or those at least so many hours old."""
        return self.store.flush(before=None if hours is None else self.clock() - hours * 3600)

    def prune(self, hours: float = 24) -> Plan[int]:
        """How many failures were deleted because they are more than so many hours old."""
        return self.store.prune(self.clock() - hours * 3600)

    def count(self, queue: str | None = None) -> Plan[int]:
        """How many failures there are."""
        return self.store.count(queue=queue)


_RETRY_UNTIL = re.compile(rb'"retryUntil"\s*:\s*(-?[0-9][0-9.eE+-]*)')


def renewed(body: bytes, now: float) -> bytes:
    """The payload with a new ``retryUntil``, so that a retried job has as much time as it had at first.

    artisan asks the job's method ``retryUntil()``. Only PHP can do that, so the time that the first answer gave is
    given again where the payload says when it was made (Laravel 12.11 and later, Horizon); where it does not, a time
    that is over is dropped, or the job could never be run again. A date that is a *property* of the job stays what it
    is, as with artisan. The other bytes are not touched.

    Parameters:
        body: a payload.
        now: the Unix time in seconds.

    >>> renewed(b'{"job":"A@b","retryUntil":160,"createdAt":100}', 1000)
    b'{"job":"A@b","retryUntil":1060,"createdAt":100}'
    >>> renewed(b'{"job":"A@b","retryUntil":160}', 1000), renewed(b'{"job":"A@b","retryUntil":1600}', 1000)
    (b'{"job":"A@b","retryUntil":null}', b'{"job":"A@b","retryUntil":1600}')
    """
    payload = decode_payload(body)
    until = payload.get(names.RETRY_UNTIL)
    if not isinstance(until, int | float) or isinstance(until, bool) or _is_property(payload):
        return body
    if not math.isfinite(until):
        return body
    begun = _seconds(payload.get(names.CREATED_AT)) or _seconds(payload.get(names.PUSHED_AT))
    if begun is not None and until > begun:
        new = int(now + until - begun)
    elif until <= now:
        new = None
    else:
        return body
    wanted = {**payload, names.RETRY_UNTIL: new}
    for found in reversed(list(_RETRY_UNTIL.finditer(body))):
        changed = body[: found.start(1)] + encode_json(new) + body[found.end(1) :]
        try:
            if decode_payload(changed) == wanted:  # the payload's own key, not one inside its data or a string
                return changed
        except PayloadError:
            continue
    return encode_json(wanted)


def _is_property(payload: dict[str, Any]) -> bool:
    data = payload.get(names.DATA)
    command = data.get(names.COMMAND) if isinstance(data, dict) else None
    return isinstance(command, str) and command.startswith("O:") and f's:10:"{names.RETRY_UNTIL}";' in command


def _seconds(written: Any) -> float | None:
    """A Unix time as Laravel (a number) or Horizon (text) writes it."""
    try:
        return float(written) if isinstance(written, int | float | str) else None
    except ValueError:
        return None
