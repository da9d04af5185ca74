"""A worker process's side of the line to its supervisor: says when it turns and why it ended, and does not outlive it.

What is said is described in :mod:`lara_queue.worker.supervisor`.
"""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import MutableMapping
from typing import ClassVar

__all__ = ["CHILD_VARIABLE", "Parent", "own_file"]

CHILD_VARIABLE = "LARA_QUEUE_CHILD"
"""The environment variable in which a supervisor tells a child its end of the line, and which child it is."""


class Parent:
    """A child's line to its supervisor.

    Parameters:
        link: the child's end of the socket pair.
        index: which of the children this is, from 0.
    """

    current: ClassVar[Parent | None] = None
    """This process's line to its supervisor, once it has taken it up."""

    def __init__(self, link: socket.socket, index: int) -> None:
        self.index = index
        Parent.current = self
        self._link = link
        self._thread = threading.Thread(target=self._outlive, name="lara_queue-parent", daemon=True)
        self._thread.start()

    @classmethod
    def of(cls, environment: MutableMapping[str, str] = os.environ) -> Parent | None:
        """The line to the supervisor that started this process; None when none did.

        What said so is removed from the environment: a worker that a handler starts is nobody's child.
        """
        told = environment.pop(CHILD_VARIABLE, None)
        if told is None:
            return None
        fd, _, index = told.partition(":")
        try:
            link = socket.socket(fileno=int(fd))
            link.set_inheritable(False)
            return cls(link, int(index))
        except (ValueError, OSError):
            return None  # a leftover of some other process: this one stands on its own

    def ready(self) -> None:
        """The loop turns."""
        self._say("ready")

    def stopped(self, reason: str) -> None:
        """The worker has ended, and why."""
        self._say(f"stopped {reason}")

    def close(self) -> None:
        """Give up the line; the supervisor takes it for the end of the process."""
        self._link.close()
        self._forget()

    def _forget(self) -> None:
        if Parent.current is self:
            Parent.current = None

    def _say(self, line: str) -> None:
        try:
            self._link.sendall(line.encode() + b"\n")
        except OSError:
            pass  # it is gone, and the thread below has noticed

    def _outlive(self) -> None:
        """Stop when the supervisor is gone, instead of working on unsupervised."""
        try:
            while self._link.recv(1):
                pass
        except OSError:
            pass
        self._forget()
        # To the main thread, not to the process: a signal that another thread receives does not end a wait in it.
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGTERM)


def own_file(path: str) -> str:
    """The path itself, or, in any but the first child of a supervisor, one of its own beside it: ``.2``, ``.3``, …

    >>> own_file("health")
    'health'
    """
    parent = Parent.current
    return path if parent is None or parent.index == 0 else f"{path}.{parent.index + 1}"
