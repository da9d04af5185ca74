"""Jobs that the clock pushes: which of two workers pushes them, and what becomes of what was missed.

Run it: python examples/schedule.py (needs the extra: pip install 'lara-queue[schedule]')

The clock here is moved by hand, so that a day passes at once. In a program leave ``clock=`` out, give ``cache=`` the
application's cache, and let ``queue.listen()`` do what ``run_schedule()`` does below.
"""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from lara_queue import Job, Queue
from lara_queue.cache.memory import MemoryCache
from lara_queue.testing import ManualClock

BERLIN = ZoneInfo("Europe/Berlin")
clock = ManualClock(datetime(2026, 3, 28, 22, 0, tzinfo=BERLIN).timestamp())  # the night the clocks change
cache = MemoryCache(clock)


def worker() -> Queue:
    """One of several processes; all of them carry the same schedule."""
    queue = Queue("memory://schedule", queue="schedule", cache=cache, clock=clock)
    queue.cron("30 2 * * *", "App\\Jobs\\Backup", {"full": True}, timezone="Europe/Berlin")
    queue.cron("@hourly", "App\\Jobs\\Report", missed="once")

    @queue.handler
    def run(job: Job) -> None:
        moment = datetime.fromtimestamp(job.payload["scheduledFor"], BERLIN)
        print(f"{moment:%a %H:%M %Z}  {job.name}")

    return queue


def passes(hours: float, *workers: Queue) -> None:
    """Let time pass; every process looks at the schedule every ten minutes, as they do without being told."""
    for _ in range(int(hours * 6)):
        clock.advance(600)
        for each in workers:
            each.run_schedule()
    workers[0].listen(stop_when_empty=True)


if __name__ == "__main__":
    one, other = worker(), worker()
    one.run_schedule()  # from now on ticks count

    print("two workers, seven hours, an hour that is not there:")
    passes(7, one, other)

    print("nobody is there for six hours, then one comes back:")
    clock.advance(6 * 3600 - 1200)
    other.run_schedule()
    other.listen(stop_when_empty=True)
