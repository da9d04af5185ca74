"""The blocking worker: one job at a time in the main thread, or several in threads (:mod:`lara_queue.worker.loop`)."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Iterator

from lara_queue.errors import Interrupted
from lara_queue.lifecycle.stop import StopReason
from lara_queue.ports import Reservation
from lara_queue.worker.core import WorkerCore
from lara_queue.worker.leases import LeaseThread
from lara_queue.worker.loop import Loop, perform
from lara_queue.worker.signals import installed, on_main_thread

__all__ = ["SyncWorker", "perform"]


class SyncWorker:
    """Runs jobs until there is a reason to stop.

    Parameters:
        core: the worker's state and decisions.
    """

    def __init__(self, core: WorkerCore) -> None:
        self.core = core
        self._claims = threading.Lock()
        self._loops: list[Loop] = []

    def run(self) -> StopReason:
        """Why it stopped."""
        core = self.core
        keeper = LeaseThread(core, self._reservations, perform)
        if core.options.keep_leases:
            keeper.start()
        reason = StopReason.INTERRUPTED
        try:
            with installed(self._on_signal):
                core.tell_starting()  # whoever hears it may already send a signal
                reason = self._run_threads() if core.parts.concurrency > 1 else self._run_here()
        except Interrupted:
            pass
        finally:
            keeper.stop()
            core.tell_stopping(reason)
        return reason

    def shutdown(self) -> None:
        """Ask it to finish the jobs in hand and stop; returns at once. Safe from any thread and from handlers."""
        self.core.quit = True

    @contextlib.contextmanager
    def claim(self, wanted: int) -> Iterator[int]:
        """How many jobs the caller may take; together the threads never take more than ``max_jobs``."""
        if not self.core.options.max_jobs or self.core.parts.concurrency == 1:
            yield self.core.limit(wanted)
            return
        with self._claims:  # held while taking: with a job limit exactness is worth more than overlap
            yield self.core.limit(wanted)

    def _run_here(self) -> StopReason:
        loop = Loop(self, main=on_main_thread())
        self._loops = [loop]
        return loop.run()

    def _run_threads(self) -> StopReason:
        reasons: list[StopReason] = []
        errors: list[BaseException] = []

        def body(loop: Loop) -> None:
            reason = StopReason.INTERRUPTED
            try:
                reason = loop.run()
            except Interrupted:
                pass
            except BaseException as error:
                errors.append(error)
            reasons.append(reason)
            if reason not in (StopReason.EMPTY, StopReason.EMPTY_FOR):
                self.core.quit = True  # a reason for all; but one idle thread says nothing about what others hold

        self._loops = [Loop(self, main=False) for _ in range(self.core.parts.concurrency)]
        threads = [
            threading.Thread(target=body, args=(loop,), name=f"lara_queue-{n}") for n, loop in enumerate(self._loops)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            while thread.is_alive():  # in slices, so that signals are seen
                thread.join(timeout=0.2)
        if errors:
            raise errors[0]
        return next((r for r in reasons if r is not StopReason.QUIT), StopReason.QUIT)

    def _reservations(self) -> list[Reservation]:
        held = [job.reservation for job in list(self.core.in_hand.values())]
        for loop in self._loops:
            held.extend(loop.taken)
        return held

    def _on_signal(self, number: int) -> None:
        core = self.core
        if core.signalled(number) and core.options.shutdown_timeout is not None:
            timer = threading.Timer(core.options.shutdown_timeout, os.kill, (os.getpid(), signal.SIGTERM))
            timer.daemon = True
            timer.start()
        for loop in self._loops:
            loop.signalled(core.forced)
