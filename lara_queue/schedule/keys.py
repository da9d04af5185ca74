"""The names of what the schedule keeps in the cache. They are ours: Laravel's scheduler has nothing that matches."""

from __future__ import annotations

from typing import Final

__all__ = ["DONE", "LEADER", "note_key", "tick_key"]

LEADER: Final = "lara_queue:schedule:leader:"
"""Before a queue's name and what tells its schedule from others: the lock of whoever pushes for it."""

DONE: Final = "done"
"""The value of a tick that has been pushed; before that it is the name of whoever is about to."""


def note_key(entry: str) -> str:
    """Where the last tick of an entry is noted, a Unix time.

    >>> note_key("ab12")
    'lara_queue:schedule:last:ab12'
    """
    return f"lara_queue:schedule:last:{entry}"


def tick_key(entry: str, tick: int) -> str:
    """Where it is noted who pushes a tick, and that it was pushed.

    >>> tick_key("ab12", 1750000000)
    'lara_queue:schedule:tick:ab12:1750000000'
    """
    return f"lara_queue:schedule:tick:{entry}:{tick}"
