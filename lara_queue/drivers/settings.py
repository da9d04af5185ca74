"""What every driver can be told, as one frozen value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from lara_queue.clock import Clock, system_clock
from lara_queue.errors import ConfigurationError

__all__ = ["MIGRATION_BATCH", "DriverSettings"]

MIGRATION_BATCH: Final = 1000
"""How many due jobs are made ready in one go, where nobody says: more would hold up Redis."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DriverSettings:
    """Settings of a driver; each store uses those that mean something to it.

    Attributes:
        prefix: what stands before every key in the store. Laravel 8 to 12.0 applications named "Laravel" have
            ``laravel_database_``.
        retry_after: seconds a reserved job stays ours; Laravel's ``retry_after``.
        block_for: seconds a wait for work may block at most, whatever is asked for; None or 0 for no limit of its own.
        clock: tells the Unix time in seconds.
        migration_batch: how many due jobs one reserve makes ready per queue and set at most; -1 for all of them.
            Laravel's ``migration_batch_size``.
        table: the name of the jobs table in a database, whole, with a schema's name and a dot before it if need be.

    Raises :class:`~lara_queue.errors.ConfigurationError` for a value that cannot work.

    >>> DriverSettings(retry_after=30).retry_after
    30
    """

    prefix: str = "laravel_database_"
    retry_after: float = 90.0
    block_for: float | None = None
    clock: Clock = system_clock
    migration_batch: int = MIGRATION_BATCH
    table: str = "jobs"

    def __post_init__(self) -> None:
        if not self.retry_after > 0:
            raise ConfigurationError(f"retry_after must be more than 0 seconds, not {self.retry_after!r}.")
        if self.block_for is not None and not self.block_for >= 0:
            raise ConfigurationError(f"block_for must be 0 seconds or more, or None, not {self.block_for!r}.")
        if self.migration_batch == 0 or self.migration_batch < -1:
            raise ConfigurationError(f"migration_batch must be 1 or more, or -1 for all, not {self.migration_batch!r}.")
        if not self.table or not all(self.table.split(".")):
            raise ConfigurationError(f"table must be the name of a table, not {self.table!r}.")

    def longest_wait(self, wait: float) -> float:
        """Seconds to block when ``wait`` seconds are asked for.

        >>> DriverSettings(block_for=5).longest_wait(60), DriverSettings().longest_wait(60)
        (5, 60)
        """
        return min(wait, self.block_for) if self.block_for else wait
