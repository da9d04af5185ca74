"""WK: the worker's loop. Each test is named after its scenario; both faces are held to it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from lara_queue import Job, StopReason
from lara_queue.drivers import DriverSettings, open_driver
from lara_queue.errors import StoreError
from lara_queue.failed.null import NullFailedStore
from lara_queue.plans import Plan
from lara_queue.ports import Reservation
from lara_queue.testing.clock import ManualClock
from tests.worker.faces import Face

Make = Callable[..., Face]
JOB = "App\\Jobs\\X"


def raising(error: BaseException) -> Callable[[Job], None]:
    def handler(job: Job) -> None:
        raise error

    return handler


def test_wk_01_one_pass_tells_of_popping_popped_processing_processed(face: Face) -> None:
    face.hear("job.popping", "job.popped", "job.processing", "job.processed")
    ran: list[str | None] = []
    face.handler(lambda job: ran.append(job.uuid))
    uuid = face.push(JOB, queue="queue")

    assert face.work_once(queue="queue") is True

    assert face.told == ["job.popping", "job.popped", "job.processing", "job.processed"]
    assert (face.events[0].connection, face.events[0].queue) == ("memory", "queue")
    assert {event.job.uuid for event in face.events[1:]} == {uuid}
    assert ran == [uuid]


def test_wk_01_popping_is_told_with_the_whole_list_also_when_there_is_nothing(face: Face) -> None:
    face.hear("job.popping", "job.popped")
    assert face.work_once(queue="high,low") is False
    assert [event.queue for event in face.events] == ["high,low"]


@pytest.mark.parametrize("first", [["worker.looping", "job.popping"], ["job.popping"], ["worker.looping"], []])
def test_wk_01_one_jobs_end_is_told_before_the_next_ones_beginning(face: Face, first: list[str]) -> None:
    """Although the blocking worker settles a job in the round trip that takes the next one."""
    each = [*first, "job.popped", "job.processing", "job.processed", "job.attempted"]
    face.hear(*each)
    face.handler(lambda job: None)
    face.bulk([JOB, JOB])
    face.listen(max_jobs=2)
    assert face.told == each * 2


def test_an_event_that_nobody_listens_to_is_not_made(face: Face, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    tell = face.queue.emitter.tell
    monkeypatch.setattr(face.queue.emitter, "tell", lambda event: (told.append(event.name), tell(event))[-1])
    face.handler(lambda job: None)
    face.push(JOB)
    del told[:]
    face.listen(stop_when_empty=True)
    assert set(told) == {"worker.starting", "worker.stopping"}


def test_wk_04_the_empty_timer_restarts_after_a_job(face: Face, clock: ManualClock) -> None:
    """Laravel's worker looks every ``sleep`` seconds, so it stops at 16; ours looks when the time is up: at 15."""
    started = clock()
    face.handler(lambda job: clock.advance(10))
    face.push(JOB)
    idle: list[float] = []

    def nothing(event: Any) -> None:
        idle.append(clock() - started)
        clock.advance(2.5)  # what the worker would have waited for

    face.queue.on("worker.idle")(nothing)
    assert face.listen(stop_when_empty_for=5, sleep=0) is StopReason.EMPTY_FOR
    assert idle == [10, 12.5]
    assert clock() - started == 15


def test_wk_07_the_memory_limits_exit_code_can_be_chosen(face: Face) -> None:
    face.hear("worker.stopping")
    face.handler(lambda job: None)
    face.bulk([JOB, JOB])
    assert face.listen(memory=1, memory_exit_code=0) is StopReason.MEMORY
    assert (face.events[-1].exit_code, face.events[-1].reason, face.size()) == (0, "memory", 1)


class Stumbling:
    """A driver whose first look fails."""

    def __init__(self, driver: Any, error: Exception) -> None:
        self._driver = driver
        self._error: Exception | None = error

    def __getattr__(self, name: str) -> Any:
        return getattr(self._driver, name)

    def push(self, *args: Any, **options: Any) -> Any:
        return self._driver.push(*args, **options)

    def delete(self, taken: Reservation) -> Plan[bool]:
        return self._driver.delete(taken)  # type: ignore[no-any-return]

    def release(self, *args: Any, **options: Any) -> Any:
        return self._driver.release(*args, **options)

    def reserve(self, queues: Any, **options: Any) -> Plan[list[Reservation]]:
        error, self._error = self._error, None
        if error is not None:
            raise error
        taken: list[Reservation] = yield from self._driver.reserve(queues, **options)
        return taken


