"""Which callbacks of a batch have been called, kept with the batch itself for workers that have no cache.

Laravel's table has no column for it, and needs none: ``options`` is a PHP array in which everybody may keep values
(``withOption``), PHP never writes it again, and looks only at the names it knows. Under a name of our own stands, for
each kind of callback, how many jobs the batch had when it was called. A batch that got more jobs since, from PHP or
from Python, may end a second time, and its callbacks are due again.

PHP calls each kind once for one count of jobs, too: its counts only fall, so they meet zero once.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

from lara_queue.errors import PhpUnserializeError, StoreError
from lara_queue.php import dumps, loads
from lara_queue.plans import Plan
from lara_queue.ports import BatchRow, BatchStore

__all__ = ["TOLD", "RemembersTold", "remember", "told_of", "with_told"]

logger = logging.getLogger("lara_queue")

TOLD: Final = "lara_queue:told"


class RemembersTold(Protocol):
    """A :class:`~lara_queue.ports.BatchStore` that can keep this; without it, ``then`` may come once more for each
    delivery of a last job that was settled but not deleted."""

    def remember_told(self, id: str, kinds: Sequence[str], total_jobs: int) -> Plan[None]:
        """Nothing, after :func:`with_told` was done to the options of that batch, if it is there."""
        ...


def told_of(options: Mapping[str, Any], total_jobs: int) -> frozenset[str]:
    """The kinds of callbacks that have been called since the batch has had so many jobs.

    >>> sorted(told_of({"lara_queue:told": {"then": 2, "finally": 1}}, 2))
    ['then']
    """
    return frozenset(kind for kind, total in _noted(options).items() if total == total_jobs)


def with_told(options: bytes, kinds: Sequence[str], total_jobs: int) -> bytes:
    """The serialized options with a note that these kinds have been called; as they are when they cannot be read.

    >>> with_told(b'a:1:{s:5:"queue";s:1:"q";}', ["then"], 2)
    b'a:2:{s:5:"queue";s:1:"q";s:15:"lara_queue:told";a:1:{s:4:"then";i:2;}}'
    """
    try:
        found = loads(options)
    except PhpUnserializeError:
        return options
    if not isinstance(found, dict):  # then there is nobody to be called
        return options
    return dumps({**found, TOLD: {**_noted(found), **dict.fromkeys(kinds, total_jobs)}})


def remember(store: BatchStore, row: BatchRow, kinds: Sequence[str]) -> Plan[None]:
    """Note that these kinds have been called, where the store can.

    A store that cannot be reached any more is no reason to run the job again: nothing is left to do for it.
    """
    keep: Any = getattr(store, "remember_told", None)
    if keep is None or not kinds:
        return
    try:
        yield from keep(row.id, kinds, row.total_jobs)
    except StoreError as error:
        logger.warning(
            "That the callbacks (%s) of the batch %s were called could not be kept: %s",
            ", ".join(kinds),
            row.id,
            error,
        )


def _noted(options: Mapping[Any, Any]) -> dict[Any, Any]:
    found = options.get(TOLD)
    return found if isinstance(found, dict) else {}
