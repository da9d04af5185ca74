"""What a handler returned, and how far it is: asked for by whoever pushed the job.

Run it: python examples/results.py
"""

from __future__ import annotations

import logging
import os
import threading

from lara_queue import Job, Queue

url = os.environ.get("LARA_QUEUE_URL", "memory://")
queue = Queue(url, queue="results", cache=url, results=600)  # kept for ten minutes
halfway, go_on = threading.Event(), threading.Event()


@queue.handler("App\\Jobs\\CountWords")
def count_words(job: Job) -> dict[str, int]:
    texts = job.data["texts"]
    found = {}
    for number, text in enumerate(texts, 1):
        found[text] = len(text.split())
        job.progress(number / len(texts), f"{number} of {len(texts)}")
        if number == 1:
            halfway.set()
            go_on.wait(10)
    return found


@queue.handler("App\\Jobs\\Divide")
def divide(job: Job) -> float:
    return float(job.data["a"] / job.data["b"])


if __name__ == "__main__":
    logging.getLogger("lara_queue").setLevel(logging.CRITICAL)
    counted = queue.push("App\\Jobs\\CountWords", {"texts": ["to be or not to be", "that is the question"]})
    divided = queue.push("App\\Jobs\\Divide", {"a": 1, "b": 0})
    print("after the push:", queue.result(counted).state)

    worker = threading.Thread(target=queue.listen, kwargs={"stop_when_empty": True})
    worker.start()
    halfway.wait(10)
    result = queue.result(counted)
    print(f"meanwhile: {result.state}, {result.progress:.0%}, {result.message}")
    go_on.set()

    result = queue.result(counted, timeout=10)  # waits until it is ready
    print(f"in the end: {result.state}, {result.value}")
    result = queue.result(divided, timeout=10)
    print(f"the other one: {result.state}, {result.error}")
    print("one nobody knows:", queue.result("no-such-job").state)
    worker.join()
    queue.failed.flush()
