"""Jobs that run where they are pushed."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from lara_queue import AsyncQueue, Job, Queue
from lara_queue.drivers import open_driver
from lara_queue.errors import ConfigurationError, NoHandler, PayloadError
from lara_queue.events import Event
from lara_queue.job import current_job
from lara_queue.plans import Call
from lara_queue.testing import drive, shell_for
from tests.worker.faces import Face


@pytest.fixture(params=["sync", "async"])
def face(request: pytest.FixtureRequest) -> Iterator[Face]:
    made = Face(request.param, "sync://")
    yield made
    made.close()


def test_a_string_job_has_run_before_push_returns_sy_01(face: Face) -> None:
    """SY-01."""
    ran: list[Any] = []
    face.handler("App\\Test@fire")(lambda job: ran.append((job.name, job.data)))
    face.push("App\\Test@fire", {"foo": "bar"})
    assert ran == [("App\\Test", {"foo": "bar"})]


def test_what_the_job_is_told_of_itself(face: Face) -> None:
    """Always the first attempt, no id, a queue called sync; the uuid is what push returns."""
    seen: list[Any] = []
    face.handler("App\\J")(
        lambda job: seen.append((job.queue, job.attempts, job.id, job.uuid, job.connection, current_job.get() is job))
    )
    uuid = face.push("App\\J", {}, queue="other", tries=5)
    assert seen == [("sync", 1, None, uuid, "sync", True)]
    assert current_job.get() is None


def test_a_delay_is_passed_over(face: Face) -> None:
    ran: list[str] = []
    face.handler("App\\J")(lambda job: ran.append(job.data["n"]))
    face.push("App\\J", {"n": 1}, delay=3600)
    face.later(3600, "App\\J", {"n": 2})
    face.bulk([("App\\J", {"n": 3}), ("App\\J", {"n": 4}, {"delay": 60})])
    assert ran == [1, 2, 3, 4]


def test_the_exception_comes_out_of_push_and_the_job_has_failed(face: Face) -> None:
    face.hear("job.processing", "job.processed", "job.exception_occurred", "job.failed", "job.attempted")

    @face.handler("App\\J")
    def handle(job: Job) -> None:
        raise ValueError("no luck")

    with pytest.raises(ValueError, match="no luck"):
        face.push("App\\J", {}, tries=5, backoff=10)  # there is no second attempt
    assert sorted(face.told) == ["job.attempted", "job.exception_occurred", "job.failed", "job.processing"]
    assert face.queue_failed() == []  # no failed row outside a worker


def test_a_job_that_fails_itself_raises_nothing(face: Face) -> None:
    face.hear("job.failed")
    face.handler("App\\J")(lambda job: job.fail("not today"))
    face.push("App\\J", {})
    assert face.told == ["job.failed"]


def test_release_brings_nothing_back(face: Face) -> None:
    ran: list[int] = []

    @face.handler("App\\J")
    def handle(job: Job) -> None:
        ran.append(job.attempts)
        job.release(5)

    face.push("App\\J", {})
    assert (ran, face.size()) == ([1], 0)


def test_a_job_nobody_handles_says_so(face: Face) -> None:
    with pytest.raises(NoHandler, match=r"App\\Nobody"):
        face.push("App\\Nobody", {})


def test_what_cannot_be_read_says_so(face: Face) -> None:
    with pytest.raises(PayloadError):
        face.push_raw("not json")


def test_middleware_chains_and_listeners_are_as_with_a_worker(face: Face) -> None:
    ran: list[Any] = []

    def around(job: Job, proceed: Any) -> Any:
        ran.append("before")
        yield from proceed()
        ran.append("after")

    face.handler("App\\A", middleware=[around])(lambda job: ran.append("a"))
    face.handler("App\\B")(lambda job: ran.append("b"))
    pending = face.chain([("App\\A", {}), ("App\\B", {})]).dispatch()
    if face.kind == "async":
        face._runner.run(pending)  # type: ignore[union-attr]
    assert ran == ["before", "a", "after", "b"]


def test_a_job_pushed_by_a_job_runs_inside_it(face: Face) -> None:
    ran: list[str] = []
    if face.kind == "sync":

        @face.handler("App\\Outer")
        def outer(job: Job) -> None:
            face.queue.push("App\\Inner", {})
            ran.append(f"outer, {current_job.get() is job}")
    else:

        @face.handler("App\\Outer")
        async def outer_async(job: Job) -> None:
            await face.queue.push("App\\Inner", {})
            ran.append(f"outer, {current_job.get() is job}")

    face.handler("App\\Inner")(lambda job: ran.append("inner"))
    face.push("App\\Outer", {})
    assert ran == ["inner", "outer, True"]


def test_a_failure_inside_a_workers_job_is_recorded(caplog: pytest.LogCaptureFixture) -> None:
    """A sync connection beside a real queue: Laravel's worker writes the failed row of both."""
    caplog.set_level(logging.CRITICAL, "lara_queue")
    inner = Queue("sync://", failed="memory://")
    with Queue("memory://") as outer:

        @inner.handler("App\\Inner")
        def fails(job: Job) -> None:
            raise ValueError("inner")

        @outer.handler("App\\Outer")
        def push(job: Job) -> None:
            inner.push("App\\Inner", {})

        outer.push("App\\Outer", {})
        outer.listen(stop_when_empty=True)
        assert outer.failed.count() == 1
    assert inner.failed.count() == 1


