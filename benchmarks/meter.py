"""What a contestant measures about itself: from its first job to its last, written where the referee finds it.

This file imports nothing but the standard library, so that it also runs in the peers' environments.
"""

from __future__ import annotations

import itertools
import json
import os
import resource
import time
from typing import Any


class Meter:
    """Counts jobs; at the first it looks at the clock, at the last it writes the result.

    Parameters come from the environment: ``BENCH_JOBS``, and ``BENCH_RESULT``, the file to write.
    """

    def __init__(self) -> None:
        self.jobs = int(os.environ.get("BENCH_JOBS", "0"))
        self.result = os.environ.get("BENCH_RESULT", "")
        self.latencies: list[float] = []
        self.done = False
        self._numbers = itertools.count(1)
        self._begun = 0.0
        self._cpu = 0.0

    def job(self, data: Any = None) -> bool:
        """Count one; True when it was the last. ``data["pushed"]``, when there, is when the job was pushed."""
        number = next(self._numbers)
        if number == 1:
            self._begun, self._cpu = time.perf_counter(), cpu_seconds()
        if data is not None and (pushed := data.get("pushed")):
            self.latencies.append(time.time() - float(pushed))
        if number == self.jobs:
            self.write()
            return True
        return False

    def write(self) -> None:
        """Write what was measured, whole or not at all."""
        seconds = time.perf_counter() - self._begun
        found = {
            "jobs": self.jobs,
            "seconds": seconds,
            "cpu_seconds": cpu_seconds() - self._cpu,
            "peak_mib": peak_mib(),
            "latencies": self.latencies,
        }
        with open(self.result + ".part", "w") as file:
            json.dump(found, file)
        os.replace(self.result + ".part", self.result)
        self.done = True


def peak_mib() -> float:
    """The most memory this program has held; getrusage would tell its parent's before it, too."""
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) / 1024


def cpu_seconds() -> float:
    """Processor time of this process and of the children it has waited for."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
