"""Laravel's encrypter: text that only the application's key opens, byte for byte as PHP writes and reads it.

The result is base64 of a JSON object: iv, value, mac, tag. CBC proves itself by the mac, GCM by the tag. A queued
command is PHP-serialized *twice* (§2.6): the queue hands a serialized string to an encrypter that serializes what it
is given. :meth:`Encrypter.encrypt_command` does that; :meth:`Encrypter.encrypt` is the raw mode, Laravel's
``encryptString``.

Mirrors ``Encryption/Encrypter.php``, its error messages included; none of them shows a key or a part of the text.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from lara_queue.errors import ConfigurationError, DecryptError, MissingExtra, PhpUnserializeError

if TYPE_CHECKING:
    from types import ModuleType

__all__ = ["Encrypter", "decode_key"]

CIPHERS = {"aes-128-cbc": 16, "aes-256-cbc": 32, "aes-128-gcm": 16, "aes-256-gcm": 32}
_BLOCK = 16
_IV_BYTES = {"cbc": 16, "gcm": 12}
_TAG_BYTES = 16

_NO_DIGIT = re.compile(r"[^A-Za-z0-9+/]")

INVALID_PAYLOAD = "The payload is invalid."
INVALID_MAC = "The MAC is invalid."
NOT_DECRYPTED = "Could not decrypt the data."
TAG_ON_CBC = "Unable to use tag because the cipher algorithm does not support AEAD."


class _Sealed(msgspec.Struct):
    """The JSON inside: what must be there, and of which type."""

    iv: str
    value: str
    mac: str
    tag: str | None = None


_read = msgspec.json.Decoder(_Sealed).decode


class Encrypter:
    """Opens and closes what Laravel's encrypter does, with the same key.

    :param key: ``APP_KEY``: 16 or 32 bytes, or text, where ``base64:…`` is decoded.
    :param cipher: ``aes-128-cbc``, ``aes-256-cbc``, ``aes-128-gcm`` or ``aes-256-gcm`` in any case, as in
        ``config/app.php``; None takes CBC of the key's length for closing and opens both CBC and GCM.
    :param previous: ``APP_PREVIOUS_KEYS``: tried in order when the key does not open a text.
    :param random_bytes: gives the iv, so many bytes of it.
    :raises ConfigurationError: a key whose length does not fit the cipher; the message does not show the key.
    :raises MissingExtra: the ``cryptography`` package is not installed (on first use).

    >>> encrypter = Encrypter(b"k" * 32)
    >>> encrypter.decrypt(encrypter.encrypt(b"foo"))
    b'foo'
    """

    __slots__ = ("_keys", "_mode", "_random", "cipher")

    def __init__(
        self,
        key: bytes | str,
        *,
        cipher: str | None = None,
        previous: Sequence[bytes | str] = (),
        random_bytes: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self._keys = (decode_key(key), *(decode_key(old) for old in previous))
        size = len(self._keys[0])
        self.cipher = f"aes-{size * 8}-cbc" if cipher is None else cipher.lower()
        if any(CIPHERS.get(self.cipher) != len(each) for each in self._keys):
            raise ConfigurationError(
                "Unsupported cipher or incorrect key length. Supported ciphers are: "
                f"{', '.join(sorted(CIPHERS))}; the key has {size} bytes."
            )
        self._mode = "any" if cipher is None else self.cipher[-3:]
        self._random = random_bytes

    def __repr__(self) -> str:
        return f"<Encrypter {self.cipher}>"

    @property
    def key(self) -> bytes:
        """The current key's bytes; closures are signed with it."""
        return self._keys[0]

    def encrypt(self, plain: bytes) -> str:
        """Text that :meth:`decrypt`, and Laravel's ``decryptString``, turn back into ``plain``."""
        mode = self.cipher[-3:]
        iv = self._random(_IV_BYTES[mode])
        if mode == "gcm":
            sealed = _aead().AESGCM(self.key).encrypt(iv, plain, None)
            return _pack(iv, sealed[:-_TAG_BYTES], None, sealed[-_TAG_BYTES:])
        return _pack(iv, _cbc_encrypt(self.key, iv, plain), self.key, b"")

    def decrypt(self, text: str) -> bytes:
        """What was encrypted with one of the keys.

        :param text: as Laravel's ``encryptString`` or :meth:`encrypt` made it.
        :raises DecryptError: with Laravel's message; never with the text or a key in it.
        """
        sealed = _unpack(text)
        tag = _base64(sealed.tag) if sealed.tag else None
        mode = self._mode
        if mode == "any":
            mode = "cbc" if tag is None or (len(tag) != _TAG_BYTES and sealed.mac) else "gcm"
        iv = _strict_base64(sealed.iv)
        if len(iv) != _IV_BYTES[mode]:
            raise DecryptError(INVALID_PAYLOAD)
        if mode == "gcm":
            return self._open_gcm(iv, sealed, tag)
        if tag is not None:
            raise DecryptError(TAG_ON_CBC)
        return self._open_cbc(iv, sealed)

    def encrypt_command(self, serialized: bytes) -> str:
        """Text for ``data.command``: Laravel's ``encrypt($serialized)``, which serializes the string once more."""
        return self.encrypt(b's:%d:"%b";' % (len(serialized), serialized))

    def decrypt_command(self, text: str) -> bytes:
        """The PHP serialization inside an encrypted ``data.command``.

        :raises DecryptError: as :meth:`decrypt`, or when the text inside is not a PHP string.
        """
        from lara_queue.php import loads

        plain = self.decrypt(text)
        value: Any
        try:
            value = loads(plain)
        except PhpUnserializeError:
            value = None
        if isinstance(value, str):
            return value.encode()
        if isinstance(value, bytes):
            return value
        raise DecryptError("The encrypted text does not hold a serialized command.") from None

    def _open_cbc(self, iv: bytes, sealed: _Sealed) -> bytes:
        signed = (sealed.iv + sealed.value).encode()
        for key in self._keys:
            if hmac.compare_digest(hmac.new(key, signed, hashlib.sha256).hexdigest().encode(), sealed.mac.encode()):
                return _cbc_decrypt(key, iv, _base64(sealed.value))
        raise DecryptError(INVALID_MAC)

    def _open_gcm(self, iv: bytes, sealed: _Sealed, tag: bytes | None) -> bytes:
        if tag is None or len(tag) != _TAG_BYTES:
            raise DecryptError(NOT_DECRYPTED)
        body = _base64(sealed.value) + tag
        aead = _aead()
        invalid = _invalid_tag()
        for key in self._keys:
            try:
                opened: bytes = aead.AESGCM(key).decrypt(iv, body, None)
                return opened
            except invalid:
                continue
        raise DecryptError(NOT_DECRYPTED)


