"""What Laravel does around a job: chains, batches, unique and debounced jobs, and the closures that travel with them.

Named after ``Illuminate/Bus``, where most of it lives. ``keys.py`` has the names of locks in the cache for each
Laravel; ``commands.py`` changes job objects; ``closures.py`` writes closures that PHP can run; the others are plans
over the ports, put around the handler by ``pipeline.py``.
"""
