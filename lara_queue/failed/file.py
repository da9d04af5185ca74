"""Failed jobs in a JSON file, newest first. Mirrors ``Queue/Failed/FileFailedJobProvider.php`` of Laravel 10.10 on.

The file is only changed under the lock that PHP takes, ``laravel-failed-jobs`` of the file cache. It keeps a limited
number of failures: the oldest are dropped, as PHP would drop them with its next one. A file that is no JSON list is
never written over, as PHP does, but set aside; and whoever reads finds the old file or the new one, nothing between.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Callable, Iterator
from datetime import UTC, tzinfo
from pathlib import Path
from typing import Any, Final

from lara_queue.cache.file import LOCK_PREFIX, path_of, remove, swap
from lara_queue.cache.files import FileLink, at
from lara_queue.clock import Clock, new_id, system_clock
from lara_queue.errors import StoreUnreachable
from lara_queue.failed.records import (
    as_text,
    exception_text,
    from_text,
    local_time_text,
    readable,
    unix_time,
)
from lara_queue.php import dumps
from lara_queue.plans import Plan
from lara_queue.ports import FailedJob, Failure

__all__ = ["LIMIT", "FileFailedStore"]

LIMIT: Final = 100
LOCK: Final = "laravel-failed-jobs"
LOCK_SECONDS: Final = 5
PATIENCE_SECONDS: Final = 10.0
PAUSE_SECONDS: Final = 0.05

Record = dict[str, Any]


class FileFailedStore:
    """A failed-job store in a file.

    Parameters:
        link: see :func:`~lara_queue.cache.files.file_link`.
        path: the file, ``storage/framework/cache/failed-jobs.json`` by default in Laravel.
        limit: how many failures are kept.
        lock_directory: the folder of the file cache's locks; default ``data`` beside the file.
        timezone: the application's, in which ``failed_at`` is written.
        clock: tells the Unix time in seconds, for the lock.
    """

    name = "file"

    def __init__(
        self,
        link: FileLink,
        path: str | Path,
        *,
        limit: int = LIMIT,
        lock_directory: str | Path | None = None,
        timezone: tzinfo = UTC,
        clock: Clock = system_clock,
    ) -> None:
        self.link = link
        self.path = Path(path)
        self.limit = limit
        self._locks = Path(lock_directory) if lock_directory is not None else self.path.parent / "data"
        self._zone = timezone
        self._clock = clock

    def record(self, failure: Failure) -> Plan[None]:
        """Keep it at the head, in place of any record with its uuid."""
        new = {
            "id": readable(failure.uuid),
            "connection": readable(failure.connection),
            "queue": readable(failure.queue),
            "payload": as_text(failure),
            "exception": exception_text(failure),
            "failed_at": local_time_text(failure.failed_at, self._zone),
            "failed_at_timestamp": int(failure.failed_at),
        }

        def add(records: list[Record]) -> list[Record]:
            return [new, *(record for record in records if record.get("id") != new["id"])][: self.limit]

        yield from self._change(add)

    def all(self, *, queue: str | None = None, limit: int | None = None) -> Plan[list[FailedJob]]:
        """The failures, newest first."""
        records: list[Record] = yield at(self.link, read, self.path)
        return [self._job(record) for record in records if queue is None or record.get("queue") == queue][:limit]

    def ids(self, *, queue: str | None = None) -> Plan[list[str]]:
        """The ids, newest first."""
        return [job.id for job in (yield from self.all(queue=queue))]

    def find(self, id: str) -> Plan[FailedJob | None]:
        """The failure with that uuid, or None."""
        records: list[Record] = yield at(self.link, read, self.path)
        return next((self._job(record) for record in records if record.get("id") == id), None)

    def forget(self, id: str) -> Plan[bool]:
        """True when there was one and it is gone."""
        return (yield from self._drop(lambda record: record.get("id") == id)) > 0

    def remove(self, failed: FailedJob) -> Plan[bool]:
        """True when that very record was there and is gone."""
        return (yield from self._drop(lambda record: record == failed.receipt)) > 0

    def flush(self, *, before: float | None = None) -> Plan[int]:
        """How many were deleted: all, or those that failed at or before that Unix time."""
        return (yield from self._drop(lambda record: before is None or _failed_at(record, self._zone) <= before))

    def prune(self, before: float) -> Plan[int]:
        """How many were deleted because they failed before that Unix time or, as with PHP's store, exactly then."""
        return (yield from self._drop(lambda record: _failed_at(record, self._zone) <= before))

    def count(self, *, queue: str | None = None) -> Plan[int]:
        """How many there are."""
        records: list[Record] = yield at(self.link, read, self.path)
        return sum(queue is None or record.get("queue") == queue for record in records)

    def _drop(self, wanted: Callable[[Record], bool]) -> Plan[int]:
        before, after = yield from self._change(lambda records: [one for one in records if not wanted(one)])
        return before - after

    def _change(self, change: Callable[[list[Record]], list[Record]]) -> Plan[tuple[int, int]]:
        counts: tuple[int, int] = yield at(self.link, change_file, self.path, self._locks, self._clock, change)
        return counts

    def _job(self, record: Record) -> FailedJob:
        uuid = record.get("id")
        return FailedJob(
            id=str(uuid),
            uuid=uuid if isinstance(uuid, str) else None,
            connection=str(record.get("connection") or ""),
            queue=str(record.get("queue") or ""),
            payload=from_text(str(record.get("payload") or "")),
            exception=str(record.get("exception") or ""),
            failed_at=_failed_at(record, self._zone),
            receipt=record,
        )


