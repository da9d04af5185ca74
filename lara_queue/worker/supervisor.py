"""Several worker processes under one roof: start them, replace those that die, pass signals on, wait.

A child is the same command line run anew by a fresh interpreter: nothing is forked, so no connection, lock or loop is
ever shared, and a replaced child runs the code that is on disk by then. Supervisor and child hold the ends of a
socket pair:

* the child (:mod:`~lara_queue.worker.child`) says ``ready`` when its loop turns, ``stopped REASON`` when it ends;
* its end closing tells the supervisor that the child is gone, however it died;
* the other end closing tells the child that the supervisor is gone, and it stops by itself.

Children have a process group each, so that Ctrl-C in a terminal reaches them once, through the supervisor. The others
are started when the first one is ready: a mistake in the program is told once, and ends everything.
"""

from __future__ import annotations

import logging
import os
import selectors
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

from lara_queue.lifecycle.stop import EXIT_ERROR, EXIT_SUCCESS
from lara_queue.worker.child import CHILD_VARIABLE
from lara_queue.worker.reload import Watcher
from lara_queue.worker.replacing import Exit, Next, after_exit, replacement_delay
from lara_queue.worker.signals import PAUSE, RESUME, STOP

__all__ = ["Exit", "Next", "Supervisor", "after_exit", "replacement_delay"]

logger = logging.getLogger("lara_queue")

FORCED_GRACE = 10.0
"""Seconds that children get after the second signal, or beyond their own shutdown timeout, before they are killed."""

SETTLED = 30.0
"""Seconds after which a child counts as having worked, so that its end starts no growing delay."""

WATCH_EVERY = 0.5


class _Place:
    """One of the N places for a child, and the child in it."""

    def __init__(self, index: int) -> None:
        self.index = index
        self.process: subprocess.Popen[bytes] | None = None
        self.link: socket.socket | None = None
        self.heard = b""
        self.ready = False
        self.reason: str | None = None
        self.started = 0.0
        self.failures = 0
        self.due: float | None = 0.0  # when a child is to be started here; None for never
        self.retiring = False  # it was told to stop so that a new one can take its place

    @property
    def name(self) -> str:
        pid = "" if self.process is None else f" (pid {self.process.pid})"
        return f"worker {self.index + 1}{pid}"