def test_an_async_handler_of_the_blocking_face_runs_too() -> None:
    ran: list[str] = []
    with Queue("sync://") as queue:

        @queue.handler("App\\J")
        async def handle(job: Job) -> None:
            await asyncio.sleep(0)
            ran.append(job.name)

        queue.push("App\\J")
    assert ran == ["App\\J"]


async def test_an_async_handler_of_the_blocking_face_on_a_running_loop_says_what_to_use() -> None:
    with Queue("sync://") as queue:

        @queue.handler("App\\J")
        async def handle(job: Job) -> None:
            raise AssertionError("it must not run")

        with pytest.raises(ConfigurationError, match="use AsyncQueue"):
            queue.push("App\\J")


async def test_pushes_at_once_do_not_get_into_each_others_way() -> None:
    met = asyncio.Barrier(2)
    seen: list[bool] = []
    async with AsyncQueue("sync://") as queue:

        @queue.handler("App\\J")
        async def handle(job: Job) -> None:
            await asyncio.wait_for(met.wait(), 10)
            seen.append(current_job.get() is job)

        await asyncio.gather(queue.push("App\\J"), queue.push("App\\J"))
    assert seen == [True, True]


def test_results_are_kept_of_jobs_that_ran_at_once(face: Face) -> None:
    made = Face(face.kind, "sync://", cache="memory://", results=60)
    made.handler("App\\J")(lambda job: job.data["n"] + 1)
    uuid = made.push("App\\J", {"n": 1})
    assert made.result(uuid).value == 2
    made.close()


def test_nothing_waits_here(face: Face) -> None:
    assert (face.size(), face.pending_jobs(), face.clear()) == (0, [], 0)
    assert face.health()["healthy"] is True
    assert str(face.listen(stop_when_empty=True)) == "empty"


def test_a_worker_of_it_waits_and_does_not_spin() -> None:
    driver = open_driver("sync://", face="sync")
    script = drive(driver.reserve(["q"], wait=3))
    assert script.result == []
    assert [(e.name, e.args) for e in script.effects if isinstance(e, Call)] == [("wait", (3, ("q",)))]


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_a_driver_without_a_queue_object_says_what_to_do(kind: Any) -> None:
    with shell_for(kind) as shell, pytest.raises(ConfigurationError, match=r"Queue\('sync://'\)"):
        shell.run(open_driver("sync://", face=kind).push("q", b"{}"))


def test_events_carry_the_job(face: Face) -> None:
    heard: list[Event] = []
    face.on("job.processed")(heard.append)
    face.handler("App\\J")(lambda job: None)
    face.push("App\\J", {})
    assert [event.job.name for event in heard] == ["App\\J"]  # type: ignore[attr-defined]
