"""Running a job's handlers on the event loop.

Coroutine handlers are cancelled when their time is up; a plain function runs in a thread, where its timeout is reported
but cannot be enforced.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any

from lara_queue.errors import Interrupted, JobError, JobTimeout
from lara_queue.job import Job, current_job
from lara_queue.registry import Handler
from lara_queue.worker.core import WorkerCore
from lara_queue.worker.deadlines import Deadlines

__all__ = ["Handlers"]

logger = logging.getLogger("lara_queue")


class Handlers:
    """Runs handlers, and keeps the threads that plain functions run in.

    Parameters:
        core: the worker's state.
    """

    def __init__(self, core: WorkerCore) -> None:
        self.core = core
        self.deadlines = Deadlines()
        self._threads: ThreadPoolExecutor | None = None

    def close(self) -> None:
        """Let go of the threads; those that still run a function end with it."""
        self.deadlines.close()
        if self._threads is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)

    async def run(self, job: Job, task: asyncio.Task[Any]) -> Any:
        """What the last of the job's handlers returned; ``task`` is the one this runs in.

        Raises what a handler raised, :class:`~lara_queue.errors.JobTimeout` when its time was up, and
        :class:`~lara_queue.errors.Interrupted` when the worker must leave.
        """
        timeout = job.rules.timeout if job.rules is not None else 0
        current_job.set(job)  # each job has a task, and so a context, of its own
        if self.core.forced:
            raise Interrupted
        watched = timeout > 0
        if watched:
            self.deadlines.begin(task, timeout)
        result = None
        try:
            for handler in job.handlers:
                if handler.is_async:
                    result = await handler.function(handler.argument(job))
                else:
                    result = await self._in_thread(handler, job, timeout)
                    if inspect.isawaitable(result):
                        result = await result
        except asyncio.CancelledError:
            if watched:
                watched = False
                if self.deadlines.end(task, timeout) and not task.cancelling():
                    raise JobTimeout(f"{job.name} has been running for {timeout:g} seconds, its timeout.") from None
            if task.cancelling():
                raise Interrupted from None
            raise JobError(f"The handler of {job.name} awaited something that was cancelled.") from None
        finally:
            if watched:
                self.deadlines.end(task, timeout)
        return result

    async def _in_thread(self, handler: Handler, job: Job, timeout: float) -> Any:
        """Run a plain function in a thread. It cannot be stopped there: its timeout is reported when it ends."""
        if self._threads is None:
            self._threads = ThreadPoolExecutor(self.core.parts.concurrency, thread_name_prefix="lara_queue")
        context = copy_context()
        future = asyncio.get_running_loop().run_in_executor(
            self._threads, context.run, handler.function, handler.argument(job)
        )
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            if self.core.forced:
                raise
            logger.warning(
                "%r is past its timeout of %g s; a plain function in a thread cannot be stopped.", job, timeout
            )
            await asyncio.wait({future})  # the job must not be handed out again while it still runs
            raise
