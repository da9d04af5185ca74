"""The table of events is the table of events, and listeners are asked and told as it says."""

from __future__ import annotations

import dataclasses
import re

import pytest

from lara_queue import events
from lara_queue.emitter import AsyncEmitter, Emitter
from lara_queue.events import Event, WorkerLooping

TABLE = dict(re.findall(r"^([a-z]+\.[a-z_]+) {2,}(.*?)(?: {2,}.*)?$", events.__doc__ or "", re.M))
KINDS = [
    kind for kind in vars(events).values() if isinstance(kind, type) and issubclass(kind, Event) and kind.name != ""
]
LOOPING = WorkerLooping(("q",))


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_event_is_in_the_table_with_its_fields(kind: type[Event]) -> None:
    assert kind.name in TABLE
    doc = events.__doc__ or ""
    row = doc[doc.index(f"\n{kind.name} ") :]
    for field in dataclasses.fields(kind):
        assert field.name in row[:320]
    assert kind.__name__ in events.__all__


def test_the_table_has_nothing_else() -> None:
    assert TABLE.keys() == {kind.name for kind in KINDS}
    assert len({kind.name for kind in KINDS}) == len(KINDS)


def test_hearing_ends_with_the_last_listener() -> None:
    emitter = Emitter()
    assert not emitter.hears(LOOPING.name)
    emitter.once(LOOPING.name, lambda event: False)
    assert emitter.hears(LOOPING.name)
    assert emitter.allows(LOOPING) is False
    assert not emitter.hears(LOOPING.name)  # it was asked once
    assert emitter.allows(LOOPING) is True


async def test_a_coroutine_that_fails_answers_nothing(caplog: pytest.LogCaptureFixture) -> None:
    emitter = AsyncEmitter()

    async def broken(event: Event) -> bool:
        raise RuntimeError("listener")

    async def no(event: Event) -> bool:
        return False

    emitter.on(LOOPING.name, broken)
    assert await emitter.allows(LOOPING) is True
    emitter.on(LOOPING.name, no)
    assert await emitter.allows(LOOPING) is False
    assert "RuntimeError: listener" in caplog.text


def test_a_coroutine_cannot_answer_where_nobody_awaits() -> None:
    emitter = Emitter()

    async def no(event: Event) -> bool:
        return False

    emitter.on(LOOPING.name, no)
    assert emitter.allows(LOOPING) is True
