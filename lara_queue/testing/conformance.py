"""Every promise of :class:`~lara_queue.ports.Driver`, as checks that run against any driver through either face.

A store counts attempts in the payload (``adds_id``, as Redis does) or in a column beside it (as a database does); where
a promise has another form for the two, the check says so.

Each check is a function of a :class:`~lara_queue.testing.bench.Bench`: a driver on an empty store, a shell that drives
its plans, a clock that is moved by hand, and a second driver on the same store (another worker). Run them all with::

    @pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
    def test_my_driver(check, bench):
        check(bench)
"""

from __future__ import annotations

from collections.abc import Callable

from lara_queue.errors import InvalidPayload
from lara_queue.ports import DeletesMany, ListsQueues, Reservation
from lara_queue.testing.bench import Bench

__all__ = ["CHECKS", "Bench"]


def jobs_are_taken_in_the_order_they_came(bench: Bench) -> None:
    """First in, first out; each is reserved once, with its bytes as they were."""
    bodies = [bench.push() for _ in range(5)]
    taken = [bench.take()[0], *bench.take(9)]
    assert [job.body for job in taken] == bodies
    assert [job.attempts for job in taken] == [1] * 5
    assert bench.sizes() == (0, 0, 5)


def deleting_removes_exactly_that_job(bench: Bench) -> None:
    """A job is deleted once; the second time its lease is found lost."""
    bench.push()
    bench.push()
    first, second = bench.take(2)
    assert bench.do(bench.driver.delete(first)) is True
    assert bench.do(bench.driver.delete(first)) is False
    assert bench.sizes() == (0, 0, 1)
    assert bench.do(bench.driver.delete(second)) is True
    assert bench.sizes() == (0, 0, 0)


def deleting_many_tells_which_were_lost(bench: Bench) -> None:
    """Many jobs of several queues in one step; only for stores that can (:class:`~lara_queue.ports.DeletesMany`)."""
    driver = bench.driver
    if not isinstance(driver, DeletesMany):
        return
    assert bench.do(driver.delete_many([])) == []
    for name in ("a", "b", "a", "b", "a"):
        bench.do(driver.push(name, bench.body()))
    taken = bench.do(driver.reserve(["b", "a"], limit=4))
    assert bench.do(driver.delete(taken[1]))
    assert bench.do(driver.delete_many(taken)) == [True, False, True, True]
    assert [bench.do(driver.sizes(name)).total for name in "ab"] == [1, 0]


def an_earlier_queue_goes_first(bench: Bench) -> None:
    """The list of queues is an order of priority, also within one trip."""
    bodies = {name: bench.body() for name in ("low", "high")}
    for name, body in bodies.items():
        bench.do(bench.driver.push(name, body))
    taken = bench.do(bench.driver.reserve(["high", "low"], limit=2))
    assert [(job.queue, job.body) for job in taken] == [("high", bodies["high"]), ("low", bodies["low"])]
    for job in taken:
        assert bench.do(bench.driver.delete(job))


def delayed_jobs_come_in_due_order_rd_16(bench: Bench) -> None:
    """Nothing comes before its time, and what comes due later comes later.

    Of several that have come due meanwhile, the one that was due first goes first; in a table, the one pushed first.
    """
    late, soon = bench.push(delay=20), bench.push(delay=10)
    assert bench.take() == []
    bench.clock.advance(9)
    assert bench.take() == []
    bench.clock.advance(1)
    assert [job.body for job in bench.take(9)] == [soon]
    sooner = bench.push(delay=5)
    bench.clock.advance(10)
    assert [job.body for job in bench.take(9)] == ([sooner, late] if bench.driver.adds_id else [late, sooner])


def a_lease_ends_after_retry_after_rd_20(bench: Bench) -> None:
    """A reservation that ran out comes back with the attempts it has had."""
    bench.push()
    (first,) = bench.take()
    assert abs(first.expires_at - (bench.clock() + 90)) <= 1
    bench.clock.advance(88)
    assert bench.take() == []
    bench.clock.advance(3)
    (again,) = bench.take()
    assert again.attempts == 2


