"""That a living worker keeps its jobs: the lease keeper's rule, played through on a clock that is moved by hand."""

from __future__ import annotations

import math

import pytest

from lara_queue.ports import Reservation
from lara_queue.worker.leases import Held, due, interval


@pytest.mark.parametrize("retry_after", [2, 3, 5, 10, 90])
@pytest.mark.parametrize("fraction", [0.0, 0.01, 0.5, 0.95, 0.999])
@pytest.mark.parametrize("offset", [0.0, 0.37, 1.0])
def test_no_lease_runs_out_while_its_worker_lives(retry_after: int, fraction: float, offset: float) -> None:
    """The store's first lease ends at a whole second, up to one too early; the keeper looks at any phase of it."""
    taken_at = 1_700_000_000 + fraction
    ends = math.floor(taken_at) + retry_after
    job = Reservation("q", b"", 1, None, expires_at=float(ends))
    held: Held = {}
    step = interval(retry_after)
    now = taken_at + offset * step
    for _ in range(60):
        assert now < ends, f"lost {now - ends:.3f} s too late"
        if due(held, [job], retry_after, now):
            ends = math.ceil(now + retry_after)
            held[id(job)] = (job, now + retry_after)
        now += step


def test_a_lost_lease_is_not_asked_for_again() -> None:
    job = Reservation("q", b"", 1, None, expires_at=100.0)
    assert due({id(job): (job, float("inf"))}, [job], 90, 99.0) == []


def test_what_is_no_longer_in_hand_is_forgotten() -> None:
    job = Reservation("q", b"", 1, None, expires_at=100.0)
    held: Held = {id(job): (job, 100.0)}
    assert due(held, [], 90, 50.0) == []
    assert held == {}
