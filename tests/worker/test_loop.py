"""The loop of both workers, on the memory driver: what is run, in which order, and why it stops."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from lara_queue import Job, RetryStrategy, StopReason
from lara_queue.errors import ConfigurationError, HandlerError
from lara_queue.testing.clock import ManualClock
from tests.worker.faces import Face


@pytest.fixture(params=["sync", "async"])
def kind(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture
def face(kind: Any) -> Iterator[Face]:
    face = Face(kind)
    yield face
    face.close()


def test_wk_01_the_events_of_one_job_in_order(face: Face) -> None:
    face.hear("job.processing", "job.processed", "job.attempted")
    face.handler(lambda job: None)
    face.push("App\\Jobs\\X", {"n": 1})
    assert face.work_once() is True
    assert face.told == ["job.processing", "job.processed", "job.attempted"]
    assert face.work_once() is False


def test_wk_02_stop_when_empty(face: Face) -> None:
    ran: list[int] = []
    face.handler(lambda job: ran.append(job["data"]["n"]))
    face.bulk([("App\\Jobs\\X", {"n": n}) for n in range(25)])
    reason = face.listen(stop_when_empty=True)
    assert reason is StopReason.EMPTY
    assert reason.exit_code == 0
    assert sorted(ran) == list(range(25))
    assert face.size() == 0


def test_wk_05_the_memory_limit_is_looked_at_after_the_job_and_gives_exit_code_12(kind: Any) -> None:
    face = Face(kind, max_concurrent_jobs=1)
    ran: list[Job] = []
    face.handler(ran.append)
    face.bulk(["App\\Jobs\\X", "App\\Jobs\\X"])
    reason = face.listen(memory=1)
    assert (reason, reason.exit_code) == (StopReason.MEMORY, 12)
    assert (len(ran), face.size()) == (1, 1)
    face.close()


def test_wk_16_the_stopping_event_says_why(face: Face) -> None:
    face.hear("worker.starting", "worker.stopping")
    face.listen(stop_when_empty=True)
    assert face.told == ["worker.starting", "worker.stopping"]
    assert (face.events[-1].reason, face.events[-1].exit_code) == ("empty", 0)


def test_wk_22_max_jobs(face: Face) -> None:
    ran: list[Job] = []
    face.handler(ran.append)
    face.bulk(["App\\Jobs\\X"] * 5)
    assert face.listen(max_jobs=2) is StopReason.MAX_JOBS
    assert (len(ran), face.size()) == (2, 3)


def test_max_jobs_holds_for_threads_together() -> None:
    face = Face("sync", max_concurrent_jobs=4)
    ran: list[Job] = []
    face.handler(ran.append)
    face.bulk(["App\\Jobs\\X"] * 20)
    assert face.listen(max_jobs=7) is StopReason.MAX_JOBS
    assert (len(ran), face.size()) == (7, 13)
    face.close()


def test_wk_23_max_time_is_looked_at_between_jobs(kind: Any) -> None:
    clock = ManualClock()
    face = Face(kind, clock=clock, max_concurrent_jobs=1)
    face.handler(lambda job: clock.advance(2))
    face.bulk(["App\\Jobs\\X"] * 3)
    assert face.listen(max_time=1) is StopReason.MAX_TIME
    assert face.size() == 2
    face.close()


def test_priority_and_an_untrimmed_queue_list(face: Face) -> None:
    order: list[str] = []
    face.handler(lambda job: order.append(job.queue))
    for name in ("low", "high", "low", "high"):
        face.push("App\\Jobs\\X", queue=name)
    face.listen(queue="high,low", stop_when_empty=True)
    assert order == ["high", "high", "low", "low"]


def test_the_most_particular_handler_is_called(face: Face) -> None:
    called: list[str] = []
    face.handler(lambda job: called.append("any"))
    face.handler("App\\Jobs\\A")(lambda job: called.append("A"))
    face.handler("App\\Jobs\\Legacy@fire")(lambda job: called.append("legacy"))
    face.push("App\\Jobs\\A")
    face.push("App\\Jobs\\B")
    face.push("App\\Jobs\\Legacy@fire", {"k": "v"})
    face.listen(stop_when_empty=True)
    assert sorted(called) == ["A", "any", "legacy"]


def test_coroutines_and_plain_functions_are_handlers_of_either_face(face: Face) -> None:
    called: list[str] = []

    async def coroutine(job: Job) -> None:
        called.append("coroutine")

    face.handler("App\\Jobs\\A")(coroutine)
    face.handler("App\\Jobs\\B")(lambda job: called.append("plain"))
    face.bulk(["App\\Jobs\\A", "App\\Jobs\\B"])
    face.listen(stop_when_empty=True)
    assert sorted(called) == ["coroutine", "plain"]


def test_a_job_with_tries_is_retried_with_its_backoff_and_then_recorded(kind: Any) -> None:
    clock = ManualClock()
    face = Face(kind, clock=clock)
    seen: list[int] = []

    def fails(job: Job) -> None:
        seen.append(job.attempts)
        raise ValueError("no")

    face.handler(fails)
    face.push("App\\Jobs\\X", {}, tries=3, backoff=[10, 60])
    face.listen(stop_when_empty=True)
    assert seen == [1]
    assert face.delayed_size() == 1
    clock.advance(10)
    face.listen(stop_when_empty=True)
    clock.advance(59)
    face.listen(stop_when_empty=True)
    assert seen == [1, 2]
    clock.advance(1)
    face.listen(stop_when_empty=True)
    assert seen == [1, 2, 3]
    assert face.size() == 0
    (dead,) = face.get_dead_letter_jobs()
    assert dead["error"]["type"] == "ValueError"
    assert dead["original_job"]["displayName"] == "App\\Jobs\\X"
    assert face.reprocess_dead_letter_job(dead)
    assert face.get_dead_letter_jobs() == []
    assert face.size() == 1
    face.close()


def test_laraqueues_retry_settings_decide_when_the_job_does_not(kind: Any) -> None:
    clock = ManualClock()
    face = Face(
        kind, clock=clock, max_retries=2, retry_strategy=RetryStrategy.LINEAR, retry_delay=5, retry_jitter=False
    )
    seen: list[int] = []

    def fails(job: Job) -> None:
        seen.append(job.attempts)
        raise ConnectionError

    face.handler(fails)
    face.push("App\\Jobs\\X", {})
    for pause in (0, 5, 10, 100):
        clock.advance(pause)
        face.listen(stop_when_empty=True)
    assert seen == [1, 2, 3]
    assert face.clear_dead_letter_queue() == 1
    face.close()


def test_retry_exceptions_of_laraqueue(kind: Any) -> None:
    face = Face(kind, max_retries=5, retry_exceptions=[ConnectionError])

    def fails(job: Job) -> None:
        raise KeyError("k")

    face.handler(fails)
    face.push("App\\Jobs\\X", {})
    face.listen(stop_when_empty=True)
    assert (face.size(), len(face.get_dead_letter_jobs())) == (0, 1)
    face.close()


def test_without_retry_settings_one_try_is_the_default_of_queue_work(face: Face) -> None:
    def fails(job: Job) -> None:
        raise KeyError("k")

    face.handler(fails)
    face.push("App\\Jobs\\X", {})
    face.listen(stop_when_empty=True)
    assert (face.size(), len(face.get_dead_letter_jobs())) == (0, 1)


def test_garbage_is_buried_and_the_worker_goes_on(face: Face) -> None:
    ran: list[str] = []
    face.handler(lambda job: ran.append(job.name))
    garbage = [b"\x00\xff garbage", b"{}", b'{"job":"x","attempts":"many"}', b"null"]
    for body in garbage:
        face.push_raw(body)
    face.push("App\\Jobs\\X", {})
    face.listen(stop_when_empty=True)
    assert ran == ["App\\Jobs\\X"]
    assert sorted(failed.payload for failed in face.queue_failed()) == sorted(garbage)
    assert face.size() == 0


def test_retrying_all_leaves_what_cannot_be_read_on_record(face: Face) -> None:
    def fails(job: Job) -> None:
        raise ValueError("no")

    face.handler(fails)
    face.push_raw(b"garbage")
    face.push("App\\Jobs\\X", {})
    face.listen(stop_when_empty=True)
    dead = face.get_dead_letter_jobs()
    assert [face.reprocess_dead_letter_job(entry) for entry in dead] == [bool(e["original_job"]) for e in dead]
    assert face.size() == 1
    assert [failed.payload for failed in face.queue_failed()] == [b"garbage"]
    face.listen(stop_when_empty=True)
    assert len(face.queue_retry_all()) == 1
    assert [failed.payload for failed in face.queue_failed()] == [b"garbage"]


def test_laraqueues_own_arguments_are_taken(kind: Any) -> None:
    face = Face(kind, horizon_metrics_enabled=True, horizon_ttl=1, retry_tracking_ttl=1, max_retry_tracking=1)
    assert face.size() == 0
    face.close()


def test_a_coroutine_past_its_timeout_is_ended(face: Face) -> None:
    import asyncio

    ended: list[str] = []

    async def slow(job: Job) -> None:
        try:
            await asyncio.sleep(30)
        finally:
            ended.append(job.name)

    face.hear("job.timed_out", "job.failed")
    face.handler(slow)
    face.push("App\\Jobs\\Slow", {}, timeout=1)
    face.listen(stop_when_empty=True)
    assert ended == ["App\\Jobs\\Slow"]
    assert sorted(face.told) == ["job.failed", "job.timed_out"]
    assert "has timed out" in face.queue_failed()[0].exception


def test_the_alarm_ends_a_plain_function_in_the_main_thread() -> None:
    face = Face("sync")

    def slow(job: Job) -> None:
        threading.Event().wait(30)

    face.handler("App\\Jobs\\Slow", timeout=1)(slow)
    face.push("App\\Jobs\\Slow", {})
    started = time.monotonic()
    face.listen(stop_when_empty=True)
    assert time.monotonic() - started < 5
    assert len(face.get_dead_letter_jobs()) == 1
    face.close()


def test_a_timeout_reaches_a_worker_thread_too() -> None:
    face = Face("sync", max_concurrent_jobs=2)

    def slow(job: Job) -> None:
        for _ in range(600):
            threading.Event().wait(0.05)

    face.handler("App\\Jobs\\Slow", timeout=1)(slow)
    face.push("App\\Jobs\\Slow", {})
    face.listen(stop_when_empty=True)
    assert len(face.get_dead_letter_jobs()) == 1
    face.close()


def test_a_handler_may_ask_the_worker_to_stop(face: Face) -> None:
    face.handler(lambda job: face.queue.shutdown())
    face.bulk(["App\\Jobs\\X"] * 30)
    assert face.listen() is StopReason.QUIT
    assert 0 < face.size() < 30
    assert face.reserved_size() == 0


def test_shutdown_from_another_thread_ends_an_idle_worker(face: Face) -> None:
    threading.Timer(0.2, face.queue.shutdown).start()
    assert face.listen(sleep=0.5) is StopReason.QUIT


def test_what_was_taken_ahead_is_handed_back_at_the_end() -> None:
    face = Face("sync", prefetch=8)
    face.handler(lambda job: face.queue.shutdown())
    uuids = face.bulk(["App\\Jobs\\X"] * 8)
    face.listen()
    assert (face.pending_size(), face.reserved_size()) == (7, 0)
    assert [job.uuid for job in face.pending_jobs()] == uuids[1:]
    assert [job.payload["attempts"] for job in face.pending_jobs()] == [0] * 7
    face.close()


def test_threads_run_jobs_at_the_same_time() -> None:
    face = Face("sync", max_concurrent_jobs=3)
    together = threading.Barrier(3, timeout=5)
    face.handler(lambda job: together.wait() and None)
    face.bulk(["App\\Jobs\\X"] * 3)
    assert face.listen(stop_when_empty=True) is StopReason.EMPTY
    assert face.get_dead_letter_jobs() == []
    face.close()


def test_the_semaphore_caps_how_many_run_at_once() -> None:
    import asyncio

    face = Face("async", max_concurrent_jobs=3)
    running = 0
    most = 0

    async def handler(job: Job) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        assert len(face.queue._processing_jobs) <= 3
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        running -= 1

    face.handler(handler)
    face.bulk(["App\\Jobs\\X"] * 50)
    face.listen(stop_when_empty=True)
    assert most == 3
    assert face.get_dead_letter_jobs() == []
    face.close()


def test_a_listener_that_raises_harms_no_job(face: Face, caplog: pytest.LogCaptureFixture) -> None:
    def bad(event: object) -> None:
        raise RuntimeError("listener")

    face.queue.on("job.processing")(bad)
    face.handler(lambda job: None)
    face.push("App\\Jobs\\X")
    face.listen(stop_when_empty=True)
    assert face.get_dead_letter_jobs() == []
    assert "A listener failed" in caplog.text


def test_unhandled_jobs_stay_by_default_and_fail_by_option(face: Face) -> None:
    face.handler("App\\Jobs\\Mine")(lambda job: None)
    face.push("App\\Jobs\\Theirs")
    face.listen(stop_when_empty=True)
    assert (face.size(), face.get_dead_letter_jobs()) == (1, [])
    assert face.delayed_jobs()[0].payload["attempts"] == 0
    face.clear()
    face.push("App\\Jobs\\Theirs")
    face.listen(stop_when_empty=True, unhandled="fail")
    assert (face.size(), len(face.get_dead_letter_jobs())) == (0, 1)


def test_metrics_count_what_happened(face: Face) -> None:
    def handler(job: Job) -> None:
        if job["data"]["n"] == 3:
            raise ValueError("three")

    face.handler(handler)
    face.bulk([("App\\Jobs\\X", {"n": n}) for n in range(5)])
    face.listen(stop_when_empty=True)
    general = face.queue.get_metrics()["general"]
    assert (general["total_processed"], general["total_successful"], general["total_failed"]) == (5, 4, 1)
    assert face.queue.get_job_type_metrics("App\\Jobs\\X")["total"] == 5


def test_mistakes_are_told_when_they_are_made(face: Face) -> None:
    with pytest.raises(ConfigurationError, match="no option 'trys'"):
        face.listen(trys=3)
    with pytest.raises(HandlerError):
        face.handler("App\\Jobs\\X", retries=3)(lambda job: None)
    with pytest.raises(HandlerError):
        face.handler(lambda: None)
