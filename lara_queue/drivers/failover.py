"""``failover+redis://…,sqlite:///…``: what one store does not take, the next one gets.

Pushing tries the stores in order, and the first that accepts ends it. Everything else asks the first store only: a
worker of the second store's jobs is a worker with that store's URL (protocol §5.4). When a store breaks in the middle
of a push nobody can tell whether it has the job: it may then be in two stores, but it is never in none.
Mirrors ``Queue/FailoverQueue.php``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final, Literal

from lara_queue.drivers.settings import DriverSettings
from lara_queue.errors import ConfigurationError, StoreError
from lara_queue.events import QueueFailedOver
from lara_queue.plans import Call, Emit, Plan
from lara_queue.ports import DeletesMany, Driver, ListsQueues, Reservation, Sizes, State, Waiting

__all__ = ["FailoverDriver", "QueueFailedOver", "open_store"]

PREFIX: Final = "failover+"

_BETWEEN: Final = re.compile(r",(?=[A-Za-z][A-Za-z0-9.+-]*://)")  # commas may also stand within a URL


class _Links:
    """The links of all the stores, to be closed together; what else is asked goes to the first."""

    def __init__(self, drivers: Sequence[Driver], face: Literal["sync", "async"]) -> None:
        links = (getattr(driver, "link", None) for driver in drivers)
        self._links: list[Any] = [link for link in links if link is not None]
        self._face = face

    def call(self, name: str, args: tuple[Any, ...]) -> Any:
        """What the first link answers; ``close`` goes to each."""
        if name != "close":
            return self._links[0].call(name, args)
        if self._face == "async":
            return self._close_all()
        for link in self._links:
            link.call(name, args)
        return None

    def together(self, calls: Sequence[Call]) -> Any:
        """What the first link answers."""
        return self._links[0].together(calls)

    async def _close_all(self) -> None:
        for link in self._links:
            await link.call("close", ())


class FailoverDriver:
    """Several stores behind one another; see :class:`~lara_queue.ports.Driver` for what each method promises.

    Parameters:
        members: the stores in order, at least one.
        face: which shell drives their plans.
    """

    name = "failover"

    def __init__(self, members: Sequence[Driver], face: Literal["sync", "async"]) -> None:
        if not members:
            raise ConfigurationError("A failover queue needs at least one store.")
        self.members = tuple(members)
        self.first = self.members[0]
        self.retry_after = self.first.retry_after
        # A payload without ``attempts`` would be destroyed by Laravel's worker if it came to a Redis; with it, it does
        # no harm in a table.
        self.adds_id = any(member.adds_id for member in self.members)
        self.link = _Links(self.members, face)

    def push(self, queue: str, body: bytes, *, delay: float = 0) -> Plan[str | None]:
        """The id given by the first store that took the job; raises what the last one raised when none did."""
        failure: StoreError | None = None
        for member in self.members:
            try:
                return (yield from member.push(queue, body, delay=delay))
            except StoreError as error:  # what a job run by a sync store raises is the caller's, and goes on to it
                failure = error
            yield Emit(QueueFailedOver(member.name, queue, body, failure))
        assert failure is not None
        raise failure

    def push_many(self, queue: str, bodies: Sequence[tuple[bytes, float]]) -> Plan[None]:
        """One by one, as Laravel does: each keeps its delay, and none is pushed twice because a later one failed."""
        for body, delay in bodies:
            yield from self.push(queue, body, delay=delay)

    def reserve(self, queues: Sequence[str], *, limit: int = 1, wait: float = 0) -> Plan[list[Reservation]]:
        """Jobs of the first store."""
        return self.first.reserve(queues, limit=limit, wait=wait)

    def delete(self, taken: Reservation) -> Plan[bool]:
        """As the first store does."""
        return self.first.delete(taken)

    def delete_many(self, taken: Sequence[Reservation]) -> Plan[list[bool]]:
        """As the first store does; one by one if it cannot do so at once."""
        if isinstance(self.first, DeletesMany):
            return self.first.delete_many(taken)
        return self._delete_each(taken)

    def _delete_each(self, taken: Sequence[Reservation]) -> Plan[list[bool]]:
        held = []
        for one in taken:
            held.append((yield from self.first.delete(one)))
        return held

    def release(self, taken: Reservation, *, delay: float = 0) -> Plan[bool]:
        """As the first store does."""
        return self.first.release(taken, delay=delay)

    def give_back(self, taken: Reservation, *, delay: float = 0) -> Plan[bool]:
        """As the first store does."""
        return self.first.give_back(taken, delay=delay)

    def extend(self, taken: Sequence[Reservation]) -> Plan[list[bool]]:
        """As the first store does."""
        return self.first.extend(taken)

    def sizes(self, queue: str) -> Plan[Sizes]:
        """The sizes in the first store."""
        return self.first.sizes(queue)

    def clear(self, queue: str) -> Plan[int]:
        """How many jobs of the first store were deleted."""
        return self.first.clear(queue)

    def browse(self, queue: str, state: State, *, offset: int = 0, limit: int = 50) -> Plan[list[Waiting]]:
        """Jobs of the first store."""
        return self.first.browse(queue, state, offset=offset, limit=limit)

    def queues(self) -> Plan[list[str]]:
        """The names of the queues in the first store; raises ConfigurationError when it cannot tell."""
        if not isinstance(self.first, ListsQueues):
            raise ConfigurationError(f"The store {self.first.name} cannot tell which queues there are.")
        return self.first.queues()

    def ping(self) -> Plan[None]:
        """Nothing, when the first store answers."""
        return self.first.ping()


def open_store(source: str, face: Literal["sync", "async"], settings: DriverSettings) -> FailoverDriver:
    """The driver of a ``failover+`` URL: the stores' own URLs, separated by commas."""
    from lara_queue.drivers.connect import open_driver

    urls = _BETWEEN.split(source[len(PREFIX) :])
    return FailoverDriver([open_driver(url, face=face, settings=settings) for url in urls], face)
