"""A worker that dies after any effect of a plan around a job: no job is lost, and what may happen twice is said here.

In each test the first worker dies after its first, its second … effect; then others come and do what is left. The
counts say how often each job may have run: a job that was run and not yet deleted is delivered again (at least once),
and what it pushed before is pushed again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from lara_queue.middleware import (
    CircuitBreaker,
    FailOnException,
    Limit,
    Once,
    RateLimited,
    Release,
    Skip,
    SkipIfBatchCancelled,
    ThrottlesExceptions,
    WithoutOverlapping,
)
from lara_queue.plans import Plan

from .crashing import Life, lives

Begin = Callable[[], tuple[Life, Plan[Any]]]


def between(found: Counter[str], least: dict[str, int], twice: str = "") -> None:
    """At least so often, and once more only what is named in ``twice``."""
    assert found.keys() <= least.keys() | set(twice.split()), found
    for name, times in least.items():
        assert times <= found[name] <= times + (name in twice.split()), (name, found)


def handled(life: Life, *names: str, **options: Any) -> None:
    for name in names:
        life.handle(name, **options)


# -- chains ------------------------------------------------------------------------------------------------------------


def test_a_chained_jobs_success() -> None:
    """The next is pushed, then this one deleted. In between both are there: this one runs again, and so does the rest
    of the chain."""

    def begin() -> tuple[Life, Plan[Any]]:
        life = Life()
        handled(life, "First", "Second", "Third")
        life.queue.chain(["First", "Second", "Third"]).dispatch()
        return life, life.attempt()

    worlds = lives(begin)
    assert len(worlds) > 5
    for life in worlds:
        between(life.everything(), {"First": 1, "Second": 1, "Third": 1}, twice="First Second Third")


def test_a_follower_that_was_pushed_twice_can_be_known() -> None:
    """Both copies have the same uuid, so ``once_for`` runs one of them."""

    def begin() -> tuple[Life, Plan[Any]]:
        life = Life()
        handled(life, "First")
        handled(life, "Second", once_for=86400)
        life.queue.chain(["First", "Second"]).dispatch()
        return life, life.attempt()

    for life in lives(begin):
        between(life.everything(), {"First": 1, "Second": 1}, twice="First")


def test_a_failing_chained_job_with_catch() -> None:
    """Recorded, then the callback pushed, then deleted: the callback may come twice, the failure is recorded once."""

    def begin() -> tuple[Life, Plan[Any]]:
        life = Life(tries=1)
        handled(life, "Bad", "Never", "Caught")
        life.failing = {"Bad"}
        life.queue.chain(["Bad", "Never"]).catch("Caught").dispatch()
        return life, life.attempt()

    worlds = lives(begin)
    for life in worlds:
        found = life.everything()
        between(found, {"Caught": 1}, twice="Caught Bad")  # a crash before it ran uses up its only attempt
        assert len(life.queue.failed.all()) == 1


# -- batches -----------------------------------------------------------------------------------------------------------


def batch_of(life: Life, jobs: list[Any], *, allow: bool = False) -> None:
    batch = life.queue.batch(jobs).then("Then").catch("Catch").finally_("Finally").progress("Progress")
    (batch.allow_failures() if allow else batch).dispatch()


CALLBACKS = ("Then", "Catch", "Finally", "Progress")


@pytest.mark.parametrize("before", [0, 1, 2])
def test_a_batched_jobs_success(before: int) -> None:
    """The first, the second and the last of three. Only a death between the count and the note of it counts the job
    twice (see ``recording``); at the end, the count of zero tells, so ``then`` still comes."""

    def begin() -> tuple[Life, Plan[Any]]:
        life = Life()
        handled(life, "A", "B", "C", *CALLBACKS)
        batch_of(life, ["A", "B", "C"])
        life.work(before)
        return life, life.attempt()

    worlds = lives(begin)
    late = 0
    for life in worlds:
        found = life.everything()
        (row,) = life.rows()
        assert row.finished_at is not None
        assert row.failed_jobs == 0
        assert row.cancelled_at is None
        assert found["Then"] >= 1
        assert found["Finally"] >= 1
        assert all(found[name] >= 1 for name in "ABC")
        assert sum(found[name] for name in "ABC") <= 4
        assert found["Then"] <= 2
        assert found["Finally"] <= 2
        late += row.pending_jobs != 0
        assert row.pending_jobs >= 0
    assert late == 0


@pytest.mark.parametrize("cache", [True, False])
def test_then_comes_once_unless_the_worker_dies_between_pushing_it_and_noting_that(cache: bool) -> None:
    """The note is in the cache, else with the batch. Without a cache the job is not known, and runs again."""

    def begin() -> tuple[Life, Plan[Any]]:
        life = Life(cache=cache)
        handled(life, "A", *CALLBACKS)
        batch_of(life, ["A"])
        return life, life.attempt()

    counts = [(found["A"], found["Then"]) for found in (life.everything() for life in lives(begin))]
    # Dead before the job was counted: it runs again. Dead between ``then`` and the note: that is called again.
    assert set(counts) == ({(1, 1), (2, 1), (1, 2)} if cache else {(1, 1), (2, 1), (2, 2)})
    assert sum(then == 2 for _, then in counts) <= 3  # then, finally, the note


def test_a_job_that_was_counted_is_not_run_again_even_beyond_its_attempts() -> None:
    """Its only attempt is used, so it comes back to be failed: the batch knows better, and is neither told nor
    cancelled."""

    def begin() -> tuple[Life, Plan[Any]]:
        life = Life(tries=1)
        handled(life, "A", "B", *CALLBACKS)
        batch_of(life, ["A", "B"])
        return life, life.attempt()

    outcomes = Counter[tuple[int, int, bool]]()
    again = 0
    for life in lives(begin):
        life.everything()
        (row,) = life.rows()
        outcomes[row.pending_jobs, row.failed_jobs, row.cancelled_at is not None] += 1
        if row.cancelled_at is None:
            assert row.pending_jobs == 0
            assert 1 <= life.ran.count("Then") <= 2
            again += life.ran.count("Then") == 2
    # A death before it was counted fails it, as in PHP: then B has gone well, and A is on record as failed.
    assert set(outcomes) == {(0, 0, False), (1, 1, True)}
    assert outcomes[0, 0, False] > 5
    assert 1 <= again <= 4  # dead between the count and the note, or between ``then`` and its note


def test_without_a_cache_the_last_jobs_second_delivery_is_still_known() -> None:
    """By the count at zero; that its callbacks were called is with the batch, so a death after that calls none."""

    def begin() -> tuple[Life, Plan[Any]]:
        life = Life(cache=False)
        handled(life, "A", "B", *CALLBACKS)
        batch_of(life, ["A", "B"])
        life.work(1)
        return life, life.attempt()

    again = Counter[str]()
    for life in lives(begin):
        found = life.everything()
        (row,) = life.rows()
        assert (row.pending_jobs, row.finished_at is not None) == (0, True)
        assert 1 <= found["Then"] <= 2
        assert 1 <= found["Finally"] <= 2
        again += Counter(name for name in ("Then", "Finally") if found[name] == 2)
    assert again["Then"] <= 3  # then, finally, the note
    assert again["Finally"] <= 2


@pytest.mark.parametrize("cache", [True, False])
@pytest.mark.parametrize("allow", [False, True])
def test_a_batched_jobs_failure(allow: bool, cache: bool) -> None:
    """Counted once, whatever happens: who has failed is in the table. ``catch`` and ``finally`` may come twice."""

    def begin() -> tuple[Life, Plan[Any]]:
        life = Life(tries=1, cache=cache)
        handled(life, "Bad", *CALLBACKS)
        life.failing = {"Bad"}
        batch_of(life, ["Bad"], allow=allow)
        return life, life.attempt()

    for life in lives(begin):
        found = life.everything()
        (row,) = life.rows()
        assert (row.failed_jobs, row.pending_jobs, len(row.failed_job_ids)) == (1, 1, 1)
        assert (row.cancelled_at is not None) is (not allow)
        assert len(life.queue.failed.all()) == 1
        assert 1 <= found["Catch"] <= 2
        assert 1 <= found["Finally"] <= 2


def test_a_chained_batch_being_opened() -> None:
    """Its jobs may run twice; the batch that counts is one, and the chain goes on once from it."""

    def begin() -> tuple[Life, Plan[Any]]:
        life = Life()
        handled(life, "C1", "B1", "B2", "C2")
        life.queue.chain(["C1", life.queue.batch(["B1", "B2"]), "C2"]).dispatch()
        life.work(1)
        return life, life.attempt()

    worlds = lives(begin)
    for life in worlds:
        between(life.everything(), {"C1": 1, "B1": 1, "B2": 1, "C2": 1}, twice="B1 B2")
        (row,) = life.rows()
        assert (row.total_jobs, row.pending_jobs, row.finished_at is not None) == (2, 0, True)


def test_a_chained_batch_that_others_work_on_before_it_is_delivered_again() -> None:
    """It is known by what has happened in it, and not opened a second time."""

    def begin() -> tuple[Life, Plan[Any]]:
        life = Life()
        handled(life, "B1", "B2", "C2")
        life.queue.chain([life.queue.batch(["B1", "B2"]), "C2"]).dispatch()
        return life, life.attempt()

    opened = 0
    for life in lives(begin):
        life.work(1)  # another worker is at once at what was pushed
        opened += life.ran == ["B1"]
        between(life.everything(), {"B1": 1, "B2": 1, "C2": 1})
    assert opened >= 3


# -- locks -------------------------------------------------------------------------------------------------------------


def test_a_unique_jobs_push() -> None:
    """A lock that was taken for a job that was never pushed stays until ``unique_for`` is over, as in PHP: nothing was
    accepted, so nothing is lost. The job is there at most once."""

    def begin() -> tuple[Life, Plan[Any]]:
        life = Life()
        handled(life, "U")
        return life, life.queue._producer.push("U", None, {"unique": "7", "unique_for": 60})

    for life in lives(begin):
        assert life.everything()["U"] <= 1
        life.clock.advance(61)
        assert life.queue.push("U", None, unique="7", unique_for=60) != ""
        assert life.everything()["U"] >= 1


def test_a_unique_jobs_run() -> None:
    """It may run twice; afterwards the lock is free, and never while the job is still to run."""

    def begin() -> tuple[Life, Plan[Any]]:
        life = Life()
        handled(life, "U", unique=True)
        life.queue.push("U", None, unique=True)
        return life, life.attempt()

    for life in lives(begin):
        between(life.everything(), {"U": 1}, twice="U")
        assert life.queue.push("U", None, unique=True) != ""


def test_a_debounced_push() -> None:
    """Whatever was accepted before is run, unless the new push is there to take its place."""

    def begin() -> tuple[Life, Plan[Any]]:
        life = Life()
        handled(life, "D")
        life.queue.push("D", {"debounceId": "e"}, debounce=30, debounce_id="e")
        return life, life.queue._producer.push("D", {"debounceId": "e"}, {"debounce": 30, "debounce_id": "e"})

    ran = [life.everything(step=100)["D"] for life in lives(begin)]
    assert ran[0] == 1
    assert ran[-1] == 1
    assert set(ran) == {1, 2}  # dead between the push and the token: both are run


# -- middleware --------------------------------------------------------------------------------------------------------

MIDDLEWARE: dict[str, tuple[Callable[[], Any], bool]] = {
    # name: how to make it, and whether the handler raises at first
    "without overlapping": (lambda: WithoutOverlapping("k", expires_after=60), False),
    "without overlapping, failing": (lambda: WithoutOverlapping("k", expires_after=60), True),
    "rate limited": (lambda: RateLimited("r", Limit(2, 60)), False),
    "throttles exceptions": (lambda: ThrottlesExceptions(3, 60), False),
    "throttles exceptions, failing": (lambda: ThrottlesExceptions(1, 60), True),
    "circuit breaker": (lambda: CircuitBreaker("x", failures=1, open_for=30), False),
    "circuit breaker, failing": (lambda: CircuitBreaker("x", failures=1, open_for=30, trial=30), True),
    "once": (lambda: Once(86400), False),
    "skip": (lambda: Skip(False), False),
    "release": (lambda: Release(lambda job: job.attempts == 1, 5), False),
    "fail on exception": (lambda: FailOnException(KeyError), True),
    "skip if cancelled": (lambda: SkipIfBatchCancelled(), False),
}


@pytest.mark.parametrize("name", MIDDLEWARE)
def test_a_job_with_middleware(name: str) -> None:
    """It has run to its end when all is over; twice if its worker died after running it."""
    make, failing = MIDDLEWARE[name]

    def begin() -> tuple[Life, Plan[Any]]:
        life = Life()
        handled(life, "M", middleware=[make()])
        life.failing = {"M"} if failing else set()
        life.queue.push("M")
        return life, life.attempt()

    for life in lives(begin):
        before, life.failing = len(life.ran), set()
        found = life.everything()
        assert 1 <= found["M"] <= 2
        assert found["M"] - before <= 1
        assert life.queue.failed.all() == []
