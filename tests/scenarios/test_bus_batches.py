"""BA and CH: batches in Laravel's table, and chains of batches on every way of running them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from lara_queue.batches.connect import open_batch_store
from lara_queue.bus.batching import batch_id_at
from lara_queue.bus.recording import options_of
from lara_queue.drivers import open_driver
from lara_queue.php import dumps
from lara_queue.plans import Call, Plan
from lara_queue.ports import BatchStore
from lara_queue.testing import shell_for
from tests.bus.world import World
from tests.conformance.databases import KINDS
from tests.conformance.databases import run as sql

Do = Callable[[Plan[Any]], Any]


@pytest.fixture
def bus(kind: Any) -> Iterator[World]:
    world = World(kind)
    yield world
    world.close()


@pytest.fixture(params=KINDS)
def stored(
    request: pytest.FixtureRequest, kind: Any, database_with_tables: Callable[[str], str]
) -> Iterator[tuple[BatchStore, Do, str]]:
    url = database_with_tables(request.param)
    sql(url, "DELETE FROM job_batches")
    store = open_batch_store(url, face=kind, driver=open_driver("memory://", face=kind))
    assert store is not None
    with shell_for(kind) as shell:
        yield store, shell.run, url
        shell.run(_close(store))


def _close(store: Any) -> Plan[None]:
    yield Call(store.link, "close")


def test_ba_17_ba_18_the_options_column(stored: tuple[BatchStore, Do, str]) -> None:
    """BA-17: base64 on PostgreSQL, elsewhere the text itself. BA-18: both are read there."""
    store, do, url = stored
    id = batch_id_at(1_700_000_000)
    do(store.store(id, "", dumps({"allowFailures": True}), 1))
    ((column,),) = [row.values() for row in sql(url, "SELECT options FROM job_batches")]
    raw = 'a:1:{s:13:"allowFailures";b:1;}'
    assert column == ("YToxOntzOjEzOiJhbGxvd0ZhaWx1cmVzIjtiOjE7fQ==" if url.startswith("postgresql") else raw)
    for text in (column, raw):
        sql(url, "UPDATE job_batches SET options = ?", text)
        assert options_of(do(store.find(id))) == {"allowFailures": True}


def test_ba_29_listing_batches(stored: tuple[BatchStore, Do, str]) -> None:
    """BA-29: newest first, strictly older than the id given."""
    store, do, _ = stored
    ids = [batch_id_at(1_700_000_000 + n) for n in range(10)]
    for id in ids:
        do(store.store(id, "", b"a:0:{}", 1))

    def found(**limits: Any) -> list[str]:
        return [row.id for row in do(store.all(**limits))]

    assert found() == ids[::-1]
    assert found(limit=6) == ids[:3:-1]
    assert found(before=ids[6]) == ids[5::-1]
    assert (found(before=ids[0]), found(before=ids[9])) == ([], ids[8::-1])
    assert found(before=batch_id_at(1_700_000_100)) == ids[::-1]


def test_ba_16_a_job_after_several_batches_in_a_chain(bus: World) -> None:
    """BA-16: what follows two batches is wrapped like any job."""
    bus.record()
    bus.now(bus.chain([bus.batch(["b1", "b2"]), bus.batch(["b3"]), "last"]).dispatch())
    assert bus.work() == ["b1", "b2", "b3", "last"]


def test_ch_18_on_the_sync_driver(kind: Any) -> None:
    """CH-18: there the jobs that are added run inside b2, before b2 is recorded; eleven in all."""
    bus = World(kind, client="sync://")
    seen: list[tuple[str, int]] = []

    def names() -> list[str]:
        return [f"b2_{n}" for n in range(4)]

    if kind == "sync":

        @bus.queue.handler("b2")
        def b2(job: Any) -> None:
            bus.ran.append(job.name)
            fresh = bus.queue.find_batch(job.batch).add(names())
            seen.append(("pending after", fresh.pending_jobs))
    else:

        @bus.queue.handler("b2")
        async def b2_async(job: Any) -> None:
            bus.ran.append(job.name)
            fresh = await (await bus.queue.find_batch(job.batch)).add(names())
            seen.append(("pending after", fresh.pending_jobs))

    bus.record()
    bus.now(bus.chain(["c1", "c2", bus.batch(["b1", "b2", "b3", "b4"]), "c3"]).dispatch())
    assert bus.ran == ["c1", "c2", "b1", "b2", *names(), "b3", "b4", "c3"]
    assert seen == [("pending after", 3)]  # b2, b3 and b4
    bus.close()


def test_ch_20_all_fifteen(bus: World) -> None:
    """CH-20: with the jobs that b2 adds, in Laravel's order."""
    if bus.kind == "sync":

        @bus.queue.handler("b2")
        def b2(job: Any) -> None:
            bus.ran.append(job.name)
            bus.queue.find_batch(job.batch).add([f"b2_{n}" for n in range(4)])
    else:

        @bus.queue.handler("b2")
        async def b2_async(job: Any) -> None:
            bus.ran.append(job.name)
            await (await bus.queue.find_batch(job.batch)).add([f"b2_{n}" for n in range(4)])

    bus.record()
    outer = bus.batch([["bc1", "bc2", bus.batch(["bb1", "bb2"])], "b1", "b2", "b3", "b4"])
    bus.now(bus.chain(["c1", "c2", outer, "c3"]).dispatch())
    assert " ".join(bus.work()) == "c1 c2 bc1 b1 b2 b3 b4 bc2 b2_0 b2_1 b2_2 b2_3 bb1 bb2 c3"


def test_ch_24_a_batch_conditionally_built(bus: World) -> None:
    """CH-24 for batches: the change applies only when the condition holds."""
    batch = bus.batch(["J"]).when(True, lambda b: b.on_queue("yes")).when(False, lambda b: b.on_queue("no"))
    batch.unless(True, lambda b: b.name("no")).unless(False, lambda b: b.name("yes"))
    made = bus.now(batch.dispatch())
    assert (made.name, made.options["queue"], bus.size("yes")) == ("yes", "yes", 1)
