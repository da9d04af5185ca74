"""Waiting for time to pass, as a link, so that plans can ask for it like for anything else: ``Call(link, WAIT, …)``.

Tests give a link of their own that moves the clock instead.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Any, Literal

from lara_queue.plans import Call

__all__ = ["AsyncPause", "Pause", "pause_for"]


class Pause:
    """Blocks the thread for as many seconds as the first argument of a call says."""

    def call(self, name: str, args: tuple[Any, ...]) -> None:
        """Nothing, after that time."""
        time.sleep(args[0])

    def together(self, calls: Sequence[Call]) -> list[Any]:
        """Nothing for each, one after the other."""
        for call in calls:
            self.call(call.name, call.args)
        return [None] * len(calls)


class AsyncPause:
    """The same for asyncio."""

    async def call(self, name: str, args: tuple[Any, ...]) -> None:
        """Nothing, after that time."""
        await asyncio.sleep(args[0])

    async def together(self, calls: Sequence[Call]) -> list[Any]:
        """Nothing for each, one after the other."""
        for call in calls:
            await self.call(call.name, call.args)
        return [None] * len(calls)


def pause_for(face: Literal["sync", "async"]) -> Pause | AsyncPause:
    """The one for a face."""
    return Pause() if face == "sync" else AsyncPause()
