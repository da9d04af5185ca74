"""What Laravel would have pushed: payloads of every version, and the PHP objects that travel in them.

For tests of handlers and of whatever reads queues: the bytes are those that the version named writes, from the key
order to the ``delay`` that only some of them have.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

from lara_queue.clock import new_id, new_uuid, system_clock
from lara_queue.laravel import names
from lara_queue.laravel.binding import to_properties
from lara_queue.laravel.build import build_payload, parse_version, set_attempts
from lara_queue.laravel.encrypter import Encrypter
from lara_queue.laravel.models import ModelIdentifier
from lara_queue.laravel.php_form import carbon, to_php
from lara_queue.php import PhpEnum, PhpObject, protected

__all__ = ["APP_KEY", "carbon", "collection", "enum_case", "model_identifier", "payload"]

APP_KEY: Final = "base64:bGFyYV9xdWV1ZSB0ZXN0IGtleSwgMzIgYnl0ZXMgbG8="
"""The key that :func:`payload` encrypts with unless another is given; give the same to the queue."""

COLLECTION_CLASS_SINCE: Final = 9  # ModelIdentifier has no collectionClass before


def payload(
    name: Any,
    data: Any = None,
    *,
    version: str | float = 13,
    store: Literal["redis", "database"] = "redis",
    attempts: int = 0,
    encrypted: bool = False,
    app_key: str | bytes = APP_KEY,
    uuid: str | None = None,
    id: str | None = None,
    now: float | None = None,
    **options: Any,
) -> bytes:
    """The payload as that Laravel writes it, for ``queue.push_raw()`` or to look at.

    Parameters:
        name, data: as for ``push()``: a PHP class and its properties, ``Class@method`` and any JSON, a typed job; or a
            PhpObject as ``data``.
        version: the Laravel, such as 8, 11 or ``"12.20"``. Of a major version the newest is meant.
        store: ``redis`` payloads carry ``id`` and ``attempts``, those in a table do not.
        attempts: how often it has been taken already; in a payload for Redis.
        encrypted: encrypt the command with ``app_key``, as ``ShouldBeEncrypted`` does.
        uuid, id, now: the job's uuid, its id on Redis, and the Unix time in seconds; made up when not given.
        options: ``tries``, ``backoff``, ``timeout``, ``max_exceptions``, ``fail_on_timeout``, ``retry_until``,
            ``delay`` (seconds; written from 12.11 on), ``batch_id``, ``display_name``, ``headers``, ``context``; see
            :func:`lara_queue.laravel.build.build_payload`.

    Raises :class:`~lara_queue.errors.InvalidPayload` for what PHP could not read.

    >>> payload("App\\\\Ping@fire", [1], version=8, uuid="u", id="i")[-34:]
    b',"data":[1],"id":"i","attempts":0}'
    """
    if not isinstance(name, str):
        name, data = to_properties(name)
    on_redis = store == "redis"
    body = build_payload(
        name,
        data,
        uuid=uuid or new_uuid(),
        id=(id or new_id()) if on_redis else None,
        now=system_clock() if now is None else now,
        version=parse_version(version),
        encrypted=encrypted,
        encrypter=Encrypter(app_key) if encrypted else None,
        **options,
    )
    return set_attempts(body, attempts) if on_redis and attempts else body


def collection(items: Sequence[Any] | Mapping[Any, Any] = (), class_name: str = names.COLLECTION) -> PhpObject:
    """An ``Illuminate\\Support\\Collection`` with these items; another class for an Eloquent one.

    >>> collection([1, 2])["items"]
    [1, 2]
    """
    inside = dict(items) if isinstance(items, Mapping) else list(items)
    return PhpObject(class_name, {protected("items"): to_php(inside), protected("escapeWhenCastingToString"): False})


def model_identifier(
    class_name: str,
    id: Any,
    *,
    relations: Sequence[str] = (),
    connection: str | None = "mysql",
    collection_class: str | None = None,
    version: str | float = 13,
) -> PhpObject:
    """What ``SerializesModels`` puts in a model's place.

    Parameters:
        class_name: the model's class.
        id: its key, or the list of keys of a collection.
        relations: names of the relations that were loaded.
        connection: the database connection's name.
        collection_class: the collection's class when it is not Laravel's own.
        version: the Laravel that writes it.

    >>> model_identifier("App\\\\Models\\\\User", 7)["id"]
    7
    """
    made: PhpObject = to_php(ModelIdentifier(class_name, id, list(relations), connection, collection_class))
    if int(float(str(version).split(".")[0])) < COLLECTION_CLASS_SINCE:
        del made.__php_vars__["collectionClass"]
    return made


def enum_case(class_name: str, case: str) -> PhpEnum:
    """A case of a PHP enum.

    >>> enum_case("App\\\\Enums\\\\Suit", "Hearts").case
    'Hearts'
    """
    return PhpEnum(class_name, case)