def decode_key(key: bytes | str) -> bytes:
    """The bytes of an ``APP_KEY``.

    :param key: bytes as they are, or text; after ``base64:`` it is decoded.
    :raises ConfigurationError: the base64 is wrong; the message does not show it.

    >>> decode_key("base64:a2V5"), decode_key("key")
    (b'key', b'key')
    """
    if isinstance(key, bytes) and not key.startswith(b"base64:"):
        return key
    text = key.decode("ascii", "replace") if isinstance(key, bytes) else key
    if not text.startswith("base64:"):
        return text.encode()
    try:
        return base64.b64decode(text.removeprefix("base64:").strip(), validate=True)
    except (binascii.Error, ValueError):
        raise ConfigurationError('The application key begins with "base64:" but is not valid base64.') from None


def _pack(iv: bytes, value: bytes, mac_key: bytes | None, tag: bytes) -> str:
    iv_text, value_text = (base64.b64encode(part).decode() for part in (iv, value))
    mac = ""
    if mac_key is not None:
        mac = hmac.new(mac_key, (iv_text + value_text).encode(), hashlib.sha256).hexdigest()
    tag_text = base64.b64encode(tag).decode()
    packed = f'{{"iv":"{iv_text}","value":"{value_text}","mac":"{mac}","tag":"{tag_text}"}}'
    return base64.b64encode(packed.encode()).decode()


def _unpack(text: str) -> _Sealed:
    try:
        return _read(_base64(text))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise DecryptError(INVALID_PAYLOAD) from None


def _base64(text: str) -> bytes:
    """The bytes, as PHP's lenient ``base64_decode`` sees them: it steps over what does not belong."""
    digits = _NO_DIGIT.sub("", text)
    digits = digits[: len(digits) - (len(digits) % 4 == 1)]
    return base64.b64decode(digits + "=" * (-len(digits) % 4))


def _strict_base64(text: str) -> bytes:
    try:
        return base64.b64decode(text.encode(), validate=True)
    except (binascii.Error, ValueError):
        raise DecryptError(INVALID_PAYLOAD) from None


def _cbc_encrypt(key: bytes, iv: bytes, plain: bytes) -> bytes:
    fill = _BLOCK - len(plain) % _BLOCK
    ciphers = _ciphers()
    machine = ciphers.Cipher(ciphers.algorithms.AES(key), ciphers.modes.CBC(iv)).encryptor()
    closed: bytes = machine.update(plain + bytes((fill,)) * fill) + machine.finalize()
    return closed


def _cbc_decrypt(key: bytes, iv: bytes, value: bytes) -> bytes:
    if not value or len(value) % _BLOCK:
        raise DecryptError(NOT_DECRYPTED)
    ciphers = _ciphers()
    machine = ciphers.Cipher(ciphers.algorithms.AES(key), ciphers.modes.CBC(iv)).decryptor()
    padded: bytes = machine.update(value) + machine.finalize()
    fill = padded[-1]
    if not 1 <= fill <= _BLOCK or padded[-fill:] != bytes((fill,)) * fill:
        raise DecryptError(NOT_DECRYPTED)
    return padded[:-fill]


def _missing(exc: ImportError) -> MissingExtra:
    return MissingExtra(f'Encrypted jobs need a package: pip install "lara-queue[encryption]" ({exc}).')


def _ciphers() -> ModuleType:
    try:
        from cryptography.hazmat.primitives import ciphers
        from cryptography.hazmat.primitives.ciphers import algorithms, modes  # noqa: F401  # submodules of ciphers
    except ImportError as exc:
        raise _missing(exc) from None
    return ciphers


def _aead() -> ModuleType:
    try:
        from cryptography.hazmat.primitives.ciphers import aead
    except ImportError as exc:
        raise _missing(exc) from None
    return aead


def _invalid_tag() -> type[Exception]:
    from cryptography.exceptions import InvalidTag

    return InvalidTag
