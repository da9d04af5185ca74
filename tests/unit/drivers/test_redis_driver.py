"""The Redis driver's plans, driven by hand: what they ask, and what they make of the answers."""

from __future__ import annotations

from typing import Any

import pytest

from lara_queue.drivers import DriverSettings
from lara_queue.drivers.redis.driver import RedisDriver
from lara_queue.drivers.redis.keys import Keys
from lara_queue.drivers.redis.lua import SCRIPTS
from lara_queue.drivers.redis.reserving import undo
from lara_queue.errors import StoreError
from lara_queue.plans import WAIT, Call, Together
from lara_queue.ports import Reservation, Sizes
from lara_queue.testing import drive

LINK: Any = object()
BODY = b'{"id":"a","attempts":0}'
TOOK = [-1, 1, BODY, 22, 1, 1, b""]
TAKEN = Reservation("q", BODY, 1, b'{"id":"a","attempts":1}', 1090.0)


def driver(now: float = 1000.7, **settings: Any) -> RedisDriver:
    return RedisDriver(LINK, DriverSettings(prefix="p_", clock=lambda: now, **settings))


def key(suffix: str = "", queue: str = "q") -> bytes:
    return f"p_queues:{queue}{suffix}".encode()


def test_key_names_rd_06() -> None:
    keys = Keys("laravel_database_")["emails"]
    assert keys.all == (
        b"laravel_database_queues:emails",
        b"laravel_database_queues:emails:delayed",
        b"laravel_database_queues:emails:reserved",
        b"laravel_database_queues:emails:notify",
    )
    assert Keys("")["emails"].ready == b"queues:emails"


def test_names_that_are_invented_do_not_fill_the_memory() -> None:
    keys = Keys("p_")
    for number in range(5000):
        assert keys[f"q{number}"].ready == b"p_queues:q%d" % number
    assert len(keys._made) <= 1024


@pytest.mark.parametrize("delay", [0, -3, -0.5])
def test_push_without_delay_goes_to_the_list_and_notifies_rd_01(delay: float) -> None:
    script = drive(driver().push("q", BODY, delay=delay), [1])
    assert script.effects == [Call(LINK, "push", ((key(), key(":notify")), (BODY,)))]


@pytest.mark.parametrize(("delay", "score"), [(1, 1001), (60, 1060), (0.2, 1001), (1.5, 1002)])
def test_push_with_delay_goes_to_delayed_only_rd_03(delay: float, score: int) -> None:
    script = drive(driver().push("q", BODY, delay=delay), [1])
    assert script.effects == [Call(LINK, "later", ((key(":delayed"),), (score, BODY)))]


def test_push_many_keeps_the_order_and_splits_by_number_size_and_delay() -> None:
    bodies = [(b"%d" % n, n % 2 * 60.0) for n in range(1200)] + [(b"x" * 900_000, 0.0)] * 2
    (effect,) = drive(driver().push_many("q", bodies), [[1] * 99]).effects
    assert isinstance(effect, Together)
    pushed = [call.args[1] for call in effect.calls if call.name == "push"]
    later = [call.args[1] for call in effect.calls if call.name == "later"]
    assert [len(part) for part in pushed] == [500, 101, 1]
    assert [body for part in pushed for body in part] == [body for body, delay in bodies if not delay]
    assert [one for part in later for one in part[1::2]] == [body for body, delay in bodies if delay]
    assert {score for part in later for score in part[::2]} == {1060}


def test_push_many_of_nothing_asks_nothing() -> None:
    assert drive(driver().push_many("q", [])).effects == []


def test_push_many_raises_what_was_refused() -> None:
    with pytest.raises(StoreError, match="full"):
        drive(driver().push_many("q", [(BODY, 0)]), [[StoreError("full")]])


def test_reserve_asks_for_all_queues_at_once() -> None:
    script = drive(driver(retry_after=30).reserve(["high", "low"], limit=5), [[-1, 2, BODY, 22, 1, 1, b"  "]])
    keys = (*Keys("p_")["high"].all, *Keys("p_")["low"].all)
    assert script.effects == [Call(LINK, "reserve", (keys, (1000, 1030, 5, 1000)))]
    assert script.result == [Reservation("low", BODY, 1, b'{"id":"a","attempts":1}  ', 1030.0)]


def test_reserve_tells_a_problem_and_keeps_the_bytes() -> None:
    (job,) = drive(driver().reserve(["q"]), [[-1, 1, b"\xff", 0, 1, 0, b" "]]).result
    assert (job.body, job.receipt, job.attempts) == (b"\xff", b"\xff ", 1)
    assert job.problem == "The payload is not a JSON object."


@pytest.mark.parametrize(("queues", "limit"), [([], 1), (["q"], 0), (["q"], -1)])
def test_reserve_of_nothing_asks_nothing(queues: list[str], limit: int) -> None:
    script = drive(driver().reserve(queues, limit=limit))
    assert (script.effects, script.result) == ([], [])


def test_reserve_does_not_wait_unless_asked() -> None:
    assert len(drive(driver().reserve(["q"]), [[-1]]).effects) == 1


