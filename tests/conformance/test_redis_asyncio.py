"""The asyncio link on a real Redis: what travels together, whom an error reaches, who is cancelled and what is kept."""

from __future__ import annotations

import asyncio
import gc
import threading
import warnings
from typing import Any

import pytest

from lara_queue.plans import Plan
from tests.conformance.drivers_on_redis import BODY, call, calls_of, client, close, go, mine, opened
from tests.conformance.servers import Server

__all__ = ["client", "mine"]  # fixtures

pytestmark = pytest.mark.live


async def test_what_is_asked_in_one_turn_travels_together(mine: Server, client: Any) -> None:
    driver = opened(mine, "async")
    await asyncio.gather(*(go(driver.push("q", b'{"id":"%d","attempts":0}' % n)) for n in range(50)))
    assert [job[6:9].strip(b'",:a') for job in client.lrange("p_queues:q", 0, 2)] == [b"0", b"1", b"2"]
    taken = await go(driver.reserve(["q"], limit=50))
    client.zrem("p_queues:q:reserved", taken[7].receipt, taken[30].receipt)
    client.config_resetstat()
    done = await asyncio.gather(*(go(driver.delete(job)) for job in taken))
    assert [n for n, held in enumerate(done) if not held] == [7, 30]
    calls = calls_of(client)
    assert calls["evalsha"] == 1
    await go(close(driver))


async def test_settlements_of_all_kinds_in_one_turn(mine: Server, client: Any) -> None:
    driver = opened(mine, "async")
    for queue in ("a", "b"):
        await go(
            driver.push_many(queue, [(b'{"q":"%b","id":"%d","attempts":0}' % (queue.encode(), n), 0) for n in range(9)])
        )
    taken = await go(driver.reserve(["a", "b"], limit=18))
    plans: list[Plan[Any]] = []
    for n, job in enumerate(taken):
        plans.append([driver.delete(job), driver.release(job, delay=60), driver.give_back(job)][n % 3])
        plans.append(driver.sizes(job.queue))
    plans.append(driver.extend(taken))
    answers = await asyncio.gather(*(go(plan) for plan in plans))
    assert [answer for answer in answers if isinstance(answer, bool)] == [True] * 18
    assert [await go(driver.sizes(queue)) for queue in "ab"] == [(await go(driver.sizes("a")))] * 2
    sizes = await go(driver.sizes("a"))
    assert (sizes.pending, sizes.delayed, sizes.reserved) == (3, 3, 0)
    await go(close(driver))


async def test_an_error_reaches_exactly_those_it_is_about(mine: Server, client: Any) -> None:
    driver = opened(mine, "async")
    client.set("p_queues:bad", "something else")
    plans: list[Plan[Any]] = [
        driver.push("good", BODY),
        driver.push("bad", BODY),
        call(driver, "NOSUCHCOMMAND"),
        call(driver, "GET", object()),
        driver.push("bad", BODY),
        driver.sizes("good"),
        call(driver, "ECHO", b"hello"),
    ]
    answers = await asyncio.gather(*(go(plan) for plan in plans), return_exceptions=True)
    assert [type(answer).__name__ for answer in answers] == [
        "NoneType",
        "StoreError",
        "StoreError",
        "TypeError",
        "StoreError",
        "Sizes",
        "bytes",
    ]
    assert answers[1] is not answers[4]
    await go(close(driver))


async def test_a_cancelled_reserve_puts_back_what_it_took(mine: Server, client: Any) -> None:
    driver = opened(mine, "async")
    bodies = [b'{"id":"%d","attempts":0}' % n for n in range(3)]
    await go(driver.push_many("q", [(body, 0) for body in bodies]))
    for turns in range(12):
        task = asyncio.ensure_future(go(driver.reserve(["q"], limit=2, wait=5)))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        task.cancel()
        try:
            for job in reversed(await task):
                assert await go(driver.give_back(job))
        except asyncio.CancelledError:
            pass
        assert client.lrange("p_queues:q", 0, -1) == bodies
        assert client.zcard("p_queues:q:reserved") == 0
    await go(close(driver))


