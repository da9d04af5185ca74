"""From options to an open queue, blocking or asyncio, that a command can ask without caring which it is."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import os
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, fields
from typing import Any, TypeVar

import click
from click.core import ParameterSource

from lara_queue.aio import AsyncQueue
from lara_queue.application import Laravel
from lara_queue.cli.locate import AnyQueue, checked, locate
from lara_queue.cli.program import CommandError
from lara_queue.events import Event
from lara_queue.plans import Plan
from lara_queue.ports import Cache
from lara_queue.queue import Queue

__all__ = ["Place", "Session", "remember_application", "the_application"]

T = TypeVar("T")
LoopFactory = Callable[[], asyncio.AbstractEventLoop]
_APPLICATION = "lara_queue.laravel"


def remember_application(context: click.Context, path: str | None, *, typed: bool) -> None:
    """Note the application's folder for this command and those below it; what was typed beats the environment."""
    before: tuple[str, bool] | None = context.meta.get(_APPLICATION)
    if path is not None and (typed or before is None or not before[1]):
        context.meta[_APPLICATION] = (path, typed)


def the_application() -> tuple[str, bool] | None:
    """The folder given with ``--laravel``, and whether it was typed; None when there is none."""
    context = click.get_current_context(silent=True)
    return None if context is None else context.meta.get(_APPLICATION)


class Session:
    """A queue for the length of one command.

    Parameters:
        make: makes the queue; what it returns may have to be awaited.
        target: how the user named it, for errors.
        loop_factory: makes the event loop an asyncio queue runs on.
        from_code: the queue is the user's own; where it lacks a cache or the maintenance file, those of the
            application named with ``--laravel`` are put in.
    """

    queue: AnyQueue

    def __init__(
        self,
        make: Callable[[], Any],
        target: str = "",
        *,
        loop_factory: LoopFactory | None = None,
        from_code: bool = True,
    ) -> None:
        self._make = make
        self._from_code = from_code
        self._target = target
        self._runner = asyncio.Runner(loop_factory=loop_factory)

    def __enter__(self) -> Session:
        self._runner.__enter__()
        try:
            self.queue = checked(self._target, self.ask(self._make()))
            if self._from_code:
                _complete(self.queue)
        except BaseException:
            self._runner.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        try:
            with contextlib.suppress(Exception):  # whatever the command found out must not be covered by this
                self.ask(self.queue.close())
        finally:
            self._runner.close()

    def ask(self, answer: T | Coroutine[Any, Any, T]) -> T:
        """The answer itself; one that has to be awaited is awaited."""
        if inspect.iscoroutine(answer):
            done: T = self._runner.run(answer)
            return done
        return answer  # type: ignore[return-value]  # mypy cannot rule a coroutine out

    def do(self, plan: Plan[T]) -> T:
        """What a plan returns that the queue has no method for."""
        return self.ask(self.queue._drive(plan))

    def tell(self, event: Event) -> None:
        """Let the queue's listeners know, and wait for them."""
        queue = self.queue
        if isinstance(queue, Queue):
            queue.emitter.tell(event)
        else:
            self._runner.run(_tell(queue, event))

    @property
    def cache(self) -> Cache:
        """Laravel's cache; raises when the queue was made without."""
        found = self.queue._cache
        if found is None:
            if (application := the_application()) is not None:
                problem = Laravel(application[0]).settings.cache.problem or "lara-queue cannot read it."
                raise CommandError(
                    f"This needs the application's cache. {problem} Give --cache URL and --cache-prefix."
                )
            raise CommandError(
                "This needs Laravel's cache: give --cache URL and --cache-prefix, or an --app whose queue has a cache."
            )
        return found


def _complete(queue: AnyQueue) -> None:
    """Give a queue from code the signals of the application that ``--laravel`` names, where it has none of its own."""
    application = the_application()
    if application is None or (queue._cache is not None and queue._maintenance_file is not None):
        return
    from lara_queue.application.arguments import cache_of

    settings = Laravel(application[0]).settings
    if queue._cache is None and (cache := cache_of(settings, queue.face)) is not None:
        queue.use_cache(cache)
    if queue._maintenance_file is None and settings.maintenance.driver != "cache":
        queue._maintenance_file = settings.maintenance.file


