"""A worker as one writes it for LaraQueue 1.x. It runs with lara_queue 2 without a changed line. Needs a Redis.

Run it: python examples/migration_before.py
What one makes of it today is in migration_after.py; why, in MIGRATION.md.
"""

import os

from redis import Redis
from redis.exceptions import ConnectionError

from lara_queue import Queue, RetryStrategy


def main():
    r = Redis.from_url(os.environ.get("LARA_QUEUE_URL", "redis://localhost:6379/0"))
    try:
        r.ping()
    except ConnectionError as e:
        print(f"Failed to connect to Redis: {e}")
        return

    queue = Queue(
        r,
        queue="python",
        dead_letter_queue="python_failed",
        max_retries=2,
        retry_strategy=RetryStrategy.FIXED,
        retry_delay=1,
        retry_jitter=False,
    )
    seen = {"broken": 0}

    @queue.handler
    def handle(data):
        name = data["name"]  # job name
        job_data = data["data"]  # job data
        print("Processing: " + name + " " + job_data.get("message", ""), flush=True)
        if job_data.get("broken"):
            seen["broken"] += 1
            if seen["broken"] == 3:
                queue.shutdown()
            raise ValueError("this one is broken")

    queue.push("App\\Jobs\\TestJob", {"message": "first"})
    queue.push("App\\Jobs\\TestJob", {"message": "second", "broken": True})
    queue.listen()

    for failed in queue.get_dead_letter_jobs(limit=100):
        print("Dead letter:", failed["error"]["type"], failed["error"]["message"])
    metrics = queue.get_metrics()
    print("Total retries:", metrics["general"]["total_retries"])
    print("Cleared:", queue.clear_dead_letter_queue())


if __name__ == "__main__":
    main()
