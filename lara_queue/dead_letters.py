"""Failures in the shape LaraQueue 1.x shows them, whatever store they are kept in."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from typing import Any

from lara_queue.ports import FailedJob

__all__ = ["as_dead_letter", "id_of"]


def as_dead_letter(failed: FailedJob) -> dict[str, Any]:
    """A failure as LaraQueue 1.x's ``get_dead_letter_jobs()`` shows it, with our ``uuid`` and ``exception`` beside.

    Keys: ``original_job`` (the decoded payload; empty when it is not JSON, then ``raw`` has its base64), ``error``
    (``type``, ``message``, ``timestamp``), ``failed_at`` (Unix seconds), ``retry_count``, ``queue``, ``id``.
    """
    entry: dict[str, Any] = {"id": failed.id, "uuid": failed.uuid, "queue": failed.queue, "failed_at": failed.failed_at}
    try:
        original = json.loads(failed.payload)
    except ValueError:
        original = None
    if not isinstance(original, dict):
        entry["raw"] = base64.b64encode(failed.payload).decode()
        original = {}
    attempts = original.get("attempts")
    kind, _, message = failed.exception.partition("\n")[0].partition(": ")
    entry["original_job"] = original
    entry["error"] = {
        "type": kind.rpartition(".")[2],
        "message": _without_place(message),
        "timestamp": failed.failed_at,
    }
    entry["retry_count"] = attempts if isinstance(attempts, int) else 0
    entry["exception"] = failed.exception
    return entry


def _without_place(line: str) -> str:
    """The message without the file and line that follow it in PHP's text."""
    message, _, place = line.rpartition(" in ")
    return message if re.fullmatch(r".+:\d+", place) and message else line


def id_of(entry: Mapping[str, Any]) -> str | None:
    """The failed store's id of an entry, as LaraQueue's calls hand it back."""
    found = entry.get("id") or entry.get("uuid") or entry.get("original_job", {}).get("uuid")
    return str(found) if found else None
