"""Nothing leaves the process, the test says what it expects, and what was pushed can be run."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from lara_queue import AsyncQueue, Job, Queue, php_class
from lara_queue.errors import ManuallyFailed, NoHandler
from lara_queue.plans import run
from lara_queue.testing import FakeQueue, ManualClock, fake
from lara_queue.testing.shells import perform
from tests.worker.faces import Face

NOWHERE = "redis://127.0.0.1:1/0"


@php_class("App\\Jobs\\SendInvoice")
@dataclass
class SendInvoice:
    number: str
    cents: int = 0


class Bench:
    """A queue of one face whose store cannot be reached, and what stands in for it."""

    def __init__(self, kind: Any, source: str = NOWHERE, **options: Any) -> None:
        self.face = Face(kind, source, queue="q", **options)
        self.fake: Any = fake(self.face.queue).start()

    def push(self, name: Any, data: Any = None, **options: Any) -> str:
        return str(self.face.push(name, data, **options))

    def run(self, **options: Any) -> list[tuple[str, str, int]]:
        """What was run: name, state, attempt."""
        return [(ran.job.name, ran.state, ran.job.attempts) for ran in self.ran(**options)]

    def ran(self, **options: Any) -> Any:
        return self.do(self.fake.run_pushed(**options))

    def do(self, answer: Any) -> Any:
        return self.face._runner.run(answer) if inspect.iscoroutine(answer) else answer  # type: ignore[union-attr]

    def close(self) -> None:
        self.fake.stop()
        self.face.close()


@pytest.fixture(params=["sync", "async"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def bench(kind: str, caplog: pytest.LogCaptureFixture) -> Iterator[Bench]:
    caplog.set_level(logging.CRITICAL, "lara_queue")
    made = Bench(kind)
    yield made
    made.close()


# -- standing in -------------------------------------------------------------------------------------------------------


def test_jobs_are_noted_as_they_were_pushed(bench: Bench) -> None:
    """With the payload the real store would have got, its options, its queue and its delay."""
    uuid = bench.push("App\\Jobs\\A", {"n": 1}, queue="high", delay=60, tries=3)
    bench.push(SendInvoice("7", 100))
    bench.face.bulk([("App\\Jobs\\A", {"n": 2}), ("App\\Legacy@fire", ["x"], {"delay": 5})])
    bench.face.push_raw('{"job":"App\\\\Raw@go","data":1}')
    jobs = bench.fake.pushed()
    assert [(job.name, job.queue, job.delay) for job in jobs] == [
        ("App\\Jobs\\A", "high", 60),
        ("App\\Jobs\\SendInvoice", "q", 0),
        ("App\\Jobs\\A", "q", 0),
        ("App\\Legacy", "q", 5),
        ("App\\Raw@go", "q", 0),
    ]
    assert (jobs[0].uuid, jobs[0].max_tries, jobs[0].data, jobs[0].connection) == (uuid, 3, {"n": 1}, "redis")
    assert jobs[0].payload["attempts"] == 0
    assert jobs[1].data == {"number": "7", "cents": 100}


def test_a_queue_in_a_table_has_no_ids_in_its_payloads(kind: str, tmp_path: Any) -> None:
    bench = Bench(kind, f"sqlite:///{tmp_path}/nothing-here.sqlite")
    bench.face.handler("App\\A")(lambda job: None)
    bench.push("App\\A")
    assert not {"id", "attempts"} & set(bench.fake.pushed()[0].payload)
    assert bench.run() == [("App\\A", "processed", 1)]
    bench.close()
    assert list(tmp_path.iterdir()) == []


def test_afterwards_everything_is_as_it_was(kind: str) -> None:
    face = Face(kind, "memory://", queue="q", cache="memory://", results=60)
    queue = face.queue
    before = {name: getattr(queue, name) for name in vars(queue)}
    inner = dict(vars(queue._results)), dict(vars(queue._scheduler)), queue._producer.driver
    with fake(queue):
        face.push("App\\A")
        assert face.size() == 1
        assert queue.driver is not before["driver"]
    assert {name: getattr(queue, name) for name in vars(queue)} == before
    assert (dict(vars(queue._results)), dict(vars(queue._scheduler)), queue._producer.driver) == inner
    assert face.size() == 0
    face.close()


def test_it_is_as_it_was_when_the_test_fails() -> None:
    queue = Queue("memory://")
    driver = queue.driver
    with pytest.raises(AssertionError, match="Nothing should"), fake(queue) as pushed:  # noqa: PT012
        queue.push("App\\A")
        pushed.assert_nothing_pushed()
    assert queue.driver is driver


def test_cache_failures_and_other_connections_are_stood_in_for(kind: str) -> None:
    """Unique locks, failed rows and chains to another connection leave no trace."""
    cache_clock = ManualClock()
    from lara_queue.cache.memory import MemoryCache

    cache = MemoryCache(cache_clock)
    bench = Bench(kind, cache=cache, connections={"second": NOWHERE})
    bench.push("App\\A", unique=True, unique_for=60)
    assert bench.push("App\\A", unique=True, unique_for=60) == ""
    bench.fake.assert_pushed("App\\A", times=1)
    bench.do(bench.face.chain([("App\\B", {}, {"connection": "second"})]).dispatch())
    (job,) = bench.fake.assert_pushed("App\\B")
    assert job.connection == "second"
    bench.run()
    assert len(bench.face.queue_failed()) == 2  # nobody handles them
    bench.close()
    assert not cache._values
    assert not cache._locks
    assert run(cache.get("anything"), perform) is None


# -- what was expected -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["App\\Jobs\\SendInvoice", "\\App\\Jobs\\SendInvoice", "SendInvoice", SendInvoice], ids=str
)
def test_a_job_has_several_names(bench: Bench, name: Any) -> None:
    bench.push(SendInvoice("7"))
    assert len(bench.fake.assert_pushed(name)) == 1
    with pytest.raises(AssertionError):
        bench.fake.assert_not_pushed(name)


def test_a_string_job_is_found_by_class_and_by_method(bench: Bench) -> None:
    bench.push("App\\Legacy@fire", {"n": 1})
    for name in ("App\\Legacy", "App\\Legacy@fire", "Legacy"):
        bench.fake.assert_pushed(name, times=1)


def test_pushed(bench: Bench) -> None:
    for n in range(3):
        bench.push("App\\A", {"n": n}, queue="low" if n == 2 else None)
    found = bench.fake.assert_pushed("App\\A", lambda job: job.data["n"] > 0)
    assert [job.data["n"] for job in found] == [1, 2]
    bench.fake.assert_pushed("App\\A", times=3)
    bench.fake.assert_pushed("App\\A", lambda job: job.data["n"] == 0, times=1)
    bench.fake.assert_pushed_on("low", "App\\A")
    bench.fake.assert_not_pushed("App\\B")
    bench.fake.assert_not_pushed("App\\A", lambda job: job.data["n"] == 9)
    bench.fake.assert_count(3)


def test_what_is_not_as_expected_says_what_was_pushed(bench: Bench) -> None:
    expect = bench.fake
    with pytest.raises(AssertionError, match=r"^No App\\A was pushed\. Nothing was pushed\.$"):
        expect.assert_pushed("App\\A")
    bench.push("App\\A", {"n": 1})
    bench.push("App\\A", {"n": 2})
    bench.push("App\\B", {"n": 3})
    bench.face.push_raw("not a job")
    for check, message in [
        (lambda: expect.assert_pushed("App\\C"), "No App\\C was pushed. Pushed were: App\\A (2), App\\B (1), unread"),
        (lambda: expect.assert_pushed("App\\B", lambda job: job.data["n"] == 1), "that the predicate accepts was pu"),
        (lambda: expect.assert_pushed("App\\A", times=1), "App\\A was pushed 2 times, not 1. Pushed were: {'n': 1} on"),
        (lambda: expect.assert_not_pushed("App\\A"), "App\\A was pushed 2 times"),
        (lambda: expect.assert_nothing_pushed(), "Nothing should have been pushed. Pushed were: App\\A (2)"),
        (lambda: expect.assert_count(2), "4 jobs were pushed, not 2"),
        (lambda: expect.assert_pushed_on("high", "App\\B"), "on the queue 'high'. Pushed were: {'n': 3} on 'q'."),
        (lambda: expect.assert_pushed_with_chain("App\\B", ["App\\X"]), "with that chain. It was followed by nothing."),
    ]:
        with pytest.raises(AssertionError) as raised:
            check()
        assert message in str(raised.value)


def test_nothing_pushed(bench: Bench) -> None:
    bench.fake.assert_nothing_pushed()
    bench.fake.assert_count(0)


def test_a_chain(bench: Bench) -> None:
    chain = bench.face.chain([("App\\A", {"n": 1}), ("App\\B", {"n": 2, "m": 3}), SendInvoice("7", 5)])
    bench.do(chain.dispatch())
    expect = bench.fake
    expect.assert_pushed_with_chain("App\\A", ["App\\B", SendInvoice])
    expect.assert_pushed_with_chain("App\\A", [("App\\B", {"n": 2}), SendInvoice("7", 5)])
    expect.assert_pushed_with_chain("App\\A", ["\\App\\B", "App\\Jobs\\SendInvoice"], lambda job: job.data["n"] == 1)
    for wrong in ([], ["App\\B"], ["App\\B", "App\\B"], [("App\\B", {"n": 3}), SendInvoice], [SendInvoice, "App\\B"]):
        with pytest.raises(AssertionError, match=r"followed by App\\B, App\\Jobs\\SendInvoice"):
            expect.assert_pushed_with_chain("App\\A", wrong)
    with pytest.raises(TypeError, match="chain's member"):
        expect.assert_pushed_with_chain("App\\A", [1, 2])


# -- running it --------------------------------------------------------------------------------------------------------


def test_what_was_pushed_is_run_as_a_worker_would(bench: Bench) -> None:
    @bench.face.handler("App\\A", tries=3)
    def handle(job: Job) -> None:
        if job.attempts < 3:
            raise ValueError("not yet")

    bench.push("App\\A")
    assert bench.run() == [("App\\A", "released", 1), ("App\\A", "released", 2), ("App\\A", "processed", 3)]
    assert bench.run() == []
    bench.fake.assert_count(1)  # what was pushed is still told afterwards


def test_a_failure_is_recorded_where_the_test_can_see_it(bench: Bench) -> None:
    bench.face.hear("job.failed")

    @bench.face.handler("App\\A")
    def handle(job: Job) -> None:
        raise ValueError("no luck")

    bench.push("App\\A")
    (ran,) = bench.ran()
    assert (ran.state, str(ran.error)) == ("failed", "no luck")
    assert [event.name for event in bench.face.events] == ["job.failed"]
    assert "ValueError: no luck" in bench.face.queue_failed()[0].exception


def test_a_job_that_fails_itself_and_one_that_nobody_handles(bench: Bench) -> None:
    bench.face.handler("App\\A")(lambda job: job.fail("no"))
    bench.push("App\\A")
    bench.push("App\\Nobody")
    errors = [(ran.state, type(ran.error)) for ran in bench.ran()]
    assert errors == [("failed", ManuallyFailed), ("failed", NoHandler)]


def test_what_a_job_pushes_is_noted_and_run_too(kind: str) -> None:
    bench = Bench(kind)
    if kind == "sync":
        bench.face.handler("App\\A")(lambda job: bench.face.queue.push("App\\B", {}, queue="other") and None)
    else:

        @bench.face.handler("App\\A")
        async def handle(job: Job) -> None:
            await bench.face.queue.push("App\\B", {}, queue="other")

    bench.face.handler("App\\B")(lambda job: None)
    bench.push("App\\A")
    assert bench.run() == [("App\\A", "processed", 1), ("App\\B", "processed", 1)]
    bench.fake.assert_pushed_on("other", "App\\B")
    bench.close()


def test_a_chain_is_run_to_its_end(bench: Bench) -> None:
    for name in ("App\\A", "App\\B", "App\\C"):
        bench.face.handler(name)(lambda job: None)
    bench.do(bench.face.chain([("App\\A", {}), ("App\\B", {}), ("App\\C", {})]).dispatch())
    assert [name for name, _, _ in bench.run()] == ["App\\A", "App\\B", "App\\C"]


def test_what_is_due_later_runs_when_its_time_comes_or_when_told_to(kind: str) -> None:
    clock = ManualClock()
    bench = Bench(kind, clock=clock)
    bench.face.handler("App\\A", tries=2, backoff=30)(lambda job: job.release(60) if job.attempts == 1 else None)
    bench.push("App\\A", delay=60)
    assert bench.run() == []
    clock.advance(60)
    assert bench.run() == [("App\\A", "released", 1)]
    assert bench.run(delayed=True) == [("App\\A", "processed", 2)]
    bench.close()


def test_a_job_that_never_ends_is_found_out(bench: Bench) -> None:
    bench.face.handler("App\\A")(lambda job: job.release())
    bench.push("App\\A")
    with pytest.raises(AssertionError, match="1000 attempts"):
        bench.ran(tries=0)


def test_the_workers_options_count(bench: Bench) -> None:
    @bench.face.handler("App\\A")
    def handle(job: Job) -> None:
        raise ValueError

    bench.push("App\\A")
    assert [state for _, state, _ in bench.run(tries=2)] == ["released", "failed"]


def test_results_are_there_afterwards(kind: str) -> None:
    bench = Bench(kind, cache="memory://", results=60)
    bench.face.handler("App\\A")(lambda job: 42)
    uuid = bench.push("App\\A")
    assert bench.face.result(uuid).state == "pending"
    bench.run()
    assert bench.face.result(uuid).value == 42
    bench.close()


def test_a_schedule_pushes_into_the_fake(kind: str) -> None:
    clock = ManualClock(1_750_000_020)
    bench = Bench(kind, cache="memory://", clock=clock)
    bench.face.cron("*/5 * * * *", "App\\Tick")
    bench.face.run_schedule()
    bench.fake.assert_nothing_pushed()
    clock.advance(180)
    bench.face.run_schedule()
    bench.fake.assert_pushed("App\\Tick", times=1)
    bench.close()


def test_a_sync_queue_runs_nothing_while_it_is_faked(kind: str) -> None:
    bench = Bench(kind, "sync://")
    bench.push("App\\Nobody")
    bench.fake.assert_pushed("App\\Nobody")
    bench.close()


def test_the_faces_have_the_same_names() -> None:
    from lara_queue.testing import AsyncFakeQueue

    names = [{name for name in dir(kind) if not name.startswith("_")} for kind in (FakeQueue, AsyncFakeQueue)]
    assert names[0] == names[1]
    assert inspect.signature(FakeQueue.run_pushed) == inspect.signature(AsyncFakeQueue.run_pushed)
    assert isinstance(fake(Queue("memory://")), FakeQueue)
    assert isinstance(fake(AsyncQueue("memory://")), AsyncFakeQueue)
