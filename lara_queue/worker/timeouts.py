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
from collections.abc import Callable, Iterator
from types import FrameType

from lara_queue.errors import JobTimeout

__all__ = ["alarm", "raise_in_thread", "watched"]


@contextlib.contextmanager
def alarm(seconds: float, name: str, grace: float, stuck: Callable[[], None]) -> Iterator[None]:
    """Limit the block to ``seconds`` in the main thread; 0 or less arms nothing."""
    if seconds <= 0:
        yield
        return
    rung = False

    def ring(_number: int, _frame: FrameType | None) -> None:
        nonlocal rung
        if rung:
            stuck()
            return
        rung = True
        signal.setitimer(signal.ITIMER_REAL, max(grace, 0.01))
        raise JobTimeout(f"{name} has been running for {seconds:g} seconds, its timeout.")

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before if before is not None else signal.SIG_DFL)


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
