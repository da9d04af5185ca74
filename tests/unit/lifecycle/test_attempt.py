"""One attempt at a job: what is decided, what is told, and that no crash loses it."""

from __future__ import annotations

from typing import Any

import pytest

from lara_queue.errors import Interrupted, JobTimeout, ManuallyFailed, NoHandler, PayloadError
from lara_queue.events import JobFailed
from lara_queue.job import Job
from lara_queue.lifecycle.decide import Bury, Delete, GiveBack, Release
from tests.unit.lifecycle.world import Crash, World, payload


def well(job: Job) -> None:
    """A handler that ends well."""


def badly(job: Job) -> None:
    raise ValueError("boom")


def test_a_job_that_went_well_is_deleted_wk_01() -> None:
    world = World(well)
    world.push(payload())
    assert world.work().disposition == Delete()
    assert world.sizes() == (0, 0, 0)
    assert world.told == ["job.processing", "job.processed", "job.attempted"]


def test_a_throwing_job_is_released_with_the_workers_backoff_rt_01() -> None:
    world = World(badly, max_tries=2)
    world.push(payload())
    assert world.work().disposition == Release(7)
    assert world.sizes() == (0, 1, 0)
    assert world.told == [
        "job.processing",
        "job.exception_occurred",
        "job.released_after_exception",
        "job.attempted",
    ]


def test_the_second_attempt_is_the_last_and_is_recorded_with_the_bytes_before_it() -> None:
    world = World(badly, max_tries=2)
    body = payload()
    world.push(body)
    world.work()
    world.now += 7
    outcome = world.work()
    assert isinstance(outcome.disposition, Bury)
    assert world.sizes() == (0, 0, 0)
    assert world.buried() == [body.replace(b'"attempts": 0', b'"attempts": 1')]  # as Laravel: one too low (§8.1)
    assert world.told[-4:] == ["job.processing", "job.failed", "job.exception_occurred", "job.attempted"]


def test_too_many_attempts_already_and_the_handler_is_not_run_rt_03() -> None:
    called: list[Job] = []
    world = World(called.append)
    world.push(payload(attempts=1))
    world.work()
    assert not called
    assert len(world.buried()) == 1
    (failed,) = [event for event in world.events if isinstance(event, JobFailed)]
    assert str(failed.exception) == "App\\Jobs\\X has been attempted too many times."


@pytest.mark.parametrize(
    ("ask", "disposition", "sizes"),
    [
        (lambda job: job.release(30), Release(30), (0, 1, 0)),
        (lambda job: job.release(-5), Release(0), (0, 1, 0)),  # RD-22
        (lambda job: job.delete(), Delete(), (0, 0, 0)),
    ],
)
@pytest.mark.parametrize("raises", [False, True])
def test_what_the_handler_asked_for_stands_even_if_it_raises_afterwards(
    ask: Any, disposition: object, sizes: tuple[int, int, int], raises: bool
) -> None:
    def handler(job: Job) -> None:
        ask(job)
        if raises:
            raise ValueError("afterwards")

    world = World(handler)
    world.push(payload())
    assert world.work().disposition == disposition
    assert world.sizes() == sizes
    assert not world.buried()


def test_a_handler_may_fail_its_job() -> None:
    world = World(lambda job: job.fail("not today"), max_tries=0)
    world.push(payload())
    outcome = world.work()
    assert isinstance(outcome.disposition, Bury)
    assert isinstance(outcome.disposition.error, ManuallyFailed)
    assert world.told == ["job.processing", "job.failed", "job.processed", "job.attempted"]


def test_a_timeout_with_attempts_left_releases_the_job() -> None:
    def slow(job: Job) -> None:
        raise JobTimeout("too slow")

    world = World(slow, max_tries=2)
    world.push(payload())
    assert world.work().disposition == Release(7)
    assert "job.timed_out" in world.told


