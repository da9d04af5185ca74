"""Generated files: which are new, which are as they should be, and which somebody has edited.

A generated file carries a line with a digest of the rest. A file whose digest is still right may be written anew; one
that was edited, or that never was ours, is left alone unless the user insists.
"""

from __future__ import annotations

import difflib
import hashlib
import os
import re
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from lara_queue.errors import ConfigurationError

__all__ = ["SEAL", "Change", "Generated", "State", "apply", "difference", "review", "sealed", "state_of"]

SEAL = "sha256:@"
"""Stands in a text where its digest belongs; see :func:`sealed`."""
_SEAL = re.compile(r"lara-queue make:[^\n]*?(sha256:[0-9a-f]{16})\b")
_DIGITS = 16


@dataclass(frozen=True, slots=True)
class Generated:
    """A file as it should be.

    Attributes:
        path: where.
        text: what is in it, digest included.
        once: it is only begun by us: whoever has edited it is right, and it is never written again.
        merged: it is somebody's own file with our additions already worked in, so that it may always be written.
    """

    path: Path
    text: str
    once: bool = False
    merged: bool = False


class State(Enum):
    """What a file on disk is to what it should be; the value is what is told of it."""

    NEW = "created"
    SAME = "unchanged"
    OLD = "updated"
    KEPT = "kept"
    EDITED = "edited by hand"
    FOREIGN = "not generated"

    @property
    def is_conflict(self) -> bool:
        """Writing would throw away somebody's work."""
        return self in (State.EDITED, State.FOREIGN)

    @property
    def is_behind(self) -> bool:
        """The file on disk is not what it should be."""
        return self not in (State.SAME, State.KEPT)


@dataclass(frozen=True, slots=True)
class Change:
    """A file as it should be, what is there instead (None: nothing), and how the two relate."""

    file: Generated
    existing: str | None
    state: State


def sealed(text: str) -> str:
    """The text with its digest in the place of :data:`SEAL`.

    >>> sealed("# lara-queue make:php sha256:@\\n")
    '# lara-queue make:php sha256:4e550fab108502e1\\n'
    """
    if text.count(SEAL) != 1:
        raise ValueError("a generated text has its seal in exactly one place")
    return text.replace(SEAL, f"sha256:{_digest(text)}")


def _digest(unsealed: str) -> str:
    lines = unsealed.replace("\r\n", "\n").encode("utf-8", "surrogatepass")  # git may have changed the line ends
    return hashlib.sha256(lines).hexdigest()[:_DIGITS]


def _is_intact(text: str) -> bool | None:
    """True when a file is as we wrote it, False when it was edited, None when it is not ours."""
    found = _SEAL.search(text)
    if found is None:
        return None
    unsealed = text[: found.start(1)] + SEAL + text[found.end(1) :]
    return found[1] == f"sha256:{_digest(unsealed)}"


def state_of(wanted: Generated, existing: str | None) -> State:
    """How the text of a file on disk relates to what it should be.

    :param wanted: the file as it should be.
    :param existing: what is on disk; None when there is no file.

    >>> state_of(Generated(Path("a.php"), "<?php"), None)
    <State.NEW: 'created'>
    """
    if existing is None:
        return State.NEW
    if existing.replace("\r\n", "\n") == wanted.text.replace("\r\n", "\n"):
        return State.SAME
    if wanted.merged:
        return State.OLD
    intact = _is_intact(existing)
    if intact:
        return State.OLD
    if wanted.once:
        return State.KEPT
    return State.FOREIGN if intact is None else State.EDITED


def review(files: Iterable[Generated]) -> list[Change]:
    """What is on disk, held against what should be.

    :raises ConfigurationError: two of them are one file, or a file cannot be read.
    """
    changes: list[Change] = []
    seen: set[str] = set()
    for file in files:
        key = os.path.normcase(os.path.abspath(file.path)).lower()  # PHP's class names ignore case, some disks too
        if key in seen:
            raise ConfigurationError(f"Two classes would be written to {file.path}; give one another name.")
        seen.add(key)
        existing = _read(file.path)
        changes.append(Change(file, existing, state_of(file, existing)))
    return changes


def _read(path: Path) -> str | None:
    try:
        return path.read_bytes().decode("utf-8", "surrogateescape")
    except FileNotFoundError:
        return None
    except OSError as exc:
        raise ConfigurationError(f"{path} cannot be read: {exc.strerror}.") from exc


def apply(changes: Iterable[Change], *, force: bool = False) -> None:
    """Write what is behind; each file appears whole or not at all.

    :param force: also where somebody's work is thrown away.
    :raises ConfigurationError: a file cannot be written.
    """
    for change in changes:
        if change.state.is_behind and (force or not change.state.is_conflict):
            try:
                _write(change.file.path, change.file.text)
            except OSError as exc:
                raise ConfigurationError(f"{change.file.path} cannot be written: {exc.strerror}.") from exc


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(text.encode("utf-8", "surrogateescape"))
        mode = path.stat().st_mode & 0o7777 if path.exists() else 0o666 & ~_umask()
        os.chmod(name, mode)
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current


def difference(change: Change) -> str:
    """A unified diff from what is on disk to what should be."""
    before = (change.existing or "").splitlines(keepends=True)
    after = change.file.text.splitlines(keepends=True)
    name = str(change.file.path)
    lines = difflib.unified_diff(before, after, name if change.existing is not None else os.devnull, name)
    return "".join(line if line.endswith("\n") else f"{line}\n" for line in lines)
