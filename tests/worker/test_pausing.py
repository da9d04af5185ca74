"""A worker that is told to pause at an inconvenient moment."""

from __future__ import annotations

import os
import signal
import threading
from typing import Any

from tests.worker.faces import Face


def test_a_signal_to_pause_that_comes_while_the_store_is_asked_is_obeyed_before_the_wait() -> None:
    """Else the job that ends the waiting would be taken by a worker that is paused."""
    face = Face("sync")
    link: Any = face.queue.driver.link
    call, waits = link.call, []

    def watched(name: str, args: tuple[Any, ...]) -> Any:
        if name == "reserve":
            os.kill(os.getpid(), signal.SIGUSR2)
        elif name == "wait":
            waits.append(args)
            face.queue.push("App\\Jobs\\X", {})
        return call(name, args)

    link.call = watched
    ran: list[Any] = []
    face.handler(ran.append)
    timer = threading.Timer(0.3, face.queue.shutdown)
    timer.start()
    face.listen(sleep=0.05)
    timer.join()
    assert (waits, ran) == ([], [])
    face.close()
