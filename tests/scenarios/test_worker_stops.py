"""WK: when the worker stops or holds jobs back, and what it tells of that. Both faces are held to it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lara_queue import Job, StopReason
from lara_queue.cache.memory import MemoryCache
from lara_queue.lifecycle.lost import is_lost_connection
from lara_queue.plans import run
from lara_queue.testing.clock import ManualClock
from lara_queue.worker import memory
from tests.worker.faces import Face

Make = Callable[..., Face]
JOB = "App\\Jobs\\X"


def raising(error: BaseException) -> Callable[[Job], None]:
    def handler(job: Job) -> None:
        raise error

    return handler


def test_wk_16_the_stopping_event_has_the_figures(face: Face, clock: ManualClock) -> None:
    face.hear("worker.starting", "worker.stopping")
    face.handler(lambda job: clock.advance(5))
    face.bulk([JOB, JOB])
    face.listen(stop_when_empty=True, tries=3)
    starting, stopping = face.events
    assert (stopping.exit_code, stopping.reason, stopping.jobs) == (0, "empty", 2)
    assert stopping.last_job_at == clock()
    assert stopping.memory > 0
    assert stopping.options.tries == starting.options.tries == 3
    assert (starting.connection, starting.queues) == ("memory", ("default",))


def test_wk_16_without_a_job_there_is_no_last_one(face: Face) -> None:
    face.hear("worker.stopping")
    face.listen(stop_when_empty=True)
    assert (face.events[0].jobs, face.events[0].last_job_at) == (0, None)


def test_wk_17_a_lost_database_connection_stops_the_worker(face: Face) -> None:
    face.hear("worker.stopping")
    face.handler(raising(RuntimeError("SQLSTATE[HY000]: MySQL server has gone away")))
    face.bulk([JOB, JOB])
    assert face.listen(stop_when_empty=True) is StopReason.LOST_CONNECTION
    assert (face.events[0].exit_code, face.events[0].reason) == (0, "lost_connection")
    assert (face.size(), len(face.queue_failed())) == (1, 1)


def test_wk_18_stopping_on_a_lost_connection_can_be_switched_off(face: Face) -> None:
    face.handler(raising(RuntimeError("SQLSTATE[HY000]: MySQL server has gone away")))
    face.bulk([JOB, JOB])
    assert face.listen(stop_when_empty=True, stop_on_lost_connection=False) is StopReason.EMPTY
    assert (face.size(), len(face.queue_failed())) == (0, 2)


@pytest.mark.parametrize(
    "text",
    [
        "SQLSTATE[HY000] [2002] php_network_getaddresses: getaddrinfo failed: Try again (SQL: select 1)",
        'connection to server at "10.0.0.1", port 5432 failed: Connection refused',
        "(2006, 'MySQL server has gone away')",
        "SQLSTATE[08S01]: TCP Provider: Error code 0x68",
        "Physical connection is not usable",
        "(psycopg.OperationalError) server closed the connection unexpectedly",
        "(2013, 'Lost connection to MySQL server during query')",
        "[Errno 104] Connection reset by peer",
    ],
)
def test_wk_19_what_counts_as_a_lost_connection(text: str) -> None:
    assert is_lost_connection(RuntimeError(text))


@pytest.mark.parametrize(
    "error", [ValueError("no"), KeyError("server"), FileNotFoundError(2, "No such file or directory", "report.pdf")]
)
def test_wk_19_what_does_not(error: Exception) -> None:
    assert not is_lost_connection(error)


@pytest.mark.parametrize("report", [True, False])
def test_wk_20_reporting_can_be_switched_off_and_nothing_else_changes(
    face: Face, report: bool, caplog: pytest.LogCaptureFixture
) -> None:
    face.hear("job.exception_occurred", "job.released_after_exception")
    face.handler(raising(ValueError("do not tell")))
    face.push(JOB, tries=2)
    with caplog.at_level(logging.INFO, "lara_queue"):
        face.listen(max_jobs=1, report_job_exceptions=report)
    assert ("do not tell" in caplog.text) is report
    assert face.told == ["job.exception_occurred", "job.released_after_exception"]


def test_a_listener_of_looping_that_answers_false_keeps_the_worker_from_taking(face: Face) -> None:
    answers: list[bool | None] = [False, None]
    asked: list[tuple[str, ...]] = []

    def looping(event: Any) -> bool | None:
        asked.append(event.queues)
        return answers.pop(0) if answers else None

    face.queue.on("worker.looping")(looping)
    face.handler(lambda job: None)
    face.push(JOB)
    assert face.listen(stop_when_empty=True) is StopReason.EMPTY  # as Laravel: nothing was taken this round
    assert face.size() == 1
    assert face.listen(max_jobs=1) is StopReason.MAX_JOBS
    assert face.size() == 0
    assert asked == [("default",)] * 2


def test_the_first_listener_with_an_answer_decides(face: Face) -> None:
    def broken(event: Any) -> None:
        raise RuntimeError("a listener")

    face.queue.on("worker.looping")(broken)
    face.queue.on("worker.looping")(lambda event: None)
    face.queue.on("worker.looping")(lambda event: True)
    face.queue.on("worker.looping")(lambda event: False)
    face.handler(lambda job: None)
    face.push(JOB)
    face.listen(stop_when_empty=True)
    assert face.size() == 0


def test_a_coroutine_may_answer_in_asyncio(make: Make, kind: Any) -> None:
    if kind == "sync":
        return  # nobody could wait for it there
    face = make()

    async def looping(event: Any) -> bool:
        return False

    face.queue.on("worker.looping")(looping)
    face.handler(lambda job: None)
    face.push(JOB)
    face.listen(stop_when_empty=True)
    assert face.size() == 1


@pytest.mark.parametrize("down", ["file", "cache"])
def test_maintenance_mode_holds_jobs_back_unless_forced(
    make: Make, clock: ManualClock, tmp_path: Path, down: str
) -> None:
    cache = MemoryCache(clock)
    file = tmp_path / "down"
    if down == "file":
        file.write_text("{}")
    else:
        run(cache.put("illuminate:foundation:down", {"retry": None}), lambda effect: None)
    face = make(cache=cache, maintenance_file=file)
    ran: list[Job] = []
    face.handler(ran.append)
    face.bulk([JOB, JOB])
    assert face.listen(stop_when_empty=True) is StopReason.EMPTY
    assert face.work_once() is False
    assert ran == []
    assert face.listen(stop_when_empty=True, force=True) is StopReason.EMPTY
    assert len(ran) == 2


def test_the_memory_that_was_there_before_does_not_count(
    face: Face, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """WK-05, WK-06: an idle worker counts as 20 MiB, and from there on what the process grows by."""
    held = [900.0]
    monkeypatch.setattr(memory, "memory_in_mebibytes", lambda: held[0])

    def leaks(job: Job) -> None:
        held[0] += 60
        clock.advance(2)

    face.handler(leaks)
    face.bulk([JOB] * 5)
    assert face.listen(memory=128, stop_when_empty=True) is StopReason.MEMORY
    assert face.size() == 3
    assert face.listen(memory=0, stop_when_empty=True) is StopReason.EMPTY
