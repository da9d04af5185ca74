"""What batch stores have in common: the id that Laravel makes, the list of failed jobs, the options.

Mirrors ``Support/Str.php`` ``orderedUuid`` and ``Bus/DatabaseBatchRepository.php``.
"""

from __future__ import annotations

import json
import secrets
import uuid
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from lara_queue.errors import PhpUnserializeError
from lara_queue.php import loads
from lara_queue.ports import BatchCounts, BatchRow

__all__ = ["decode_options", "failed_ids", "failed_text", "ordered_uuid", "with_failure", "with_success"]


def ordered_uuid(now: float, random: Callable[[int], bytes] = secrets.token_bytes) -> str:
    """A fresh uuid for a batch: later ones sort after earlier ones.

    Its first 48 bits count ten microseconds since 1970, the rest is random, in the layout of version 4.

    Parameters:
        now: the Unix time in seconds.
        random: so many random bytes.

    >>> ordered_uuid(1_700_000_000, lambda count: bytes(count))
    '9a9d359c-a000-4000-8000-000000000000'
    """
    value = bytearray(int(now * 100_000).to_bytes(6, "big") + random(10))
    value[6] = value[6] & 0x0F | 0x40
    value[8] = value[8] & 0x3F | 0x80
    return str(uuid.UUID(bytes=bytes(value)))


def failed_ids(text: str | None) -> tuple[str, ...]:
    """The uuids in the column ``failed_job_ids``; none when it cannot be read.

    >>> failed_ids('["a", "b"]'), failed_ids('{"1": "b"}'), failed_ids("?")
    (('a', 'b'), ('b',), ())
    """
    try:
        found = json.loads(text or "[]")
    except (ValueError, RecursionError):
        return ()
    if isinstance(found, dict):  # PHP writes an array with a gap like this
        found = list(found.values())
    return tuple(str(each) for each in found) if isinstance(found, list) else ()


def failed_text(ids: Sequence[str]) -> str:
    """The uuids as PHP's ``json_encode`` writes them.

    >>> failed_text(["a", "b"])
    '["a","b"]'
    """
    return json.dumps(list(ids), separators=(",", ":")).replace("/", "\\/")


def with_success(row: BatchRow, uuid: str) -> tuple[BatchRow, BatchCounts]:
    """The row after a job of it has succeeded: one fewer is pending, and it is no failed one any more."""
    ids = tuple(each for each in row.failed_job_ids if each != uuid)
    return _changed(replace(row, pending_jobs=row.pending_jobs - 1, failed_job_ids=ids))


def with_failure(row: BatchRow, uuid: str) -> tuple[BatchRow, BatchCounts]:
    """The row after a job of it has failed: the count rises each time, the uuid is listed once."""
    ids = tuple(dict.fromkeys((*row.failed_job_ids, uuid)))
    return _changed(replace(row, failed_jobs=row.failed_jobs + 1, failed_job_ids=ids))


def _changed(row: BatchRow) -> tuple[BatchRow, BatchCounts]:
    return row, BatchCounts(row.pending_jobs, row.failed_jobs)


def decode_options(options: bytes) -> dict[Any, Any]:
    """A batch's options; none when they cannot be read, as Laravel 10 and later see it.

    >>> decode_options(b'a:1:{s:13:"allowFailures";b:1;}'), decode_options(b""), decode_options(b"?")
    ({'allowFailures': True}, {}, {})
    """
    try:
        found = loads(options) if options else {}
    except PhpUnserializeError:
        return {}
    return found if isinstance(found, dict) else {}
