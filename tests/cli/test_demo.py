"""``demo`` on a pipe and on a terminal."""

from __future__ import annotations

import io
from pathlib import Path

from click.testing import CliRunner
from rich.console import Console

from lara_queue.cli import cli
from lara_queue.demo.recorded import recorded
from lara_queue.demo.screen import LiveScreen
from lara_queue.demo.story import BROKEN, FLAKY, tell
from lara_queue.job import Job


def test_on_a_pipe_it_tells_the_whole_story_in_lines() -> None:
    result = CliRunner().invoke(cli, ["demo"])
    assert result.exit_code == 0, result.output
    lines = result.output.splitlines()
    assert "10 jobs handled in 13 attempts, 1 failed job retried, 0 failed jobs left, 1 job waits for PHP." in (
        result.output
    )
    assert sum(line.endswith("-> done") for line in lines) == 10
    assert any(BROKEN in line and "-> failed: flag must not be true" in line for line in lines)
    assert any(FLAKY in line and "-> again in 0 s" in line for line in lines)
    assert "\x1b" not in result.output


def test_on_a_terminal_it_is_a_live_table(tmp_path: Path) -> None:
    out = io.StringIO()
    story = tell(LiveScreen(Console(file=out, force_terminal=True, width=120)), folder=tmp_path)
    assert (story.handled, story.failed, story.waiting, story.retried) == (10, 0, 1, 1)
    assert "PodcastProcessed" in out.getvalue()
    assert "Laravel's own protocol" in out.getvalue()


def test_the_recorded_jobs_are_real_and_of_every_release() -> None:
    jobs = recorded()
    assert [job.laravel.split(".")[0] for job in jobs if job.laravel] == [
        *("8", "10", "11", "12", "13", "12", "11", "10", "12", "12"),
    ]
    from lara_queue.laravel.encrypter import Encrypter
    from lara_queue.ports import Reservation

    kinds = set()
    for job in jobs:
        key = Encrypter(job.app_key) if job.app_key else None
        kinds.add(Job(Reservation("q", job.body, 1, None, 0), encrypter=key).kind)
    assert kinds == {"job", "listener", "mailable", "notification", "string"}
