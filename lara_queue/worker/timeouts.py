"""Ending a blocking handler whose time is up.

In the main thread the alarm clock raises :class:`~lara_queue.errors.JobTimeout` in the handler, wherever it is. A
handler that swallows it, or does not come to an end, is given ``grace`` seconds; then ``stuck`` is called, which
records what must be recorded and kills the process, as Laravel does at once.

In any other thread the exception is set from outside; Python raises it between two bytecode instructions, so a
handler that sits in a system call is only reached when the call returns.
"""

from __future__ import annotations

import contextlib
import ctypes
import signal
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

from lara_queue.errors import JobTimeout

__all__ = ["Alarm", "raise_in_thread", "watched"]


class Alarm:
    """The alarm clock of the main thread: limits handlers, one after the other.

    It is set once for many short jobs: when it rings although the job in hand has time left, it is set anew for what
    is left. So a job that ends in time costs no system call.

    Parameters:
        grace: seconds that a handler has to come to its end after its time was up.
        stuck: called when it has not.

    >>> with Alarm(1, lambda: None) as clock:
    ...     clock.begin("App\\\\Jobs\\\\Ping", 60)
    ...     clock.end()
    """

    def __init__(self, grace: float, stuck: Callable[[], None]) -> None:
        self._grace = max(grace, 0.01)
        self._stuck = stuck
        self._due: float | None = None
        self._armed: float | None = None
        self._rung = False
        self._seconds = 0.0
        self._name = ""
        self._before: Any = None

    def __enter__(self) -> Alarm:
        self._before = signal.signal(signal.SIGALRM, self._ring)
        return self

    def __exit__(self, *_: object) -> None:
        self._due = None
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, self._before if self._before is not None else signal.SIG_DFL)

    def begin(self, name: str, seconds: float) -> None:
        """Raise JobTimeout in so many seconds from now, unless :meth:`end` is called before; 0 or less: never."""
        if seconds <= 0:
            return
        self._name, self._seconds = name, seconds
        self._due = due = time.monotonic() + seconds
        if self._armed is None or self._armed > due:
            self._set(seconds)

    def end(self) -> None:
        """The job has ended."""
        self._due = None
        if self._rung:
            self._rung = False
            signal.setitimer(signal.ITIMER_REAL, 0)
            self._armed = None

    def _set(self, seconds: float) -> None:
        self._armed = time.monotonic() + seconds
        signal.setitimer(signal.ITIMER_REAL, seconds)

    def _ring(self, _number: int, _frame: FrameType | None) -> None:
        self._armed = None
        if self._due is None:
            return
        if self._rung:
            self._stuck()
            return
        left = self._due - time.monotonic()
        if left > 0.0005:
            self._set(left)
            return
        self._rung = True
        self._set(self._grace)
        raise JobTimeout(f"{self._name} has been running for {self._seconds:g} seconds, its timeout.")


@contextlib.contextmanager
def watched(seconds: float) -> Iterator[None]:
    """Limit the block to ``seconds`` in a thread that is not the main one; 0 or less arms nothing."""
    if seconds <= 0:
        yield
        return
    target = threading.get_ident()
    lock, over = threading.Lock(), False

    def ring() -> None:
        with lock:  # so that the exception cannot arrive after the block has ended
            if not over:
                raise_in_thread(target, JobTimeout)

    timer = threading.Timer(seconds, ring)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        with lock:
            over = True
        timer.cancel()


def raise_in_thread(ident: int, kind: type[BaseException]) -> None:
    """Have ``kind`` raised in another thread at its next bytecode instruction."""
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(ident), ctypes.py_object(kind))
