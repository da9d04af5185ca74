"""Jobs pushed by the clock: ``queue.cron("*/5 * * * *", name, data)``.

Any number of workers may carry the same schedule: one of them leads (a lock in the cache), the others stand by, and a
note for each tick keeps two that both believe to lead from pushing it twice.

* :mod:`~lara_queue.schedule.ticks`: which ticks are due; a pure function.
* :mod:`~lara_queue.schedule.entries`: what was asked for.
* :mod:`~lara_queue.schedule.runner`: leading, pushing, noting, as plans.
* :mod:`~lara_queue.schedule.beside`: the thread or task that does so beside a worker.
"""
