"""Job objects, looked into and changed: what their traits say, and copies with other properties.

Mirrors ``Bus/Queueable.php``, and ``Queue/Queue.php`` ``createObjectPayload`` for what goes from an object's properties
into its envelope (protocol §1.4). What only a PHP class knows (defaults that were left out, methods, interfaces) is not
in the object; see :func:`settings_of`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from lara_queue.laravel import names
from lara_queue.laravel.command import property_of
from lara_queue.laravel.people import plain
from lara_queue.php import PhpObject, loads
from lara_queue.php.values import by_reference, new_object

__all__ = [
    "ENCRYPTED",
    "Chain",
    "Settings",
    "chain_of",
    "changed",
    "display_name_of",
    "load_command",
    "settings_of",
    "text_of",
]

_TRIES, _EXCEPTIONS, _TIMEOUT = "tries", "maxExceptions", "timeout"
_FAIL_ON_TIMEOUT, _RETRY_UNTIL = "failOnTimeout", "retryUntil"
ENCRYPTED = "shouldBeEncrypted"
"""A property that ``Queue/Queue.php`` ``jobShouldBeEncrypted`` looks at in every job."""


@dataclass(frozen=True, slots=True)
class Chain:
    """What a job knows of its chain.

    Attributes:
        rest: the jobs to follow, serialized, as they stand in the object.
        connection, queue: where those go that do not say; None for the default.
        catch: the callbacks for a failure, as they stand in the object.
    """

    rest: tuple[Any, ...] = ()
    connection: str | None = None
    queue: str | None = None
    catch: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class Settings:
    """What an object's properties say about its envelope; None where they say nothing."""

    tries: int | None = None
    max_exceptions: int | None = None
    timeout: float | None = None
    fail_on_timeout: bool = False
    backoff: Any = None
    retry_until: float | None = None
    delay: float | datetime | None = None
    connection: str | None = None
    queue: str | None = None
    batch_id: str | None = None
    encrypted: bool = False


def load_command(serialized: bytes | str) -> PhpObject | None:
    """The job object of a chain's member; None when it is not one. Raises PhpUnserializeError."""
    value = loads(serialized if isinstance(serialized, bytes) else serialized.encode("utf-8", "surrogateescape"))
    return value if isinstance(value, PhpObject) else None


def chain_of(command: PhpObject) -> Chain:
    """The chain that a job carries.

    >>> chain_of(PhpObject("A", {"chained": ["O:1:\\"B\\":0:{}"], "chainQueue": "low"})).queue
    'low'
    """
    return Chain(
        tuple(_items(property_of(command, names.CHAINED))),
        text_of(property_of(command, names.CHAIN_CONNECTION)),
        text_of(property_of(command, names.CHAIN_QUEUE)),
        tuple(_items(property_of(command, names.CHAIN_CATCH_CALLBACKS))),
    )


def settings_of(command: PhpObject) -> Settings:
    """What the object's own properties say.

    A class whose constructor or declaration sets ``$tries`` usually says so here too. A default that PHP left out
    (``SerializesModels``, Laravel 9.4 and later) and what only a method tells cannot be seen; the worker's options hold
    for such a job then, or what its handler was registered with.

    >>> settings_of(PhpObject("A", {"tries": 5, "queue": "low", "backoff": [1, 2]})).tries
    5
    """
    retry_until = plain(property_of(command, _RETRY_UNTIL))
    delay = plain(property_of(command, names.DELAY))
    return Settings(
        tries=_whole(property_of(command, _TRIES)),
        max_exceptions=_whole(property_of(command, _EXCEPTIONS)),
        timeout=_whole(property_of(command, _TIMEOUT)),
        fail_on_timeout=property_of(command, _FAIL_ON_TIMEOUT) is True,
        backoff=plain(property_of(command, names.BACKOFF)),
        retry_until=retry_until.timestamp() if isinstance(retry_until, datetime) else _whole(retry_until),
        delay=delay.total_seconds() if hasattr(delay, "total_seconds") else delay if _is_delay(delay) else None,
        connection=text_of(property_of(command, names.CONNECTION)),
        queue=text_of(property_of(command, names.QUEUE)),
        batch_id=text_of(property_of(command, names.BATCH_ID)),
        encrypted=property_of(command, ENCRYPTED) is True,
    )


def display_name_of(command: PhpObject) -> str:
    """What the envelope shows: for Laravel's wrappers what is inside, else the class.

    >>> display_name_of(PhpObject(names.CALL_QUEUED_LISTENER, {"class": "App\\\\Listeners\\\\Greet"}))
    'App\\\\Listeners\\\\Greet'
    """
    if command.class_name == names.CALL_QUEUED_LISTENER:
        return text_of(property_of(command, "class")) or command.class_name
    for wrapper, inner in _WRAPPERS.items():
        if command.class_name == wrapper:
            value = property_of(command, inner)
            return value.class_name if isinstance(value, PhpObject) else command.class_name
    if command.class_name == names.CALL_QUEUED_CLOSURE:
        return "Closure"
    return command.class_name


_WRAPPERS = {
    names.SEND_QUEUED_MAILABLE: "mailable",
    names.SEND_QUEUED_NOTIFICATIONS: "notification",
    names.BROADCAST_EVENT: "event",
    names.UNIQUE_BROADCAST_EVENT: "event",
}


def changed(command: PhpObject, properties: Mapping[str, Any]) -> PhpObject:
    """A copy of the object in which these public properties have other values; new ones come last.

    >>> changed(PhpObject("A", {"n": 1, "queue": None}), {"queue": "low"})
    PhpObject('A', {'n': 1, 'queue': 'low'})
    """
    raw: dict[Any, Any] = {**command.__php_vars__, **properties}
    kept = by_reference(command) - properties.keys()
    return new_object(command.class_name, raw, kept) if kept else PhpObject(command.class_name, raw)


def text_of(value: object) -> str | None:
    """A non-empty text, the value of a backed enum included; else None."""
    value = plain(value)
    value = getattr(value, "value", value)
    return value if isinstance(value, str) and value else None


def _items(value: object) -> list[Any]:
    if isinstance(value, list):
        return list(value)
    return list(value.values()) if isinstance(value, dict) else []


def _whole(value: object) -> int | None:
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int | float):
        return int(value)
    return int(value) if isinstance(value, str) and value.isascii() and value.lstrip("-").isdigit() else None


def _is_delay(value: object) -> bool:
    return isinstance(value, int | float | datetime) and not isinstance(value, bool)
