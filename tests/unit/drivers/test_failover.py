"""What one store does not take, the next one gets."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Literal

import pytest

from lara_queue import Queue
from lara_queue.drivers import DriverSettings, open_driver
from lara_queue.drivers.failover import FailoverDriver, QueueFailedOver
from lara_queue.drivers.memory import AsyncMemoryLink, MemoryDriver, MemoryStore, SyncMemoryLink
from lara_queue.errors import ConfigurationError, StoreError, StoreUnreachable, UnknownDriver
from lara_queue.plans import Effect, Emit, Plan, run
from lara_queue.testing import ManualClock, shell_for
from lara_queue.testing.conformance import CHECKS, Bench
from lara_queue.testing.shells import perform
from tests.worker.faces import Face


class Breaking(SyncMemoryLink):
    """A link that fails when told to, before or after the store has done what was asked."""

    def __init__(self, store: MemoryStore) -> None:
        super().__init__(store)
        self.error: StoreError | None = None
        self.answer_lost = False
        self.asked: list[str] = []

    def call(self, name: str, args: tuple[Any, ...]) -> Any:
        self.asked.append(name)
        if self.error is None:
            return super().call(name, args)
        if self.answer_lost:
            super().call(name, args)
        raise self.error


class World:
    """Three stores behind one another."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.links = [Breaking(MemoryStore()) for _ in range(3)]
        self.members = [MemoryDriver(link, DriverSettings(clock=self.clock)) for link in self.links]
        for number, member in enumerate(self.members):
            member.name = f"store-{number}"
        self.driver = FailoverDriver(self.members, "sync")
        self.told: list[QueueFailedOver] = []

    def do(self, plan: Plan[Any]) -> Any:
        return run(plan, self.perform)

    def perform(self, effect: Effect) -> Any:
        if isinstance(effect, Emit):
            assert isinstance(effect.event, QueueFailedOver)
            self.told.append(effect.event)
            return None
        return perform(effect)

    def waiting(self) -> list[int]:
        return [self.do(member.sizes("q")).total for member in self.members]


@pytest.fixture
def world() -> World:
    return World()


def test_the_first_store_takes_it_while_it_can(world: World) -> None:
    world.do(world.driver.push("q", b"{}"))
    assert (world.waiting(), world.told) == ([1, 0, 0], [])


def test_the_next_one_gets_what_a_store_does_not_take(world: World) -> None:
    world.links[0].error = StoreUnreachable("gone")
    world.links[1].error = StoreError("full")
    world.do(world.driver.push("q", b"{}", delay=30))
    for link in world.links:
        link.error = None
    assert world.waiting() == [0, 0, 1]
    assert world.do(world.members[2].sizes("q")).delayed == 1
    assert [(event.connection, str(event.exception), event.payload) for event in world.told] == [
        ("store-0", "gone", b"{}"),
        ("store-1", "full", b"{}"),
    ]


def test_when_none_takes_it_the_last_ones_error_comes_out(world: World) -> None:
    for number, link in enumerate(world.links):
        link.error = StoreUnreachable(f"gone {number}")
    with pytest.raises(StoreUnreachable, match="gone 2"):
        world.do(world.driver.push("q", b"{}"))
    assert len(world.told) == 3


def test_an_answer_that_was_lost_leaves_the_job_in_two_stores_never_in_none(world: World) -> None:
    world.links[0].error, world.links[0].answer_lost = StoreUnreachable("gone"), True
    world.do(world.driver.push("q", b"{}"))
    world.links[0].error = None
    assert world.waiting() == [1, 1, 0]


def test_the_first_store_is_tried_again_each_time(world: World) -> None:
    world.links[0].error = StoreUnreachable("gone")
    world.do(world.driver.push("q", b"1"))
    world.links[0].error = None
    world.do(world.driver.push("q", b"2"))
    assert world.waiting() == [1, 1, 0]


def test_bulk_goes_job_by_job_and_keeps_each_delay_fo_02(world: World) -> None:
    """FO-02."""
    world.do(world.driver.push_many("q", [(b"1", 15), (b"2", 30), (b"3", 0)]))
    assert world.links[0].asked == ["push"] * 3
    delayed = world.do(world.driver.browse("q", "delayed"))
    assert [(seen.body, seen.at - world.clock()) for seen in delayed] == [(b"1", 15), (b"2", 30)]
    assert [seen.body for seen in world.do(world.driver.browse("q", "pending"))] == [b"3"]


