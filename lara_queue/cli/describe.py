"""A job for programs: one dict of JSON values, always with the same keys. ``inspect --json`` documents them.

Decoded values may be deep, shared or circular; what JSON cannot say is said in small objects whose first key starts
with ``$``.
"""

from __future__ import annotations

import base64
import math
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone, tzinfo
from typing import Any

from lara_queue.errors import PayloadError
from lara_queue.job import Job
from lara_queue.laravel.closures import Closure
from lara_queue.laravel.command import is_encrypted
from lara_queue.laravel.jobs import properties
from lara_queue.laravel.models import ModelIdentifier
from lara_queue.php import PhpCustom, PhpEnum, PhpObject, PhpReference, loads
from lara_queue.ports import FailedJob

__all__ = ["Seen", "describe", "iso", "jsonable", "subject"]

DEPTH = 100
"""Levels that are followed; PHP allows values that no JSON reader would take."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A job as ``inspect`` found it.

    Attributes:
        job: the job.
        state: ``pending``, ``delayed``, ``reserved`` or ``failed``.
        at: the Unix time that the state is about, or None.
        failed: its record, for a failed one.
    """

    job: Job
    state: str
    at: float | None
    failed: FailedJob | None = None

    @property
    def uuid(self) -> str | None:
        """The job's uuid, None when it has none or cannot be read."""
        try:
            return self.job.uuid
        except PayloadError:
            return None


def subject(job: Job) -> PhpObject | None:
    """The object that a job's data are the properties of: the inner one of a mailable or listener, else the command."""
    inner = job.view.inner
    if isinstance(inner, PhpObject):
        return inner
    return job.command if job.kind in ("job", "mailable", "notification", "broadcast", "batch") else None


def describe(seen: Seen) -> dict[str, Any]:
    """The job's keys and values, see ``lara-queue inspect --help``."""
    job, failed = seen.job, seen.failed
    found: dict[str, Any] = {"state": seen.state, "queue": job.queue, "at": iso(seen.at)}
    found |= dict.fromkeys(_ENVELOPE)
    found |= {"class": None, "data": None, "visibility": {}, "about": {}, "chain": [], "context": None}
    found |= {"exception": None if failed is None else failed.exception, "error": None, "raw": None}
    try:
        found |= _envelope(seen)
        found["data"] = jsonable(job.data)
        found["about"] = jsonable(job.view.about)
        command, shown = job.command, subject(job)
        found["class"] = None if command is None else command.class_name
        if shown is not None:
            found["visibility"] = {str(p.name): p.visibility for p in shown.properties if p.name in job.data}
        found["batch"] = job.batch
        found["chain"] = [_link(link) for link in job.chain]
        if context := job.context:
            found["context"] = {"data": jsonable(context.data), "hidden": sorted(context.raw_hidden)}
    except PayloadError as error:
        found["error"] = str(error)
        found["raw"] = _text(job.raw_body)
    return found


_ENVELOPE = (
    *("uuid", "id", "name", "kind", "attempts", "max_tries", "max_exceptions", "timeout", "backoff", "retry_until"),
    *("created_at", "batch", "encrypted"),
)


def _envelope(seen: Seen) -> dict[str, Any]:
    job = seen.job
    envelope = job.envelope
    return {
        "uuid": job.uuid,
        "id": job.id,
        "name": job.name,
        "kind": job.kind,
        "attempts": job.attempts or envelope.attempts or 0,
        "max_tries": job.max_tries,
        "max_exceptions": job.max_exceptions,
        "timeout": job.timeout,
        "backoff": None if job.backoff is None else list(job.backoff),
        "retry_until": iso(envelope.retry_until),
        "created_at": iso(envelope.created_at),
        "encrypted": is_encrypted(envelope),
    }


def _link(serialized: bytes) -> dict[str, Any]:
    """A chained job: its class and its data."""
    try:
        command = loads(serialized)
        if isinstance(command, PhpObject):
            return {"class": command.class_name, "data": jsonable(properties(command)), "error": None}
        return {"class": None, "data": None, "error": f"not an object but {type(command).__name__}"}
    except PayloadError as error:
        return {"class": None, "data": None, "error": str(error)}


def iso(seconds: float | None) -> str | None:
    """A Unix time as ISO 8601 in UTC; None when there is none or no calendar has it.

    >>> iso(0), iso(1e30)
    ('1970-01-01T00:00:00+00:00', None)
    """
    if seconds is None:
        return None
    try:
        return datetime.fromtimestamp(seconds, timezone.utc).isoformat()
    except (OverflowError, ValueError, OSError):
        return None


def jsonable(value: Any, depth: int = 0, above: tuple[int, ...] = ()) -> Any:
    """The value in JSON's types; a value inside itself, or too deep, is cut.

    >>> jsonable({"n": 1, 2: PhpEnum("Suit", "Hearts"), "b": b"\\xff"})
    {'n': 1, '2': {'$enum': 'Suit::Hearts'}, 'b': {'$base64': '/w=='}}
    """
    if value is None or isinstance(value, (bool, int, str)):
        return value
    leaf = _leaf(value)
    if leaf is not None:
        return leaf
    if depth >= DEPTH or id(value) in above:
        return {"$cut": "itself" if id(value) in above else "deeper"}
    inside = (depth + 1, (*above, id(value)))
    match value:
        case PhpReference():
            return jsonable(value.value, *inside)
        case PhpObject():
            return {"$class": value.class_name, **{str(name): jsonable(value[name], *inside) for name in value}}
        case ModelIdentifier():
            return {
                "$model": value.class_name,
                "id": jsonable(value.id, *inside),
                "relations": list(value.relations),
                "connection": value.connection,
            }
        case Closure():
            return {
                "$closure": value.source,
                "bound": jsonable(value.bound, *inside),
                "signed": value.signed,
                "verified": value.verified,
            }
        case dict():
            return {_key(key): jsonable(item, *inside) for key, item in value.items()}
        case list() | tuple():
            return [jsonable(item, *inside) for item in value]
    return {"$python": type(value).__name__, "text": str(value)}


def _leaf(value: Any) -> Any:
    """What JSON has no type for and what holds nothing; None for everything else."""
    match value:
        case float():
            return value if math.isfinite(value) else {"$float": str(value)}
        case datetime():
            return value.isoformat()
        case tzinfo():
            return str(value)
        case timedelta():
            return {"$seconds": value.total_seconds()}
        case bytes():
            return {"$base64": base64.b64encode(value).decode()}
        case PhpEnum():
            return {"$enum": f"{value.class_name}::{value.case}"}
        case PhpCustom():
            return {"$custom": value.class_name, "$base64": base64.b64encode(value.data).decode()}
    return None


def _key(key: Any) -> str:
    return key.decode("utf-8", "backslashreplace") if isinstance(key, bytes) else str(key)


def _text(body: bytes) -> Any:
    try:
        return body.decode()
    except UnicodeDecodeError:
        return jsonable(body)
