"""Both faces, one after the other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from .world import World


@pytest.fixture(params=["sync", "async"])
def kind(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture
def world(kind: Any) -> Iterator[World]:
    world = World(kind)
    yield world
    world.close()