def two_workers_one_job_the_slow_one_comes_back(bench: Bench) -> None:
    """Whoever lost the lease can settle nothing, in any way."""
    bench.push()
    (slow,) = bench.take()
    bench.clock.advance(91)
    (fast,) = bench.do(bench.other.reserve([bench.queue]))
    assert fast.attempts == 2
    assert bench.do(bench.driver.delete(slow)) is False
    assert bench.do(bench.driver.release(slow, delay=5)) is False
    assert bench.do(bench.driver.give_back(slow)) is False
    assert bench.do(bench.driver.extend([slow])) == [False]
    assert bench.sizes() == (0, 0, 1)
    assert bench.do(bench.other.delete(fast)) is True


def releasing_counts_the_attempt_rd_21(bench: Bench) -> None:
    """A released job is due after its delay, its other bytes untouched."""
    bench.push()
    (job,) = bench.take()
    assert bench.do(bench.driver.release(job, delay=30)) is True
    assert bench.sizes() == (0, 1, 0)
    bench.clock.advance(29)
    assert bench.take() == []
    bench.clock.advance(1)
    (again,) = bench.take()
    assert again.attempts == 2
    assert b"9007199254740993" in again.body
    assert b'"empty": []' in again.body


def a_negative_delay_is_no_delay_rd_22(bench: Bench) -> None:
    """Released with a negative delay it can be taken at once."""
    bench.push()
    (job,) = bench.take()
    assert bench.do(bench.driver.release(job, delay=-10)) is True
    assert len(bench.take()) == 1


def giving_back_leaves_no_trace(bench: Bench) -> None:
    """At the head again, no attempt counted; or due after a delay."""
    body = bench.push()
    bench.push()
    (job,) = bench.take()
    assert bench.do(bench.driver.give_back(job)) is True
    (again,) = bench.take()
    assert (again.body, again.attempts) == (body, 1)
    assert bench.do(bench.driver.give_back(again, delay=10)) is True
    assert bench.sizes() == (1, 1, 0)


def giving_back_in_reverse_restores_the_order(bench: Bench) -> None:
    """What a stopping worker hands back waits as if nothing had happened."""
    bodies = [bench.push() for _ in range(4)]
    for job in reversed(bench.take(3)):
        assert bench.do(bench.driver.give_back(job)) is True
    assert bench.sizes() == (4, 0, 0)
    assert [job.body for job in bench.take(9)] == bodies


def pushing_many_keeps_delays_apart(bench: Bench) -> None:
    """In one call jobs may be ready or delayed; each kind keeps its order. Pushing none is nothing."""
    bodies = [bench.body() for _ in range(6)]
    bench.do(bench.driver.push_many(bench.queue, []))
    bench.do(bench.driver.push_many(bench.queue, [(body, n % 2 * 5.0) for n, body in enumerate(bodies)]))
    assert bench.sizes() == (3, 3, 0)
    assert [job.body for job in bench.take(9)] == bodies[::2]
    bench.clock.advance(5)
    assert {job.body for job in bench.take(9)} == set(bodies[1::2])


def extending_renews_only_what_is_held(bench: Bench) -> None:
    """A renewed lease runs from now; a settled job has none."""
    bench.push()
    bench.push()
    kept, done = bench.take(2)
    bench.do(bench.driver.delete(done))
    bench.clock.advance(60)
    assert bench.do(bench.driver.extend([kept, done])) == [True, False]
    bench.clock.advance(60)
    assert bench.take() == []
    bench.clock.advance(31)
    assert len(bench.take()) == 1


def a_renewed_lease_is_not_shorter_than_asked(bench: Bench) -> None:
    """Also where a store counts whole seconds and the clock does not."""
    bench.clock.advance(0.95)
    bench.push()
    held = bench.take()
    assert bench.do(bench.driver.extend(held)) == [True]
    bench.clock.advance(89.99)
    assert bench.do(bench.other.reserve([bench.queue])) == []


def the_same_bytes_twice_are_two_jobs(bench: Bench) -> None:
    """In every state: ready, reserved, delayed, released."""
    body = bench.body()
    for delay in (0, 0, 5, 5):
        bench.do(bench.driver.push(bench.queue, body, delay=delay))
    assert bench.sizes() == (2, 2, 0)
    first, second = bench.take(9)
    assert bench.sizes() == (0, 2, 2)
    assert bench.do(bench.driver.release(first, delay=5)) is True
    assert bench.do(bench.driver.release(second, delay=5)) is True
    bench.clock.advance(6)
    taken = bench.take(9)
    assert len(taken) == 4
    assert [bench.do(bench.driver.delete(job)) for job in taken] == [True] * 4