def read(path: Path) -> list[Record]:
    """The records in the file; none when it is missing, empty or no list.

    PHP writes it in place, so what cannot be read is read again a moment later.
    """
    for _ in range(5):
        records = _records(path)
        if records is not None:
            return records
        time.sleep(PAUSE_SECONDS)
    return []


def change_file(
    path: Path, locks: Path, clock: Clock, change: Callable[[list[Record]], list[Record]]
) -> tuple[int, int]:
    """How many records there were and are, after ``change`` under the lock."""
    with _locked(locks, clock):
        records = _records(path)
        if records is None:
            _set_aside(path)
            records = []
        changed = change(records)
        if changed != records:
            _write(path, json.dumps(changed, indent=4).replace("/", "\\/"))
        return len(records), len(changed)


def _records(path: Path) -> list[Record] | None:
    """The records; None when there is something that is no list of them."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return []
    if not content.strip():
        return []
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, list) and all(isinstance(one, dict) for one in found) else None


def _set_aside(path: Path) -> None:
    number = 1
    while (aside := path.with_name(f"{path.name}.unreadable-{number}")).exists():
        number += 1
    path.rename(aside)


def _write(path: Path, text: str) -> None:
    """Replace the file's content; the file keeps its mode and owner, or PHP could not write it any more."""
    try:
        there = path.stat()
    except FileNotFoundError:
        there = None
    new = path.with_name(f".{path.name}-{new_id(8)}")
    try:
        with open(_created(new), "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
            if there is not None:
                os.fchmod(file.fileno(), there.st_mode & 0o7777)
                if (there.st_uid, there.st_gid) != (os.geteuid(), os.getegid()):
                    os.fchown(file.fileno(), there.st_uid, there.st_gid)
        os.replace(new, path)
    except PermissionError:
        new.unlink(missing_ok=True)
        path.write_text(text, encoding="utf-8")  # somebody else's file, which we may write but not replace
    except BaseException:
        new.unlink(missing_ok=True)
        raise


def _created(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)


@contextlib.contextmanager
def _locked(directory: Path, clock: Clock) -> Iterator[None]:
    """Hold PHP's lock, under the names that it has before and after Laravel 12.36."""
    owner = dumps(new_id(16))
    held: list[Path] = []
    deadline = time.monotonic() + PATIENCE_SECONDS
    try:
        for name in (LOCK, LOCK_PREFIX + LOCK):
            path = path_of(directory, name)
            while not _take(path, int(clock()), owner):
                if time.monotonic() >= deadline:
                    raise StoreUnreachable(
                        f"The file of failed jobs has been locked for {PATIENCE_SECONDS:g} seconds, by {path}."
                    )
                time.sleep(PAUSE_SECONDS)
            held.append(path)
        yield
    finally:
        for path in reversed(held):
            remove(path, int(clock()), owner)


def _take(path: Path, now: int, owner: bytes) -> bool:
    return swap(path, now, lambda entry: (now + LOCK_SECONDS, owner) if entry is None else None) is not None


def _failed_at(record: Record, zone: tzinfo) -> float:
    at_ = record.get("failed_at_timestamp")
    return float(at_) if isinstance(at_, int) else unix_time(record.get("failed_at"), zone)
