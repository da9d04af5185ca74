"""Every key that a queue has in Redis. Mirrors ``RedisQueue::getQueue`` and the key suffixes of ``LuaScripts``."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["Keys", "QueueKeys"]

_REMEMBERED = 1024  # names seen; far more queues than an application has, and a bound for one that invents names


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
        ready = f"{prefix}queues:{queue}".encode()
        return cls(ready, ready + b":delayed", ready + b":reserved", ready + b":notify")


class Keys:
    """The keys of any queue behind one prefix, made once for each name."""

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self._made: dict[str, QueueKeys] = {}

    def __getitem__(self, queue: str) -> QueueKeys:
        keys = self._made.get(queue)
        if keys is None:
            if len(self._made) >= _REMEMBERED:
                self._made.clear()
            keys = self._made[queue] = QueueKeys.of(self.prefix, queue)
        return keys
