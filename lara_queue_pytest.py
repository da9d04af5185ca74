"""The pytest fixtures of lara_queue, loaded by pytest wherever the package is installed; each is there when asked for.

A module of its own beside the package, because pytest imports it at every start: lara_queue itself is imported by the
first test that uses one of the fixtures.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from lara_queue import AsyncQueue, Queue
    from lara_queue.testing import ManualClock

__all__ = ["async_memory_queue", "frozen_clock", "lara_queue_fake", "memory_queue"]


@pytest.fixture
def frozen_clock() -> ManualClock:
    """A clock that stands still until ``frozen_clock.advance(seconds)``."""
    from lara_queue.testing import ManualClock

    return ManualClock()


@pytest.fixture
def memory_queue(frozen_clock: ManualClock) -> Iterator[Queue]:
    """A ``Queue`` in memory with a cache, on the ``frozen_clock``: what is delayed comes due when that is moved."""
    from lara_queue import Queue
    from lara_queue.cache.memory import MemoryCache

    with Queue("memory://", cache=MemoryCache(frozen_clock), clock=frozen_clock) as queue:
        yield queue


@pytest.fixture
def async_memory_queue(frozen_clock: ManualClock) -> AsyncQueue:
    """The same as an ``AsyncQueue``."""
    from lara_queue import AsyncQueue
    from lara_queue.cache.memory import MemoryCache

    return AsyncQueue("memory://", cache=MemoryCache(frozen_clock), clock=frozen_clock)


@pytest.fixture
def lara_queue_fake() -> Iterator[Any]:
    """A function that stands in for a queue object until the test ends: ``pushed = lara_queue_fake(queue)``."""
    from lara_queue.testing import fake

    standing_in: list[Any] = []

    def stand_in(queue: Any) -> Any:
        made = fake(queue).start()
        standing_in.append(made)
        return made

    yield stand_in
    for made in reversed(standing_in):
        made.stop()
