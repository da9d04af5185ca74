"""What the demo does: a queue in an SQLite file, recorded jobs in it, a worker, a failure and its retry, a job back."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from lara_queue.demo.recorded import APP_KEY, Recorded, recorded
from lara_queue.job import Job
from lara_queue.queue import Queue
from lara_queue.sql import Database, Transaction, schema

__all__ = ["Screen", "Story", "tell"]

FLAKY = "App\\Jobs\\ProcessPodcast"
BROKEN = "App\\Jobs\\Plain"
ANSWER = "App\\Jobs\\PodcastProcessed"


class Screen(Protocol):
    """Where the demo is shown."""

    def begin(self, path: Path, jobs: list[Recorded]) -> None:
        """The queue has been filled."""

    def running(self, job: Job) -> None:
        """A job is about to run."""

    def ended(self, job: Job, how: str, seconds: float) -> None:
        """An attempt is over: ``done``, ``failed``, or ``again in … s``."""

    def say(self, text: str) -> None:
        """Something to read between two acts."""

    def answer(self, job: Job) -> None:
        """The job that was pushed for PHP."""

    def end(self, story: Story) -> None:
        """It is over."""


@dataclass(slots=True)
class Story:
    """What happened, for the summary.

    Attributes:
        path: the database.
        handled: jobs that went well.
        attempts: how often a handler ran.
        retried: failed jobs that were retried.
        waiting: jobs that wait for PHP.
        failed: failures that are left.
        seconds: how long it took.
    """

    path: Path
    handled: int = 0
    attempts: int = 0
    retried: int = 0
    waiting: int = 0
    failed: int = 0
    seconds: float = 0.0
    problems: list[str] = field(default_factory=list)


def tell(screen: Screen, *, pace: float = 0.0, folder: Path | None = None) -> Story:
    """The whole demo; what happened.

    Parameters:
        screen: where it is shown.
        pace: seconds that each job takes, so that people can follow.
        folder: where the database goes; default a temporary folder, which is removed at the end.
    """
    if folder is None:
        with tempfile.TemporaryDirectory(prefix="lara-queue-demo-") as name:
            return tell(screen, pace=pace, folder=Path(name))
    begun = time.monotonic()
    path = folder / "database.sqlite"
    _make_tables(path)
    story = Story(path)
    jobs = recorded()
    with Queue(f"sqlite:///{path}", queue="default", app_key=APP_KEY) as queue:
        for each in jobs:
            queue.push_raw(each.body)
        screen.begin(path, jobs)
        act = _Act(queue, screen, story, pace)
        act.work()
        screen.say(
            f"{BROKEN} has failed for good: it is in failed_jobs, where `php artisan queue:failed` lists it. "
            "Its bug is mended now, so it is retried:"
        )
        act.mended = True
        story.retried = len(queue.failed.retry("all"))
        act.work()
        queue.push(ANSWER, {"podcastId": 12, "seconds": 1834.5, "speakers": ["Ada", "Grace"]}, queue="php", tries=3)
        (answer,) = queue.pending_jobs("php")
        screen.answer(answer)
        story.waiting, story.failed = queue.size("php"), queue.failed.count()
    story.seconds = time.monotonic() - begun
    screen.end(story)
    return story


class _Act:
    """A worker on the queue, shown on the screen."""

    def __init__(self, queue: Queue, screen: Screen, story: Story, pace: float) -> None:
        self.queue = queue
        self.mended = False
        self._screen = screen
        self._story = story
        self._pace = pace
        self._begun = 0.0
        queue.handler(self._handle)
        for event, how in _ENDINGS.items():
            queue.on(event)(lambda told, how=how: self._ended(told, how))

    def work(self) -> None:
        """Run jobs until there are none."""
        self.queue.listen(stop_when_empty_for=0.3, sleep=0.1, tries=2, backoff=0)

    def _handle(self, job: Job) -> None:
        self._begun = time.monotonic()
        self._story.attempts += 1
        self._screen.running(job)
        _ = job.data
        time.sleep(self._pace)
        if job.name == FLAKY and job.attempts == 1:
            raise ConnectionError("the transcription service did not answer")
        if job.name == BROKEN and not self.mended:
            raise ValueError("flag must not be true")

    def _ended(self, told: Any, how: Callable[[Any], str]) -> None:
        self._story.handled += how is _done
        self._screen.ended(told.job, how(told), time.monotonic() - self._begun)


def _done(_: Any) -> str:
    return "done"


_ENDINGS: dict[str, Callable[[Any], str]] = {
    "job.processed": _done,
    "job.released_after_exception": lambda told: f"again in {told.delay:g} s: {told.exception}",
    "job.failed": lambda told: f"failed: {told.exception}",
}


def _make_tables(path: Path) -> None:
    database = Database(f"sqlite:///{path}", create=True)
    tables = (schema.jobs(), schema.failed_jobs(), schema.batches(), schema.cache(), schema.cache_locks())

    def make(transaction: Transaction) -> None:
        for table in tables:
            table.create(transaction.connection)

    database.transact(make)
    database.close()