def what_cannot_be_read_is_not_destroyed(bench: Bench) -> None:
    """It is handed out with its bytes, can be settled, and does not hold up what follows.

    Where attempts are counted in the payload there is a reason with it; a table does not look into payloads, and
    refuses when it is pushed what its text column cannot hold.
    """
    bad = [b"not json", b"[]", b'{"attempts":"x"}', b'{"data":{"attempts":3}}', b""]
    for body in bad:
        bench.do(bench.driver.push(bench.queue, body))
    for body in (b"\xff\x00\xfe", b'{"a":"\xe9"}', b"a\x00b"):
        if _is_taken(bench, body):
            bad.append(body)
    good = bench.push()
    taken = bench.take(len(bad) + 1)
    assert [job.body for job in taken] == [*bad, good]
    reasons = [bench.driver.adds_id] * len(bad) + [False]
    assert [job.problem is not None for job in taken] == reasons
    assert all(bench.do(bench.driver.delete(job)) for job in taken)


def _is_taken(bench: Bench, body: bytes) -> bool:
    """True when the store takes these bytes, False when it refuses them, alone and among others."""
    try:
        bench.do(bench.driver.push(bench.queue, body))
    except InvalidPayload:
        assert not bench.driver.adds_id, "Redis takes any bytes"
        try:
            bench.do(bench.driver.push_many(bench.queue, [(b"{}", 0), (body, 0)]))
        except InvalidPayload:
            return False
        raise AssertionError("what is refused alone is taken among others") from None
    return True


def what_cannot_be_read_may_be_released(bench: Bench) -> None:
    """It comes back with its bytes, for it is not for a store to judge."""
    bench.do(bench.driver.push(bench.queue, b"not json"))
    (job,) = bench.take()
    assert bench.do(bench.driver.release(job)) is True
    (again,) = bench.take()
    assert again.body == b"not json"
    assert again.attempts == (1 if bench.driver.adds_id else 2), "there is no place to count in"


def only_the_payloads_own_attempts_are_raised(bench: Bench) -> None:
    """A key of that name in the data, or in a string, stays as it is; beside a column for them, all of it does."""
    body = b'{"data":{"attempts":7,"text":"\\"attempts\\":1"},"attempts" : 4,"tail":{"attempts":0}}'
    bench.do(bench.driver.push(bench.queue, body))
    counted, raised = (4, body.replace(b'"attempts" : 4', b'"attempts" : 5')) if bench.driver.adds_id else (0, body)
    (job,) = bench.take()
    assert (job.attempts, job.body) == (counted + 1, body)
    assert bench.do(bench.driver.release(job, delay=0)) is True
    (again,) = bench.take()
    assert again.attempts == counted + 2
    assert again.body.rstrip() == raised


def clearing_removes_everything(bench: Bench) -> None:
    """Ready, delayed and reserved jobs, and it says how many."""
    bench.push()
    bench.push()
    bench.push(delay=5)
    bench.take()
    assert bench.do(bench.driver.clear(bench.queue)) == 3
    assert bench.sizes() == (0, 0, 0)
    assert bench.do(bench.driver.clear(bench.queue)) == 0


def browsing_takes_nothing_rd_28(bench: Bench) -> None:
    """Each state in the order it will come, in pages, with the attempts that the next look would find."""
    bodies = [bench.push() for _ in range(3)]
    late, soon = bench.push(delay=9), bench.push(delay=5)
    bench.take()
    pending = bench.do(bench.driver.browse(bench.queue, "pending"))
    assert [seen.body for seen in pending] == bodies[1:]
    assert [seen.body for seen in bench.do(bench.driver.browse(bench.queue, "pending", offset=1))] == bodies[2:]
    delayed = bench.do(bench.driver.browse(bench.queue, "delayed"))
    assert [seen.body for seen in delayed] == [soon, late]
    assert delayed[0].at is not None
    assert abs(delayed[0].at - (bench.clock() + 5)) <= 1
    (reserved,) = bench.do(bench.driver.browse(bench.queue, "reserved"))
    assert reserved.attempts == 1
    in_payload = bodies[0].replace(b'"attempts": 0', b'"attempts": 1')
    assert reserved.body.rstrip() == (in_payload if bench.driver.adds_id else bodies[0])
    assert reserved.at is not None
    assert abs(reserved.at - (bench.clock() + 90)) <= 1
    assert bench.sizes() == (2, 2, 1)


