"""Jobs for tests: one to call a handler with, and one that says how it was pushed."""

from __future__ import annotations

from typing import Any

from lara_queue.job import Job
from lara_queue.laravel.encrypter import Encrypter
from lara_queue.lifecycle.decide import Bury, Delete, Release
from lara_queue.ports import Reservation
from lara_queue.testing.factories import APP_KEY, payload

__all__ = ["MadeJob", "PushedJob", "make_job"]


class MadeJob(Job):
    """A job to call a handler with; afterwards it says what the handler asked for."""

    __slots__ = ("progressed",)

    def __init__(self, reservation: Reservation, **options: Any) -> None:
        super().__init__(reservation, **options)
        self.progressed: list[tuple[float, str]] = []
        self.on_progress = lambda share, message: self.progressed.append((share, message))

    @property
    def released(self) -> bool:
        """True once the handler has asked for another attempt."""
        return isinstance(self.wish, Release)

    @property
    def released_after(self) -> float | None:
        """After how many seconds it wants that attempt; None when it wants none."""
        return self.wish.delay if isinstance(self.wish, Release) else None

    @property
    def deleted(self) -> bool:
        """True once the handler has called ``job.delete()``."""
        return isinstance(self.wish, Delete)

    @property
    def failed_with(self) -> BaseException | None:
        """What the handler has failed the job with, or None; ``job.fail("text")`` makes a ManuallyFailed of it."""
        return self.wish.error if isinstance(self.wish, Bury) else None


class PushedJob(Job):
    """A job that was pushed while :func:`~lara_queue.testing.fake` stood in.

    Attributes:
        delay: seconds until it is due, 0 for at once.
    """

    __slots__ = ("delay",)

    def __init__(self, reservation: Reservation, *, delay: float, **options: Any) -> None:
        super().__init__(reservation, **options)
        self.delay = delay


def make_job(
    name: Any,
    data: Any = None,
    *,
    queue: str = "default",
    attempts: int = 1,
    connection: str = "redis",
    app_key: str | bytes = APP_KEY,
    **options: Any,
) -> MadeJob:
    """A job to call a handler with, in a unit test that needs no queue.

    Parameters:
        name, data: as for ``push()``.
        queue: the bare name of the queue it seems to come from.
        attempts: which attempt it is, 1 for the first.
        connection: Laravel's name of the connection.
        app_key: for ``encrypted=True``.
        options: as for :func:`~lara_queue.testing.payload`.

    >>> job = make_job("App\\\\Jobs\\\\SendEmail", {"to": "ada@example.com"}, attempts=3)
    >>> def send(job):
    ...     if job.attempts == 3:
    ...         job.release(60)
    >>> send(job)
    >>> job.released, job.released_after, job.deleted, job.failed_with
    (True, 60, False, None)
    """
    body = payload(name, data, attempts=attempts - 1, app_key=app_key, **options)
    encrypter = Encrypter(app_key) if options.get("encrypted") else None
    return MadeJob(Reservation(queue, body, attempts, None, float("inf")), connection=connection, encrypter=encrypter)
