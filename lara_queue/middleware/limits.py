"""Counting within a window of time, in Laravel's cache and on Redis, so that PHP and Python share one count.

Mirrors ``Cache/RateLimiter.php``, ``Cache/RateLimiting/Limit.php`` and ``Redis/Limiters/DurationLimiter.php``;
protocol §7.6.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from html.entities import codepoint2name
from typing import Any, Final

from lara_queue.clock import Clock
from lara_queue.plans import Call, Plan
from lara_queue.ports import Cache

__all__ = ["DurationLimiter", "Limit", "RateLimiter", "clean_key", "distinct"]

_ENTITY: Final = re.compile(r"&([a-z])[a-z]+;", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Limit:
    """So many jobs in so many seconds, counted for each ``by``.

    >>> Limit.per_minute(5, by="reports")
    Limit(max_attempts=5, decay_seconds=60, by='reports')
    """

    max_attempts: int
    decay_seconds: float = 60
    by: str = ""

    @classmethod
    def per_second(cls, jobs: int, *, by: object = "") -> Limit:
        """So many in a second."""
        return cls(jobs, 1, _joined(by))

    @classmethod
    def per_minute(cls, jobs: int, *, by: object = "") -> Limit:
        """So many in a minute."""
        return cls(jobs, 60, _joined(by))

    @classmethod
    def per_hour(cls, jobs: int, *, by: object = "") -> Limit:
        """So many in an hour."""
        return cls(jobs, 3600, _joined(by))

    @classmethod
    def per_day(cls, jobs: int, *, by: object = "") -> Limit:
        """So many in a day."""
        return cls(jobs, 86400, _joined(by))


def distinct(limits: Iterable[Limit]) -> list[Limit]:
    """The limits, with keys of their own where several have the same (Laravel 11.29 and later).

    >>> [limit.by for limit in distinct([Limit(3, 1, "123"), Limit(5, 60, "123")])]
    ['123:attempts:3:decay:1', '123:attempts:5:decay:60']
    """
    all_ = list(limits)
    keys = [limit.by for limit in all_]
    return [
        limit if keys.count(limit.by) == 1 else Limit(limit.max_attempts, limit.decay_seconds, _fallback(limit))
        for limit in all_
    ]


def _fallback(limit: Limit) -> str:
    start = f"{limit.by}:" if limit.by else ""
    decay = limit.decay_seconds
    return f"{start}attempts:{limit.max_attempts}:decay:{int(decay) if decay == int(decay) else decay}"


def _joined(by: object) -> str:
    """A value as PHP joins it to a string."""
    if by is None or by is False:
        return ""
    return "1" if by is True else str(by)


def clean_key(key: str) -> str:
    """A limiter's key as it stands in the cache: HTML-escaped, every named entity cut to its first letter.

    >>> clean_key("café & co")
    'cafe a co'
    """
    escaped = "".join(f"&{codepoint2name[ord(c)]};" if ord(c) in codepoint2name else c for c in key)
    return _ENTITY.sub(r"\1", escaped.replace("'", "&#039;"))


class RateLimiter:
    """Laravel's counter in the cache: a count, and a timer that says when its window ends.

    Parameters:
        cache: the application's cache store.
        clock: tells the Unix time in seconds.
    """

    def __init__(self, cache: Cache, clock: Clock) -> None:
        self._cache = cache
        self._clock = clock

    def too_many(self, key: str, most: int) -> Plan[bool]:
        """True when the limit is reached and its window not over. A count without a window is taken back."""
        key = clean_key(key)
        count, timer = yield from self._cache.get_many([key, f"{key}:timer"])
        if _number(count) >= most:
            if timer is not None:
                return True
            yield from self._cache.forget(key)
        return False

    def hit(self, key: str, decay: float) -> Plan[int]:
        """The count, this hit included; the first one opens a window of ``decay`` seconds."""
        key = clean_key(key)
        yield from self._cache.add(f"{key}:timer", int(self._clock() + decay), decay)
        added = yield from self._cache.add(key, 0, decay)
        hits = yield from self._cache.increment(key)
        if not added and hits == 1:  # it vanished in between, so the new one would never end
            yield from self._cache.put(key, 1, decay)
        return hits

    def available_in(self, key: str) -> Plan[int]:
        """Seconds until the window is over; 0 when there is none."""
        timer = yield from self._cache.get(f"{clean_key(key)}:timer")
        return max(0, _number(timer) - int(self._clock()))

    def remaining(self, key: str, most: int) -> Plan[int]:
        """How many hits are left in this window."""
        return max(0, most - _number((yield from self._cache.get(clean_key(key)))))

    def clear(self, key: str) -> Plan[None]:
        """Forget the count and the window."""
        key = clean_key(key)
        yield from self._cache.forget(key)
        yield from self._cache.forget(f"{key}:timer")


def _number(value: Any) -> int:
    try:
        return int(value or 0)
    except (TypeError, ValueError):
        return 0


_ACQUIRE: Final = """
local function open()
  local ends = tonumber(ARGV[2]) + tonumber(ARGV[3])
  redis.call('HSET', KEYS[1], 'start', ARGV[2], 'end', ends, 'count', 1)
  redis.call('EXPIRE', KEYS[1], tonumber(ARGV[3]) * 2)
  return {1, tostring(ends), tonumber(ARGV[4]) - 1}
end
local window = redis.call('HMGET', KEYS[1], 'start', 'end')
if not window[1] or ARGV[1] < window[1] or ARGV[1] > window[2] then return open() end
local count = redis.call('HINCRBY', KEYS[1], 'count', 1)
local left = tonumber(ARGV[4]) - count
return {left >= 0 and 1 or 0, window[2], left}
"""

_LOOK: Final = """
local window = redis.call('HMGET', KEYS[1], 'start', 'end', 'count')
if not window[1] or ARGV[1] < window[1] or ARGV[1] > window[2] then return {'0', tonumber(ARGV[4])} end
return {window[2], tonumber(ARGV[4]) - tonumber(window[3])}
"""


class DurationLimiter:
    """Redis's own limiter: a hash with the window's ``start``, ``end`` and ``count``; one step for each question.

    Parameters:
        link: a link to Redis.
        key: the whole key.
        most: jobs in a window.
        decay: the window's length in seconds.
        clock: tells the Unix time in seconds.
    """

    def __init__(self, link: Any, key: str, most: int, decay: float, clock: Clock) -> None:
        self._link = link
        self._key = key
        self._most = most
        self._decay = max(1, int(decay))
        self._clock = clock

    def acquire(self) -> Plan[tuple[bool, int, int]]:
        """Whether this one may run, the Unix time at which the window ends, and how many are left in it."""
        allowed, ends, left = yield self._ask(_ACQUIRE)
        return bool(allowed), int(float(ends)), max(0, int(left))

    def too_many(self) -> Plan[int]:
        """The Unix time at which the window ends, when it is full; else 0. Counts nothing."""
        ends, left = yield self._ask(_LOOK)
        return int(float(ends)) if int(left) <= 0 else 0

    def clear(self) -> Plan[None]:
        """Forget the window."""
        yield Call(self._link, "DEL", (self._key,))

    def _ask(self, script: str) -> Call:
        # The script compares the times as strings, so this one must be written as PHP writes a float.
        now = self._clock()
        return Call(self._link, "EVAL", (script, 1, self._key, f"{now:.14g}", int(now), self._decay, self._most))
