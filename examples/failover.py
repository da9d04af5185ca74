"""When the queue's store is away: the next one takes the job, and if there is none left, it is run at once.

Run it: python examples/failover.py
"""

from __future__ import annotations

import logging

from lara_queue import Job, Queue

# Nobody listens on port 1. In a program: "failover+redis://localhost:6379/0,sqlite:///database/queue.sqlite".
queue = Queue("failover+redis://localhost:1/0,memory://spare", queue="mail")
spare = Queue("memory://spare", queue="mail")  # a worker of the second store has its URL
at_once = Queue("failover+redis://localhost:1/0,sync://", queue="mail")


@queue.on("queue.failed_over")
def tell_somebody(event: object) -> None:
    print(f"{event.connection} is away: {type(event.exception).__name__}")  # type: ignore[attr-defined]


@spare.handler("App\\Jobs\\SendEmail")
@at_once.handler("App\\Jobs\\SendEmail")
def send_email(job: Job) -> None:
    print(f"mail to {job.data['to']}, connection {job.connection}, queue {job.queue}")


if __name__ == "__main__":
    logging.getLogger("lara_queue").setLevel(logging.CRITICAL)

    queue.push("App\\Jobs\\SendEmail", {"to": "ada@example.com"})
    print(f"{spare.size()} job in the second store")
    spare.listen(stop_when_empty=True)

    at_once.push("App\\Jobs\\SendEmail", {"to": "grace@example.com"})  # has been sent when push() returns
