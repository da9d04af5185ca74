"""``python -m lara_queue``: the same as ``lara-queue``."""

from __future__ import annotations

from lara_queue.cli import main

if __name__ == "__main__":
    main()
