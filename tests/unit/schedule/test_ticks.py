"""Which ticks are due, daylight saving time included."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from zoneinfo import ZoneInfo

import pytest

from lara_queue.errors import ConfigurationError, MissingExtra
from lara_queue.schedule.ticks import MACROS, Cron, Missed, next_ticks

BERLIN = ZoneInfo("Europe/Berlin")


def at(*parts: int, zone: ZoneInfo = BERLIN, fold: int = 0) -> float:
    return datetime(*parts, tzinfo=zone, fold=fold).timestamp()  # type: ignore[arg-type, misc]


def local(ticks: list[int], zone: ZoneInfo = BERLIN) -> list[str]:
    return [datetime.fromtimestamp(tick, zone).strftime("%m-%d %H:%M%z") for tick in ticks]


@pytest.mark.parametrize(
    ("expression", "ticks"),
    [
        ("*/5 * * * *", [300, 600, 900]),
        ("0 * * * *", [3600, 7200, 10800]),
        ("@hourly", [3600, 7200, 10800]),
        ("@daily", [86400, 172800, 259200]),
        ("@midnight", [86400, 172800, 259200]),
        (" @Weekly ", [259200, 864000, 1468800]),  # 1970 began on a Thursday
        ("@monthly", [2678400, 5097600, 7776000]),
        ("@yearly", [31536000, 63072000, 94694400]),
        ("*/20 * * * * *", [20, 40, 60]),
    ],
)
def test_the_ticks_of_an_expression(expression: str, ticks: list[int]) -> None:
    assert list(islice(Cron(expression).after(0), 3)) == ticks


def test_every_macro_is_one() -> None:
    for macro in MACROS:
        assert Cron(macro).next_after(0) is not None


def test_the_time_zone_counts() -> None:
    assert Cron("0 9 * * *", "Europe/Berlin").next_after(at(2026, 1, 5, 8, 0)) == at(2026, 1, 5, 9, 0)
    assert Cron("0 9 * * *", BERLIN).next_after(at(2026, 7, 5, 9, 0)) == at(2026, 7, 6, 9, 0)
    assert Cron("0 9 * * *", "utc").next_after(0) == 9 * 3600


@pytest.mark.parametrize("expression", ["", "* * * *", "61 * * * *", "every day", "@reboot", "0 0 30 2 *"])
def test_what_is_no_expression_says_so(expression: str) -> None:
    with pytest.raises(ConfigurationError, match="not a cron expression"):
        Cron(expression)


def test_an_unknown_zone_says_so() -> None:
    for zone in ("Mars/Base", "", "../etc/passwd"):
        with pytest.raises(ConfigurationError, match="no time zone"):
            Cron("@daily", zone)


def test_without_cronsim_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cronsim", None)
    with pytest.raises(MissingExtra, match=r"lara-queue\[schedule\]"):
        Cron("@daily")


def test_cronsim_is_loaded_only_when_used() -> None:
    code = "import lara_queue, sys; sys.exit('cronsim' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# -- daylight saving time: 2026-03-29 02:00 → 03:00, 2026-10-25 03:00 → 02:00 ------------------------------------------


def test_a_time_that_is_jumped_over_runs_right_after_the_jump() -> None:
    ticks = list(islice(Cron("30 2 * * *", BERLIN).after(at(2026, 3, 28, 0, 0)), 3))
    assert local(ticks) == ["03-28 02:30+0100", "03-29 03:00+0200", "03-30 02:30+0200"]


def test_a_time_that_comes_twice_runs_once() -> None:
    ticks = list(islice(Cron("30 2 * * *", BERLIN).after(at(2026, 10, 24, 0, 0)), 3))
    assert local(ticks) == ["10-24 02:30+0200", "10-25 02:30+0200", "10-26 02:30+0100"]


def test_a_time_that_comes_twice_runs_once_wherever_one_starts_to_look() -> None:
    cron = Cron("30 2 * * *", BERLIN)
    second_time = at(2026, 10, 25, 2, 10, fold=1)
    assert local([next(cron.after(second_time))]) == ["10-26 02:30+0100"]
    start = int(at(2026, 10, 24, 12, 0))
    seen = {tick for offset in range(0, 86400, 600) for tick in cron.between(start + offset, start + 90000)}
    assert local(sorted(seen)) == ["10-25 02:30+0200"]


def test_what_runs_all_day_goes_on_through_both_changes() -> None:
    for day in (at(2026, 3, 29, 0, 0), at(2026, 10, 25, 0, 0)):
        ticks = list(Cron("*/15 * * * *", BERLIN).between(day, day + 6 * 3600))
        assert [b - a for a, b in pairwise(ticks)] == [900] * 23
        hours = list(Cron("0 * * * *", BERLIN).between(day, day + 6 * 3600))
        assert [b - a for a, b in pairwise(hours)] == [3600] * 5


@pytest.mark.parametrize("missed", ["skip", "once", "all"])
def test_the_night_of_a_change_is_due_once(missed: Missed) -> None:
    """Looked at every minute, as a scheduler does, each local night gives one tick."""
    cron = Cron("30 2 * * *", BERLIN)
    for noon in (at(2026, 3, 28, 12, 0), at(2026, 10, 24, 12, 0)):
        pushed: list[int] = []
        for now in range(int(noon), int(noon) + 2 * 86400, 60):
            pushed += next_ticks(cron, pushed[-1] if pushed else noon, now, missed).ticks
        assert len(pushed) == 2


# -- which are due -----------------------------------------------------------------------------------------------------


def test_nothing_is_due_at_first_sight() -> None:
    assert next_ticks("* * * * *", None, 3600).ticks == ()


def test_a_tick_is_due_from_its_second_on_and_only_once() -> None:
    assert next_ticks("*/5 * * * *", 0, 299.9).ticks == ()
    assert next_ticks("*/5 * * * *", 0, 300).ticks == (300,)
    assert next_ticks("*/5 * * * *", 300, 300.5).ticks == ()


def test_a_clock_set_back_makes_nothing_due() -> None:
    assert next_ticks("* * * * *", 3600, 60, "all").ticks == ()


def test_skip_forgets_what_is_older_than_the_grace() -> None:
    assert next_ticks("0 * * * *", 0, 3 * 3600 + 60, grace=60).ticks == (3 * 3600,)
    assert next_ticks("0 * * * *", 0, 3 * 3600 + 61, grace=60).ticks == ()


def test_on_time_means_every_tick_within_the_grace() -> None:
    assert next_ticks("*/20 * * * * *", 0, 100, grace=60).ticks == (40, 60, 80, 100)
    assert next_ticks("*/20 * * * * *", 0, 100, "once", grace=60).ticks == (40, 60, 80, 100)


def test_once_makes_up_with_the_last_one() -> None:
    assert next_ticks("0 * * * *", 0, 5 * 3600 + 1800, "once").ticks == (5 * 3600,)
    assert next_ticks("0 * * * *", 5 * 3600, 5 * 3600 + 1800, "once").ticks == ()


def test_once_needs_nothing_made_up_when_one_is_on_time() -> None:
    assert next_ticks("0 * * * *", 0, 5 * 3600 + 10, "once").ticks == (5 * 3600,)


def test_all_gives_the_oldest_first_in_parts() -> None:
    due = next_ticks("0 * * * *", 0, 5 * 3600, "all", limit=3)
    assert due.ticks == (3600, 7200, 10800)
    assert due.more
    rest = next_ticks("0 * * * *", due.ticks[-1], 5 * 3600, "all", limit=3)
    assert rest.ticks == (14400, 18000)
    assert not rest.more


def test_a_year_of_missed_minutes_is_found_quickly() -> None:
    """``once`` looks back from the end, not forward over half a million ticks."""
    year = timedelta(days=365).total_seconds()
    assert next_ticks("* * * * *", 0, year + 0.5, "once", grace=0).ticks == (int(year),)
    rare = Cron("0 0 1 1 *")
    assert rare.last_between(0, at(2026, 7, 1, zone=UTC)) == at(2026, 1, 1, zone=UTC)  # type: ignore[arg-type]
    assert rare.last_between(at(2026, 1, 1, zone=UTC), at(2026, 7, 1, zone=UTC)) is None  # type: ignore[arg-type]


def test_an_unknown_policy_says_which_there_are() -> None:
    with pytest.raises(ConfigurationError, match="'skip', 'once' or 'all'"):
        next_ticks("* * * * *", 0, 60, "sometimes")  # type: ignore[arg-type]
