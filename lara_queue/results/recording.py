"""Who keeps results while a job runs: wraps its handlers, and listens for its final failure.

The note is made *before* the job is settled, so that a job that is gone has its result kept: a worker that dies in
between leaves a job that runs again, and its note is made again. Trouble with the cache is logged; no job fails for it.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, Literal

from lara_queue.clock import Clock
from lara_queue.errors import ConfigurationError, JobTimeout
from lara_queue.events import JobFailed
from lara_queue.job import Job
from lara_queue.lifecycle.decide import Bury, Delete, Disposition, after_error, after_timeout
from lara_queue.plans import Plan, run, run_async
from lara_queue.ports import Cache
from lara_queue.results.notes import write
from lara_queue.results.values import LIMIT_BYTES, Result, ResultState, with_value
from lara_queue.worker.aio import perform_async
from lara_queue.worker.sync import perform

if TYPE_CHECKING:
    from lara_queue.emitter import AsyncEmitter, Emitter
    from lara_queue.registry import Handler, Registry

__all__ = ["Recorder", "Track"]

logger = logging.getLogger("lara_queue")

PATIENCE_SECONDS: Final = 10.0
"""How long one waits for a note to be made on the event loop."""


class Recorder:
    """Keeps the results of one queue object's jobs.

    Parameters:
        cache: where they are kept; without it nothing can be switched on.
        seconds: for how long, for every job; None for those only whose handler asks for it.
        face: which shell runs the jobs.
        clock: tells the Unix time in seconds.
        limit: how many bytes of JSON a value may take.
    """

    def __init__(
        self,
        cache: Cache | None,
        seconds: float | None,
        face: Literal["sync", "async"],
        clock: Clock,
        *,
        limit: int = LIMIT_BYTES,
    ) -> None:
        self.cache = cache
        self.seconds = seconds
        self.face = face
        self.clock = clock
        self.limit = limit
        self._by_function: dict[Any, float] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._attached = False

    def attach(self, registry: Registry, emitter: Emitter | AsyncEmitter) -> None:
        """Be there when handlers run, from now on. A queue whose results nobody asked for is left alone."""
        if self._attached:
            return
        self._attached = True
        before = registry.around

        def around(job: Job, handlers: list[Handler]) -> list[Handler]:
            return self.around(job, handlers if before is None else before(job, handlers))

        registry.around = around
        emitter.on(JobFailed.name, self._failed if self.face == "sync" else self._failed_later)

    def keep(self, function: Any, seconds: float) -> None:
        """Keep the results of this handler for so many seconds."""
        if self.cache is None:
            raise ConfigurationError("Results are kept in Laravel's cache; give Queue(cache=…) to use results=.")
        if not seconds > 0:
            raise ConfigurationError(f"results must be how many seconds they are kept, not {seconds!r}.")
        self._by_function[function] = seconds

    def around(self, job: Job, handlers: list[Handler]) -> list[Handler]:
        """The handlers, inside what keeps their results; as they are when nobody asked for that."""
        seconds = self.seconds
        for handler in handlers:
            seconds = self._by_function.get(handler.function, seconds)
        if seconds is None or not handlers or job.uuid is None:
            return handlers
        loop = None if self.face == "sync" else asyncio.get_running_loop()
        track = Track(self, job, seconds, len(handlers), loop)
        job.on_progress = track.progress
        return [replace(handler, function=track.wrap(handler), model=None) for handler in handlers]

    async def drain(self) -> None:
        """Wait until every note that was begun is made, but not for ever."""
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=PATIENCE_SECONDS)

    def start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Have a note made on the running loop."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _failed(self, event: JobFailed) -> None:
        track = track_of(event.job)
        if track is not None and track.result.state != "failed":
            track.drive(track.note("failed", event.exception))

    def _failed_later(self, event: JobFailed) -> None:
        track = track_of(event.job)
        if track is not None and track.result.state != "failed":
            self.start(track.drive_async(track.note("failed", event.exception)))


class Track:
    """The notes about one attempt at a job.

    Parameters:
        recorder: where they go.
        job: what they are about.
        seconds: how long they are kept.
        handlers: how many handlers the job has; it is finished when the last one is.
        loop: the event loop, under asyncio.
    """

    def __init__(
        self, recorder: Recorder, job: Job, seconds: float, handlers: int, loop: asyncio.AbstractEventLoop | None
    ) -> None:
        self._recorder = recorder
        self._job = job
        self._seconds = seconds
        self._left = handlers
        self._begun = False
        self._loop = loop
        self._progress: asyncio.Task[None] | None = None
        self.result = Result(job.uuid or "", attempts=job.attempts)

    # -- what is noted, as plans ----------------------------------------------------------------

    def note(self, state: ResultState, error: BaseException | None = None, value: Any = None) -> Plan[None]:
        """Keep the state, with what else is known by now."""
        result = replace(self.result, state=state, at=self._recorder.clock(), error=_text(error))
        if state == "finished":
            result = with_value(result, value, self._recorder.limit)
            if result.problem is not None:
                logger.warning("The result of %r is not kept. %s", self._job, result.problem)
        self.result = result
        cache = self._recorder.cache
        if cache is not None:
            yield from write(cache, result, self._seconds)

    def begins(self) -> Plan[None]:
        """A handler is about to run; the first one says so."""
        if not self._begun:
            self._begun = True
            yield from self.note("running")

    def returned(self, value: Any) -> Plan[None]:
        """A handler returned; the last one says what became of the job."""
        self._left -= 1
        if self._left > 0:
            return
        wish = self._job.wish
        if isinstance(wish, Bury):
            yield from self.note("failed", wish.error)
        elif self._job.is_released:
            yield from self.note("pending")
        else:
            yield from self.note("finished", value=value)

    def raised(self, error: Exception) -> Plan[None]:
        """A handler raised; whether it will be tried again is decided as the lifecycle decides it.

        With a limit of exceptions only the lifecycle knows: then the final failure is noted when it tells of it.
        """
        job, rules, now = self._job, self._job.rules, self._recorder.clock()
        verdict: Disposition | None = job.wish
        if verdict is None and rules is not None:
            if isinstance(error, JobTimeout):
                verdict = after_timeout(job.name, job.attempts, None, rules, now)
            else:
                verdict = after_error(error, job.attempts, None, rules, now)
        if isinstance(verdict, Bury):
            yield from self.note("failed", verdict.error)
        else:
            yield from self.note("failed" if isinstance(verdict, Delete) else "pending", error)

    # -- how it is done in each world ----------------------------------------------------------------

    def drive(self, plan: Plan[None]) -> None:
        """Make a note from a thread that may block; logs what goes wrong."""
        try:
            if self._loop is None:
                run(plan, perform)
            else:
                asyncio.run_coroutine_threadsafe(self.drive_async(plan), self._loop).result(PATIENCE_SECONDS)
        except Exception as error:
            logger.warning("The result of %r could not be kept: %s", self._job, error or type(error).__name__)

    async def drive_async(self, plan: Plan[None]) -> None:
        """Make a note on the event loop, after those before it; logs what goes wrong."""
        try:
            if self._progress is not None:
                before, self._progress = self._progress, None
                await asyncio.wait({before})
            await run_async(plan, perform_async)
        except Exception as error:
            logger.warning("The result of %r could not be kept: %s", self._job, error or type(error).__name__)

    def wrap(self, handler: Handler) -> Callable[[Job], Any]:
        """The handler's function, to be called with the job."""

        async def as_coroutine(job: Job) -> Any:
            await self.drive_async(self.begins())
            try:
                value = await handler.function(handler.argument(job))
            except Exception as error:
                await self.drive_async(self.raised(error))
                raise
            await self.drive_async(self.returned(value))
            return value

        def as_function(job: Job) -> Any:
            self.drive(self.begins())
            try:
                value = handler.function(handler.argument(job))
            except Exception as error:
                self.drive(self.raised(error))
                raise
            if inspect.isawaitable(value):
                return self._finish(value)
            self.drive(self.returned(value))
            return value

        async def blocking(job: Job) -> Any:
            # An async handler of the blocking face: its loop is the worker's own, the cache's link is blocking.
            self.drive(self.begins())
            return await self._finish(handler.function(handler.argument(job)))

        if not handler.is_async:
            return as_function
        return as_coroutine if self._loop is not None else blocking

    async def _finish(self, awaitable: Any) -> Any:
        try:
            value = await awaitable
        except Exception as error:
            await self._either(self.raised(error))
            raise
        await self._either(self.returned(value))
        return value

    async def _either(self, plan: Plan[None]) -> None:
        if self._loop is None:
            self.drive(plan)
        else:
            await self.drive_async(plan)

    def progress(self, share: float, message: str) -> None:
        """Note how far the job is: at once when that may block, else as soon as the note before it is made."""
        share = min(1.0, max(0.0, float(share)))
        self.result = replace(self.result, progress=share, message=str(message), state="running")
        if self._loop is None:
            self.drive(self.note("running"))
        else:
            self._loop.call_soon_threadsafe(self._progress_later)

    def _progress_later(self) -> None:
        if self._progress is None or self._progress.done():  # otherwise the note under way is followed by this one
            self._progress = self._recorder.start(self._progress_notes())

    async def _progress_notes(self) -> None:
        """Notes until the newest is made; ten in a row become two."""
        while True:
            noted = self.result
            if noted.state != "running":
                return
            try:
                await run_async(self.note("running"), perform_async)
            except Exception as error:
                logger.warning("The progress of %r could not be kept: %s", self._job, error)
                return
            if (self.result.progress, self.result.message) == (noted.progress, noted.message):
                return


def track_of(job: Job) -> Track | None:
    """The notes about the attempt that is being made, when there are any."""
    owner = getattr(job.on_progress, "__self__", None)
    return owner if isinstance(owner, Track) else None


def _text(error: BaseException | None) -> str | None:
    return None if error is None else f"{type(error).__name__}: {error}"
