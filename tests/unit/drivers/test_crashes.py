"""A worker that dies after any effect of any driver plan: no job is lost, and none is there twice."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import fakeredis
import pytest

from lara_queue.drivers import DriverSettings, open_driver
from lara_queue.plans import Call, Plan, together
from lara_queue.ports import DeletesMany, Driver
from lara_queue.sql import Database
from lara_queue.sql.schema import create_tables
from lara_queue.testing import Crash, Crashing, ManualClock, SyncShell, effects_of
from lara_queue.testing.shells import perform

BODIES = [b'{"id":"a","attempts":0}', b'{"id":"b","attempts":0}', b'{"id":"b","attempts":0}', b"not json"]


class World:
    """A queue with two jobs taken (the first and the bad one), two ready, and one delayed."""

    def __init__(self, source: Any) -> None:
        self.clock = ManualClock()
        self.driver: Driver = open_driver(
            source, face="sync", settings=DriverSettings(prefix=uuid.uuid4().hex, clock=self.clock)
        )
        self.run = SyncShell().run
        for body in (BODIES[0], BODIES[3]):
            self.run(self.driver.push("q", body))
        self.taken, self.bad = self.run(self.driver.reserve(["q"], limit=2))
        for body in BODIES[1:3]:
            self.run(self.driver.push("q", body))
        self.run(self.driver.push("q", BODIES[0], delay=30))

    def everything(self) -> list[bytes]:
        """The jobs that the next worker finds when all leases have run out and all delays have passed."""
        self.clock.advance(1000)
        found = [job.body for job in self.run(self.driver.reserve(["q"], limit=99))]
        return sorted(body.split(b',"attempts"')[0] for body in found)


A, B, BAD = b'{"id":"a"', b'{"id":"b"', b"not json"
ALL = sorted([A, A, B, B, BAD])


@pytest.fixture(params=["memory", "redis scripts", "sqlite"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], World]]:
    clients: list[Any] = []
    worlds: list[World] = []

    def make() -> World:
        if request.param == "memory":
            return World("memory://")
        if request.param == "sqlite":
            url = f"sqlite:///{tmp_path / uuid.uuid4().hex}"
            Database(url, create=True).transact(create_tables)
            worlds.append(World(url))
            return worlds[-1]
        clients.append(fakeredis.FakeRedis())
        return World(clients[-1])

    yield make
    for client in clients:
        client.close()
    for there in worlds:
        there.run(_close(there.driver))


def _close(driver: Any) -> Plan[None]:
    yield Call(driver.link, "close")


def many(world: World) -> DeletesMany:
    assert isinstance(world.driver, DeletesMany)
    return world.driver


PLANS: dict[str, tuple[Callable[[World], Plan[Any]], list[bytes]]] = {
    # name: the plan, and what is there when it has been performed to its end
    "reserve": (lambda w: w.driver.reserve(["p", "q"], limit=9), ALL),
    "reserve after a wait": (lambda w: w.driver.reserve(["p"], wait=0.01), ALL),
    "release": (lambda w: w.driver.release(w.taken, delay=5), ALL),
    "release of what cannot be read": (lambda w: w.driver.release(w.bad), ALL),
    "give back": (lambda w: w.driver.give_back(w.taken), ALL),
    "give back later": (lambda w: w.driver.give_back(w.taken, delay=5), ALL),
    "extend": (lambda w: w.driver.extend([w.taken, w.bad]), ALL),
    "delete": (lambda w: w.driver.delete(w.taken), sorted([A, B, B, BAD])),
    "delete many": (lambda w: many(w).delete_many([w.taken, w.bad]), sorted([A, B, B])),
    "delete many and take the next": (
        lambda w: together(many(w).delete_many([w.taken, w.bad]), w.driver.reserve(["q"], limit=2)),
        sorted([A, B, B]),
    ),
    "push": (lambda w: w.driver.push("q", BODIES[1]), sorted([*ALL, B])),
    "push later": (lambda w: w.driver.push("q", BODIES[1], delay=9), sorted([*ALL, B])),
    "push many": (lambda w: w.driver.push_many("q", [(BODIES[1], 0), (BODIES[1], 9)]), sorted([*ALL, B, B])),
    "delete and take the next": (
        lambda w: together(w.driver.delete(w.taken), w.driver.reserve(["q"])),
        sorted([A, B, B, BAD]),
    ),
    "release and take the next": (
        lambda w: together(w.driver.release(w.taken), w.driver.reserve(["q"], limit=2)),
        ALL,
    ),
}


@pytest.mark.parametrize("answered", [True, False])
@pytest.mark.parametrize("name", PLANS)
def test_a_crash_after_any_effect_loses_no_job(world: Callable[[], World], name: str, answered: bool) -> None:
    plan, at_the_end = PLANS[name]
    whole = world()
    effects = effects_of(perform, plan(whole))
    assert whole.everything() == at_the_end
    for steps in range(effects + answered):
        there = world()
        done = steps == effects
        try:
            Crashing(perform, after=steps + (not answered), answered=answered).run(plan(there))
        except Crash:
            assert not done
        else:
            assert done
        assert there.everything() in ([ALL, at_the_end] if steps < effects else [at_the_end])


def test_what_a_dead_worker_took_comes_back_with_its_attempt_counted(world: Callable[[], World]) -> None:
    there = world()
    with pytest.raises(Crash):
        Crashing(perform, after=1, answered=False).run(there.driver.reserve(["q"]))
    there.clock.advance(91)
    again = there.run(there.driver.reserve(["q"], limit=99))
    # In a payload that is unreadable the attempt cannot be counted; a column can.
    assert sorted(job.attempts for job in again) == ([1, 1, 1, 2, 2] if there.driver.adds_id else [1, 1, 2, 2, 2])
