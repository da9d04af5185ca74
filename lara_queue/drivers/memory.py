"""Jobs in this process, kept as honestly as in a real store: for tests, for trying things out, for programs that need
no server.

Bytes go in and bytes come out; leases run out, delays pass by the injected clock, and an attempt is counted in the
payload's text by the same rule as in Redis. One store serves any number of threads and event loops; who waits for work
is woken, nobody polls.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import urlsplit

from lara_queue.clock import Clock
from lara_queue.drivers.attempts import find_attempts, raise_attempts
from lara_queue.drivers.settings import DriverSettings
from lara_queue.plans import WAIT, Call, Plan
from lara_queue.ports import Reservation, Sizes, State, Waiting

__all__ = ["AsyncMemoryLink", "MemoryDriver", "MemoryStore", "SyncMemoryLink", "open_store"]


@dataclass(slots=True)
class _Queue:
    """One queue: heaps are ordered by time, then by coming; what was settled stays in ``leases`` until its time."""

    ready: deque[bytes] = field(default_factory=deque)
    delayed: list[tuple[float, int, bytes]] = field(default_factory=list)
    reserved: dict[int, tuple[float, bytes]] = field(default_factory=dict)
    leases: list[tuple[float, int]] = field(default_factory=list)


class MemoryStore:
    """The jobs of any number of queues. Every method is one step: nobody sees half of it."""

    def __init__(self) -> None:
        self._queues: dict[str, _Queue] = {}
        self._lock = threading.RLock()  # a signal handler or the garbage collector may come back to us
        self._numbers = itertools.count(1)
        self._wakers: dict[int, tuple[frozenset[str], Callable[[], None]]] = {}

    def push(self, queue: str, jobs: Sequence[tuple[bytes, float | None]]) -> None:
        """Store (body, Unix time when it is due, None for at once) in order."""
        with self._lock:
            place = self._queue(queue)
            for body, due in jobs:
                if due is None:
                    place.ready.append(bytes(body))
                else:
                    heapq.heappush(place.delayed, (due, next(self._numbers), bytes(body)))
            self._wake(queue)

    def reserve(
        self, queues: Sequence[str], limit: int, now: float, expires: float
    ) -> tuple[list[Reservation], float | None]:
        """Up to ``limit`` jobs, and when the next one of these queues comes due if there was none."""
        taken: list[Reservation] = []
        with self._lock:
            for name in queues:
                place = self._queue(name)
                self._migrate(place, now)
                while place.ready and len(taken) < limit:
                    body = place.ready.popleft()
                    text, attempts, problem = raise_attempts(body)
                    number = next(self._numbers)
                    place.reserved[number] = (expires, text)
                    heapq.heappush(place.leases, (expires, number))
                    taken.append(Reservation(name, body, attempts or 1, number, expires, problem))
                if len(taken) >= limit:
                    break
            return taken, None if taken else self._next_due(queues)

    def delete(self, queue: str, number: int) -> bool:
        """True when the reservation was there."""
        with self._lock:
            return self._queue(queue).reserved.pop(number, None) is not None

    def delete_many(self, places: Sequence[tuple[str, int]]) -> list[bool]:
        """For each reservation: True when it was there."""
        with self._lock:
            return [self.delete(queue, number) for queue, number in places]

    def release(self, queue: str, number: int, due: float) -> bool:
        """True when the reservation was there; the job is due then, its attempt counted."""
        with self._lock:
            place = self._queue(queue)
            held = place.reserved.pop(number, None)
            if held is None:
                return False
            heapq.heappush(place.delayed, (due, next(self._numbers), held[1]))
            self._wake(queue)
            return True

    def give_back(self, queue: str, number: int, body: bytes, due: float | None) -> bool:
        """True when the reservation was there; the job waits as ``body``, at the head or due then."""
        with self._lock:
            place = self._queue(queue)
            if place.reserved.pop(number, None) is None:
                return False
            if due is None:
                place.ready.appendleft(body)
            else:
                heapq.heappush(place.delayed, (due, next(self._numbers), body))
            self._wake(queue)
            return True

    def extend(self, leases: Sequence[tuple[str, int]], expires: float) -> list[bool]:
        """For each (queue, number): True when the reservation was there; it now ends then."""
        held = []
        with self._lock:
            for queue, number in leases:
                place = self._queue(queue)
                reservation = place.reserved.get(number)
                held.append(reservation is not None)
                if reservation is not None:
                    place.reserved[number] = (expires, reservation[1])
                    heapq.heappush(place.leases, (expires, number))
        return held

    def sizes(self, queue: str) -> Sizes:
        """The queue's three sizes."""
        with self._lock:
            place = self._queue(queue)
            return Sizes(len(place.ready), len(place.delayed), len(place.reserved))

    def clear(self, queue: str) -> int:
        """How many jobs were deleted."""
        with self._lock:
            place = self._queues.pop(queue, _Queue())
            return len(place.ready) + len(place.delayed) + len(place.reserved)

    def browse(self, queue: str, state: State, offset: int, limit: int) -> list[Waiting]:
        """Jobs of one state in the order they will be taken."""
        with self._lock:
            place = self._queue(queue)
            jobs: list[tuple[float | None, bytes]]
            if state == "pending":
                jobs = [(None, body) for body in itertools.islice(place.ready, offset, offset + limit)]
            elif state == "delayed":
                jobs = [(due, body) for due, _, body in sorted(place.delayed)[offset : offset + limit]]
            else:
                held = sorted((expires, number, text) for number, (expires, text) in place.reserved.items())
                jobs = [(expires, text) for expires, _, text in held[offset : offset + limit]]
        return [Waiting(state, body, at, _attempts(body)) for at, body in jobs]

    def queues(self) -> list[str]:
        """The names of the queues that hold a job."""
        with self._lock:
            return sorted(n for n, place in self._queues.items() if place.ready or place.delayed or place.reserved)

    def ping(self) -> None:
        """Nothing."""

    def watch(self, queues: Sequence[str], wake: Callable[[], None]) -> int | None:
        """A number under which ``wake`` is called when a job comes; None, at once, when one is there already."""
        with self._lock:
            if any(queue in self._queues and self._queues[queue].ready for queue in queues):
                return None
            number = next(self._numbers)
            self._wakers[number] = (frozenset(queues), wake)
            return number

    def unwatch(self, number: int | None) -> None:
        """Stop calling."""
        if number is not None:
            with self._lock:
                self._wakers.pop(number, None)

    def _queue(self, name: str) -> _Queue:
        place = self._queues.get(name)
        if place is None:
            place = self._queues[name] = _Queue()
        return place

    def _migrate(self, place: _Queue, now: float) -> None:
        while place.delayed and place.delayed[0][0] <= now:
            place.ready.append(heapq.heappop(place.delayed)[2])
        while place.leases and place.leases[0][0] <= now:
            expires, number = heapq.heappop(place.leases)
            held = place.reserved.get(number)
            if held is not None and held[0] == expires:  # otherwise settled, or renewed
                del place.reserved[number]
                place.ready.append(held[1])

    def _next_due(self, queues: Sequence[str]) -> float | None:
        due = []
        for name in queues:
            place = self._queue(name)
            if place.delayed:
                due.append(place.delayed[0][0])
            while place.leases and place.reserved.get(place.leases[0][1], (None,))[0] != place.leases[0][0]:
                heapq.heappop(place.leases)
            if place.leases:
                due.append(place.leases[0][0])
        return min(due, default=None)

    def _wake(self, queue: str) -> None:
        for queues, wake in self._wakers.values():
            if queue in queues:
                wake()


