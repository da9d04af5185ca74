"""Driving a plan by hand: plain replies in, the effects it asked for and its result out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from lara_queue.plans import Effect, Plan

__all__ = ["Script", "drive"]

T = TypeVar("T")


@dataclass(slots=True)
class Script(Generic[T]):
    """What a plan did: the ``effects`` it yielded, in order, and the ``result`` it returned."""

    result: T
    effects: list[Effect] = field(default_factory=list)


def drive(plan: Plan[T], replies: Iterable[Any] = ()) -> Script[T]:
    """What the plan returned and the effects it yielded, each answered by the next reply.

    A reply that is an exception is thrown into the plan. After the last reply every effect is answered with None.
    Whatever the plan raises comes out.

    >>> from lara_queue.plans import Call
    >>> def greet() -> Plan[str]:
    ...     return "hello " + (yield Call(None, "whoami"))
    >>> drive(greet(), ["redis"]).result
    'hello redis'
    """
    answers = iter(replies)
    effects: list[Effect] = []
    try:
        effect = next(plan)
        while True:
            effects.append(effect)
            reply = next(answers, None)
            effect = plan.throw(reply) if isinstance(reply, BaseException) else plan.send(reply)
    except StopIteration as stop:
        return Script(stop.value, effects)
