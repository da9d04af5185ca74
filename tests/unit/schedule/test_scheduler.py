"""Many processes carry one schedule: each tick is pushed, and pushed once, whoever dies when."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from lara_queue import AsyncQueue, Queue
from lara_queue.cache.memory import MemoryCache
from lara_queue.errors import ConfigurationError, InvalidPayload, StoreUnreachable
from lara_queue.plans import Call, Plan, run
from lara_queue.schedule.entries import entry
from lara_queue.schedule.keys import DONE, note_key, tick_key
from lara_queue.schedule.runner import SCHEDULED_FOR, Scheduler
from lara_queue.testing import Crash, Crashing, ManualClock, effects_of
from lara_queue.testing.shells import perform

START = 1_750_000_020.0  # 20 seconds past a minute that is a multiple of five
FIRST = 1_750_000_200
MINUTE = 60.0


class StoreOfTests:
    """A cache and a queue whose every operation is one effect, so that a process can die between any two."""

    def __init__(self, clock: ManualClock) -> None:
        self.cache = MemoryCache(clock)
        self.pushed: list[int] = []
        self.broken: Exception | None = None

    def call(self, name: str, args: tuple[Any, ...]) -> Any:
        if name == "push":
            if self.broken is not None:
                raise self.broken
            self.pushed.append(args[0])
            return f"uuid-{len(self.pushed)}"
        return run(getattr(self.cache, name)(*args), perform)

    def together(self, calls: Sequence[Call]) -> list[Any]:
        return [self.call(call.name, call.args) for call in calls]


class CacheOfEffects:
    """The cache port, one effect for each method."""

    def __init__(self, store: StoreOfTests) -> None:
        self._store = store

    def __getattr__(self, name: str) -> Any:
        def plan(*args: Any) -> Plan[Any]:
            return (yield Call(self._store, name, args))

        return plan


class World:
    """Processes on one store and one clock."""

    def __init__(self, expression: str = "*/5 * * * *", missed: Any = "skip") -> None:
        self.clock = ManualClock(START)
        self.store = StoreOfTests(self.clock)
        self.expression, self.missed = expression, missed
        self.count = 0

    def process(self) -> Scheduler:
        self.count += 1

        def push(name: str, data: Any, options: Any) -> Plan[str]:
            return str((yield Call(self.store, "push", (options["headers"][SCHEDULED_FOR],))))

        cache: Any = CacheOfEffects(self.store)
        scheduler = Scheduler(cache, "q", push, self.clock, owner=f"owner-{self.count}")
        scheduler.add(
            entry(self.expression, "App\\Tick", queue="q", timezone="UTC", missed=self.missed, key="k", options={})
        )
        return scheduler

    def look(self, *schedulers: Scheduler) -> list[bool]:
        return [run(scheduler.round(), perform).leading for scheduler in schedulers]

    def let_pass(self, seconds: float, *schedulers: Scheduler, step: float = 5) -> None:
        for _ in range(int(seconds / step)):
            self.clock.advance(step)
            self.look(*schedulers)


@pytest.fixture
def world() -> World:
    return World()


def test_one_of_many_leads_and_each_tick_is_pushed_once(world: World) -> None:
    processes = [world.process() for _ in range(5)]
    assert world.look(*processes) == [True, False, False, False, False]
    world.let_pass(16 * MINUTE, *processes)
    assert world.store.pushed == [FIRST, FIRST + 300, FIRST + 600]


def test_the_first_look_pushes_nothing_that_came_before(world: World) -> None:
    world.expression = "* * * * *"
    world.look(world.process())
    assert world.store.pushed == []


def test_when_the_leader_dies_another_takes_over_and_the_tick_is_on_time(world: World) -> None:
    first, second = world.process(), world.process()
    world.look(first, second)
    world.let_pass(FIRST - 5 - world.clock(), first, second)
    world.let_pass(60, second)  # the first is never seen again
    assert world.store.pushed == [FIRST]


def test_a_leader_that_leaves_is_followed_at_once(world: World) -> None:
    first, second = world.process(), world.process()
    assert world.look(first, second) == [True, False]
    run(first.resign(), perform)
    assert world.look(second, first) == [True, False]


def test_nobody_resigns_for_another(world: World) -> None:
    first, second = world.process(), world.process()
    world.look(first, second)
    run(second.resign(), perform)
    assert world.look(second, first) == [False, True]


def test_different_schedules_on_one_queue_do_not_hold_each_other_up(clock: ManualClock) -> None:
    """Two programs, or two releases of one: each pushes its own, and what both carry is pushed once."""
    cache = MemoryCache(clock)
    old, new = (Queue("memory://releases", queue="q", cache=cache, clock=clock) for _ in range(2))
    for queue, names in ((old, ["App\\Both", "App\\Old"]), (new, ["App\\New", "App\\Both"])):
        for name in names:
            queue.cron("*/5 * * * *", name)
        queue.run_schedule()
    clock.now = float(FIRST)
    for queue in (old, new, old):
        queue.run_schedule()
    assert sorted(job.name for job in old.pending_jobs()) == ["App\\Both", "App\\New", "App\\Old"]
    old.clear()


def test_a_forked_process_has_a_name_of_its_own(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    process = world.process()
    assert world.look(process) == [True]
    monkeypatch.setattr("os.getpid", lambda: 1)
    assert world.look(process) == [False]


def test_two_that_both_believe_to_lead_push_a_tick_once(world: World) -> None:
    """The second net: the lock is taken away in the middle of the leader's round, and both push what is due."""
    first, second = world.process(), world.process()
    world.look(first)
    world.clock.now = float(FIRST)
    slow = first.round()
    effect = next(slow)
    while not (isinstance(effect, Call) and effect.name == "add"):
        effect = slow.send(perform(effect))
    run(world.store.cache.unlock(first.lock_name, None), perform)
    world.look(second)
    with contextlib.suppress(StopIteration):
        while True:
            effect = slow.send(perform(effect))
    assert world.store.pushed == [FIRST]


