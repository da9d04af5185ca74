"""RT, and the rules around them that Laravel has no test for: what becomes of a job, at run time and on both faces."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from lara_queue import Job
from lara_queue.cache.memory import MemoryCache
from lara_queue.errors import JobTimeout, ManuallyFailed
from lara_queue.plans import run
from lara_queue.testing.clock import ManualClock
from tests.unit.lifecycle.world import payload
from tests.worker.faces import Face

Make = Callable[..., Face]
JOB = "App\\Jobs\\ImportRow"
ERROR = ValueError("boom")
TOLD = (
    "job.processing",
    "job.processed",
    "job.released",
    "job.exception_occurred",
    "job.released_after_exception",
    "job.failed",
    "job.timed_out",
    "job.attempted",
)


def badly(job: Job) -> None:
    raise ERROR.with_traceback(None)


def one_round(face: Face, **options: Any) -> list[str]:
    """What is told of one job."""
    face.events.clear()
    face.listen(max_jobs=1, stop_when_empty=True, **options)
    return face.told


def delays_until_gone(face: Face, clock: ManualClock, **options: Any) -> list[float]:
    """Work the one job there is until it is gone; the seconds it waited between its attempts."""
    waited: list[float] = []
    while face.size():
        face.listen(max_jobs=1, stop_when_empty=True, **options)
        seconds = 0
        while face.delayed_size() and not _due(face, clock):
            clock.advance(1)
            seconds += 1
            assert seconds < 1000
        if face.size():
            waited.append(seconds)
    return waited


def _due(face: Face, clock: ManualClock) -> bool:
    return all(job.reservation.expires_at <= clock() for job in face.delayed_jobs())


@pytest.fixture
def told(face: Face) -> Face:
    face.hear(*TOLD)
    return face


def test_rt_01_a_throwing_job_is_released_with_the_workers_backoff(told: Face, clock: ManualClock) -> None:
    told.handler(badly)
    told.push(JOB)
    names = one_round(told, tries=2, backoff=10)
    assert names == ["job.processing", "job.exception_occurred", "job.released_after_exception", "job.attempted"]
    released = told.events[2]
    assert (released.connection, released.delay, released.exception) == ("memory", 10, ERROR)
    assert released.job is told.events[0].job
    assert not told.events[3].successful
    (waiting,) = told.delayed_jobs()
    assert waiting.reservation.expires_at == clock() + 10
    assert told.queue_failed() == []


def test_rt_03_too_many_attempts_already_and_the_handler_is_not_run(told: Face, clock: ManualClock) -> None:
    ran: list[Job] = []
    told.handler(ran.append)
    told.push(JOB)
    run(told.queue.driver.reserve(["default"]), _perform(told))  # a worker that died with it
    clock.advance(91)
    names = one_round(told, tries=1)
    assert ran == []
    assert names == ["job.processing", "job.failed", "job.exception_occurred", "job.attempted"]
    assert str(told.events[1].exception) == f"{JOB} has been attempted too many times."
    assert (told.size(), len(told.queue_failed())) == (0, 1)


def _perform(face: Face) -> Callable[[Any], Any]:
    """Perform a call on the memory store behind either face's link."""
    return lambda effect: getattr(effect.link.store, effect.name)(*effect.args)


def test_rt_04_at_retry_until_it_still_runs_but_a_throw_fails_it(told: Face, clock: ManualClock) -> None:
    told.handler(badly)
    told.push(JOB, retry_until=clock())
    assert one_round(told, tries=1) == ["job.processing", "job.failed", "job.exception_occurred", "job.attempted"]
    assert told.events[1].exception is ERROR


def test_after_retry_until_it_does_not_run_at_all(told: Face, clock: ManualClock) -> None:
    ran: list[Job] = []
    told.handler(ran.append)
    told.push(JOB, retry_until=clock() - 1)
    assert one_round(told, tries=0) == ["job.processing", "job.failed", "job.exception_occurred", "job.attempted"]
    assert ran == []


def test_retry_until_switches_tries_off(face: Face, clock: ManualClock) -> None:
    face.handler(badly)
    face.push(JOB, tries=1, retry_until=clock() + 95, backoff=30)
    assert delays_until_gone(face, clock) == [30, 30, 30, 30]
    assert "attempted too many times" in face.queue_failed()[0].exception  # due 25 seconds after its time


def test_rt_06_the_jobs_own_tries_beat_the_workers(face: Face, clock: ManualClock) -> None:
    face.handler(badly)
    face.push(JOB, tries=4)
    assert len(delays_until_gone(face, clock, tries=1)) == 3
    face.push(JOB, tries=0)
    face.listen(max_jobs=20, tries=1)
    assert face.size() == 1


