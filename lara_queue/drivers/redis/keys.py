"""Every key that a queue has in Redis. Mirrors ``RedisQueue::getQueue`` and the key suffixes of ``LuaScripts``."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

__all__ = ["Keys", "QueueKeys"]

_REMEMBERED = 1024  # names seen; far more queues than an application has, and a bound for one that invents names
_QUEUES = "queues:"
_SUFFIXES = (":delayed", ":reserved")
_OTHERS = (":notify", ":failed", ":failed:uuids")  # wake-up tokens alone are no jobs; LaraQueue's failures


@dataclass(frozen=True, slots=True)
class QueueKeys:
    """The keys of one queue, as bytes.

    Attributes:
        ready: list of payloads, the head is next.
        delayed: sorted set of payloads; the score is the Unix time when they are due.
        reserved: sorted set of payloads with attempts raised; the score is the Unix time when the reservation ends.
        notify: list with a token for each job that was made ready; only ever waited on.
        all: the four in this order.
    """

    ready: bytes
    delayed: bytes
    reserved: bytes
    notify: bytes
    all: tuple[bytes, bytes, bytes, bytes] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "all", (self.ready, self.delayed, self.reserved, self.notify))

    @classmethod
    def of(cls, prefix: str, queue: str) -> QueueKeys:
        """The keys of a queue behind a prefix.

        >>> QueueKeys.of("laravel_database_", "emails").reserved
        b'laravel_database_queues:emails:reserved'
        """
        ready = f"{prefix}{_QUEUES}{queue}".encode()
        return cls(ready, ready + b":delayed", ready + b":reserved", ready + b":notify")


class Keys:
    """The keys of any queue behind one prefix, made once for each name."""

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self._made: dict[str, QueueKeys] = {}

    @property
    def pattern(self) -> bytes:
        """What ``SCAN MATCH`` finds the keys of all queues by.

        >>> Keys("shop[1]_").pattern
        b'shop\\\\[1\\\\]_queues:*'
        """
        return re.sub(r"([\\*?\[\]])", r"\\\1", f"{self.prefix}{_QUEUES}").encode() + b"*"

    def queue_of(self, key: bytes) -> str | None:
        """The queue whose jobs are under a key, None when no queue's are.

        >>> [Keys("p_").queue_of(key) for key in (b"p_queues:a:reserved", b"p_queues:a:notify", b"q_queues:a")]
        ['a', None, None]
        """
        start = f"{self.prefix}{_QUEUES}".encode()
        try:
            name = key.removeprefix(start).decode()
        except UnicodeDecodeError:
            return None
        if not key.startswith(start) or name.endswith(_OTHERS):
            return None
        for suffix in _SUFFIXES:
            name = name.removesuffix(suffix)
        return name or None

    def __getitem__(self, queue: str) -> QueueKeys:
        keys = self._made.get(queue)
        if keys is None:
            if len(self._made) >= _REMEMBERED:
                self._made.clear()
            keys = self._made[queue] = QueueKeys.of(self.prefix, queue)
        return keys
