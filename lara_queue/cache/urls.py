"""What a store's URL says to us and what it says to the client library: our keys are taken out of its query."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

from lara_queue.errors import ConfigurationError

__all__ = ["FILE", "REDIS", "SQL", "kind_of", "own_options", "path_in"]

REDIS: Final = "redis"
SQL: Final = "sql"
FILE: Final = "file"

_KINDS: Final = {
    **dict.fromkeys(("redis", "rediss", "unix", "redis+sentinel", "redis+cluster"), REDIS),
    **dict.fromkeys(("sqlite", "postgresql", "postgres", "pgsql", "mysql", "mariadb"), SQL),
    "file": FILE,
}


def kind_of(url: str) -> str:
    """The kind of store a URL is about: :data:`REDIS`, :data:`SQL`, :data:`FILE`, or its scheme.

    >>> kind_of("postgresql+psycopg://h/db"), kind_of("file:///a"), kind_of("null://")
    ('sql', 'file', 'null')
    """
    scheme = url.partition("://")[0].lower()
    return _KINDS.get(scheme) or _KINDS.get(scheme.partition("+")[0]) or scheme


def own_options(url: str, names: Collection[str]) -> tuple[str, dict[str, str]]:
    """The URL without the query keys in ``names``, and what they said.

    >>> own_options("sqlite:///a.db?table=x&timeout=5", ["table"])
    ('sqlite:///a.db?timeout=5', {'table': 'x'})
    """
    start, _, query = url.partition("?")
    said = parse_qsl(query, keep_blank_values=True)
    ours = {key: value for key, value in said if key in names}
    if not ours:
        return url, {}
    rest = [(key, value) for key, value in said if key not in names]
    return (f"{start}?{urlencode(rest)}" if rest else start), ours


def path_in(url: str) -> Path:
    """The path of a ``file://`` URL; two slashes and no host make it relative.

    Raises :class:`~lara_queue.errors.ConfigurationError` when there is none.

    >>> str(path_in("file:///app/storage/failed-jobs.json")), str(path_in("file://storage/data"))
    ('/app/storage/failed-jobs.json', 'storage/data')
    """
    parts = urlsplit(url)
    path = unquote(parts.netloc + parts.path)
    if not path.strip("/"):
        raise ConfigurationError("A file:// URL needs a path, such as file:///app/storage/framework/cache/data.")
    return Path(path)
