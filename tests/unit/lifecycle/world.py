"""A small world to drive attempts in by hand: a memory store, a failed store, a clock that stands still."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from typing import Any

from lara_queue.drivers.memory import MemoryDriver, MemoryStore, SyncMemoryLink
from lara_queue.drivers.settings import DriverSettings
from lara_queue.events import Event
from lara_queue.failed.memory import MemoryFailedStore
from lara_queue.job import Job
from lara_queue.lifecycle.attempt import Lifecycle, Outcome
from lara_queue.lifecycle.backoff import from_list
from lara_queue.lifecycle.decide import GiveBack, Rules
from lara_queue.plans import Call, Effect, Emit, Handle, Plan, Together, run

__all__ = ["Crash", "World", "payload"]

_ids = itertools.count()


class Crash(BaseException):
    """The process died here."""


def payload(command: str = 'O:10:"App\\Jobs\\X":1:{s:1:"n";i:1;}', **changes: Any) -> bytes:
    number = next(_ids)
    envelope: dict[str, Any] = {
        "uuid": f"00000000-0000-4000-8000-{number:012d}",
        "displayName": "App\\Jobs\\X",
        "job": "Illuminate\\Queue\\CallQueuedHandler@call",
        "maxTries": None,
        "maxExceptions": None,
        "failOnTimeout": False,
        "backoff": None,
        "timeout": None,
        "retryUntil": None,
        "data": {"commandName": "App\\Jobs\\X", "command": command},
        "id": f"id{number}",
        "attempts": 0,
    }
    return json.dumps({**envelope, **changes}).encode()


class World:
    """One queue ``q`` with a handler; ``now`` may be moved."""

    def __init__(
        self, handler: Callable[[Job], Any], *, handled: bool = True, unhandled: GiveBack | None = None, **rules: Any
    ) -> None:
        self.now = 1_700_000_000.0
        self.handler = handler
        self.events: list[Event] = []
        self.effects = 0
        self.die_after: int | None = None
        self.store = MemoryStore()
        self.driver = MemoryDriver(SyncMemoryLink(self.store), DriverSettings(retry_after=90, clock=lambda: self.now))
        self.failed = MemoryFailedStore()
        plain: dict[str, Any] = {
            "max_tries": 1,
            "retry_until": None,
            "max_exceptions": None,
            "timeout": 60,
            "fail_on_timeout": False,
            "backoff": from_list((7,)),
        }
        self.rules = Rules(**{**plain, **rules})
        self.lifecycle = Lifecycle(
            driver=self.driver,
            failed=self.failed,
            cache=None,
            connection="memory",
            look_up=self._look_up,
            clock=lambda: self.now,
            unhandled=unhandled,
        )
        self._handled = handled

    def _look_up(self, job: Job) -> tuple[Rules, bool]:
        job.rules = self.rules
        _ = job.envelope
        return self.rules, self._handled

    def perform(self, effect: Effect) -> Any:
        if isinstance(effect, Handle):
            reply: Any = self.handler(effect.job)
        elif isinstance(effect, Emit):
            reply = self.events.append(effect.event)
        elif isinstance(effect, Together):
            reply = effect.calls[0].link.together(effect.calls)
        else:
            assert isinstance(effect, Call)
            reply = effect.link.call(effect.name, effect.args)
        self.effects += 1
        if self.die_after is not None and self.effects >= self.die_after:
            raise Crash
        return reply

    def drive(self, plan: Plan[Any]) -> Any:
        return run(plan, self.perform)

    def push(self, body: bytes) -> None:
        self.drive(self.driver.push("q", body))

    def take(self) -> Job:
        (taken,) = self.drive(self.driver.reserve(["q"]))
        return Job(taken, connection="memory")

    def work(self) -> Outcome:
        """Take one job, attempt it, settle it."""
        job = self.take()
        outcome: Outcome = self.drive(self.lifecycle.attempt(job))
        self.drive(self.lifecycle.settle(job, outcome))
        return outcome

    @property
    def told(self) -> list[str]:
        return [event.name for event in self.events]

    def sizes(self) -> tuple[int, int, int]:
        sizes = self.drive(self.driver.sizes("q"))
        return sizes.pending, sizes.delayed, sizes.reserved

    def buried(self) -> list[bytes]:
        return [failed.payload for failed in self.drive(self.failed.all())]
