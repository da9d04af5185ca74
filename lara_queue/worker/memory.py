"""How much memory a worker uses, as far as it is the worker's doing."""

from __future__ import annotations

import os
import resource
import sys

__all__ = ["MemoryUse", "memory_in_mebibytes"]

IDLE_WORKER_MEBIBYTES = 20.0
"""What an idle Laravel worker reports as its memory use. A limit counts that plus what the process has grown by since
the worker began: a limit meant to catch leaks must not count the libraries that were imported before the first job."""


class MemoryUse:
    """What counts against a worker's memory limit from now on.

    >>> use = MemoryUse()
    >>> 0 < use.now() < 100
    True
    """

    def __init__(self) -> None:
        self._before = memory_in_mebibytes()
        self._at = 0.0
        self._seen = 0.0

    def now(self) -> float:
        """Mebibytes, measured now."""
        return memory_in_mebibytes() - self._before + IDLE_WORKER_MEBIBYTES

    def lately(self, now: float) -> float:
        """Mebibytes, measured once a second at most; ``now`` is the Unix time in seconds."""
        if now - self._at >= 1:
            self._seen, self._at = self.now(), now
        return self._seen


def memory_in_mebibytes() -> float:
    """What the process holds in memory, in MiB; the highest it ever held where the system does not tell the present.

    >>> memory_in_mebibytes() > 1
    True
    """
    try:
        with open("/proc/self/statm", "rb") as statm:
            return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20
    except OSError:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak / 2**20 if sys.platform == "darwin" else peak / 2**10
