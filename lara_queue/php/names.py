"""Property names as PHP stores them: visibility and declaring class are part of the name.

A public property is stored under its plain name, a protected one as ``␀*␀name``, a private one as ``␀Declaring
class␀name``. Mirrors ``zend_mangle_property_name`` and ``zend_unmangle_property_name_ex`` in PHP's
``Zend/zend_compile.c``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

__all__ = ["PropertyKey", "RawKey", "Visibility", "class_text", "private", "protected", "public", "unmangle"]

Visibility: TypeAlias = Literal["public", "protected", "private"]
RawKey: TypeAlias = str | int | bytes


@dataclass(frozen=True, slots=True)
class PropertyKey:
    """A property name with its visibility, to be used as a key where PHP needs more than the plain name."""

    name: str
    visibility: Visibility
    declaring_class: str | None = None

    def mangled(self, own_class: str) -> str:
        """The name as PHP writes it; ``own_class`` is the class of the object that the property belongs to."""
        if self.visibility == "public":
            return self.name
        scope = "*" if self.visibility == "protected" else self.declaring_class or own_class
        return f"\0{scope}\0{self.name}"


def public(name: str) -> PropertyKey:
    """A key for a public property; a plain string says the same.

    >>> public("to").mangled("App\\\\Job")
    'to'
    """
    return PropertyKey(name, "public")


def protected(name: str) -> PropertyKey:
    """A key for a protected property.

    >>> protected("secret").mangled("App\\\\Job")
    '\\x00*\\x00secret'
    """
    return PropertyKey(name, "protected")


def private(name: str, cls: str | None = None) -> PropertyKey:
    """A key for a private property.

    :param name: the plain name.
    :param cls: the class that declares it, for a private property of a parent; None means the object's own class.

    >>> private("key").mangled("App\\\\Job"), private("key", cls="App\\\\Base").mangled("App\\\\Job")
    ('\\x00App\\\\Job\\x00key', '\\x00App\\\\Base\\x00key')
    """
    return PropertyKey(name, "private", cls)


def unmangle(raw: RawKey) -> tuple[RawKey, Visibility, str | None]:
    """Plain name, visibility and declaring class of a mangled property name.

    >>> unmangle("\\0*\\0secret"), unmangle("\\0App\\\\Job\\0key")
    (('secret', 'protected', None), ('key', 'private', 'App\\\\Job'))
    """
    if isinstance(raw, str):
        if not raw.startswith("\0"):
            return raw, "public", None
        scope, found, name = raw[1:].partition("\0")
        if not found:
            return raw, "public", None
        return (name, "protected", None) if scope == "*" else (name, "private", scope)
    if isinstance(raw, bytes) and raw.startswith(b"\0"):
        owner, mark, rest = raw[1:].partition(b"\0")
        if mark:
            try:
                plain: RawKey = rest.decode()
            except UnicodeDecodeError:
                plain = rest
            return (plain, "protected", None) if owner == b"*" else (plain, "private", class_text(owner))
    return raw, "public", None


def class_text(name: bytes) -> str:
    """A class name as str. The few that are not UTF-8 keep their bytes as surrogate escapes."""
    return name.decode("utf-8", "surrogateescape")
