"""What Laravel meant by a job: its name, its kind, and the data that a handler is interested in.

Laravel queues listeners, mailables, notifications, events, closures and artisan commands inside commands of its own.
A view looks through these: ``data`` are the properties of the *inner* object, ``inner`` is that object as it was
serialized, and ``about`` is what the wrapper adds (the listener's class and method, the notification's channels and
receivers, …).

Properties of Laravel's traits are left out of ``data`` only when it is certain that they are Laravel's and say
nothing: ``Queueable`` always brings ``connection``, ``queue``, ``delay``, ``middleware``, ``chained``,
``chainConnection`` and ``chainQueue`` together, so when all of them are there, those with their default value (and
``job``, null) are dropped; a chain is dropped, as it is in :attr:`JobView.chained`. A property set by the user, or
by a class without that trait, is always kept.

Nothing is decoded before it is asked for; name and kind come from the envelope. Protocol §1.6, §2.2.
"""

from __future__ import annotations

from typing import Any, Literal

from lara_queue.errors import PayloadError
from lara_queue.laravel import names
from lara_queue.laravel.closures import is_closure, read_closure
from lara_queue.laravel.command import class_of, open_command, property_of
from lara_queue.laravel.encrypter import Encrypter
from lara_queue.laravel.envelope import Envelope
from lara_queue.laravel.people import plain, plain_properties
from lara_queue.php import PhpObject

__all__ = ["JobView", "Kind", "view"]

Kind = Literal["job", "closure", "listener", "mailable", "notification", "broadcast", "artisan", "batch", "string"]

_KINDS: dict[str, Kind] = {
    names.CALL_QUEUED_CLOSURE: "closure",
    names.CALL_QUEUED_LISTENER: "listener",
    names.SEND_QUEUED_MAILABLE: "mailable",
    names.SEND_QUEUED_NOTIFICATIONS: "notification",
    names.BROADCAST_EVENT: "broadcast",
    names.UNIQUE_BROADCAST_EVENT: "broadcast",
    names.QUEUED_COMMAND: "artisan",
    names.CHAINED_BATCH: "batch",
}
_INNER: dict[Kind, str] = {"mailable": "mailable", "notification": "notification", "broadcast": "event"}

_SIGNATURE = frozenset(
    (
        names.CONNECTION,
        names.QUEUE,
        names.DELAY,
        names.MIDDLEWARE,
        names.CHAINED,
        names.CHAIN_CONNECTION,
        names.CHAIN_QUEUE,
    )
)
_NONE = type(None)
_DEFAULTS: dict[str, tuple[type[Any], ...]] = {  # the type of the default; its value is the empty one of that type
    names.JOB_WRAPPER: (_NONE,),
    names.CONNECTION: (_NONE,),
    names.QUEUE: (_NONE,),
    names.MESSAGE_GROUP: (_NONE,),
    names.GROUP: (_NONE,),
    names.DEDUPLICATOR: (_NONE,),
    names.DEBOUNCE_OWNER: (str, _NONE),
    names.UNIQUE_OWNER: (str, _NONE),
    names.DELAY: (_NONE,),
    names.AFTER_COMMIT: (_NONE,),
    names.MIDDLEWARE: (list,),
    names.CHAINED: (list,),
    names.CHAIN_CONNECTION: (_NONE,),
    names.CHAIN_QUEUE: (_NONE,),
    names.CHAIN_CATCH_CALLBACKS: (_NONE, list),
}
_CHAIN = (names.CHAINED, names.CHAIN_CONNECTION, names.CHAIN_QUEUE, names.CHAIN_CATCH_CALLBACKS)


