"""Jobs in a table of SQLite, PostgreSQL, MySQL or MariaDB, in the rows that Laravel's own ``DatabaseQueue`` writes.

``driver.py`` has the rules as plans, ``scripts.py`` what must happen in one transaction, ``statements.py`` the SQL of
each server. The links, which run scripts in a thread or beside an event loop, are :mod:`lara_queue.sql`'s.
"""

from __future__ import annotations

from typing import Any, Literal

from lara_queue.drivers.database.driver import DatabaseDriver
from lara_queue.drivers.settings import DriverSettings
from lara_queue.sql import Database, sql_link
from lara_queue.sql.schema import create_tables

__all__ = ["DatabaseDriver", "open_store"]


def open_store(source: Any, face: Literal["sync", "async"], settings: DriverSettings) -> DatabaseDriver:
    """A driver on the database of a URL or an SQLAlchemy engine; nothing is connected yet.

    Only a database in memory (``sqlite://``) is given its tables here, because nobody else could. Raises
    :class:`~lara_queue.errors.ConfigurationError` for what is no such database.
    """
    database = Database(source)
    if database.in_memory and database.is_ours:
        database.transact(create_tables)
    return DatabaseDriver(sql_link(database, face), settings)
