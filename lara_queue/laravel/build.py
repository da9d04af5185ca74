"""Payloads as Laravel writes them: the same keys in the same order, the same JSON, for the version of your choice.

An *object job* names a PHP class and carries its properties; the worker creates the object and calls ``handle``. A
*string job*, ``Class@method``, carries any JSON and has its method called. The settings (tries, timeout, …) go into
the envelope, which is where PHP's worker reads them; the command gets exactly the properties that were given,
because a property that its class does not declare would be a deprecated dynamic one. ``delay`` is written null
unless asked for: Laravel's workers take it for the retry backoff when there is no other (protocol §6.6), and a job
pushed for later should not be retried so late.

Mirrors ``Queue/Queue.php`` ``createPayload``, ``createObjectPayload``, ``createStringPayload``,
``withCreatePayloadHooks``, ``Queue/RedisQueue.php`` ``createPayloadArray`` and ``Queue/Console/RetryCommand.php``;
protocol §1, §8.3.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from enum import Enum
from typing import Any

from phpserialize import phpobject

from lara_queue.errors import ConfigurationError, InvalidPayload, PayloadError
from lara_queue.laravel import names
from lara_queue.laravel.context import LogContext
from lara_queue.laravel.encrypter import Encrypter
from lara_queue.laravel.envelope import Envelope, decode_payload
from lara_queue.laravel.json import encode_json
from lara_queue.laravel.people import to_php
from lara_queue.php import PhpObject, dumps
from lara_queue.php.values import new_object
from lara_queue.php.writer import dumps_plain

__all__ = [
    "NEWEST",
    "Hook",
    "LaravelVersion",
    "build_command",
    "build_payload",
    "parse_version",
    "retry_payload",
    "set_attempts",
]

Hook = Callable[[str | None, str | None, dict[str, Any]], Mapping[str, Any] | None]
"""Gets connection, queue and the payload so far; what it returns is merged over the payload
(``createPayloadUsing``)."""

Moment = datetime | timedelta | float

_TEXT = frozenset((str,))


class LaravelVersion(Enum):
    """The Laravel releases whose payloads differ; the value is the first release that writes so."""

    V8 = (8, 0)
    V12_11 = (12, 11)  # createdAt and delay
    V12_51 = (12, 51)  # data.batchId
    V13 = (13, 0)  # deleteWhenMissingModels
    V10 = V8
    V11 = V8


NEWEST = LaravelVersion.V13


def parse_version(version: LaravelVersion | str | float | None) -> LaravelVersion:
    """The payload format of a Laravel release.

    :param version: such as ``13``, ``"12.51"``, ``"8.83.29"``; a bare ``12`` is the newest 12; None is the newest of
        all.
    :raises ConfigurationError: not a version, or one before 8.

    >>> [parse_version(given).name for given in ("11", 12, "12.20.1", None)]
    ['V8', 'V12_51', 'V12_11', 'V13']
    """
    if version is None:
        return NEWEST
    if isinstance(version, LaravelVersion):
        return version
    parts = str(version).lstrip("v").split(".")
    if not all(part.isascii() and part.isdigit() for part in parts) or int(parts[0]) < LaravelVersion.V8.value[0]:
        raise ConfigurationError(f"laravel_version must be 8 or later, such as 8, 11 or '12.51', not {version!r}.")
    given = (int(parts[0]), int(parts[1]) if len(parts) > 1 else math.inf)
    return max((each for each in LaravelVersion if each.value <= given), key=lambda each: each.value)


def build_payload(
    name: str,
    data: Any = None,
    *,
    tries: int | None = None,
    backoff: Moment | str | Sequence[Moment] | None = None,
    timeout: float | timedelta | None = None,
    max_exceptions: int | None = None,
    fail_on_timeout: bool = False,
    retry_until: Moment | None = None,
    delay: Moment | None = None,
    queue: str | None = None,
    connection: str | None = None,
    encrypted: bool = False,
    encrypter: Encrypter | None = None,
    headers: Mapping[str, Any] | None = None,
    context: LogContext | Mapping[str, Any] | None = None,
    uuid: str,
    id: str | None,
    now: float,
    version: LaravelVersion = NEWEST,
    hooks: Sequence[Hook] = (),
    batch_id: str | None = None,
    display_name: str | None = None,
    delete_when_missing_models: bool = False,
    string_job: bool | None = None,
) -> bytes:
    """The payload's bytes.

    :param name: the PHP class of an object job, or ``Class@method`` of a string job.
    :param data: an object job's properties in PHP's order, with ``protected(…)`` and ``private(…)`` where needed, or
        its whole command as a PhpObject; a string job's data, any JSON value.
    :param tries: attempts allowed; 0 for no limit.
    :param backoff: seconds before a retry, or a list of them; a datetime counts from ``now``.
    :param timeout: seconds an attempt may take.
    :param max_exceptions: exceptions allowed.
    :param fail_on_timeout: a timeout fails the job at once.
    :param retry_until: a datetime, a Unix time, or a timedelta from ``now``, until which any number of attempts is
        allowed.
    :param delay: seconds for the payload's ``delay`` key, which is also a retry backoff; None leaves it null.
    :param queue, connection: told to the hooks and named in errors; not written.
    :param encrypted: encrypt the command, as ``ShouldBeEncrypted`` does.
    :param encrypter: with the application's key; needed for that.
    :param headers: further payload keys, merged like a hook's, after the hooks.
    :param context: the log context that travels along.
    :param uuid: the job's UUID.
    :param id: Redis's job id; None leaves ``id`` and ``attempts`` out, as the other stores do.
    :param now: Unix time in seconds.
    :param version: the Laravel whose format is written.
    :param hooks: called in order, see :data:`Hook`.
    :param batch_id: the batch that the job belongs to; also set as the command's ``batchId``.
    :param display_name: shown instead of the class.
    :param delete_when_missing_models: the job may vanish if one of its models does (Laravel 13).
    :param string_job: True makes ``name`` a string job without ``@``, whose method is ``fire``.
    :raises InvalidPayload: the data has no PHP or JSON form, or holds text that is not UTF-8.
    :raises ConfigurationError: ``encrypted`` without an encrypter.

    >>> build_payload("App\\\\Ping@fire", {"n": 1}, uuid="u", id=None, now=0, version=LaravelVersion.V8)[:59]
    b'{"uuid":"u","displayName":"App\\\\\\\\Ping","job":"App\\\\\\\\Ping@fire'
    """
    as_string = "@" in name if string_job is None else string_job
    settings: dict[str, Any] = {
        names.MAX_TRIES: tries,
        names.MAX_EXCEPTIONS: max_exceptions,
        names.FAIL_ON_TIMEOUT: bool(fail_on_timeout),
        names.BACKOFF: _backoff(backoff, now),
        names.TIMEOUT: _whole_seconds(timeout),
    }
    payload: dict[str, Any] = {names.UUID: uuid}
    fixed: dict[str, Any] = {}
    try:
        if as_string:
            payload[names.DISPLAY_NAME] = display_name or name.split("@", 1)[0]
            payload |= {names.JOB: name, **settings, names.DATA: "" if data is None else data}
        else:
            name = name.lstrip("\\")
            payload[names.DISPLAY_NAME] = display_name or name
            payload |= {names.JOB: names.CALL_QUEUED_HANDLER, **settings, names.RETRY_UNTIL: _instant(retry_until, now)}
            if version is LaravelVersion.V13:
                payload[names.DELETE_WHEN_MISSING_MODELS] = bool(delete_when_missing_models)
            fixed = _command_data(name, data, batch_id, encrypter if encrypted else None, encrypted, version)
            payload[names.DATA] = fixed
        if as_string and encrypted:
            raise InvalidPayload("String jobs have no command to encrypt; encrypt the data yourself.")
        if version.value >= LaravelVersion.V12_11.value:
            payload[names.CREATED_AT] = int(now)
        _extend(payload, fixed, connection, queue, hooks, headers, context)
        if id is not None:
            payload |= {names.ID: id, names.ATTEMPTS: 0}
        if version.value >= LaravelVersion.V12_11.value:
            payload[names.DELAY] = _seconds(delay, now)
        return encode_json(payload)
    except InvalidPayload as exc:
        raise type(exc)(f"Unable to encode the payload for job [{name}] on queue [{queue}]: {exc}") from exc


def build_command(name: str, data: Any = None, *, batch_id: str | None = None) -> bytes:
    """The PHP serialization of a job object; a member of a chain is one.

    :param name: its PHP class.
    :param data: its properties by name in PHP's order, or the whole object as a PhpObject.
    :param batch_id: set as ``batchId`` unless ``data`` has one.
    :raises InvalidPayload: a value has no PHP form, or ``data`` is not a mapping.

    >>> build_command("App\\\\Ping", {"n": 1})
    b'O:8:"App\\\\Ping":1:{s:1:"n";i:1;}'
    """
    if type(data) is dict and _TEXT.issuperset(map(type, data)):
        given: Any = new_object(name, data)  # not a copy: it is only read
    elif data is None or (isinstance(data, Mapping) and not isinstance(data, phpobject)):
        given = PhpObject(name, data)
    elif isinstance(data, phpobject):  # a PhpObject is one
        given = data
    else:
        raise InvalidPayload(
            f"the data of an object job is a mapping of its properties, not {type(data).__name__}; "
            f'for a string job name its method, as in "{name}@fire".'
        )
    if batch_id is None:
        written = dumps_plain(given)  # what is plain is what to_php() would make of it
        if written is not None:
            return written
    command: PhpObject = to_php(given)
    if batch_id is not None and names.BATCH_ID not in command:
        command.__php_vars__[names.BATCH_ID] = batch_id
    return dumps(command)


def retry_payload(body: bytes) -> bytes:
    """The payload as ``queue:retry`` pushes it again: ``attempts`` 0 where it is counted in the payload, the rest
    intact.

    :param body: a failed job's payload. Unlike artisan's, the other bytes stay as they are.
    :raises PayloadError: it is not a payload that any worker could take.

    >>> retry_payload(b'{"job":"A@b","data":{"attempts":3},"attempts":2}')
    b'{"job":"A@b","data":{"attempts":3},"attempts":0}'
    """
    if names.ATTEMPTS not in Envelope.parse(body).payload:
        return body
    return set_attempts(body, 0)


_ATTEMPTS = re.compile(rb'(?<!\\)"attempts"\s*:\s*([^,}\]\s]+)')


def set_attempts(body: bytes, attempts: int) -> bytes:
    """The payload with another number of ``attempts``, byte for byte the same otherwise.

    :param body: a payload, a JSON object; ``attempts`` is added at the end when it is missing.
    :param attempts: the new number.
    :raises PayloadError: not a JSON object.

    >>> set_attempts(b'{"job": "A@b", "n": 1.0}', 1)
    b'{"job": "A@b", "n": 1.0,"attempts":1}'
    """
    payload = Envelope.parse(body).payload
    wanted = {**payload, names.ATTEMPTS: attempts}
    number = str(attempts).encode()
    for found in reversed(list(_ATTEMPTS.finditer(body))):
        changed = body[: found.start(1)] + number + body[found.end(1) :]
        if _says(changed, wanted):  # the key of the payload itself, not one inside its data or a string
            return changed
    if names.ATTEMPTS not in payload:
        end = body.rindex(b"}")
        changed = body[:end] + (b"," if payload else b"") + b'"attempts":' + number + body[end:]
        if _says(changed, wanted):
            return changed
    return encode_json(wanted)


def _says(body: bytes, wanted: dict[str, Any]) -> bool:
    try:
        return bool(decode_payload(body) == wanted)
    except (PayloadError, RecursionError):
        return False


def _command_data(
    name: str, data: Any, batch_id: str | None, encrypter: Encrypter | None, encrypted: bool, version: LaravelVersion
) -> dict[str, Any]:
    serialized = build_command(name, data, batch_id=batch_id)
    if encrypted:
        if encrypter is None:
            raise ConfigurationError(f"{name} shall be encrypted, but no app_key was given.")
        text = encrypter.encrypt_command(serialized)
    else:
        try:
            text = serialized.decode()
        except UnicodeDecodeError:
            raise InvalidPayload("Malformed UTF-8 characters, possibly incorrectly encoded") from None
    made: dict[str, Any] = {names.COMMAND_NAME: name, names.COMMAND: text}
    if version.value >= LaravelVersion.V12_51.value:
        made[names.BATCH_ID] = batch_id
    return made


def _extend(
    payload: dict[str, Any],
    fixed: dict[str, Any],
    connection: str | None,
    queue: str | None,
    hooks: Sequence[Hook],
    headers: Mapping[str, Any] | None,
    context: LogContext | Mapping[str, Any] | None,
) -> None:
    """Merge what travels along; an object job's command stays the last word on itself."""
    carried = context.payload() if isinstance(context, LogContext) else context
    if carried:
        payload[names.LOG_CONTEXT] = carried
    for hook in hooks:
        payload.update(hook(connection, queue, payload) or {})
    if headers:
        payload.update(headers)
    if fixed:
        changed = payload.get(names.DATA)
        payload[names.DATA] = {**changed, **fixed} if isinstance(changed, Mapping) and changed is not fixed else fixed


def _backoff(backoff: Moment | str | Sequence[Moment] | None, now: float) -> str | None:
    if backoff is None or isinstance(backoff, str):
        return backoff
    several: Iterable[Moment] = (backoff,) if isinstance(backoff, datetime | timedelta | int | float) else backoff
    return ",".join(str(_seconds(each, now)) for each in several)


def _seconds(value: Moment | None, now: float) -> int | None:
    """Whole seconds from now, never below 0; mirrors ``InteractsWithTime::secondsUntil``."""
    if value is None:
        return None
    if isinstance(value, datetime):
        return max(0, int(value.timestamp()) - int(now))
    return max(0, int(value.total_seconds() if isinstance(value, timedelta) else value))


def _whole_seconds(value: float | timedelta | None) -> int | None:
    """A timeout; PHP's alarm knows whole seconds, and a part of one is not none."""
    if value is None:
        return None
    return math.ceil(value.total_seconds() if isinstance(value, timedelta) else value)


def _instant(value: Moment | None, now: float) -> int | None:
    if value is None:
        return None
    if isinstance(value, datetime):
        return int(value.timestamp())
    return int(now + value.total_seconds() if isinstance(value, timedelta) else value)
