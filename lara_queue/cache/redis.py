"""Laravel's cache on Redis. Mirrors ``Cache/RedisStore.php``, ``Cache/RedisLock.php`` and ``Cache/LuaScripts.php``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lara_queue.cache.values import decode, encode, whole_seconds
from lara_queue.plans import AsyncLink, Call, Link, Plan

__all__ = ["RedisCache"]

ADD = b"return redis.call('exists', KEYS[1]) < 1 and redis.call('setex', KEYS[1], ARGV[2], ARGV[1])"
UNLOCK = b"if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) else return 0 end"
REFRESH = (
    b"if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('expire', KEYS[1], ARGV[2]) else return 0 end"
)


class RedisCache:
    """A cache store on Redis.

    Parameters:
        link: the link to Redis for values and counters.
        prefix: what stands before every key: the Redis connection's prefix, the cache prefix, and in Laravel 8 to 10
            a ``:`` (protocol §6.11).
        lock_link: the link for locks, which Laravel keeps on another database by default; None for the same.
    """

    name = "redis"

    def __init__(self, link: Link | AsyncLink, prefix: str, lock_link: Link | AsyncLink | None = None) -> None:
        self.link = link
        self.prefix = prefix
        self.lock_link = lock_link or link

    def get(self, key: str) -> Plan[Any]:
        """The value, or None."""
        return decode(_bytes((yield Call(self.link, "GET", (self.prefix + key,)))))

    def get_many(self, keys: Sequence[str]) -> Plan[list[Any]]:
        """The values in order, in one round trip."""
        if not keys:
            return []
        stored = yield Call(self.link, "MGET", tuple(self.prefix + key for key in keys))
        return [decode(_bytes(one)) for one in stored]

    def put(self, key: str, value: Any, seconds: float | None = None) -> Plan[None]:
        """Store it for so many seconds, one at least, or forever."""
        if seconds is None:
            yield Call(self.link, "SET", (self.prefix + key, encode(value)))
        else:
            yield Call(self.link, "SETEX", (self.prefix + key, whole_seconds(seconds), encode(value)))

    def add(self, key: str, value: Any, seconds: float | None = None) -> Plan[bool]:
        """Store it only if there is none."""
        if seconds is None:
            return bool((yield Call(self.link, "SETNX", (self.prefix + key, encode(value)))))
        args = (ADD, 1, self.prefix + key, encode(value), whole_seconds(seconds))
        return bool((yield Call(self.link, "EVAL", args)))

    def increment(self, key: str, by: int = 1) -> Plan[int]:
        """The number after adding; its expiry is kept."""
        return int((yield Call(self.link, "INCRBY", (self.prefix + key, by))))

    def touch(self, key: str, seconds: float) -> Plan[bool]:
        """True when there is a value and it now lasts for so many seconds."""
        return bool((yield Call(self.link, "EXPIRE", (self.prefix + key, whole_seconds(seconds)))))

    def forget(self, key: str) -> Plan[bool]:
        """True when there was one."""
        return bool((yield Call(self.link, "DEL", (self.prefix + key,))))

    def lock(self, name: str, owner: str, seconds: float = 0) -> Plan[bool]:
        """True when the lock is now the owner's."""
        args: tuple[Any, ...] = (self.prefix + name, owner, "NX")
        if seconds > 0:
            args += ("EX", whole_seconds(seconds))
        return bool((yield Call(self.lock_link, "SET", args)))

    def unlock(self, name: str, owner: str | None) -> Plan[bool]:
        """True when it was the owner's and is free."""
        if owner is None:
            return bool((yield Call(self.lock_link, "DEL", (self.prefix + name,))))
        return bool((yield Call(self.lock_link, "EVAL", (UNLOCK, 1, self.prefix + name, owner))))

    def refresh_lock(self, name: str, owner: str, seconds: float) -> Plan[bool]:
        """True when the lock is still the owner's and now is for so many seconds."""
        args = (REFRESH, 1, self.prefix + name, owner, whole_seconds(seconds))
        return bool((yield Call(self.lock_link, "EVAL", args)))

    def lock_owner(self, name: str) -> Plan[str | None]:
        """Who holds the lock now, or None."""
        owner = _bytes((yield Call(self.lock_link, "GET", (self.prefix + name,))))
        return None if owner is None else owner.decode("utf-8", "surrogateescape")


def _bytes(answer: bytes | str | None) -> bytes | None:
    """The answer as bytes, whatever ``decode_responses`` the client was made with."""
    return answer.encode("utf-8", "surrogateescape") if isinstance(answer, str) else answer