async def test_a_cancelled_reserve_under_a_timeout(mine: Server, client: Any) -> None:
    driver = opened(mine, "async")
    await go(driver.push("q", BODY))
    client.client_pause(150, all=False)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.02):
            await go(driver.reserve(["q"]))
    assert client.lrange("p_queues:q", 0, -1) == [BODY]
    assert client.zcard("p_queues:q:reserved") == 0
    await go(close(driver))


async def test_a_cancelled_wait_ends_however_far_it_has_come(mine: Server, client: Any) -> None:
    """Connecting, sending or reading: on Python 3.11 a cancellation can be swallowed under way."""
    for turns in range(40):
        driver = opened(mine, "async")
        task = asyncio.ensure_future(go(driver.reserve(["q"], wait=60)))
        for _ in range(turns):
            await asyncio.sleep(0.0001 if turns % 2 else 0)
        task.cancel()
        done, _ = await asyncio.wait({task}, timeout=10)
        assert done, f"after {turns} turns it went on waiting"
        assert task.cancelled()
        await go(close(driver))


async def test_cancelling_one_who_waits_does_not_disturb_the_others(mine: Server, client: Any) -> None:
    driver = opened(mine, "async")
    for _ in range(30):
        tasks = [asyncio.ensure_future(go(call(driver, "ECHO", b"%d" % n))) for n in range(10)]
        await asyncio.sleep(0)
        for task in tasks[::3]:
            task.cancel()
        answers = await asyncio.gather(*tasks, return_exceptions=True)
        for n, answer in enumerate(answers):
            assert answer == b"%d" % n or (n % 3 == 0 and isinstance(answer, asyncio.CancelledError))
    await go(close(driver))


async def test_everybody_hears_when_the_connection_breaks(mine: Server, client: Any) -> None:
    driver = opened(mine, "async")
    await go(driver.ping())
    client.client_pause(5000, all=False)
    tasks = [asyncio.ensure_future(go(driver.sizes(str(n)))) for n in range(5)]
    await asyncio.sleep(0.02)
    tasks.append(asyncio.ensure_future(go(driver.sizes("late"))))
    client.client_kill_filter(_type="normal", skipme=True)
    client.client_unpause()
    answers = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(answer).__name__ for answer in answers[:5]] == ["StoreUnreachable"] * 5
    await go(driver.ping())
    await go(close(driver))


def test_one_driver_on_several_loops(mine: Server, client: Any) -> None:
    driver = opened(mine, "async")

    async def work() -> None:
        await go(driver.push("q", BODY))
        await go(close(driver))

    for _ in range(3):
        asyncio.run(work())
    thread = threading.Thread(target=lambda: asyncio.run(work()))
    thread.start()
    asyncio.run(work())
    thread.join()
    assert client.llen("p_queues:q") == 5
    assert len(vars(driver.link)["_lines"]) <= 3


def test_a_loop_that_ends_tells_those_who_wait(mine: Server, client: Any) -> None:
    driver = opened(mine, "async")
    seen: list[BaseException] = []

    async def waits() -> None:
        try:
            await go(driver.sizes("q"))
        except BaseException as error:
            seen.append(error)
            raise

    async def work() -> None:
        await go(driver.ping())
        client.client_pause(300, all=False)
        task = asyncio.ensure_future(waits())
        await asyncio.sleep(0.02)
        assert not task.done()

    asyncio.run(work())
    client.client_unpause()
    assert len(seen) == 1
    with warnings.catch_warnings():  # nobody has closed the connection, and Python says so
        warnings.simplefilter("ignore", ResourceWarning)
        seen.clear()
        vars(driver.link)["_lines"].clear()
        vars(driver.link)["_last"] = None
        gc.collect()
