"""The database driver's decisions, without a database: which lock, which text, what is asked and in which order."""

from __future__ import annotations

from typing import Any

import pytest

from lara_queue.drivers import DriverSettings
from lara_queue.drivers.database import DatabaseDriver
from lara_queue.drivers.database.scripts import Receipt, Taken
from lara_queue.drivers.database.statements import Statements, channel_of, lock_for_popping
from lara_queue.errors import ConfigurationError, InvalidPayload
from lara_queue.plans import Call
from lara_queue.ports import Reservation
from lara_queue.sql import Database, sql_link
from lara_queue.testing import ManualClock, drive


def driver(url: str = "sqlite:///x.sqlite", **settings: Any) -> DatabaseDriver:
    return DatabaseDriver(sql_link(url, "sync"), DriverSettings(clock=ManualClock(1000.7), **settings))


@pytest.mark.parametrize(
    ("kind", "version", "is_mariadb", "skips"),
    [
        ("mysql", (8, 0, 36), False, True),
        ("mysql", (8, 0, 1), False, True),
        ("mysql", (8, 0, 0), False, False),
        ("mysql", (5, 7, 44), False, False),
        ("mysql", (10, 6, 0), True, True),
        ("mysql", (10, 5, 21), True, False),
        ("postgresql", (9, 5), False, True),
        ("postgresql", (9, 4), False, False),
        ("postgresql", (17, 2), False, True),
    ],
)
def test_the_lock_depends_on_the_servers_version_db_05(
    kind: Any, version: tuple[int, ...], is_mariadb: bool, skips: bool
) -> None:
    """DB-05"""
    assert lock_for_popping(kind, version, is_mariadb=is_mariadb).endswith("SKIP LOCKED") is skips


def test_sqlite_locks_no_rows() -> None:
    assert lock_for_popping("sqlite", (3, 40), is_mariadb=False) == ""


@pytest.mark.parametrize(("version", "returning"), [((3, 34, 1), False), ((3, 35, 0), True)])
def test_an_old_sqlite_is_asked_in_two_steps(version: tuple[int, ...], returning: bool) -> None:
    dialect = Database("sqlite://").engine.dialect
    dialect.server_version_info = version
    assert (Statements(dialect, "sqlite", "jobs").take is not None) is returning


def test_names_are_quoted_where_they_have_to_be() -> None:
    dialect = Database("postgresql://h/d").engine.dialect
    assert Statements(dialect, "postgresql", "app.Jobs").clear == 'DELETE FROM app."Jobs" WHERE queue = %s'


def test_a_channels_name_is_no_longer_than_a_name_may_be() -> None:
    assert len(channel_of("é" * 60).encode()) <= 63


@pytest.mark.parametrize("table", ["", "app.", ".jobs"])
def test_a_table_needs_a_name(table: str) -> None:
    with pytest.raises(ConfigurationError, match="table"):
        DriverSettings(table=table)


@pytest.mark.parametrize("url", ["postgresql://h/d", "mysql://h/d"])
@pytest.mark.parametrize("body", [b"\xff", b"a\x00b"])
def test_what_no_text_column_takes_is_refused_before_anything_is_asked(url: str, body: bytes) -> None:
    for plan in (driver(url).push("q", body), driver(url).push_many("q", [(b"{}", 0), (body, 0)])):
        with pytest.raises(InvalidPayload, match="holds text"):
            drive(plan)


def test_nothing_is_asked_for_nothing() -> None:
    it = driver()
    plans: list[Any] = [it.push_many("q", []), it.reserve([]), it.reserve(["q"], limit=0), it.extend([])]
    plans += [it.browse("q", "pending", limit=0), it.push_within(object(), "q", [])]
    assert [drive(plan).effects for plan in plans] == [[]] * 6


def test_a_reserve_that_finds_nothing_waits_and_asks_again_only_when_stirred() -> None:
    names = [effect.name for effect in drive(driver().reserve(["q"], wait=3), [[], False]).effects if _is_call(effect)]
    assert names == ["reserve", "wait"]
    taken = Taken("q", Receipt(7, 2, 1), b"{}")
    played = drive(driver().reserve(["q"], wait=3), [[], True, [taken]])
    assert [effect.name for effect in played.effects if _is_call(effect)] == ["reserve", "wait", "reserve"]
    assert played.result == [Reservation("q", b"{}", 2, taken.receipt, 1090.0)]


def _is_call(effect: Any) -> bool:
    return isinstance(effect, Call)


def test_a_wait_is_no_longer_than_block_for() -> None:
    wait = drive(driver(block_for=2).reserve(["q"], wait=30), [[], False]).effects[1]
    assert isinstance(wait, Call)
    assert wait.args[0] == 2


def test_times_are_whole_seconds_and_never_short() -> None:
    (call,) = drive(driver().push("q", b"{}", delay=0.2), [["1"]]).effects
    assert isinstance(call, Call)
    assert call.args[-1] == [("q", 0, 1001, 1000, "{}")]
    held = Reservation("q", b"{}", 1, Receipt(7, 1, 1), 1090)
    (call,) = drive(driver().extend([held]), [[True]]).effects
    assert isinstance(call, Call)
    assert call.args[-2:] == (1001, [held.receipt])
