"""Time and chance as arguments: everything that needs the time or an identifier is handed one of these."""

from __future__ import annotations

import os
import string
import time
from collections.abc import Callable

__all__ = ["Clock", "new_id", "new_uuid", "system_clock"]

Clock = Callable[[], float]
"""Tells the Unix time in seconds."""

_ALPHABET = (string.ascii_letters + string.digits).encode()
_FAIR = 256 // len(_ALPHABET) * len(_ALPHABET)  # bytes from here on would make the first letters likelier
_LETTERS = bytes(_ALPHABET[byte % len(_ALPHABET)] for byte in range(256))
_UNFAIR = bytes(range(_FAIR, 256))
_VARIANT = {digit: "89ab"[int(digit, 16) % 4] for digit in string.hexdigits}


def system_clock() -> float:
    """The machine's Unix time in seconds.

    >>> system_clock() > 1_700_000_000
    True
    """
    return time.time()


def new_uuid() -> str:
    """A fresh version 4 UUID, as ``Str::uuid()`` writes it.

    >>> len(new_uuid()), new_uuid()[14]
    (36, '4')
    """
    # The system's chance is no dearer than a generator here, and cannot repeat itself in a forked child.
    digits = os.urandom(16).hex()
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{_VARIANT[digits[16]]}{digits[17:20]}-{digits[20:]}"


def new_id(length: int = 32) -> str:
    """Fresh random letters and digits, as ``Str::random()``; Redis jobs carry 32 of them as ``id``.

    >>> len(new_id()), new_id(8).isalnum()
    (32, True)
    """
    text = b""
    while len(text) < length:  # hardly ever twice: one byte in 32 is dropped, and there are enough to spare
        text += os.urandom(length + length // 8 + 8).translate(_LETTERS, _UNFAIR)
    return text[:length].decode()