class JobView:
    """A job as its author sees it. See :func:`view`."""

    __slots__ = ("_about", "_command", "_data", "_encrypter", "_inner", "_kind", "envelope")

    def __init__(self, envelope: Envelope, encrypter: Encrypter | None) -> None:
        self.envelope = envelope
        self._encrypter = encrypter
        self._kind: Kind | None = None
        self._command: PhpObject | None = None
        self._data: dict[str, Any] | None = None
        self._inner: Any = None
        self._about: dict[str, Any] = {}

    def __repr__(self) -> str:
        return f"<JobView {self.kind} {self.name}>"

    @property
    def name(self) -> str:
        """The display name: the job's class, the listener's, the mailable's, …"""
        return self.envelope.display_name

    @property
    def kind(self) -> Kind:
        """What sort of job it is, told from the command's class."""
        if self._kind is None:
            self._kind = self._find_kind()
        return self._kind

    @property
    def command(self) -> PhpObject | None:
        """The job object as it was serialized; None for a string job.

        Raises :class:`~lara_queue.errors.PayloadError` when it cannot be opened.
        """
        if self._command is None and self.envelope.is_object_job:
            self._command = open_command(self.envelope, self._encrypter)
        return self._command

    @property
    def data(self) -> dict[str, Any]:
        """The inner object's properties by plain name, as plain values.

        A string job's data is given as it is when it is a mapping, empty when it is empty, else under ``data``. A
        listener has its event's properties, or ``{"arguments": […]}`` when its event is not a single object; a
        closure its captured variables; an artisan command ``command`` and ``parameters``.

        Raises :class:`~lara_queue.errors.PayloadError` when the command cannot be opened, and
        :class:`~lara_queue.errors.SignatureError` for a closure that the key at hand has not signed.
        """
        if self._data is None:
            self._data = self._read()
        return self._data

    @property
    def inner(self) -> Any:
        """The wrapped object as serialized: mailable, notification, event; the list of a listener's arguments when
        it is not one event object; a :class:`~lara_queue.laravel.closures.Closure`; else None."""
        _ = self.data
        return self._inner

    @property
    def about(self) -> dict[str, Any]:
        """What the wrapper says beside the inner object, as plain values: ``listener`` and ``method``; ``channels`` and
        ``notifiables``; a closure's ``name``. Empty for other kinds."""
        _ = self.data
        return self._about

    @property
    def batch_id(self) -> str | None:
        """The batch it belongs to: from the envelope (12.51 and later), else from the command."""
        found: Any = self.envelope.batch_id
        if found is None and (command := self.command) is not None:
            found = command.__php_vars__.get(names.BATCH_ID)
        return found if isinstance(found, str) and found else None

    @property
    def chained(self) -> list[bytes]:
        """The jobs to follow, each a serialized command of its own."""
        command = self.command
        found: Any = None if command is None else command.__php_vars__.get(names.CHAINED)
        if isinstance(found, dict):
            found = list(found.values())
        if not isinstance(found, list):
            return []
        return [link if isinstance(link, bytes) else link.encode() for link in found if isinstance(link, str | bytes)]

    @property
    def chain_connection(self) -> str | None:
        """The connection of the jobs to follow that name none."""
        return self._text(names.CHAIN_CONNECTION)

    @property
    def chain_queue(self) -> str | None:
        """The queue of the jobs to follow that name none."""
        return self._text(names.CHAIN_QUEUE)

    def _text(self, name: str) -> str | None:
        command = self.command
        found = None if command is None else command.__php_vars__.get(name)
        return found if isinstance(found, str) else None

    def _find_kind(self) -> Kind:
        envelope = self.envelope
        if not envelope.is_object_job:
            return "string"
        class_name = envelope.command_name or class_of(envelope.command or "")
        return _KINDS.get(class_name or "", "job")

    def _read(self) -> dict[str, Any]:
        command = self.command
        if command is None:
            return _string_data(self.envelope.data)
        kind = self.kind
        if kind in _INNER:
            inner = property_of(command, _INNER[kind])
            if kind == "notification":
                self._about = {name: plain(property_of(command, name)) for name in ("notifiables", "channels")}
            return self._object(inner) if isinstance(inner, PhpObject) else properties(command, self.envelope.batch_id)
        if kind == "listener":
            return self._listener(command)
        if kind == "closure":
            return self._closure(command)
        if kind == "artisan":
            return _artisan(command)
        return properties(command, self.envelope.batch_id)

    def _object(self, inner: PhpObject) -> dict[str, Any]:
        self._inner = inner
        return properties(inner)

    def _listener(self, command: PhpObject) -> dict[str, Any]:
        self._about = {"listener": property_of(command, "class"), "method": property_of(command, "method")}
        arguments: Any = property_of(command, "data")
        if isinstance(arguments, dict) and property_of(command, "class") == names.INVOKE_QUEUED_CLOSURE:
            if is_closure(closure := arguments.get("closure")):
                self._about["closure"] = read_closure(closure, self._key())
            arguments = arguments.get("arguments")
        if isinstance(arguments, dict):
            arguments = list(arguments.values())
        if isinstance(arguments, list) and len(arguments) == 1 and isinstance(arguments[0], PhpObject):
            return self._object(arguments[0])
        self._inner = arguments
        return {"arguments": plain(arguments)}

    def _closure(self, command: PhpObject) -> dict[str, Any]:
        if (name := property_of(command, "name")) is not None:
            self._about = {"name": name}
        wrapped = property_of(command, "closure")
        if wrapped is None:
            raise PayloadError(f"The job {self.name} holds no closure.")
        self._inner = read_closure(wrapped, self._key())
        return self._inner.bound  # type: ignore[no-any-return]  # a Closure, assigned above

    def _key(self) -> bytes | None:
        return None if self._encrypter is None else self._encrypter.key


