"""The main job in one minute, with no server: what ``lara-queue demo`` shows.

``payloads.json`` has jobs that real Laravel applications wrote; ``recorded.py`` reads them, ``story.py`` runs a worker
over them, ``screen.py`` shows what happens, live on a terminal and line by line elsewhere.
"""

from __future__ import annotations

from lara_queue.demo.story import Story, tell

__all__ = ["Story", "tell"]
