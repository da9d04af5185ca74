"""The links on a real Redis that restarts, forgets and stalls; threads, forks and signals."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from lara_queue.drivers.redis import RedisDriver
from lara_queue.errors import ScriptMissing, StoreError, StoreUnreachable
from lara_queue.plans import Call, Plan, Together, run
from lara_queue.testing import shell_for
from lara_queue.testing.shells import perform
from tests.conformance.drivers_on_redis import BODY, Face, call, calls_of, client, close, mine, opened
from tests.conformance.servers import Server

__all__ = ["client", "mine"]  # fixtures

pytestmark = pytest.mark.live


@pytest.fixture(params=["sync", "async"])
def face(request: pytest.FixtureRequest) -> Face:
    return "sync" if request.param == "sync" else "async"


def test_scripts_that_the_server_has_forgotten_are_sent_again(mine: Server, client: Any, face: Face) -> None:
    driver = opened(mine, face)
    with shell_for(face) as shell:
        for _ in range(2):
            client.script_flush()
            shell.run(driver.push_many("q", [(BODY, 0), (BODY, 0), (BODY, 60)]))
            client.script_flush()
            first, second = shell.run(driver.reserve(["q"], limit=9))
            client.script_flush()
            assert shell.run_all([driver.delete(first), driver.release(second)]) == [True, True]
            client.script_flush()
            assert shell.run(driver.clear("q")) == 2
        shell.run(close(driver))


def test_a_server_that_restarts(mine: Server, client: Any, face: Face) -> None:
    driver = opened(mine, face)
    with shell_for(face) as shell:
        shell.run(driver.push("q", BODY))
        mine.stop()
        for plan in (driver.push("q", BODY), driver.reserve(["q"], wait=1), driver.ping()):
            with pytest.raises(StoreUnreachable, match=f"127.0.0.1:{mine.port} cannot be reached"):
                shell.run(plan)
        mine.start()
        shell.run(driver.push("q", BODY))
        assert len(shell.run(driver.reserve(["q"], limit=9))) == 1
        assert shell.run(driver.reserve(["q"], wait=0.01)) == []
        shell.run(close(driver))


def test_a_server_that_dies_under_a_waiting_worker(mine: Server, client: Any, face: Face) -> None:
    driver = opened(mine, face)
    timer = threading.Timer(0.1, mine.stop)
    with shell_for(face) as shell:
        assert shell.run(driver.reserve(["q"], wait=0.01)) == []
        timer.start()
        with pytest.raises(StoreUnreachable):
            shell.run(driver.reserve(["q"], wait=20))
        timer.join()
        mine.start()
        assert shell.run(driver.reserve(["q"], wait=0.01)) == []
        shell.run(close(driver))


def test_a_connection_that_the_server_closed_while_idle_is_replaced(
    mine: Server, client: Any, face: Face, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"lara_queue.drivers.redis.link_{face}._IDLE", 0.0)
    driver = opened(mine, face)
    with shell_for(face) as shell:
        for _ in range(3):
            assert shell.run(driver.reserve(["q"], wait=0.01)) == []
            client.client_kill_filter(_type="normal", skipme=True)
            shell.run(driver.ping())
        shell.run(close(driver))


def test_a_server_that_does_not_answer_in_time(mine: Server, client: Any, face: Face) -> None:
    driver = opened(mine, face, timeout=0.05)
    with shell_for(face) as shell:
        shell.run(driver.ping())
        client.client_pause(400, all=False)
        with pytest.raises(StoreUnreachable, match="did not answer in time"):
            shell.run(driver.push("q", BODY))
        client.client_unpause()
        shell.run(driver.ping())
        shell.run(close(driver))


def test_a_wait_may_be_longer_than_the_clients_timeout(mine: Server, client: Any, face: Face) -> None:
    driver = opened(mine, face, timeout=0.05)
    with shell_for(face) as shell:
        assert shell.run(driver.reserve(["q"], wait=0.3)) == []
        shell.run(close(driver))


def test_waiting_ends_when_a_delayed_job_comes_due(mine: Server, client: Any, face: Face) -> None:
    offset = 1000.9 - time.time()  # due times are whole seconds: begin shortly before one
    driver = opened(mine, face, clock=lambda: time.time() + offset)
    with shell_for(face) as shell:
        shell.run(driver.push("q", BODY, delay=1))
        began = time.monotonic()
        assert len(shell.run(driver.reserve(["empty", "q"], wait=20))) == 1
        assert time.monotonic() - began < 2
        shell.run(close(driver))


def test_one_wait_listens_to_every_queue(mine: Server, client: Any, face: Face) -> None:
    driver = opened(mine, face)
    with shell_for(face) as shell:
        taken, seconds = shell.meanwhile(driver.reserve(["a", "b", "c"], wait=20), driver.push("c", BODY))
        assert [job.queue for job in taken] == ["c"]
        assert seconds < 2
        shell.run(close(driver))


def test_a_refusal_says_which_and_leaves_the_connection(mine: Server, client: Any, face: Face) -> None:
    driver = opened(mine, face)
    client.set("p_queues:q", "something else")
    with shell_for(face) as shell:
        with pytest.raises(StoreError, match="check prefix and queue name") as caught:
            shell.run(driver.push("q", BODY))
        assert not isinstance(caught.value, StoreUnreachable)
        with pytest.raises(StoreError, match="unknown command"):
            shell.run(call(driver, "NOSUCHCOMMAND", "x"))
        with pytest.raises(ScriptMissing):
            shell.run(call(driver, "EVALSHA", "0" * 40, 0))
        shell.run(driver.push("r", BODY))
        assert client.llen("p_queues:r") == 1
        shell.run(close(driver))


def all_of(calls: list[Call]) -> Plan[list[Any]]:
    return (yield Together(tuple(calls)))


def test_calls_together_fail_apart(mine: Server, client: Any, face: Face) -> None:
    driver = opened(mine, face)
    client.set("p_queues:bad", "something else")
    calls = [
        Call(driver.link, "push", ((b"p_queues:%b" % queue, b"p_queues:%b:notify" % queue), (BODY,)))
        for queue in (b"good", b"bad", b"fine")
    ]
    client.script_flush()
    with shell_for(face) as shell:
        answers = shell.run(all_of(calls))
        assert [type(answer) for answer in answers] == [int, StoreError, int]
        shell.run(close(driver))


def test_two_workers_share_a_queue_out(mine: Server, client: Any, face: Face) -> None:
    drivers = [opened(mine, face) for _ in range(2)]
    bodies = [(b'{"id":"%d","attempts":0}' % n, 0.0) for n in range(200)]

    def work(driver: RedisDriver) -> Plan[list[bytes]]:
        done = []
        while taken := (yield from driver.reserve(["q"], limit=7)):
            for job in taken:
                assert (yield from driver.delete(job))
                done.append(job.body)
        return done

    with shell_for(face) as shell:
        shell.run(drivers[0].push_many("q", bodies))
        one, other = shell.run_all([work(driver) for driver in drivers])
        assert sorted(one + other) == sorted(body for body, _ in bodies)
        assert client.keys("p_*") == []
        for driver in drivers:
            shell.run(close(driver))


def test_an_idle_wait_asks_one_thing(mine: Server, client: Any, face: Face) -> None:
    driver = opened(mine, face)
    with shell_for(face) as shell:
        shell.run(driver.reserve(["a", "b"], wait=0.01))
        client.config_resetstat()
        shell.run(driver.reserve(["a", "b"], wait=0.1))
        calls = calls_of(client)
        assert (calls["evalsha"], calls["blpop"]) == (2, 1)
        shell.run(close(driver))


# Blocking only: threads, forks and signals.


def test_many_threads_use_one_link(mine: Server, client: Any) -> None:
    driver = opened(mine, "sync")
    shell = shell_for("sync")

    def chatter(number: int) -> Plan[bool]:
        queue = f"t{number}"
        for n in range(60):
            yield from driver.push(queue, b'{"id":"%d-%d","attempts":0}' % (number, n))
            (job,) = yield from driver.reserve([queue])
            assert job.body.startswith(b'{"id":"%d-%d"' % (number, n))
            assert (yield from driver.delete(job))
        return True

    assert all(shell.run_all([chatter(number) for number in range(8)]))
    assert len(vars(driver.link)["_free"]) <= 8
    run(close(driver), perform)


def test_a_forked_child_makes_connections_of_its_own(mine: Server, client: Any) -> None:
    driver = opened(mine, "sync")
    run(driver.push_many("q", [(BODY, 0)] * 2), perform)
    child = os.fork()
    if child == 0:
        try:
            os._exit(0 if len(run(driver.reserve(["q"]), perform)) == 1 else 1)
        finally:
            os._exit(2)
    assert os.waitpid(child, 0)[1] == 0
    assert len(run(driver.reserve(["q"]), perform)) == 1
    run(close(driver), perform)


class Alarm(BaseException):
    pass


def _ring(_number: int, _frame: Any) -> None:
    raise Alarm


@pytest.fixture
def alarm() -> Iterator[None]:
    before = signal.signal(signal.SIGALRM, _ring)
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


def test_a_signal_may_break_into_a_wait(mine: Server, client: Any, alarm: None) -> None:
    driver = opened(mine, "sync")
    signal.setitimer(signal.ITIMER_REAL, 0.05)
    with pytest.raises(Alarm):
        run(driver.reserve(["q"], wait=20), perform)
    run(driver.push("q", BODY), perform)
    assert len(run(driver.reserve(["q"], wait=20), perform)) == 1
    assert run(driver.reserve(["q"], wait=0.01), perform) == []
    run(close(driver), perform)


def test_no_answer_reaches_the_wrong_question_after_a_signal(mine: Server, client: Any, alarm: None) -> None:
    driver = opened(mine, "sync")
    for n in range(60):
        try:
            signal.setitimer(signal.ITIMER_REAL, 0.0001 + n * 0.00002)  # in here: a busy machine may be late
            while True:
                run(call(driver, "ECHO", b"a"), perform)
        except Alarm:
            pass
        assert run(call(driver, "ECHO", b"%d" % n), perform) == b"%d" % n
    run(close(driver), perform)
