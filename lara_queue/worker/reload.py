"""Noticing that source files have changed, for ``work --reload``: modification times, looked at now and then.

Polling needs no library, works on network and container file systems, and costs a few milliseconds for a thousand
files. It is for development.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

__all__ = ["Watcher"]

SKIPPED = frozenset(("__pycache__", "node_modules", "vendor", "site-packages", "build", "dist"))
"""Directories with nothing that is edited while a worker runs; hidden ones and virtual environments are skipped too."""


class Watcher:
    """The Python files below a directory.

    Parameters:
        root: the directory.
        suffix: how the files end.
    """

    def __init__(self, root: str | Path, suffix: str = ".py") -> None:
        self.root = str(root)
        self.suffix = suffix
        self._seen = dict(self._files())

    def changed(self) -> list[str]:
        """The files that were changed, added or removed since the last call, sorted."""
        now = dict(self._files())
        before, self._seen = self._seen, now
        return sorted(path for path in before.keys() | now.keys() if before.get(path) != now.get(path))

    def _files(self) -> Iterator[tuple[str, tuple[int, int]]]:
        """Each file with what changes when it is written: its time and its size."""
        waiting = [self.root]
        while waiting:
            directory = waiting.pop()
            try:
                entries = list(os.scandir(directory))
            except OSError:
                continue  # removed meanwhile, or not ours to read
            for entry in entries:
                try:
                    if entry.is_dir(follow_symlinks=False):
                        if not _is_skipped(entry):
                            waiting.append(entry.path)
                    elif entry.name.endswith(self.suffix):
                        found = entry.stat()
                        yield entry.path, (found.st_mtime_ns, found.st_size)
                except OSError:
                    continue


def _is_skipped(entry: os.DirEntry[str]) -> bool:
    return entry.name in SKIPPED or entry.name.startswith(".") or os.path.exists(os.path.join(entry.path, "pyvenv.cfg"))