def test_rt_08_an_exception_that_is_not_to_be_retried_fails_the_job(told: Face) -> None:
    told.handler(JOB, retry_exceptions=[ConnectionError])(badly)
    told.push(JOB, tries=5)
    assert one_round(told) == ["job.processing", "job.failed", "job.exception_occurred", "job.attempted"]
    assert told.events[1].exception is ERROR


def test_rt_09_the_errors_carry_the_names_that_laravel_prints(face: Face) -> None:
    def slow(job: Job) -> None:
        raise JobTimeout("slow")

    face.handler(slow)
    face.push(JOB)
    face.listen(stop_when_empty=True)
    assert face.queue_failed()[0].exception.startswith(f"lara_queue.errors.TimeoutExceeded: {JOB} has timed out.")


# -- backoff: protocol §6.6 --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pushed", "options", "expected"),
    [
        ({"backoff": [1, 5, 9]}, {}, [1, 5, 9, 9]),
        ({"backoff": 3}, {"backoff": 50}, [3, 3, 3, 3]),
        ({}, {"backoff": "2,4"}, [2, 4, 4, 4]),
        ({}, {}, [0, 0, 0, 0]),
        ({"headers": {"backoff": ""}}, {"backoff": 50}, [0, 0, 0, 0]),
        ({"headers": {"backoff": "7,x"}}, {"backoff": 50}, [7, 0, 0, 0]),
    ],
)
def test_a_list_of_backoffs_and_its_last_one(
    face: Face, clock: ManualClock, pushed: Any, options: Any, expected: list[float]
) -> None:
    face.handler(badly)
    face.push(JOB, tries=5, **pushed)
    assert delays_until_gone(face, clock, **options) == expected


@pytest.mark.parametrize(("delay", "expected"), [(60, [60, 60]), (0, [0, 0]), (None, [8, 8])])
def test_the_delay_a_job_was_pushed_with_is_its_backoff(
    face: Face, clock: ManualClock, delay: int | None, expected: list[float]
) -> None:
    """As Laravel 12.11 and later write it; before ``--backoff``, after the job's own."""
    face.handler(badly)
    face.push_raw(payload(delay=delay, maxTries=3))
    assert delays_until_gone(face, clock, backoff=8) == expected


def test_a_negative_backoff_is_none(face: Face) -> None:
    face.handler(badly)
    face.push(JOB, tries=2, headers={"backoff": "-30"})
    face.listen(stop_when_empty=True)
    assert (face.size(), len(face.queue_failed())) == (0, 1)


# -- max exceptions: protocol §6.7 -------------------------------------------------------------------------------------


def test_max_exceptions_fails_before_tries_do_and_forgets_its_count(make: Make, clock: ManualClock) -> None:
    cache = MemoryCache(clock)
    face = make(cache=cache)
    face.handler(badly)
    uuid = face.push(JOB, tries=10, max_exceptions=3)
    counted: list[Any] = []
    for _ in range(3):
        face.listen(max_jobs=1)
        counted.append(run(cache.get(f"job-exceptions:{uuid}"), lambda effect: None))
    assert counted == [1, 2, None]
    assert (face.size(), len(face.queue_failed())) == (0, 1)


def test_releases_do_not_count_as_exceptions_and_timeouts_do(make: Make, clock: ManualClock) -> None:
    cache = MemoryCache(clock)
    face = make(cache=cache)
    seen: list[int] = []

    def handler(job: Job) -> None:
        seen.append(job.attempts)
        if job.attempts <= 3:
            return job.release()
        raise JobTimeout("slow")

    face.handler(handler)
    face.push(JOB, tries=0, max_exceptions=2)
    face.listen(stop_when_empty=True)
    assert seen == [1, 2, 3, 4, 5]
    assert "has timed out" in face.queue_failed()[0].exception


def test_a_count_from_an_earlier_life_is_gone_after_a_day(make: Make, clock: ManualClock) -> None:
    cache = MemoryCache(clock)
    face = make(cache=cache)
    face.handler(badly)
    face.push(JOB, tries=0, max_exceptions=2, backoff=86400)
    face.listen(max_jobs=1)
    clock.advance(86400)
    face.listen(max_jobs=1)
    assert (face.size(), face.queue_failed()) == (1, [])


