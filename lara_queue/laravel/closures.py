"""Closures in the queue: their signature checked and their text shown. They are PHP, and nobody runs them here.

``laravel/serializable-closure`` wraps a closure as source text with its captured variables, and signs that string
with the application's current key. Who could forge one could run PHP in the application, hence the check before
anything is shown. Mirrors ``src/Serializers/Signed.php`` and ``Native.php`` of that package; protocol §2.7.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import dataclass, field
from typing import Any

from lara_queue.errors import PayloadError, SignatureError
from lara_queue.laravel import names
from lara_queue.laravel.command import property_of
from lara_queue.laravel.encrypter import decode_key
from lara_queue.laravel.people import plain
from lara_queue.php import PhpCustom, PhpEnum, PhpObject, loads

__all__ = ["Closure", "is_closure", "read_closure", "sign"]


@dataclass(frozen=True, slots=True)
class Closure:
    """A PHP closure, to be looked at.

    Attributes:
        source: its source text.
        bound: the captured variables (``use``) by name, as plain values.
        scope: the class it was written in, or None.
        this: the object it is bound to, or None.
        signed: it carries a signature.
        verified: the signature was checked and is right; False when there was no key to check it with.
    """

    source: str
    bound: dict[str, Any] = field(default_factory=dict)
    scope: str | None = None
    this: Any = None
    signed: bool = False
    verified: bool = False

    @property
    def parameters(self) -> tuple[str, ...]:
        """The parameters as written, with their types.

        >>> Closure('function (\\\\App\\\\Order $o, array $x = [1, ")"]) use ($y) { }').parameters
        ('\\\\App\\\\Order $o', 'array $x = [1, ")"]')
        """
        return _parameters(self.source)


def is_closure(value: object) -> bool:
    """True for the object that a serialized closure is."""
    return isinstance(value, PhpObject) and value.class_name in (names.SERIALIZABLE_CLOSURE, names.UNSIGNED_CLOSURE)


def read_closure(value: object, key: bytes | str | None = None) -> Closure:
    """What a serialized closure says.

    :param value: the ``SerializableClosure`` object.
    :param key: the application's current key; None shows the closure without checking it.
    :raises SignatureError: there is a key, and the closure is not signed with it.
    :raises PayloadError: it is not a closure that this package can read.

    >>> native = PhpObject(names.NATIVE_SERIALIZER, {"use": {"n": 5}, "function": "fn () => $n", "scope": None})
    >>> read_closure(PhpObject(names.SERIALIZABLE_CLOSURE, {"serializable": native})).bound
    {'n': 5}
    """
    if isinstance(value, PhpCustom):
        raise PayloadError(f"A closure in the old format {value.class_name} cannot be read.")
    if not isinstance(value, PhpObject):
        raise PayloadError(f"Not a serialized closure but {type(value).__name__}.")
    inner = property_of(value, "serializable")
    unsigned_on_purpose = value.class_name == names.UNSIGNED_CLOSURE
    if isinstance(inner, PhpObject) and inner.class_name == names.SIGNED_SERIALIZER:
        return _signed(inner, key)
    if isinstance(inner, PhpObject) and inner.class_name == names.NATIVE_SERIALIZER:
        if key is not None and not unsigned_on_purpose:
            raise SignatureError("The closure is not signed, but the application signs its closures.")
        return _native(inner, signed=False, verified=False)
    raise PayloadError(f"An object of {value.class_name} is not a closure that can be read.")


def sign(serialized: bytes, key: bytes | str) -> str:
    """The signature of a serialized closure: base64 of its HMAC-SHA256.

    :param serialized: the inner ``Native`` object.
    :param key: ``APP_KEY``.

    >>> sign(b"x", "secret")
    'EX7KMy9+E8y45FdOTzPaohKpIxNTZwwri0eX3wu3evo='
    """
    return base64.b64encode(hmac.new(decode_key(key), serialized, hashlib.sha256).digest()).decode()


def _signed(signed: PhpObject, key: bytes | str | None) -> Closure:
    text, given = property_of(signed, "serializable"), property_of(signed, "hash")
    serialized = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    if not isinstance(serialized, bytes):
        raise PayloadError("The signed closure holds no serialized text.")
    if key is not None:
        right = sign(serialized, key)
        if not isinstance(given, str) or not hmac.compare_digest(right.encode(), given.encode("utf-8", "replace")):
            raise SignatureError(
                "The closure's signature does not match the application key; it may have been modified."
            )
    native = loads(serialized)
    if not isinstance(native, PhpObject):
        raise PayloadError("The signed closure does not hold an object.")
    return _native(native, signed=True, verified=key is not None)


def _native(native: PhpObject, *, signed: bool, verified: bool) -> Closure:
    source, scope = property_of(native, "function"), property_of(native, "scope")
    if isinstance(source, bytes):
        source = source.decode("utf-8", "replace")
    bound = plain(property_of(native, "use"))
    return Closure(
        source=source if isinstance(source, str) else "",
        bound={str(name): item for name, item in bound.items()} if isinstance(bound, dict) else {},
        scope=scope if isinstance(scope, str) else scope.class_name if isinstance(scope, PhpEnum | PhpObject) else None,
        this=plain(property_of(native, "this")),
        signed=signed,
        verified=verified,
    )


def _parameters(source: str) -> tuple[str, ...]:
    """The text between the first parentheses, split at its own commas; quotes and brackets are minded."""
    start = source.find("(")
    found: list[str] = []
    depth, piece, quote, at = 0, start + 1, "", start
    while 0 <= at < len(source):
        char = source[at]
        if quote:
            if char == "\\":
                at += 1
            elif char == quote:
                quote = ""
        elif char in "\"'":
            quote = char
        elif char in "([{":
            depth += 1
        elif char in ")]}":
            depth -= 1
        if not quote and ((char == "," and depth == 1) or depth == 0):
            found.append(source[piece:at].strip())
            piece = at + 1
            if depth == 0:
                break
        at += 1
    return tuple(part for part in found if part)
