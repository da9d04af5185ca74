"""Which function handles which job: handlers are listeners of a pyee event named after the job's class.

``queued`` is the event for "any job that has no handler of its own", the name LaraQueue uses.
"""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, overload

from lara_queue.bus.unique import Uniqueness
from lara_queue.emitter import AsyncEmitter, Emitter
from lara_queue.errors import HandlerError
from lara_queue.job import Job, current_job
from lara_queue.laravel.binding import class_name_of, from_job, is_model
from lara_queue.middleware.base import Middleware, sorted_out, wrapped
from lara_queue.middleware.once import Once
from lara_queue.options import HandlerOptions

__all__ = ["ANY_JOB", "Handler", "Registry", "Strategy"]

ANY_JOB = "queued"
_REMEMBERED = 1000
F = TypeVar("F", bound=Callable[..., Any])
Strategy = Callable[[Sequence[str]], Sequence[str]]
"""From the queues that a worker may look into to those it looks into now, in order."""


@dataclass(frozen=True, slots=True)
class Handler:
    """A registered function: how to call it and what it was registered with.

    Attributes:
        function: what the user wrote, inside its plain middleware.
        is_async: it is a coroutine function.
        model: the class its argument is annotated with, when that is a typed job; else None.
        options: the options given to the decorator, or None when there were none.
        plans: the middleware that is plans, the outermost first.
        said: what it says about its jobs' locks, or None.
    """

    function: Callable[..., Any]
    is_async: bool
    model: type[Any] | None = None
    options: HandlerOptions | None = None
    plans: tuple[Middleware, ...] = ()
    said: Uniqueness | None = None

    def argument(self, job: Job) -> Any:
        """What the function is called with: the job, or an instance of its model.

        Raises :class:`~lara_queue.errors.JobTypeError` when the job does not fit the model.
        """
        return job if self.model is None else from_job(self.model, job.data, job.name)


class Registry:
    """The handlers of one queue.

    Parameters:
        emitter: the pyee emitter on which handlers are registered as listeners.
        middleware: what stands around every handler.
    """

    def __init__(self, emitter: Emitter | AsyncEmitter, middleware: Sequence[Middleware] = ()) -> None:
        self.emitter = emitter
        self._plans, self._functions_around = sorted_out(middleware)
        self._handlers: dict[Any, Handler] = {}
        self._found: dict[tuple[str, str | None, str], list[Handler]] = {}
        self._changes = 0
        self.strategies: dict[str, Strategy] = {}
        self.around: Callable[[Job, list[Handler]], list[Handler]] | None = None
        """When set: what is run instead of a job's handlers, for whoever must be there while they run (tracing)."""

    @overload
    def handler(self, name: F, /) -> F: ...
    @overload
    def handler(self, name: str | type[Any] | None = None, /, **options: Any) -> Callable[[F], F]: ...
    def handler(self, name: Any = None, /, **options: Any) -> Any:
        """Register a handler; see ``Queue.handler``."""
        if name is None or isinstance(name, str | type):
            return lambda function: self._register(name, function, options)
        if options or not callable(name):
            raise HandlerError(f"@queue.handler takes a job name, a model class or nothing, not {name!r}.")
        return self._register(None, name, {})

    def _register(self, name: str | type[Any] | None, function: F, given: dict[str, Any]) -> F:
        if not callable(function):
            raise HandlerError(f"A handler must be callable, not {function!r}.")
        options = _options(given)
        model = name if isinstance(name, type) else _model_of(function)
        event = name if isinstance(name, str) else ANY_JOB
        if model is not None and not isinstance(name, str):
            event = class_name_of(model)
        self._handlers[function] = self._handler(function, model, options)
        self.emitter.on(event, function)
        return function

    def pop_using(self, worker_name: str, strategy: Strategy | None) -> None:
        """Let ``strategy`` choose where the workers of that name look for jobs; None lets them look as usual.

        It is called before each look with the worker's queues that are not paused, in order of priority, and returns
        those to look into, in order; they need not be among them. Mirrors ``Worker::popUsing``.

        >>> from lara_queue.emitter import Emitter
        >>> Registry(Emitter()).pop_using("nightly", lambda queues: queues[::-1])
        """
        if strategy is None:
            self.strategies.pop(worker_name, None)
        else:
            self.strategies[worker_name] = strategy

    def of(self, job: Job) -> list[Handler]:
        """The handlers of the job: of its display name, else of its command's class, else of any job."""
        envelope = job.envelope
        key = (job.name, envelope.command_name, envelope.job)
        if self._changes != self.emitter.changes or len(self._found) > _REMEMBERED:
            self._found.clear()
            self._changes = self.emitter.changes
        found = self._found.get(key)
        if found is None:
            known = self._handlers
            found = self._found[key] = [known.get(f) or self._handler(f) for f in self._functions(job)]
        return found if self.around is None else self.around(job, found)

    def named(self, job: Job) -> list[Handler]:
        """The handlers registered for the job's own name or class; those for any job do not count."""
        any_job = self.emitter.heard_by(ANY_JOB)
        functions = self._functions(job)
        return [] if functions == any_job else self.of(job)

    def _handler(
        self, function: Callable[..., Any], model: type[Any] | None = None, options: HandlerOptions | None = None
    ) -> Handler:
        is_async = inspect.iscoroutinefunction(_bare(function))
        plans, around = self._plans, self._functions_around
        said = None
        if options is not None:
            own_plans, own_around = sorted_out(options.middleware)
            plans, around = (*plans, *own_plans), (*around, *own_around)
            if options.once_for is not None:
                plans = (*plans, Once(options.once_for, key=options.once_key))
            if options.unique or options.unique_until_processing or options.debounce_id is not None:
                said = Uniqueness(options.unique, options.unique_until_processing, options.debounce_id)
        if around:
            inside = wrapped(around, function, is_async)
            return Handler(_with_job(inside, is_async), is_async, model, options, plans, said)
        return Handler(function, is_async, model, options, plans, said)

    def _functions(self, job: Job) -> Sequence[Callable[..., Any]]:
        listeners = self.emitter.heard_by
        name = job.name
        found: Sequence[Callable[..., Any]] = listeners(name)
        if found:
            return found
        command = job.envelope.command_name
        if command is not None and command != name and (found := listeners(command)):
            return found
        if not job.envelope.is_object_job and job.envelope.job != name and (found := listeners(job.envelope.job)):
            return found
        short = name.rpartition("\\")[2]
        if short != name and (found := listeners(short)):
            return found
        return listeners(ANY_JOB)


