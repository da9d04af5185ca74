"""What a check of a driver works with; see :mod:`lara_queue.testing.conformance`."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from itertools import count
from typing import TypeVar

from lara_queue.plans import Plan
from lara_queue.ports import Driver, Reservation
from lara_queue.testing.clock import ManualClock
from lara_queue.testing.shells import Shell

__all__ = ["Bench"]

T = TypeVar("T")
_numbers = count()


@dataclass
class Bench:
    """What a check needs; ``retry_after`` of both drivers must be 90 seconds and the clock theirs."""

    driver: Driver
    other: Driver
    shell: Shell
    clock: ManualClock
    queue: str = "q"
    bodies: list[bytes] = field(default_factory=list)

    def do(self, plan: Plan[T]) -> T:
        """What the plan returns."""
        return self.shell.run(plan)

    def body(self, attempts: int = 0) -> bytes:
        """A payload unlike any other; the number in it that cjson would damage must survive."""
        number = next(_numbers)
        return json.dumps({"id": f"id{number}", "big": 9007199254740993, "empty": [], "attempts": attempts}).encode()

    def push(self, delay: float = 0) -> bytes:
        """Push one such payload."""
        body = self.body()
        self.do(self.driver.push(self.queue, body, delay=delay))
        return body

    def take(self, limit: int = 1) -> list[Reservation]:
        """Take up to so many jobs, without waiting."""
        return self.do(self.driver.reserve([self.queue], limit=limit))

    def sizes(self) -> tuple[int, int, int]:
        """Pending, delayed, reserved."""
        sizes = self.do(self.driver.sizes(self.queue))
        return sizes.pending, sizes.delayed, sizes.reserved