class SyncMemoryLink:
    """Performs a call as the store's method of that name, and ``wait`` by blocking the thread."""

    def __init__(self, store: MemoryStore) -> None:
        self.store = store

    def call(self, name: str, args: tuple[Any, ...]) -> Any:
        """What the store's method answers."""
        if name == WAIT:
            return self._wait(*args)
        return None if name == "close" else getattr(self.store, name)(*args)

    def together(self, calls: Sequence[Call]) -> list[Any]:
        """The answers, one after the other."""
        return [self.call(call.name, call.args) for call in calls]

    def _wait(self, seconds: float, queues: Sequence[str]) -> bool:
        woken = threading.Event()
        number = self.store.watch(queues, woken.set)
        try:
            return number is None or woken.wait(seconds)
        finally:
            self.store.unwatch(number)


class AsyncMemoryLink:
    """The same for asyncio; waiting is a future that is resolved from whatever thread the job comes."""

    def __init__(self, store: MemoryStore) -> None:
        self.store = store

    async def call(self, name: str, args: tuple[Any, ...]) -> Any:
        """What the store's method answers."""
        if name == WAIT:
            return await self._wait(*args)
        return None if name == "close" else getattr(self.store, name)(*args)

    async def together(self, calls: Sequence[Call]) -> list[Any]:
        """The answers, one after the other."""
        return [await self.call(call.name, call.args) for call in calls]

    async def _wait(self, seconds: float, queues: Sequence[str]) -> bool:
        loop, woken = asyncio.get_running_loop(), asyncio.Event()

        def wake() -> None:
            loop.call_soon_threadsafe(woken.set)

        number = self.store.watch(queues, wake)
        if number is None:
            return True
        try:
            async with asyncio.timeout(seconds):
                await woken.wait()
        except TimeoutError:
            return False
        finally:
            self.store.unwatch(number)
        return True


