"""What a worker tells about itself: JSON logs with the job's fields, figures for Prometheus, health.

Run it: python examples/observability.py

On the command line the same is: lara-queue work module:queue --log-json --metrics-port=9100
"""

from __future__ import annotations

import logging
import os
import sys
import urllib.request

from lara_queue import Job, Queue
from lara_queue.logs import JobFilter, JsonFormatter, log_jobs
from lara_queue.metrics.prometheus import serve_metrics

log = logging.getLogger("shop.mail")
queue = Queue(os.environ.get("LARA_QUEUE_URL", "memory://"), queue="observed")


@queue.handler("App\\Jobs\\SendEmail")
def send(job: Job) -> None:
    log.info("sending to %s", job.data["to"])  # the line says which job it was written for
    if not job.data["to"]:
        raise ValueError("nobody to send it to")


def main() -> None:
    lines = logging.StreamHandler(sys.stdout)
    lines.setFormatter(JsonFormatter())
    lines.addFilter(JobFilter())
    logging.basicConfig(handlers=[lines], level=logging.INFO)
    log_jobs(queue.emitter)  # a line for each job that went well; those that did not have theirs anyway

    server = serve_metrics(queue, 0, "127.0.0.1")  # 0: any free port
    queue.push("App\\Jobs\\SendEmail", {"to": "ada@example.com"})
    queue.push("App\\Jobs\\SendEmail", {"to": ""})
    queue.listen(stop_when_empty=True)

    with urllib.request.urlopen(f"http://127.0.0.1:{server.server_port}/metrics") as answer:
        for line in answer.read().decode().splitlines():
            if line.startswith(("lara_queue_jobs_total", "lara_queue_queue_jobs", "lara_queue_wait_seconds_count")):
                print(line)
    server.shutdown()
    server.server_close()

    report = queue.health()
    print("healthy:", report["healthy"], "waiting:", report["pending"], "failed:", queue.failed.count())
    queue.failed.flush()


if __name__ == "__main__":
    main()
