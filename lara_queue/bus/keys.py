"""The names of locks and counters in the cache, as each Laravel forms them. Pure text.

Mirrors ``Bus/UniqueLock.php``, ``Bus/DebounceLock.php``, ``Queue/Middleware/WithoutOverlapping.php`` and
``Queue/Middleware/ThrottlesExceptions.php``; protocol §7.3, §7.4, §7.5.
"""

from __future__ import annotations

import hashlib
import math
from typing import Final

from lara_queue.errors import ConfigurationError, MissingExtra

__all__ = ["NEWEST", "Release", "debounce_key", "overlap_key", "release_of", "throttle_key", "unique_key", "xxh128"]

Release = tuple[int, float]
"""A Laravel release, such as ``(12, 41)``; the newest of a major version has an infinite second part."""

NEWEST: Final[Release] = (13, math.inf)

UNIQUE: Final = "laravel_unique_job:"
DEBOUNCE: Final = "laravel_debounced_job:"
OVERLAP: Final = "laravel-queue-overlap:"
THROTTLE: Final = "laravel_throttles_exceptions:"

_COLON: Final[Release] = (11, 0)
_DISPLAY_NAME: Final[Release] = (12, 41)
_HASHED: Final[Release] = (12, 54)
_THROTTLE_XXH: Final[Release] = (12, 0)


def release_of(version: str | float | None) -> Release:
    """The release that a version names; a bare major version is its newest, None the newest of all.

    Raises :class:`~lara_queue.errors.ConfigurationError` for what is not a version.

    >>> release_of("12.41.2"), release_of(10), release_of(None)
    ((12, 41), (10, inf), (13, inf))
    """
    if version is None:
        return NEWEST
    parts = str(version).lstrip("v").split(".")
    if not all(part.isascii() and part.isdigit() for part in parts):
        raise ConfigurationError(f"laravel_version must be such as 8, 11 or '12.51', not {version!r}.")
    return int(parts[0]), int(parts[1]) if len(parts) > 1 else math.inf


def xxh128(text: str) -> str:
    """The hexadecimal XXH3 digest, 128 bits wide, that Laravel hashes display names with.

    Raises :class:`~lara_queue.errors.MissingExtra` when the package xxhash is not installed.

    >>> xxh128("App\\\\Actions\\\\SyncInvoices")
    'c7c6aff7a5c5ae30ac8f2f21265820e4'
    """
    try:
        import xxhash
    except ModuleNotFoundError as error:
        raise MissingExtra("The lock names of Laravel 12.54 and later need xxhash: pip install xxhash.") from error
    digest: str = xxhash.xxh3_128_hexdigest(text.encode("utf-8", "surrogateescape"))
    return digest


def unique_key(class_name: str, unique_id: object = "", *, display_name: str | None = None, release: Release) -> str:
    """The lock of a unique job.

    Parameters:
        class_name: the job's class.
        unique_id: what its ``uniqueId`` says; "" for nothing.
        display_name: what its ``displayName()`` says, when the class has that method; else None.
        release: the Laravel of the application.

    >>> unique_key("App\\\\Jobs\\\\ImportRow", "unique-id-1", release=(11, 0))
    'laravel_unique_job:App\\\\Jobs\\\\ImportRow:unique-id-1'
    >>> unique_key("A", 7, release=(10, 0))
    'laravel_unique_job:A7'
    """
    if release < _COLON:
        return f"{UNIQUE}{class_name}{_text(unique_id)}"
    return f"{UNIQUE}{_who(class_name, display_name, release)}:{_text(unique_id)}"


def debounce_key(class_name: str, debounce_id: object = "", *, display_name: str | None = None) -> str:
    """The token of a debounced job (13.6 and later).

    >>> debounce_key("App\\\\Jobs\\\\Index", 5)
    'laravel_debounced_job:App\\\\Jobs\\\\Index:5'
    """
    return f"{DEBOUNCE}{_who(class_name, display_name, NEWEST)}:{_text(debounce_id)}"


def overlap_key(
    class_name: str,
    key: object = "",
    *,
    prefix: str = OVERLAP,
    shared: bool = False,
    display_name: str | None = None,
    release: Release,
) -> str:
    """The lock of ``WithoutOverlapping``.

    >>> overlap_key("App\\\\Jobs\\\\ImportRow", "key", release=(13, 0))
    'laravel-queue-overlap:App\\\\Jobs\\\\ImportRow:key'
    >>> overlap_key("App\\\\Jobs\\\\ImportRow", "key", shared=True, prefix="prefix:", release=(13, 0))
    'prefix:key'
    """
    if shared:
        return f"{prefix}{_text(key)}"
    return f"{prefix}{_who(class_name, display_name, release)}:{_text(key)}"


def throttle_key(
    class_name: str,
    *,
    key: str = "",
    uuid: str | None = None,
    prefix: str = THROTTLE,
    display_name: str | None = None,
    release: Release,
) -> str:
    """The counter of ``ThrottlesExceptions``: by key, by the job's uuid, or by its class.

    >>> throttle_key("A", key="test", release=(12, 0))
    'laravel_throttles_exceptions:test'
    """
    if key:
        return prefix + key
    if uuid is not None:
        return prefix + uuid
    if release < _THROTTLE_XXH:
        return prefix + hashlib.md5(class_name.encode("utf-8", "surrogateescape"), usedforsecurity=False).hexdigest()
    named = display_name if release >= _DISPLAY_NAME else None
    return prefix + xxh128(named or class_name)


def _who(class_name: str, display_name: str | None, release: Release) -> str:
    if display_name is None or release < _DISPLAY_NAME:
        return class_name
    return xxh128(display_name) if release >= _HASHED else display_name


def _text(value: object) -> str:
    """A value as PHP joins it to a string."""
    if value is None or value is False:
        return ""
    return "1" if value is True else str(value)
