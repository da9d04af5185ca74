"""What is kept about a job, and its form in the cache: JSON text, which PHP reads with ``json_decode`` as well."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final, Literal, get_args

import msgspec

__all__ = ["LIMIT_BYTES", "Result", "ResultState", "decode", "encode", "with_value"]

ResultState = Literal["pending", "running", "finished", "failed", "unknown"]

LIMIT_BYTES: Final = 65536
"""How long a handler's return value may be as JSON. A cache is no place for files: store those, return their name."""

_TEXT_LIMIT: Final = 2000


@dataclass(frozen=True, slots=True)
class Result:
    """What is known of a job.

    Attributes:
        uuid: the job's.
        state: ``pending`` (waits, also for another attempt), ``running`` (an attempt has begun), ``finished``,
            ``failed`` (it will not be tried again), or ``unknown``: nobody keeps its results, it was pushed by
            somebody else and has not begun, or the time to live is over.
        value: what its handler returned, as JSON gives it back: a tuple is a list, a datetime its text.
        progress: from 0 to 1, or None.
        message: what was last said about the progress.
        error: why the last attempt went wrong, ``Type: message``, or None.
        problem: why the value is not here although the job finished: too large, or nothing that JSON can say.
        attempts: attempts so far.
        at: Unix time in seconds of this note.
    """

    uuid: str
    state: ResultState = "unknown"
    value: Any = None
    progress: float | None = None
    message: str = ""
    error: str | None = None
    problem: str | None = None
    attempts: int = 0
    at: float = 0.0

    @property
    def ready(self) -> bool:
        """True when nothing more will happen to the job: it finished, or failed.

        >>> Result("u", "running").ready, Result("u", "failed").ready
        (False, True)
        """
        return self.state in ("finished", "failed")


def with_value(result: Result, value: Any, limit: int = LIMIT_BYTES) -> Result:
    """The result with that value, or with the ``problem`` that keeps it out. Never raises.

    >>> with_value(Result("u", "finished"), {"total": 3}).value
    {'total': 3}
    >>> with_value(Result("u", "finished"), "x" * 100, limit=50).problem
    'The value takes 102 bytes as JSON and at most 50 are kept; store it elsewhere and return where.'
    """
    try:
        text = msgspec.json.encode(value)
        plain = msgspec.json.decode(text)
    except Exception as error:  # whatever a strange object's attributes raise: the job has done its work
        return replace(result, value=None, problem=f"The value is nothing that JSON can say: {error}")
    if len(text) > limit:
        problem = (
            f"The value takes {len(text):,} bytes as JSON and at most {limit:,} are kept; "
            "store it elsewhere and return where."
        )
        return replace(result, value=None, problem=problem)
    return replace(result, value=plain, problem=None)


def encode(result: Result) -> str:
    """The text that is kept; long messages are cut.

    >>> encode(Result("u", "running", attempts=1, at=5.0))
    '{"state":"running","attempts":1,"at":5.0}'
    """
    kept: dict[str, Any] = {"state": result.state, "attempts": result.attempts, "at": result.at}
    for name in ("value", "progress", "message", "error", "problem"):
        given = getattr(result, name)
        if given not in (None, "") or (name == "value" and given is not None):
            cut = name != "value" and isinstance(given, str)
            kept[name] = given[:_TEXT_LIMIT] if cut else given
    # A lone surrogate is no text; it may be in an exception's message and must not lose the note.
    return msgspec.json.encode(_clean(kept)).decode()


def decode(uuid: str, text: Any) -> Result:
    """The result in that text; an unknown one for anything else.

    >>> decode("u", '{"state":"finished","value":[1]}').value, decode("u", None).state, decode("u", "7").state
    ([1], 'unknown', 'unknown')
    """
    try:
        found = msgspec.json.decode(text) if isinstance(text, str | bytes) else None
    except msgspec.DecodeError:
        found = None
    if not isinstance(found, dict) or found.get("state") not in get_args(ResultState):
        return Result(uuid)
    known = {name: value for name, value in found.items() if name in Result.__dataclass_fields__ and name != "uuid"}
    return Result(uuid, **known)


def _clean(kept: dict[str, Any]) -> dict[str, Any]:
    return {
        name: value.encode("utf-8", "replace").decode() if name != "value" and isinstance(value, str) else value
        for name, value in kept.items()
    }