def _with_job(inside: Callable[[Any, Any], Any], is_async: bool) -> Callable[[Any], Any]:
    """A handler, called with its argument alone, that gives its middleware the job in hand."""
    if is_async:

        async def run_async(argument: Any) -> Any:
            return await inside(current_job.get(), argument)

        return run_async
    return lambda argument: inside(current_job.get(), argument)


def _bare(function: Any) -> Any:
    """The function inside partials and callable objects, whose kind counts."""
    while hasattr(function, "func"):
        function = function.func
    if not inspect.isroutine(function) and not isinstance(function, type):
        return getattr(function, "__call__", function)  # noqa: B004  # the method itself is what is wanted
    return function


def _options(given: dict[str, Any]) -> HandlerOptions | None:
    if not given:
        return None
    if "middleware" in given:
        given = {**given, "middleware": tuple(given["middleware"])}
    if "retry_exceptions" in given and given["retry_exceptions"] is not None:
        given = {**given, "retry_exceptions": tuple(given["retry_exceptions"])}
    try:
        return HandlerOptions(**given)
    except TypeError:
        known = ", ".join(HandlerOptions.__dataclass_fields__)
        unknown = ", ".join(sorted(set(given) - set(HandlerOptions.__dataclass_fields__)))
        raise HandlerError(f"@queue.handler does not understand {unknown}; it takes {known}.") from None


def _model_of(function: Callable[..., Any]) -> type[Any] | None:
    """The typed job a handler's first parameter is annotated with, or None."""
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return None
    parameters = list(signature.parameters.values())
    if not parameters:
        raise HandlerError(f"The handler {function!r} takes no argument; it is called with the job.")
    annotation = parameters[0].annotation
    if isinstance(annotation, str):  # from __future__ import annotations
        annotation = _resolve(function, annotation)
    if annotation is inspect.Parameter.empty or annotation is None or annotation is Any:
        return None
    origin = typing.get_origin(annotation) or annotation
    if not isinstance(origin, type) or isinstance(annotation, types.UnionType):
        return None
    if issubclass(origin, Job) or issubclass(origin, Mapping) or issubclass(Job, origin):
        return None
    return origin if is_model(origin) else None


def _resolve(function: Callable[..., Any], annotation: str) -> Any:
    """The object an annotation written as text stands for; None when it cannot be told.

    A handler is often defined inside the function that made its model, so the caller's variables count too.
    """
    try:
        return typing.get_type_hints(_bare(function)).get(next(iter(inspect.signature(function).parameters)))
    except Exception:  # an annotation is the user's text: whatever it raises, the handler still takes a plain job
        pass
    frame = inspect.currentframe()
    while frame is not None:
        if annotation in frame.f_locals:
            return frame.f_locals[annotation]
        frame = frame.f_back
    return None
