"""One way to call both faces: a shell drives plans, blocking or on an event loop of its own."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future
from typing import Any, Literal, Protocol, TypeVar

from lara_queue.plans import Call, Effect, Emit, Plan, Together, run, run_async

__all__ = ["AsyncShell", "Shell", "SyncShell", "perform", "perform_async", "shell_for"]

T = TypeVar("T")


class Shell(Protocol):
    """Drives plans. Use it as a context manager, or call :meth:`close`."""

    face: Literal["sync", "async"]

    def run(self, plan: Plan[T]) -> T:
        """What the plan returns."""
        ...

    def run_all(self, plans: Sequence[Plan[T]]) -> list[T]:
        """What each plan returns, all of them under way at once."""
        ...

    def meanwhile(self, waiting: Plan[T], then: Plan[Any], *, after: float = 0.05) -> tuple[T, float]:
        """Start ``waiting``; ``after`` seconds later run ``then``. What the first returns, and how many seconds after
        the end of the second it did."""
        ...

    def close(self) -> None:
        """Let go of threads and loops."""
        ...


def perform(effect: Effect) -> Any:
    """Perform a call or several, blocking; nobody listens to what is told."""
    if isinstance(effect, Call):
        return effect.link.call(effect.name, effect.args)
    if isinstance(effect, Together):
        return effect.calls[0].link.together(effect.calls)
    if isinstance(effect, Emit):
        return None
    raise TypeError(f"{effect!r} is not for a store")


async def perform_async(effect: Effect) -> Any:
    """Perform a call or several on the running loop; nobody listens to what is told."""
    if isinstance(effect, Call):
        return await effect.link.call(effect.name, effect.args)
    if isinstance(effect, Together):
        return await effect.calls[0].link.together(effect.calls)
    if isinstance(effect, Emit):
        return None
    raise TypeError(f"{effect!r} is not for a store")


class SyncShell:
    """Drives plans in this thread, or in one thread each where they run at once."""

    face: Literal["sync", "async"] = "sync"

    def run(self, plan: Plan[T]) -> T:
        """What the plan returns."""
        return run(plan, perform)

    def run_all(self, plans: Sequence[Plan[T]]) -> list[T]:
        """What each plan returns, each driven in a thread of its own."""
        futures = [self._start(plan) for plan in plans]
        return [future.result(timeout=30) for future in futures]

    def meanwhile(self, waiting: Plan[T], then: Plan[Any], *, after: float = 0.05) -> tuple[T, float]:
        """See :meth:`Shell.meanwhile`."""
        future = self._start(waiting)
        time.sleep(after)
        run(then, perform)
        begun = time.monotonic()
        return future.result(timeout=30), time.monotonic() - begun

    def close(self) -> None:
        """Nothing to let go of."""

    def __enter__(self) -> SyncShell:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _start(self, plan: Plan[T]) -> Future[T]:
        future: Future[T] = Future()

        def work() -> None:
            try:
                future.set_result(run(plan, perform))
            except BaseException as error:
                future.set_exception(error)

        threading.Thread(target=work, daemon=True).start()
        return future


class AsyncShell:
    """Drives plans on an event loop of its own."""

    face: Literal["sync", "async"] = "async"

    def __init__(self) -> None:
        self.runner = asyncio.Runner()

    def run(self, plan: Plan[T]) -> T:
        """What the plan returns."""
        return self.runner.run(run_async(plan, perform_async))

    def run_all(self, plans: Sequence[Plan[T]]) -> list[T]:
        """What each plan returns, each driven in a task of its own."""

        async def work() -> list[T]:
            return await asyncio.gather(*(run_async(plan, perform_async) for plan in plans))

        return self.runner.run(work())

    def meanwhile(self, waiting: Plan[T], then: Plan[Any], *, after: float = 0.05) -> tuple[T, float]:
        """See :meth:`Shell.meanwhile`."""

        async def work() -> tuple[T, float]:
            task = asyncio.create_task(run_async(waiting, perform_async))
            await asyncio.sleep(after)
            await run_async(then, perform_async)
            begun = time.monotonic()
            return await asyncio.wait_for(task, 30), time.monotonic() - begun

        return self.runner.run(work())

    def close(self) -> None:
        """Close the loop."""
        self.runner.close()

    def __enter__(self) -> AsyncShell:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def shell_for(face: Literal["sync", "async"]) -> SyncShell | AsyncShell:
    """The shell of a face."""
    return SyncShell() if face == "sync" else AsyncShell()
