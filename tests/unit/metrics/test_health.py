"""``queue.health()``: the store, the loop, the lease keeper; and nothing made up where nobody can tell."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any, Literal

import pytest

from lara_queue import AsyncQueue, Job, Queue, WorkerOptions
from lara_queue.errors import StoreError, StoreUnreachable
from lara_queue.inspection import MARGIN_SECONDS, patience, worker_health
from tests.worker.faces import Face

KINDS: list[Literal["sync", "async"]] = ["sync", "async"]


class Time:
    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def core(
    turned_at: float = 1000.0, *, keeper: bool | None = None, quit: bool = False, concurrency: int = 1, **options: Any
) -> Any:
    """As much of a worker as health looks at."""
    return SimpleNamespace(
        turned_at=turned_at,
        keeper_alive=None if keeper is None else lambda: keeper,
        quit=quit,
        options=WorkerOptions(**options),
        parts=SimpleNamespace(concurrency=concurrency),
    )


def job(timeout: float | None) -> Any:
    return SimpleNamespace(rules=None if timeout is None else SimpleNamespace(timeout=timeout))


# -- pure --------------------------------------------------------------------------------------------------------------


def test_nobody_works_here() -> None:
    assert worker_health([], [], 1000.0) == {
        "workers": 0,
        "loop_turning": None,
        "seconds_since_turn": None,
        "lease_keeper_alive": None,
    }


def test_of_several_workers_the_worst_counts() -> None:
    cores = [core(999.0, keeper=True), core(900.0, keeper=False), core(998.0)]
    assert worker_health(cores, [], 1000.0) == {
        "workers": 3,
        "loop_turning": False,
        "seconds_since_turn": 100.0,
        "lease_keeper_alive": False,
    }


def test_leases_that_are_not_kept_are_no_fault() -> None:
    assert worker_health([core()], [], 1000.0)["lease_keeper_alive"] is None


@pytest.mark.parametrize(
    ("since", "in_hand", "options", "turning"),
    [
        (3 + MARGIN_SECONDS, [], {}, True),
        (4 + MARGIN_SECONDS, [], {}, False),
        (100 + MARGIN_SECONDS, [], {"sleep": 100}, True),
        (100 + MARGIN_SECONDS, [], {"rest": 100}, True),
        (3 + MARGIN_SECONDS + 60 + 5, [job(60)], {}, True),  # its timeout, and the grace after it
        (4 + MARGIN_SECONDS + 60 + 5, [job(60)], {}, False),
        (3 + MARGIN_SECONDS + 20 + 5, [job(None)], {"timeout": 20}, True),
        (4 + MARGIN_SECONDS + 20 + 5, [job(None)], {"timeout": 20}, False),
        (1e9, [job(0)], {}, True),  # a job without limit
        (40, [job(600)], {"concurrency": 2}, False),  # a slot is free: the loop has no excuse
        (600, [job(600), job(1)], {"concurrency": 2}, True),
        (600, [job(600)], {"concurrency": 2, "stop_when_empty": True}, True),  # it waits for the last job
        (1e9, [], {"quit": True}, True),
    ],
)
def test_how_long_a_loop_may_stand(since: float, in_hand: list[Any], options: dict[str, Any], turning: bool) -> None:
    assert worker_health([core(1000.0 - since, **options)], in_hand, 1000.0)["loop_turning"] is turning


def test_patience_has_no_end_when_the_job_has_none() -> None:
    assert patience(core(timeout=0), [job(None)]) == math.inf


def test_a_clock_that_was_set_back_is_no_fault() -> None:
    assert worker_health([core(2000.0)], [], 1000.0)["seconds_since_turn"] == 0


# -- queue.health() ----------------------------------------------------------------------------------------------------


@pytest.fixture(params=KINDS)
def face(request: pytest.FixtureRequest) -> Any:
    clock = Time(1000.0)
    made = Face(request.param, queue="q", clock=clock)
    made.clock = clock
    yield made
    made.close()


def test_an_idle_queue(face: Any) -> None:
    face.push_raw({"job": "A@b", "createdAt": 940})
    face.push_raw({"job": "A@b"}, delay=5)
    assert face.health() == {
        "healthy": True,
        "driver": "memory",
        "queue": "q",
        "in_hand": 0,
        "store_reachable": True,
        "error": None,
        "lag_seconds": 0.0,
        "pending": 1,
        "delayed": 1,
        "reserved": 0,
        "oldest_pending_seconds": 60,
        "workers": 0,
        "loop_turning": None,
        "seconds_since_turn": None,
        "lease_keeper_alive": None,
    }


def test_an_empty_queue_and_a_payload_that_does_not_tell_have_no_age(face: Any) -> None:
    assert face.health()["oldest_pending_seconds"] is None
    face.push_raw({"job": "A@b"})
    assert face.health()["oldest_pending_seconds"] is None


@pytest.mark.parametrize("error", [StoreUnreachable("It is away."), StoreError("It refuses.")])
def test_a_store_that_does_not_answer_is_told_not_raised(face: Any, error: StoreError) -> None:
    def ping() -> Any:
        raise error
        yield

    face.queue.driver.ping = ping
    report = face.health()
    assert (report["healthy"], report["store_reachable"], report["error"]) == (False, False, str(error))
    assert report["pending"] is report["lag_seconds"] is report["oldest_pending_seconds"] is None


async def seen_in_a_handler(**options: Any) -> dict[str, Any]:
    queue = AsyncQueue("memory://", queue="q")
    seen: list[dict[str, Any]] = []

    @queue.handler
    async def handle(job: Job) -> None:
        seen.append(await queue.health())

    await queue.push("App\\Jobs\\X")
    await queue.listen(stop_when_empty=True, **options)
    return seen[0]


def seen_in_a_handler_sync(**options: Any) -> dict[str, Any]:
    queue = Queue("memory://", queue="q")
    seen: list[dict[str, Any]] = []
    queue.handler(lambda job: seen.append(queue.health()))
    queue.push("App\\Jobs\\X")
    queue.listen(stop_when_empty=True, **options)
    return seen[0]


def check(report: dict[str, Any], keeper: bool | None) -> None:
    assert (report["healthy"], report["workers"], report["in_hand"], report["reserved"]) == (True, 1, 1, 1)
    assert report["loop_turning"] is True
    assert 0 <= report["seconds_since_turn"] < MARGIN_SECONDS
    assert report["lease_keeper_alive"] is keeper


@pytest.mark.parametrize(("options", "keeper"), [({}, True), ({"keep_leases": False}, None)])
async def test_from_inside_a_handler(options: dict[str, Any], keeper: bool | None) -> None:
    check(await seen_in_a_handler(**options), keeper)


@pytest.mark.parametrize(("options", "keeper"), [({}, True), ({"keep_leases": False}, None)])
def test_from_inside_a_handler_blocking(options: dict[str, Any], keeper: bool | None) -> None:
    check(seen_in_a_handler_sync(**options), keeper)


def test_a_loop_that_stands_and_a_keeper_that_died_are_not_healthy() -> None:
    clock = Time(1000.0)
    queue = Queue("memory://", queue="q", clock=clock)
    seen: list[dict[str, Any]] = []

    @queue.handler
    def handle(job: Job) -> None:
        (worker,) = queue._workers
        clock.now += 1000  # far beyond the timeout of 60 s
        seen.append(queue.health())
        clock.now -= 1000
        worker.core.keeper_alive = lambda: False
        seen.append(queue.health())

    queue.push("App\\Jobs\\X")
    queue.listen(stop_when_empty=True)
    assert [(seen_["healthy"], seen_["loop_turning"], seen_["lease_keeper_alive"]) for seen_ in seen] == [
        (False, False, True),
        (False, True, False),
    ]
    assert seen[0]["seconds_since_turn"] == 1000
    assert queue.health()["workers"] == 0