@pytest.mark.parametrize("missed", ["skip", "once", "all"])
@pytest.mark.parametrize("answered", [True, False])
def test_a_crash_after_any_step_loses_no_tick(missed: str, answered: bool) -> None:
    """And a tick comes twice only if the process died after pushing it and before it could say so."""
    twice = []
    for steps in range(1, all_steps := _steps_of_a_round(missed)):
        world = World(missed=missed)
        dying, heir = world.process(), world.process()
        world.look(dying)
        world.clock.now = float(FIRST)
        with contextlib.suppress(Crash):
            Crashing(perform, after=steps, answered=answered).run(dying.round())
        world.let_pass(80, heir)
        assert set(world.store.pushed) == {FIRST}, f"after {steps} of {all_steps}"
        if len(world.store.pushed) > 1:
            twice.append(steps)
    assert len(twice) == 1


def _steps_of_a_round(missed: str) -> int:
    world = World(missed=missed)
    process = world.process()
    world.look(process)
    world.clock.now = float(FIRST)
    steps = effects_of(perform, process.round())
    assert world.store.pushed == [FIRST]
    assert steps == 7  # refresh, lock, get_many, add, push, put, put: all of them are tried
    return steps


def test_while_another_is_about_to_push_a_tick_it_is_left_to_them(world: World) -> None:
    first, heir = world.process(), world.process()
    world.look(first)
    world.clock.now = float(FIRST)
    run(world.store.cache.add(tick_key("q:k", FIRST), "owner-x", 30), perform)
    look = run(first.round(), perform)
    assert (world.store.pushed, look.next_at) == ([], FIRST + 1)
    run(world.store.cache.put(tick_key("q:k", FIRST), DONE, 3600), perform)
    world.look(first, heir)
    assert world.store.pushed == []
    assert run(world.store.cache.get(note_key("q:k")), perform) == FIRST


@pytest.mark.parametrize(("missed", "pushed"), [("skip", []), ("once", [10]), ("all", range(11))])
def test_what_was_missed_while_nobody_was_there(missed: str, pushed: Sequence[int]) -> None:
    world = World(missed=missed)
    world.look(world.process())
    world.clock.now = FIRST + 10 * 300 + 200.0
    heir = world.process()
    world.look(heir, heir, heir)
    assert world.store.pushed == [FIRST + 300 * n for n in pushed]


def test_a_push_that_fails_is_tried_again(world: World) -> None:
    process = world.process()
    world.look(process)
    world.clock.now = float(FIRST)
    world.store.broken = StoreUnreachable("away")
    with pytest.raises(StoreUnreachable):
        world.look(process)
    world.store.broken = None
    world.clock.advance(5)
    world.look(process, process)
    assert world.store.pushed == [FIRST]


def test_a_job_that_cannot_be_pushed_does_not_stop_the_others(world: World, caplog: pytest.LogCaptureFixture) -> None:
    process = world.process()
    world.look(process)
    world.clock.now = float(FIRST)
    world.store.broken = InvalidPayload("not UTF-8")
    world.look(process)
    assert "cannot be pushed: not UTF-8" in caplog.text
    world.store.broken = None
    world.look(process)
    assert world.store.pushed == []  # it would be the same next time


def test_the_next_look_is_at_the_next_tick_or_when_the_lead_must_be_renewed(world: World) -> None:
    process = world.process()
    assert run(process.round(), perform).next_at == START + 10
    world.clock.now = FIRST - 3.0
    assert run(process.round(), perform).next_at == FIRST


