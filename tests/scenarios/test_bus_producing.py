"""UQ, DE, DP and FO: what dispatching claims, where it puts jobs, and what the builders set."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from lara_queue.bus.keys import debounce_key, release_of, unique_key
from lara_queue.cache.memory import MemoryCache
from lara_queue.laravel.binding import php_class
from lara_queue.laravel.declared import job_options
from lara_queue.plans import Plan
from tests.bus.world import World

UNIQUE = unique_key("X", "7", release=release_of(None))
DEBOUNCED = debounce_key("X", "e")


@pytest.fixture
def bus(kind: Any) -> Iterator[World]:
    world = World(kind)
    yield world
    world.close()


def do(world: World, plan: Plan[Any]) -> Any:
    return world.now(world.queue._drive(plan))


@pytest.mark.parametrize("what", ["UQ-03", "DE-14"])
def test_a_cache_of_ones_own(kind: Any, what: str) -> None:
    """UQ-03, DE-14: a queue object has one cache; a class that names another is pushed and worked with one that has."""
    store = f"memory://own-cache-{kind}-{what}"
    default = World(kind, client=store)
    own = MemoryCache(default.clock)
    other = World(kind, client=store, cache=own, clock=default.clock)
    if what == "UQ-03":
        assert other.push("X", None, unique="7") != ""
        assert do(default, default.queue._cache.lock_owner(UNIQUE)) is None
        assert do(other, own.lock_owner(UNIQUE)) is not None
    else:
        other.push("X", {"debounceId": "e"}, debounce=30, debounce_id="e")
        assert do(default, default.queue._cache.get(DEBOUNCED)) is None
        assert len(do(other, own.get(DEBOUNCED))) == 40
    assert default.size() == 1
    other.record()
    default.clock.advance(31)
    assert other.work() == ["X"]
    default.close()
    other.close()


def test_de_09_an_old_owner_does_not_wipe_a_newer_token(bus: World) -> None:
    """DE-09: A is dropped after B has taken its place."""
    claims = bus.queue._producer.claims
    given = {"debounce": 30, "debounce_id": "e"}
    tokens = []
    for _ in "AB":
        claim = do(bus, claims.claim("X", given))
        do(bus, claims.settle(claim, None, None))
        tokens.append(claim)
    do(bus, claims.drop(tokens[0]))
    assert do(bus, bus.queue._cache.get(DEBOUNCED)) == tokens[1].token


def test_a_debounced_push_that_fails_supersedes_nothing(bus: World) -> None:
    bus.record()
    bus.push("X", {"debounceId": "e", "n": 1}, debounce=30, debounce_id="e")
    with pytest.raises(Exception, match="object"):
        bus.push("X", {"debounceId": "e", "n": object()}, debounce=30, debounce_id="e")
    bus.clock.advance(31)
    assert bus.work() == ["X"]


def test_de_15_a_synchronous_run_of_a_debounced_job(kind: Any) -> None:
    """DE-15: the handler runs and the error surfaces."""
    world = World(kind, client="sync://")
    world.record("X")
    world.failing = {"X"}
    with pytest.raises(ValueError, match="went wrong"):
        world.push("X", {"debounceId": "e"}, tries=1, debounce=30, debounce_id="e")
    assert world.ran == ["X"]
    world.close()


def test_dp_02_a_handler_apart_from_the_job(kind: Any) -> None:
    """DP-02: the handler is called with the command, and what it returns can be had."""
    world = World(kind, client="sync://", results=60)
    world.queue.handler("App\\Commands\\Add")(lambda job: job.data["a"] + job.data["b"])
    uuid = world.push("App\\Commands\\Add", {"a": 2, "b": 3})
    assert world.result(uuid).value == 5
    world.close()


def test_dp_03_a_connection_named_null(kind: Any) -> None:
    """DP-03: the job goes to that connection and is not run here."""
    world = World(kind, client="sync://", connections={"null": f"memory://dp-03-{kind}"})
    world.record()
    world.now(world.chain([("X", None, {"connection": "null"})]).dispatch())
    there = World(kind, client=f"memory://dp-03-{kind}")
    assert (world.ran, there.size()) == ([], 1)
    world.close()
    there.close()


def test_dp_04_bulk_groups_by_destination(bus: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """DP-04: two jobs without settings and one for ``high`` are two pushes."""
    pushes: list[tuple[str, int]] = []
    real = bus.queue.driver.push_many

    def push_many(queue: str, bodies: Any) -> Plan[None]:
        pushes.append((queue, len(bodies)))
        return real(queue, bodies)

    monkeypatch.setattr(bus.queue.driver, "push_many", push_many)
    bus.bulk(["A", ("B", None, {"queue": "high"}), "C"])
    assert pushes == [("q", 2), ("high", 1)]


def test_dp_07_the_builder_sets_what_the_job_has(kind: Any) -> None:
    """DP-07: connection, queue, "all on", delay, chain, and conditions."""
    bus = World(kind, connections={"other": f"memory://dp-07-{kind}"})
    plain = bus.chain([("A", None, {"queue": "own", "delay": 5})]).command()
    assert (plain["queue"], plain["delay"], plain["chainQueue"]) == ("own", 5, None)
    all_on = bus.chain(["A", "B"]).on_queue("low").on_connection("other").delay(9).command()
    assert [all_on[name] for name in ("queue", "chainQueue", "connection", "chainConnection", "delay")] == [
        *["low"] * 2,
        *["other"] * 2,
        9,
    ]
    assert len(all_on["chained"]) == 1
    assert bus.chain([("A", None, {"delay": 0})]).delay(9).command()["delay"] == 0  # "without delay"
    for condition, expected in [(True, "yes"), (False, None)]:
        made = bus.chain(["A"]).when(condition, lambda chain: chain.on_queue("yes")).command()
        assert made["queue"] == expected
        made = bus.chain(["A"]).unless(not condition, lambda chain: chain.on_queue("yes")).command()
        assert made["queue"] == expected
    bus.close()


def test_what_a_typed_job_declares_holds_in_a_chain_and_a_batch(bus: World) -> None:
    from dataclasses import dataclass

    @job_options(queue="typed", tries=4, backoff=[1, 2])
    @php_class("App\\Jobs\\SendInvoice")
    @dataclass
    class SendInvoice:
        number: int

    bus.now(bus.chain([SendInvoice(1), SendInvoice(2)]).dispatch())
    bus.now(bus.batch([SendInvoice(3)]).dispatch())
    bus.record()
    seen = [(job.max_tries, job.backoff) for job in bus.pending_jobs("typed")]
    assert seen == [(4, (1, 2))] * 2
    assert bus.work(queue="typed") == ["App\\Jobs\\SendInvoice"] * 3


def test_an_encrypted_member_is_encrypted_when_its_turn_comes(bus: World) -> None:
    """PHP looks at ``shouldBeEncrypted`` in every job, so whoever gets there encrypts it."""
    bus.record("First")
    bus.now(bus.chain(["First", ("Secret", {"n": 1}, {"encrypted": True})]).dispatch())
    bus.work(max_jobs=1)
    (waiting,) = bus.pending_jobs()
    assert not waiting.envelope.command.startswith("O:")
    assert (waiting.name, waiting.data["n"]) == ("Secret", 1)
