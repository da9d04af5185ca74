"""The cache's tables: what their rows hold, and the lottery that sweeps the locks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from lara_queue.cache.database import FOREVER, LAST_SECOND, DatabaseCache, sweep_locks, take_lock
from lara_queue.errors import StoreError
from lara_queue.php import PhpObject, protected
from lara_queue.plans import Call, Plan, run
from lara_queue.sql import Database, SyncSqlLink
from lara_queue.testing import ManualClock
from lara_queue.testing.driving import drive
from lara_queue.testing.shells import perform
from tests.conformance.databases import KINDS
from tests.conformance.databases import run as sql

NOW = 1_700_000_000
Get = Callable[[str], str]


def do(plan: Plan[Any]) -> Any:
    return run(plan, perform)


@pytest.fixture(params=KINDS)
def url(request: pytest.FixtureRequest, database_with_tables: Get) -> str:
    url = database_with_tables(request.param)
    sql(url, "DELETE FROM cache")
    sql(url, "DELETE FROM cache_locks")
    return url


@pytest.fixture
def cache(url: str) -> Iterator[DatabaseCache]:
    made = DatabaseCache(SyncSqlLink(Database(url)), "laravel_cache_", clock=ManualClock(NOW), chance=lambda: 1.0)
    yield made
    made.link.call("close", ())


def test_a_row_is_what_php_writes(cache: DatabaseCache, url: str) -> None:
    """Protocol §6.12: values serialized, for ever is ten years."""
    do(cache.put("a", 5, 60))
    do(cache.put("b", "0123"))
    do(cache.put("c", True, 0.1))
    do(cache.put("d", 1, 10**10))
    rows = {row["key"]: (row["value"], row["expiration"]) for row in sql(url, "SELECT * FROM cache")}
    assert rows == {
        "laravel_cache_a": ("i:5;", NOW + 60),
        "laravel_cache_b": ('s:4:"0123";', NOW + FOREVER),
        "laravel_cache_c": ("b:1;", NOW + 1),
        "laravel_cache_d": ("i:1;", LAST_SECOND),
    }


def test_a_nul_is_base64_on_postgresql_only(cache: DatabaseCache, url: str) -> None:
    do(cache.put("k", PhpObject("A", {protected("p"): 1})))
    (row,) = sql(url, "SELECT value FROM cache")
    plain = 'O:1:"A":1:{s:4:"\0*\0p";i:1;}'
    assert row["value"] == ("TzoxOiJBIjoxOntzOjQ6IgAqAHAiO2k6MTt9" if url.startswith("postgresql") else plain)
    assert do(cache.get("k"))["p"] == 1


def test_base64_is_read_where_laravel_reads_it(cache: DatabaseCache, url: str) -> None:
    """On PostgreSQL, and since 11.38 on SQLite."""
    sql(url, "INSERT INTO cache VALUES ('laravel_cache_k', 'aTo1Ow==', 2000000000)")
    assert do(cache.get("k")) == (None if url.startswith("mariadb") else 5)
    sql(url, "UPDATE cache SET value = 'nonsense: ;'")
    assert do(cache.get("k")) is None


def test_bytes_that_are_no_text(cache: DatabaseCache, url: str) -> None:
    if url.startswith("mariadb"):
        with pytest.raises(StoreError, match="is not UTF-8, which MySQL's text column cannot hold"):
            do(cache.put("k", b"\xff\0"))
        return
    do(cache.put("k", b"\xff\0"))
    assert do(cache.get("k")) == b"\xff\0"


def test_a_key_that_is_too_long_is_refused_and_never_cut(cache: DatabaseCache, url: str) -> None:
    key = "k" * 300
    if url.startswith("sqlite"):
        assert do(cache.add(key, 1)) is True
        return
    for plan in (cache.add(key, 1), cache.put(key, 1), cache.increment(key), cache.lock(key, "o")):
        with pytest.raises(StoreError, match="must not be longer than 255 characters"):
            do(plan)
    assert do(cache.get(key)) is None


def test_a_lock_is_a_row(cache: DatabaseCache, url: str) -> None:
    """LK-07: for a day when no time is given; its owner may take it again, which starts its time anew."""
    do(cache.lock("l", "owner", 60))
    assert sql(url, "SELECT * FROM cache_locks") == [
        {"key": "laravel_cache_l", "owner": "owner", "expiration": NOW + 60}
    ]
    assert do(cache.lock("l", "owner")) is True
    (row,) = sql(url, "SELECT expiration FROM cache_locks")
    assert row["expiration"] == NOW + 86400


def test_two_times_in_a_hundred_old_locks_are_swept(url: str) -> None:
    """LK-10: and whatever goes wrong with that, the lock is taken."""
    draws = iter([0.5, 0.019])
    cache = DatabaseCache(SyncSqlLink(Database(url)), clock=ManualClock(NOW), chance=lambda: next(draws))
    sql(url, f"INSERT INTO cache_locks VALUES ('old', 'x', {NOW})")
    do(cache.lock("a", "o", 60))
    assert len(sql(url, "SELECT * FROM cache_locks")) == 2
    do(cache.lock("b", "o", 60))
    assert {row["key"] for row in sql(url, "SELECT * FROM cache_locks")} == {"a", "b"}
    cache.link.call("close", ())


def test_errors_of_sweeping_do_not_undo_the_lock_but_those_of_taking_surface() -> None:
    """LK-10."""
    cache = DatabaseCache(SyncSqlLink(Database("sqlite://")), clock=ManualClock(NOW), chance=lambda: 0.0)
    script = drive(cache.lock("l", "o", 5), [True, StoreError("deadlock")])
    assert script.result is True
    calls = [effect for effect in script.effects if isinstance(effect, Call)]
    assert [call.args[0] for call in calls] == [take_lock, sweep_locks]
    with pytest.raises(StoreError, match="no such table"):
        drive(cache.lock("l", "o", 5), [StoreError("no such table")])


def test_locks_may_be_in_another_database(database_with_tables: Get, own_database: Get) -> None:
    """LK-06."""
    values, locks = SyncSqlLink(Database("sqlite://")), SyncSqlLink(Database(database_with_tables("sqlite")))
    cache = DatabaseCache(values, lock_link=locks, chance=lambda: 1.0)
    for plan in (cache.lock("a", "o"), cache.unlock("a", "o"), cache.lock_owner("a"), cache.refresh_lock("a", "o", 1)):
        assert [effect.link for effect in drive(plan, [True]).effects if isinstance(effect, Call)] == [locks]
    for plan in (cache.get("a"), cache.put("a", 1), cache.add("a", 1), cache.forget("a"), cache.touch("a", 1)):
        assert [effect.link for effect in drive(plan, [{}]).effects if isinstance(effect, Call)] == [values]


def test_several_values_are_one_statement(cache: DatabaseCache) -> None:
    assert len(drive(cache.get_many(["a", "b", "c"]), [{}]).effects) == 1
    assert drive(cache.get_many([])).effects == []