@pytest.mark.parametrize(
    "body",
    [
        b"not json",
        b'{"job":"Illuminate\\\\Queue\\\\CallQueuedHandler@call","data":{}}',
        b"[1,2,3]",
        payload(command="O:10:"),
        payload(command='O:10:"App\\Jobs\\X":9:{s:1:"n";i:1;}'),
        payload(command="not even encrypted"),
        b"\xff\xfe\x00",
    ],
)
def test_what_cannot_be_read_is_buried_with_its_bytes_and_the_worker_goes_on(body: bytes) -> None:
    called: list[Job] = []
    world = World(called.append, max_tries=0)
    world.push(body)
    world.push(payload())
    outcome = world.work()
    assert isinstance(outcome.disposition, Bury)
    assert isinstance(outcome.disposition.error, PayloadError)
    assert world.buried() == [body]
    assert not called
    world.work()
    assert len(called) == 1


def test_a_job_nobody_handles_goes_back_untouched() -> None:
    world = World(well, handled=False, unhandled=GiveBack(10))
    body = payload()
    world.push(body)
    world.work()
    assert world.sizes() == (0, 1, 0)
    world.now += 10
    assert world.take().raw_body == body


def test_or_it_is_recorded_with_a_clear_error() -> None:
    world = World(well, handled=False)
    world.push(payload())
    outcome = world.work()
    assert isinstance(outcome.error, NoHandler)
    assert "App\\Jobs\\X" in str(outcome.error)
    assert len(world.buried()) == 1


def test_an_interrupted_job_goes_back_without_using_its_attempt() -> None:
    def interrupted(job: Job) -> None:
        raise Interrupted

    world = World(interrupted)
    body = payload()
    world.push(body)
    job = world.take()
    with pytest.raises(Interrupted):
        world.drive(world.lifecycle.attempt(job))
    assert world.sizes() == (1, 0, 0)
    assert world.take().raw_body == body


@pytest.mark.parametrize("handler", [well, badly, lambda job: job.release(3), lambda job: job.fail()])
def test_a_lost_lease_settles_nothing_and_is_told(handler: Any) -> None:
    """Two workers, one job: the slow one comes back after the other has taken it."""
    world = World(handler, max_tries=1)
    world.push(payload())
    slow = world.take()
    outcome = world.drive(world.lifecycle.attempt(slow))
    world.now += 91
    other = world.take()
    assert other.attempts == 2
    assert world.drive(world.lifecycle.settle(slow, outcome)) is False
    assert world.sizes() == (0, 0, 1)
    assert not world.buried()
    assert "job.lease_lost" in world.told


@pytest.mark.parametrize("steps", range(1, 14))
@pytest.mark.parametrize(
    ("handler", "max_tries"),
    [(well, 1), (badly, 1), (badly, 2), (lambda job: job.release(3), 1), (lambda job: job.fail(), 1)],
)
def test_a_crash_after_any_step_never_loses_the_job(handler: Any, max_tries: int, steps: int) -> None:
    world = World(handler, max_tries=max_tries)
    done: list[str] = []
    world.handler = lambda job: (done.append(str(job.uuid)), handler(job))[-1]
    body = payload()
    world.push(body)
    world.effects, world.die_after = 0, steps
    try:
        world.work()
    except Crash:
        pass
    world.die_after = None
    world.now += 1000  # leases run out
    left = world.drive(world.driver.reserve(["q"], limit=9))
    deleted_after_success = handler is well and len(done) == 1
    assert left or world.buried() or deleted_after_success, "the job is gone"
    assert len(world.buried()) <= 1


@pytest.mark.parametrize("steps", range(1, 14))
def test_a_crash_while_burying_and_burying_again_leaves_one_record(steps: int) -> None:
    world = World(badly)
    world.push(payload())
    world.effects, world.die_after = 0, steps
    try:
        world.work()
    except Crash:
        pass
    world.die_after = None
    world.now += 1000
    if world.drive(world.driver.sizes("q")).total:
        world.work()
    assert world.sizes() == (0, 0, 0)
    assert len(world.buried()) == 1
