"""Counts, times and errors of a worker, as LaraQueue 1.x shows them.

Run it: python examples/metrics.py
"""

from __future__ import annotations

import logging
import os

from lara_queue import Job, Queue

queue = Queue(os.environ.get("LARA_QUEUE_URL", "memory://"), queue="metrics", metrics_history_size=1000)


@queue.handler
def work(job: Job) -> None:
    if job.data["n"] % 5 == 0:
        raise ValueError("every fifth one fails")


if __name__ == "__main__":
    logging.getLogger("lara_queue").setLevel(logging.CRITICAL)
    queue.bulk([("App\\Jobs\\Count", {"n": n}) for n in range(1, 21)])
    queue.listen(stop_when_empty=True)

    metrics = queue.get_metrics()
    assert metrics is not None  # it is None with enable_metrics=False
    general = metrics["general"]
    done, failed = general["total_processed"], general["total_failed"]
    print(f"{done} done, {failed} of them badly, {general['success_rate']:.0f} % well")
    print("errors:", metrics["errors"]["error_counts"])
    print("slowest under a second:", metrics["performance"]["p99"] < 1)
    print("last:", queue.get_recent_jobs(limit=1)[0]["success"])
    queue.failed.flush()
