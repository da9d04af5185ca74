"""What Python does with the jobs of a Laravel application.

This module is yours: lara-queue make:python adds to it and changes nothing.
"""

import os

from lara_queue import Queue

from .models import TranscribePodcast

URL = os.environ.get("LARA_QUEUE_URL", "redis://localhost:6379/0")

queue = Queue(URL, queue="default")


@queue.handler(tries=5, backoff=[1, 5, 10])
def transcribe_podcast(job: TranscribePodcast) -> None:
    raise NotImplementedError("App\\Jobs\\TranscribePodcast has no handler yet")
