"""The group of all commands, and how a mistake is told: one line on stderr, exit code 1, a traceback only on request.

Exit codes are artisan's: 0, 1 for a mistake or a "no", 12 for a worker at its memory limit; 130 for Ctrl-C in a command
that was not working on jobs (a worker finishes the job in hand and ends with 0).
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence
from typing import Any, NoReturn

import click

from lara_queue.cli.output import paint
from lara_queue.errors import LaraQueueError

__all__ = ["CommandError", "Program", "State", "leave_now", "one_line", "run_as_program", "state"]

EXIT_MISTAKE = 1
EXIT_CTRL_C = 130


class CommandError(click.ClickException):
    """A mistake that the user can mend; the message is one line and says how."""


class State:
    """What this run of the program knows of itself.

    Attributes:
        arguments: the command line after the program's name; a supervisor starts its children with the same.
        verbosity: how often ``-v`` was given.
        debug: show tracebacks (``--debug``, or any ``-v``).
        own_process: this is a process of its own, so that it may be ended outright.
    """

    def __init__(self) -> None:
        self.arguments: tuple[str, ...] = ()
        self.verbosity = 0
        self.debug = False
        self.own_process = False


state = State()


class Program(click.Group):
    """A click group that lists commands in the order they were added and tells mistakes in one line."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names in the order in which the commands were added."""
        return list(self.commands)

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: Any,
    ) -> Any:
        """Run a command; in standalone mode, the default, ends with ``SystemExit`` and never another exception."""
        state.debug, state.verbosity = False, 0
        state.arguments = tuple(sys.argv[1:] if args is None else args)

        def run() -> Any:
            return super(Program, self).main(args, prog_name or "lara-queue", complete_var, False, **extra)

        if not standalone_mode:
            return run()
        try:
            result = run()
        except click.Abort:  # Ctrl-C, or no answer where one was asked for
            click.echo("lara-queue: stopped.", err=True)
            sys.exit(EXIT_CTRL_C)
        except Exception as error:
            if state.debug:
                traceback.print_exception(error)
            tell(error)
            sys.exit(EXIT_MISTAKE)
        sys.exit(result if isinstance(result, int) else 0)


def tell(error: BaseException) -> None:
    """Print what went wrong, in one line on stderr."""
    click.echo(f"{paint('lara-queue:', 'red', sys.stderr)} {one_line(error)}", err=True)


def one_line(error: BaseException) -> str:
    """The error in one line, with a hint where there is one.

    >>> one_line(CommandError("No such queue.\\n  Try another."))
    'No such queue. Try another.'
    """
    if isinstance(error, click.UsageError):
        command = error.ctx.command_path if error.ctx is not None else "lara-queue"
        return _joined(f"{error.format_message().rstrip('.')}. See '{command} --help'.")
    if isinstance(error, click.ClickException):
        return _joined(error.format_message())
    if isinstance(error, LaraQueueError):
        return _joined(str(error)) or type(error).__name__
    return f"{type(error).__name__}: {_joined(str(error))} (--debug shows where)"


def _joined(text: str) -> str:
    return " ".join(text.split())


def run_as_program(group: Program) -> None:
    """Run the group as this process and end it."""
    state.own_process = True
    group.main()


def leave_now(code: int) -> NoReturn:
    """End the process without waiting for any thread."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
