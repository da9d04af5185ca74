"""For tests: of programs that push and handle jobs, and of drivers and whatever else is built on plans.

For programs (docs/testing.md):

* :func:`fake`: nothing that is pushed leaves the process, and a test says what it expects.
* :func:`make_job`: a job to call a handler with; afterwards it says what the handler asked for.
* :func:`payload`, :func:`carbon`, :func:`collection`, :func:`model_identifier`, :func:`enum_case`: what Laravel would
  have pushed.
* :class:`ManualClock`: time that passes when told to.
* The pytest fixtures ``lara_queue_fake``, ``memory_queue``, ``async_memory_queue`` and ``frozen_clock`` are there
  wherever the package is installed.

For drivers and plans:

* :mod:`~lara_queue.testing.conformance`: every promise of :class:`~lara_queue.ports.Driver` as a check that runs
  against any driver, through either face.
* :mod:`~lara_queue.testing.shells`: drives plans, blocking or on asyncio, with one way to call it.
* :mod:`~lara_queue.testing.crashing`: stops a plan after any of its effects, as a killed process would.
* :mod:`~lara_queue.testing.driving`: drives a plan by hand with plain replies.
"""

from lara_queue.testing.clock import ManualClock
from lara_queue.testing.crashing import Crash, Crashing, effects_of
from lara_queue.testing.driving import Script, drive
from lara_queue.testing.factories import APP_KEY, carbon, collection, enum_case, model_identifier, payload
from lara_queue.testing.fake import AsyncFakeQueue, FakeQueue, Ran, fake
from lara_queue.testing.jobs import MadeJob, PushedJob, make_job
from lara_queue.testing.shells import AsyncShell, Shell, SyncShell, shell_for

__all__ = [
    "APP_KEY",
    "AsyncFakeQueue",
    "AsyncShell",
    "Crash",
    "Crashing",
    "FakeQueue",
    "MadeJob",
    "ManualClock",
    "PushedJob",
    "Ran",
    "Script",
    "Shell",
    "SyncShell",
    "carbon",
    "collection",
    "drive",
    "effects_of",
    "enum_case",
    "fake",
    "make_job",
    "model_identifier",
    "payload",
    "shell_for",
]
