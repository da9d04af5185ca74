"""What the scenarios share: both faces of a queue in memory, on a clock that stands still until it is moved."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from lara_queue.testing.clock import ManualClock
from tests.worker.faces import Face


@pytest.fixture(params=["sync", "async"])
def kind(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def make(kind: Any, clock: ManualClock) -> Iterator[Callable[..., Face]]:
    """Makes a queue with settings of its own: one job at a time, on the clock."""
    faces: list[Face] = []

    def made(source: Any = "memory://", **settings: Any) -> Face:
        faces.append(Face(kind, source, **{"clock": clock, "max_concurrent_jobs": 1, **settings}))
        return faces[-1]

    yield made
    for face in faces:
        face.close()


@pytest.fixture
def face(make: Callable[..., Face]) -> Face:
    return make()
