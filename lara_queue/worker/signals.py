"""Signals while a worker runs: put in place for the run, put back afterwards.

=========  ==========================================================================
TERM INT   finish the jobs in hand and leave; the second one leaves at once, and the
QUIT       unfinished jobs go back without using an attempt
USR2       pause: take no more jobs (those in hand go on)
CONT       resume
=========  ==========================================================================
"""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType

__all__ = ["PAUSE", "RESUME", "STOP", "installed", "on_main_thread"]

STOP = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGINT", "SIGQUIT") if hasattr(signal, name))
PAUSE = getattr(signal, "SIGUSR2", None)
RESUME = getattr(signal, "SIGCONT", None)


def on_main_thread() -> bool:
    """True where signal handlers can be installed."""
    return threading.current_thread() is threading.main_thread()


@contextlib.contextmanager
def installed(handle: Callable[[int], None]) -> Iterator[None]:
    """Have ``handle`` called with the number of every signal above until the block ends.

    Does nothing off the main thread, where no handler can be installed.
    """
    if not on_main_thread():
        yield
        return

    def handler(number: int, _frame: FrameType | None) -> None:
        handle(number)

    wanted = [*STOP, *(s for s in (PAUSE, RESUME) if s is not None)]
    before = {number: signal.signal(number, handler) for number in wanted}
    try:
        yield
    finally:
        for number, old in before.items():
            # None means that the handler was not installed from Python; it cannot be put back, only defaulted.
            signal.signal(number, old if old is not None else signal.SIG_DFL)