def view(envelope: Envelope, encrypter: Encrypter | None = None) -> JobView:
    """A job's view: its name and kind now, the rest when asked for.

    :param envelope: the parsed payload.
    :param encrypter: with the application's keys, to open encrypted commands and to check closures' signatures.

    >>> seen = view(Envelope.parse(b'{"job":"Legacy@fire","displayName":"Legacy","data":{"n":1}}'))
    >>> seen.name, seen.kind, seen.data
    ('Legacy', 'string', {'n': 1})
    """
    return JobView(envelope, encrypter)


def properties(command: PhpObject, batch_id: str | None = None) -> dict[str, Any]:
    """An object's properties by plain name, as plain values, without what Laravel's traits leave at its default.

    :param command: any object; of several private properties with the same plain name, the one its own class declares.
    :param batch_id: the batch that the envelope names: the command's ``batchId`` then says nothing new.
    """
    raw = command.__php_vars__
    data: dict[Any, Any] = plain_properties(command)
    if raw.keys() >= _SIGNATURE:
        for name, kinds in _DEFAULTS.items():
            if name in raw and not raw[name] and type(raw[name]) in kinds:
                data.pop(name, None)
    if _is_chain(raw.get(names.CHAINED)):
        for name in _CHAIN:
            if name in raw:
                data.pop(name, None)
    if names.BATCH_ID in raw:
        _drop_batch(command, data, batch_id)
    return data


def _drop_batch(command: PhpObject, data: dict[str, Any], batch_id: str | None) -> None:
    """Leave out what Batchable brings: its private property, and the batch id where it is null or known already."""
    raw = command.__php_vars__
    mangled = [key for key in raw if isinstance(key, str) and key.startswith("\0") and key.endswith("\0fakeBatch")]
    if mangled and raw[mangled[0]] is None:
        data.pop(names.FAKE_BATCH, None)
        if raw.get(names.BATCH_ID, "") is None:
            data.pop(names.BATCH_ID, None)
    if batch_id is not None and raw.get(names.BATCH_ID) == batch_id:
        data.pop(names.BATCH_ID, None)


def _is_chain(found: Any) -> bool:
    """True for Laravel's own list of serialized commands."""
    if not isinstance(found, list) or not found:
        return False
    return all(isinstance(link, str | bytes) and link[:2] in ("O:", b"O:") for link in found)


def _artisan(command: PhpObject) -> dict[str, Any]:
    arguments: Any = plain(property_of(command, "data"))
    if not isinstance(arguments, list) or not arguments:
        return {"command": None, "parameters": arguments}
    return {"command": arguments[0], "parameters": (arguments[1] if len(arguments) > 1 else None) or {}}


def _string_data(found: Any) -> dict[str, Any]:
    if isinstance(found, dict):
        return found
    return {} if found in (None, "", []) else {"data": found}
