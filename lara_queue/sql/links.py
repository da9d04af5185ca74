"""The two ways to run a script in a database: in the caller's thread, or in a thread beside the event loop."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, Literal

from lara_queue.plans import WAIT, Call, Effect, run
from lara_queue.sql.database import Database
from lara_queue.sql.link_async import AsyncSqlLink
from lara_queue.sql.marks import batched, reading, repeatable, run_alone, run_together, step, undone_by
from lara_queue.sql.watching import LOOK, START, Watched, Watchers, pause, waiting
from lara_queue.sql.within import WITHIN, insert_within

__all__ = [
    "WITHIN",
    "AsyncSqlLink",
    "SqlLink",
    "SyncSqlLink",
    "batched",
    "reading",
    "repeatable",
    "sql_link",
    "step",
    "undone_by",
]


class SyncSqlLink:
    """Runs scripts in the calling thread, each in a transaction; also ``wait`` and ``close``.

    ``wait`` takes seconds and, if it may end earlier, a :class:`~lara_queue.sql.watching.Watched`; ``within`` what
    :func:`~lara_queue.sql.within.insert_within` takes after the database.

    Raises what :meth:`~lara_queue.sql.database.Database.transact` raises.
    """

    def __init__(self, database: Database) -> None:
        self.database = database
        self._watchers = Watchers(database)

    def call(self, name: str, args: tuple[Any, ...]) -> Any:
        """What the script returns."""
        if name == WAIT:
            return self._wait(*args)
        if name == WITHIN:
            return insert_within(self.database, *args)
        if name == "close":
            self._watchers.close()
            return self.database.close()
        return run_alone(self.database, args)

    def together(self, calls: Sequence[Call]) -> list[Any]:
        """What the scripts return, of one transaction if none raises; the answer of one that failed is its error."""
        return run_together(self.database, [call.args for call in calls])

    def _wait(self, seconds: float, watched: Watched | None = None) -> bool:
        if watched is None:
            time.sleep(max(0.0, seconds))
            return False
        watcher = self._watchers.take()

        def perform(effect: Effect) -> Any:
            assert isinstance(effect, Call)
            if effect.name == LOOK:
                script, *args = effect.args
                return self.database.transact(script, args, reading=True)
            return watcher.start(*effect.args) if effect.name == START else pause(*effect.args)

        try:
            stirred = run(waiting(watcher, watched, seconds), perform)
        except BaseException:  # a signal's handler may have raised anywhere
            watcher.close()
            raise
        self._watchers.put(watcher)
        return stirred


SqlLink = SyncSqlLink | AsyncSqlLink


def sql_link(source: Any, face: Literal["sync", "async"], *, create: bool = False) -> SqlLink:
    """A link to the database of a URL, an SQLAlchemy engine or a :class:`Database`; nothing is connected yet.

    Raises :class:`~lara_queue.errors.ConfigurationError` for what is none of these.
    """
    database = source if isinstance(source, Database) else Database(source, create=create)
    return SyncSqlLink(database) if face == "sync" else AsyncSqlLink(database)
