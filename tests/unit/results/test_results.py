"""What became of a job, seen by whoever pushed it, through both faces."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass
from typing import Any

import pytest

from lara_queue import AsyncQueue, Job, Queue
from lara_queue.job import current_job
from lara_queue.plans import run
from lara_queue.results.notes import write
from lara_queue.results.values import Result
from lara_queue.testing import ManualClock
from lara_queue.testing.shells import perform
from tests.unit.results.bench import Bench, Case, Watched, bench, case

__all__ = ["bench", "case"]  # fixtures


def test_pending_running_finished_forgotten(bench: Bench) -> None:
    during: list[Result] = []

    @bench.handler()
    def handle(job: Job) -> Any:
        during.append(bench.now(job.uuid))
        return {"total": 3, "items": (1, 2)}

    uuid = bench.push()
    assert bench.queue.result(uuid) == Result(uuid, "pending", at=bench.clock())
    bench.work()
    assert [(one.state, one.attempts, one.ready) for one in during] == [("running", 1, False)]
    result = bench.queue.result(uuid)
    assert (result.state, result.value, result.ready) == ("finished", {"total": 3, "items": [1, 2]}, True)
    bench.clock.advance(60)
    assert bench.queue.result(uuid) == Result(uuid)


def test_jobs_pushed_together_are_pending_too(bench: Bench) -> None:
    uuids = bench.queue.bulk([("App\\J", {"n": n}) for n in range(3)])
    assert [bench.queue.result(uuid).state for uuid in uuids] == ["pending"] * 3


def test_the_note_of_a_push_never_hides_what_a_fast_worker_said(bench: Bench) -> None:
    from lara_queue.results.notes import write_first

    run(write(bench.cache, Result("u", "finished", value=1), 60), perform)
    run(write_first(bench.cache, Result("u", "pending"), 60), perform)
    assert bench.queue.result("u").value == 1


def test_an_attempt_that_raises_is_pending_until_the_last_one_failed(bench: Bench) -> None:
    @bench.handler(tries=2)
    def handle(job: Job) -> None:
        raise ValueError(f"no luck, attempt {job.attempts}")

    uuid = bench.push()
    bench.work()
    assert bench.states == ["running", "pending", "running", "failed"]
    assert bench.cache.kept[1].error == "ValueError: no luck, attempt 1"
    result = bench.queue.result(uuid)
    assert (result.state, result.error, result.attempts) == ("failed", "ValueError: no luck, attempt 2", 2)


def test_what_the_handler_asks_for_counts(bench: Bench) -> None:
    @bench.handler(tries=3)
    def handle(job: Job) -> str:
        if job.attempts == 1:
            job.release()
        elif job.attempts == 2:
            job.fail("not today")
        return "ignored"

    uuid = bench.push()
    bench.work()
    assert bench.states == ["running", "pending", "running", "failed"]
    assert bench.queue.result(uuid).error == "ManuallyFailed: not today"
    assert bench.queue.result(uuid).value is None


def test_a_failure_only_the_worker_knows_of_is_kept(bench: Bench) -> None:
    """A job that was out of attempts before its handler could run, and one that had too many exceptions."""

    @bench.handler(max_exceptions=1)
    def handle(job: Job) -> None:
        raise ValueError("too much")

    uuid = bench.push(retry_until=bench.clock() - 1)
    other = bench.push(tries=5)
    bench.work()
    assert bench.queue.result(uuid).error == "MaxAttemptsExceeded: App\\J has been attempted too many times."
    assert (bench.queue.result(other).state, bench.queue.result(other).error) == ("failed", "ValueError: too much")


def test_the_result_is_kept_before_the_job_is_gone(bench: Bench) -> None:
    """A worker that dies in between leaves a job that runs again, not one that is gone without a result."""
    kept: list[tuple[str, str]] = []
    link = bench.queue.queue.driver.link
    call = link.call

    def watching(name: str, args: tuple[Any, ...]) -> Any:
        if name in ("delete", "delete_many", "release"):
            kept.append((name.removesuffix("_many"), bench.states[-1]))
        return call(name, args)

    link.call = watching

    @bench.handler(tries=2)
    def handle(job: Job) -> None:
        if job.data["n"] == 2:
            raise ValueError("no luck")

    for n in (1, 2):
        bench.queue.push("App\\J", {"n": n})
        bench.work()
    assert kept == [("delete", "finished"), ("release", "pending"), ("delete", "failed")]


def test_a_timeout_that_ends_the_job_is_kept(bench: Bench) -> None:
    """In each world it comes by another way: an alarm, a cancelled task, a thread that is waited for."""
    never = threading.Event()
    if bench.async_handlers and bench.queue.kind == "async":

        @bench.queue.handler("App\\J", timeout=0.05)
        async def handle_async(job: Job) -> None:
            await asyncio.sleep(30)
    else:
        bench.handler(timeout=0.05)(lambda job: never.wait(0.3) or job.progress(1))

    uuid = bench.push()
    bench.work()
    result = bench.queue.result(uuid)
    assert (result.state, str(result.error).partition(":")[2]) == ("failed", " App\\J has timed out."), result


def test_progress_is_seen_while_the_job_runs_and_after(bench: Bench) -> None:
    seen: list[Result] = []

    @bench.handler()
    def handle(job: Job) -> str:
        job.progress(0.25, "a quarter")
        seen.append(bench.now(job.uuid))
        job.progress(7)
        return "done"

    uuid = bench.push()
    bench.work()
    if bench.queue.kind == "sync":  # under asyncio the note is made as soon as the loop turns
        assert [(one.state, one.progress, one.message) for one in seen] == [("running", 0.25, "a quarter")]
    result = bench.queue.result(uuid)
    assert (result.state, result.value, result.progress, result.message) == ("finished", "done", 1.0, "")
    assert bench.states[-1] == "finished"


async def test_under_asyncio_progress_is_noted_when_the_loop_turns() -> None:
    clock = ManualClock()
    cache = Watched(clock)
    async with AsyncQueue("memory://", cache=cache, clock=clock, results=60) as queue:

        @queue.handler("App\\J")
        async def handle(job: Job) -> None:
            for step in range(10):
                job.progress(step / 10, f"step {step}")
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            assert (await queue.result(job.uuid or "")).message == "step 9"

        uuid = await queue.push("App\\J")
        await queue.listen(stop_when_empty=True)
        assert (await queue.result(uuid)).state == "finished"
    assert len(cache.kept) <= 4  # running, one or two for the ten steps, finished


def test_progress_where_nobody_keeps_it_does_nothing() -> None:
    with Queue("memory://") as queue:

        @queue.handler("App\\J")
        def handle(job: Job) -> None:
            job.progress(0.5, "half")

        queue.push("App\\J")
        queue.listen(stop_when_empty=True)
        assert queue.failed.count() == 0


def test_a_typed_handler_finds_its_job_all_the_same(bench: Bench) -> None:
    from lara_queue import php_class

    @php_class("App\\J")
    @dataclass
    class Model:
        n: int

    def typed(job: Model) -> int:
        found = current_job.get()
        assert found is not None
        found.progress(0.5)
        return job.n + 1

    async def typed_async(job: Model) -> int:
        return typed(job)

    bench.queue.handler("App\\J")(_annotated(typed_async if bench.async_handlers else typed, Model))
    uuid = bench.queue.push("App\\J", {"n": 41})
    bench.work()
    assert bench.queue.result(uuid).value == 42


def _annotated(function: Any, model: type[Any]) -> Any:
    function.__annotations__["job"] = model
    return function


def test_the_last_of_several_handlers_gives_the_result(bench: Bench) -> None:
    bench.handler()(lambda job: "first")
    bench.handler()(lambda job: "second")
    uuid = bench.push()
    bench.work()
    assert bench.states == ["running", "finished"]
    assert bench.queue.result(uuid).value == "second"


@pytest.mark.parametrize(("value", "reason"), [(object(), "nothing that JSON can say"), ("x" * 70000, "70,002 bytes")])
def test_a_value_that_cannot_be_kept_fails_no_job(
    case: Case, value: Any, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    bench = Bench(case)
    bench.handler()(lambda job: value)
    uuid = bench.push()
    bench.work()
    result = bench.queue.result(uuid)
    assert (result.state, result.value) == ("finished", None)
    assert reason in str(result.problem)
    assert reason in caplog.text
    assert bench.queue.size() == 0
    assert bench.queue.queue_failed() == []
    bench.queue.close()


def test_a_cache_that_is_away_fails_no_job(case: Case, caplog: pytest.LogCaptureFixture) -> None:
    bench = Bench(case)
    ran: list[str] = []

    @bench.handler()
    def handle(job: Job) -> None:
        ran.append(job.name)
        job.progress(0.5)

    bench.push()
    bench.cache.broken = True
    bench.work()
    assert (ran, bench.queue.size(), bench.queue.queue_failed()) == (["App\\J"], 0, [])
    assert "could not be kept: the cache is away" in caplog.text
    bench.queue.close()
