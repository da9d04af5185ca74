"""``Laravel``: an application on disk, and queues that work on what it is configured with."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from lara_queue.aio import AsyncQueue
from lara_queue.errors import ConfigurationError
from lara_queue.queue import Queue

if TYPE_CHECKING:  # what reads an application is loaded when there is one: most programs have none
    from lara_queue.application.config import Config
    from lara_queue.application.settings import Settings
    from lara_queue.application.versions import Version

__all__ = ["Laravel"]


class Laravel:
    """A Laravel application (8 to 13) whose folder can be read; no PHP is run, and nothing is connected.

    Read are, as Laravel does: ``bootstrap/cache/config.php`` when it is there; else ``.env`` under the variables of the
    process, ``config/app.php``, ``cache.php``, ``database.php`` and ``queue.php``, and the framework's or the
    skeleton's defaults.

    Parameters:
        path: the application's folder, the one with ``artisan`` in it.
        environ: the variables of the process; they beat those of ``.env``.

    Raises :class:`~lara_queue.errors.ConfigurationError` when there is no application, or when its ``.env`` is one that
    Laravel refuses, too.

    >>> Laravel("/nowhere")
    Traceback (most recent call last):
    lara_queue.errors.ConfigurationError: There is no Laravel application in /nowhere: no artisan, ...
    """

    def __init__(self, path: str | os.PathLike[str] = ".", environ: Mapping[str, str] | None = None) -> None:
        from lara_queue.application.config import load_config
        from lara_queue.application.resolve import resolve
        from lara_queue.application.versions import find_version

        self.path = Path(os.path.abspath(os.path.expanduser(path)))
        if not is_application(self.path):
            raise ConfigurationError(
                f"There is no Laravel application in {self.path}: no artisan, composer.json or config/."
            )
        process = os.environ if environ is None else environ
        self.version: Version = find_version(self.path)
        self.config: Config = load_config(self.path, self.version, process)
        storage = process.get("LARAVEL_STORAGE_PATH") if self.version.major >= 10 else None
        self.settings: Settings = resolve(
            self.path, self.version, self.config, Path(storage) if storage else self.path / "storage"
        )

    @classmethod
    def find(cls, start: str | os.PathLike[str] = ".", environ: Mapping[str, str] | None = None) -> Laravel | None:
        """The application that a folder belongs to: the nearest of it and its parents; None when there is none."""
        folder = Path(os.path.abspath(start))
        for candidate in (folder, *folder.parents):
            if (candidate / "artisan").is_file() and is_application(candidate):
                return cls(candidate, environ)
        return None

    def __repr__(self) -> str:
        return f"<Laravel {self.version.text} in {self.path}>"

    def queue(self, name: str | None = None, *, connection: str | None = None, **overrides: Any) -> Queue:
        """A blocking queue on one of the application's queue connections, as its configuration says.

        Parameters:
            name: the queue; None for the connection's own.
            connection: the queue connection; None for the default one.
            overrides: arguments of :class:`~lara_queue.Queue` that beat the configuration.

        Raises :class:`~lara_queue.errors.ConfigurationError` when the connection has no store that can be used.

        Example::

            queue = Laravel("/srv/shop").queue("emails", connection="redis")
        """
        return Queue(**self._arguments("sync", name, connection, overrides))

    def async_queue(self, name: str | None = None, *, connection: str | None = None, **overrides: Any) -> AsyncQueue:
        """The same on asyncio; see :meth:`queue`."""
        return AsyncQueue(**self._arguments("async", name, connection, overrides))

    def _arguments(
        self, face: Literal["sync", "async"], name: str | None, connection: str | None, overrides: dict[str, Any]
    ) -> dict[str, Any]:
        from lara_queue.application.arguments import queue_arguments

        arguments = queue_arguments(self.settings, self.settings.connection(connection), face)
        if name is not None:
            arguments["queue"] = name
        if "appname" in overrides and "prefix" not in overrides:
            overrides = {**overrides, "prefix": "_database_"}  # the two belong together
        return {**arguments, **overrides}


def is_application(folder: Path) -> bool:
    """True for a folder that looks like a Laravel application."""
    if not folder.is_dir():
        return False
    return any((folder / name).exists() for name in ("artisan", "config/queue.php", "config/database.php")) or (
        (folder / "composer.json").is_file() and (folder / "bootstrap").is_dir()
    )