@pytest.mark.parametrize("error", [StoreError("WRONGTYPE"), ZeroDivisionError("a driver's own mistake")])
def test_wk_09_an_error_while_popping_is_reported_and_the_worker_goes_on(
    kind: Any, make: Make, clock: ManualClock, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    driver = Stumbling(open_driver("memory://", face=kind, settings=DriverSettings(clock=clock)), error)
    face = make(driver)
    ran: list[Job] = []
    face.handler(ran.append)
    face.push(JOB)
    assert face.listen(max_jobs=1) is StopReason.MAX_JOBS
    assert len(ran) == 1
    assert str(error) in caplog.text


def test_wk_11_a_job_deleted_before_it_runs_is_not_run(face: Face) -> None:
    face.queue.on("job.processing")(lambda event: event.job.delete())
    face.hear("job.processed", "job.failed", "job.released", "job.exception_occurred")
    ran: list[Job] = []
    face.handler(ran.append)
    face.push(JOB)
    face.listen(stop_when_empty=True)
    assert ran == []
    assert face.told == ["job.processed"]
    assert (face.size(), face.queue_failed()) == (0, [])


def test_a_job_failed_before_it_runs_is_not_run_either(face: Face) -> None:
    face.queue.on("job.processing")(lambda event: event.job.fail("not today"))
    ran: list[Job] = []
    face.handler(ran.append)
    face.push(JOB)
    face.listen(stop_when_empty=True)
    assert (ran, face.size(), len(face.queue_failed())) == ([], 0, 1)


def test_wk_13_a_strategy_for_workers_of_a_name_chooses_the_queues(face: Face) -> None:
    face.queue.registry.pop_using("myworker", lambda queues: ["custom"])
    ran: list[str] = []
    face.handler(lambda job: ran.append(job.queue))
    face.push(JOB, queue="default")
    face.push(JOB, queue="custom")
    assert [face.work_once(queue="default") for _ in range(2)] == [True, False]
    assert ran == ["default"]
    assert [face.work_once(queue="default", name="myworker") for _ in range(2)] == [True, False]
    assert ran == ["default", "custom"]
    face.push(JOB, queue="custom")
    face.queue.registry.pop_using("myworker", None)
    assert face.work_once(queue="default", name="myworker") is False


def test_a_strategy_may_look_nowhere_or_fail(face: Face, caplog: pytest.LogCaptureFixture) -> None:
    face.handler(lambda job: None)
    face.push(JOB)
    face.queue.registry.pop_using("elsewhere", lambda queues: [])
    assert face.listen(name="elsewhere", stop_when_empty=True) is StopReason.EMPTY
    assert face.size() == 1
    answers = [0, 1]
    face.queue.registry.pop_using("broken", lambda queues: [queues[0][: 9 // answers.pop(0)]])
    assert face.listen(name="broken", max_jobs=1) is StopReason.MAX_JOBS
    assert "ZeroDivisionError" in caplog.text


def test_an_idle_worker_says_so(face: Face) -> None:
    face.hear("worker.idle")
    face.handler(lambda job: None)
    face.push(JOB)
    face.listen(stop_when_empty=True, queue="default,low")
    (idle,) = face.events
    assert (idle.queues, idle.connection, idle.options.stop_when_empty) == (("default", "low"), "memory", True)


def test_once_takes_one_job_and_arms_no_other_reason(face: Face) -> None:
    face.handler(lambda job: None)
    face.bulk([JOB] * 3)
    assert face.listen(once=True) is StopReason.ONCE
    assert face.size() == 2


def test_rest_is_taken_after_each_job_and_the_job_is_settled_before_it(
    face: Face, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lara_queue.worker import aio, loop

    rested: list[tuple[float, int]] = []

    def sync_sleep(self: Any, seconds: float) -> None:
        rested.append((seconds, face.queue.reserved_size()))

    async def async_sleep(self: Any, seconds: float) -> None:
        import asyncio

        while self._busy:
            await asyncio.sleep(0)
        rested.append((seconds, await face.queue.reserved_size()))

    monkeypatch.setattr(loop.Loop, "_sleep", sync_sleep)
    monkeypatch.setattr(aio.AsyncWorker, "_sleep", async_sleep)
    face.handler(lambda job: None)
    face.bulk([JOB, JOB])
    face.listen(max_jobs=2, rest=7)
    assert rested == [(7, 0), (7, 0)]


def test_a_settlement_that_goes_wrong_leaves_the_job_to_its_lease_and_the_worker_goes_on(
    make: Make, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    """A mistake in a store of failures: not even then does the worker end, or try the same thing for ever."""

    class Broken(NullFailedStore):
        def record(self, failure: Any) -> Plan[None]:
            raise ZeroDivisionError("in the store of failures")

    face = make(failed=Broken())
    ran: list[str] = []

    def handler(job: Job) -> None:
        ran.append(job.name)
        if job.name == "App\\Jobs\\Bad":
            raise ValueError("no")

    face.handler(handler)
    face.bulk(["App\\Jobs\\Bad", JOB, JOB])
    assert face.listen(max_jobs=3) is StopReason.MAX_JOBS
    assert ran == ["App\\Jobs\\Bad", JOB, JOB]
    assert (face.pending_size(), face.reserved_size()) == (0, 1)
    assert face.queue.processing_jobs == set()
    assert "in the store of failures" in caplog.text


def test_wk_27_middleware_for_all_handlers_and_of_one_see_the_job_in_this_order(make: Make) -> None:
    """A base class's middleware is here what the queue is made with; what a dispatch attaches travels in the command,
    and is held where PHP's own middleware is honoured.
    """
    order: list[tuple[str, Any]] = []

    def noting(name: str) -> Callable[..., Any]:
        def middleware(job: Job, proceed: Callable[[], Any]) -> Any:
            order.append((name, job.data["n"]))
            return proceed()

        return middleware

    face = make(middleware=[noting("of the queue")])
    face.handler(JOB, middleware=[noting("of the handler")])(lambda job: order.append(("handler", job.data["n"])))
    face.push(JOB, {"n": 7})
    face.listen(stop_when_empty=True)
    assert order == [("of the queue", 7), ("of the handler", 7), ("handler", 7)]
    assert face.queue_failed() == []
