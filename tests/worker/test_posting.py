"""Settlements whose answers are read later: ``prefetch`` on Redis."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from lara_queue import Queue
from lara_queue.errors import StoreUnreachable
from lara_queue.plans import Call
from lara_queue.worker.posting import Posting
from tests.conformance.servers import server
from tests.worker.killing import ran_under_kills

pytestmark = pytest.mark.live


@pytest.fixture
def queue(own_redis: str) -> Iterator[Queue]:
    queue = Queue(own_redis, queue="q", appname=f"p{uuid.uuid4().hex[:8]}", prefix="_", prefetch=8)
    yield queue
    queue.clear()
    queue.close()


def test_every_job_is_run_once_and_gone(queue: Queue) -> None:
    ran: list[int] = []
    reserved: list[int] = []

    @queue.handler
    def handle(job: Any) -> None:
        ran.append(job.data["n"])
        time.sleep(0.0015)  # long enough that its deletion does not wait for company
        if job.data["n"] % 8 == 7:  # seven of these eight are settled already, although nobody has read the answers
            reserved.append(queue.reserved_size())

    queue.bulk([("X", {"n": n}) for n in range(64)])
    queue.listen(stop_when_empty=True, sleep=0)
    assert ran == list(range(64))
    assert queue.size() == 0
    assert max(reserved) <= 3


def test_what_fails_or_is_released_is_settled_at_once(queue: Queue) -> None:
    @queue.handler(tries=2, backoff=0)
    def handle(job: Any) -> None:
        if job.data["n"] % 3 == 0:
            raise ValueError
        if job.data["n"] % 3 == 1 and job.attempts == 1:
            job.release()

    queue.bulk([("X", {"n": n}) for n in range(12)])
    queue.listen(stop_when_empty=True, sleep=0)
    assert (queue.size(), queue.failed.count()) == (0, 4)


def test_who_listens_is_told_of_one_end_before_the_next_beginning(queue: Queue) -> None:
    told: list[str] = []
    queue.on("job.processed")(lambda event: told.append(f"end {event.job.data['n']}"))
    queue.handler(lambda job: told.append(f"begin {job.data['n']}"))
    queue.bulk([("X", {"n": n}) for n in range(4)])
    queue.listen(stop_when_empty=True, sleep=0)
    assert told == [f"{what} {n}" for n in range(4) for what in ("begin", "end")]


def test_a_lost_lease_is_told(queue: Queue, own_redis: str) -> None:
    lost: list[int] = []
    queue.on("job.lease_lost")(lambda event: lost.append(event.job.data["n"]))

    @queue.handler
    def handle(job: Any) -> None:
        if job.data["n"] == 0:  # somebody else has taken the second one meanwhile
            with Redis.from_url(own_redis) as client:
                key = f"{queue.key_prefix}queues:q:reserved"
                members: list[bytes] = client.zrange(key, 0, -1)  # type: ignore[assignment]
                client.zrem(key, next(body for body in members if b"i:1;" in body))

    queue.bulk([("X", {"n": n}) for n in range(4)])
    queue.listen(stop_when_empty=True, sleep=0)
    assert lost == [1]


def test_stopping_gives_back_what_was_not_begun_and_settles_the_rest(queue: Queue) -> None:
    ran: list[int] = []

    @queue.handler
    def handle(job: Any) -> None:
        ran.append(job.data["n"])
        if len(ran) == 3:
            queue.shutdown()

    queue.bulk([("X", {"n": n}) for n in range(8)])
    queue.listen(sleep=0)
    assert ran == [0, 1, 2]
    assert (queue.pending_size(), queue.reserved_size()) == (5, 0)
    assert [job.data["n"] for job in queue.pending_jobs()] == [3, 4, 5, 6, 7]


def test_a_server_that_has_forgotten_the_scripts(queue: Queue, own_redis: str) -> None:
    @queue.handler
    def handle(job: Any) -> None:
        with Redis.from_url(own_redis) as client:
            client.script_flush()

    queue.bulk([("X", {"n": n}) for n in range(8)])
    queue.listen(stop_when_empty=True, sleep=0)
    assert queue.size() == 0


def test_a_server_that_goes_away_while_answers_are_due(tmp_path: Path) -> None:
    """Persistent, so that what was settled before stays so; what nobody knows about is settled again."""
    with server(tmp_path, "--appendonly", "yes", "--appendfsync", "always") as redis:
        queue = Queue(f"redis://127.0.0.1:{redis.port}/0", queue="q", prefetch=8)
        ran: list[int] = []

        @queue.handler
        def handle(job: Any) -> None:
            ran.append(job.data["n"])
            if len(ran) == 5:
                redis.stop()
                redis.start()

        queue.bulk([("X", {"n": n}) for n in range(16)])
        queue.listen(stop_when_empty=True, sleep=0)
        assert sorted(ran) == list(range(16))
        assert queue.size() == 0
        queue.close()


class Line:
    """A line that notes what is posted, and answers that all of it was there; or never does."""

    def __init__(self, *, away: bool = False) -> None:
        self.away = away
        self.posted: list[tuple[Any, ...]] = []
        self._due = 0

    def post(self, name: str, args: tuple[Any, ...]) -> None:
        if self.away is None:
            raise StoreUnreachable("gone")
        self.posted.append(args)
        self._due += 1

    def collect(self) -> list[Any]:
        due, self._due = self._due, 0
        return [StoreUnreachable("gone") if self.away else True] * due


class Settling:
    """A lifecycle that settles with one call, and notes it."""

    def __init__(self) -> None:
        self.settled: list[Any] = []

    def settle(self, job: Any, outcome: Any) -> Any:
        self.settled.append((yield Call(None, "delete", (job,))))
        return True

    def settle_done(self, jobs: list[Any]) -> Any:
        yield Call(None, "delete", tuple(job.n for job in jobs))


@dataclass(eq=False)
class Held:
    n: int
    queue: str = "q"


def posting(line: Any) -> tuple[Posting, list[int]]:
    settled: list[int] = []
    lifecycle: Any = Settling()
    return Posting(lifecycle, line, lambda effect: effect, lambda job: settled.append(job.n)), settled  # type: ignore[attr-defined]


def hold(posting: Posting, n: int, started: float, ended: float, name: str = "X", queue: str = "q") -> None:
    job: Any = Held(n, queue)
    posting.hold(job, name, started, ended)


def test_short_jobs_wait_for_company_a_millisecond_at_most() -> None:
    line = Line()
    post, settled = posting(line)
    for n in range(9):
        hold(post, n, n * 0.0002, n * 0.0002 + 0.0001)
    assert line.posted == [(0, 1, 2, 3, 4, 5)]
    assert [job.n for job in post.held] == [6, 7, 8]  # type: ignore[attr-defined]
    assert settled == [0, 1, 2, 3, 4, 5], "what is not sent stays in hand, and its lease is kept"


def test_a_job_that_was_not_short_is_sent_with_those_that_wait() -> None:
    line = Line()
    post, _ = posting(line)
    hold(post, 1, 0, 0.0001)
    hold(post, 2, 0.0001, 5, "Long")
    hold(post, 3, 5, 5.5, "Long")
    assert line.posted == [(1, 2), (3,)]


@pytest.mark.parametrize(("name", "waits"), [("Short", True), ("Long", False), ("Unknown", False)])
def test_nothing_waits_for_a_job_that_may_take_long(name: str, waits: bool) -> None:
    line = Line()
    post, _ = posting(line)
    hold(post, 1, 0, 3, "Long")
    hold(post, 2, 3, 3.0001, "Short")
    post.before(name)
    assert (line.posted[1:] == []) is waits


def test_each_queue_is_sent_by_itself() -> None:
    line = Line()
    post, _ = posting(line)
    for n, queue in enumerate("abab"):
        hold(post, n, 0, 0.0001, queue=queue)
    post.send()
    assert line.posted == [(0, 2), (1, 3)]


def test_what_could_not_be_sent_is_owed() -> None:
    line: Any = Line()
    line.away = None
    post, settled = posting(line)
    hold(post, 1, 0, 1)
    assert [job.n for job in post.owed] == settled == [1]  # type: ignore[attr-defined]


def test_what_nobody_answered_is_owed_and_settled_later() -> None:
    line = Line(away=True)
    post, _ = posting(line)
    hold(post, 1, 0, 1)
    post.collect()
    lifecycle: Any = post._lifecycle
    assert [job.n for job in post.owed] == [1]  # type: ignore[attr-defined]
    assert lifecycle.settled == []
    post.settle_owed()
    assert [call.args[0].n for call in lifecycle.settled] == [1]
    assert not post.owed


WORKER = """
import sys, time
from lara_queue import Queue
queue = Queue(sys.argv[1], queue="q", appname=sys.argv[2], prefix="_", prefetch=8, retry_after=2)
out = open(sys.argv[3], "a", buffering=1)
@queue.handler
def handle(job):
    out.write(f"{job.data['n']}\\n")
    time.sleep(0.002)
queue.listen(stop_when_empty_for=3, sleep=0.1, tries=0)
"""


def test_a_worker_killed_while_answers_are_due_loses_no_job(own_redis: str, tmp_path: Path) -> None:
    ran = ran_under_kills(own_redis, tmp_path / "ran", WORKER, jobs=400, most=60)
    assert set(ran) == set(range(400))
