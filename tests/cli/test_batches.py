"""``retry-batch`` and ``prune-batches`` on a table of batches."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from lara_queue import Queue
from lara_queue.cli import cli
from lara_queue.sql import Database, schema


@pytest.fixture
def url(tmp_path: Path) -> str:
    """The URL of a database with Laravel's tables."""
    url = f"sqlite:///{tmp_path / 'app.sqlite'}"
    database = Database(url, create=True)
    tables = [schema.jobs(), schema.failed_jobs(), schema.batches()]
    database.transact(lambda transaction: [table.create(transaction.connection) for table in tables])
    database.close()
    return url


def call(*args: str) -> tuple[int, str]:
    result = CliRunner().invoke(cli, list(args), standalone_mode=False)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        return 1, result.output + str(result.exception)
    return (result.return_value or 0) if isinstance(result.return_value, int) else 0, result.output


def failing(url: str) -> Any:
    queue = Queue(url)

    @queue.handler
    def fail(job: Any) -> None:
        raise ValueError("no")

    batch = queue.batch(["J1", "J2"]).allow_failures().dispatch()
    queue.listen(stop_when_empty=True, sleep=0)
    queue.close()
    return batch


def test_retry_batch_puts_its_failed_jobs_back(url: str) -> None:
    batch = failing(url)
    code, output = call("retry-batch", batch.id, "--connection", url)
    assert code == 0, output
    with Queue(url) as queue:
        assert (queue.size(), queue.failed.count()) == (2, 0)
        assert queue.find_batch(batch.id).row.failed_jobs == 2  # type: ignore[union-attr]  # it is there


def test_retry_batch_of_an_unknown_batch(url: str) -> None:
    code, output = call("retry-batch", "nothing", "--connection", url)
    assert (code, "Unable to find a batch with ID [nothing]" in output) == (1, True)


def test_prune_batches(url: str) -> None:
    batch = failing(url)
    assert call("prune-batches", "--hours", "0", "--connection", url) == (0, "0 entries deleted.\n")
    with Queue(url) as queue:
        queue._services.clock = lambda: 0.0
        old = queue.batch(["J1"]).dispatch()
        old.cancel()
    code, output = call("prune-batches", "--unfinished", "100000", "--cancelled", "100", "--connection", url)
    assert code == 0
    with Queue(url) as queue:
        assert queue.find_batch(old.id) is None
        assert queue.find_batch(batch.id) is not None
    assert "deleted" in output
