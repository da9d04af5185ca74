"""Pushes jobs at a steady rate, each with the time it was pushed: ``producer.py RATE``, for measuring latency."""

from __future__ import annotations

import json
import os
import sys
import time

from lara_queue import Queue

RATE, JOBS = float(sys.argv[1]), int(os.environ["BENCH_JOBS"])
DATA = json.loads(os.environ["BENCH_DATA"])
with Queue(os.environ["BENCH_URL"], queue="bench", laravel_version=8) as queue:
    begun = time.perf_counter()
    for number in range(JOBS):
        wait = begun + number / RATE - time.perf_counter()
        if wait > 0:
            time.sleep(wait)
        queue.push("App\\Jobs\\Bench", {**DATA, "pushed": time.time()})
