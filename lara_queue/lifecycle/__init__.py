"""The life of a job in hand: pure decisions (:mod:`decide`, :mod:`backoff`, :mod:`stop`) and plans that act on them.

To find where a retry is decided, open :mod:`lara_queue.lifecycle.decide`.
"""
