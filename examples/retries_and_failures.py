"""What happens to a job whose handler raises: tried again, given up, recorded, put back.

Run it: python examples/retries_and_failures.py
"""

from __future__ import annotations

import logging
import os

from lara_queue import Job, Queue

queue = Queue(os.environ.get("LARA_QUEUE_URL", "memory://"), queue="retries")
bank_is_open = False


@queue.handler("App\\Jobs\\Flaky", tries=3, backoff=[0, 0])  # seconds before the second and the third attempt
def flaky(job: Job) -> None:
    print(f"flaky, attempt {job.attempts}")
    if job.attempts < 3:
        raise TimeoutError("the other side is slow today")


@queue.handler("App\\Jobs\\Charge", retry_exceptions=[TimeoutError])  # whatever else it raises is not worth a retry
def charge(job: Job) -> None:
    if not bank_is_open:
        raise PermissionError("the bank is closed")
    print(f"charged {job.data['cents']} cents")


@queue.handler("App\\Jobs\\Picky")
def picky(job: Job) -> None:
    if job.data["colour"] == "beige":
        job.fail("no beige, please")  # recorded as failed, whatever the handler does from here on
    elif job.attempts == 1:
        job.release(delay=0)  # try again later; counts as an attempt


@queue.on("job.failed")
def tell_somebody(event: object) -> None:
    print(f"failed: {event.job.name}: {event.exception}")  # type: ignore[attr-defined]


if __name__ == "__main__":
    logging.getLogger("lara_queue").setLevel(logging.CRITICAL)  # it reports every failure with its traceback

    queue.push("App\\Jobs\\Flaky", {})
    queue.push("App\\Jobs\\Charge", {"cents": 500}, tries=5)
    queue.push("App\\Jobs\\Picky", {"colour": "beige"})
    queue.push("App\\Jobs\\Picky", {"colour": "red"}, tries=2)
    queue.listen(stop_when_empty=True)

    for failed in queue.failed.all(queue="retries"):
        print("recorded:", failed.exception.splitlines()[0])

    bank_is_open = True
    for failed in queue.failed.all(queue="retries"):
        if b"Charge" in failed.payload:
            queue.failed.retry(failed.id)
    queue.listen(stop_when_empty=True)
    print(f"{queue.failed.count()} left, {queue.failed.flush()} thrown away")
