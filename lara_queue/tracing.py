"""OpenTelemetry spans: one for each attempt at a job, one for each job that is pushed, joined through the payload.

Nothing of this runs before :func:`instrument` was called, which needs the ``opentelemetry-api`` package
(``pip install 'lara-queue[otel]'``); spans go wherever the program's tracer provider sends them.

The two ends meet in the payload's members ``traceparent`` and ``tracestate`` (W3C Trace Context), which is where the
OpenTelemetry instrumentation of Laravel for PHP writes and looks for them too: a trace that begins in a PHP request
goes on in a Python handler, and the other way round. PHP workers without it ignore the two members.

An attempt's span covers its handlers, not the settlement. It is the current span inside them, in whatever thread or
task they run. Names and attributes follow OpenTelemetry's semantic conventions for messaging. Whatever goes wrong with
tracing is logged, and no job is harmed.
"""

from __future__ import annotations

import inspect
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from lara_queue.errors import LaraQueueError, MissingExtra
from lara_queue.events import JobQueued
from lara_queue.job import Job
from lara_queue.laravel.names import DISPLAY_NAME, UUID
from lara_queue.registry import Handler

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.trace import Span, TracerProvider

__all__ = ["instrument"]

logger = logging.getLogger("lara_queue")

SYSTEM: Final = "laravel_queue"
"""The value of ``messaging.system``: Laravel's queue, whatever store is under it (``laravel.connection`` tells)."""

PUSHES_REMEMBERED: Final = 1000
"""Pushes under way at once whose spans wait for their end; of more, and of pushes that failed, the oldest end then."""


def instrument(
    queue: Any, *, tracer_provider: TracerProvider | None = None, link_only: bool = False
) -> Callable[[], None]:
    """A function that undoes it, after spans are made for the jobs that this queue object runs and pushes.

    Parameters:
        queue: a ``Queue`` or an ``AsyncQueue``.
        tracer_provider: where the spans go; default the program's.
        link_only: an attempt begins a trace of its own, with a link to the push, instead of going on with the trace
            of the push; for jobs that wait long, or pushes that fan out.

    Raises :class:`~lara_queue.errors.MissingExtra` when opentelemetry-api is not installed.

    >>> from lara_queue import Queue
    >>> queue = Queue("memory://")
    >>> undo = instrument(queue)
    >>> undo()
    """
    try:
        from opentelemetry import trace
    except ImportError as error:
        raise MissingExtra("Tracing needs the package opentelemetry-api: pip install 'lara-queue[otel]'.") from error
    tracer = trace.get_tracer("lara_queue", tracer_provider=tracer_provider)
    attempts, pushes = _Attempts(tracer, link_only), _Pushes(tracer)
    before = queue.registry.around

    def around(job: Job, handlers: list[Handler]) -> list[Handler]:
        return attempts.around(job, handlers if before is None else before(job, handlers))

    queue.registry.around = around
    queue.create_payload_using(pushes.begin)
    queue.on(JobQueued.name, pushes.end)

    def undo() -> None:
        if queue.registry.around is around:
            queue.registry.around = before
        queue._producer.hooks.remove(pushes.begin)
        queue.emitter.remove_listener(JobQueued.name, pushes.end)

    return undo


# -- running -----------------------------------------------------------------------------------------------------------


class _Attempts:
    """Wraps the handlers of each attempt so that they run inside its span."""

    def __init__(self, tracer: Any, link_only: bool) -> None:
        self._tracer = tracer
        self._link_only = link_only

    def around(self, job: Job, handlers: list[Handler]) -> list[Handler]:
        """The handlers, inside one span for all of them."""
        if not handlers:
            return handlers
        attempt = _Attempt(self._tracer, job, len(handlers), self._link_only)
        # The argument is made inside the span: what cannot be bound to the handler's model is an error of the attempt.
        return [replace(handler, function=attempt.wrap(handler), model=None) for handler in handlers]


