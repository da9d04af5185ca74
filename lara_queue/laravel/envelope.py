"""The envelope: what a payload says about its job before anybody looks into the command.

``Envelope.parse`` decodes the JSON once and checks only what nothing works without. Everything else is read from the
decoded payload when asked for, the way PHP would read it: numeric strings count as numbers, ``cjson``'s ``1e+14`` is an
integer again, an empty ``{}`` stands for an empty list, and a value of a useless type counts as absent.

Mirrors ``Queue/Jobs/Job.php`` (the accessors) and ``Queue/Worker.php`` ``calculateBackoff``; protocol §1 and §6.6.
"""

from __future__ import annotations

import json
from typing import Any, NoReturn

import msgspec

from lara_queue.errors import PayloadError
from lara_queue.laravel.loose import integer, php_number, seconds, text, truth
from lara_queue.laravel.names import (
    ATTEMPTS,
    BACKOFF,
    BATCH_ID,
    CALL_QUEUED_HANDLER,
    COMMAND,
    COMMAND_NAME,
    CREATED_AT,
    DATA,
    DELAY,
    DELETE_WHEN_MISSING_MODELS,
    DISPLAY_NAME,
    FAIL_ON_TIMEOUT,
    ID,
    JOB,
    MAX_EXCEPTIONS,
    MAX_TRIES,
    PUSHED_AT,
    RETRY_UNTIL,
    TIMEOUT,
    TIMEOUT_AT,
    UUID,
)

__all__ = ["MAX_DEPTH", "Envelope", "decode_payload", "php_number"]

MAX_DEPTH = 512
"""How deep PHP's ``json_decode`` follows nested arrays."""

_NO_DATA = msgspec.Raw()
_UNREAD: Any = object()
_HANDLER = CALL_QUEUED_HANDLER.rpartition("\\")[2].encode()  # in a payload its backslashes are doubled
_TOO_DEEP = f"The payload is nested more than {MAX_DEPTH} levels deep."


