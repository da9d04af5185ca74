"""Laravel's cache in files. Mirrors ``Cache/FileStore.php`` and ``Cache/FileLock.php``.

A value is a file under the SHA-1 of its key: ten digits, the Unix time at which it runs out, then the PHP-serialized
value. Every change is made while the file is held, so that counting up loses nothing and a lock has one owner. Files
that have run out are left for PHP to delete: it does so when it next reads them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from lara_queue.cache.files import FileLink, at, content_of, held, overwrite, seen
from lara_queue.cache.values import as_number, unpack, whole_seconds
from lara_queue.clock import Clock, system_clock
from lara_queue.php import dumps
from lara_queue.plans import Plan

__all__ = ["FOREVER", "LOCK_PREFIX", "FileCache", "path_of", "swap"]

FOREVER: Final = 9_999_999_999
DIGITS: Final = 10

LOCK_PREFIX: Final = "file-store-lock:"
"""What Laravel 12.36 and later put before a lock's name; earlier versions put nothing."""

_Entry = tuple[int, bytes]
"""When it runs out, and the serialized value."""


class FileCache:
    """A cache store in a folder. There is no key prefix in it.

    Parameters:
        link: see :func:`~lara_queue.cache.files.file_link`.
        directory: the folder, ``storage/framework/cache/data`` by default in Laravel.
        lock_directory: the folder of the locks (``lock_path``); None for the same.
        lock_prefix: what stands before a lock's name: :data:`LOCK_PREFIX`, or nothing before Laravel 12.36.
        clock: tells the Unix time in seconds.
    """

    name = "file"

    def __init__(
        self,
        link: FileLink,
        directory: str | Path,
        *,
        lock_directory: str | Path | None = None,
        lock_prefix: str = LOCK_PREFIX,
        clock: Clock = system_clock,
    ) -> None:
        self.link = link
        self.directory = Path(directory)
        self.lock_directory = Path(lock_directory) if lock_directory is not None else self.directory
        self.lock_prefix = lock_prefix
        self._clock = clock

    def get(self, key: str) -> Plan[Any]:
        """The value, or None."""
        return (yield from self.get_many([key]))[0]

    def get_many(self, keys: Sequence[str]) -> Plan[list[Any]]:
        """The values in order, in one step."""
        paths = [path_of(self.directory, key) for key in keys]
        entries: list[bytes | None] = yield at(self.link, read_all, paths, self._now())
        return [None if entry is None else unpack(entry) for entry in entries]

    def put(self, key: str, value: Any, seconds: float | None = None) -> Plan[None]:
        """Store it for so many seconds, one at least, or forever."""
        new = (self._until(seconds), dumps(value))
        yield at(self.link, swap, path_of(self.directory, key), self._now(), lambda _: new)

    def add(self, key: str, value: Any, seconds: float | None = None) -> Plan[bool]:
        """Store it only if there is none."""
        return (yield from self._add(path_of(self.directory, key), value, self._until(seconds)))

    def increment(self, key: str, by: int = 1) -> Plan[int]:
        """The number after adding; its expiry is kept."""

        def count(entry: _Entry | None) -> _Entry:
            until, value = (FOREVER, b"i:0;") if entry is None else entry
            return until, dumps(as_number(key, unpack(value)) + by)

        changed: _Entry = yield at(self.link, swap, path_of(self.directory, key), self._now(), count)
        return int(unpack(changed[1]))

    def touch(self, key: str, seconds: float) -> Plan[bool]:
        """True when there is a value and it now lasts for so many seconds."""
        until = self._until(seconds)
        changed = yield at(self.link, swap, path_of(self.directory, key), self._now(), _lasting(until), False)
        return changed is not None

    def forget(self, key: str) -> Plan[bool]:
        """True when there was one."""
        return bool((yield at(self.link, remove, path_of(self.directory, key), self._now(), None)))

    def lock(self, name: str, owner: str, seconds: float = 0) -> Plan[bool]:
        """True when the lock is now the owner's, for ever when no time is given."""
        return (yield from self._add(self._lock_path(name), owner, self._until(seconds if seconds > 0 else None)))

    def unlock(self, name: str, owner: str | None) -> Plan[bool]:
        """True when it was the owner's and is free."""
        wanted = None if owner is None else dumps(owner)
        return bool((yield at(self.link, remove, self._lock_path(name), self._now(), wanted)))

    def refresh_lock(self, name: str, owner: str, seconds: float) -> Plan[bool]:
        """True when the lock is still the owner's and now is for so many seconds."""
        lasting = _lasting(self._until(seconds), dumps(owner))
        changed = yield at(self.link, swap, self._lock_path(name), self._now(), lasting, False)
        return changed is not None

    def lock_owner(self, name: str) -> Plan[str | None]:
        """Who holds the lock now, or None."""
        (entry,) = yield at(self.link, read_all, [self._lock_path(name)], self._now())
        return None if entry is None else str(unpack(entry))

    def _add(self, path: Path, value: Any, until: int) -> Plan[bool]:
        new = (until, dumps(value))
        added = yield at(self.link, swap, path, self._now(), lambda entry: new if entry is None else None)
        return added is not None

    def _lock_path(self, name: str) -> Path:
        return path_of(self.lock_directory, self.lock_prefix + name)

    def _now(self) -> int:
        return int(self._clock())

    def _until(self, seconds: float | None) -> int:
        return FOREVER if seconds is None else min(FOREVER, self._now() + whole_seconds(seconds))


def path_of(directory: Path, key: str) -> Path:
    """Where a key's file is.

    >>> str(path_of(Path("data"), "foo"))
    'data/0b/ee/0beec7b5ea3f0fdbc95d0dd47f3c5bc275da8a33'
    """
    name = hashlib.sha1(key.encode("utf-8", "surrogateescape"), usedforsecurity=False).hexdigest()
    return directory / name[:2] / name[2:4] / name


def read_all(paths: Sequence[Path], now: int) -> list[bytes | None]:
    """The serialized values in the files; None where there is none or it has run out."""
    entries = [_entry(seen(path), now) for path in paths]
    return [None if entry is None else entry[1] for entry in entries]


def swap(path: Path, now: int, change: Callable[[_Entry | None], _Entry | None], create: bool = True) -> _Entry | None:
    """What the file holds now, after ``change`` was shown what it held; None when that wanted nothing changed."""
    with held(path, create=create) as handle:
        if handle is None:
            return None
        new = change(_entry(content_of(handle), now))
        if new is not None:
            overwrite(handle, str(new[0]).rjust(DIGITS, "0").encode() + new[1])
        return new


def remove(path: Path, now: int, value: bytes | None) -> bool:
    """True when the file is gone that had not run out and held ``value``; None stands for any."""
    with held(path, create=False) as handle:
        if handle is None:
            return False
        entry = _entry(content_of(handle), now)
        if value is not None and (entry is None or entry[1] != value):
            return False
        path.unlink()
        return entry is not None


def _lasting(until: int, value: bytes | None = None) -> Callable[[_Entry | None], _Entry | None]:
    def change(entry: _Entry | None) -> _Entry | None:
        return None if entry is None or (value is not None and entry[1] != value) else (until, entry[1])

    return change


def _entry(content: bytes | None, now: int) -> _Entry | None:
    until = (content or b"")[:DIGITS]
    if content is None or not until.isdigit() or now >= int(until):
        return None
    return int(until), content[DIGITS:]
