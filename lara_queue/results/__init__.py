"""What became of a job: its handler's return value, and how far it is, kept in the cache for a while.

Off unless ``Queue(results=seconds)`` or ``@queue.handler(…, results=seconds)`` asks for it; then it costs two writes
to the cache for each attempt. ``queue.result(uuid)`` reads it, ``job.progress(share, message)`` adds to it.

* :mod:`~lara_queue.results.values`: what is kept, and how it is written.
* :mod:`~lara_queue.results.notes`: reading and waiting, as plans over the cache.
* :mod:`~lara_queue.results.recording`: who writes while a job runs.
* :mod:`~lara_queue.results.producing`: who writes when one is pushed.
"""