class MemoryDriver:
    """Jobs in this process; see :class:`~lara_queue.ports.Driver` for what each method promises."""

    name = "memory"
    adds_id = True

    def __init__(self, link: SyncMemoryLink | AsyncMemoryLink, settings: DriverSettings) -> None:
        self.link = link
        self.settings = settings
        self.retry_after = float(settings.retry_after)
        self._clock: Clock = settings.clock

    def push(self, queue: str, body: bytes, *, delay: float = 0) -> Plan[str | None]:
        """None, after storing the payload; its ``id`` is in it already."""
        yield Call(self.link, "push", (queue, [(body, self._due(delay))]))
        return None

    def push_many(self, queue: str, bodies: Sequence[tuple[bytes, float]]) -> Plan[None]:
        """Store many payloads in order."""
        yield Call(self.link, "push", (queue, [(body, self._due(delay)) for body, delay in bodies]))

    def reserve(self, queues: Sequence[str], *, limit: int = 1, wait: float = 0) -> Plan[list[Reservation]]:
        """Up to ``limit`` jobs that are now ours, those of the first queue first."""
        if limit <= 0 or not queues:
            return []
        taken: list[Reservation]
        taken, due = yield self._reserve(queues, limit)
        wait = self.settings.longest_wait(wait)
        if taken or wait <= 0:
            return taken
        if due is not None:
            wait = min(wait, max(due - self._clock(), 0.001))
        yield Call(self.link, WAIT, (wait, tuple(queues)))
        taken, _ = yield self._reserve(queues, limit)
        return taken

    def delete(self, taken: Reservation) -> Plan[bool]:
        """True when the job was still ours and is gone."""
        return bool((yield Call(self.link, "delete", (taken.queue, taken.receipt))))

    def delete_many(self, taken: Sequence[Reservation]) -> Plan[list[bool]]:
        """For each job, as :meth:`delete`."""
        held: list[bool] = yield Call(self.link, "delete_many", ([(one.queue, one.receipt) for one in taken],))
        return held

    def release(self, taken: Reservation, *, delay: float = 0) -> Plan[bool]:
        """True when the job was still ours and is due again in ``delay`` seconds, this attempt counted."""
        due = self._clock() + max(0.0, delay)
        return bool((yield Call(self.link, "release", (taken.queue, taken.receipt, due))))

    def give_back(self, taken: Reservation, *, delay: float = 0) -> Plan[bool]:
        """True when the job was still ours and waits again with the bytes it had before it was taken."""
        args = (taken.queue, taken.receipt, taken.body, self._due(delay))
        return bool((yield Call(self.link, "give_back", args)))

    def extend(self, taken: Sequence[Reservation]) -> Plan[list[bool]]:
        """For each job: True when it was still ours and now is for another ``retry_after`` seconds."""
        leases = [(one.queue, one.receipt) for one in taken]
        return list((yield Call(self.link, "extend", (leases, self._clock() + self.retry_after))))

    def sizes(self, queue: str) -> Plan[Sizes]:
        """The queue's three sizes."""
        sizes: Sizes = yield Call(self.link, "sizes", (queue,))
        return sizes

    def clear(self, queue: str) -> Plan[int]:
        """How many jobs were deleted, in every state."""
        return int((yield Call(self.link, "clear", (queue,))))

    def browse(self, queue: str, state: State, *, offset: int = 0, limit: int = 50) -> Plan[list[Waiting]]:
        """Jobs of one state in the order they will be taken; ``attempts`` is read from the payload."""
        return list((yield Call(self.link, "browse", (queue, state, offset, max(0, limit)))))

    def queues(self) -> Plan[list[str]]:
        """The names of the queues that hold a job, sorted."""
        return list((yield Call(self.link, "queues")))

    def ping(self) -> Plan[None]:
        """Nothing: this store is always there."""
        yield Call(self.link, "ping")

    def _reserve(self, queues: Sequence[str], limit: int) -> Call:
        now = self._clock()
        return Call(self.link, "reserve", (tuple(queues), limit, now, now + self.retry_after))

    def _due(self, delay: float) -> float | None:
        return self._clock() + delay if delay > 0 else None


_named: dict[str, MemoryStore] = {}
_naming = threading.Lock()


def open_store(source: str, face: Literal["sync", "async"], settings: DriverSettings) -> MemoryDriver:
    """A driver on the store of a ``memory://NAME`` URL, the same one for each use of the name; unnamed: a new one."""
    parts = urlsplit(source)
    name = parts.netloc + parts.path.rstrip("/")
    with _naming:
        store = _named.setdefault(name, MemoryStore()) if name else MemoryStore()
    return MemoryDriver(SyncMemoryLink(store) if face == "sync" else AsyncMemoryLink(store), settings)


def _attempts(body: bytes) -> int | None:
    found = find_attempts(body)
    return None if found.problem else found.number
