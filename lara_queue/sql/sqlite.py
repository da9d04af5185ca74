"""What is SQLite's alone: how a transaction gets its turn among other processes, and when it waits for the disk.

Laravel begins its transactions without a lock and asks for one only when it writes. If somebody else is writing then,
SQLite does not let it wait but tells it "database is locked", and a PHP worker that is told so while it deletes a job
it has run puts the job back. So in the journal mode that SQLite has by itself, our transactions begin by excluding
everybody: PHP then waits before its first statement, where it can. While they ask for that they hold nothing that PHP
could stumble over, for more than some microseconds. In WAL mode readers cannot be excluded; Laravel's own remedy there
is ``transaction_mode`` ``IMMEDIATE`` in ``config/database.php``.
"""

from __future__ import annotations

import random
import time
from typing import Any, Final, Literal

from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

__all__ = ["SqliteFile", "sqlite_file"]

_NAME: Final = "lara_queue.sqlite"
_FIRST_PAUSE: Final = 0.0005
_LONGEST_PAUSE: Final = 0.02
"""Seconds between two attempts to begin."""


def sqlite_file(connection: Connection) -> SqliteFile:
    """What is known of a connection's file; asked once and kept with the connection."""
    file: SqliteFile | None = connection.info.get(_NAME)
    if file is None:
        file = connection.info[_NAME] = SqliteFile(connection.connection.driver_connection)
    file.connection = connection
    return file


class SqliteFile:
    """One connection to a file, with the settings it has.

    Parameters:
        raw: the ``sqlite3`` connection, or one like it.
    """

    connection: Connection

    def __init__(self, raw: Any) -> None:
        self.raw = raw
        self.journal: str = raw.execute("PRAGMA journal_mode").fetchone()[0]
        self.busy_milliseconds: int = raw.execute("PRAGMA busy_timeout").fetchone()[0]
        self.durability: Literal["FULL", "NORMAL"] = "FULL"

    def begin(self, *, reading: bool) -> None:
        """Begin a transaction, waiting for our turn as long as the connection's timeout says.

        Raises SQLAlchemy's OperationalError, "database is locked", when it did not come.
        """
        self.connection.begin()
        if getattr(self.raw, "in_transaction", False):
            return  # an engine of the program's own has begun by itself, as SQLAlchemy's recipe for SQLite has it
        if reading:
            self.connection.exec_driver_sql("BEGIN")
        elif self.journal in ("wal", "memory"):
            self.connection.exec_driver_sql("BEGIN IMMEDIATE")
        else:
            self._exclude_others()

    def choose_durability(self, repeatable: bool, synced: float) -> bool:
        """True when the next commit waits for the disk: always but for one in WAL mode that is repeatable, if another
        has waited within the last second.

        With one that waits, all that were committed before are on the disk.
        """
        if self.journal != "wal":
            return True
        wanted: Literal["FULL", "NORMAL"] = "NORMAL" if repeatable and time.monotonic() - synced < 1.0 else "FULL"
        if wanted != self.durability:
            self.raw.execute(f"PRAGMA synchronous={wanted}")
            self.durability = wanted
        return wanted == "FULL"

    def _exclude_others(self) -> None:
        until = time.monotonic() + self.busy_milliseconds / 1000
        pause = _FIRST_PAUSE
        # With its own way of waiting SQLite would keep what it has got so far, and others would stumble over that.
        self.raw.execute("PRAGMA busy_timeout=0")
        try:
            while True:
                try:
                    self.connection.exec_driver_sql("BEGIN EXCLUSIVE")
                    return
                except OperationalError as error:
                    if "locked" not in str(error.orig) or time.monotonic() > until:
                        raise
                time.sleep(pause * random.uniform(0.5, 1.0))
                pause = min(pause * 1.5, _LONGEST_PAUSE)
        finally:
            self.raw.execute(f"PRAGMA busy_timeout={self.busy_milliseconds}")
