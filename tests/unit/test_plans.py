"""Plans and the two functions that drive them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from lara_queue.plans import Call, Effect, PartialFailure, Plan, Together, begun_async, run, run_async, together
from lara_queue.testing import drive

LINK, OTHER = object(), object()


def sum_of(*names: str, link: Any = LINK) -> Plan[int]:
    total = 0
    for name in names:
        total += yield Call(link, name)
    return total


def tidy(log: list[str]) -> Plan[str]:
    try:
        return str((yield Call(LINK, "work")))
    finally:
        log.append(str((yield Call(LINK, "tidy"))))


def performing(answers: dict[str, Any], log: list[str] | None = None) -> Callable[[Effect], Any]:
    """Answers calls by name; an exception among the answers is raised, or put into the list of several."""

    def answer(call: Call) -> Any:
        if log is not None:
            log.append(call.name)
        return answers[call.name]

    def perform(effect: Effect) -> Any:
        if isinstance(effect, Together):
            return [answer(call) for call in effect.calls]
        assert isinstance(effect, Call)
        reply = answer(effect)
        if isinstance(reply, BaseException):
            raise reply
        return reply

    return perform


def both(plan: Callable[[], Plan[Any]], perform: Callable[[Effect], Any]) -> list[Any]:
    """What both drivers make of a plan: its result or its exception."""

    async def perform_async(effect: Effect) -> Any:
        await asyncio.sleep(0)
        return perform(effect)

    outcomes: list[Any] = []
    for drive_it in (lambda: run(plan(), perform), lambda: asyncio.run(run_async(plan(), perform_async))):
        try:
            outcomes.append(drive_it())
        except Exception as error:
            outcomes.append((type(error), str(error)))
    return outcomes


def test_a_plan_is_driven_to_its_end_in_both_worlds() -> None:
    assert both(lambda: sum_of("a", "b"), performing({"a": 1, "b": 2})) == [3, 3]


def test_a_plan_that_asks_nothing_returns_at_once() -> None:
    assert both(lambda: sum_of(), performing({})) == [0, 0]


def test_an_exception_is_thrown_in_where_the_plan_asked() -> None:
    def forgiving() -> Plan[str]:
        try:
            yield Call(LINK, "a")
        except ValueError as error:
            return f"{error}, then {(yield Call(LINK, 'b'))}"
        return "unreached"

    assert both(forgiving, performing({"a": ValueError("no"), "b": "yes"})) == ["no, then yes"] * 2


def test_what_a_plan_does_not_catch_comes_out() -> None:
    assert both(lambda: sum_of("a"), performing({"a": ValueError("no")})) == [(ValueError, "no")] * 2


@pytest.mark.parametrize("death", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_a_plans_finally_is_performed_whatever_went_wrong(death: type[BaseException]) -> None:
    log: list[str] = []
    with pytest.raises(death):
        run(tidy(log), performing({"work": death(), "tidy": "done"}))
    assert log == ["done"]


async def test_a_plans_finally_is_performed_when_its_task_is_cancelled() -> None:
    log: list[str] = []

    async def perform(effect: Effect) -> Any:
        assert isinstance(effect, Call)
        if effect.name == "work":
            await asyncio.sleep(30)
        return "done"

    task = asyncio.create_task(run_async(tidy(log), perform))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert log == ["done"]


def test_two_plans_open_in_one_round_trip() -> None:
    script = drive(together(sum_of("a", "b"), sum_of("c")), [[1, 10], 2])
    assert script.result == (3, 10)
    assert script.effects == [Together((Call(LINK, "a"), Call(LINK, "c"))), Call(LINK, "b")]


def test_plans_on_two_links_run_one_after_the_other() -> None:
    script = drive(together(sum_of("a"), sum_of("b", link=OTHER)), [1, 2])
    assert script.result == (1, 2)
    assert script.effects == [Call(LINK, "a"), Call(OTHER, "b")]


@pytest.mark.parametrize(("first", "second"), [((), ("a",)), (("a",), ()), ((), ())])
def test_a_plan_that_asks_nothing_can_be_one_of_the_two(first: tuple[str, ...], second: tuple[str, ...]) -> None:
    assert drive(together(sum_of(*first), sum_of(*second)), [5]).result == (5 * len(first), 5 * len(second))


def test_the_second_plans_result_survives_a_failure_of_the_first() -> None:
    with pytest.raises(PartialFailure) as caught:
        run(together(sum_of("a"), sum_of("b", "c")), performing({"a": ValueError("no"), "b": 1, "c": 2}))
    assert caught.value.result == 3
    assert isinstance(caught.value.failure, ValueError)


def test_a_failure_of_the_second_plan_comes_out_when_the_first_is_done() -> None:
    log: list[str] = []
    with pytest.raises(ValueError, match="no"):
        run(together(sum_of("a", "b"), sum_of("c")), performing({"a": 1, "b": 2, "c": ValueError("no")}, log))
    assert log == ["a", "c", "b"]


def test_when_the_round_trip_itself_fails_both_plans_hear_of_it() -> None:
    heard: list[str] = []

    def hearing(name: str) -> Plan[None]:
        try:
            yield Call(LINK, name)
        except ConnectionError:
            heard.append(name)
            raise

    with pytest.raises(ConnectionError):
        drive(together(hearing("a"), hearing("b")), [ConnectionError()])
    assert sorted(heard) == ["a", "b"]


def test_a_begun_plan_has_asked_before_anybody_waits() -> None:
    asked: list[Any] = []

    def plan() -> Plan[list[Any]]:
        return [(yield Call(None, "a")), (yield Call(None, "b"))]

    async def answer(name: str) -> str:
        return name

    def perform(effect: Effect) -> Any:
        assert isinstance(effect, Call)
        asked.append(effect.name)
        return answer(effect.name)

    async def work() -> list[Any]:
        coming = begun_async(plan(), perform)
        assert asked == ["a"]
        return await coming

    assert asyncio.run(work()) == ["a", "b"]
    assert asked == ["a", "b"]


@pytest.mark.parametrize("breaks", ["plan", "perform", "answer"])
def test_what_breaks_at_the_beginning_is_raised_where_it_is_awaited(breaks: str) -> None:
    def plan() -> Plan[str]:
        if breaks == "plan":
            raise KeyError("here")
        try:
            yield Call(None, "a")
        except KeyError as error:
            raise ValueError("the plan was told") from error
        return "no"

    async def answer() -> str:
        raise KeyError("here")

    def perform(effect: Effect) -> Any:
        if breaks == "perform":
            raise KeyError("here")
        return answer()

    async def work() -> None:
        coming = begun_async(plan(), perform)
        with pytest.raises(KeyError if breaks == "plan" else ValueError):
            await coming

    asyncio.run(work())


def test_a_begun_plan_that_asks_nothing_has_its_value() -> None:
    def plan() -> Plan[int]:
        yield from ()
        return 7

    async def work() -> int:
        return await begun_async(plan(), lambda effect: None)  # type: ignore[arg-type,return-value]

    assert asyncio.run(work()) == 7
