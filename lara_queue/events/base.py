"""What all events have in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

__all__ = ["Event"]


@dataclass(frozen=True, slots=True)
class Event:
    """What every event has: the ``name`` its listeners are registered under."""

    name: ClassVar[str] = ""
