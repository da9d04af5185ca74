"""Which Laravel an application is made with, without asking PHP."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

__all__ = ["NEWEST", "OLDEST", "Version", "find_version", "read_text"]

OLDEST, NEWEST = 8, 13
"""The major versions whose rules are known."""

FRAMEWORK: Final = "vendor/laravel/framework/src/Illuminate/Foundation/Application.php"
_CONSTANT = re.compile(r"\bconst\s+(?:string\s+)?VERSION\s*=\s*['\"]([0-9][0-9A-Za-z.\-]{0,40})['\"]")
_NUMBER = re.compile(r"v?(\d{1,4})(?:\.\d+)*")
_MOST_BYTES: Final = 64 << 20


@dataclass(frozen=True, slots=True)
class Version:
    """A Laravel version.

    Attributes:
        text: as precisely as it is known, such as ``12.53.0`` or ``11``.
        major: its first number, which decides the rules.
        source: how it was found, for people.
    """

    text: str
    major: int
    source: str


def read_text(path: Path, most_bytes: int = _MOST_BYTES) -> str | None:
    """A file's text, None when there is none that can be read or it is longer."""
    try:
        with path.open("rb") as stream:
            content = stream.read(most_bytes + 1)
    except OSError:
        return None
    return None if len(content) > most_bytes else content.decode("utf-8", "replace")


def find_version(base: Path) -> Version:
    """The version of the application in a folder, from the surest source there is.

    That is the installed framework itself, what composer says it installed, what it locked, what the application asks
    for; and last the shape of the skeleton.
    """
    constant = _CONSTANT.search(read_text(base / FRAMEWORK) or "")
    if constant is not None:
        return _version(constant[1], "vendor/laravel/framework")
    for file in ("vendor/composer/installed.json", "composer.lock"):
        installed = _installed(_json(base / file))
        if installed is not None:
            return _version(installed, file)
    wanted = _json(base / "composer.json")
    asked = wanted.get("require", {}) if isinstance(wanted, dict) else {}
    constraint = asked.get("laravel/framework") if isinstance(asked, dict) else None
    if isinstance(constraint, str):
        majors = [int(match[1]) for match in _NUMBER.finditer(re.sub(r"(\d+)(\.[\d*x]+)+", r"\1", constraint))]
        if majors:
            return Version(str(max(majors)), max(majors), f'composer.json ("{constraint}")')
    major = _shape(base)
    return Version(str(major), major, "shape of the skeleton")


def _version(text: str, source: str) -> Version:
    match = _NUMBER.match(text)
    major = int(match[1]) if match is not None else NEWEST
    return Version(text.removeprefix("v"), major, source)


def _json(path: Path) -> Any:
    text = read_text(path)
    try:
        return None if text is None else json.loads(text)
    except (ValueError, RecursionError):
        return None


def _installed(composer: Any) -> str | None:
    """The framework's version in what composer wrote."""
    packages = composer.get("packages") if isinstance(composer, dict) else composer
    for package in packages if isinstance(packages, list) else []:
        if isinstance(package, dict) and package.get("name") == "laravel/framework":
            version = package.get("version")
            if isinstance(version, str) and _NUMBER.match(version):
                return version
    return None


def _shape(base: Path) -> int:
    """A guess from the files that one skeleton has and another has not."""
    cache = read_text(base / "config/cache.php") or ""
    if (base / "app/Http/Kernel.php").exists():
        if (base / "server.php").exists() or "'_cache')" in cache:
            return 8
        return 9 if (base / "lang/en/auth.php").exists() else 10
    if "-cache-" in cache:
        return 12
    return 11 if "_cache_" in cache else NEWEST
