"""Files that PHP reads and writes too: how a plan touches them, and how one is held while it is changed.

A plan asks for a function of plain arguments with :func:`at`; the blocking link runs it in the caller's thread, the
asyncio link in another one. The functions are whole steps: whatever must not be torn apart is done within one.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

from lara_queue.errors import StoreError
from lara_queue.plans import Call

__all__ = ["AsyncFileLink", "FileLink", "SyncFileLink", "at", "content_of", "file_link", "held", "overwrite", "seen"]


def at(link: Any, function: Callable[..., Any], *args: Any) -> Call:
    """The effect that runs ``function(*args)``; its reply is what that returns.

    >>> effect = at(SyncFileLink(), max, 1, 2)
    >>> effect.link.call(effect.name, effect.args)
    2
    """
    return Call(link, function.__name__, (function, *args))


def _run(args: tuple[Any, ...]) -> Any:
    function, *rest = args
    try:
        return function(*rest)
    except OSError as error:
        where = f" {error.filename}" if error.filename else ""
        raise StoreError(f"The file{where} cannot be used: {error.strerror or error}.") from error


class SyncFileLink:
    """Runs the functions in the calling thread. Raises StoreError for what the file system refuses."""

    def call(self, name: str, args: tuple[Any, ...]) -> Any:
        """What the function returns."""
        return None if name == "close" else _run(args)

    def together(self, calls: Sequence[Call]) -> list[Any]:
        """What each returns, or the error it ended with."""
        return [_answer(call) for call in calls]


class AsyncFileLink:
    """The same for asyncio, awaited. Cancelling does not stop what has begun."""

    async def call(self, name: str, args: tuple[Any, ...]) -> Any:
        """What the function returns."""
        return None if name == "close" else await asyncio.to_thread(_run, args)

    async def together(self, calls: Sequence[Call]) -> list[Any]:
        """What each returns, or the error it ended with."""
        return await asyncio.to_thread(lambda: [_answer(call) for call in calls])


FileLink = SyncFileLink | AsyncFileLink


def file_link(face: Literal["sync", "async"]) -> FileLink:
    """The link of a face."""
    return SyncFileLink() if face == "sync" else AsyncFileLink()


def _answer(call: Call) -> Any:
    try:
        return _run(call.args)
    except Exception as error:
        return error


@contextlib.contextmanager
def held(path: Path, *, create: bool = True) -> Iterator[int | None]:
    """A descriptor of the file, open for reading and writing and locked against PHP and ourselves; None when absent.

    The lock is ``flock``, as ``Filesystem\\LockableFile`` and ``file_put_contents(LOCK_EX)`` use it. A file that was
    deleted while we waited is not the one that others see, so it is opened again.

    Parameters:
        path: the file; its folders are made with it.
        create: make it when it is not there.
    """
    while True:
        if create:
            path.parent.mkdir(parents=True, exist_ok=True)
        try:
            handle = os.open(path, os.O_RDWR | (os.O_CREAT if create else 0) | os.O_CLOEXEC, 0o666)
        except FileNotFoundError:
            if create:
                raise
            yield None
            return
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            if not _is_current(handle, path):
                continue
            yield handle
            return
        finally:
            os.close(handle)


def seen(path: Path) -> bytes | None:
    """What is in the file, read while nobody writes it; None when there is no such file."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    with open(handle, "rb") as file:
        fcntl.flock(handle, fcntl.LOCK_SH)
        return file.read()


def content_of(handle: int) -> bytes:
    """All that is in an open file."""
    with open(handle, "rb", closefd=False) as file:
        file.seek(0)
        return file.read()


def overwrite(handle: int, content: bytes) -> None:
    """Make this all that is in an open file."""
    with open(handle, "wb", closefd=False) as file:
        file.truncate(0)
        file.seek(0)
        file.write(content)


def _is_current(handle: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), os.stat(path))
    except FileNotFoundError:
        return False
