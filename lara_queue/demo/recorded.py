"""Jobs that real Laravel 8 to 13 wrote, as they stood in their queues."""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib import resources

from lara_queue.laravel import names
from lara_queue.laravel.json import encode_json

__all__ = ["APP_KEY", "Recorded", "recorded"]


@dataclass(frozen=True, slots=True)
class Recorded:
    """One job.

    Attributes:
        laravel: the release that wrote it.
        case: what it is an example of.
        body: the payload's bytes, as a database keeps them.
        app_key: the key it is encrypted with, or None.
    """

    laravel: str
    case: str
    body: bytes
    app_key: str | None = None


def recorded() -> list[Recorded]:
    """All of them, in the order they are shown.

    >>> {job.laravel.split(".")[0] for job in recorded()} == {"8", "10", "11", "12", "13"}
    True
    """
    text = resources.files("lara_queue.demo").joinpath("payloads.json").read_text(encoding="utf-8")
    return [
        Recorded(each["laravel"], each["case"], _for_a_database(each["payload"]), each.get("app_key"))
        for each in json.loads(text)
    ]


def _for_a_database(payload: str) -> bytes:
    """The payload without what only Redis's have: there, id and attempts stand in columns."""
    envelope = json.loads(payload)
    if names.ID not in envelope and names.ATTEMPTS not in envelope:
        return payload.encode()
    return encode_json({key: value for key, value in envelope.items() if key not in (names.ID, names.ATTEMPTS)})


APP_KEY = next(job.app_key for job in recorded() if job.app_key is not None)
"""The ``APP_KEY`` of the application that encrypted one of them."""
