"""Laravel's cache in two tables of a database. Mirrors ``Cache/DatabaseStore.php`` and ``Cache/DatabaseLock.php``.

A value is PHP-serialized text. PostgreSQL's text takes no NUL, so there a value with one is base64, as Laravel writes
it; Laravel 11.38 and later do the same on SQLite, but every version reads the plain form there, so that is what is
written. Rows that have run out are no values; they are overwritten, as Laravel does, and swept only from the locks.
"""

from __future__ import annotations

import base64
import random
from collections.abc import Callable, Sequence
from typing import Any, Final

from sqlalchemy import LargeBinary, Table, Text, and_, cast, delete, insert, literal, or_, select, update
from sqlalchemy.dialects import mysql, postgresql, sqlite
from sqlalchemy.sql.elements import ColumnElement

from lara_queue.cache.values import as_number, unpack, whole_seconds
from lara_queue.clock import Clock, system_clock
from lara_queue.errors import StoreError
from lara_queue.php import dumps
from lara_queue.plans import Plan
from lara_queue.sql import SqlLink, Transaction, step
from lara_queue.sql.links import reading
from lara_queue.sql.schema import CACHE, LOCKS, cache, cache_locks

__all__ = ["DatabaseCache"]

FOREVER: Final = 315_360_000
"""Seconds that a value without a time to live is kept: ten years."""

A_DAY: Final = 86_400
"""Seconds that a lock without a time is held."""

SWEEP: Final = 0.02
"""How often taking a lock also deletes those that have run out: Laravel's lottery of 2 in 100."""

LAST_SECOND: Final = 2**31 - 1
"""What the column holds at most in applications made before Laravel 12.55."""

LONGEST_KEY: Final = 255


