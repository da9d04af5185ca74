"""For tests of drivers and of whatever is built on plans; public, so that other drivers can be held to their promises.

* :mod:`~lara_queue.testing.conformance`: every promise of :class:`~lara_queue.ports.Driver` as a check that runs
  against any driver, through either face.
* :mod:`~lara_queue.testing.shells`: drives plans, blocking or on asyncio, with one way to call it.
* :mod:`~lara_queue.testing.crashing`: stops a plan after any of its effects, as a killed process would.
* :mod:`~lara_queue.testing.driving`: drives a plan by hand with plain replies.
* :class:`ManualClock`: time that passes when told to.
"""

from lara_queue.testing.clock import ManualClock
from lara_queue.testing.crashing import Crash, Crashing, effects_of
from lara_queue.testing.driving import Script, drive
from lara_queue.testing.shells import AsyncShell, Shell, SyncShell, shell_for

__all__ = [
    "AsyncShell",
    "Crash",
    "Crashing",
    "ManualClock",
    "Script",
    "Shell",
    "SyncShell",
    "drive",
    "effects_of",
    "shell_for",
]