def test_without_a_cache_or_a_uuid_nobody_counts(make: Make) -> None:
    face = make()
    face.handler(badly)
    face.push(JOB, tries=3, max_exceptions=1)
    face.listen(stop_when_empty=True)
    assert len(face.queue_failed()) == 1
    assert face.queue_failed()[0].payload.count(b'"attempts":2') == 1  # its third attempt was its last


# -- timeouts: protocol §6.9 -------------------------------------------------------------------------------------------


def slowly(job: Job) -> None:
    raise JobTimeout("its time was up")  # what the alarm raises inside a handler


def test_a_timeout_with_attempts_left_puts_the_job_back(told: Face) -> None:
    told.handler(slowly)
    told.push(JOB, tries=2, timeout=7)
    names = one_round(told)
    assert names == ["job.processing", "job.timed_out", "job.released_after_exception", "job.attempted"]
    assert told.events[1].timeout == 7
    assert told.size() == 1


def test_a_timeout_on_the_last_attempt_fails_the_job(told: Face) -> None:
    told.handler(slowly)
    told.push(JOB, tries=1)
    assert one_round(told) == ["job.processing", "job.failed", "job.timed_out", "job.attempted"]
    assert str(told.events[1].exception) == f"{JOB} has timed out."


def test_fail_on_timeout_fails_it_at_once(told: Face) -> None:
    told.handler(slowly)
    told.push(JOB, tries=9, fail_on_timeout=True)
    assert one_round(told) == ["job.processing", "job.failed", "job.timed_out", "job.attempted"]
    assert told.size() == 0


# -- what a handler asks for, and then raises --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ask", "raises", "expected", "left", "failed"),
    [
        (lambda job: job.release(30), False, ["job.processed", "job.released"], 1, 0),
        (lambda job: job.release(30), True, ["job.exception_occurred"], 1, 0),
        (lambda job: job.release(-3), False, ["job.processed", "job.released"], 1, 0),  # RD-22
        (lambda job: job.delete(), False, ["job.processed"], 0, 0),
        (lambda job: job.delete(), True, ["job.exception_occurred"], 0, 0),
        (lambda job: job.fail("no"), False, ["job.failed", "job.processed"], 0, 1),
        (lambda job: job.fail("no"), True, ["job.failed", "job.exception_occurred"], 0, 1),
        (lambda job: (job.delete(), job.release(3), job.fail()), False, ["job.processed"], 0, 0),
    ],
)
def test_what_was_asked_for_first_stands(
    told: Face, ask: Callable[[Job], Any], raises: bool, expected: list[str], left: int, failed: int
) -> None:
    def handler(job: Job) -> None:
        ask(job)
        if raises:
            raise ERROR

    told.handler(handler)
    told.push(JOB, tries=5)
    assert one_round(told) == ["job.processing", *expected, "job.attempted"]
    assert (told.size(), len(told.queue_failed())) == (left, failed)
    assert told.events[-1].successful is not (raises or failed > 0)


def test_rd_22_released_with_a_negative_delay_it_is_the_next_job(face: Face) -> None:
    seen: list[int] = []
    face.handler(lambda job: seen.append(job.attempts) or (job.release(-3) if job.attempts == 1 else None))
    face.push(JOB, tries=2)
    face.listen(stop_when_empty=True)
    assert seen == [1, 2]


def test_a_job_failed_by_hand_is_recorded_with_the_reason(face: Face) -> None:
    face.handler(lambda job: job.fail("out of stock"))
    face.push(JOB, tries=0)
    face.listen(stop_when_empty=True)
    (failed,) = face.queue_failed()
    assert failed.exception.startswith(f"lara_queue.errors.{ManuallyFailed.__name__}: out of stock")


def test_a_release_uses_up_an_attempt(face: Face) -> None:
    ran: list[int] = []
    face.handler(lambda job: (ran.append(job.attempts), job.release())[-1])
    face.push(JOB, tries=2)
    face.listen(stop_when_empty=True)
    assert ran == [1, 2]
    assert "attempted too many times" in face.queue_failed()[0].exception


def test_a_broken_backoff_function_leaves_the_job_to_its_lease(face: Face, clock: ManualClock) -> None:
    def broken(attempt: int) -> float:
        raise RuntimeError("backoff")

    def handler(job: Job) -> None:
        if job.attempts == 1:
            raise ERROR

    face.handler(JOB, backoff=broken, tries=3)(handler)
    face.handler(lambda job: None)
    face.push(JOB)
    face.push("App\\Jobs\\Other")
    face.listen(max_jobs=2)
    assert (face.pending_size(), face.reserved_size()) == (0, 1)
    clock.advance(91)
    face.listen(max_jobs=1)
    assert (face.size(), face.queue_failed()) == (0, [])
