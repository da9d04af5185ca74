"""Push jobs that Laravel runs. The PHP class of the first one is beside this file: php/SendInvoice.php.

    python examples/push_to_php.py                                            shows what PHP would read
    LARA_QUEUE_URL=redis://localhost:6379/0 python examples/push_to_php.py    puts it there for PHP to run

In the Laravel application: `php artisan queue:work redis --queue=php`.
"""

from __future__ import annotations

import os
from datetime import datetime, timedelta, timezone

from lara_queue import Queue
from lara_queue.php import private, protected

URL = os.environ.get("LARA_QUEUE_URL", "memory://")

queue = Queue(URL, queue="php")


def main() -> None:
    # An object job. PHP needs to know which properties are not public: the class uses SerializesModels, and that
    # trait looks for protected and private properties under their own names.
    queue.push(
        "App\\Jobs\\SendInvoice",
        {
            "number": "2026-0042",
            "lines": [{"text": "Consulting", "cents": 120_000}, {"text": "Travel", "cents": 8_150}],
            protected("currency"): "EUR",
            private("pinCode", cls="App\\Jobs\\SendInvoice"): 1234,
        },
        tries=3,
        backoff=[10, 60],
        timeout=120,
    )

    # The same, an hour from now, or at a given moment.
    queue.later(timedelta(hours=1), "App\\Jobs\\SendInvoice", {"number": "2026-0043", "lines": []})
    queue.later(
        datetime(2030, 1, 1, tzinfo=timezone.utc), "App\\Jobs\\SendInvoice", {"number": "2030-0001", "lines": []}
    )

    # A string job: a class, a method, and plain JSON data.
    queue.push("App\\Jobs\\Legacy@fire", {"id": 7, "tags": ["a", "b"]})

    # Many at once travel in one round trip.
    queue.bulk([("App\\Jobs\\Ping", {"n": n}) for n in range(3)])

    print(f"{queue.pending_size()} jobs ready, {queue.delayed_size()} due later")
    for job in queue.pending_jobs(limit=2):
        print(f"{job.name} tries={job.max_tries} {job.data}")
        print(f"  {job.payload['data']}")


if __name__ == "__main__":
    main()
