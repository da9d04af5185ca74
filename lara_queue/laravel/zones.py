"""PHP's three kinds of time zone, there and back: a UTC offset, an abbreviation, an identifier.

An abbreviation means what PHP takes it for (IST is Jerusalem's, not India's). A zone that this machine does not know is
None, never a guess: a wrong instant is worse than an undecoded one.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

__all__ = ["php_reading", "php_zone", "zone_of"]

OFFSET, ABBREVIATION, IDENTIFIER = 1, 2, 3

_OFFSET = re.compile(r"([+-])(\d{2}):(\d{2})(?::(\d{2}))?", re.ASCII)
_UTC_NAMES = frozenset(("UTC", "Etc/UTC", "Z"))

# Seconds east of UTC as PHP 8.2 has them (its timezonemap.h); of several meanings PHP takes the first.
_ABBREVIATIONS = {
    "UTC": 0, "GMT": 0, "Z": 0, "UCT": 0, "WET": 0,
    "EST": -18000, "EDT": -14400, "CST": -21600, "CDT": -18000, "MST": -25200, "MDT": -21600,
    "PST": -28800, "PDT": -25200, "AKST": -32400, "AKDT": -28800, "HST": -36000, "AST": -14400, "ADT": -10800,
    "NST": -12600, "SST": -39600, "HDT": -34200,
    "BST": 3600, "WEST": 3600, "CET": 3600, "CEST": 7200, "MET": 3600, "MEST": 7200, "EET": 7200, "EEST": 10800,
    "MSK": 10800, "MSD": 14400, "IST": 7200, "IDT": 10800, "SAST": 7200, "EAT": 10800, "CAT": 7200, "WAT": 3600,
    "PKT": 18000, "WIB": 25200, "WITA": 28800, "WIT": 32400, "HKT": 28800, "AWST": 28800, "JST": 32400, "KST": 30600,
    "ACST": 34200, "ACDT": 37800, "AEST": 36000, "AEDT": 39600, "CHST": 36000, "NZST": 43200, "NZDT": 46800,
}  # fmt: skip


@lru_cache(maxsize=1024)
def zone_of(kind: object, text: object) -> tzinfo | None:
    """The zone in a PHP date's ``timezone_type`` and ``timezone``; None when it is not known here.

    :param kind: 1 for an offset, 2 for an abbreviation, 3 for an identifier.
    :param text: such as ``+05:30``, ``EDT``, ``Europe/Paris``.

    >>> str(zone_of(1, "+05:30")), zone_of(2, "EDT").utcoffset(None).total_seconds(), str(zone_of(3, "Europe/Paris"))
    ('UTC+05:30', -14400.0, 'Europe/Paris')
    >>> zone_of(3, "Mars/Olympus") is None
    True
    """
    if not isinstance(text, str):
        return None
    if kind == OFFSET:
        return _from_offset(text)
    if kind == ABBREVIATION:
        seconds = _ABBREVIATIONS.get(text.upper())
        if seconds is None:
            return None
        return timezone.utc if text.upper() in _UTC_NAMES else timezone(timedelta(seconds=seconds), text)
    if kind == IDENTIFIER:
        if text in _UTC_NAMES:
            return timezone.utc
        try:
            return ZoneInfo(text)
        except (LookupError, ValueError, OSError):  # unknown, malformed, or a directory of the zone data
            return None
    return None


def _from_offset(text: str) -> tzinfo | None:
    found = _OFFSET.fullmatch(text)
    if found is None:
        return None
    hours, minutes, seconds = (int(part or 0) for part in found.groups()[1:])
    ahead = timedelta(hours=hours, minutes=minutes, seconds=seconds)
    if ahead >= timedelta(days=1):
        return None
    if not ahead:
        return timezone.utc
    return timezone(-ahead if found[1] == "-" else ahead)


def php_reading(moment: datetime) -> datetime:
    """The instant PHP means by a wall clock's time in a named zone, where clocks go forward or back.

    Of an hour that comes twice PHP takes the second in zones east of Greenwich and the first in those west of it: it
    first reads the wall clock as UTC and looks which offset holds there (``timelib_get_time_zone_info``, run). An hour
    that is left out is moved behind the gap.

    >>> from zoneinfo import ZoneInfo
    >>> php_reading(datetime(2024, 10, 27, 2, 30, tzinfo=ZoneInfo("Europe/Paris"))).isoformat()
    '2024-10-27T02:30:00+01:00'
    >>> php_reading(datetime(2024, 11, 3, 1, 30, tzinfo=ZoneInfo("America/New_York"))).isoformat()
    '2024-11-03T01:30:00-04:00'
    >>> php_reading(datetime(2024, 3, 31, 2, 30, tzinfo=ZoneInfo("Europe/Paris"))).isoformat()
    '2024-03-31T03:30:00+02:00'
    """
    if type(moment.tzinfo) is timezone:  # always the same offset
        return moment
    first, second = moment.replace(fold=0), moment.replace(fold=1)
    before, after = first.utcoffset(), second.utcoffset()
    if before == after or before is None or after is None:
        return first
    if before < after:
        return first.astimezone(timezone.utc).astimezone(moment.tzinfo)
    as_utc = moment.replace(tzinfo=timezone.utc, fold=0)
    return second if as_utc.astimezone(moment.tzinfo).utcoffset() == after else first


def php_zone(moment: datetime) -> tuple[int, str]:
    """The ``timezone_type`` and ``timezone`` with which PHP means the same instant.

    :param moment: an aware datetime. Its zone's identifier is kept, except in the repeated hour when clocks go back:
        PHP knows only one of the two by its wall clock, so for the other the offset is written.

    >>> php_zone(datetime(2024, 1, 1, tzinfo=ZoneInfo("Europe/Paris")))
    (3, 'Europe/Paris')
    >>> php_zone(datetime(2024, 1, 1, tzinfo=timezone(timedelta(hours=-3))))
    (1, '-03:00')
    """
    zone = moment.tzinfo
    offset = moment.utcoffset()
    if zone is timezone.utc:
        return IDENTIFIER, "UTC"
    name = getattr(zone, "key", None) or getattr(zone, "zone", None)  # zoneinfo's, pytz's
    if isinstance(name, str) and offset == php_reading(moment).utcoffset():
        return IDENTIFIER, name
    seconds = 0 if offset is None else round(offset.total_seconds())
    sign, rest = ("-", -seconds) if seconds < 0 else ("+", seconds)
    tail = f":{rest % 60:02d}" if rest % 60 else ""
    return OFFSET, f"{sign}{rest // 3600:02d}:{rest // 60 % 60:02d}{tail}"
