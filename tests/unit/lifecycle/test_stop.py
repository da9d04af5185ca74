"""When a worker stops: facts in, a reason out."""

from __future__ import annotations

from typing import Any

import pytest

from lara_queue.lifecycle.stop import Facts, StopReason, stop_reason
from lara_queue.options import WorkerOptions

CALM: dict[str, Any] = {
    "now": 100.0,
    "started": 90.0,
    "last_job": 95.0,
    "jobs": 2,
    "got_job": True,
    "quit": False,
    "restarted": False,
    "memory": 50.0,
}


@pytest.mark.parametrize(
    ("facts", "options", "expected"),
    [
        ({}, {}, None),
        ({"quit": True, "memory": 999.0}, {}, StopReason.QUIT),
        ({"lost_connection": True, "quit": True}, {}, StopReason.LOST_CONNECTION),  # WK-17
        ({"memory": 128.0}, {}, StopReason.MEMORY),
        ({"memory": 999.0}, {"memory": 0}, None),  # WK-06
        ({"memory": 999.0}, {"memory": -1}, None),  # WK-06
        ({"restarted": True}, {}, StopReason.RESTART),
        ({"got_job": False}, {}, None),
        ({"got_job": False}, {"stop_when_empty": True}, StopReason.EMPTY),  # WK-02
        ({"got_job": True}, {"stop_when_empty": True}, None),
        ({"got_job": False}, {"stop_when_empty_for": 5}, StopReason.EMPTY_FOR),  # WK-04: from the last job's end
        ({"got_job": False}, {"stop_when_empty_for": 6}, None),
        ({}, {"max_time": 10}, StopReason.MAX_TIME),  # WK-23
        ({}, {"max_time": 11}, None),
        ({}, {"max_jobs": 2}, StopReason.MAX_JOBS),  # WK-22
        ({}, {"max_jobs": 3}, None),
    ],
)
def test_the_table(facts: dict[str, Any], options: dict[str, Any], expected: StopReason | None) -> None:
    assert stop_reason(Facts(**{**CALM, **facts}), WorkerOptions(**options)) == expected


def test_exit_codes() -> None:
    assert {reason: reason.exit_code for reason in StopReason if reason.exit_code} == {
        StopReason.MEMORY: 12,
        StopReason.TIMED_OUT: 1,
    }
