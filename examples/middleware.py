"""What stands around handlers: locks, limits, a circuit breaker, jobs that are done once, one of your own.

Run it as ``python examples/middleware.py``. With ``cache="redis://localhost:6379/1?lock_db=0"`` and Laravel's cache
prefix the locks and the counters are the ones PHP's workers use.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from lara_queue import Job, Queue
from lara_queue.middleware import (
    CircuitBreaker,
    FailOnException,
    Limit,
    RateLimited,
    Skip,
    ThrottlesExceptions,
    WithoutOverlapping,
)


def timed(job: Job, proceed: Callable[[], Any]) -> Any:
    """One of your own, around all plain handlers."""
    print(f"  before {job.name}")
    return proceed()


queue = Queue("memory://", queue="python", cache="memory://", middleware=[timed])


@queue.rate_limiter("reports")
def reports(job: Job) -> Limit:
    """Two reports in a minute for each user; PHP's jobs that are limited by "reports" count, too."""
    return Limit.per_minute(2, by=job.data["user"])


@queue.handler("Report", middleware=[RateLimited("reports", release=False)])
def report(job: Job) -> None:
    """A job over the limit is dropped here; with release=True it would wait."""
    print("  report for", job.data["user"])


@queue.handler("Import", middleware=[WithoutOverlapping(lambda job: job.data["file"], expires_after=300)])
def import_file(job: Job) -> None:
    """Never two imports of one file at once."""
    print("  import of", job.data["file"])


@queue.handler("Pay", once_for=86400, once_key=lambda job: job.data["invoice"])
def pay(job: Job) -> None:
    """An invoice is paid once, however often the job comes."""
    print("  paid", job.data["invoice"])


@queue.handler(
    "Charge", tries=5, middleware=[CircuitBreaker("bank", failures=2, open_for=30), FailOnException(KeyError)]
)
def charge(job: Job) -> None:
    """With the bank down, further jobs are put back without being tried."""
    raise ConnectionError("the bank is closed")


@queue.handler(
    "Sync", tries=0, middleware=[ThrottlesExceptions(1, 600, backoff=60), Skip(when=lambda j: j.data["dry"])]
)
def sync(job: Job) -> None:
    """An exception is swallowed and the job comes back a minute later; after one in ten minutes none is tried."""
    raise TimeoutError


@queue.handler("Index")
def index(job: Job) -> None:
    """Pushed with debounce=…: only the newest of those that came in the window is run."""
    print("  indexed", job.data["text"])


def work(title: str) -> None:
    """Run what is due."""
    print(title)
    queue.listen(stop_when_empty=True, sleep=0)


def main() -> None:
    """Some of each."""
    queue.bulk([("Report", {"user": "ada"})] * 3 + [("Report", {"user": "grace"})])
    work("three reports for ada, one for grace:")

    queue.push("Import", {"file": "customers.csv"}, unique="customers.csv")
    again = queue.push("Import", {"file": "customers.csv"}, unique="customers.csv")
    work(f"an import, pushed twice ({again!r} is no job):")

    queue.bulk([("Pay", {"invoice": 42})] * 2)
    work("an invoice that comes twice:")

    queue.bulk(["Charge"] * 4)
    work("four charges while the bank is closed:")
    print(f"  {queue.delayed_size()} wait until the breaker lets one try")

    for text in ("draft", "final"):
        queue.push("Index", {"page": 7, "text": text, "debounceId": 7}, debounce=0.2, debounce_id=7)
    print("a page that is saved twice, indexed once, after it has been quiet for a moment:")
    queue.listen(stop_when_empty_for=0.5, sleep=0.1)

    queue.push("Sync", {"dry": False})
    queue.push("Sync", {"dry": True})
    work("a sync that times out, and a dry one:")
    print(f"  {queue.size()} jobs wait")


if __name__ == "__main__":
    logging.getLogger("lara_queue").setLevel(logging.CRITICAL)
    main()
