"""The job as a handler sees it: a mapping with ``name`` and ``data``, and an object with everything else.

A job is decoded in steps, each on first use: the envelope when the worker looks at it, the PHP command before the
handler runs, ``data`` (plain Python values) when the handler asks.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from lara_queue.errors import ManuallyFailed
from lara_queue.laravel.context import LogContext, read_context
from lara_queue.laravel.encrypter import Encrypter
from lara_queue.laravel.envelope import Envelope
from lara_queue.laravel.jobs import JobView, view
from lara_queue.lifecycle.decide import Bury, Delete, Disposition, Release, Rules
from lara_queue.php import PhpObject
from lara_queue.ports import Reservation

if TYPE_CHECKING:
    from lara_queue.bus.services import Services

__all__ = ["Job", "current_job"]

logger = logging.getLogger("lara_queue")

current_job: ContextVar[Job | None] = ContextVar("lara_queue_current_job", default=None)
"""The job whose handler is running here, or None; jobs pushed meanwhile inherit its log context."""


class Job(Mapping[str, Any]):
    """One attempt at a job.

    ``job["name"]`` and ``job["data"]`` are what LaraQueue's handlers index; the rest are attributes.
    """

    __slots__ = (
        "_encrypter",
        "_envelope",
        "_interrupts",
        "_view",
        "_wish",
        "connection",
        "grown",
        "handlers",
        "on_keep_alive",
        "on_progress",
        "reservation",
        "rules",
        "services",
    )

    def __init__(
        self, reservation: Reservation, *, connection: str = "redis", encrypter: Encrypter | None = None
    ) -> None:
        self.reservation = reservation
        self.connection = connection
        self._encrypter = encrypter
        self._envelope: Envelope | None = None
        self._view: JobView | None = None
        self._wish: Disposition | None = None
        self._interrupts: list[Callable[[int], Any]] | None = None
        self.rules: Rules | None = None  # the worker notes here what it has found out
        self.handlers: Sequence[Any] = ()
        self.services: Services | None = None  # what the plans around its handler may use
        self.grown = False  # its handler has put jobs into its chain
        self.on_keep_alive: Callable[[Reservation], None] | None = None
        self.on_progress: Callable[[float, str], None] | None = None

    # -- what it is ----------------------------------------------------------------

    @property
    def envelope(self) -> Envelope:
        """The parsed envelope; raises :class:`~lara_queue.errors.PayloadError` when the bytes are not one."""
        envelope = self._envelope
        if envelope is None:
            envelope = self._envelope = Envelope.parse(self.reservation.body)
        return envelope

    @property
    def view(self) -> JobView:
        """What Laravel meant by the job: its kind, its inner object, its data."""
        if self._view is None:
            self._view = view(self.envelope, self._encrypter)
        return self._view

    @property
    def name(self) -> str:
        """The display name: for an ordinary job its PHP class."""
        return self.view.name

    @property
    def kind(self) -> str:
        """``job``, ``listener``, ``mailable``, ``notification``, ``broadcast``, ``closure``, ``string``, …"""
        return self.view.kind

    @property
    def data(self) -> Any:
        """The job's properties by plain name, as plain Python values. A missing one has its PHP class default."""
        return self.view.data

    @property
    def command(self) -> PhpObject | None:
        """The PHP object as it was serialized, visibility included; None for a string job."""
        return self.view.command

    @property
    def payload(self) -> dict[str, Any]:
        """The whole envelope, decoded, unknown keys included."""
        return self.envelope.payload

    @property
    def raw_body(self) -> bytes:
        """The payload's bytes as they waited in the queue, before this attempt was counted."""
        return self.reservation.body

    @property
    def uuid(self) -> str | None:
        """The job's uuid, the same over all attempts."""
        return self.envelope.uuid

    @property
    def id(self) -> str | None:
        """The store's id: the payload's ``id`` on Redis, the row number on a database."""
        found = self.envelope.id
        if found is None and (row := getattr(self.reservation.receipt, "id", None)) is not None:
            return str(row)
        return found

    @property
    def queue(self) -> str:
        """The bare name of the queue it came from."""
        return self.reservation.queue

    @property
    def attempts(self) -> int:
        """How often it has been taken, this time included."""
        return self.reservation.attempts

    @property
    def max_tries(self) -> int | None:
        """Attempts the job allows itself; 0 for no limit, None when it does not say."""
        return self.envelope.max_tries

    @property
    def max_exceptions(self) -> int | None:
        """Exceptions the job allows itself, or None."""
        return self.envelope.max_exceptions

    @property
    def timeout(self) -> float | None:
        """Seconds the job allows itself, or None."""
        return self.envelope.timeout

    @property
    def backoff(self) -> tuple[int, ...] | None:
        """Seconds between its attempts, or None when it does not say."""
        return self.envelope.backoff

    @property
    def retry_until(self) -> datetime | None:
        """When it gives up, or None."""
        return _moment(self.envelope.retry_until)

    @property
    def created_at(self) -> datetime | None:
        """When it was pushed (Laravel 12.11 and later say so), or None."""
        return _moment(self.envelope.created_at)

    @property
    def context(self) -> LogContext:
        """Laravel's log context that travelled with the job (Laravel 11 and later)."""
        return read_context(self.envelope)

    @property
    def chain(self) -> list[bytes]:
        """The jobs to follow this one, each a PHP-serialized command."""
        return self.view.chained

    @property
    def batch(self) -> str | None:
        """The id of the batch it belongs to, or None."""
        return self.view.batch_id

    def open(self) -> None:
        """Decode the command now, so that one that cannot be decoded never reaches a handler.

        Raises :class:`~lara_queue.errors.PayloadError`.
        """
        if self.envelope.is_object_job:
            _ = self.view.command

    # -- what a handler may ask for ----------------------------------------------------------------

    def release(self, delay: float = 0) -> None:
        """Try again in ``delay`` seconds, whatever the handler does from here on. Counts as an attempt."""
        self._ask(Release(max(0, delay)))

    def delete(self) -> None:
        """Be done with it, even if the handler raises from here on."""
        self._ask(Delete())

    def fail(self, exc: BaseException | str | None = None) -> None:
        """Record it as failed and never try it again."""
        self._ask(Bury(exc if isinstance(exc, BaseException) else ManuallyFailed(exc or "")))

    def keep_alive(self) -> None:
        """Have the reservation renewed soon, for workers that run with ``keep_leases`` off."""
        if self.on_keep_alive is not None:
            self.on_keep_alive(self.reservation)

    def progress(self, share: float, message: str = "") -> None:
        """Note how far the job is, from 0 to 1, for ``queue.result(uuid)``; does nothing where results are not kept."""
        if self.on_progress is not None:
            self.on_progress(share, message)

    def on_interrupt(self, function: Callable[[int], Any]) -> None:
        """Have ``function`` called with the signal's number when the worker is asked to stop while this job runs.

        The worker waits for the job all the same; a long one may use this to come to an early end. Mirrors
        ``Contracts/Queue/Interruptible``.

        >>> from lara_queue.ports import Reservation
        >>> job, told = Job(Reservation("q", b"", 1, None, 0)), []
        >>> job.on_interrupt(told.append)
        >>> job.interrupt(15)
        >>> told
        [15]
        """
        if self._interrupts is None:
            self._interrupts = []
        self._interrupts.append(function)

    def interrupt(self, signal: int) -> None:
        """Tell what was registered by :meth:`on_interrupt`; the worker does. One that raises is logged."""
        for function in self._interrupts or ():
            try:
                function(signal)
            except Exception:
                logger.exception("What was to be told of the signal failed: %r", function)

    def _ask(self, wish: Disposition) -> None:
        if self._wish is None:  # the first word counts, as a job that is gone from its place cannot move again
            self._wish = wish

    @property
    def wish(self) -> Disposition | None:
        """What the handler asked for, or None."""
        return self._wish

    @property
    def is_released(self) -> bool:
        """True once the handler has asked for another attempt."""
        return isinstance(self._wish, Release)

    @property
    def is_deleted(self) -> bool:
        """True once the handler has asked for its removal."""
        return isinstance(self._wish, Delete | Bury)

    @property
    def has_failed(self) -> bool:
        """True once the handler has failed it."""
        return isinstance(self._wish, Bury)

    # -- the mapping ----------------------------------------------------------------

    def __getitem__(self, key: str) -> Any:
        if key == "name":
            return self.name
        if key == "data":
            return self.data
        raise KeyError(key)

    def __iter__(self) -> Iterator[str]:
        return iter(("name", "data"))

    def __len__(self) -> int:
        return 2

    def __hash__(self) -> int:
        return id(self)

    def __eq__(self, other: object) -> bool:
        return self is other

    def __repr__(self) -> str:
        try:
            name, uuid = self.name, self.uuid
        except Exception:  # a repr must never raise, least of all in a log line about a bad job
            name, uuid = "unreadable", None
        return f"<Job {name} uuid={uuid} queue={self.queue} attempts={self.attempts}>"


def _moment(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, timezone.utc)
