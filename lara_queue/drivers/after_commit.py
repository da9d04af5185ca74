"""Following a transaction of the program's own: what a plan asks of a link, for both faces.

After its commit jobs are pushed; after its rollback what was claimed for them is let go of.

SQLAlchemy is imported when the first such push comes by; how it is done is told in :mod:`lara_queue.sql.within`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Literal

from lara_queue.plans import Plan

__all__ = ["AFTER_COMMIT", "AFTER_ROLLBACK", "AfterCommit"]

AFTER_COMMIT: Final = "after commit"
AFTER_ROLLBACK: Final = "after rollback"


class AfterCommit:
    """A link with two calls, whose arguments are the transaction and a function that makes the plan.

    Parameters:
        face: the face of the queue; the call's answer is awaited for ``async``.
        drive: performs a plan as the face does.
    """

    def __init__(self, face: Literal["sync", "async"], drive: Callable[[Plan[Any]], Any]) -> None:
        self._face = face
        self._drive = drive

    def call(self, name: str, args: tuple[Any, Callable[[], Plan[Any]]]) -> Any:
        """None, after noting the plan.

        Raises :class:`~lara_queue.errors.ConfigurationError` for what is not a transaction of the face.
        """
        from lara_queue.sql import within

        if name == AFTER_ROLLBACK:
            follow: Any = within.run_after_rollback if self._face == "sync" else within.run_after_rollback_async
        else:
            follow = within.run_after_commit if self._face == "sync" else within.run_after_commit_async
        return follow(*args, self._drive)
