"""The name of what is kept about a job in the cache. It is ours: Laravel keeps no results."""

from __future__ import annotations

__all__ = ["result_key"]


def result_key(uuid: str) -> str:
    """Where a job's result is kept, as JSON text.

    >>> result_key("u-1")
    'lara_queue:result:u-1'
    """
    return f"lara_queue:result:{uuid}"
