"""SG: signals of the system, and those left in the cache: restart, pause and resume."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from lara_queue import Job, StopReason
from lara_queue.cache import signals
from lara_queue.cache.memory import MemoryCache
from lara_queue.cache.redis import RedisCache
from lara_queue.errors import StoreError
from lara_queue.plans import Call, Plan, run
from lara_queue.testing.clock import ManualClock
from tests.worker.faces import Face

Make = Callable[..., Face]
JOB = "App\\Jobs\\X"
ALL = "illuminate:queues:paused"


class Counting(MemoryCache):
    """A cache that notes which keys are read."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__(clock)
        self.read: list[str] = []

    def get(self, key: str) -> Plan[Any]:
        self.read.append(key)
        return super().get(key)

    def times(self, key: str) -> int:
        return self.read.count(key)

    @property
    def pauses_read(self) -> int:
        return sum("paused" in key for key in self.read)


def done(plan: Plan[Any]) -> Any:
    """What a plan on a cache in memory returns."""
    return run(plan, lambda effect: None)


@pytest.fixture
def cache(clock: ManualClock) -> Counting:
    return Counting(clock)


@pytest.fixture
def cached(make: Make, cache: Counting) -> Face:
    return make(cache=cache)


# -- signals of the system ---------------------------------------------------------------------------------------------


def test_sg_02_a_running_job_is_told_about_a_signal_and_the_worker_stops_after_it(face: Face) -> None:
    told: list[int] = []
    face.hear("worker.interrupted", "job.processed")

    def handler(job: Job) -> None:
        interrupted = threading.Event()
        job.on_interrupt(told.append)
        job.on_interrupt(lambda number: interrupted.set())
        os.kill(os.getpid(), signal.SIGTERM)
        assert interrupted.wait(10)

    face.handler(handler)
    face.bulk([JOB, JOB])
    assert face.listen() is StopReason.QUIT
    assert told == [15]
    assert face.told == ["worker.interrupted", "job.processed"]
    assert (face.events[0].signal, face.events[0].connection) == (15, "memory")
    assert face.size() == 1


def test_what_fails_to_be_told_harms_nobody(face: Face, caplog: pytest.LogCaptureFixture) -> None:
    def broken(number: int) -> None:
        raise RuntimeError("told")

    def handler(job: Job) -> None:
        told = threading.Event()
        job.on_interrupt(broken)
        job.on_interrupt(lambda number: told.set())
        os.kill(os.getpid(), signal.SIGTERM)
        assert told.wait(10)

    face.handler(handler)
    face.push(JOB)
    assert face.listen() is StopReason.QUIT
    assert (face.size(), face.queue_failed()) == (0, [])
    assert "RuntimeError: told" in caplog.text


def test_usr2_pauses_after_the_job_in_hand_and_cont_resumes(face: Face) -> None:
    face.hear("worker.paused", "worker.resumed", "job.popped", "job.processed", "worker.stopping")

    def handler(job: Job) -> None:
        if job.data["n"] == 1:
            paused = threading.Event()
            face.queue.on("worker.paused")(lambda event: paused.set())
            os.kill(os.getpid(), signal.SIGUSR2)
            assert paused.wait(10)

    rounds = 0

    def looping(event: Any) -> None:
        nonlocal rounds
        rounds += "worker.paused" in face.told
        if rounds == 2:
            os.kill(os.getpid(), signal.SIGCONT)

    face.queue.on("worker.looping")(looping)
    face.handler(handler)
    face.bulk([(JOB, {"n": 1}), (JOB, {"n": 2})])
    assert face.listen(max_jobs=2, sleep=0.01) is StopReason.MAX_JOBS
    assert face.told == [
        "job.popped",
        "worker.paused",
        "job.processed",
        "worker.resumed",
        "job.popped",
        "job.processed",
        "worker.stopping",
    ]


# -- restart -----------------------------------------------------------------------------------------------------------


