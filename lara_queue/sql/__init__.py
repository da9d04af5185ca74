"""SQL databases, for whatever Laravel keeps in one: jobs, failures, batches, cache.

What must happen in one step is a *script* here as on Redis: a function of an open transaction, written once. A plan
asks for it with :func:`step`; the blocking link runs it in the caller's thread, the asyncio link in a thread of its
own, everything asked in the same turn of the event loop in one transaction. ``database.py`` knows the servers and
their errors, ``links.py`` the two ways to run a script, ``schema.py`` Laravel's tables.
"""

from __future__ import annotations

from lara_queue.sql.database import Database, Transaction
from lara_queue.sql.links import AsyncSqlLink, SqlLink, SyncSqlLink, sql_link, step

__all__ = ["AsyncSqlLink", "Database", "SqlLink", "SyncSqlLink", "Transaction", "sql_link", "step"]
