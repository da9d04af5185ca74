"""Handlers in a module, for the command line.

    export LARA_QUEUE_URL=redis://localhost:6379/0
    lara-queue work examples.worker_module:queue --tries=3 --timeout=60

Without LARA_QUEUE_URL it feeds itself one job on the memory driver; add --stop-when-empty.
"""

from __future__ import annotations

import os

from lara_queue import Job, Queue

queue = Queue(os.environ.get("LARA_QUEUE_URL", "memory://"), queue="python")


@queue.handler("App\\Jobs\\Greet")
def greet(job: Job) -> None:
    print(f"Hello {job.data['name']}!", flush=True)


if os.environ.get("LARA_QUEUE_URL", "memory://").startswith("memory:"):
    queue.push("App\\Jobs\\Greet", {"name": "Ada"})  # a queue in this process, which nobody else can feed
