"""Time and chance as arguments: everything that needs the time or an identifier is handed one of these."""

from __future__ import annotations

import os
import random
import secrets
import string
import time
import uuid
from collections.abc import Callable

__all__ = ["Clock", "new_id", "new_uuid", "system_clock"]

Clock = Callable[[], float]
"""Tells the Unix time in seconds."""

_ALPHABET = string.ascii_letters + string.digits
_chance = random.Random(secrets.randbits(128))
if hasattr(os, "register_at_fork"):  # or every child would make its parent's next identifiers
    os.register_at_fork(after_in_child=lambda: _chance.seed(secrets.randbits(128)))


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
    return str(uuid.UUID(int=_chance.getrandbits(128), version=4))


def new_id(length: int = 32) -> str:
    """Fresh random letters and digits, as ``Str::random()``; Redis jobs carry 32 of them as ``id``.

    >>> len(new_id()), new_id(8).isalnum()
    (32, True)
    """
    return "".join(_chance.choices(_ALPHABET, k=length))
