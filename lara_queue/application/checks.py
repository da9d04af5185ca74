"""Looking at the stores of a queue without changing anything in them, as plans: what ``doctor`` asks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from lara_queue.errors import PayloadError, StoreError
from lara_queue.laravel.command import PLAIN
from lara_queue.laravel.envelope import Envelope
from lara_queue.plans import Call, Plan
from lara_queue.ports import Driver, Sizes

__all__ = ["Check", "Found", "QueueFound", "attempt", "find_queues", "look_into_jobs"]

ROUNDS: Final = 200
PER_ROUND: Final = 1000
"""A big Redis is looked through for so many rounds of so many keys at most."""

MOST_QUEUES: Final = 100
PEEKED: Final = 5
"""Jobs of each queue and state that are looked into."""

MOST_PREFIXES: Final = 5
_KINDS: Final = (":delayed", ":reserved", ":notify")
_FAILURES: Final = ":failed"
_CACHE_KEYS: Final = "illuminate:"
_HORIZON: Final = "horizon"


@dataclass(frozen=True, slots=True)
class Check:
    """Whether one thing can be reached, and what was seen there or why not."""

    name: str
    ok: bool
    detail: str


@dataclass(frozen=True, slots=True)
class QueueFound:
    """One queue and what waits in it."""

    name: str
    sizes: Sizes


@dataclass(slots=True)
class Found:
    """The queues of a store.

    Attributes:
        queues: those behind the application's prefix, by name.
        others: queues behind other prefixes: prefix → an example of a key.
        complete: False when the store was too big to look through.
    """

    queues: list[QueueFound] = field(default_factory=list)
    others: dict[str, str] = field(default_factory=dict)
    complete: bool = True


def attempt(name: str, plan: Plan[str]) -> Plan[Check]:
    """The outcome of a plan that answers what it saw; a store that cannot be reached or refuses is an outcome, too."""
    try:
        return Check(name, True, (yield from plan))
    except StoreError as error:
        return Check(name, False, " ".join(str(error).split()))


def find_queues(driver: Driver, known: Sequence[str], prefix: str, table: str = "jobs") -> Plan[Found]:
    """The queues that exist in a store, those that are known first.

    Parameters:
        driver: the queue's driver.
        known: names that are shown whether there is anything in them or not.
        prefix: the key prefix on Redis.
        table: the jobs table in a database.

    Raises :class:`~lara_queue.errors.StoreError`.
    """
    found = Found()
    if driver.name == "redis":
        names = yield from _scan(driver, prefix, found)
    elif driver.name == "database":
        names = yield from _group(driver, table)
    else:
        names = set()
    listed = dict.fromkeys([*known, *sorted(names)])
    found.complete = found.complete and len(listed) <= MOST_QUEUES
    for name in list(listed)[:MOST_QUEUES]:
        sizes = yield from driver.sizes(name)
        if sizes.total or name in known:
            found.queues.append(QueueFound(name, sizes))
    return found


def _scan(driver: Any, prefix: str, found: Found) -> Plan[set[str]]:
    """The names of queues behind the prefix; what lies behind other prefixes is noted."""
    names: set[str] = set()
    cursor: bytes | str | int = 0
    for _ in range(ROUNDS):
        answer = yield Call(driver.link, "SCAN", (cursor, "MATCH", "*queues:*", "COUNT", PER_ROUND))
        cursor, keys = answer
        for raw in keys:
            key = raw.decode("utf-8", "replace") if isinstance(raw, bytes) else str(raw)
            before, _, name = key.partition("queues:")
            if key.startswith(f"{prefix}queues:"):
                before, name = prefix, key[len(prefix) + len("queues:") :]
            for kind in _KINDS:
                name = name.removesuffix(kind)
            if not name or name.endswith(_FAILURES):
                continue
            if before != prefix and (before.endswith(_CACHE_KEYS) or _HORIZON in before):
                continue  # illuminate:queues:paused, and what Horizon keeps
            if before == prefix:
                names.add(name)
            elif len(found.others) < MOST_PREFIXES:
                found.others.setdefault(before, f"{before}queues:{name}")
        if int(cursor) == 0:
            return names
    found.complete = False
    return names


def _group(driver: Any, table: str) -> Plan[set[str]]:
    """The names of queues that have rows."""
    from lara_queue.application.tables import queue_names
    from lara_queue.sql import step

    names: list[str] = yield step(driver.link, queue_names, table, MOST_QUEUES + 1)
    return set(names)


def look_into_jobs(driver: Driver, queues: Sequence[str], retry_after: float, *, has_key: bool) -> Plan[list[str]]:
    """What is likely to go wrong with the jobs that wait, from a few of each queue.

    Parameters:
        driver, queues: where.
        retry_after: seconds that a reservation lasts.
        has_key: whether there is an APP_KEY.
    """
    warnings: dict[str, None] = {}
    for queue in queues:
        for body in (yield from _peeked(driver, queue)):
            try:
                envelope = Envelope.parse(body)
                command = envelope.command if envelope.is_object_job else None
            except PayloadError as error:
                warnings[f"A job in {queue} cannot be read, so a worker would bury it: {error}"] = None
                continue
            if command and not command.startswith(PLAIN) and not has_key:
                warnings[f"There are encrypted jobs in {queue}, and there is no APP_KEY to read them with."] = None
            if envelope.timeout is not None and envelope.timeout >= retry_after:
                warnings[
                    f"{envelope.display_name} in {queue} may run for {envelope.timeout:g} seconds, and retry_after is "
                    f"{retry_after:g}: a PHP worker's job may be run twice."
                ] = None
    return list(warnings)


def _peeked(driver: Driver, queue: str) -> Plan[list[bytes]]:
    pending = yield from driver.browse(queue, "pending", limit=PEEKED)
    delayed = yield from driver.browse(queue, "delayed", limit=PEEKED)
    return [waiting.body for waiting in (*pending, *delayed)]
