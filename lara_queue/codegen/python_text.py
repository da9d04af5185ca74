"""Pieces of Python source, laid out as black and ruff would leave them, whatever line length they are set to.

Up to :data:`WIDTH` a line stays whole; a longer one is broken up with a comma at the end, which keeps it so.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from lara_queue.codegen.python_names import import_key

__all__ = ["WIDTH", "call_lines", "comment_lines", "docstring_lines", "import_lines", "quoted", "spread"]

WIDTH = 88
"""What black and ruff take for a line's length when nobody says."""


def quoted(text: str) -> str:
    """A string with the quotes that black and ruff choose.

    >>> print(quoted("App\\\\Jobs"), quoted('say "hi"'))
    "App\\\\Jobs" 'say "hi"'
    """
    made = repr(text)
    if made[0] == '"' or '"' in text:
        return made
    inner = made[1:-1].replace("\\'", "'")
    return f'"{inner}"'


def call_lines(whole: str, start: str, arguments: Sequence[str], indent: str) -> list[str]:
    """A call in one line where it fits, else with a line for each argument.

    :param whole: it in one line.
    :param start: up to its opening bracket.
    :param arguments: what is within the brackets.
    :param indent: in front of the closing bracket.
    """
    if len(whole) <= WIDTH and "\n" not in whole:
        return [whole]
    return [start, *(f"{indent}    {argument}," for argument in arguments), f"{indent})"]


def import_lines(module: str, names: Iterable[str]) -> list[str]:
    """One ``from … import …``, sorted, and broken up where it is too long.

    >>> import_lines(".models", ["B", "A"])
    ['from .models import A, B']
    """
    ordered = sorted(set(names), key=import_key)
    whole = f"from {module} import {', '.join(ordered)}"
    return call_lines(whole, f"from {module} import (", ordered, "")


def comment_lines(text: str, indent: str) -> list[str]:
    """A comment, wrapped between words."""
    room = WIDTH - len(indent) - len("# ")
    return [f"{indent}# {line}" for line in _wrapped(text, room)]


def docstring_lines(lines: Sequence[str]) -> list[str]:
    """The docstring of a class: its first line, and a paragraph of the others."""
    safe = [line.replace("\\", "/").replace('"""', "'''") for line in lines]
    if len(safe) == 1:
        return [f'    """{safe[0]}"""']
    wrapped = [f"    {part}" for line in safe[1:] for part in _wrapped(line, WIDTH - 4)]
    return [f'    """{safe[0]}', "", *wrapped, '    """']


def _wrapped(text: str, room: int) -> list[str]:
    return textwrap.wrap(text, room, break_long_words=False, break_on_hyphens=False)


def spread(value: Any, write: Callable[[Any], str], indent: int, column: int) -> str:
    """A list or dict, with a line for each item where it is too long for one.

    :param value: what is written.
    :param write: writes a value in one line.
    :param indent: columns in front of the line it is on.
    :param column: where on that line it begins.
    """
    whole = write(value)
    if column + len(whole) < WIDTH or not isinstance(value, (list, dict)) or not value:
        return whole
    inner = indent + 4
    if isinstance(value, list):
        items = [spread(item, write, inner, inner) for item in value]
    else:
        pairs = ((f"{write(key)}: ", item) for key, item in value.items())
        items = [key + spread(item, write, inner, inner + len(key)) for key, item in pairs]
    lines = [f"{' ' * inner}{item}," for item in items]
    return "\n".join([whole[0], *lines, f"{' ' * indent}{whole[-1]}"])
