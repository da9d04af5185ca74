"""Batches of this process, in this process: for the memory driver, tests and demos."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Literal

from lara_queue.batches.rows import with_failure, with_success
from lara_queue.bus.told import with_told
from lara_queue.plans import Plan
from lara_queue.ports import BatchCounts, BatchRow

__all__ = ["MemoryBatchStore"]

What = Literal["finished", "unfinished", "cancelled"]


class MemoryBatchStore:
    """A batch store that ends with the process. Its plans ask for no effect: each is one step under a lock."""

    name = "memory"

    def __init__(self) -> None:
        self._rows: dict[str, BatchRow] = {}
        self._guard = threading.Lock()

    def find(self, id: str) -> Plan[BatchRow | None]:
        """The batch, or None."""
        yield from ()
        return self._rows.get(id)

    def all(self, *, limit: int = 50, before: str | None = None) -> Plan[list[BatchRow]]:
        """The newest batches first; those older than ``before`` when it is given."""
        yield from ()
        with self._guard:
            rows = [row for id, row in self._rows.items() if before is None or id < before]
        return sorted(rows, key=lambda row: row.id, reverse=True)[:limit]

    def store(self, id: str, name: str, options: bytes, created_at: int) -> Plan[None]:
        """Keep a new batch, with zero counts."""
        yield from ()
        with self._guard:
            self._rows[id] = BatchRow(id, name, 0, 0, 0, (), options, created_at)

    def increment_total_jobs(self, id: str, count: int) -> Plan[None]:
        """Add jobs: total and pending rise, and it is not finished any more."""
        yield from ()
        with self._guard:
            row = self._rows.get(id)
            if row is not None:
                total, pending = row.total_jobs + count, row.pending_jobs + count
                self._rows[id] = replace(row, total_jobs=total, pending_jobs=pending, finished_at=None)

    def decrement_pending_jobs(self, id: str, uuid: str) -> Plan[BatchCounts | None]:
        """The counts after a job's success; None when there is no such batch."""
        yield from ()
        return self._count(id, uuid, with_success)

    def increment_failed_jobs(self, id: str, uuid: str) -> Plan[BatchCounts | None]:
        """The counts after a job's failure; None when there is no such batch."""
        yield from ()
        return self._count(id, uuid, with_failure)

    def mark_as_finished(self, id: str, at: int) -> Plan[None]:
        """Note when it was finished."""
        yield from ()
        self._set(id, finished_at=at)

    def cancel(self, id: str, at: int) -> Plan[None]:
        """Note when it was cancelled; it counts as finished, too."""
        yield from ()
        self._set(id, cancelled_at=at, finished_at=at)

    def remember_told(self, id: str, kinds: Sequence[str], total_jobs: int) -> Plan[None]:
        """Keep with the batch's options that callbacks of these kinds were called; see :mod:`lara_queue.bus.told`."""
        yield from ()
        with self._guard:
            row = self._rows.get(id)
            if row is not None:
                self._rows[id] = replace(row, options=with_told(row.options, kinds, total_jobs))

    def delete(self, id: str) -> Plan[bool]:
        """True when there was one and it is gone."""
        yield from ()
        with self._guard:
            return self._rows.pop(id, None) is not None

    def prune(self, before: int, *, what: What = "finished") -> Plan[int]:
        """How many were deleted: finished before that Unix time, or unfinished or cancelled and created before it."""
        yield from ()
        with self._guard:
            old = [id for id, row in self._rows.items() if _is_old(row, before, what)]
            for id in old:
                del self._rows[id]
            return len(old)

    def _set(self, id: str, **times: Any) -> None:
        with self._guard:
            if id in self._rows:
                self._rows[id] = replace(self._rows[id], **times)

    def _count(
        self, id: str, uuid: str, change: Callable[[BatchRow, str], tuple[BatchRow, BatchCounts]]
    ) -> BatchCounts | None:
        with self._guard:
            row = self._rows.get(id)
            if row is None:
                return None
            self._rows[id], counts = change(row, uuid)
            return counts


def _is_old(row: BatchRow, before: int, what: What) -> bool:
    if what == "finished":
        return row.finished_at is not None and row.finished_at < before
    if what == "unfinished":
        return row.finished_at is None and row.created_at < before
    return row.cancelled_at is not None and row.created_at < before
