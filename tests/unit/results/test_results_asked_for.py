"""Results are kept where somebody asked for them, for so long as was asked; else nothing is done."""

from __future__ import annotations

from typing import Any

import pytest

from lara_queue import Job, Queue
from lara_queue.errors import ConfigurationError
from lara_queue.events import JobFailed
from lara_queue.results.values import Result
from lara_queue.testing import ManualClock
from tests.unit.results.bench import Bench, Case, Watched, bench, case

__all__ = ["bench", "case"]  # fixtures


def test_for_one_handler_only(case: Case) -> None:
    bench = Bench(case, results=None)
    bench.handler("App\\J", results=60)(lambda job: 1)
    bench.handler("App\\Other")(lambda job: 2)
    uuid = bench.push()
    other = bench.queue.push("App\\Other")
    assert bench.queue.result(uuid).state == "unknown"  # nothing is noted at push: its handler may live elsewhere
    bench.work()
    assert (bench.queue.result(uuid).value, bench.queue.result(other)) == (1, Result(other))
    bench.clock.advance(60)
    assert bench.queue.result(uuid).state == "unknown"
    bench.queue.close()


def test_a_handler_inside_plain_middleware_keeps_its_result() -> None:
    with Queue("memory://", cache="memory://") as queue:
        queue.handler("App\\J", results=60, middleware=[lambda job, proceed: proceed() + 1])(lambda job: 1)
        uuid = queue.push("App\\J")
        queue.listen(stop_when_empty=True)
        assert queue.result(uuid).value == 2


def test_a_job_that_its_middleware_does_not_let_run_stays_pending() -> None:
    def later(job: Job, proceed: Any) -> Any:
        job.release(3600)
        yield from ()

    with Queue("memory://", cache="memory://", results=60) as queue:
        queue.handler("App\\J", middleware=[later])(lambda job: 1)
        uuid = queue.push("App\\J")
        queue.listen(stop_when_empty=True)
        assert queue.result(uuid).state == "pending"


def test_a_handlers_own_time_beats_the_queues(case: Case) -> None:
    bench = Bench(case)
    bench.handler("App\\J", results=3600)(lambda job: 1)
    uuid = bench.push()
    bench.work()
    bench.clock.advance(3599)
    assert bench.queue.result(uuid).value == 1
    bench.queue.close()


def test_off_costs_nothing() -> None:
    """No wrapped handler, no listener, no call to the cache."""
    cache = Watched(ManualClock())
    with Queue("memory://", cache=cache) as queue:
        queue.handler("App\\J")(lambda job: "value")
        assert queue.registry.around is None
        assert not queue.emitter.hears(JobFailed.name)
        uuid = queue.push("App\\J")
        queue.listen(stop_when_empty=True)
        assert cache.kept == []
        assert queue.result(uuid).state == "unknown"


@pytest.mark.parametrize("options", [{"results": 60}, {"results": 0, "cache": "memory://"}])
def test_results_need_a_cache_and_a_time(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match="results="):
        Queue("memory://", **options)


def test_a_handler_that_wants_results_needs_them_too() -> None:
    with pytest.raises(ConfigurationError, match=r"Queue\(cache=…\)"):
        Queue("memory://").handler("App\\J", results=60)(lambda job: 1)
    with pytest.raises(ConfigurationError, match="seconds"):
        Queue("memory://", cache="memory://").handler("App\\J", results=-1)(lambda job: 1)
    with pytest.raises(ConfigurationError, match=r"Queue\(cache=…"):
        Queue("memory://").result("u")
