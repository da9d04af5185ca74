"""Plans and effects: the page to read first.

Everything that takes more than one step (taking jobs, one attempt at a job, settling it, recording a failure) is
written **once**, as a generator. Such a *plan* performs nothing. It yields *effects*, each a small value that says
what it wants done, and is sent the reply::

    def delete(self, taken):                     # a plan of the Redis driver
        removed = yield Call(self.link, "delete", (key, taken.receipt))
        return bool(removed)

Who drives the plan decides how it is done. :func:`run` performs each effect in this thread and waits; :func:`run_async`
is the same text with ``await``. These two functions, and the two small ``perform`` functions given to them, are the
only code that exists once for each world.

The contract:

* ``Call``     asks a link (one client library) to do one command; the reply is whatever the command answers.
* ``Together`` asks one link to do several calls in a single round trip; the reply is the list of their answers.
  A call that failed has its exception in that list, so that its neighbours' answers are not lost.
* ``Handle``   runs the job's handlers; the reply is what they returned.
* ``Emit``     tells listeners that something happened. It is never a question: no reply, and a failing listener is
  logged and forgotten.
* If performing an effect raises, the exception is thrown into the plan at its ``yield``, so ``try``/``finally`` in a
  plan works as it does anywhere else, under Ctrl-C and task cancellation too.
* A plan reads no clock and rolls no dice: both come in as arguments. It holds no thread lock across a ``yield``.
* A plan that nobody drives does nothing. Facades drive at once; users are never handed a plan.
* Inside plans use ``yield from``; only the small typed plans of a driver ever see an untyped reply.

Tests drive plans by hand with plain values, and :mod:`lara_queue.testing` crashes them after every single effect.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import msgspec

if TYPE_CHECKING:
    from lara_queue.events import Event
    from lara_queue.job import Job

__all__ = [
    "WAIT",
    "AsyncLink",
    "Call",
    "Effect",
    "Emit",
    "Handle",
    "Link",
    "Plan",
    "Together",
    "begun_async",
    "resumed",
    "run",
    "run_async",
    "together",
]

T = TypeVar("T")
U = TypeVar("U")


WAIT = "wait"
"""The name of a call that only waits for something to come. It holds nothing, so a shell may break into it: a worker
that is told to stop does not sit it out. Every other call is left to finish."""


class Link(Protocol):
    """One client library, blocking: performs the calls that plans ask for and translates its exceptions."""

    def call(self, name: str, args: tuple[Any, ...]) -> Any:
        """The command's answer; raises :class:`~lara_queue.errors.StoreError` or a subclass."""
        ...

    def together(self, calls: Sequence[Call]) -> list[Any]:
        """The answers of several calls, in one round trip where the store can; failures are in the list."""
        ...


class AsyncLink(Protocol):
    """The same for asyncio."""

    def call(self, name: str, args: tuple[Any, ...]) -> Awaitable[Any]:
        """The command's answer, awaited; whoever calls this must do so. A link may ask for it before."""
        ...

    def together(self, calls: Sequence[Call]) -> Awaitable[list[Any]]:
        """The answers of several calls, awaited."""
        ...


# A plan makes several effects for each job, and a frozen dataclass takes four times as long to make.
class Call(msgspec.Struct, frozen=True):
    """Ask ``link`` to do the command ``name`` with ``args``."""

    link: Any  # a Link under the blocking shell, an AsyncLink under asyncio
    name: str
    args: tuple[Any, ...] = ()


class Together(msgspec.Struct, frozen=True):
    """Ask one link to do several calls in a single round trip."""

    calls: tuple[Call, ...]


class Handle(msgspec.Struct, frozen=True):
    """Run the handlers of ``job``."""

    job: Job


class Emit(msgspec.Struct, frozen=True):
    """Tell the listeners about ``event``."""

    event: Event


Effect = Call | Together | Handle | Emit
Plan = Generator[Effect, Any, T]


