"""PL, DL: what a push leaves in the store and tells, on both faces; the payload itself is tested with its builder."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import Any

import pytest

from lara_queue import php_class
from lara_queue.errors import InvalidPayload
from lara_queue.laravel.declared import job_options
from lara_queue.testing.clock import ManualClock
from tests.worker.faces import Face

JOB = "App\\Jobs\\X"


class Names(enum.Enum):
    DEFAULT = "default"


@job_options(queue="notifications")
class Notifies:
    """A mixin that declares a queue."""


@php_class("App\\Jobs\\Inherits")
@dataclass
class Inherits(Notifies):
    n: int = 1


@php_class("App\\Jobs\\Declares")
@job_options(queue="high")
@dataclass
class Declares(Notifies):
    n: int = 1


@php_class("App\\Jobs\\ByEnum")
@job_options(queue=Names.DEFAULT)
@dataclass
class ByEnum(Notifies):
    n: int = 1


@php_class("App\\Jobs\\Both")
@job_options(timeout=40, tries=2, backoff=9, max_exceptions=3, fail_on_timeout=True)
@dataclass
class Both:
    timeout: int = 1700
    tries: int = 7
    backoff: int = 13
    maxExceptions: int = 11
    failOnTimeout: bool = False


@php_class("App\\Jobs\\Later")
@dataclass
class Later:
    delay: int | None = field(default=None)

    def __post_init__(self) -> None:
        self.delay = 60 if self.delay is None else self.delay


@php_class("App\\Jobs\\Declared")
@job_options(delay=15)
@dataclass
class Delayed:
    n: int = 1


def test_pl_03_a_class_level_declaration_beats_a_default_of_the_same_class(face: Face) -> None:
    face.push(Both())
    (job,) = face.pending_jobs()
    payload = job.payload
    assert (payload["timeout"], payload["maxTries"], payload["backoff"]) == (40, 2, "9")
    assert (payload["maxExceptions"], payload["failOnTimeout"]) == (3, True)
    face.clear()
    face.push(Both(), tries=1)
    assert face.pending_jobs()[0].max_tries == 1  # who pushes has the last word


def test_pl_04_what_is_not_text_is_refused_and_nothing_is_pushed(face: Face) -> None:
    face.hear("job.queueing")
    with pytest.raises(InvalidPayload):
        face.push("Legacy@fire", ["\udc28"])
    assert (face.size(), face.told) == (0, [])


def test_pl_06_the_producers_events_offer_the_decoded_payload(face: Face) -> None:
    face.hear("job.queueing", "job.queued")
    uuid = face.push("Legacy@fire", {"n": 1})
    queueing, queued = face.events
    assert (queueing.name, queued.name) == ("job.queueing", "job.queued")
    assert queueing.decoded() == queued.decoded()
    assert queued.decoded()["uuid"] == queued.id == uuid
    assert (queued.connection, queued.job) == ("memory", "Legacy@fire")


def test_pl_10_a_queue_that_nobody_named_is_none_in_the_events(face: Face) -> None:
    face.hear("job.queueing", "job.queued")
    face.push(JOB)
    face.push("App\\Jobs\\Y")
    assert face.told == ["job.queueing", "job.queued"] * 2
    assert [event.queue for event in face.events] == [None] * 4
    face.push(JOB, queue="default")
    assert face.events[-1].queue == "default"
    assert face.size("default") == 3


def test_pl_11_a_queue_declared_by_the_class_or_a_mixin(face: Face) -> None:
    face.hear("job.queued")
    for job in (Inherits(), Declares(), ByEnum()):
        face.push(job)
    assert [event.queue for event in face.events] == ["notifications", "high", "default"]
    assert [type(event.job) for event in face.events] == [Inherits, Declares, ByEnum]
    assert [face.size(name) for name in ("notifications", "high", "default")] == [1, 1, 1]


def test_dl_01_a_delay_set_by_the_job_and_taken_back_by_the_caller(face: Face, clock: ManualClock) -> None:
    face.push(Later())
    (waiting,) = face.delayed_jobs()
    assert waiting.reservation.expires_at == clock() + 60
    face.clear()
    face.push(Later(delay=0))
    face.push(Later(), delay=0)
    assert (face.delayed_size(), face.pending_size()) == (0, 2)


def test_rd_05_bulk_splits_by_the_delay_each_job_declares(face: Face, clock: ManualClock) -> None:
    face.hear("job.queueing", "job.queued")
    face.bulk([Delayed(), JOB, Inherits()])
    assert (face.delayed_size(), face.pending_size(), face.size("notifications")) == (1, 1, 1)
    assert face.delayed_jobs()[0].reservation.expires_at == clock() + 15
    assert [event.delay for event in face.events if event.name == "job.queueing"] == [15, None, None]


def test_rd_26_the_events_of_a_push_and_of_a_bulk_push(face: Face) -> None:
    sizes: list[tuple[str, int]] = []

    def note(event: Any) -> None:
        store = face.queue.driver.link.store
        sizes.append((event.name, store.sizes("default").total))

    face.queue.on("job.queueing")(note)
    face.queue.on("job.queued")(note)
    face.hear("job.queued")
    pushed = [face.push(JOB), *face.bulk([JOB] * 3)]
    assert sizes == [
        ("job.queueing", 0),
        ("job.queued", 1),
        *[("job.queueing", 1)] * 3,
        *[("job.queued", 4)] * 3,
    ]
    assert [event.id for event in face.events] == pushed
    assert all(isinstance(event.id, str) and event.job == JOB for event in face.events)
