"""Futures of what was asked of a store: how an answer reaches the one who waits, and how to wait for all of them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Any

__all__ = ["PATIENCE", "finished", "resolve"]

PATIENCE = 10.0
"""Seconds that a cancelled reserve, or a close, waits for what was asked."""


def resolve(future: asyncio.Future[Any], answer: Any) -> None:
    """Give the answer, or raise it when it is an exception, to whoever waits."""
    if future.done():
        return  # cancelled: nobody wants to know any more
    if isinstance(answer, BaseException):
        future.set_exception(answer)
    else:
        future.set_result(answer)


async def finished(futures: Sequence[asyncio.Future[Any]]) -> None:
    """Wait until they are done, or for ten seconds, however often this task is cancelled meanwhile."""
    until = time.monotonic() + PATIENCE
    while left := [future for future in futures if not future.done()]:
        seconds = until - time.monotonic()
        if seconds <= 0:
            return
        try:
            await asyncio.wait(left, timeout=seconds)
        except asyncio.CancelledError:
            pass  # whoever waits here has one to raise already
    for future in futures:
        future.cancelled() or future.exception()  # seen, so nobody is told that it never was