def run(plan: Plan[T], perform: Callable[[Effect], Any]) -> T:
    """What the plan returns, after driving it to its end in this thread.

    >>> def greet() -> Plan[str]:
    ...     name = yield Call(None, "whoami")
    ...     return f"hello {name}"
    >>> run(greet(), lambda effect: "redis")
    'hello redis'
    """
    try:
        effect = next(plan)
        while True:
            try:
                reply = perform(effect)
            except BaseException as exc:  # so that the plan's own try/finally works
                effect = plan.throw(exc)
            else:
                effect = plan.send(reply)
    except StopIteration as stop:
        value: T = stop.value
        return value


async def run_async(plan: Plan[T], perform: Callable[[Effect], Awaitable[Any]]) -> T:
    """What the plan returns, after driving it to its end on the running event loop.

    The same text as :func:`run` with ``await``; keep them alike.
    """
    try:
        effect = next(plan)
        while True:
            try:
                reply = await perform(effect)
            except BaseException as exc:
                effect = plan.throw(exc)
            else:
                effect = plan.send(reply)
    except StopIteration as stop:
        value: T = stop.value
        return value


def begun_async(plan: Plan[T], perform: Callable[[Effect], Awaitable[Any]]) -> Awaitable[T]:
    """What the plan returns, awaited, with its first effect asked for now and not when somebody waits.

    Whoever takes this must await it; whatever is raised, even by the first step, is raised there.
    """
    try:
        effect = next(plan)
    except StopIteration as stop:
        return _value(stop.value)
    except Exception as exc:
        return _raising(exc)
    try:
        asked = perform(effect)
    except Exception as exc:
        asked = _raising(exc)
    return _rest(plan, asked, perform)


async def _value(value: T) -> T:
    return value


async def _raising(error: Exception) -> Any:
    raise error


async def _rest(plan: Plan[T], asked: Awaitable[Any], perform: Callable[[Effect], Awaitable[Any]]) -> T:
    try:
        reply = await asked
    except BaseException as exc:
        reply = exc
    return await run_async(_continue(plan, reply), perform)


def together(first: Plan[T], second: Plan[U]) -> Plan[tuple[T, U]]:
    """Both plans' results, their opening calls in one round trip when both start with a call on the same link.

    The blocking worker settles one job and takes the next with it. If the first plan's call fails, the failure is
    thrown into the first plan as usual, but only after the second plan has been given its answer and finished:
    jobs it has taken must not be dropped. A failure of the first plan is then raised as
    :class:`PartialFailure` carrying the second's result.
    """
    try:
        call_1 = next(first)
    except StopIteration as stop:
        return stop.value, (yield from second)
    try:
        call_2 = next(second)
    except StopIteration as stop:
        return (yield from _resume(first, call_1)), stop.value
    if not (isinstance(call_1, Call) and isinstance(call_2, Call) and call_1.link is call_2.link):
        result = yield from _resume(first, call_1)
        return result, (yield from _resume(second, call_2))
    try:
        answer_1, answer_2 = yield Together((call_1, call_2))
    except BaseException as exc:
        answer_1 = answer_2 = exc
    failure: BaseException | None = None
    outcome: Any = None
    try:
        outcome = yield from _continue(first, answer_1)
    except Exception as exc:
        failure = exc
    got = yield from _continue(second, answer_2)
    if failure is not None:
        raise PartialFailure(failure, got)
    return outcome, got


class PartialFailure(Exception):
    """The first of two plans run together failed; ``result`` is what the second one returned."""

    def __init__(self, failure: BaseException, result: Any) -> None:
        super().__init__(str(failure))
        self.failure = failure
        self.result = result


def resumed(plan: Plan[T], answer: Any) -> Plan[T]:
    """The rest of a plan whose last effect was performed elsewhere; an exception as ``answer`` is thrown in."""
    return (yield from _continue(plan, answer))


def _resume(plan: Plan[T], effect: Effect) -> Plan[T]:
    """Go on with a plan that has already yielded ``effect``."""
    try:
        answer = yield effect
    except BaseException as exc:
        answer = exc
    return (yield from _continue(plan, answer))


def _continue(plan: Plan[T], answer: Any) -> Plan[T]:
    """Go on with a plan that waits for ``answer``; an exception is thrown in."""
    try:
        effect = plan.throw(answer) if isinstance(answer, BaseException) else plan.send(answer)
    except StopIteration as stop:
        value: T = stop.value
        return value
    return (yield from _resume(plan, effect))
