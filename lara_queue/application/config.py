"""An application's configuration as Laravel would have loaded it. Mirrors ``Foundation/Bootstrap/LoadConfiguration``.

``bootstrap/cache/config.php`` beats everything: when it is there, neither ``.env`` nor ``config/`` is read. Else the
files of ``config/`` count, and from Laravel 11 on the framework's base files lie under them. Where an older application
lacks a file altogether its skeleton's stands in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from lara_queue.application.dotenv import Environment, load_environment
from lara_queue.application.php_reader import Scope, read_php
from lara_queue.application.skeletons import FILES, skeleton
from lara_queue.application.values import Unknown, Value
from lara_queue.application.versions import Version, read_text

__all__ = ["Config", "load_config"]

CACHED: Final = "bootstrap/cache/config.php"
BASE: Final = "vendor/laravel/framework/config"
_MERGED_FROM: Final = 11
_MERGEABLE: Final = {"cache": "stores", "database": "connections", "queue": "connections"}


@dataclass(frozen=True, slots=True)
class Config:
    """What ``config()`` would answer.

    Attributes:
        items: one array with an element for each file.
        defaults: what stands in for values that cannot be told: the skeleton's.
        cached: the cached file it came from, None when it came from ``config/``.
        cached_at: when that file was written, as a Unix time in seconds.
        env_changed_at: when the environment file was last written.
        notes: files that could not be understood, for people.
    """

    items: Value
    defaults: Value
    cached: str | None = None
    cached_at: float | None = None
    env_changed_at: float | None = None
    notes: tuple[str, ...] = field(default=())

    def get(self, key: str) -> Value | None:
        """The value of a dotted key, or None."""
        return self.items.at(key)


def load_config(base: Path, version: Version, process: Mapping[str, str]) -> Config:
    """The configuration of the application in a folder.

    Raises :class:`~lara_queue.errors.ConfigurationError` when its ``.env`` is one that Laravel refuses.
    """
    storage = process.get("LARAVEL_STORAGE_PATH") if version.major >= 10 else None
    cached = _cached_path(base, process)
    text = read_text(cached)
    notes: list[str] = []
    if text is None and cached.exists():
        notes.append(f"{_relative(cached, base)} cannot be read, so what Laravel uses may be different from this.")
    if text is not None:
        scope = Scope(base, Environment({}), Path(storage) if storage else None)
        name = _relative(cached, base)
        items = read_php(text, name, scope)
        if not isinstance(items.data, Unknown):
            defaults = skeleton(version.major, scope)
            return Config(items, defaults, name, _changed(cached), _changed(base / ".env"))
        notes.append(f"{items.data}; config/ is read instead.")
    scope = Scope(base, load_environment(base, process), Path(storage) if storage else None)
    defaults = skeleton(version.major, scope)
    below = _base_files(base, scope, defaults) if version.major >= _MERGED_FROM else {}
    files: dict[int | str, Value] = {}
    for file in FILES:
        path = f"config/{file}.php"
        source = read_text(base / path)
        found = read_php(source, path, scope) if source is not None else None
        if source is None and (base / path).exists():
            notes.append(f"{path} cannot be read; Laravel's default stands in for it.")
        if found is not None and isinstance(found.data, Unknown):
            notes.append(f"{found.data}; the skeleton's {path} stands in for it.")
            found = None
        under = below.get(file)
        if found is None:
            files[file] = under or defaults.data[file]
        else:
            files[file] = found if under is None else _merged(under, found, _MERGEABLE.get(file))
    return Config(Value(files), defaults, env_changed_at=_changed(base / ".env"), notes=tuple(notes))


def _cached_path(base: Path, process: Mapping[str, str]) -> Path:
    """Mirrors ``Application::getCachedConfigPath``: the process may say that the file is elsewhere."""
    return base / process.get("APP_CONFIG_CACHE", CACHED)


def _relative(path: Path, base: Path) -> str:
    return str(path.relative_to(base)) if path.is_relative_to(base) else str(path)


def _changed(path: Path) -> float | None:
    try:
        return path.stat().st_mtime
    except OSError:
        return None


def _base_files(base: Path, scope: Scope, defaults: Value) -> dict[str, Value]:
    """The framework's base files: the installed ones where they are, else those that are known of its version."""
    found: dict[str, Value] = {}
    for file in FILES:
        source = read_text(base / BASE / f"{file}.php")
        value = read_php(source, f"{BASE}/{file}.php", scope) if source is not None else defaults.data[file]
        found[file] = value if isinstance(value.data, dict) else defaults.data[file]
    return found


def _merged(under: Value, over: Value, option: str | None) -> Value:
    """``array_merge`` of the two arrays, and of one option within them."""
    if not isinstance(over.data, dict):
        return over
    items = {**under.data, **over.data}
    if option is not None and option in over.data and isinstance(over.data[option].data, dict):
        below = under.child(option)
        inside = {
            **(below.data if below is not None and isinstance(below.data, dict) else {}),
            **over.data[option].data,
        }
        items[option] = Value(inside, over.data[option].file, over.data[option].line)
    return Value(items, over.file, over.line)
