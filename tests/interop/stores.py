"""Laravel's stores of failed jobs, cached values, locks and batches, and ours on the same tables, files and keys."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from lara_queue.plans import Call, Plan
from lara_queue.testing import AsyncShell, SyncShell, shell_for
from tests.conformance.databases import KINDS

from .database import migrated_by_laravel, php_settings
from .faces import Face
from .laravel import Laravel
from .php_server import PhpServer, Record

__all__ = [
    "KINDS",
    "PhpStores",
    "Tables",
    "closing_all",
    "laravel_database",
    "php_stores",
    "shell",
    "store_server",
    "tables",
]


class PhpStores:
    """Asks ``php/stores.php``; ``fixed`` goes with every command."""

    def __init__(self, server: PhpServer, **fixed: Any) -> None:
        self.server = server
        self.fixed: Record = fixed

    def __call__(self, op: str, **command: Any) -> Any:
        return self.server.ask({"config": {}, **self.fixed, "op": op, **command})["answer"]

    def given(self, **fixed: Any) -> PhpStores:
        """The same with more that goes with every command."""
        return PhpStores(self.server, **{**self.fixed, **fixed})


@pytest.fixture(scope="session")
def store_server(php_processes: Any) -> Iterator[PhpServer]:
    server = PhpServer("stores.php")
    yield server
    server.close()


@pytest.fixture
def php_stores(store_server: PhpServer, laravel: Laravel) -> PhpStores:
    """Laravel's stores, on the application's Redis."""
    return PhpStores(store_server, config=laravel.settings)


@pytest.fixture(scope="session")
def laravel_database(own_database: Callable[[str], str], php_processes: Any) -> Callable[[str], str]:
    """Answers the URL of this session's database of a kind, migrated by Laravel itself."""
    urls: dict[str, str] = {}

    def get(kind: str) -> str:
        if kind not in urls:
            urls[kind] = own_database(kind)
            migrated_by_laravel(urls[kind])
        return urls[kind]

    return get


@dataclass(frozen=True)
class Tables:
    """A database with Laravel's own tables, empty, and PHP to ask about them."""

    url: str
    php: PhpStores


@pytest.fixture(params=KINDS)
def tables(request: pytest.FixtureRequest, laravel_database: Callable[[str], str], php_stores: PhpStores) -> Tables:
    """One for each server."""
    from tests.conformance.databases import run

    url = laravel_database(request.param)
    for table in ("failed_jobs", "job_batches", "cache", "cache_locks", "jobs"):
        run(url, f"DELETE FROM {table}")
    return Tables(url, php_stores.given(database=php_settings(url)))


@pytest.fixture
def shell(face: Face) -> Iterator[SyncShell | AsyncShell]:
    """Drives plans, blocking and on asyncio."""
    with shell_for(face) as one:
        yield one


@pytest.fixture
def closing_all(shell: SyncShell | AsyncShell) -> Iterator[Callable[[Any], Any]]:
    """Closes whatever it is given after the test, and gives it back."""
    given: list[Any] = []

    def close(store: Any) -> Any:
        given.append(store)
        return store

    yield close
    for store in given:
        links = {id(link): link for link in (store.link, getattr(store, "lock_link", None)) if link is not None}
        for link in links.values():
            shell.run(_close(link))


def _close(link: Any) -> Plan[None]:
    yield Call(link, "close")
