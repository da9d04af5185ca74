"""``sync://``: jobs run where they are pushed, before ``push()`` returns. Mirrors ``Queue/SyncQueue.php``.

For tests and for programs without a worker. The handler's exception comes out of ``push()``; a delay is not waited
for; there is one attempt, so ``release()`` does not bring the job back; nothing ever waits in this queue. A failure is
recorded only when the push is made by a job that a worker runs (protocol §5.4).

How a job is run the driver is told by the queue object it belongs to: handlers are none of a driver's business.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, Literal

from lara_queue.drivers.settings import DriverSettings
from lara_queue.errors import ConfigurationError
from lara_queue.pause import pause_for
from lara_queue.plans import WAIT, Call, Plan
from lara_queue.ports import Reservation, Sizes, State, Waiting

__all__ = ["QUEUE_NAME", "SyncDriver", "SyncLink", "open_store"]

QUEUE_NAME: Final = "sync"
"""What a job is told its queue is. Mirrors ``Jobs/SyncJob.php``."""


def _nobody(_body: bytes) -> Any:
    raise ConfigurationError("A sync driver runs jobs for the Queue that was made with it; give Queue('sync://').")


class SyncLink:
    """Runs a job for each call of ``run``; what that returns is awaited under asyncio."""

    def __init__(self, face: Literal["sync", "async"]) -> None:
        self.run: Callable[[bytes], Any] = _nobody
        self._face = face
        self._pause: Any = pause_for(face)

    def call(self, name: str, args: tuple[Any, ...]) -> Any:
        """Nothing, after the job was run or the time has passed; raises what the job's handler raised."""
        if name == "run":
            return self.run(*args)
        return self._pause.call(WAIT, args if name == WAIT else (0,))

    def together(self, calls: Sequence[Call]) -> Any:
        """The answers, one after the other; an exception ends it."""
        if self._face == "sync":
            return [self.call(call.name, call.args) for call in calls]
        return self._one_by_one(calls)

    async def _one_by_one(self, calls: Sequence[Call]) -> list[Any]:
        return [await self.call(call.name, call.args) for call in calls]


class SyncDriver:
    """A store that keeps nothing; see :class:`~lara_queue.ports.Driver` for what each method promises elsewhere."""

    name = "sync"
    adds_id = False

    def __init__(self, link: SyncLink, settings: DriverSettings) -> None:
        self.link = link
        self.retry_after = float(settings.retry_after)

    def push(self, queue: str, body: bytes, *, delay: float = 0) -> Plan[str | None]:
        """None, after the job has run; raises what its handler raised. ``delay`` is passed over, as by Laravel."""
        del queue, delay
        yield Call(self.link, "run", (body,))
        return None

    def push_many(self, queue: str, bodies: Sequence[tuple[bytes, float]]) -> Plan[None]:
        """Run one after the other; the first that raises keeps the rest from running."""
        for body, _ in bodies:
            yield from self.push(queue, body)

    def reserve(self, queues: Sequence[str], *, limit: int = 1, wait: float = 0) -> Plan[list[Reservation]]:
        """Nothing, after ``wait`` seconds: there is never a job."""
        del limit
        if wait > 0:
            yield Call(self.link, WAIT, (wait, tuple(queues)))
        return []

    def delete(self, taken: Reservation) -> Plan[bool]:
        """True: it is gone by itself."""
        yield from ()
        return True

    def release(self, taken: Reservation, *, delay: float = 0) -> Plan[bool]:
        """True, and nothing comes back."""
        yield from ()
        return True

    def give_back(self, taken: Reservation, *, delay: float = 0) -> Plan[bool]:
        """True, and nothing comes back."""
        yield from ()
        return True

    def extend(self, taken: Sequence[Reservation]) -> Plan[list[bool]]:
        """True for each: nobody else can have it."""
        yield from ()
        return [True] * len(taken)

    def queues(self) -> Plan[list[str]]:
        """None: nothing ever waits here."""
        yield from ()
        return []

    def sizes(self, queue: str) -> Plan[Sizes]:
        """Three times 0."""
        yield from ()
        return Sizes(0, 0, 0)

    def clear(self, queue: str) -> Plan[int]:
        """0."""
        yield from ()
        return 0

    def browse(self, queue: str, state: State, *, offset: int = 0, limit: int = 50) -> Plan[list[Waiting]]:
        """Nothing."""
        yield from ()
        return []

    def ping(self) -> Plan[None]:
        """Nothing: it is always there."""
        yield from ()


def open_store(source: str, face: Literal["sync", "async"], settings: DriverSettings) -> SyncDriver:
    """The driver of a ``sync://`` URL."""
    del source
    return SyncDriver(SyncLink(face), settings)