class DatabaseCache:
    """A cache store in a database.

    Parameters:
        link: the link to the database of the values.
        prefix: what stands before every key, such as ``laravel_cache_``; no version adds a separator here.
        table, lock_table: their names.
        lock_link: the link to the database of the locks (``lock_connection``); None for the same.
        clock: tells the Unix time in seconds.
        chance: random numbers from 0 to 1, for the lottery.
    """

    name = "database"

    def __init__(
        self,
        link: SqlLink,
        prefix: str = "",
        *,
        table: str = CACHE,
        lock_table: str = LOCKS,
        lock_link: SqlLink | None = None,
        clock: Clock = system_clock,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.link = link
        self.lock_link = lock_link or link
        self.prefix = prefix
        self._values = cache(table)
        self._locks = cache_locks(lock_table)
        self._clock = clock
        self._chance = chance

    def get(self, key: str) -> Plan[Any]:
        """The value, or None."""
        return (yield from self.get_many([key]))[0]

    def get_many(self, keys: Sequence[str]) -> Plan[list[Any]]:
        """The values in order, in one statement."""
        if not keys:
            return []
        full = [self.prefix + key for key in keys]
        found: dict[str, bytes] = yield step(self.link, read_values, self._values, full, self._now())
        return [unpack(found[key]) if key in found else None for key in full]

    def put(self, key: str, value: Any, seconds: float | None = None) -> Plan[None]:
        """Store it for so many seconds, one at least, or forever."""
        yield step(self.link, put_value, self._values, self.prefix + key, dumps(value), self._until(seconds))

    def add(self, key: str, value: Any, seconds: float | None = None) -> Plan[bool]:
        """Store it only if there is none."""
        args = (self.prefix + key, dumps(value), self._until(seconds), self._now())
        return bool((yield step(self.link, add_value, self._values, *args)))

    def increment(self, key: str, by: int = 1) -> Plan[int]:
        """The number after adding; its expiry is kept."""
        args = (self.prefix + key, by, self._until(None), self._now())
        return int((yield step(self.link, increment_value, self._values, *args)))

    def touch(self, key: str, seconds: float) -> Plan[bool]:
        """True when there is a value and it now lasts for so many seconds."""
        args = (self.prefix + key, self._until(seconds), self._now())
        return bool((yield step(self.link, touch_value, self._values, *args)))

    def forget(self, key: str) -> Plan[bool]:
        """True when there was one."""
        return bool((yield step(self.link, forget_value, self._values, self.prefix + key, self._now())))

    def lock(self, name: str, owner: str, seconds: float = 0) -> Plan[bool]:
        """True when the lock is now the owner's, for a day when no time is given."""
        until = self._until(seconds if seconds > 0 else A_DAY)
        args = (self.prefix + name, owner, until, self._now())
        taken: bool = yield step(self.lock_link, take_lock, self._locks, *args)
        if self._chance() < SWEEP:
            try:
                yield step(self.lock_link, sweep_locks, self._locks, self._now())
            except StoreError:
                pass  # tidying up; whether the lock was taken is what the caller must hear
        return taken

    def unlock(self, name: str, owner: str | None) -> Plan[bool]:
        """True when it was the owner's and is free."""
        return bool((yield step(self.lock_link, free_lock, self._locks, self.prefix + name, owner)))

    def refresh_lock(self, name: str, owner: str, seconds: float) -> Plan[bool]:
        """True when the lock is still the owner's and now is for so many seconds."""
        args = (self.prefix + name, owner, self._until(seconds), self._now())
        return bool((yield step(self.lock_link, renew_lock, self._locks, *args)))

    def lock_owner(self, name: str) -> Plan[str | None]:
        """Who holds the lock now, or None."""
        owner: str | None = yield step(self.lock_link, read_owner, self._locks, self.prefix + name, self._now())
        return owner

    def _now(self) -> int:
        return int(self._clock())

    def _until(self, seconds: float | None) -> int:
        return min(self._now() + (FOREVER if seconds is None else whole_seconds(seconds)), LAST_SECOND)


@reading
def read_values(transaction: Transaction, table: Table, keys: Sequence[str], now: int) -> dict[str, bytes]:
    """The stored bytes of those keys that have not run out."""
    rows = transaction.connection.execute(
        select(table.c.key, _raw(transaction, table)).where(table.c.key.in_(keys), table.c.expiration > now)
    )
    return {key: _unwrapped(transaction, value) for key, value in rows}


def put_value(transaction: Transaction, table: Table, key: str, value: bytes, until: int) -> None:
    """Insert or overwrite."""
    row = _row(transaction, key, value, until)
    new = {"value": row["value"], "expiration": until}
    statement: Any
    if transaction.kind == "mysql":
        statement = mysql.insert(table).values(row).on_duplicate_key_update(new)
    elif transaction.kind == "postgresql":
        statement = postgresql.insert(table).values(row).on_conflict_do_update(index_elements=["key"], set_=new)
    else:
        statement = sqlite.insert(table).values(row).on_conflict_do_update(index_elements=["key"], set_=new)
    transaction.connection.execute(statement)


def add_value(transaction: Transaction, table: Table, key: str, value: bytes, until: int, now: int) -> bool:
    """Overwrite what has run out, or insert what is not there."""
    row = _row(transaction, key, value, until)
    renewed = transaction.connection.execute(
        update(table)
        .where(table.c.key == key, table.c.expiration <= now)
        .values(value=row["value"], expiration=row["expiration"])
    )
    return renewed.rowcount > 0 or _insert_missing(transaction, table, row)


def increment_value(transaction: Transaction, table: Table, key: str, by: int, until: int, now: int) -> int:
    """Add to a value under its row's lock; one that is missing or has run out starts from nothing."""
    query = select(_raw(transaction, table), table.c.expiration).where(table.c.key == key).with_for_update()
    for _ in range(2):
        found = transaction.connection.execute(query).first()
        alive = found is not None and found.expiration > now
        number = by + (as_number(key, unpack(_unwrapped(transaction, found[0]))) if found is not None and alive else 0)
        row = _row(transaction, key, dumps(number), found.expiration if found is not None and alive else until)
        if found is not None:
            changed = update(table).where(table.c.key == key).values(value=row["value"], expiration=row["expiration"])
            transaction.connection.execute(changed)
            return number
        if _insert_missing(transaction, table, row):
            return number
    raise StoreError(f"The cache value {key!r} comes and goes; try again.")


def touch_value(transaction: Transaction, table: Table, key: str, until: int, now: int) -> bool:
    """Change when it runs out, if it has not."""
    changed = update(table).where(table.c.key == key, table.c.expiration > now).values(expiration=until)
    return transaction.connection.execute(changed).rowcount > 0


def forget_value(transaction: Transaction, table: Table, key: str, now: int) -> bool:
    """Delete it; True when it had not run out."""
    alive = transaction.connection.execute(delete(table).where(table.c.key == key, table.c.expiration > now)).rowcount
    if not alive:
        transaction.connection.execute(delete(table).where(table.c.key == key))
    return alive > 0


def take_lock(transaction: Transaction, table: Table, name: str, owner: str, until: int, now: int) -> bool:
    """Take over what is the owner's already or has run out, or insert what is not there."""
    free = and_(table.c.key == name, or_(table.c.owner == owner, table.c.expiration <= now))
    taken = transaction.connection.execute(update(table).where(free).values(owner=owner, expiration=until))
    row = {"key": _key(transaction, name), "owner": owner, "expiration": until}
    return taken.rowcount > 0 or _insert_missing(transaction, table, row)


def sweep_locks(transaction: Transaction, table: Table, now: int) -> None:
    """Delete the locks that have run out."""
    transaction.connection.execute(delete(table).where(table.c.expiration <= now))


def free_lock(transaction: Transaction, table: Table, name: str, owner: str | None) -> bool:
    """Delete the lock, if it is the owner's."""
    gone = delete(table).where(table.c.key == name)
    if owner is not None:
        gone = gone.where(table.c.owner == owner)
    return transaction.connection.execute(gone).rowcount > 0


def renew_lock(transaction: Transaction, table: Table, name: str, owner: str, until: int, now: int) -> bool:
    """Change when it runs out, if it is the owner's and has not."""
    held = and_(table.c.key == name, table.c.owner == owner, table.c.expiration > now)
    return transaction.connection.execute(update(table).where(held).values(expiration=until)).rowcount > 0


@reading
def read_owner(transaction: Transaction, table: Table, name: str, now: int) -> str | None:
    """Who holds it."""
    query = select(table.c.owner).where(table.c.key == name, table.c.expiration > now)
    owner: str | None = transaction.connection.execute(query).scalar()
    return owner


def _insert_missing(transaction: Transaction, table: Table, row: dict[str, Any]) -> bool:
    """True when the row was not there and is now."""
    statement: Any
    if transaction.kind == "mysql":  # the count of an ON DUPLICATE KEY UPDATE cannot tell the two cases apart
        statement = insert(table).values(row).prefix_with("IGNORE")
    elif transaction.kind == "postgresql":
        # SQLAlchemy asks for the key of what was inserted, and then there is no count; so its answer is what counts.
        statement = postgresql.insert(table).values(row).on_conflict_do_nothing().returning(table.c.key)
        return transaction.connection.execute(statement).first() is not None
    else:
        statement = sqlite.insert(table).values(row).on_conflict_do_nothing()
    return transaction.connection.execute(statement).rowcount > 0


def _row(transaction: Transaction, key: str, value: bytes, until: int) -> dict[str, Any]:
    return {"key": _key(transaction, key), "value": _wrapped(transaction, key, value), "expiration": until}


def _key(transaction: Transaction, key: str) -> str:
    if len(key) > LONGEST_KEY and transaction.kind != "sqlite":
        raise StoreError(f"A cache key must not be longer than {LONGEST_KEY} characters: {key[:60]!r}….")
    return key


def _wrapped(transaction: Transaction, key: str, value: bytes) -> str | ColumnElement[str]:
    """The value as the column takes it."""
    if transaction.kind == "sqlite":
        return cast(literal(value, LargeBinary()), Text())  # as they are, also where they are not UTF-8
    try:
        text = value.decode()
        if transaction.kind == "mysql" or "\0" not in text:
            return text
    except UnicodeDecodeError:
        if transaction.kind == "mysql":
            raise StoreError(f"The cache value {key!r} is not UTF-8, which MySQL's text column cannot hold.") from None
    return base64.b64encode(value).decode()


def _raw(transaction: Transaction, table: Table) -> ColumnElement[Any]:
    return cast(table.c.value, LargeBinary()) if transaction.kind == "sqlite" else table.c.value


def _unwrapped(transaction: Transaction, stored: bytes | str) -> bytes:
    """The serialized bytes in the column."""
    value = stored if isinstance(stored, bytes) else stored.encode("utf-8", "surrogateescape")
    if transaction.kind != "mysql" and b":" not in value and b";" not in value:
        try:
            return base64.b64decode(value)
        except ValueError:
            return b""
    return value
