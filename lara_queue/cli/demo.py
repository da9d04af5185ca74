"""``demo``: the main job in one minute, with no server and no arguments."""

from __future__ import annotations

import logging

import click
from rich.console import Console

from lara_queue.cli.options import general_options
from lara_queue.cli.program import CommandError

__all__ = ["demo"]


@click.command()
@click.option(
    "--pace",
    type=click.FloatRange(min=0, max=2),
    help="Seconds each job takes; default 0.25 on a terminal, 0 elsewhere.",
)
@general_options
def demo(pace: float | None) -> None:
    """Show what lara_queue does: real Laravel jobs in an SQLite database, a worker, a failure, a job for PHP.

    It needs no server, makes its database in a temporary folder, and ends by itself in a few seconds.

    \b
    Example:
        lara-queue demo
    """
    # Here and not above: the databases' library takes half a second to import, which no other command should pay.
    from lara_queue.demo.screen import LiveScreen, PlainScreen
    from lara_queue.demo.story import Screen, tell

    console = Console()
    screen: Screen = LiveScreen(console) if console.is_terminal else PlainScreen(console)
    logger = logging.getLogger("lara_queue")
    before = logger.level
    logger.setLevel(logging.CRITICAL)  # the failures are part of the show, and shown there
    try:
        story = tell(screen, pace=pace if pace is not None else 0.25 if console.is_terminal else 0)
    finally:
        logger.setLevel(before)
    if story.failed or story.waiting != 1:
        raise CommandError("The demo did not go as it should; please report this with the output above.")
