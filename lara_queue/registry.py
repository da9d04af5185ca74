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

from lara_queue.emitter import AsyncEmitter, Emitter
from lara_queue.errors import HandlerError
from lara_queue.job import Job
from lara_queue.laravel.binding import class_name_of, from_job, is_model
from lara_queue.options import HandlerOptions

__all__ = ["ANY_JOB", "Handler", "Registry"]

ANY_JOB = "queued"
F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Handler:
    """A registered function: how to call it and what it was registered with.

    Attributes:
        function: what the user wrote.
        is_async: it is a coroutine function.
        model: the class its argument is annotated with, when that is a typed job; else None.
        options: the options given to the decorator, or None when there were none.
    """

    function: Callable[..., Any]
    is_async: bool
    model: type[Any] | None = None
    options: HandlerOptions | None = None

    def argument(self, job: Job) -> Any:
        """What the function is called with: the job, or an instance of its model.

        Raises :class:`~lara_queue.errors.JobTypeError` when the job does not fit the model.
        """
        return job if self.model is None else from_job(self.model, job.data, job.name)


class Registry:
    """The handlers of one queue.

    Parameters:
        emitter: the pyee emitter on which handlers are registered as listeners.
    """

    def __init__(self, emitter: Emitter | AsyncEmitter) -> None:
        self.emitter = emitter
        self._handlers: dict[Any, Handler] = {}

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
        self._handlers[function] = Handler(function, inspect.iscoroutinefunction(_bare(function)), model, options)
        self.emitter.on(event, function)
        return function

    def of(self, job: Job) -> list[Handler]:
        """The handlers of the job: of its display name, else of its command's class, else of any job."""
        functions = self._functions(job)
        known = self._handlers
        return [known.get(f) or Handler(f, inspect.iscoroutinefunction(_bare(f))) for f in functions]

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