def test_sg_03_restart_polling_can_be_switched_off(cached: Face, cache: Counting, clock: ManualClock) -> None:
    cached.handler(lambda job: clock.advance(2))
    cached.push(JOB)
    cached.listen(stop_when_empty=True, restartable=False)
    assert cache.times(signals.RESTART) == 0
    assert cache.pauses_read > 0
    assert cached.size() == 0


def test_sg_04_pause_polling_can_be_switched_off(cached: Face, cache: Counting, clock: ManualClock) -> None:
    cached.handler(lambda job: clock.advance(2))
    cached.push(JOB)
    cached.listen(stop_when_empty=True, pausable=False)
    assert cache.times(signals.RESTART) == 2
    assert cache.pauses_read == 0
    assert cached.size() == 0


def test_signals_are_read_once_a_second_at_most(cached: Face, cache: Counting) -> None:
    cached.handler(lambda job: None)
    cached.bulk([JOB] * 20)
    cached.listen(stop_when_empty=True)
    assert cache.times(signals.RESTART) == 1


def test_a_restart_while_running_ends_the_worker_after_the_job(
    cached: Face, cache: Counting, clock: ManualClock
) -> None:
    done(signals.restart(cache, clock() - 1000))  # one from before ends nobody

    def handler(job: Job) -> None:
        if job.data["n"] == 2:
            done(signals.restart(cache, clock()))
        clock.advance(2)

    cached.handler(handler)
    cached.bulk([(JOB, {"n": n}) for n in range(1, 6)])
    reason = cached.listen(stop_when_empty=True)
    assert (reason, reason.exit_code) == (StopReason.RESTART, 0)
    assert cached.size() == 3


@pytest.mark.parametrize("change", [lambda cache: done(cache.forget(signals.RESTART)), lambda cache: None])
def test_a_value_that_vanishes_is_a_change_too(cached: Face, cache: Counting, clock: ManualClock, change: Any) -> None:
    done(cache.put(signals.RESTART, "17"))

    def handler(job: Job) -> None:
        change(cache)
        clock.advance(2)

    cached.handler(handler)
    cached.push(JOB)
    reason = cached.listen(stop_when_empty=True)
    assert reason is (StopReason.EMPTY if done(cache.get(signals.RESTART)) else StopReason.RESTART)


# -- pause and resume --------------------------------------------------------------------------------------------------


def test_sg_07_a_resumed_queue_is_not_paused_any_more(cached: Face, cache: Counting) -> None:
    cached.hear("queue.paused", "queue.resumed")
    drive = cached._drive
    drive(signals.pause(cache, "memory", "emails", 60))
    assert done(cache.get("illuminate:queue:paused:memory:emails")) is True
    assert drive(signals.resume(cache, "memory", "emails")) is True
    assert done(cache.get("illuminate:queue:paused:memory:emails")) is None
    assert done(signals.paused_queues(cache, "memory", ["emails"])) == []
    assert drive(signals.resume(cache, "memory", "emails")) is False
    paused, resumed, _ = cached.events
    assert (paused.connection, paused.queue, paused.seconds) == ("memory", "emails", 60)
    assert (resumed.connection, resumed.queue) == ("memory", "emails")


def test_sg_08_pauses_are_per_connection_and_per_queue(cache: Counting) -> None:
    for name in ("emails", "notifications"):
        done_quietly(signals.pause(cache, "redis", name))
    asked = ["default", "emails", "notifications"]
    assert done(signals.paused_queues(cache, "redis", asked)) == ["emails", "notifications"]
    done_quietly(signals.resume(cache, "redis", "emails"))
    assert done(signals.paused_queues(cache, "redis", asked)) == ["notifications"]
    assert done(signals.paused_queues(cache, "database", asked)) == []


def done_quietly(plan: Plan[Any]) -> Any:
    return run(plan, lambda effect: None)


