"""What plans ask for, done on the running event loop."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator
from typing import Any

from lara_queue.plans import Call, Effect, Emit, Together

__all__ = ["perform_async"]


class _Nothing:
    """What to await where there is nothing to wait for."""

    def __await__(self) -> Generator[Any, Any, None]:
        return
        yield


_NOTHING = _Nothing()


def perform_async(effect: Effect, tell: Callable[[Any], object] | None = None) -> Awaitable[Any]:
    """What a plan asks for, to be awaited; for plans that run no handlers.

    No coroutine of its own: there is one such call for every effect of every job.
    """
    if isinstance(effect, Call):
        asked: Awaitable[Any] = effect.link.call(effect.name, effect.args)
        return asked
    if isinstance(effect, Together):
        asked = effect.calls[0].link.together(effect.calls)
        return asked
    if isinstance(effect, Emit) and tell is not None:
        tell(effect.event)
        return _NOTHING
    raise TypeError(f"cannot perform {effect!r} here")