def test_an_empty_schedule_asks_nobody(world: World) -> None:
    scheduler = Scheduler(None, "q", lambda *job: iter(()), world.clock)  # type: ignore[arg-type]
    assert effects_of(perform, scheduler.round()) == 0
    assert effects_of(perform, scheduler.resign()) == 0


# -- queue.cron --------------------------------------------------------------------------------------------------------


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START)


@pytest.fixture
def queue(clock: ManualClock) -> Iterator[Queue]:
    with Queue("memory://", queue="q", cache=MemoryCache(clock), clock=clock) as queue:
        yield queue


def test_what_is_due_is_pushed_with_the_moment_it_is_for(queue: Queue, clock: ManualClock) -> None:
    queue.cron("*/5 * * * *", "App\\Jobs\\Report", {"kind": "short"}, tries=3)
    assert queue.run_schedule() == []
    clock.now = FIRST + 2.0
    (uuid,) = queue.run_schedule()
    assert queue.run_schedule() == []
    (job,) = queue.pending_jobs()
    assert (job.uuid, job.name, job.data, job.max_tries) == (uuid, "App\\Jobs\\Report", {"kind": "short"}, 3)
    assert job.payload[SCHEDULED_FOR] == FIRST


def test_the_queue_given_when_scheduling_wins_cn_07(queue: Queue, clock: ManualClock) -> None:
    """CN-07."""
    queue.cron("*/5 * * * *", "App\\A")
    queue.cron("*/5 * * * *", "App\\B", queue="other")
    queue.run_schedule()
    clock.now = float(FIRST)
    queue.run_schedule()
    assert [[job.name for job in queue.pending_jobs(name)] for name in ("q", "other")] == [["App\\A"], ["App\\B"]]


def test_a_unique_job_that_still_waits_is_not_pushed_again_uq_01(queue: Queue, clock: ManualClock) -> None:
    """UQ-01, the part about scheduled runs."""
    queue.cron("*/5 * * * *", "App\\Unique", unique=True, unique_for=3600)
    queue.cron("*/5 * * * *", "App\\Ordinary")
    queue.run_schedule()
    pushed = []
    for tick in range(4):
        clock.now = FIRST + 300.0 * tick
        pushed.append(len(queue.run_schedule()))
    assert pushed == [2, 1, 1, 1]
    names = [job.name for job in queue.pending_jobs()]
    assert (names.count("App\\Unique"), names.count("App\\Ordinary")) == (1, 4)


async def test_the_same_under_asyncio(clock: ManualClock) -> None:
    async with AsyncQueue("memory://", queue="q", cache=MemoryCache(clock), clock=clock) as queue:
        queue.cron("*/5 * * * *", "App\\A")
        assert await queue.run_schedule() == []
        clock.now = float(FIRST)
        assert len(await queue.run_schedule()) == 1
        assert [job.name for job in await queue.pending_jobs()] == ["App\\A"]


def test_two_queue_objects_on_one_cache_push_a_tick_once(clock: ManualClock) -> None:
    cache = MemoryCache(clock)
    queues = [Queue("memory://scheduled", queue="q", cache=cache, clock=clock) for _ in range(3)]
    for queue in queues:
        queue.cron("*/5 * * * *", "App\\A")
        queue.run_schedule()
    clock.now = float(FIRST)
    assert sum(len(queue.run_schedule()) for queue in queues) == 1
    assert queues[0].clear() == 1


def test_a_schedule_without_a_cache_says_what_to_give() -> None:
    with pytest.raises(ConfigurationError, match=r"Queue\(cache="):
        Queue("memory://").cron("@daily", "App\\A")


def test_the_same_entry_twice_says_how_to_tell_them_apart(queue: Queue) -> None:
    queue.cron("@daily", "App\\A", {"n": 1})
    with pytest.raises(ConfigurationError, match=r"cron\(key="):
        queue.cron("@daily", "App\\A", {"n": 2})
    queue.cron("@daily", "App\\A", {"n": 2}, key="second")


@pytest.mark.parametrize(
    ("expression", "name", "options", "error"),
    [
        ("nonsense", "App\\A", {}, ConfigurationError),
        ("0 0 31 2,4 *", "App\\A", {}, ConfigurationError),
        ("@daily", "App\\A", {"missed": "sometimes"}, ConfigurationError),
        ("@daily", "App\\A", {"timezone": "Mars"}, ConfigurationError),
        ("@daily", "App\\A", {"data": {"x": object()}}, InvalidPayload),
        ("@daily", "App\\A", {"colour": "red"}, InvalidPayload),
        ("@daily", 7, {}, InvalidPayload),
    ],
)
def test_what_could_never_work_is_refused_at_once(
    queue: Queue, expression: str, name: Any, options: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error):
        queue.cron(expression, name, **options)