class Cluster:
    """A link that refuses a command for keys which do not lie in one slot: those of different queues may, here."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self.asked: list[tuple[str, ...]] = []

    def call(self, name: str, args: tuple[Any, ...]) -> Any:
        if name == "GET":
            self.asked.append(args)
            return self.values.get(args[0])
        assert name == "MGET"
        self.asked.append(args)
        if len({key.split(":")[:2][-1] for key in args}) > 1:
            raise StoreError("CROSSSLOT Keys in request don't hash to the same slot")
        return [self.values.get(key) for key in args]

    def together(self, calls: Sequence[Call]) -> list[Any]:
        return [self.call(call.name, call.args) for call in calls]


@pytest.mark.parametrize(
    ("paused", "expected"), [([], ()), (["illuminate:queue:paused:redis:b"], ("b",)), ([ALL], ("a", "b"))]
)
def test_sg_10_the_global_pause_key_is_read_on_its_own(paused: list[str], expected: tuple[str, ...]) -> None:
    link = Cluster()
    link.values = dict.fromkeys(paused, b"b:1;")
    reader = signals.Signals(RedisCache(link, ""), "redis")

    def perform(effect: Any) -> Any:
        return link.call(effect.name, effect.args) if isinstance(effect, Call) else link.together(effect.calls)

    assert run(reader.read(["a", "b"]), perform).paused_queues == expected
    assert (ALL,) in link.asked
    assert ("illuminate:queue:paused:redis:a", "illuminate:queue:paused:redis:b") in link.asked


def test_sg_12_pausing_and_resuming_all_is_told(cached: Face, cache: Counting) -> None:
    """The commands are tested with the command line. That the application forbids pausing is said in its PHP code,
    which no worker of ours reads: ``pausable=False`` has a worker take no notice of pauses, and nothing refuses them.
    """
    cached.hear("queue.paused", "queues.paused", "queues.resumed")
    cached._drive(signals.pause(cache, "memory", "default"))
    cached._drive(signals.pause(cache, "memory", None))
    cached._drive(signals.resume(cache, "memory", None))
    assert cached.told == ["queue.paused", "queues.paused", "queues.resumed"]
    assert done(signals.paused_queues(cache, "memory", ["default"])) == ["default"]


def test_one_paused_queue_of_a_priority_list_is_passed_over(cached: Face, cache: Counting, clock: ManualClock) -> None:
    cached.hear("worker.queue_paused", "worker.queue_resumed")
    order: list[str] = []

    def handler(job: Job) -> None:
        order.append(job.queue)
        clock.advance(2)
        if len(order) == 2:
            done(cache.forget("illuminate:queue:paused:memory:high"))

    cached.handler(handler)
    for name in ("high", "high", "low", "low", "low"):
        cached.push(JOB, queue=name)
    done_quietly(signals.pause(cache, "memory", "high"))
    cached.listen(queue="high,low", stop_when_empty=True)
    assert order == ["low", "low", "high", "high", "low"]
    assert [(event.name, event.queue) for event in cached.events] == [
        ("worker.queue_paused", "high"),
        ("worker.queue_resumed", "high"),
    ]


@pytest.mark.parametrize("queue", [None, "default"])
def test_with_all_queues_paused_nothing_is_taken(cached: Face, cache: Counting, queue: str | None) -> None:
    cached.handler(lambda job: None)
    cached.push(JOB)
    done_quietly(signals.pause(cache, "memory", queue))
    assert cached.listen(stop_when_empty=True) is StopReason.EMPTY
    assert cached.work_once() is False
    assert cached.size() == 1
    assert cached.listen(stop_when_empty=True, pausable=False) is StopReason.EMPTY
    assert cached.size() == 0


def test_a_pause_for_a_time_ends_by_itself(cached: Face, cache: Counting, clock: ManualClock) -> None:
    cached.handler(lambda job: None)
    cached.push(JOB)
    done_quietly(signals.pause(cache, "memory", None, 30))
    cached.listen(stop_when_empty=True)
    clock.advance(30)
    cached.listen(stop_when_empty=True)
    assert cached.size() == 0
