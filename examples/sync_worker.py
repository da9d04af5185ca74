"""A blocking worker: one job at a time, as `php artisan queue:work` does it.

    python examples/sync_worker.py                                            feeds itself, runs, and stops
    LARA_QUEUE_URL=redis://localhost:6379/0 python examples/sync_worker.py    works until Ctrl-C

On the Laravel side: `SendEmail::dispatch(...)->onQueue('python')`.
"""

from __future__ import annotations

import os

from lara_queue import Job, Queue

URL = os.environ.get("LARA_QUEUE_URL", "memory://")
ALONE = URL.startswith("memory:")  # a queue in this process, which nobody else can feed

queue = Queue(URL, queue="python")


@queue.handler("App\\Jobs\\SendEmail", tries=3, backoff=[1, 5, 10], timeout=30)
def send_email(job: Job) -> None:
    print(f"mail to {job.data['to']}: {job.data['subject']} (attempt {job.attempts})", flush=True)


@queue.handler
def everything_else(job: Job) -> None:
    print(f"{job.name} with {job.data}", flush=True)


if __name__ == "__main__":
    if ALONE:
        queue.push("App\\Jobs\\SendEmail", {"to": "ada@example.com", "subject": "Welcome"})
        queue.push("App\\Jobs\\ResizeImage", {"path": "cat.png", "width": 640})
    reason = queue.listen(stop_when_empty=ALONE)
    print(f"stopped: {reason}")
