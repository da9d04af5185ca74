"""A Laravel application on disk: what its ``.env`` and configuration say, read in Python alone.

:class:`Laravel` is the way in. ``php_reader.py`` reads configuration files, ``dotenv.py`` the environment,
``config.py`` puts them together as Laravel does, ``resolve.py`` turns them into settings, ``arguments.py``
those into a queue. ``description.py`` and ``checks.py`` are what ``lara-queue doctor`` says and asks.
"""

from __future__ import annotations

from lara_queue.application.laravel import Laravel

__all__ = ["Laravel"]
