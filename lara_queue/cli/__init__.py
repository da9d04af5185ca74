"""The command line, ``lara-queue``: artisan's verbs and flags for a queue that Python works on.

One module for each group of commands; each command is a call or two into the library and the printing of what it
answers. What all of them share: :mod:`program` (the group, and how a mistake is told in one line), :mod:`session` (from
options to a queue), :mod:`locate` (from ``module:attribute`` to an object) and :mod:`output` (tables, JSON, colour).
"""

from __future__ import annotations

from lara_queue.cli.commands import cli, main

__all__ = ["cli", "main"]
