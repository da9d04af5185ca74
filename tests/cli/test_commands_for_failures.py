"""The commands for failed jobs, in this process, on the same store as the worker's."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from lara_queue import Queue
from tests.cli.commands import Run, clean_environment, fail, queue, rows, run, store

__all__ = ["clean_environment", "queue", "run", "store"]  # fixtures


def test_failed_lists_the_newest_first(run: Run, queue: Queue) -> None:
    assert run("failed").stdout == "No failed jobs found.\n"
    uuids = fail(queue, 3)
    assert [row[0] for row in rows(run("failed"))[1:]] == uuids[::-1]
    listed = json.loads(run("failed", "--json", "--limit", "2").stdout)
    assert [job["id"] for job in listed] == uuids[:0:-1]
    assert list(listed[0]) == ["id", "uuid", "connection", "queue", "name", "failed_at", "exception"]
    assert (listed[0]["name"], listed[0]["queue"]) == ("App\\Jobs\\Bad", "default")
    assert json.loads(run("failed", "--json", "--queue", "other").stdout) == []


def test_retry_by_id_all_and_queue(run: Run, queue: Queue) -> None:
    first, second, third = fail(queue, 3)
    result = run("retry", first)
    assert result.exit_code == 0
    assert f"{first} ..." in result.stdout
    assert result.stdout.splitlines()[-1].endswith("DONE")
    assert [job.uuid for job in queue.pending_jobs()] == [first]
    nothing = run("retry", "--queue", "other")
    assert (nothing.exit_code, nothing.stdout) == (0, "")
    assert "Unable to find failed jobs for queue [other]." in nothing.stderr
    assert run("retry", "all").exit_code == 0
    assert [job.uuid for job in queue.pending_jobs()] == [first, third, second], "the newest first, as artisan does"
    assert queue.failed.count() == 0


def test_retry_says_which_id_there_is_not(run: Run, queue: Queue) -> None:
    (known,) = fail(queue)
    result = run("retry", "nobody", known)
    assert result.exit_code == 1
    assert "Unable to find failed job with ID [nobody]." in result.stderr
    assert queue.size() == 1


def test_retry_goes_on_after_a_job_that_cannot_be_read(run: Run, queue: Queue) -> None:
    queue.push_raw(b"not JSON")
    (known,) = fail(queue)
    result = run("retry", "all")
    assert result.exit_code == 1
    assert "cannot be retried" in result.stderr
    assert [job.uuid for job in queue.pending_jobs()] == [known]
    assert queue.failed.count() == 1


@pytest.mark.parametrize(
    "words", [[], ["--range", "x"], ["all", "1"], ["1", "--queue", "q"], ["all", "--range", "1-2"]]
)
def test_retry_wants_one_clear_choice(run: Run, words: list[str]) -> None:
    assert run("retry", *words).exit_code == 1


def test_retry_a_range_passes_over_its_holes(run: Run, queue: Queue) -> None:
    result = run("retry", "--range", "5-1")
    assert (result.exit_code, result.stdout) == (0, "No failed jobs found.\n")


def test_retry_ranges_of_a_store_with_row_numbers(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ids of the ``database`` store are numbers; those of the ranges go back in ascending order, others stay."""
    (tmp_path / "numbered_app.py").write_text(NUMBERED)
    monkeypatch.chdir(tmp_path)
    result = run("retry", "--app", "numbered_app:queue", "--range=9-10", "--range", "3-2", "--range=50-900000000")
    assert result.exit_code == 0, result.stderr
    assert [line.split()[0] for line in result.stdout.splitlines()[1:]] == ["2", "3", "9", "10"]
    numbered = sys.modules.pop("numbered_app").queue
    assert [job.payload["n"] for job in numbered.pending_jobs()] == [2, 3, 9, 10]
    assert sorted(int(job.id) for job in numbered.failed.all()) == [1, 4, 5, 6, 7, 8, 11, 12]


NUMBERED = """
from lara_queue import Queue
from lara_queue.failed.memory import MemoryFailedStore
from lara_queue.ports import FailedJob

store = MemoryFailedStore()
for n in range(1, 13):
    payload = b'{"job":"A@b","uuid":"u-%d","attempts":1,"n":%d}' % (n, n)
    store._jobs[str(n)] = FailedJob(str(n), f"u-{n}", "redis", "default", payload, "no", 1000.0)
queue = Queue("memory://", failed=store)
"""


def test_forget_flush_and_prune(run: Run, queue: Queue) -> None:
    first, _ = fail(queue, 2)
    assert run("forget", first).exit_code == 0
    assert run("forget", first).exit_code == 1
    assert "(0)" in run("flush", "--hours", "1").stdout
    assert run("prune-failed").stdout == "0 entries deleted.\n"
    assert run("prune-failed", "--hours", "0").stdout == "1 entry deleted.\n"
    fail(queue, 2)
    assert "(2)" in run("flush").stdout
    assert queue.failed.count() == 0
