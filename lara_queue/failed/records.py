"""What all failed-job stores need: times as Laravel writes them, text that every database takes, bytes kept intact."""

from __future__ import annotations

import base64
import binascii
import json
import re
from datetime import UTC, datetime, tzinfo
from typing import Any

from lara_queue.ports import FailedJob, Failure

__all__ = [
    "as_failed_job",
    "as_text",
    "display_name",
    "exception_text",
    "from_text",
    "json_object",
    "local_time",
    "local_time_text",
    "readable",
    "unix_time",
    "wrapped",
]


def local_time(at: float, tz: tzinfo = UTC) -> datetime:
    """The Unix time as a naive datetime in the application's time zone, whole seconds: Laravel's ``Date::now()``.

    >>> local_time(0.9)
    datetime.datetime(1970, 1, 1, 0, 0)
    """
    return datetime.fromtimestamp(int(at), tz).replace(tzinfo=None)


def local_time_text(at: float, tz: tzinfo = UTC) -> str:
    """The Unix time as ``failed_at`` columns and files have it.

    >>> local_time_text(1_700_000_000)
    '2023-11-14 22:13:20'
    """
    return local_time(at, tz).isoformat(sep=" ")


def unix_time(written: object, tz: tzinfo = UTC) -> float:
    """The Unix time of a ``failed_at`` as a store gives it back: text, datetime or number; 0 when it is unreadable.

    >>> unix_time("2023-11-14 22:13:20"), unix_time(12), unix_time("?")
    (1700000000.0, 12.0, 0.0)
    """
    if isinstance(written, (int, float)):
        return float(written)
    if isinstance(written, str):
        try:
            written = datetime.fromisoformat(written.strip())
        except ValueError:
            return 0.0
    if not isinstance(written, datetime):
        return 0.0
    return (written if written.tzinfo is not None else written.replace(tzinfo=tz)).timestamp()


def readable(text: str) -> str:
    """The text in a form every store takes: valid UTF-8 without NUL (PostgreSQL refuses it). Nothing parses it.

    >>> readable("bad \\udcff byte, App\\x00secret")
    'bad ? byte, App\\\\0secret'
    """
    return text.encode("utf-8", "replace").decode().replace("\x00", "\\0")


MOST_OF_EXCEPTION = 500_000
"""Characters of an exception that are kept: a text of many megabytes is more than some servers take in one packet."""


def exception_text(failure: Failure) -> str:
    """The exception for a text column, its middle left out when it is enormous."""
    text = readable(failure.exception)
    if len(text) <= MOST_OF_EXCEPTION:
        return text
    half = MOST_OF_EXCEPTION // 2
    return f"{text[:half]}\n… {len(text) - 2 * half} characters left out …\n{text[-half:]}"


def json_object(payload: bytes | str) -> dict[str, Any] | None:
    """The payload as a dict when it is a JSON object in valid UTF-8 and nothing but that, else None.

    >>> json_object(b'{"uuid": "a"}'), json_object(b"[1]"), json_object(b"{'a': 1}"), json_object(b"\\xff")
    ({'uuid': 'a'}, None, None, None)
    """
    try:
        value = json.loads(payload if isinstance(payload, str) else payload.decode("utf-8"), parse_constant=_refuse)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


_RAW = "raw_base64"


def as_text(failure: Failure) -> str:
    """The payload for a text column: itself, or, when no such column would take its bytes, JSON around their base64."""
    try:
        text = failure.payload.decode("utf-8")
    except UnicodeDecodeError:
        text = "\x00"
    return text if "\x00" not in text else wrapped(failure)


def wrapped(failure: Failure) -> str:
    """The payload as ASCII JSON around its base64."""
    around = {"uuid": failure.uuid, "displayName": failure.name, _RAW: base64.b64encode(failure.payload).decode()}
    return json.dumps(around)


def from_text(text: str | bytes) -> bytes:
    """The payload's bytes from a text column; the inverse of :func:`as_text`.

    >>> from_text('{"uuid": "a", "displayName": "", "raw_base64": "/w=="}'), from_text("{}")
    (b'\\xff', b'{}')
    """
    data = text if isinstance(text, bytes) else text.encode("utf-8", "surrogateescape")
    if _RAW.encode() in data:
        around = json_object(data)
        if around is not None and around.keys() == {"uuid", "displayName", _RAW}:
            try:
                return base64.b64decode(around[_RAW], validate=True)
            except (TypeError, ValueError, binascii.Error):
                pass  # somebody else's key of that name
    return data


def as_failed_job(failure: Failure) -> FailedJob:
    """The failure as it is listed by stores whose id is the uuid."""
    return FailedJob(
        id=failure.uuid,
        uuid=failure.uuid,
        connection=failure.connection,
        queue=failure.queue,
        payload=failure.payload,
        exception=exception_text(failure),
        failed_at=failure.failed_at,
    )


_QUOTED = re.compile(r'"([^"]+)"')


def display_name(payload: bytes) -> str:
    """The class that ``queue:failed`` lists: the display name, else the first quoted name in the command, else nothing.

    Never the wrapper a listener travels in, and never an error. Mirrors ``Queue/Console/ListFailedCommand.php``.

    >>> display_name(b'{"displayName": "App\\\\\\\\Jobs\\\\\\\\A", "job": "CallQueuedHandler@call"}')
    'App\\\\Jobs\\\\A'
    >>> display_name(b"not JSON")
    ''
    """
    envelope = json_object(payload)
    if envelope is None:
        return ""
    name = envelope.get("displayName")
    if isinstance(name, str) and name:
        return name
    job, data = envelope.get("job"), envelope.get("data")
    command = data.get("command") if isinstance(data, dict) else None
    if isinstance(command, str):
        found = _QUOTED.search(command)
        if found:
            return found[1]
    return job if isinstance(job, str) and not job.startswith("Illuminate\\Queue\\CallQueuedHandler") else ""
