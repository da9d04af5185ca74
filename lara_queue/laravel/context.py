"""The log context: key/value data that follows a job through the payload, and into the jobs it pushes.

Every value travels as a PHP-serialized string of its own, visible ones under ``data``, hidden ones (never logged) under
``hidden``; an empty map is written ``[]``. What is passed on is passed on in its original bytes.

Mirrors ``Log/Context/ContextServiceProvider.php`` and ``Log/Context/Repository.php``; Laravel 11 and later; protocol
§1.7.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from lara_queue.errors import InvalidPayload, PayloadError
from lara_queue.laravel import names
from lara_queue.laravel.envelope import Envelope
from lara_queue.laravel.people import plain, to_php
from lara_queue.php import dumps, loads

__all__ = ["LogContext", "OnUnreadable", "context_to_propagate", "read_context"]

OnUnreadable = Callable[[PayloadError, str, str, bool], Any]
"""Called with the error, the key, the serialized text and whether it is hidden; what it returns is used as the
value."""

_OF_ONE_UNIQUE_JOB = frozenset((names.UNIQUE_CACHE_STORE, names.UNIQUE_KEY, names.UNIQUE_LOCK_OWNER))


class LogContext:
    """A job's context: ``data`` and ``hidden`` as plain values, decoded on first use; immutable.

    :param data: visible values, PHP-serialized, by key.
    :param hidden: hidden values, PHP-serialized, by key.
    :param on_unreadable: asked for a value that cannot be decoded; without it, the error is raised on use.

    >>> context = LogContext.of({"trace_id": "abc"}, hidden={"secret": 1})
    >>> context.data, context.hidden, context.payload()
    ({'trace_id': 'abc'}, {'secret': 1}, {'data': {'trace_id': 's:3:"abc";'}, 'hidden': {'secret': 'i:1;'}})
    """

    __slots__ = ("_data", "_hidden", "_on_unreadable", "raw_data", "raw_hidden")

    def __init__(
        self,
        data: Mapping[str, str] | None = None,
        hidden: Mapping[str, str] | None = None,
        on_unreadable: OnUnreadable | None = None,
    ) -> None:
        self.raw_data: Mapping[str, str] = dict(data or {})
        self.raw_hidden: Mapping[str, str] = dict(hidden or {})
        self._on_unreadable = on_unreadable
        self._data: dict[str, Any] | None = None
        self._hidden: dict[str, Any] | None = None

    @classmethod
    def of(cls, data: Mapping[str, Any] | None = None, *, hidden: Mapping[str, Any] | None = None) -> LogContext:
        """A context of Python values; raises :class:`~lara_queue.errors.InvalidPayload` for one without a PHP form."""
        return cls(_serialized(data or {}), _serialized(hidden or {}))

    def __bool__(self) -> bool:
        return bool(self.raw_data or self.raw_hidden)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, LogContext):
            return (self.raw_data, self.raw_hidden) == (other.raw_data, other.raw_hidden)
        return NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<LogContext data={list(self.raw_data)} hidden={list(self.raw_hidden)}>"

    @property
    def data(self) -> dict[str, Any]:
        """The visible values; raises :class:`~lara_queue.errors.PayloadError` when one cannot be decoded."""
        if self._data is None:
            self._data = self._decoded(self.raw_data, hidden=False)
        return self._data

    @property
    def hidden(self) -> dict[str, Any]:
        """The hidden values; raises as :attr:`data`."""
        if self._hidden is None:
            self._hidden = self._decoded(self.raw_hidden, hidden=True)
        return self._hidden

    def with_values(
        self, data: Mapping[str, Any] | None = None, *, hidden: Mapping[str, Any] | None = None
    ) -> LogContext:
        """A copy with these values added or replaced; the original stays as it is."""
        added = LogContext.of(data, hidden=hidden)
        return LogContext(
            {**self.raw_data, **added.raw_data}, {**self.raw_hidden, **added.raw_hidden}, self._on_unreadable
        )

    def payload(self) -> dict[str, Any] | None:
        """The value of the payload's ``illuminate:log:context``; None when there is no context, and then no key
        either.
        """
        if not self:
            return None
        return {names.CONTEXT_DATA: dict(self.raw_data) or [], names.CONTEXT_HIDDEN: dict(self.raw_hidden) or []}

    def _decoded(self, raw: Mapping[str, str], *, hidden: bool) -> dict[str, Any]:
        return {key: self._value(key, text, hidden) for key, text in raw.items()}

    def _value(self, key: str, text: str, hidden: bool) -> Any:
        try:
            return plain(loads(text.encode("utf-8", "surrogatepass")))
        except PayloadError as exc:
            if self._on_unreadable is not None:
                return self._on_unreadable(exc, key, text, hidden)
            raise PayloadError(f"The context value {key!r} cannot be read: {exc}") from exc


def read_context(envelope: Envelope, *, on_unreadable: OnUnreadable | None = None) -> LogContext:
    """The context that came with a job; an empty one when there is none.

    :param envelope: of any job.
    :param on_unreadable: see :class:`LogContext`.

    >>> read_context(Envelope.parse(b'{"job":"A@b","illuminate:log:context":{"data":{"n":"i:7;"},"hidden":[]}}')).data
    {'n': 7}
    """
    found = envelope.payload.get(names.LOG_CONTEXT)
    if not isinstance(found, dict):
        return LogContext()
    return LogContext(_strings(found.get(names.CONTEXT_DATA)), _strings(found.get(names.CONTEXT_HIDDEN)), on_unreadable)


def context_to_propagate(envelope: Envelope) -> LogContext | None:
    """What a job pushed while handling this one takes along; None when there is nothing.

    The hidden note about the handled job's own unique lock stays behind: the new job must not free a lock that is not
    its own.

    :param envelope: of the job in hand.
    """
    found = read_context(envelope)
    kept = LogContext(
        found.raw_data, {key: text for key, text in found.raw_hidden.items() if key not in _OF_ONE_UNIQUE_JOB}
    )
    return kept or None


def _strings(found: object) -> dict[str, str]:
    """A map of serialized strings; ``[]``, and ``{}`` from cjson, is the empty one."""
    if not isinstance(found, dict):
        return {}
    return {key: text for key, text in found.items() if isinstance(text, str)}


def _serialized(values: Mapping[str, Any]) -> dict[str, str]:
    texts = {}
    for key, value in values.items():
        try:
            texts[key] = dumps(to_php(value)).decode()
        except UnicodeDecodeError:
            raise InvalidPayload(f"The context value {key!r} holds text that is not valid UTF-8.") from None
    return texts
