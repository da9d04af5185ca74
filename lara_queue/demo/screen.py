"""The demo to look at: a live table on a terminal, plain lines where it is piped."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from lara_queue.cli.describe import Seen
from lara_queue.cli.output import safe
from lara_queue.cli.tree import draw
from lara_queue.demo.recorded import Recorded
from lara_queue.demo.story import Story
from lara_queue.job import Job
from lara_queue.laravel.models import ModelIdentifier
from lara_queue.php import PhpEnum, PhpObject

__all__ = ["LiveScreen", "PlainScreen"]

NEXT = (
    ("lara-queue doctor --laravel PATH", "what lara-queue finds in your Laravel application"),
    ("lara-queue size --laravel PATH", "what is waiting in its queues"),
    ("lara-queue inspect --laravel PATH default", "the next jobs, decoded"),
    ("lara-queue work app:queue", "run a worker for the queue in app.py"),
)


class PlainScreen:
    """One line for each thing that happens.

    Parameters:
        console: where they go.
    """

    def __init__(self, console: Console) -> None:
        self.console = console
        self._from: dict[str | None, str] = {}

    def begin(self, path: Path, jobs: list[Recorded]) -> None:
        """The queue has been filled."""
        self._from = _releases(jobs)
        self._line(
            f"{len(jobs)} jobs that Laravel 8 to 13 wrote are in {path.name}, as a Laravel application has them."
        )

    def running(self, job: Job) -> None:
        """A job is about to run."""

    def ended(self, job: Job, how: str, seconds: float) -> None:
        """An attempt is over."""
        release = self._from.get(job.uuid, "")
        self._line(f"  {safe(job.name)} ({job.kind}, Laravel {release}) {summary(job.data, 90)} -> {how}")

    def say(self, text: str) -> None:
        """Something to read between two acts."""
        self._line(text)

    def answer(self, job: Job) -> None:
        """The job that was pushed for PHP."""
        self._line("A job was pushed for PHP. A Laravel worker finds in its queue:")
        self._line(f"  {job.raw_body.decode()}")
        self._line(f"and makes of it: {safe(job.name)} {summary(job.data, 200)}")

    def end(self, story: Story) -> None:
        """It is over."""
        self._line(
            f"{story.handled} jobs handled in {story.attempts} attempts, {story.retried} failed job retried, "
            f"{story.failed} failed jobs left, {story.waiting} job waits for PHP. {story.seconds:.1f} s."
        )
        self._line("Next:")
        for command, what in NEXT:
            self._line(f"  {command:44} {what}")

    def _line(self, text: str) -> None:
        self.console.print(Text(text), soft_wrap=True)


class LiveScreen:
    """A table that grows while the worker works.

    Parameters:
        console: a terminal.
    """

    def __init__(self, console: Console) -> None:
        self.console = console
        self._from: dict[str | None, str] = {}
        self._rows: list[tuple[str, Job, str, str]] = []
        self._total = self._done = 0
        self._live: Live | None = None

    def begin(self, path: Path, jobs: list[Recorded]) -> None:
        """The queue has been filled."""
        self._from = _releases(jobs)
        self._total = len(jobs)
        self.console.print()
        self.console.print(
            Panel(
                Text(
                    f"{len(jobs)} jobs that real Laravel 8 to 13 applications wrote are waiting in an SQLite "
                    "database with Laravel's tables. A Python worker takes them now, by Laravel's own protocol.",
                    justify="center",
                ),
                title="lara_queue",
                border_style="cyan",
            )
        )
        self._open()

    def running(self, job: Job) -> None:
        """A job is about to run."""
        self._rows.append((datetime.now().strftime("%H:%M:%S"), job, "running", ""))
        self._show()

    def ended(self, job: Job, how: str, seconds: float) -> None:
        """An attempt is over."""
        at, _, _, _ = self._rows.pop()
        self._done += how == "done"
        self._rows.append((at, job, how, f"{seconds * 1000:.0f} ms"))
        self._show()

    def say(self, text: str) -> None:
        """Something to read between two acts."""
        self._close()
        self.console.print()
        self.console.print(Text(text, style="yellow"))
        self.console.print()
        self._rows.clear()
        self._open()

    def answer(self, job: Job) -> None:
        """The job that was pushed for PHP."""
        self._close()
        self.console.print()
        self.console.print(
            Text("And back: a job was pushed for PHP's workers. In the table jobs stands", style="yellow")
        )
        self.console.print(Syntax(job.raw_body.decode(), "json", word_wrap=True, theme="ansi_dark"))
        self.console.print(Text("which PHP reads as", style="yellow"))
        self.console.print(draw(Seen(job, "pending", None)))

    def end(self, story: Story) -> None:
        """It is over."""
        self._close()
        summary_ = Text.assemble(
            (f"{story.handled} jobs handled", "bold green"),
            f" in {story.attempts} attempts, {story.retried} failed job retried, {story.failed} failed jobs left, "
            f"{story.waiting} job waits for PHP. {story.seconds:.1f} s.",
        )
        commands = Table.grid(padding=(0, 2))
        for command, what in NEXT:
            commands.add_row(Text(command, style="bold cyan"), what)
        self.console.print(Panel(Group(summary_, Text(), Text("Next:"), commands), border_style="green"))

    def _open(self) -> None:
        self._live = Live(self._table(), console=self.console, refresh_per_second=20)
        self._live.start()

    def _close(self) -> None:
        if self._live is not None:
            self._live.update(self._table(), refresh=True)
            self._live.stop()
            self._live = None

    def _show(self) -> None:
        if self._live is not None:
            self._live.update(self._table())

    def _table(self) -> Group:
        table = Table(expand=True, box=None, header_style="dim", pad_edge=False)
        table.add_column("time", no_wrap=True, style="dim")
        table.add_column("job", no_wrap=True, style="bold", overflow="ellipsis", ratio=3)
        table.add_column("from", no_wrap=True, style="cyan")
        table.add_column("what is in it", no_wrap=True, overflow="ellipsis", ratio=5)
        table.add_column("result", no_wrap=True, overflow="ellipsis", ratio=3)
        for at, job, how, took in self._rows:
            colour = _COLOURS.get(how.split(" ", 1)[0].rstrip(":"), "yellow")
            release = self._from.get(job.uuid, "")
            result = Text.assemble((how, colour), (f"  {took}", "dim"))
            table.add_row(at, safe(job.name), release, summary(job.data, 120), result)
        bar = ProgressBar(total=max(1, self._total), completed=self._done, width=40)
        return Group(table, Text(), bar)


_COLOURS = {"done": "green", "failed": "red", "running": "cyan"}


def _releases(jobs: list[Recorded]) -> dict[str | None, str]:
    from lara_queue.laravel.envelope import Envelope

    return {Envelope.parse(job.body).uuid: job.laravel for job in jobs}


def summary(value: Any, longest: int) -> str:
    """The job's data in one line.

    >>> summary({"id": 7, "flag": True}, 40)
    'id=7 flag=True'
    """
    text = " ".join(f"{name}={_short(item)}" for name, item in value.items()) if isinstance(value, dict) else str(value)
    return safe(text if len(text) <= longest else text[: longest - 1] + "…")


def _short(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat(sep=" ", timespec="seconds")
    if isinstance(value, PhpEnum):
        return f"{value.class_name.rpartition(chr(92))[2]}::{value.case}"
    if isinstance(value, ModelIdentifier):
        return f"{(value.class_name or '').rpartition(chr(92))[2]}#{value.id}"
    if isinstance(value, PhpObject):
        return value.class_name.rpartition("\\")[2]
    if isinstance(value, dict):
        return "{" + " ".join(f"{key}={_short(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_short(item) for item in value) + "]"
    return repr(value) if isinstance(value, str) else str(value)
