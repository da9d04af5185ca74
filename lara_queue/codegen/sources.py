"""PHP files and Python modules from disk, for ``make:python``."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from lara_queue.codegen.php_code import Code
from lara_queue.codegen.php_reader import read_php
from lara_queue.codegen.places import Root, composer_roots, places, roots_from
from lara_queue.errors import ConfigurationError

__all__ = ["read_modules", "read_sources"]

_ELSEWHERE = frozenset(("vendor", "node_modules"))


def read_sources(paths: Sequence[Path]) -> tuple[list[Code], Callable[[str], Code | None]]:
    """What the PHP files in these places declare, and a way to read the file of any other class they name.

    :param paths: files and folders; ``vendor`` folders within them are left out.
    :raises ConfigurationError: a file cannot be read.
    :raises MissingExtra: tree-sitter is not installed.
    """
    base = paths[0] if paths[0].is_dir() else paths[0].parent
    codes: list[Code] = []
    roots: list[Root] = []
    for file in dict.fromkeys(file for path in paths for file in _files(path)):
        code = _read(file, base)
        codes.append(code)
        for made in code.classes:
            roots += roots_from(made.name.rpartition("\\")[0], file.absolute().parent)
    roots += composer_roots(base)
    known = list(dict.fromkeys(roots))

    def look_up(class_name: str) -> Code | None:
        return next((_read(path, base) for path in places(class_name, known) if path.is_file()), None)

    return codes, look_up


def read_modules(folder: Path) -> dict[Path, str]:
    """The Python modules in a folder, by path.

    :raises ConfigurationError: one cannot be read.
    """
    found = {}
    for file in sorted(folder.rglob("*.py")) if folder.is_dir() else ():
        try:
            found[file] = file.read_bytes().decode()
        except (OSError, UnicodeDecodeError) as exc:
            raise ConfigurationError(f"{file} cannot be read: {exc}.") from exc
    return found


def _files(path: Path) -> Iterator[Path]:
    if path.is_file():
        yield path
        return
    for folder, folders, files in os.walk(path):
        folders[:] = sorted(name for name in folders if name not in _ELSEWHERE and not name.startswith("."))
        yield from (Path(folder, name) for name in _php(files))


def _php(files: Iterable[str]) -> list[str]:
    return sorted(name for name in files if name.lower().endswith(".php"))


def _read(file: Path, base: Path) -> Code:
    try:
        source = file.read_bytes()
    except OSError as exc:
        raise ConfigurationError(f"{file} cannot be read: {exc.strerror}.") from exc
    return read_php(source, Path(os.path.relpath(file, base)).as_posix())
