"""Promises in the form in which a store keeps them that has the number of attempts in a column (``adds_id`` False).

Each stands for the check of that name in :mod:`lara_queue.testing.conformance`, whose form is that of payloads with an
``attempts`` key.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from lara_queue.errors import InvalidPayload
from lara_queue.testing.conformance import Bench


def delayed_jobs_come_in_due_order_rd_16(bench: Bench) -> None:
    """Nothing comes before its time; what is due comes in the order of the ids, as Laravel's database queue has it."""
    late, soon = bench.push(delay=20), bench.push(delay=10)
    assert bench.take() == []
    bench.clock.advance(9)
    assert bench.take() == []
    bench.clock.advance(1)
    assert [job.body for job in bench.take(9)] == [soon]
    third = bench.push()
    bench.clock.advance(10)
    assert [job.body for job in bench.take(9)] == [late, third]


def what_cannot_be_read_is_not_destroyed(bench: Bench) -> None:
    """It is handed out with its bytes, can be settled, and does not hold up what follows. What no text column of the
    server can hold is refused when it is pushed."""
    bad = [
        b"not json",
        b"[]",
        b'{"attempts":"x"}',
        b'{"data":{"attempts":3}}',
        b"",
        b'{"\xc3\xa9":"\xf0\x9f\x98\x80"}',
    ]
    for body in bad:
        bench.do(bench.driver.push(bench.queue, body))
    for body in [b"\xff\x00\xfe", b'{"a":"\xe9"}', b"a\x00b"]:
        try:
            bench.do(bench.driver.push(bench.queue, body))
        except InvalidPayload:
            with pytest.raises(InvalidPayload):
                bench.do(bench.driver.push_many(bench.queue, [(b"{}", 0), (body, 0)]))
        else:
            bad.append(body)
    good = bench.push()
    taken = bench.take(len(bad) + 1)
    assert [job.body for job in taken] == [*bad, good]
    assert bench.do(bench.driver.release(taken[-2])) is True
    assert all(bench.do(bench.driver.delete(job)) for job in [*taken[:-2], taken[-1]])
    (again,) = bench.take()
    assert (again.body, again.attempts) == (bad[-1], 2)


def only_the_payloads_own_attempts_are_raised(bench: Bench) -> None:
    """The payload is never touched, whatever it says."""
    body = b'{"data":{"attempts":7,"text":"\\"attempts\\":1"},"attempts" : 4,"tail":{"attempts":0}}'
    bench.do(bench.driver.push(bench.queue, body))
    (job,) = bench.take()
    assert (job.attempts, job.body) == (1, body)
    assert bench.do(bench.driver.release(job, delay=0)) is True
    (again,) = bench.take()
    assert (again.attempts, again.body) == (2, body)


def browsing_takes_nothing_rd_28(bench: Bench) -> None:
    """Each state in the order it will come, in pages; the attempts are the column's."""
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
    assert (reserved.body, reserved.attempts) == (bodies[0], 1)
    assert reserved.at is not None
    assert abs(reserved.at - (bench.clock() + 90)) <= 1
    assert bench.sizes() == (2, 2, 1)


IN_COLUMNS: dict[str, Callable[[Bench], None]] = {
    check.__name__: check
    for check in (
        delayed_jobs_come_in_due_order_rd_16,
        what_cannot_be_read_is_not_destroyed,
        only_the_payloads_own_attempts_are_raised,
        browsing_takes_nothing_rd_28,
    )
}
