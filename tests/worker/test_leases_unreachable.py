"""What is said of leases that could not be renewed: nothing that the worker has said already."""

from __future__ import annotations

import logging
from types import SimpleNamespace
from typing import Any

import pytest

from lara_queue.errors import StoreError, StoreUnreachable
from lara_queue.ports import Reservation
from lara_queue.testing import ManualClock
from lara_queue.worker.leases import LeaseThread


@pytest.mark.parametrize(
    ("error", "is_down", "said"),
    [
        (StoreUnreachable("gone"), False, 1),
        (StoreUnreachable("gone"), True, 0),
        (StoreError("refused"), True, 1),
    ],
)
def test_an_outage_is_told_once(caplog: pytest.LogCaptureFixture, error: StoreError, is_down: bool, said: int) -> None:
    def extend(taken: Any) -> Any:
        raise error
        yield

    clock = ManualClock(100.0)
    core: Any = SimpleNamespace(driver=SimpleNamespace(extend=extend, retry_after=2), clock=clock, is_down=is_down)
    job = Reservation("q", b"{}", 1, b"{}", clock() + 0.5, None)
    with caplog.at_level(logging.WARNING, "lara_queue"):
        LeaseThread(core, lambda: [job], lambda effect: None).renew()
    assert len([record for record in caplog.records if "could not be renewed" in record.message]) == said
