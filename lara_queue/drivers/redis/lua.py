"""The Lua scripts, read once, with the libraries they need written in front of them.

Redis runs a script in one step: nobody sees half of it. ``SCRIPTS[name]`` has the text and the SHA-1 that ``EVALSHA``
takes. Each ``scripts/*.lua`` says what its KEYS and ARGV are.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib import resources

__all__ = ["SCRIPTS", "Script"]


@dataclass(frozen=True, slots=True)
class Script:
    """One script. ``sha`` is the hexadecimal SHA-1 of ``source``, both as bytes."""

    name: str
    source: bytes
    sha: bytes


_LIBRARIES = {
    "reserve": ("lib_unique", "lib_append", "lib_attempts"),
    "push": ("lib_append",),
    "later": ("lib_unique",),
    "release": ("lib_unique",),
    "give_back": ("lib_unique",),
    "delete": (),
    "extend": (),
    "sizes": (),
    "clear": (),
}


def _load(name: str, libraries: tuple[str, ...]) -> Script:
    folder = resources.files(__package__) / "scripts"
    source = b"\n".join((folder / f"{part}.lua").read_bytes() for part in (*libraries, name))
    return Script(name, source, hashlib.sha1(source, usedforsecurity=False).hexdigest().encode())


SCRIPTS = {name: _load(name, libraries) for name, libraries in _LIBRARIES.items()}
"""The scripts by name."""
