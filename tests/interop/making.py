"""PHP with classes that ``lara-queue make`` wrote or read, beside the harness's own."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from click.testing import CliRunner

from lara_queue import Queue
from lara_queue.cli import cli

from .laravel import Laravel, Ran
from .php_server import PHP, PhpServer, Record

__all__ = ["SHOP", "Php", "forget", "make", "python_package"]

SHOP = PHP / "shop"
"""An application with jobs to read; see its ``composer.json``."""


class Php:
    """A PHP process that can load the classes in some folders.

    :param laravel: the application whose Redis it uses.
    :param roots: namespaces, with a backslash at their end, and their folders.
    """

    def __init__(self, laravel: Laravel, roots: dict[str, Path]) -> None:
        self.laravel = laravel
        self.server = PhpServer("make.php")
        self.roots = {prefix: str(folder) for prefix, folder in roots.items()}

    def dispatch(self, job: str) -> Record:
        """Dispatch what a PHP expression makes, through Laravel's bus; the payload without its data."""
        answer = self.server.ask({"op": "dispatch", "roots": self.roots, "job": job, "config": self.laravel.settings})
        payload: Record = answer["payload"]
        return payload

    def work(self, queues: str) -> Ran:
        """What Laravel's worker recorded until the queues were empty."""
        config = self.laravel.settings
        answer = self.server.ask({"op": "work", "roots": self.roots, "queues": queues, "config": config})
        return Ran(answer["records"])

    def close(self) -> None:
        self.server.close()


def make(*words: str) -> str:
    """What a command of ``lara-queue`` printed; it must have ended well."""
    result = CliRunner().invoke(cli, words)
    assert result.exit_code == 0, result.output
    return result.output


def python_package(folder: Path, name: str, laravel: Laravel, words: Sequence[str] = ()) -> tuple[Queue, ModuleType]:
    """The jobs of the shop as a package made by ``make:python``; its queue object, and its models.

    :param folder: an empty one on ``sys.path``.
    :param name: of the package; no other test may use it.
    """
    where = {"appname": laravel.appname, "prefix": laravel.prefix}
    lines = ["from lara_queue import Queue", "", f"queue = Queue({laravel.url!r}, queue='shipping', **{where!r})"]
    (folder / f"{name}_app.py").write_text("\n".join(lines))
    make("make:python", str(SHOP / "app" / "Jobs"), "--out", str(folder / name), "--app", f"{name}_app:queue", *words)
    importlib.invalidate_caches()
    models = importlib.import_module(f"{name}.models")
    app: Any = importlib.import_module(f"{name}_app")
    queue: Queue = app.queue
    return queue, models


def forget(*names: str) -> None:
    """Take modules made by a test out of this process again."""
    for name in [each for each in sys.modules if each.partition(".")[0] in names]:
        del sys.modules[name]
