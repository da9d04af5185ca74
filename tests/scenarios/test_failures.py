"""FJ: what is listed of failures. The stores of databases and files have tests of their own for their scenarios."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lara_queue import Job
from lara_queue.failed.null import NullFailedStore
from lara_queue.failed.records import display_name
from tests.unit.lifecycle.world import payload
from tests.worker.faces import Face

LISTENER = 'O:36:"Illuminate\\Events\\CallQueuedListener":2:{s:5:"class";s:20:"App\\Listeners\\Notify";}'


@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("App\\Listeners\\Notify", LISTENER),
        ("App\\Jobs\\X", 'O:10:"App\\Jobs\\X":0:{}'),
        ("App\\Jobs\\Secret", "eyJpdiI6Ikx1bXBTdW1wUHVtcCIsInZhbHVlIjoiLi4uIn0="),
    ],
)
def test_fj_15_the_listed_class_is_the_display_name(name: str, command: str) -> None:
    assert display_name(payload(command, displayName=name)) == name


def test_fj_16_old_and_broken_records_are_listed_too() -> None:
    old = json.loads(payload('O:20:"App\\Jobs\\SendInvoice":1:{s:1:"n";i:1;}'))
    del old["displayName"]
    assert display_name(json.dumps(old).encode()) == "App\\Jobs\\SendInvoice"
    assert display_name(b"not JSON at all {") == ""
    assert display_name(b"\xff\x00") == ""


def test_with_failures_that_are_not_kept_a_job_is_gone_all_the_same_and_told(make: Any) -> None:
    face: Face = make(failed=NullFailedStore())
    face.hear("job.failed")

    def handler(job: Job) -> None:
        raise ValueError("no")

    face.handler(handler)
    face.push("App\\Jobs\\X")
    face.listen(stop_when_empty=True)
    assert (face.size(), face.queue_failed(), face.told) == (0, [], ["job.failed"])


def test_a_failure_is_recorded_before_the_job_is_deleted_and_once(make: Any) -> None:
    """Counting: one record for one failure, whatever is told, and the job is still there while it is written."""
    recorded: list[tuple[str, int]] = []

    class Counting(NullFailedStore):
        def record(self, failure: Any) -> Any:
            recorded.append((failure.uuid, face.queue.driver.link.store.sizes("default").reserved))
            yield from ()

    face: Face = make(failed=Counting())
    face.handler(lambda job: job.fail("no"))
    uuid = face.push("App\\Jobs\\X")
    face.listen(stop_when_empty=True)
    assert recorded == [(uuid, 1)]