class Supervisor:
    """Keeps ``processes`` children running until all have come to their end or a signal ends them.

    Parameters:
        command: the command line of a child, interpreter first.
        processes: how many.
        shutdown_timeout: seconds the children give their own jobs after the first signal; None for no limit.
        watcher: when given, children are restarted gracefully whenever it reports a change.
        say: told what happens, a line at a time.
    """

    def __init__(
        self,
        command: Sequence[str],
        processes: int,
        *,
        shutdown_timeout: float | None = None,
        watcher: Watcher | None = None,
        say: Callable[[str], None] = logger.info,
    ) -> None:
        self.command = tuple(command)
        self.shutdown_timeout = shutdown_timeout
        self.watcher = watcher
        self.say = say
        self._places = [_Place(index) for index in range(processes)]
        self._selector = selectors.DefaultSelector()
        self._signals: list[int] = []
        self._stops = 0
        self._kill_at: float | None = None
        self._paused = False
        self._proven = False  # some child has been ready: the program as such works
        self._code = EXIT_SUCCESS
        self._watched = 0.0

    def run(self) -> int:
        """The exit code, after the last child has ended."""
        try:
            with self._catching():
                while True:
                    self._obey()
                    self._start_due()
                    if all(place.process is None and place.due is None for place in self._places):
                        return self._code
                    self._listen(self._patience())
                    self._look_for_changes()
                    self._enforce()
        finally:
            self._end_all()

    # -- children ----------------------------------------------------------------------------------------------------

    def _start_due(self) -> None:
        now = time.monotonic()
        for place in self._places:
            if place.process is None and place.due is not None and place.due <= now:
                if place.index > 0 and not self._proven:
                    return
                self._start(place)

    def _start(self, place: _Place) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            environment = {**os.environ, CHILD_VARIABLE: f"{theirs.fileno()}:{place.index}"}
            place.process = subprocess.Popen(
                self.command,
                env=environment,
                pass_fds=(theirs.fileno(),),
                stdin=subprocess.DEVNULL,  # a background process group that reads the terminal would be stopped
                process_group=0,
            )
        ours.setblocking(False)
        place.link, place.heard, place.ready, place.reason = ours, b"", False, None
        place.started, place.due, place.retiring = time.monotonic(), None, False
        self._selector.register(ours, selectors.EVENT_READ, place)

    def _listen(self, timeout: float | None) -> None:
        """Wait for words of children, their ends, and signals."""
        for key, _ in self._selector.select(timeout):
            place: _Place | None = key.data
            if place is None:
                self._drain(key.fileobj)
                continue
            assert place.link is not None
            try:
                heard = place.link.recv(4096)
            except BlockingIOError:
                continue
            except OSError:
                heard = b""
            if heard:
                place.heard += heard
                self._understand(place)
            else:
                self._ended(place)

    def _understand(self, place: _Place) -> None:
        *lines, place.heard = place.heard.split(b"\n")
        for line in lines:
            word, _, rest = line.decode("ascii", "replace").partition(" ")
            if word == "ready":
                place.ready = self._proven = True
                if self._paused and PAUSE is not None:
                    self._send(place, PAUSE)
            elif word == "stopped":
                place.reason, self._proven = rest, True

    def _ended(self, place: _Place) -> None:
        assert place.link is not None
        assert place.process is not None
        self._selector.unregister(place.link)
        place.link.close()
        code = place.process.wait()
        name, now = place.name, time.monotonic()
        place.process = place.link = None
        if self._stops:
            return
        if place.retiring:
            place.due, place.failures = 0.0, 0
            return
        ended = Exit(code, place.reason, place.ready)
        if not ended.was_ready and ended.code == EXIT_ERROR and self._ends_everything(place):
            return
        verdict = after_exit(ended)
        if not verdict.replace:
            return
        delay = 0.0
        if verdict.slowly:
            place.failures = 1 if now - place.started >= SETTLED else place.failures + 1
            delay = replacement_delay(place.failures)
            self.say(f"{name} {_manner(code)}; another one starts in {delay:g} s.")
        place.due = now + delay

    def _ends_everything(self, place: _Place) -> bool:
        """What a child does that told the user of a mistake: end the program, or wait for the mistake to be mended."""
        if self.watcher is not None:
            self.say("Waiting for a file to change.")
            place.due = None if self._stops else float("inf")
            return True
        if self._proven:
            return False  # it has worked before: a deployment in progress, a server that is away
        self._code = EXIT_ERROR
        self._empty()
        return True

    def _empty(self) -> None:
        for place in self._places:
            place.due = None

    # -- signals -----------------------------------------------------------------------------------------------------

    @contextmanager
    def _catching(self) -> Iterator[None]:
        """Collect signals, and be woken by them."""
        wake, woken = socket.socketpair()
        wake.setblocking(False)
        woken.setblocking(False)
        self._selector.register(woken, selectors.EVENT_READ, None)

        def note(number: int, _frame: FrameType | None) -> None:
            self._signals.append(number)

        wanted = [*STOP, *(number for number in (PAUSE, RESUME) if number is not None)]
        before = {number: signal.signal(number, note) for number in wanted}
        fd_before = signal.set_wakeup_fd(wake.fileno(), warn_on_full_buffer=False)
        try:
            yield
        finally:
            signal.set_wakeup_fd(fd_before)
            for number, old in before.items():
                signal.signal(number, old if old is not None else signal.SIG_DFL)
            self._selector.unregister(woken)
            wake.close()
            woken.close()

    @staticmethod
    def _drain(woken: object) -> None:
        assert isinstance(woken, socket.socket)
        try:
            while woken.recv(4096):
                pass
        except BlockingIOError:
            pass

    def _obey(self) -> None:
        while self._signals:
            number = self._signals.pop(0)
            if number in (PAUSE, RESUME):
                self._paused = number == PAUSE
                for place in self._places:
                    if place.ready:  # before that it would die of it; it is told once it is ready
                        self._send(place, number)
                continue
            self._stops += 1
            self._empty()
            for place in self._places:
                self._send(place, signal.SIGKILL if self._stops > 2 else number)
            if self._stops == 2:
                self._kill_at = time.monotonic() + FORCED_GRACE
            elif self._stops == 1 and self.shutdown_timeout is not None:
                self._kill_at = time.monotonic() + self.shutdown_timeout + FORCED_GRACE

    @staticmethod
    def _send(place: _Place, number: int) -> None:
        if place.process is not None:
            place.process.send_signal(number)

    def _enforce(self) -> None:
        if self._kill_at is not None and time.monotonic() >= self._kill_at:
            self._kill_at = None
            for place in self._places:
                if place.process is not None:
                    self._code = EXIT_ERROR
                    self.say(f"{place.name} does not end and is killed.")
                    place.process.kill()

    def _end_all(self) -> None:
        """Whatever brought the supervisor down, it leaves nobody behind: the children stop when their link closes."""
        for place in self._places:
            if place.link is not None:
                place.link.close()
        self._selector.close()

    # -- time --------------------------------------------------------------------------------------------------------

    def _patience(self) -> float | None:
        """How long nothing has to be done."""
        now = time.monotonic()
        moments = [place.due for place in self._places if place.process is None and place.due is not None]
        if not self._proven:
            moments = [due for due in moments if due != 0.0]  # they wait for the first child, not for a time
        if self._kill_at is not None:
            moments.append(self._kill_at)
        if self.watcher is not None and not self._stops:
            moments.append(self._watched + WATCH_EVERY)
        soonest = min(moments, default=float("inf"))
        return None if soonest == float("inf") else max(0.0, soonest - now)

    def _look_for_changes(self) -> None:
        now = time.monotonic()
        if self.watcher is None or self._stops or now - self._watched < WATCH_EVERY:
            return
        self._watched = now
        changed = self.watcher.changed()
        if not changed:
            return
        self.say(f"{os.path.relpath(changed[0])} has changed; restarting.")
        for place in self._places:
            if place.process is None:
                place.due = 0.0
            elif not place.retiring:
                place.retiring = True
                self._send(place, signal.SIGTERM)


def _manner(code: int) -> str:
    if code >= 0:
        return f"ended with exit code {code}"
    try:
        return f"was killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"was killed by signal {-code}"
