"""Failed jobs are not kept: Laravel's ``QUEUE_FAILED_DRIVER=null``."""

from __future__ import annotations

from lara_queue.plans import Plan
from lara_queue.ports import FailedJob, Failure

__all__ = ["NullFailedStore"]


class NullFailedStore:
    """A store that forgets at once. Mirrors ``Queue/Failed/NullFailedJobProvider.php``."""

    name = "null"

    def record(self, failure: Failure) -> Plan[None]:
        """Nothing is kept."""
        yield from ()

    def all(self, *, queue: str | None = None, limit: int | None = None) -> Plan[list[FailedJob]]:
        """Always empty."""
        yield from ()
        return []

    def ids(self, *, queue: str | None = None) -> Plan[list[str]]:
        """Always empty."""
        yield from ()
        return []

    def find(self, id: str) -> Plan[FailedJob | None]:
        """Always None."""
        yield from ()
        return None

    def forget(self, id: str) -> Plan[bool]:
        """Always False here; Laravel's says true, which would hide a mistyped id."""
        yield from ()
        return False

    def remove(self, failed: FailedJob) -> Plan[bool]:
        """Always False."""
        yield from ()
        return False

    def flush(self, *, before: float | None = None) -> Plan[int]:
        """Always 0."""
        yield from ()
        return 0

    def prune(self, before: float) -> Plan[int]:
        """Always 0."""
        yield from ()
        return 0

    def count(self, *, queue: str | None = None) -> Plan[int]:
        """Always 0."""
        yield from ()
        return 0