class Envelope(msgspec.Struct, eq=False, repr_omit_defaults=True, gc=False):
    """A job's payload, decoded, with Laravel's settings as attributes. Made by :meth:`parse`; not to be changed.

    >>> envelope = Envelope.parse(b'{"uuid":"u-1","displayName":"Mail","job":"Mail@send","maxTries":"3","data":[1]}')
    >>> envelope.display_name, envelope.max_tries, envelope.is_object_job, envelope.data
    ('Mail', 3, False, [1])
    """

    # In the order of a payload, which msgspec finds its fields in.
    _uuid: Any = msgspec.field(default=None, name=UUID)
    _display_name: Any = msgspec.field(default=None, name=DISPLAY_NAME)
    job: str = ""
    """What PHP calls: ``Illuminate\\Queue\\CallQueuedHandler@call``, or a string job's ``Class@method``."""
    _max_tries: Any = msgspec.field(default=None, name=MAX_TRIES)
    _max_exceptions: Any = msgspec.field(default=None, name=MAX_EXCEPTIONS)
    _fail_on_timeout: Any = msgspec.field(default=None, name=FAIL_ON_TIMEOUT)
    _backoff: Any = msgspec.field(default=None, name=BACKOFF)
    _timeout: Any = msgspec.field(default=None, name=TIMEOUT)
    _retry_until: Any = msgspec.field(default=None, name=RETRY_UNTIL)
    _delete_when_missing_models: Any = msgspec.field(default=None, name=DELETE_WHEN_MISSING_MODELS)
    _created_at: Any = msgspec.field(default=None, name=CREATED_AT)
    _id: Any = msgspec.field(default=None, name=ID)
    _attempts: Any = msgspec.field(default=None, name=ATTEMPTS)
    _delay: Any = msgspec.field(default=None, name=DELAY)
    _timeout_at: Any = msgspec.field(default=None, name=TIMEOUT_AT)
    _pushed_at: Any = msgspec.field(default=None, name=PUSHED_AT)
    _body: Any = None
    _payload: Any = None
    _data: Any = None

    @classmethod
    def parse(cls, body: bytes) -> Envelope:
        """The envelope in ``body``.

        :param body: the payload's bytes, as the store had them.
        :raises PayloadError: not JSON, not an object, nested too deeply, or without a ``job``; says which.
        """
        envelope = _object_job(body) if _HANDLER in body else None
        if envelope is None:
            envelope = _any_job(body)
        envelope._body = body
        envelope._payload = None
        envelope._data = _UNREAD
        if type(envelope) is _AnyJob and envelope.job != CALL_QUEUED_HANDLER:
            data = envelope.data  # an object job's command is opened before its handler runs; here nothing is
            if len(body) > 2 * MAX_DEPTH:
                _check_depth(data)
        return envelope

    @property
    def data(self) -> Any:
        """The ``data`` member as decoded, an object job's on first use; None when there is none."""
        data = self._data
        if data is _UNREAD:
            data = self._data = self._decode_data()
        return data

    @property
    def payload(self) -> dict[str, Any]:
        """The whole payload as decoded, every unknown key kept."""
        payload: dict[str, Any] | None = self._payload
        if payload is None:
            payload = self._payload = decode_payload(self._body)
        return payload

    def __repr__(self) -> str:
        return f"<Envelope {self.display_name} uuid={self.uuid}>"

    @property
    def uuid(self) -> str | None:
        """The UUID that the job keeps through all its attempts; None when the producer gave none."""
        return text(self._uuid)

    @property
    def id(self) -> str | None:
        """Redis: 32 random characters (Horizon: the uuid). None on other stores."""
        return text(self._id)

    @property
    def display_name(self) -> str:
        """What people call the job; its ``job`` when the producer gave it no name."""
        name = self._display_name
        return name if type(name) is str and name else self.job

    @property
    def max_tries(self) -> int | None:
        """Attempts allowed; 0 for no limit; None: as the worker says."""
        return integer(self._max_tries)

    @property
    def max_exceptions(self) -> int | None:
        """Exceptions allowed, or None."""
        return integer(self._max_exceptions)

    @property
    def fail_on_timeout(self) -> bool:
        """True when a timeout fails the job at once."""
        return truth(self._fail_on_timeout)

    @property
    def backoff(self) -> tuple[int, ...] | None:
        """Seconds before each retry, the last one for all further; None: as the worker says.

        ``delay`` stands in for an absent ``backoff``: Laravel's workers retry a delayed job with the delay it was
        pushed with (protocol §6.6). An empty string is 0 seconds.
        """
        found = self._backoff
        if found is None or found == {} or found == []:
            found = self._delay
            if found is None:
                return None
        return seconds(found)

    @property
    def timeout(self) -> float | None:
        """Seconds an attempt may take; 0 for no limit; None: as the worker says."""
        return php_number(self._timeout)

    @property
    def retry_until(self) -> float | None:
        """Unix time until which any number of attempts is allowed, or None."""
        found = self._retry_until
        return php_number(self._timeout_at if found is None else found)

    @property
    def created_at(self) -> float | None:
        """Unix time of the push: Laravel's ``createdAt`` (12.11 and later), else Horizon's ``pushedAt``, else None."""
        found = self._created_at
        return php_number(self._pushed_at if found is None else found)

    @property
    def attempts(self) -> int | None:
        """Attempts counted in the payload (Redis); None where the store counts them itself."""
        return integer(self._attempts)

    @property
    def is_object_job(self) -> bool:
        """True for a job object; False for a string job (``Class@method``)."""
        return self.job == CALL_QUEUED_HANDLER

    @property
    def command(self) -> str | None:
        """An object job's command: PHP serialization, or its ciphertext. None for a string job or when missing."""
        return self._of_command(COMMAND)

    @property
    def command_name(self) -> str | None:
        """An object job's class. None for a string job or when missing."""
        return self._of_command(COMMAND_NAME)

    @property
    def batch_id(self) -> str | None:
        """The batch that an object job belongs to, where the envelope says so (12.51 and later)."""
        return self._of_command(BATCH_ID) or None

    @property
    def delete_when_missing_models(self) -> bool:
        """True when the job may vanish if one of its models does (13; earlier versions ask the class)."""
        return truth(self._delete_when_missing_models)

    @property
    def says_nothing(self) -> bool:
        """True when the payload leaves tries, backoff, timeouts and exceptions to handler and worker."""
        return (
            self._max_tries is None
            and self._backoff is None
            and self._delay is None
            and self._timeout is None
            and self._retry_until is None
            and self._timeout_at is None
            and self._max_exceptions is None
            and not self._fail_on_timeout
        )

    def _of_command(self, key: str) -> str | None:
        return None

    def _decode_data(self) -> Any:
        return decode_payload(self._body).get(DATA)


class _Command(msgspec.Struct, gc=False):
    command_name: Any = msgspec.field(default=None, name=COMMAND_NAME)
    command: Any = msgspec.field(default=None, name=COMMAND)
    batch_id: Any = msgspec.field(default=None, name=BATCH_ID)


