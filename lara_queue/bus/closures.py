"""Closures written here, for PHP to run: the one thing that an application without code of ours can do for us.

A callback of a chain or a batch has to be a PHP closure, because PHP may be who reaches the end. So a Python callback,
which is a job, travels as a closure that pushes this job's payload; whoever gets there first has it pushed: PHP by
running the closure, Python by recognising it (:func:`callback_of`). The other way round, a PHP closure that is due in a
Python worker is handed to PHP as a queued closure that calls it (:func:`call_in_php`).

Both are signed with the application's key, as ``laravel/serializable-closure`` demands; protocol §2.7.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from lara_queue.errors import PayloadError, SignatureError
from lara_queue.laravel import names
from lara_queue.laravel.closures import is_closure, read_closure, sign
from lara_queue.php import PhpObject, dumps

__all__ = ["Callback", "call_in_php", "callback_of", "callback_of_chain", "callback_to_push", "closure"]

_MARK: Final = "laraQueuePayload"

_PUSH: Final = """function ($batch = null, $exception = null) use (
    $laraQueuePayload, $queue, $connection, $unless, $delay, $renew
) {
    if ($unless && is_object($batch) && method_exists($batch, 'cancelled') && $batch->cancelled()) {
        return;
    }
    foreach ($renew as $old) {
        $hex = bin2hex(random_bytes(16));
        $hex[12] = '4';
        $hex[16] = 'a';
        $new = strlen($old) === 36 ? vsprintf('%s%s-%s-%s-%s-%s%s%s', str_split($hex, 4)) : $hex;
        $laraQueuePayload = str_replace($old, $new, $laraQueuePayload);
    }
    $store = \\Illuminate\\Container\\Container::getInstance()->make('queue')->connection($connection);
    if ($delay > 0 && (method_exists($store, 'laterRaw') || method_exists($store, 'pushToDatabase'))) {
        return (function () use ($laraQueuePayload, $queue, $delay) {
            return method_exists($this, 'laterRaw')
                ? $this->laterRaw($delay, $laraQueuePayload, $queue)
                : $this->pushToDatabase($queue, $laraQueuePayload, $delay);
        })->call($store);
    }
    $store->pushRaw($laraQueuePayload, $queue);
}"""

_CALL: Final = """function () use ($callback, $batchId, $message) {
    $container = \\Illuminate\\Container\\Container::getInstance();
    $exception = $message === null ? null : new \\RuntimeException($message);
    $callback = is_object($callback) && method_exists($callback, 'getClosure') ? $callback->getClosure() : $callback;
    if ($batchId === null) {
        return $callback($exception);
    }
    $callback($container->make(\\Illuminate\\Bus\\BatchRepository::class)->find($batchId), $exception);
}"""

_OF_CHAIN: Final = """function ($batch, $exception = null) use ($callback) {
    if (! $batch->allowsFailures()) {
        $callback = is_object($callback) && method_exists($callback, 'getClosure')
            ? $callback->getClosure() : $callback;
        $callback($exception);
    }
}"""


@dataclass(frozen=True, slots=True)
class Callback:
    """A Python callback found in a chain or a batch: what to push, and where.

    Attributes:
        payload: the job's whole payload.
        queue: its queue.
        connection: Laravel's name of the connection, or None for the default.
        unless_cancelled: not if the batch was cancelled.
        delay: seconds until it is due after it was called.
        renew: the ids in the payload (``uuid``, and ``id`` on Redis) that every call must make anew, because this
            callback is called several times: two jobs in a queue must not be the same bytes.
    """

    payload: bytes
    queue: str
    connection: str | None = None
    unless_cancelled: bool = False
    delay: float = 0
    renew: tuple[str, ...] = ()


def closure(source: str, bound: Mapping[str, Any], key: str | bytes | None) -> PhpObject:
    """A serialized PHP closure.

    Parameters:
        source: its source text, beginning with ``function`` or ``fn``.
        bound: the values of its ``use`` variables by name.
        key: ``APP_KEY``, which signs it; None leaves it unsigned, and an application that has a key refuses it.

    >>> read_closure(closure("fn () => $n", {"n": 1}, "secret"), "secret").bound
    {'n': 1}
    """
    own = hashlib.md5(source.encode(), usedforsecurity=False).hexdigest()  # PHP writes the object's hash here
    said: dict[Any, Any] = {"use": dict(bound), "function": source, "scope": None, "this": None, "self": own}
    native = PhpObject(names.NATIVE_SERIALIZER, said)
    if key is None:
        return PhpObject(names.SERIALIZABLE_CLOSURE, {"serializable": native})
    serialized = dumps(native)
    signed = PhpObject(names.SIGNED_SERIALIZER, {"serializable": serialized.decode(), "hash": sign(serialized, key)})
    return PhpObject(names.SERIALIZABLE_CLOSURE, {"serializable": signed})


def callback_to_push(callback: Callback, key: str | bytes | None) -> PhpObject:
    """The closure by which PHP pushes the callback's job.

    >>> callback_of(callback_to_push(Callback(b"{}", "python"), None), None).queue
    'python'
    """
    bound = {
        _MARK: callback.payload.decode(),
        names.QUEUE: callback.queue,
        names.CONNECTION: callback.connection,
        "unless": callback.unless_cancelled,
        "delay": math.ceil(callback.delay),
        "renew": list(callback.renew),
    }
    return closure(_PUSH, bound, key)


def callback_of(value: object, key: str | bytes | None) -> Callback | None:
    """The Python callback that a closure stands for; None for PHP's own closures and callables.

    Raises :class:`~lara_queue.errors.SignatureError` when there is a key and it has not signed the closure.
    """
    if not is_closure(value):
        return None
    try:
        found = read_closure(value, None)
    except PayloadError:
        return None
    payload, queue = found.bound.get(_MARK), found.bound.get(names.QUEUE)
    if not isinstance(payload, str) or not isinstance(queue, str):
        return None
    if key is not None:
        read_closure(value, key)
    connection, delay, renew = (found.bound.get(name) for name in (names.CONNECTION, "delay", "renew"))
    return Callback(
        payload.encode("utf-8", "surrogateescape"),
        queue,
        connection if isinstance(connection, str) else None,
        found.bound.get("unless") is True,
        delay if isinstance(delay, int) else 0,
        tuple(old for old in renew if isinstance(old, str) and old) if isinstance(renew, list) else (),
    )


def callback_of_chain(callback: object, key: str | bytes | None) -> object:
    """A chain's callback for failures as a batch in that chain calls it, which gives the batch first.

    One of Python's takes what comes; one of PHP's gets the exception alone, as ``Bus/ChainedBatch.php`` sees to.
    """
    try:
        ours = callback_of(callback, key)
    except SignatureError:
        return callback
    return callback if ours is not None else closure(_OF_CHAIN, {"callback": callback}, key)


def call_in_php(
    callback: object, key: str | bytes | None, *, batch_id: str | None = None, message: str | None = None
) -> PhpObject:
    """The queued closure (``CallQueuedClosure``) by which a PHP worker calls a PHP callback.

    Parameters:
        callback: the closure or callable, as it stood in the chain or the batch.
        key: ``APP_KEY``.
        batch_id: the batch that it gets, freshly read, as its first argument; the exception is then its second, or
            null. None for a chain's callback, which gets the exception alone.
        message: the text of the exception; None for none.

    >>> call_in_php(closure("fn ($batch) => 1", {}, "k"), "k", batch_id="b").class_name
    'Illuminate\\\\Queue\\\\CallQueuedClosure'
    """
    outer = closure(_CALL, {"callback": callback, "batchId": batch_id, "message": message}, key)
    return PhpObject(names.CALL_QUEUED_CLOSURE, {"closure": outer})