async def _tell(queue: AsyncQueue, event: Event) -> None:
    queue.emitter.tell(event)
    wait_for_complete = getattr(queue.emitter, "wait_for_complete", None)
    if wait_for_complete is not None:
        await wait_for_complete()


_GIVEN = ("appname", "prefix", "failed", "dead_letter_queue", "cache", "cache_prefix", "app_key")
"""The options that are a queue object's arguments of the same names."""


@dataclass(frozen=True, slots=True)
class Place:
    """What the shared options say; None for what was not given."""

    app: str | None = None
    connection: str | None = None
    appname: str | None = None
    prefix: str | None = None
    failed: str | None = None
    dead_letter_queue: str | None = None
    cache: str | None = None
    cache_prefix: str | None = None
    app_key: str | None = None

    @classmethod
    def names(cls) -> list[str]:
        """The options' names."""
        return [field.name for field in fields(cls)]

    def open(self, queue: str | None = None, *, only_cache: bool = False) -> Session:
        """A session on the queue that the options name.

        Parameters:
            queue: the queue's name; on Redis its failures are in the list ``NAME:failed``, unless another is named.
            only_cache: the command does without jobs, so that no queue need be named when a cache is.

        Raises :class:`~lara_queue.cli.program.CommandError` when none is named.
        """
        application = the_application()
        if self.app is not None and not (self.typed("connection") and not self.typed("app")):
            if self.typed("app") and self.typed("connection"):
                raise CommandError("Give --app or --connection, not both.")
            app = self.app
            return Session(lambda: locate(app), app)
        if application is not None:
            path, typed = application
            elsewhere = self.typed("connection") and "://" in (self.connection or "")
            if elsewhere and typed:
                raise CommandError("Give --laravel or a URL as --connection, not both.")
            if not elsewhere:
                return self._of_application(Laravel(path), queue, only_cache)
        if self.connection is None and not (only_cache and self.cache is not None):
            raise CommandError(
                "Which queue? Give --connection URL, set LARA_QUEUE_URL, or give --laravel PATH or --app MODULE:ATTR."
            )
        given: dict[str, Any] = {name: value for name in _GIVEN if (value := self._said(name)) is not None}
        if queue is not None:
            given["queue"] = queue
        if self.connection is None:
            # Pauses are kept under the connection's name: Laravel's usual one, when nobody says.
            return Session(lambda: Queue("memory://", connection="redis", **given), "--cache", from_code=False)
        return Session(lambda: Queue(self.connection, **given), "--connection", from_code=False)

    def _of_application(self, application: Laravel, queue: str | None, only_cache: bool) -> Session:
        """A session on a queue connection of an application; what was typed beats its configuration.

        ``LARA_QUEUE_URL`` and the other variables are about another place, so they do not count here.
        """
        typed = {name: getattr(self, name) for name in _GIVEN if self.typed(name)}
        if "cache_prefix" in typed and "cache" not in typed:
            raise CommandError("With --laravel, --cache-prefix goes together with --cache.")
        if self.app_key is not None and application.settings.app_key is None:
            typed["app_key"] = self.app_key
        name = self.connection if self.typed("connection") else None
        if only_cache:
            from lara_queue.application.arguments import cache_of

            # The signals are the same whatever the store of the jobs is, and whether it can be reached.
            cache = {"cache": cache_of(application.settings, "sync"), **typed}
            name = name or application.settings.default_connection
            return Session(lambda: Queue("memory://", connection=name, **cache), "--laravel", from_code=False)
        return Session(lambda: application.queue(queue, connection=name, **typed), "--laravel", from_code=False)

    def _said(self, name: str) -> str | None:
        """What was said of an option; for a prefix the environment counts too, where an empty one means none at all.

        (click takes an empty variable for one that is not there.)
        """
        said: str | None = getattr(self, name)
        if said is None and name in ("appname", "prefix", "cache_prefix"):
            return os.environ.get(f"LARA_QUEUE_{name.upper()}")
        return said

    @staticmethod
    def typed(name: str) -> bool:
        """True when the option was typed, not taken from the environment: what is typed wins."""
        return click.get_current_context().get_parameter_source(name) is ParameterSource.COMMANDLINE
