"""The rules of Laravel's database queue, as plans. Mirrors ``Illuminate/Queue/DatabaseQueue.php`` (protocol §4).

A job is a row of the ``jobs`` table; who may take it is told by three of its columns, as Laravel's worker reads them.
What is different from Laravel, and cannot be seen by its workers: several jobs are taken from several queues in one
transaction; a lease that was lost is noticed, so that a slow worker does not delete a job under the fast one that took
it over; a row whose ``attempts`` column is full is failed instead of stopping the queue.

Times are whole seconds, as Laravel writes them: a fraction of a second of delay counts as a whole one. Jobs are taken
in the order of their ids, a delayed one too once it is due.

What is pushed is on the server's disk before the push returns. What a worker does with a job need not be, on PostgreSQL
and on SQLite in WAL mode, because that disk is what a PHP worker spends most of its time waiting for: if the machine
loses its power, the jobs of the last second may be there again, as they were, and are run once more. The death of a
worker undoes nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from lara_queue.drivers.database import scripts
from lara_queue.drivers.database.scripts import Receipt, Row, Taken
from lara_queue.drivers.database.statements import channel_of
from lara_queue.drivers.settings import DriverSettings
from lara_queue.errors import InvalidPayload
from lara_queue.plans import WAIT, Call, Plan
from lara_queue.ports import Reservation, Sizes, State, Waiting
from lara_queue.sql.links import WITHIN, SqlLink, step
from lara_queue.sql.watching import Watched

__all__ = ["DatabaseDriver"]

_FULL = "The job has been attempted {} times, the most that the attempts column of its table can hold."


class DatabaseDriver:
    """Jobs in a table; see :class:`~lara_queue.ports.Driver` for what each method promises.

    Parameters:
        link: a link of :mod:`lara_queue.sql`.
        settings: table, retry_after (seconds, rounded up to whole ones), clock, ...
    """

    name = "database"
    adds_id = False

    def __init__(self, link: SqlLink, settings: DriverSettings) -> None:
        self.link = link
        self.settings = settings
        self.retry_after = float(settings.retry_after)
        self.table = settings.table
        self._clock = settings.clock
        self._takes_bytes = link.database.kind == "sqlite"

    def push(self, queue: str, body: bytes, *, delay: float = 0) -> Plan[str | None]:
        """The id of the new row. Raises :class:`~lara_queue.errors.InvalidPayload` for what no text column takes."""
        (id,) = yield step(self.link, scripts.push, self.table, [self._row(queue, body, delay)])
        return str(id)

    def push_many(self, queue: str, bodies: Sequence[tuple[bytes, float]]) -> Plan[None]:
        """Store many payloads in order, in one transaction: all of them or none."""
        if bodies:
            rows = [self._row(queue, body, delay) for body, delay in bodies]
            yield step(self.link, scripts.push_many, self.table, rows)

    def push_within(self, connection: Any, queue: str, bodies: Sequence[tuple[bytes, float]]) -> Plan[str | None]:
        """The new id if there is one (body, delay in seconds), after inserting them in the caller's own transaction.

        They are there for others when the caller commits, and never were when it rolls back.

        Parameters:
            connection: SQLAlchemy's Connection or Session on the queue's database; of an ``AsyncQueue`` an
                AsyncConnection or AsyncSession.
        """
        rows = []
        for body, delay in bodies:
            _, _, available_at, created_at, payload = self._row(queue, body, delay)
            if isinstance(payload, bytes):
                raise InvalidPayload("A payload that is not text cannot be pushed in a transaction of your own.")
            row = {"queue": queue, "payload": payload, "attempts": 0}
            rows.append({**row, "available_at": available_at, "created_at": created_at})
        if not rows:
            return None
        id = yield Call(self.link, WITHIN, (connection, self.table, rows, channel_of(self.table)))
        return None if id is None else str(id)

    def reserve(self, queues: Sequence[str], *, limit: int = 1, wait: float = 0) -> Plan[list[Reservation]]:
        """Up to ``limit`` jobs that are now ours, those of the first queue first."""
        if limit <= 0 or not queues:
            return []
        taken = yield from self._reserve(tuple(queues), limit)
        wait = self.settings.longest_wait(wait)
        if taken or wait <= 0:
            return taken
        stirred = yield Call(self.link, WAIT, (wait, self._watched(tuple(queues))))
        return (yield from self._reserve(tuple(queues), limit)) if stirred else []

    def delete(self, taken: Reservation) -> Plan[bool]:
        """True when the job was still ours and is gone."""
        return bool((yield step(self.link, scripts.delete, self.table, [taken.receipt]))[0])

    def delete_many(self, taken: Sequence[Reservation]) -> Plan[list[bool]]:
        """For each job, as :meth:`delete`: in one transaction, and few statements."""
        if not taken:
            return []
        held = yield step(self.link, scripts.delete, self.table, [one.receipt for one in taken])
        return [bool(one) for one in held]

    def release(self, taken: Reservation, *, delay: float = 0) -> Plan[bool]:
        """True when the job was still ours; it is a new row now, behind all others, as Laravel makes one."""
        items = [(taken.receipt, self._due(delay))]
        return bool((yield step(self.link, scripts.release, self.table, self._now(), items))[0])

    def give_back(self, taken: Reservation, *, delay: float = 0) -> Plan[bool]:
        """True when the job was still ours and waits again; it keeps its row, and so its place."""
        items = [(taken.receipt, self._now(), self._due(delay) if delay > 0 else None)]
        return bool((yield step(self.link, scripts.give_back, self.table, items))[0])

    def extend(self, taken: Sequence[Reservation]) -> Plan[list[bool]]:
        """For each job: True when it was still ours and now is for another ``retry_after`` seconds."""
        if not taken:
            return []
        # Rounded up: a renewed lease must not be shorter than asked. The first one has the time Laravel writes.
        reserved_at = math.ceil(self._clock())
        receipts = [one.receipt for one in taken]
        return list((yield step(self.link, scripts.extend, self.table, reserved_at, receipts)))

    def sizes(self, queue: str) -> Plan[Sizes]:
        """The queue's three sizes, of one moment."""
        return Sizes(*(yield step(self.link, scripts.sizes, self.table, queue, self._now())))

    def clear(self, queue: str) -> Plan[int]:
        """How many jobs were deleted, in every state."""
        return int((yield step(self.link, scripts.clear, self.table, queue)))

    def browse(self, queue: str, state: State, *, offset: int = 0, limit: int = 50) -> Plan[list[Waiting]]:
        """Jobs of one state: pending ones by id, delayed and reserved ones by the time they become due."""
        if limit <= 0:
            return []
        rows = yield step(self.link, scripts.browse, self.table, queue, state, self._now(), max(0, offset), limit)
        found = []
        for id, attempts, available_at, reserved_at, payload in rows:
            at = None if state == "pending" else float(available_at)
            if reserved_at is not None:
                at = float(reserved_at + self._lease)
            found.append(Waiting(state, payload, at, attempts, str(id)))
        return found

    def queues(self) -> Plan[list[str]]:
        """The names of the queues that have rows, sorted."""
        return sorted((yield step(self.link, scripts.queues, self.table)))

    def ping(self) -> Plan[None]:
        """Nothing, when the server answers."""
        yield step(self.link, scripts.ping)

    @property
    def _lease(self) -> int:
        return math.ceil(self.retry_after)

    def _now(self) -> int:
        return int(self._clock())

    def _due(self, delay: float) -> int:
        return self._now() + max(0, math.ceil(delay))

    def _row(self, queue: str, body: bytes, delay: float) -> Row:
        return queue, 0, self._due(delay), self._now(), self._text(body)

    def _text(self, body: bytes) -> bytes | str:
        """What the column is given. SQLite's takes any bytes, those of the servers only text without NUL."""
        try:
            text = body.decode()
        except UnicodeDecodeError:
            if self._takes_bytes:
                return bytes(body)
            raise InvalidPayload("A database table holds text: this payload is not valid UTF-8.") from None
        if "\x00" in text:
            if self._takes_bytes:
                return bytes(body)
            raise InvalidPayload('A database table holds text without NUL: write it as "\\u0000" in the JSON.')
        return text

    def _reserve(self, queues: tuple[str, ...], limit: int) -> Plan[list[Reservation]]:
        now = self._now()
        taken = yield step(self.link, scripts.reserve, self.table, queues, limit, now, now - self._lease)
        return [_reservation(one, float(now + self._lease)) for one in taken]

    def _watched(self, queues: tuple[str, ...]) -> Watched:
        args = (self.table, queues, self._lease)
        return Watched(scripts.next_due, args, self._clock, channel_of(self.table), queues)


def _reservation(taken: Taken, expires: float) -> Reservation:
    receipt: Receipt = taken.receipt
    problem = None if receipt.counted else _FULL.format(receipt.attempts)
    return Reservation(taken.queue, taken.payload, receipt.attempts, receipt, expires, problem)