@pytest.mark.parametrize(
    ("due", "wait", "block_for", "seconds"),
    [
        (-1, 10, None, 10),
        (b"1005.000", 10, None, pytest.approx(4.3)),
        (b"1100.000", 10, None, 10),
        (b"1000.000", 10, None, 0.001),
        (-1, 10, 2, 2),
        (-1, 10, 0, 10),
        (-1, 3, 5, 3),
    ],
)
def test_reserve_waits_until_the_next_job_is_due_at_most(due: Any, wait: float, block_for: Any, seconds: float) -> None:
    script = drive(driver(block_for=block_for).reserve(["a", "b"], wait=wait), [[due], True, TOOK])
    assert script.effects[1] == Call(LINK, WAIT, (seconds, (key(":notify", "a"), key(":notify", "b"))))
    assert script.effects[2] == script.effects[0]
    assert [job.receipt for job in script.result] == [TAKEN.receipt]


def test_settling_names_the_reserved_bytes_rd_14() -> None:
    script = drive(driver().delete(TAKEN), [b"1"])
    assert script.effects == [Call(LINK, "delete", ((key(":reserved"),), (TAKEN.receipt,)))]
    script = drive(driver().release(TAKEN, delay=1000), [b"1"])
    assert script.effects == [Call(LINK, "release", ((key(":reserved"), key(":delayed")), (TAKEN.receipt, 2000)))]
    script = drive(driver().give_back(TAKEN), [b"1"])
    keys = (key(":reserved"), key(), key(":notify"), key(":delayed"))
    assert script.effects == [Call(LINK, "give_back", (keys, (TAKEN.receipt, BODY, b"")))]
    script = drive(driver().give_back(TAKEN, delay=5), [b"1"])
    assert script.effects == [Call(LINK, "give_back", (keys, (TAKEN.receipt, BODY, 1005)))]


@pytest.mark.parametrize(("flag", "held"), [(b"1", True), (b"0", False)])
def test_a_lost_lease_is_an_answer(flag: bytes, held: bool) -> None:
    one = driver()
    assert drive(one.delete(TAKEN), [flag]).result is held
    assert drive(one.release(TAKEN), [flag]).result is held
    assert drive(one.give_back(TAKEN), [flag]).result is held


def test_extend_puts_the_answers_where_they_belong() -> None:
    jobs = [Reservation(q, BODY, 1, b"%d" % n, 0.0) for n, q in enumerate(["a", "b", "a", "b", "b"])]
    script = drive(driver().extend(jobs), [[b"10", b"011"]])
    assert script.result == [True, False, False, True, True]
    assert script.effects == [
        Together(
            (
                Call(LINK, "extend", ((key(":reserved", "a"),), (1091, b"0", b"2"))),
                Call(LINK, "extend", ((key(":reserved", "b"),), (1091, b"1", b"3", b"4"))),
            )
        )
    ]
    assert drive(driver().extend([])).effects == []


def test_extend_raises_what_was_refused() -> None:
    with pytest.raises(StoreError, match="no"):
        drive(driver().extend([TAKEN]), [[StoreError("no")]])


def test_sizes_clear_and_ping() -> None:
    assert drive(driver().sizes("q"), [[1, 2, 3]]).result == Sizes(1, 2, 3)
    script = drive(driver().clear("q"), [6])
    assert script.result == 6
    assert script.effects == [Call(LINK, "clear", (Keys("p_")["q"].all, ()))]
    assert drive(driver().ping(), [b"PONG"]).effects == [Call(LINK, "PING")]


@pytest.mark.parametrize("reply", [[b"a", b"5", b"b", b"6.5"], [[b"a", 5.0], [b"b", 6.5]]], ids=["RESP2", "RESP3"])
def test_browse_understands_both_protocols(reply: list[Any]) -> None:
    jobs = drive(driver().browse("q", "delayed", offset=10, limit=2), [reply]).result
    assert [(job.state, job.body, job.at, job.attempts) for job in jobs] == [
        ("delayed", b"a", 5.0, None),
        ("delayed", b"b", 6.5, None),
    ]


def test_browse_of_ready_jobs_reads_a_part_of_the_list_rd_28() -> None:
    script = drive(driver().browse("q", "pending", offset=10, limit=20), [[BODY]])
    assert script.effects == [Call(LINK, "LRANGE", (key(), 10, 29))]
    assert script.result[0].attempts == 0
    assert drive(driver().browse("q", "pending", limit=0)).effects == []


def test_undoing_a_reserve_puts_the_first_job_back_last() -> None:
    keys = (*Keys("p_")["a"].all, *Keys("p_")["b"].all)
    reply = [-1, 1, b'{"attempts":0}', 13, 1, 1, b"", 2, b"bad", 0, 1, 0, b" "]
    assert undo((keys, ()), reply) == [
        (
            "give_back",
            ((key(":reserved", "b"), key("", "b"), key(":notify", "b"), key(":delayed", "b")), (b"bad ", b"bad", b"")),
        ),
        (
            "give_back",
            (
                (key(":reserved", "a"), key("", "a"), key(":notify", "a"), key(":delayed", "a")),
                (b'{"attempts":1}', b'{"attempts":0}', b""),
            ),
        ),
    ]


def test_every_script_says_what_it_takes() -> None:
    for script in SCRIPTS.values():
        text = script.source.decode()
        assert "-- KEYS " in text
        assert "-- ARGV " in text or "ARGV" not in text


def test_a_reservation_is_a_value() -> None:
    same = Reservation("q", BODY, 1, b'{"id":"a","attempts":1}', expires_at=1090.0)
    assert same == TAKEN
    assert hash(same) == hash(TAKEN)
    assert same != Reservation("q", BODY, 2, TAKEN.receipt, 1090.0)
    assert repr(same).startswith("Reservation(queue='q', body=b")
    with pytest.raises(AttributeError):
        same.queue = "other"  # type: ignore[misc]
