"""Where a PHP class is kept: PSR-4, as Composer's autoloader has it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from lara_queue.errors import ConfigurationError

__all__ = ["Root", "composer_roots", "place", "places", "roots_from"]

Root = tuple[str, Path]
"""A namespace without backslashes around it, and its folder."""


def roots_from(namespace: str, folder: Path) -> list[Root]:
    """The namespace's folder and those of the namespaces around it, as far as their names agree.

    >>> [(name, path.as_posix()) for name, path in roots_from("App\\\\Jobs", Path("src/app/Jobs"))]
    [('App\\\\Jobs', 'src/app/Jobs'), ('App', 'src/app')]
    """
    roots = [(namespace, folder)]
    while namespace and folder.name.lower() == namespace.rpartition("\\")[2].lower():
        namespace, folder = namespace.rpartition("\\")[0], folder.parent
        if not namespace:
            break
        roots.append((namespace, folder))
    return roots


def composer_roots(folder: Path) -> list[Root]:
    """What the nearest ``composer.json`` in or above a folder says; nothing when there is none.

    :raises ConfigurationError: it is not JSON.
    """
    for parent in (folder.absolute(), *folder.absolute().parents):
        file = parent / "composer.json"
        if file.is_file():
            try:
                found = json.loads(file.read_bytes())
            except ValueError as exc:
                raise ConfigurationError(f"{file} is not JSON: {exc}") from exc
            rules = found.get("autoload", {}).get("psr-4", {}) if isinstance(found, dict) else {}
            return [
                (prefix.strip("\\"), parent / each)
                for prefix, folders in rules.items()
                for each in ([folders] if isinstance(folders, str) else folders)
            ]
    return []


def places(class_name: str, roots: Iterable[Root]) -> list[Path]:
    """The files in which a class may be, the most particular first."""
    found: list[tuple[int, Path]] = []
    for prefix, folder in roots:
        if not prefix or class_name.lower().startswith(f"{prefix.lower()}\\"):
            rest = class_name[len(prefix) + 1 :] if prefix else class_name
            found.append((len(prefix), folder.joinpath(*rest.split("\\")[:-1], f"{rest.split(chr(92))[-1]}.php")))
    found.sort(key=lambda each: -each[0])
    return list(dict.fromkeys(path for _, path in found))


def place(class_name: str, roots: Sequence[Root]) -> Path:
    """The file that a class belongs in.

    :raises ConfigurationError: none of the namespaces is its own.

    >>> place("App\\\\Jobs\\\\Mail\\\\Send", [("App\\\\Jobs", Path("app/Jobs"))]).as_posix()
    'app/Jobs/Mail/Send.php'
    """
    found = places(class_name, roots)
    if not found:
        known = ", ".join(f"{prefix} in {folder}" for prefix, folder in roots)
        raise ConfigurationError(
            f"Where does {class_name} belong? Known are {known}; add its namespace to autoload.psr-4 of composer.json, "
            "or give its --namespace and --out."
        )
    return found[0]
