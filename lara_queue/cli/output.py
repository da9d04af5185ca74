"""How commands print: colour and frames on a terminal, plain aligned text in a pipe, JSON for programs.

Text that came out of a queue is somebody else's: control characters in it are shown, not obeyed, and it is never read
as markup.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Sequence
from typing import IO, TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.console import Console

__all__ = [
    "console",
    "is_terminal",
    "note",
    "paint",
    "print_json",
    "safe",
    "table",
    "terminal_width",
    "wants_colour",
    "warn",
]

PIPE_WIDTH = 10_000


def is_terminal(stream: IO[Any] | None = None) -> bool:
    """True when a person is likely to look at the stream (stdout by default)."""
    return bool(getattr(stream if stream is not None else sys.stdout, "isatty", lambda: False)())


def wants_colour(stream: IO[Any] | None = None) -> bool:
    """True on a terminal that has not been asked to do without (``NO_COLOR``, ``TERM=dumb``)."""
    return is_terminal(stream) and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def paint(text: str, colour: str, stream: IO[Any] | None = None, *, bold: bool = False) -> str:
    """The text in a colour where colour is wanted, else as it is."""
    return click.style(text, fg=colour, bold=bold or None) if wants_colour(stream) else text


def terminal_width() -> int:
    """Columns of the terminal; 80 in a pipe."""
    return shutil.get_terminal_size((80, 24)).columns


def safe(text: object) -> str:
    """The text with everything that is not printable written as an escape.

    >>> safe("caf\\u00e9 \\x1b[31mred\\x00")
    'café \\\\x1b[31mred\\\\x00'
    """
    shown = str(text)
    if shown.isprintable():
        return shown
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in shown)


def console() -> Console:
    """A rich console on stdout; in a pipe it never wraps or colours."""
    from rich.console import Console

    if is_terminal():
        plain = not wants_colour()  # then nothing bold or dim either
        return Console(highlight=False, markup=False, emoji=False, color_system=None if plain else "auto")
    return Console(file=sys.stdout, width=PIPE_WIDTH, highlight=False, markup=False, emoji=False, color_system=None)


def print_json(value: Any) -> None:
    """Print a value for programs; ASCII only, so that no locale can spoil it."""
    click.echo(json.dumps(value, indent=2))


def note(text: str) -> None:
    """Print one line for people."""
    click.echo(text)


def warn(text: str) -> None:
    """Print one line for people on stderr."""
    click.echo(f"{paint('lara-queue:', 'yellow', sys.stderr)} {' '.join(safe(text).split())}", err=True)


def table(columns: Sequence[str], rows: Sequence[Sequence[object]], *, right: frozenset[int] = frozenset()) -> None:
    """Print rows under headings; ``right`` are the columns of numbers."""
    shown = [[safe(cell) for cell in row] for row in rows]
    if not is_terminal():
        _plain_table([name.upper() for name in columns], shown, right)
        return
    from rich import box
    from rich.table import Table

    framed = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for number, name in enumerate(columns):
        framed.add_column(name, justify="right" if number in right else "left", overflow="fold")
    for row in shown:
        framed.add_row(*row)
    console().print(framed)


def _plain_table(headings: Sequence[str], rows: Sequence[Sequence[str]], right: frozenset[int]) -> None:
    widths = [max(len(row[number]) for row in (headings, *rows)) for number in range(len(headings))]
    for row in (headings, *rows):
        cells = [
            cell.rjust(width) if number in right else cell.ljust(width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        click.echo("  ".join(cells).rstrip())