class _Attempt:
    """The span of one attempt: begins with the first handler, ends with the last one, or with the one that raises."""

    def __init__(self, tracer: Any, job: Job, handlers: int, link_only: bool) -> None:
        self._tracer = tracer
        self._job = job
        self._left = handlers
        self._link_only = link_only
        self._span: Span | None = None
        self._context: Context | None = None

    def wrap(self, handler: Handler) -> Callable[[Job], Any]:
        """The handler's function, to be called with the job."""

        async def as_coroutine(job: Job) -> Any:
            with self._inside():
                return await handler.function(handler.argument(job))

        def as_function(job: Job) -> Any:
            with self._inside() as going_on:
                result = handler.function(handler.argument(job))
                if not inspect.isawaitable(result):
                    return result
                going_on()  # a plain function that gave us a coroutine: the rest of it belongs to the span, too
            return finish(result)

        async def finish(result: Awaitable[Any]) -> Any:
            with self._inside():
                return await result

        return as_coroutine if handler.is_async else as_function

    @contextmanager
    def _inside(self) -> Iterator[Callable[[], None]]:
        """Make the span the current one; what it gives is to be called when the handler is not over afterwards."""
        from opentelemetry import context, trace

        span = self._span
        if span is None:
            span = self._span = self._begin()
        over = True

        def going_on() -> None:
            nonlocal over
            over = False

        token = context.attach(trace.set_span_in_context(span, self._context))
        try:
            yield going_on
        except BaseException as error:  # a timeout, a cancellation and a worker that is stopped end an attempt, too
            with _harmless():
                _failed(span, error)
            raise
        finally:
            context.detach(token)
        if over:
            self._left -= 1
            if self._left == 0:
                with _harmless():
                    self._end(span)

    def _begin(self) -> Span:
        from opentelemetry import propagate, trace
        from opentelemetry.context import Context

        job = self._job
        with _harmless():
            # Extracted into an empty context: what happens to be current in the worker is no part of the job's trace.
            self._context = propagate.extract(_carrier(job), context=Context())
            pushed = trace.get_current_span(self._context).get_span_context()
            span: Span = self._tracer.start_span(
                f"process {job.queue}",
                context=Context() if self._link_only else self._context,
                kind=trace.SpanKind.CONSUMER,
                links=[trace.Link(pushed)] if self._link_only and pushed.is_valid else None,
                attributes=_attributes("process", job.queue, job.uuid, job.name)
                | {
                    "messaging.message.body.size": len(job.raw_body),
                    "laravel.connection": job.connection,
                    "laravel.job.attempts": job.attempts,
                },
            )
            return span
        return trace.INVALID_SPAN

    def _end(self, span: Span) -> None:
        from opentelemetry.trace import Status, StatusCode

        job = self._job
        if job.has_failed:  # it failed itself and returned
            span.set_attribute("error.type", "failed")
            span.set_status(Status(StatusCode.ERROR, "The handler failed the job."))
        elif job.is_released:
            span.set_attribute("laravel.job.released", True)
        span.end()


def _failed(span: Span, error: BaseException) -> None:
    """End the span of an attempt whose handler raised."""
    from opentelemetry.trace import Status, StatusCode

    try:
        span.set_attribute("error.type", type(error).__qualname__)
        span.set_status(Status(StatusCode.ERROR, type(error).__name__))
        span.record_exception(error)
    finally:
        span.end()


@contextmanager
def _harmless() -> Iterator[None]:
    """Log what goes wrong with tracing, and go on."""
    try:
        yield
    except Exception:
        logger.exception("A span could not be made.")


def _carrier(job: Job) -> dict[str, str]:
    """The payload's text members, among which propagators look for theirs."""
    try:
        return {name: value for name, value in job.payload.items() if isinstance(value, str)}
    except LaraQueueError:
        return {}


# -- pushing -----------------------------------------------------------------------------------------------------------


class _Pushes:
    """Spans of pushes: they begin when the payload is built, so that it can carry them, and end when it is stored."""

    def __init__(self, tracer: Any) -> None:
        self._tracer = tracer
        self._under_way: OrderedDict[str, Span] = OrderedDict()

    def begin(self, connection: str, queue: str, payload: Mapping[str, Any]) -> dict[str, str]:
        """What the payload is to carry; a hook of ``create_payload_using``."""
        from opentelemetry import propagate, trace

        carrier: dict[str, str] = {}
        with _harmless():
            uuid, name = payload.get(UUID), payload.get(DISPLAY_NAME)
            span: Span = self._tracer.start_span(
                f"push {queue}",
                kind=trace.SpanKind.PRODUCER,
                attributes=_attributes("push", queue, uuid, name) | {"laravel.connection": connection},
            )
            self._under_way[str(uuid)] = span
            if len(self._under_way) > PUSHES_REMEMBERED:
                self._under_way.popitem(last=False)[1].end()
            propagate.inject(carrier, context=trace.set_span_in_context(span))
        return carrier

    def end(self, event: JobQueued) -> None:
        """End the span of a job that was stored."""
        span = self._under_way.pop(str(event.id), None)
        if span is not None:
            span.set_attribute("messaging.message.body.size", len(event.payload))
            span.end()


def _attributes(operation: str, queue: str, uuid: object, name: object) -> dict[str, Any]:
    found = {
        "messaging.system": SYSTEM,
        "messaging.operation.name": operation,
        "messaging.operation.type": "send" if operation == "push" else operation,
        "messaging.destination.name": queue,
        "messaging.message.id": uuid,
        "laravel.job.name": name,
    }
    return {key: value for key, value in found.items() if value is not None}
