"""What is particular to the memory driver: threads, loops, waiting on the clock it was given."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

from lara_queue.drivers import DriverSettings, open_driver
from lara_queue.drivers.memory import AsyncMemoryLink, MemoryDriver, MemoryStore, SyncMemoryLink
from lara_queue.plans import run, run_async
from lara_queue.ports import Reservation
from lara_queue.testing import ManualClock, SyncShell
from lara_queue.testing.shells import perform, perform_async


def test_both_faces_see_one_store() -> None:
    store = MemoryStore()
    one, other = (MemoryDriver(link, DriverSettings()) for link in (SyncMemoryLink(store), AsyncMemoryLink(store)))
    run(one.push("q", b'{"attempts":0}'), perform)
    (job,) = asyncio.run(run_async(other.reserve(["q"]), perform_async))
    assert run(one.delete(job), perform) is True


def test_a_thread_wakes_a_task_and_a_task_wakes_a_thread() -> None:
    async def waits() -> bytes:
        driver = open_driver("memory://wakes", face="async")
        (job,) = await run_async(driver.reserve(["q"], wait=10), perform_async)
        return job.body

    driver = open_driver("memory://wakes", face="sync")
    thread = threading.Timer(0.05, lambda: run(driver.push("q", b"from a thread"), perform))
    thread.start()
    assert asyncio.run(waits()) == b"from a thread"
    thread.join()
    thread = threading.Timer(
        0.05,
        lambda: asyncio.run(run_async(open_driver("memory://wakes", face="async").push("q", b"x"), perform_async)),
    )
    thread.start()
    assert run(driver.reserve(["q"], wait=10), perform)[0].body == b"x"
    thread.join()


@pytest.mark.parametrize("face", ["sync", "async"])
def test_waiting_ends_when_a_delayed_job_comes_due(face: str) -> None:
    driver = open_driver("memory://", face="sync" if face == "sync" else "async")
    began = time.monotonic()
    if face == "sync":
        run(driver.push("q", b"{}", delay=0.05), perform)
        taken = run(driver.reserve(["q"], wait=10), perform)
    else:

        async def work() -> list[Reservation]:
            await run_async(driver.push("q", b"{}", delay=0.05), perform_async)
            return list(await run_async(driver.reserve(["q"], wait=10), perform_async))

        taken = asyncio.run(work())
    assert len(taken) == 1
    assert 0.04 < time.monotonic() - began < 5


def test_a_cancelled_wait_takes_nothing() -> None:
    store = MemoryStore()
    driver = MemoryDriver(AsyncMemoryLink(store), DriverSettings())

    async def work() -> None:
        task = asyncio.create_task(run_async(driver.reserve(["q"], wait=10), perform_async))
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await run_async(driver.push("q", b"{}"), perform_async)
        assert (await run_async(driver.sizes("q"), perform_async)).pending == 1

    asyncio.run(work())
    assert not store._wakers


def test_many_threads_share_the_jobs_out() -> None:
    driver = open_driver("memory://", face="sync")
    shell = SyncShell()
    shell.run_all([driver.push_many("q", [(b"%d %d" % (i, n), 0) for n in range(50)]) for i in range(8)])
    batches = shell.run_all([driver.reserve(["q"], limit=60) for _ in range(8)])
    assert sorted(job.body for batch in batches for job in batch) == sorted(
        b"%d %d" % (i, n) for i in range(8) for n in range(50)
    )


def test_a_renewed_lease_ends_once() -> None:
    clock = ManualClock(1000)
    driver = open_driver("memory://", face="sync", settings=DriverSettings(clock=clock))
    shell = SyncShell()
    shell.run(driver.push("q", b'{"attempts":0}'))
    (job,) = shell.run(driver.reserve(["q"]))
    for _ in range(5):
        clock.advance(60)
        assert shell.run(driver.extend([job])) == [True]
        assert shell.run(driver.reserve(["q"])) == []
    clock.advance(90)
    assert len(shell.run(driver.reserve(["q"], limit=9))) == 1
