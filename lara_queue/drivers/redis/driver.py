"""The rules of Laravel's Redis queue, as plans. Mirrors ``Illuminate/Queue/RedisQueue.php`` and ``LuaScripts.php``.

Each method is one script in Redis, so that a job is always in exactly one place: in the list, in ``:delayed`` or in
``:reserved``. What is different from Laravel, and cannot be seen by its workers: several jobs are taken from several
queues in one round trip; a payload that Laravel would destroy is kept; two jobs with the same bytes stay two jobs; a
lease that was lost is noticed.

Scores are whole seconds, as Laravel writes them: a fraction of a second of delay counts as a whole one.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

from lara_queue.drivers.attempts import find_attempts
from lara_queue.drivers.redis.keys import Keys
from lara_queue.drivers.redis.reserving import next_due, read_taken
from lara_queue.drivers.settings import DriverSettings
from lara_queue.errors import StoreError
from lara_queue.plans import WAIT, AsyncLink, Call, Link, Plan, Together
from lara_queue.ports import Reservation, Sizes, State, Waiting

__all__ = ["RedisDriver"]

_CHUNK_JOBS = 500
_CHUNK_BYTES = 1 << 20
_SCAN_KEYS = 1000
_SCAN_ROUNDS = 5000
"""How many keys Redis looks at in one go, and how often it is asked to: five million keys are the most."""


class RedisDriver:
    """Jobs in Redis; see :class:`~lara_queue.ports.Driver` for what each method promises.

    Parameters:
        link: a link of :mod:`lara_queue.drivers.redis`, or anything that performs its calls.
        settings: prefix, retry_after (seconds, rounded up to whole ones), clock, ...
    """

    name = "redis"
    adds_id = True

    def __init__(self, link: Link | AsyncLink, settings: DriverSettings) -> None:
        self.link = link
        self.settings = settings
        self.retry_after = float(settings.retry_after)
        self.keys = Keys(settings.prefix)
        self._clock = settings.clock

    def push(self, queue: str, body: bytes, *, delay: float = 0) -> Plan[str | None]:
        """None, after storing the payload; its ``id`` is in it already."""
        keys = self.keys[queue]
        if delay > 0:
            yield Call(self.link, "later", ((keys.delayed,), (self._due(delay), body)))
        else:
            yield Call(self.link, "push", ((keys.ready, keys.notify), (body,)))
        return None

    def push_many(self, queue: str, bodies: Sequence[tuple[bytes, float]]) -> Plan[None]:
        """Store many payloads in order, at most 500 jobs or one MiB to a script, all scripts in one round trip.

        Raises :class:`~lara_queue.errors.StoreError` when a part was refused; the other parts are then stored.
        """
        keys = self.keys[queue]
        ready = [(body,) for body, delay in bodies if delay <= 0]
        later = [(self._due(delay), body) for body, delay in bodies if delay > 0]
        calls = [Call(self.link, "push", ((keys.ready, keys.notify), part)) for part in _parts(ready)]
        calls += [Call(self.link, "later", ((keys.delayed,), part)) for part in _parts(later)]
        if calls:
            for answer in (yield Together(tuple(calls))):
                if isinstance(answer, BaseException):
                    raise answer

    def reserve(self, queues: Sequence[str], *, limit: int = 1, wait: float = 0) -> Plan[list[Reservation]]:
        """Up to ``limit`` jobs that are now ours, those of the first queue first."""
        if limit <= 0 or not queues:
            return []
        call, expires = self._reserve(queues, limit)
        reply = yield call
        wait = self.settings.longest_wait(wait)
        if len(reply) > 1 or wait <= 0:
            return read_taken(queues, expires, reply)
        due = next_due(reply)
        if due is not None:
            wait = min(wait, max(due - self._clock(), 0.001))
        yield Call(self.link, WAIT, (wait, tuple(self.keys[queue].notify for queue in queues)))
        call, expires = self._reserve(queues, limit)
        return read_taken(queues, expires, (yield call))

    def delete(self, taken: Reservation) -> Plan[bool]:
        """True when the job was still ours and is gone: exactly the reserved bytes are removed."""
        flags = yield Call(self.link, "delete", ((self.keys[taken.queue].reserved,), (taken.receipt,)))
        return bool(flags == b"1")

    def delete_many(self, taken: Sequence[Reservation]) -> Plan[list[bool]]:
        """For each job, as :meth:`delete`: one command for each queue."""
        by_queue: dict[str, list[int]] = {}
        for i, one in enumerate(taken):
            by_queue.setdefault(one.queue, []).append(i)
        calls = [
            Call(self.link, "delete", ((self.keys[queue].reserved,), tuple([taken[i].receipt for i in places])))
            for queue, places in by_queue.items()
        ]
        if not calls:
            return []
        answers = (yield Together(tuple(calls))) if len(calls) > 1 else [(yield calls[0])]
        held = [False] * len(taken)
        for places, flags in zip(by_queue.values(), answers, strict=True):
            if isinstance(flags, BaseException):
                raise flags
            for i, flag in zip(places, flags, strict=True):
                held[i] = flag == 0x31
        return held

    def release(self, taken: Reservation, *, delay: float = 0) -> Plan[bool]:
        """True when the job was still ours and is in ``:delayed`` now, with its attempts raised."""
        keys = self.keys[taken.queue]
        # No wake-up token, as Laravel writes none: the migration adds one, and a second would stay for ever.
        argv = (taken.receipt, self._due(delay))
        flags = yield Call(self.link, "release", ((keys.reserved, keys.delayed), argv))
        return bool(flags == b"1")

    def give_back(self, taken: Reservation, *, delay: float = 0) -> Plan[bool]:
        """True when the job was still ours and waits again with the bytes it had before it was taken."""
        keys = self.keys[taken.queue]
        argv = (taken.receipt, taken.body, self._due(delay) if delay > 0 else b"")
        flags = yield Call(self.link, "give_back", ((keys.reserved, keys.ready, keys.notify, keys.delayed), argv))
        return bool(flags == b"1")

    def extend(self, taken: Sequence[Reservation]) -> Plan[list[bool]]:
        """For each job: True when it was still ours and now is for another ``retry_after`` seconds."""
        if not taken:
            return []
        # Rounded up: a renewed lease must not be shorter than asked. The first one has the score Laravel writes.
        expires = math.ceil(self._clock() + self.retry_after)
        by_queue: dict[str, list[int]] = {}
        for i, one in enumerate(taken):
            by_queue.setdefault(one.queue, []).append(i)
        calls, places = [], []
        for queue, indexes in by_queue.items():
            for first in range(0, len(indexes), _CHUNK_JOBS):
                part = indexes[first : first + _CHUNK_JOBS]
                argv = (expires, *(taken[i].receipt for i in part))
                calls.append(Call(self.link, "extend", ((self.keys[queue].reserved,), argv)))
                places.append(part)
        answers = yield Together(tuple(calls))
        held = [False] * len(taken)
        for part, flags in zip(places, answers, strict=True):
            if isinstance(flags, BaseException):
                raise flags
            for i, flag in zip(part, flags, strict=True):
                held[i] = flag == 0x31
        return held

    def sizes(self, queue: str) -> Plan[Sizes]:
        """The queue's three sizes, of one moment."""
        return Sizes(*(yield Call(self.link, "sizes", (self.keys[queue].all[:3], ()))))

    def clear(self, queue: str) -> Plan[int]:
        """How many jobs were deleted, in every state; the four keys are gone."""
        return int((yield Call(self.link, "clear", (self.keys[queue].all, ()))))

    def browse(self, queue: str, state: State, *, offset: int = 0, limit: int = 50) -> Plan[list[Waiting]]:
        """Jobs of one state in the order they will be taken; ``attempts`` is read from the payload."""
        if limit <= 0:
            return []
        keys, last = self.keys[queue], offset + limit - 1
        if state == "pending":
            bodies = yield Call(self.link, "LRANGE", (keys.ready, offset, last))
            return [Waiting("pending", body, attempts=_attempts(body)) for body in bodies]
        key = keys.delayed if state == "delayed" else keys.reserved
        reply = yield Call(self.link, "ZRANGE", (key, offset, last, "WITHSCORES"))
        # RESP2 answers member, score, member, ...; RESP3 [member, score], ...
        pairs = reply if reply and isinstance(reply[0], list) else zip(reply[::2], reply[1::2], strict=True)
        return [Waiting(state, body, float(score), _attempts(body)) for body, score in pairs]

    def queues(self) -> Plan[list[str]]:
        """The names of the queues that hold a job, sorted. Lists that end in ``:failed`` are dead letters, no queues.

        Redis has no list of them, so all its keys are looked through, a thousand at a time and never holding it up.
        Raises :class:`~lara_queue.errors.StoreError` when there are more than five million.
        """
        names: set[str] = set()
        cursor: bytes | int = 0
        for _ in range(_SCAN_ROUNDS):
            cursor, found = yield Call(self.link, "SCAN", (cursor, "MATCH", self.keys.pattern, "COUNT", _SCAN_KEYS))
            names.update(name for key in found if (name := self.keys.queue_of(key)) is not None)
            if int(cursor) == 0:
                return sorted(names)
        raise StoreError("This Redis has too many keys to look for queues among them; name the queues instead.")

    def ping(self) -> Plan[None]:
        """Nothing, when Redis answers."""
        yield Call(self.link, "PING")

    def _due(self, delay: float) -> int:
        return int(self._clock()) + max(0, math.ceil(delay))

    def _reserve(self, queues: Sequence[str], limit: int) -> tuple[Call, float]:
        """The call that takes jobs, and when their reservation will run out."""
        now = int(self._clock())
        expires = now + math.ceil(self.retry_after)
        keys = tuple(key for queue in queues for key in self.keys[queue].all)
        return Call(self.link, "reserve", (keys, (now, expires, limit, self.settings.migration_batch))), float(expires)


def _parts(jobs: Sequence[tuple[Any, ...]]) -> Iterator[tuple[Any, ...]]:
    """The jobs' arguments in a row, in parts that are small enough for one script."""
    part: list[Any] = []
    size = count = 0
    for job in jobs:
        if part and (count >= _CHUNK_JOBS or size + len(job[-1]) > _CHUNK_BYTES):
            yield tuple(part)
            part, size, count = [], 0, 0
        part += job
        size += len(job[-1])
        count += 1
    if part:
        yield tuple(part)


def _attempts(body: bytes) -> int | None:
    found = find_attempts(body)
    return None if found.problem else found.number
