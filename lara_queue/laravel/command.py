"""The command: the job object that a PHP application serialized, opened but never brought to life.

A command that starts with ``O:`` is plain PHP serialization. Anything else is an encrypted one, whatever it looks like;
that is the whole rule, and PHP's. Mirrors ``Queue/CallQueuedHandler.php`` ``getCommand``; protocol §2.1.
"""

from __future__ import annotations

from typing import Any

from lara_queue.errors import DecryptError, PayloadError, PhpUnserializeError
from lara_queue.laravel.encrypter import Encrypter
from lara_queue.laravel.envelope import Envelope
from lara_queue.php import PhpObject, loads
from lara_queue.php.reader import loads_object

__all__ = ["class_of", "command_bytes", "is_encrypted", "open_command", "property_of"]

PLAIN = "O:"


def open_command(envelope: Envelope, encrypter: Encrypter | None = None) -> PhpObject:
    """The command inside an object job's envelope.

    :param envelope: of an object job.
    :param encrypter: with the application's keys; needed for encrypted jobs only.
    :raises DecryptError: it is encrypted, and there is no key or none that fits.
    :raises PhpUnserializeError: it is not valid PHP serialization.
    :raises PayloadError: there is no command, or what was serialized is not an object.

    >>> command = 'O:8:\\\\"App\\\\\\\\Ship\\\\":1:{s:2:\\\\"to\\\\";s:2:\\\\"NY\\\\";}'
    >>> handler = 'Illuminate\\\\\\\\Queue\\\\\\\\CallQueuedHandler@call'
    >>> body = f'{{"job":"{handler}","data":{{"command":"{command}"}}}}'.encode()
    >>> open_command(Envelope.parse(body)).class_name
    'App\\\\Ship'
    """
    command = envelope.command
    if command is not None and command.startswith(PLAIN):
        try:
            value = loads_object(command)
        except UnicodeEncodeError:
            raise _no_text() from None
    else:
        value = loads(command_bytes(envelope, encrypter))
    if isinstance(value, PhpObject):
        return value
    kind = type(value).__name__
    raise PayloadError(f"The command of {envelope.display_name} is not an object but {kind}.")


def command_bytes(envelope: Envelope, encrypter: Encrypter | None = None) -> bytes:
    """The command's PHP serialization, decrypted where needed; raises as :func:`open_command` does."""
    if not envelope.is_object_job:
        raise PayloadError(f"{envelope.job} is a string job: it has data but no command.")
    command = envelope.command
    if command is None:
        raise PayloadError(f"The payload of {envelope.display_name} has no data.command.")
    if command.startswith(PLAIN):
        try:
            return command.encode()
        except UnicodeEncodeError:
            raise _no_text() from None
    if not command:
        raise PayloadError(f"The command of {envelope.display_name} is empty.")
    return _decrypted(envelope, command, encrypter)


def _no_text() -> PhpUnserializeError:
    return PhpUnserializeError("the command is not valid UTF-8", 0)


def _decrypted(envelope: Envelope, command: str, encrypter: Encrypter | None) -> bytes:
    name = envelope.display_name
    if encrypter is None:
        raise DecryptError(f"The command of {name} is encrypted, or damaged, and no app_key was given to open it with.")
    try:
        return encrypter.decrypt_command(command)
    except DecryptError as exc:
        raise DecryptError(
            f"The command of {name} is encrypted, or damaged, and app_key does not open it: {exc}"
        ) from None


def property_of(command: PhpObject, name: str) -> Any:
    """The value of a property by its plain name; None when there is none.

    >>> property_of(PhpObject("Job", {"\\0*\\0data": 1}), "data")
    1
    """
    return command[name] if name in command else None  # noqa: SIM401  # .get is typed as a property


def is_encrypted(envelope: Envelope) -> bool:
    """True when an object job's command has to be decrypted."""
    command = envelope.command
    return command is not None and not command.startswith(PLAIN)


def class_of(serialized: str) -> str | None:
    """The class name at the head of a serialized object, without decoding the rest; None when it is not one.

    >>> class_of('O:8:"App\\\\Ship":0:{}')
    'App\\\\Ship'
    """
    if not serialized.startswith(PLAIN):
        return None
    parts = serialized[:1024].split('"', 2)
    return parts[1] if len(parts) == 3 else None
