"""Which ticks of a cron expression are due: from expression, last tick and time to a tuple of Unix times.

The expression is read by the package ``cronsim``, which treats daylight saving time as Debian's cron does: what is set
to a time of day that the clocks jump over runs right after the jump, what is set to one that comes twice runs once,
and what runs every few minutes or every hour goes on as if nothing had happened.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from itertools import islice
from typing import Final, Literal, get_args
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from lara_queue.errors import ConfigurationError, MissingExtra

__all__ = ["MACROS", "Cron", "Due", "Missed", "next_ticks"]

Missed = Literal["skip", "once", "all"]
"""What becomes of ticks that passed while nobody was there: nothing, one push for all of them, or a push for each."""

MACROS: Final = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
"""The short names of cron, and what they stand for."""

_FIRST_LOOK: Final = 3600.0


class Cron:
    """A cron expression in a time zone.

    Parameters:
        expression: five fields, six with seconds in front, or one of :data:`MACROS`.
        timezone: a name such as ``Europe/Berlin``, or a tzinfo.

    Raises :class:`~lara_queue.errors.ConfigurationError` for an expression or a zone that is none, or that never
    comes to pass, and :class:`~lara_queue.errors.MissingExtra` without ``cronsim``.

    >>> list(islice(Cron("@daily").after(0), 2))
    [86400, 172800]
    """

    def __init__(self, expression: str, timezone: str | tzinfo = UTC) -> None:
        try:
            from cronsim import CronSim, CronSimError
        except ModuleNotFoundError as error:
            raise MissingExtra("Schedules need the package cronsim: pip install 'lara-queue[schedule]'.") from error
        self.text = expression
        self._fields = MACROS.get(expression.strip().lower(), expression)
        self.zone = _zone(timezone)
        self._simulated = CronSim
        try:
            CronSim(self._fields, datetime(2000, 1, 1, tzinfo=self.zone))
        except CronSimError as error:
            known = f" or one of {', '.join(MACROS)}" if expression.startswith("@") else ""
            raise ConfigurationError(
                f"{expression!r} is not a cron expression ({error}); give five fields, such as '*/5 * * * *'{known}."
            ) from None

    def after(self, moment: float) -> Iterator[int]:
        """The ticks later than that Unix time, as Unix times in order, without end."""
        for tick in self._simulated(self._fields, datetime.fromtimestamp(moment, self.zone)):
            at = int(tick.timestamp())
            if at > moment:  # in the hour that comes twice the first answer may lie before the start
                yield at

    def next_after(self, moment: float) -> int | None:
        """The first tick later than that Unix time; None when there is none within fifty years."""
        return next(self.after(moment), None)

    def between(self, after: float, until: float) -> Iterator[int]:
        """The ticks later than one Unix time and not later than another."""
        for tick in self.after(after):
            if tick > until:
                return
            yield tick

    def last_between(self, after: float, until: float) -> int | None:
        """The last tick later than one Unix time and not later than another; None when there is none.

        Looks back in windows that double, so that a year of missed minutes costs as little as an hour of them.
        """
        window = _FIRST_LOOK
        while True:
            start = max(after, until - window)
            found = None
            for found in self.between(start, until):  # noqa: B007  # the last one is wanted
                pass
            if found is not None or start <= after:
                return found
            window *= 2


@dataclass(frozen=True, slots=True)
class Due:
    """What is to be pushed now.

    Attributes:
        ticks: Unix times in order.
        more: there were more of them than were asked for at once.
    """

    ticks: tuple[int, ...] = ()
    more: bool = False


def next_ticks(
    expression: str | Cron,
    last: float | None,
    now: float,
    missed: Missed = "skip",
    *,
    timezone: str | tzinfo = UTC,
    grace: float = 60,
    limit: int = 100,
) -> Due:
    """The ticks that are due now, none of them twice: those after ``last`` and not after ``now``.

    A tick that is not older than ``grace`` is on time and always due. What becomes of older ones ``missed`` says:
    with ``skip`` they are forgotten, with ``all`` each is due, and with ``once`` the last of them is, unless one on
    time stands in for them.

    Parameters:
        expression: cron expression, or one read already; ``timezone`` is for the former.
        last: Unix time of the last tick that was pushed, or from which on ticks count; None when the entry is seen
            for the first time, and nothing is due.
        now: Unix time in seconds.
        missed: see above.
        grace: seconds; longer than it takes another to lead when a leader has died.
        limit: how many to return at most; of ``all`` the oldest.

    >>> next_ticks("*/5 * * * *", last=300, now=905, missed="all").ticks
    (600, 900)
    >>> next_ticks("*/5 * * * *", last=300, now=905).ticks, next_ticks("*/5 * * * *", last=900, now=905).ticks
    ((900,), ())
    """
    if missed not in get_args(Missed):
        raise ConfigurationError(f"missed must be 'skip', 'once' or 'all', not {missed!r}.")
    cron = expression if isinstance(expression, Cron) else Cron(expression, timezone)
    if last is None or last >= now:
        return Due()
    # Just before now - grace, so that a tick of exactly that age is on time.
    on_time_from = max(last, now - grace - 0.001)
    ticks = tuple(islice(cron.between(last if missed == "all" else on_time_from, now), limit + 1))
    if not ticks and missed == "once":
        late = cron.last_between(last, on_time_from)
        ticks = () if late is None else (late,)
    return Due(ticks[:limit], len(ticks) > limit)


def _zone(timezone: str | tzinfo) -> tzinfo:
    if isinstance(timezone, tzinfo):
        return timezone
    if timezone.upper() == "UTC":
        return UTC
    try:
        return ZoneInfo(timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ConfigurationError(f"There is no time zone {timezone!r}; give a name such as Europe/Berlin.") from None