def all_queues_are_told_rd_29(bench: Bench) -> None:
    """Those that hold a job in any state; only for stores that can tell (:class:`~lara_queue.ports.ListsQueues`)."""
    driver = bench.driver
    if not isinstance(driver, ListsQueues):
        return
    assert bench.do(driver.queues()) == []
    bench.push()
    bench.take()
    bench.do(driver.push("low", bench.body(), delay=60))
    bench.do(driver.push("high", bench.body()))
    assert bench.do(driver.queues()) == sorted(["high", "low", bench.queue])
    bench.do(driver.clear("low"))
    assert bench.do(driver.queues()) == sorted(["high", bench.queue])


def many_at_once(bench: Bench) -> None:
    """A large batch keeps its order, and so does what is taken in parts."""
    bodies = [bench.body() for _ in range(1500)]
    bench.do(bench.driver.push_many(bench.queue, [(body, 0) for body in bodies]))
    taken: list[Reservation] = []
    while batch := bench.take(400):
        taken += batch
    assert [job.body for job in taken] == bodies
    assert all(bench.shell.run_all([bench.driver.delete(job) for job in taken[:50]]))
    assert bench.sizes() == (0, 0, 1450)


def several_workers_never_get_the_same_job(bench: Bench) -> None:
    """All at once, each job to one of them."""
    bench.do(bench.driver.push_many(bench.queue, [(bench.body(), 0) for _ in range(60)]))
    drivers = [bench.driver, bench.other] * 3
    batches = bench.shell.run_all([driver.reserve([bench.queue], limit=10) for driver in drivers])
    assert len({job.body for batch in batches for job in batch}) == 60


def waiting_ends_when_a_job_arrives_rd_17(bench: Bench) -> None:
    """A worker that waits hears a push at once."""
    body = bench.body()
    taken, seconds = bench.shell.meanwhile(
        bench.driver.reserve([bench.queue], wait=10), bench.other.push(bench.queue, body)
    )
    assert [job.body for job in taken] == [body]
    assert seconds < 2


def waiting_ends_by_itself(bench: Bench) -> None:
    """With nothing to come the answer is nothing."""
    assert bench.do(bench.driver.reserve([bench.queue], wait=0.05)) == []


def the_store_answers(bench: Bench) -> None:
    """A ping is answered by nothing."""
    assert bench.do(bench.driver.ping()) is None


CHECKS: list[Callable[[Bench], None]] = [
    jobs_are_taken_in_the_order_they_came,
    deleting_removes_exactly_that_job,
    deleting_many_tells_which_were_lost,
    an_earlier_queue_goes_first,
    delayed_jobs_come_in_due_order_rd_16,
    a_lease_ends_after_retry_after_rd_20,
    two_workers_one_job_the_slow_one_comes_back,
    releasing_counts_the_attempt_rd_21,
    a_negative_delay_is_no_delay_rd_22,
    giving_back_leaves_no_trace,
    giving_back_in_reverse_restores_the_order,
    pushing_many_keeps_delays_apart,
    extending_renews_only_what_is_held,
    a_renewed_lease_is_not_shorter_than_asked,
    the_same_bytes_twice_are_two_jobs,
    what_cannot_be_read_is_not_destroyed,
    what_cannot_be_read_may_be_released,
    only_the_payloads_own_attempts_are_raised,
    clearing_removes_everything,
    browsing_takes_nothing_rd_28,
    all_queues_are_told_rd_29,
    many_at_once,
    several_workers_never_get_the_same_job,
    waiting_ends_when_a_job_arrives_rd_17,
    waiting_ends_by_itself,
    the_store_answers,
]
"""All of them, in an order in which a new driver can be brought up."""
