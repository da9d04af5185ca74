"""What Laravel meant by a job: its name, its kind, and the data that a handler is interested in.

Laravel queues listeners, mailables, notifications, events, closures and artisan commands inside commands of its own.
A view looks through these: ``data`` are the properties of the *inner* object, ``inner`` is that object as it was
serialized, and ``about`` is what the wrapper adds (the listener's class and method, the notification's channels and
receivers, …).

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
from lara_queue.laravel.people import plain
from lara_queue.laravel.properties import properties
from lara_queue.php import PhpObject

__all__ = ["JobView", "Kind", "properties", "view"]

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
        command = self._command
        if command is None and self.envelope.is_object_job:
            command = self._command = open_command(self.envelope, self._encrypter)
        return command

    @property
    def data(self) -> dict[str, Any]:
        """The inner object's properties by plain name, as plain values.

        A string job's data is given as it is when it is a mapping, empty when it is empty, else under ``data``. A
        listener has its event's properties, or ``{"arguments": […]}`` when its event is not a single object; a
        closure its captured variables; an artisan command ``command`` and ``parameters``.

        Raises :class:`~lara_queue.errors.PayloadError` when the command cannot be opened, and
        :class:`~lara_queue.errors.SignatureError` for a closure that the key at hand has not signed.
        """
        data = self._data
        if data is None:
            data = self._data = self._read()
        return data

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
        class_name = envelope.command_name
        if not class_name:
            if not envelope.is_object_job:
                return "string"
            class_name = class_of(envelope.command or "") or ""
        return _KINDS.get(class_name, "job")

    def _read(self) -> dict[str, Any]:
        command = self._command or self.command
        if command is None:
            return _string_data(self.envelope.data)
        kind = self._kind or self.kind
        if kind == "job":
            return properties(command, self.envelope.batch_id)
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


def _artisan(command: PhpObject) -> dict[str, Any]:
    arguments: Any = plain(property_of(command, "data"))
    if not isinstance(arguments, list) or not arguments:
        return {"command": None, "parameters": arguments}
    return {"command": arguments[0], "parameters": (arguments[1] if len(arguments) > 1 else None) or {}}


def _string_data(found: Any) -> dict[str, Any]:
    if isinstance(found, dict):
        return found
    return {} if found in (None, "", []) else {"data": found}
