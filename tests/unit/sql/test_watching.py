"""Waiting, driven by hand: what is asked, when it ends, and how rarely anything is asked at all."""

from __future__ import annotations

from typing import Any

import pytest

from lara_queue.plans import Call
from lara_queue.sql import Database
from lara_queue.sql.watching import LOOK, PAUSE, START, Watched, Watcher, waiting, watcher_for
from lara_queue.testing import ManualClock


class FakeWatcher:
    """Has noticed something after so many pauses."""

    fd = None

    def __init__(self, noticed: set[int]) -> None:
        self.noticed = noticed
        self.asked = 0

    def start(self, watched: Watched) -> None: ...

    def stirred(self, watched: Watched) -> bool:
        self.asked += 1
        return self.asked in self.noticed

    def seconds(self, asked: int) -> float:
        return 1.0

    def close(self) -> None: ...


def played(looks: list[float | None], seconds: float, noticed: set[int] | None = None) -> tuple[bool, list[str], float]:
    """What the wait returned, what it did, and how long it took; ``looks`` are due times, in seconds from the start."""
    clock = ManualClock(0)
    unix = ManualClock(1000)
    watched = Watched(lambda: None, ("args",), unix, "channel", ("q",))
    plan = waiting(FakeWatcher(noticed or set()), watched, seconds, clock)
    answers = iter(looks)
    did: list[str] = []
    reply: Any = None
    try:
        effect = next(plan)
        while True:
            assert isinstance(effect, Call)
            did.append(effect.name)
            reply = None
            if effect.name == LOOK:
                due = next(answers)
                reply = None if due is None else 1000 + due
            elif effect.name == PAUSE:
                clock.advance(effect.args[0])
                unix.advance(effect.args[0])
            effect = plan.send(reply)
    except StopIteration as stop:
        return stop.value, did, clock()


def test_the_table_is_looked_at_once_after_the_start() -> None:
    assert played([None], 3) == (False, [START, LOOK, PAUSE, PAUSE, PAUSE], 3)


def test_something_that_came_in_between_is_seen() -> None:
    assert played([-5], 3) == (True, [START, LOOK], 0)
    assert played([0], 3) == (True, [START, LOOK], 0)


def test_it_is_looked_at_again_when_something_was_noticed() -> None:
    did = [START, LOOK, PAUSE, PAUSE, LOOK, PAUSE, LOOK]
    assert played([None, None, 0], 9, {2, 3}) == (True, did, 3)


def test_it_ends_when_a_job_comes_due() -> None:
    assert played([2.5], 9) == (True, [START, LOOK, PAUSE, PAUSE, PAUSE], 2.5)
    assert played([2.5], 2) == (False, [START, LOOK, PAUSE, PAUSE], 2)


def test_a_due_time_may_be_taken_back() -> None:
    assert played([2.5, None], 4, {1}) == (False, [START, LOOK, PAUSE, LOOK, PAUSE, PAUSE, PAUSE], 4)


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("sqlite:///x.sqlite", "_FileWatcher"),
        ("sqlite://", "_Poller"),
        ("postgresql://h/d", "_Listener"),
        ("mariadb://h/d", "_Poller"),
    ],
)
def test_each_database_has_its_watcher(url: str, kind: str) -> None:
    assert type(watcher_for(Database(url))).__name__ == kind


def test_where_one_has_to_ask_it_is_asked_ever_more_rarely() -> None:
    watcher: Watcher = watcher_for(Database("mysql://h/d"))
    assert [watcher.seconds(asked) for asked in range(7)] == [0.05, 0.1, 0.2, 0.4, 0.8, 1.0, 1.0]
