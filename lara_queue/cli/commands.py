"""The list of all commands, in the order ``--help`` shows them, and the way in."""

from __future__ import annotations

import click

from lara_queue._version import __version__
from lara_queue.cli.batches import prune_batches, retry_batch
from lara_queue.cli.demo import demo
from lara_queue.cli.doctor import doctor
from lara_queue.cli.failed import failed, flush, forget, prune_failed, retry
from lara_queue.cli.health import health
from lara_queue.cli.inspect import inspect
from lara_queue.cli.make import make_php_command, make_python_command
from lara_queue.cli.options import general_options
from lara_queue.cli.program import Program, run_as_program
from lara_queue.cli.push import push
from lara_queue.cli.queues import clear, monitor, size
from lara_queue.cli.signals import pause, restart, resume
from lara_queue.cli.tables import tables
from lara_queue.cli.work import work

__all__ = ["cli", "main"]


@click.group(cls=Program, invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="lara-queue", message="%(prog)s %(version)s")
@general_options
@click.pass_context
def cli(context: click.Context) -> None:
    """Laravel's queue in Python: run the jobs that a Laravel application pushes, look after its queues.

    The queue is named by a URL (--connection, or LARA_QUEUE_URL), or taken from code (--app module:attribute).
    Mistakes are told in one line and end with exit code 1; --debug shows the traceback.

    \b
    Example:
        lara-queue work app:queue --queue high,default
        lara-queue inspect --connection redis://localhost:6379/0 default
    """
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


for command in (
    demo,
    work,
    push,
    size,
    inspect,
    monitor,
    clear,
    failed,
    retry,
    forget,
    flush,
    prune_failed,
    retry_batch,
    prune_batches,
    restart,
    pause,
    resume,
    health,
    tables,
    doctor,
    make_php_command,
    make_python_command,
):
    cli.add_command(command)


def main() -> None:
    """The console script: runs the command of ``sys.argv`` and ends the process with its exit code."""
    run_as_program(cli)
