"""The two kinds of middleware, told apart and put around each other."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, Literal

from lara_queue.errors import HandlerError
from lara_queue.job import Job
from lara_queue.plans import Plan

__all__ = ["Kind", "Middleware", "Proceed", "kind_of", "sorted_out", "through", "wrapped"]

Proceed = Callable[[], Any]
"""Goes on: a plan for plans, the handler's result for plain functions, an awaitable of it for async ones."""

Middleware = Callable[[Job, Proceed], Any]
"""A middleware: called with the job and ``proceed``."""

Kind = Literal["plan", "sync", "async"]


def kind_of(middleware: Middleware) -> Kind:
    """Which kind it is: a generator, a plain function, or an ``async def``.

    Raises :class:`~lara_queue.errors.HandlerError` for what cannot be called, or is a class instead of an instance.

    >>> def plan(job, proceed):
    ...     yield from proceed()
    >>> kind_of(plan), kind_of(lambda job, proceed: proceed())
    ('plan', 'sync')
    """
    if isinstance(middleware, type):
        raise HandlerError(f"{middleware.__name__} is a class; a middleware is an instance: {middleware.__name__}(…).")
    if not callable(middleware):
        raise HandlerError(f"A middleware must be callable with (job, proceed), not {middleware!r}.")
    function: Any = middleware
    while hasattr(function, "func"):  # functools.partial
        function = function.func
    if not inspect.isroutine(function):
        function = type(function).__call__
    if inspect.isgeneratorfunction(function):
        return "plan"
    return "async" if inspect.iscoroutinefunction(function) else "sync"


def sorted_out(middleware: Iterable[Middleware]) -> tuple[tuple[Middleware, ...], tuple[Middleware, ...]]:
    """The plans and the functions among them, each in order."""
    all_ = tuple(middleware)
    kinds = [kind_of(one) for one in all_]
    plans = tuple(one for one, kind in zip(all_, kinds, strict=True) if kind == "plan")
    functions = tuple(one for one, kind in zip(all_, kinds, strict=True) if kind != "plan")
    return plans, functions


def through(plans: Sequence[Middleware], job: Job, innermost: Callable[[], Plan[Any]]) -> Plan[Any]:
    """Run the plans around ``innermost``, the first one outermost."""

    def step(at: int) -> Plan[Any]:
        if at == len(plans):
            return innermost()
        plan: Plan[Any] = plans[at](job, lambda: step(at + 1))
        return plan

    return (yield from step(0))


def wrapped(functions: Sequence[Middleware], handler: Callable[[Any], Any], is_async: bool) -> Callable[..., Any]:
    """The handler inside its plain middleware, called with the job and the handler's argument.

    Raises :class:`~lara_queue.errors.HandlerError` when a plain function stands around an async handler or the other
    way round: one of them would see a coroutine where it expects a result.
    """
    for one in functions:
        if (kind_of(one) == "async") != is_async:
            mine, theirs = ("async", "plain") if is_async else ("plain", "async")
            raise HandlerError(
                f"The handler is {mine} and its middleware {_name(one)} is {theirs}; write both the same way, or the "
                "middleware as a generator (yield from proceed()), which fits both."
            )

    if is_async:

        async def run_async(job: Job, argument: Any) -> Any:
            async def step(at: int) -> Any:
                if at == len(functions):
                    return await handler(argument)
                inner: Awaitable[Any] = functions[at](job, lambda: step(at + 1))
                return await inner

            return await step(0)

        return run_async

    def run(job: Job, argument: Any) -> Any:
        def step(at: int) -> Any:
            return handler(argument) if at == len(functions) else functions[at](job, lambda: step(at + 1))

        return step(0)

    return run


def _name(middleware: Middleware) -> str:
    return getattr(middleware, "__name__", type(middleware).__name__)
