"""The SQL of Laravel's jobs table, written once for each server: what a worker says a thousand times a second.

They are texts, made when a database is first used, because building an expression anew for each job costs more than
running it. Mirrors ``Queue/DatabaseQueue.php``; the lock is that of its ``getLockForPopping()`` (protocol §4.3).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy.engine import Dialect

from lara_queue.errors import ConfigurationError
from lara_queue.ports import State
from lara_queue.sql.database import Kind, Transaction

__all__ = ["MOST_TINY", "Statements", "channel_of", "lock_for_popping", "statements"]

MOST_TINY = 255
_MOST = {"postgresql": 32767, "mysql": 65535}
"""The highest number of attempts that fits Laravel's column: smallint, and unsigned smallint from Laravel 13.6 on. In
older tables of MySQL it is an unsigned tinyint."""


class Statements:
    """The statements for one table on one server. Where values come in is told by the name of each argument.

    Parameters:
        dialect: SQLAlchemy's, connected before, so that it knows the server's version.
        kind: which rules the server follows.
        table: the table's name, with a schema's before it if need be: ``jobs``, ``app.jobs``.
    """

    def __init__(self, dialect: Dialect, kind: Kind, table: str) -> None:
        if dialect.paramstyle not in ("qmark", "format", "pyformat"):
            raise ConfigurationError(f"The driver {dialect.driver} is not supported; take psycopg, PyMySQL or sqlite3.")
        self.kind = kind
        self.mark = "?" if dialect.paramstyle == "qmark" else "%s"
        version = tuple(part for part in dialect.server_version_info or () if isinstance(part, int))
        is_mariadb = bool(getattr(dialect, "is_mariadb", False))
        self.lock = lock_for_popping(kind, version, is_mariadb=is_mariadb)
        self.most_attempts = _MOST.get(kind)
        self.tells_updated = kind == "postgresql" or (kind == "sqlite" and version >= (3, 35))
        self.tells_deleted = self.tells_updated or is_mariadb
        self.channel = channel_of(table)
        quote = dialect.identifier_preparer.quote
        self.table = ".".join(quote(part) for part in table.split("."))
        self._write()

    def _write(self) -> None:
        p, jobs = self.mark, self.table
        # SQLite is handed bytes and hands them out, whatever they are; the others' text columns are UTF-8 anyway.
        taken, given = ("CAST(payload AS BLOB)", f"CAST({p} AS TEXT)") if self.kind == "sqlite" else ("payload", p)
        held = f"id = {p} AND attempts = {p} AND reserved_at IS NOT NULL"
        ready = f"queue = {p} AND ((reserved_at IS NULL AND available_at <= {p}) OR reserved_at <= {p})"
        more = _one_more(self.most_attempts)

        columns = "(queue, attempts, available_at, created_at, payload)"
        self.insert = f"INSERT INTO {jobs} {columns} VALUES ({p}, {p}, {p}, {p}, {given})"
        """queue, 0, available_at, created_at, payload; the 0 too, or PyMySQL would send many of them one by one"""
        self.pick = f"SELECT id, attempts, {taken} FROM {jobs} WHERE {ready} ORDER BY id LIMIT {p}{self.lock}"
        """queue, now, expired, limit"""
        self.take: str | None = None
        """reserved_at and those of ``pick``; id, attempts and payload of what is now reserved, in any order."""
        if self.kind == "postgresql":
            # The array is made once, and lets the rows be found by their key whatever the planner thinks of the limit.
            self.take = (
                f"UPDATE {jobs} SET reserved_at = {p}, attempts = {more} WHERE id = ANY("
                f"ARRAY(SELECT id FROM {jobs} WHERE {ready} ORDER BY id LIMIT {p}{self.lock})) "
                "RETURNING id, attempts, payload"
            )
        elif self.tells_updated:
            self.take = (
                f"UPDATE {jobs} SET reserved_at = {p}, attempts = attempts + 1 WHERE id IN "
                f"(SELECT id FROM {jobs} WHERE {ready} ORDER BY id LIMIT {p}) RETURNING id, attempts, {taken}"
            )
        self.mark_taken = f"UPDATE {jobs} SET reserved_at = {p}, attempts = {more} WHERE id IN "
        self.mark_taken_tiny = f"UPDATE {jobs} SET reserved_at = {p}, attempts = {_one_more(MOST_TINY)} WHERE id IN "
        """reserved_at, ids"""

        self.delete = f"DELETE FROM {jobs} WHERE attempts = {p} AND reserved_at IS NOT NULL AND id IN "
        """attempts, ids"""
        self.extend = f"UPDATE {jobs} SET reserved_at = {p} WHERE attempts = {p} AND reserved_at IS NOT NULL AND id IN "
        """reserved_at, attempts, ids"""
        self.lock_held = f"SELECT id FROM {jobs} WHERE attempts = {p} AND reserved_at IS NOT NULL AND id IN "
        """attempts, ids"""
        columns = "(queue, payload, attempts, available_at, created_at)"
        self.delete_one = f"DELETE FROM {jobs} WHERE id = {p}"
        if self.kind == "postgresql":
            self.release = (
                f"WITH gone AS (DELETE FROM {jobs} WHERE {held} RETURNING queue, payload, attempts) "
                f"INSERT INTO {jobs} {columns} SELECT queue, payload, attempts, {p}, {p} FROM gone"
            )
            """id, attempts, available_at, created_at"""
        else:
            lock = "" if self.kind == "sqlite" else " FOR UPDATE"
            self.release = (
                f"INSERT INTO {jobs} {columns} SELECT queue, payload, attempts, {p}, {p} FROM {jobs} WHERE {held}{lock}"
            )
            """available_at, created_at, id, attempts"""
        self.give_back = (
            f"UPDATE {jobs} SET reserved_at = NULL, attempts = attempts - {p}, "
            f"available_at = CASE WHEN available_at > {p} THEN {p} ELSE available_at END WHERE {held}"
        )
        """how many attempts not to count, now, now, id, attempts"""
        self.give_back_later = (
            f"UPDATE {jobs} SET reserved_at = NULL, attempts = attempts - {p}, available_at = {p} WHERE {held}"
        )
        """how many attempts not to count, available_at, id, attempts"""

        self.clear = f"DELETE FROM {jobs} WHERE queue = {p}"
        self.queues = f"SELECT DISTINCT queue FROM {jobs}"
        self.sizes = (
            f"SELECT SUM(CASE WHEN reserved_at IS NULL AND available_at <= {p} THEN 1 ELSE 0 END), "
            f"SUM(CASE WHEN reserved_at IS NULL AND available_at > {p} THEN 1 ELSE 0 END), "
            f"SUM(CASE WHEN reserved_at IS NOT NULL THEN 1 ELSE 0 END) FROM {jobs} WHERE queue = {p}"
        )
        """now, now, queue"""
        browse = f"SELECT id, attempts, available_at, reserved_at, {taken} FROM {jobs} WHERE queue = {p} AND "
        page = f" LIMIT {p} OFFSET {p}"
        self.browse: dict[State, str] = {
            "pending": f"{browse}reserved_at IS NULL AND available_at <= {p} ORDER BY id{page}",
            "delayed": f"{browse}reserved_at IS NULL AND available_at > {p} ORDER BY available_at, id{page}",
            "reserved": f"{browse}reserved_at IS NOT NULL ORDER BY reserved_at, id{page}",
        }
        """queue, now (not for reserved ones), limit, offset"""
        self.next_due = (
            f"SELECT MIN(CASE WHEN reserved_at IS NULL THEN available_at ELSE reserved_at + {p} END) "
            f"FROM {jobs} WHERE queue IN "
        )
        """retry_after, queues"""

    def of(self, start: str, count: int, end: str = "") -> str:
        """The statement with a list of so many values at its end, and ``end`` behind it."""
        return f"{start}({', '.join([self.mark] * count)}){end}"


def _one_more(most: int | None) -> str:
    return "attempts + 1" if most is None else f"CASE WHEN attempts < {most} THEN attempts + 1 ELSE attempts END"


def channel_of(table: str) -> str:
    """The channel of PostgreSQL's notifications about a table; each has the name of the queue that was pushed to.

    >>> channel_of("jobs")
    'lara_queue:jobs'
    """
    return f"lara_queue:{table}".encode()[:63].decode(errors="ignore")  # no longer than a name may be


def lock_for_popping(kind: Kind, version: Sequence[int], *, is_mariadb: bool) -> str:
    """What a server of that version is asked, behind a SELECT, to lock what is taken.

    >>> lock_for_popping("mysql", (8, 0, 36), is_mariadb=False), lock_for_popping("mysql", (5, 7), is_mariadb=False)
    (' FOR UPDATE SKIP LOCKED', ' FOR UPDATE')
    """
    if kind == "sqlite":
        return ""  # whoever takes something is the only writer
    least = (9, 5) if kind == "postgresql" else (10, 6) if is_mariadb else (8, 0, 1)
    return " FOR UPDATE SKIP LOCKED" if tuple(version) >= least else " FOR UPDATE"


_known: WeakKeyDictionary[Dialect, dict[str, Statements]] = WeakKeyDictionary()


def statements(transaction: Transaction, table: str) -> Statements:
    """The statements for a table in a transaction's database; made once, when SQLAlchemy has asked for the version."""
    dialect = transaction.connection.dialect
    tables: dict[str, Any] | None = _known.get(dialect)
    if tables is None:
        tables = _known[dialect] = {}
    found: Statements | None = tables.get(table)
    if found is None:
        found = tables[table] = Statements(dialect, transaction.kind, table)
    return found
