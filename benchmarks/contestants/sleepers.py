"""Fifty tasks that sleep 50 ms again and again, with no queue at all: what an event loop's own timers leave to gain."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from meter import Meter

meter = Meter()


async def sleeper() -> None:
    while not meter.done:
        await asyncio.sleep(0.05)
        meter.job()


async def main() -> None:
    await asyncio.gather(*(sleeper() for _ in range(50)))


asyncio.run(main())