class _ObjectJob(Envelope):
    """The envelope of an object job whose data are as they should be: these are read together with the rest."""

    _of_data: _Command = msgspec.field(default_factory=_Command, name=DATA)

    @property
    def is_object_job(self) -> bool:
        return True

    @property
    def command(self) -> str | None:
        found = self._of_data.command
        return found if type(found) is str else None

    @property
    def command_name(self) -> str | None:
        found = self._of_data.command_name
        return found if type(found) is str else None

    @property
    def batch_id(self) -> str | None:
        found = self._of_data.batch_id
        return (found if type(found) is str else None) or None


class _AnyJob(Envelope):
    """The envelope of any job; its data are decoded when they are asked for."""

    _raw_data: msgspec.Raw = msgspec.field(default=_NO_DATA, name=DATA)

    def _of_command(self, key: str) -> str | None:
        if self.job != CALL_QUEUED_HANDLER:
            return None
        data = self._data
        if data is _UNREAD:
            data = self.data
        if type(data) is not dict:
            return None
        found = data.get(key)
        return found if type(found) is str else None

    def _decode_data(self) -> Any:
        if self._raw_data is not _NO_DATA:
            try:
                return _decode(self._raw_data)
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
                pass  # the whole payload then says what is wrong, or copes with it
        return decode_payload(self._body).get(DATA)


_read = msgspec.json.Decoder(_AnyJob).decode
_read_object = msgspec.json.Decoder(_ObjectJob).decode
_decode = msgspec.json.Decoder().decode


def _object_job(body: bytes) -> Envelope | None:
    """The envelope of an object job as producers write it; None when anything about it is odd."""
    try:
        envelope = _read_object(body)
        if not body.isascii():
            body.decode()  # members that were skipped must be text as well
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    return envelope if envelope.job == CALL_QUEUED_HANDLER else None


def _any_job(body: bytes) -> Envelope:
    try:
        envelope: Envelope = _read(body)
        if not body.isascii():
            body.decode()
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as exc:
        envelope = _read_again(body, exc)
    if not envelope.job:
        _refuse_job(decode_payload(body))
    return envelope


def _read_again(body: bytes, problem: Exception) -> Envelope:
    """The envelope in JSON that the quick reader refuses; a clear error when it is right to do so."""
    if isinstance(problem, RecursionError):
        raise PayloadError(_TOO_DEEP) from None
    if not isinstance(problem, msgspec.ValidationError):
        _refuse_json(problem)
    payload = decode_payload(body)
    if type(payload.get(JOB)) is not str:
        _refuse_job(payload)
    return msgspec.convert({key: value for key, value in payload.items() if key != DATA}, _AnyJob)


def decode_payload(body: bytes) -> dict[str, Any]:
    """The whole payload as PHP's ``json_decode`` sees it, unchecked but for being an object.

    :raises PayloadError: not JSON, or not an object.
    """
    payload: Any
    try:
        payload = _decode(body)
    except msgspec.ValidationError:
        payload = _with_infinity(body)  # a number out of range, which to PHP is infinite
    except (msgspec.MsgspecError, UnicodeDecodeError) as exc:
        _refuse_json(exc)
    except RecursionError:
        raise PayloadError(_TOO_DEEP) from None
    if type(payload) is not dict:
        raise PayloadError(f"The payload is not a JSON object but {_json_type(payload)}.")
    return payload


def _with_infinity(body: bytes) -> object:
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as exc:
        _refuse_json(exc)


def _refuse_json(problem: Exception) -> NoReturn:
    if isinstance(problem, UnicodeDecodeError):
        raise PayloadError("The payload is not valid UTF-8.") from None
    raise PayloadError(f"The payload is not JSON: {problem}.") from None


def _check_depth(data: Any) -> None:
    level = [data]
    for _ in range(MAX_DEPTH):  # the payload itself is the first level
        deeper: list[Any] = []
        for value in level:
            if isinstance(value, dict):
                deeper.extend(value.values())
            elif isinstance(value, list):
                deeper.extend(value)
        if not deeper and not any(isinstance(value, dict | list) for value in level):
            return
        level = deeper
    raise PayloadError(_TOO_DEEP)


def _refuse_job(payload: dict[str, Any]) -> NoReturn:
    if JOB not in payload:
        raise PayloadError('The payload has no "job".')
    raise PayloadError(f'The payload\'s "job" is not a name but {_json_type(payload[JOB])}.')


def _json_type(value: object) -> str:
    if value is None:
        return "null"
    if value == "":
        return "an empty string"
    kinds = {bool: "a boolean", int: "a number", float: "a number", str: "a string", list: "a list", dict: "an object"}
    return kinds.get(type(value), type(value).__name__)
