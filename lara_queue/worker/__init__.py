"""The two loops that take jobs and run them: :mod:`sync` (main thread, threads) and :mod:`aio` (tasks).

What they share (options, counters, decisions) is in :mod:`core`; what differs for real (signals, timeouts, waiting)
is all that is written twice.
"""