def test_a_store_that_breaks_in_the_middle_of_bulk_gets_no_job_twice(world: World) -> None:
    class Later(StoreUnreachable):
        pass

    pushes = iter([None, Later("gone"), Later("gone")])
    call = world.links[0].call

    def breaking(name: str, args: tuple[Any, ...]) -> Any:
        if name == "push" and (error := next(pushes)) is not None:
            raise error
        return call(name, args)

    world.links[0].call = breaking  # type: ignore[method-assign]
    world.do(world.driver.push_many("q", [(b"1", 0), (b"2", 0), (b"3", 0)]))
    assert world.waiting() == [1, 2, 0]


def test_only_the_first_store_is_asked_for_jobs(world: World) -> None:
    world.links[0].error = StoreUnreachable("gone")
    world.do(world.driver.push("q", b'{"attempts":0}'))
    with pytest.raises(StoreUnreachable):
        world.do(world.driver.reserve(["q"]))
    world.links[0].error = None
    assert world.do(world.driver.reserve(["q"])) == []
    assert world.do(world.driver.sizes("q")).total == 0
    assert world.do(world.driver.clear("q")) == 0


def test_closing_closes_every_store(world: World) -> None:
    world.driver.link.call("close", ())
    assert [link.asked for link in world.links] == [["close"]] * 3


@pytest.mark.parametrize("face", ["sync", "async"])
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_it_keeps_every_promise_of_a_driver(check: Callable[[Bench], None], face: Literal["sync", "async"]) -> None:
    clock = ManualClock()
    store = MemoryStore()
    link: Any = SyncMemoryLink(store) if face == "sync" else AsyncMemoryLink(store)
    spare = open_driver("memory://", face=face)
    settings = DriverSettings(clock=clock, retry_after=90)
    drivers = [FailoverDriver([MemoryDriver(link, settings), spare], face) for _ in range(2)]
    with shell_for(face) as shell:
        check(Bench(*drivers, shell, clock))


# -- as a queue's store ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_a_url_names_the_stores_and_the_event_is_heard(kind: Literal["sync", "async"]) -> None:
    face = Face(kind, "failover+redis://127.0.0.1:1/0,memory://spare", queue="q")
    spare = Face(kind, "memory://spare", queue="q")
    face.hear("queue.failed_over")
    uuid = face.push("App\\J", {"n": 1})
    (event,) = face.events
    assert (event.connection, event.queue, json.loads(event.payload)["uuid"]) == ("redis", "q", uuid)
    assert isinstance(event.exception, StoreUnreachable)
    (job,) = spare.pending_jobs()
    assert (job.uuid, job.attempts, job.id is not None) == (uuid, 0, True)
    spare.clear()
    face.close()
    spare.close()


def test_a_payload_for_a_table_can_also_come_to_a_redis(tmp_path: Any) -> None:
    """It carries ``attempts``, without which a PHP worker's pop script would destroy it."""
    driver = open_driver(f"failover+sqlite:///{tmp_path}/q.sqlite,redis://127.0.0.1:1/0", face="sync")
    assert isinstance(driver, FailoverDriver)
    assert [member.adds_id for member in driver.members] == [False, True]
    assert driver.adds_id is True


def test_a_url_with_commas_of_its_own_is_one_store() -> None:
    driver = open_driver("failover+memory://a,b,memory://c", face="sync")
    assert isinstance(driver, FailoverDriver)
    assert len(driver.members) == 2


@pytest.mark.parametrize("url", ["failover+", "failover+nowhere://x", "failover://", "failover+memory://,odd://"])
def test_a_url_that_names_no_store_says_so(url: str) -> None:
    with pytest.raises(UnknownDriver):
        open_driver(url, face="sync")


def test_no_store_at_all_says_so() -> None:
    with pytest.raises(ConfigurationError, match="at least one"):
        FailoverDriver([], "sync")


def test_with_sync_as_the_last_store_the_job_is_run_when_nobody_takes_it() -> None:
    """Laravel's own example of a failover connection; what the handler raises is the caller's."""
    ran: list[Any] = []
    with Queue("failover+redis://127.0.0.1:1/0,sync://") as queue:

        @queue.handler("App\\J")
        def handle(job: Any) -> None:
            ran.append(job.data["n"])
            if job.data["n"] == 2:
                raise ValueError("two")

        queue.push("App\\J", {"n": 1})
        with pytest.raises(ValueError, match="two"):
            queue.push("App\\J", {"n": 2})
    assert ran == [1, 2]


def test_a_worker_runs_the_first_stores_jobs() -> None:
    ran: list[Any] = []
    with Queue("failover+memory://,memory://") as queue:
        queue.handler("App\\J")(lambda job: ran.append(job.attempts))
        queue.bulk([("App\\J", {}), ("App\\J", {})])
        queue.listen(stop_when_empty=True)
    assert ran == [1, 1]
