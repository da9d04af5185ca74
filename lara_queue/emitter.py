"""The pyee emitters that handlers and listeners live on.

pyee tells; it does not decide. The worker takes the listeners of a job's event itself and waits for them, because it
must see them finish or raise before it acknowledges anything. Everything else is an ordinary ``emit``: here a
listener that raises is logged, the others still hear, and no job is harmed.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Callable, Iterator
from typing import Any

from pyee.asyncio import AsyncIOEventEmitter
from pyee.base import EventEmitter

from lara_queue.events import Event

__all__ = ["AsyncEmitter", "Emitter", "emitter_for"]

logger = logging.getLogger("lara_queue")


class _Answers:
    """What both emitters can say besides being told; ``_events`` is pyee's own: event to listener to what is called."""

    _events: dict[str, Any]
    changes = 0
    """Counts listeners that came and went; who remembers which there are looks whether that still holds."""

    def _add_event_handler(self, event: str, k: Any, v: Any) -> None:
        self.changes += 1
        super()._add_event_handler(event, k, v)  # type: ignore[misc]  # pyee's

    def _remove_listener(self, event: str, f: Any) -> None:
        self.changes += 1
        super()._remove_listener(event, f)  # type: ignore[misc]

    def remove_all_listeners(self, event: str | None = None) -> None:
        """Forget all listeners, or those of one event."""
        self.changes += 1
        super().remove_all_listeners(event)  # type: ignore[misc]

    def hears(self, event: str) -> bool:
        """True when anybody listens; for whoever would have to make the event only to find out."""
        return event in self._events

    def answers(self, event: Event) -> Iterator[Any]:
        """What each listener answers, one after the other; one that raises is logged and answers nothing.

        For the one event that is a question: Laravel's worker takes no job while a listener of ``Looping`` says no.
        """
        for function in list(self._events.get(event.name, {}).values()):
            try:
                yield function(event)
            except Exception:
                logger.exception("A listener failed: %r", function)


class Emitter(_Answers, EventEmitter):
    """A pyee emitter whose listeners cannot hurt anybody: one that raises is logged."""

    def allows(self, event: Event) -> bool:
        """False when the first listener that answers at all answers False; ``Dispatcher::until``."""
        for answer in self.answers(event):
            if inspect.iscoroutine(answer):
                answer.close()  # nobody can wait for it here
            elif answer is not None:
                return answer is not False
        return True

    def tell(self, event: Event) -> None:
        """Let the listeners of ``event`` know; costs one look-up when there are none."""
        if event.name in self._events:
            self.emit(event.name, event)

    def heard_by(self, event: str) -> list[Callable[..., Any]]:
        """The listeners of an event; what ``listeners()`` says, without a lock for the many events nobody awaits."""
        return self.listeners(event) if event in self._events else []

    def _emit_run(self, f: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        try:
            f(*args, **kwargs)
        except Exception:
            logger.exception("A listener failed: %r", f)


class AsyncEmitter(_Answers, AsyncIOEventEmitter):
    """The same for asyncio: coroutine listeners run as tasks, and one that raises is logged."""

    async def allows(self, event: Event) -> bool:
        """False when the first listener that answers at all answers False; coroutine listeners are awaited."""
        for answer in self.answers(event):
            if inspect.isawaitable(answer):
                try:
                    answer = await answer
                except Exception:
                    logger.exception("A listener failed")
                    continue
            if answer is not None:
                return answer is not False
        return True

    def tell(self, event: Event) -> None:
        """Let the listeners of ``event`` know; costs one look-up when there are none."""
        if event.name in self._events:
            self.emit(event.name, event)

    def heard_by(self, event: str) -> list[Callable[..., Any]]:
        """The listeners of an event; what ``listeners()`` says, without a lock for the many events nobody awaits."""
        return self.listeners(event) if event in self._events else []

    def _emit_run(self, f: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        try:
            result = f(*args, **kwargs)
        except Exception:
            logger.exception("A listener failed: %r", f)
            return
        if asyncio.iscoroutine(result):
            task = asyncio.ensure_future(result)
            self._waiting.add(task)
            task.add_done_callback(self._told)

    def _told(self, task: asyncio.Future[Any]) -> None:
        self._waiting.discard(task)
        if not task.cancelled() and task.exception() is not None:
            logger.error("A listener failed", exc_info=task.exception())


def emitter_for(face: str) -> Emitter | AsyncEmitter:
    """An emitter for ``"sync"`` or ``"async"``."""
    return AsyncEmitter() if face == "async" else Emitter()
