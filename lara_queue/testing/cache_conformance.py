"""Every promise of :class:`~lara_queue.ports.Cache`, as checks that run against any cache through either face.

Each check is a function of a :class:`CacheBench`: a cache that is empty under its prefix, a second one on the same
store (another process), a shell that drives their plans, and a way to let time pass. Run them all with::

    @pytest.mark.parametrize("check", CACHE_CHECKS, ids=lambda check: check.__name__)
    def test_my_cache(check, bench):
        check(bench)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from lara_queue.errors import StoreError
from lara_queue.php import PhpObject
from lara_queue.plans import Plan
from lara_queue.ports import Cache
from lara_queue.testing.shells import Shell

__all__ = ["CACHE_CHECKS", "CacheBench"]

T = TypeVar("T")


@dataclass
class CacheBench:
    """What a check needs; ``pass_time(seconds)`` makes values and locks of both caches so much older."""

    cache: Cache
    other: Cache
    shell: Shell
    pass_time: Callable[[float], None]

    def do(self, plan: Plan[T]) -> T:
        """What the plan returns."""
        return self.shell.run(plan)


def values_come_back_as_they_were(bench: CacheBench) -> None:
    """Numbers, texts, flags, lists, objects; bytes that are no text where the store takes them."""
    values = [0, 5, -7, 2**40, True, False, "", "héllo ☃", "0123", "a\0b", [1, [2]], {"a": {"b": None}}]
    for number, value in enumerate(values):
        bench.do(bench.cache.put(f"v{number}", value))
    assert [bench.do(bench.other.get(f"v{number}")) for number in range(len(values))] == values
    bench.do(bench.cache.put("float", 1.5))
    assert bench.do(bench.other.get("float")) in (1.5, "1.5")  # Redis has it as text, and so does PHP
    bench.do(bench.cache.put("object", PhpObject("App\\Money", {"cents": 5})))
    found = bench.do(bench.other.get("object"))
    assert isinstance(found, PhpObject)
    assert (found.class_name, found["cents"]) == ("App\\Money", 5)


def what_is_not_there_is_none(bench: CacheBench) -> None:
    """Never stored, forgotten, or run out."""
    assert bench.do(bench.cache.get("k")) is None
    assert bench.do(bench.cache.forget("k")) is False
    bench.do(bench.cache.put("k", 1))
    assert bench.do(bench.other.forget("k")) is True
    assert bench.do(bench.cache.get("k")) is None
    bench.do(bench.cache.put("k", 1, 10))
    bench.pass_time(11)
    assert bench.do(bench.cache.get("k")) is None
    assert bench.do(bench.cache.forget("k")) is False


def several_are_read_in_order(bench: CacheBench) -> None:
    """In the order of the keys, the same key twice, None for what is missing; no keys are no values."""
    bench.do(bench.cache.put("a", 1))
    bench.do(bench.cache.put("b", "two"))
    assert bench.do(bench.cache.get_many(["b", "x", "a", "b"])) == ["two", None, 1, "two"]
    assert bench.do(bench.cache.get_many([])) == []


def a_value_ends_when_its_time_is_over(bench: CacheBench) -> None:
    """Not before; storing again begins a new time, or an endless one."""
    bench.do(bench.cache.put("k", 1, 100))
    bench.do(bench.cache.put("kept", 1, 100))
    bench.pass_time(90)
    assert bench.do(bench.cache.get("k")) == 1
    bench.do(bench.cache.put("kept", 2))
    bench.do(bench.cache.put("k", 2, 100))
    bench.pass_time(50)
    assert bench.do(bench.cache.get_many(["k", "kept"])) == [2, 2]
    bench.pass_time(51)
    assert bench.do(bench.cache.get_many(["k", "kept"])) == [None, 2]


def adding_happens_once(bench: CacheBench) -> None:
    """Only where there is nothing, also when what was there has run out; with a time and without."""
    assert bench.do(bench.cache.add("k", 1, 10)) is True
    assert bench.do(bench.other.add("k", 2, 10)) is False
    assert bench.do(bench.cache.get("k")) == 1
    bench.pass_time(11)
    assert bench.do(bench.other.add("k", 3)) is True
    assert bench.do(bench.cache.add("k", 4)) is False
    assert bench.do(bench.cache.get("k")) == 3


def of_many_that_add_at_once_one_does(bench: CacheBench) -> None:
    """However close together they come."""
    caches = [bench.cache, bench.other] * 4
    for round_ in range(3):
        added = bench.shell.run_all([cache.add(f"race{round_}", 1, 60) for cache in caches])
        assert sorted(added) == [False] * 7 + [True]


def counting_keeps_the_time(bench: CacheBench) -> None:
    """Up and down, from nothing, and the value ends when it would have."""
    assert bench.do(bench.cache.increment("fresh")) == 1
    assert bench.do(bench.cache.increment("fresh", by=-3)) == -2
    bench.do(bench.cache.put("k", 5, 100))
    bench.pass_time(50)
    assert bench.do(bench.cache.increment("k", by=10)) == 15
    assert bench.do(bench.other.get("k")) == 15
    bench.pass_time(51)
    assert bench.do(bench.cache.get("k")) is None
    assert bench.do(bench.cache.increment("k")) == 1
    assert bench.do(bench.cache.get("fresh")) == -2


def counting_loses_nothing(bench: CacheBench) -> None:
    """Many at once all count."""
    caches = [bench.cache, bench.other] * 10
    bench.shell.run_all([cache.increment("hits") for cache in caches])
    assert bench.do(bench.cache.get("hits")) == 20


def only_numbers_are_counted(bench: CacheBench) -> None:
    """A text that is a number is one; any other value is an error and stays."""
    bench.do(bench.cache.put("number", "41"))
    assert bench.do(bench.cache.increment("number")) == 42
    for value in ("word", [1], True):
        bench.do(bench.cache.put("k", value))
        try:
            bench.do(bench.cache.increment("k"))
        except StoreError:
            assert bench.do(bench.cache.get("k")) == value
        else:
            raise AssertionError(f"{value!r} was counted up")


def touching_gives_more_time(bench: CacheBench) -> None:
    """From now on, and only to what is there."""
    assert bench.do(bench.cache.touch("k", 10)) is False
    bench.do(bench.cache.put("k", "v", 10))
    bench.pass_time(8)
    assert bench.do(bench.cache.touch("k", 100)) is True
    bench.pass_time(90)
    assert bench.do(bench.cache.get("k")) == "v"
    bench.pass_time(11)
    assert bench.do(bench.cache.touch("k", 10)) is False


def keys_do_not_meet(bench: CacheBench) -> None:
    """Long keys, keys with every kind of character; a lock and a value of the same name may or may not be one."""
    keys = ["a", "a:b", "ä/☃", "x" * 180, "illuminate:queue:restart", "%d?&' \"\\"]
    for number, key in enumerate(keys):
        bench.do(bench.cache.put(key, number))
    assert bench.do(bench.other.get_many(keys)) == list(range(len(keys)))


def a_lock_has_one_owner_lk_01_lk_07(bench: CacheBench) -> None:
    """Taken, refused, freed by its owner only; taken again."""
    assert bench.do(bench.cache.lock_owner("l")) is None
    assert bench.do(bench.cache.lock("l", "one", 10)) is True
    assert bench.do(bench.other.lock("l", "two", 10)) is False
    assert bench.do(bench.other.lock_owner("l")) == "one"
    assert bench.do(bench.other.unlock("l", "two")) is False
    assert bench.do(bench.cache.unlock("l", "one")) is True
    assert bench.do(bench.cache.unlock("l", "one")) is False
    assert bench.do(bench.other.lock("l", "two", 10)) is True


def a_late_owner_frees_nothing_lk_02_lk_08(bench: CacheBench) -> None:
    """A lock that ran out belongs to the next one, and its first owner cannot free or renew it."""
    assert bench.do(bench.cache.lock("l", "one", 10)) is True
    bench.pass_time(11)
    assert bench.do(bench.cache.lock_owner("l")) is None
    assert bench.do(bench.cache.refresh_lock("l", "one", 10)) is False
    assert bench.do(bench.other.lock("l", "two", 10)) is True
    assert bench.do(bench.cache.unlock("l", "one")) is False
    assert bench.do(bench.cache.refresh_lock("l", "one", 10)) is False
    assert bench.do(bench.cache.lock_owner("l")) == "two"


def a_lock_without_a_time_stays(bench: CacheBench) -> None:
    """For the better part of a day at least, which is what a database gives it."""
    assert bench.do(bench.cache.lock("l", "one")) is True
    bench.pass_time(80_000)
    assert bench.do(bench.other.lock("l", "two")) is False
    assert bench.do(bench.cache.unlock("l", "one")) is True


def a_lock_can_be_freed_by_force_lk_07(bench: CacheBench) -> None:
    """Whoever holds it."""
    assert bench.do(bench.cache.unlock("l", None)) is False
    bench.do(bench.cache.lock("l", "one", 10))
    assert bench.do(bench.other.unlock("l", None)) is True
    assert bench.do(bench.cache.lock_owner("l")) is None


def a_lock_can_be_renewed(bench: CacheBench) -> None:
    """By its owner, while it holds it."""
    bench.do(bench.cache.lock("l", "one", 10))
    bench.pass_time(8)
    assert bench.do(bench.other.refresh_lock("l", "two", 100)) is False
    assert bench.do(bench.cache.refresh_lock("l", "one", 100)) is True
    bench.pass_time(90)
    assert bench.do(bench.other.lock("l", "two", 10)) is False
    bench.pass_time(11)
    assert bench.do(bench.other.lock("l", "two", 10)) is True


def of_many_that_take_a_lock_one_does(bench: CacheBench) -> None:
    """Also when it has just run out."""
    bench.do(bench.cache.lock("l", "old", 5))
    bench.pass_time(6)
    caches = [bench.cache, bench.other] * 4
    taken = bench.shell.run_all([cache.lock("l", f"owner{n}", 60) for n, cache in enumerate(caches)])
    assert sorted(taken) == [False] * 7 + [True]
    assert bench.do(bench.cache.lock_owner("l")) == f"owner{taken.index(True)}"


CACHE_CHECKS: list[Callable[[CacheBench], None]] = [
    values_come_back_as_they_were,
    what_is_not_there_is_none,
    several_are_read_in_order,
    a_value_ends_when_its_time_is_over,
    adding_happens_once,
    of_many_that_add_at_once_one_does,
    counting_keeps_the_time,
    counting_loses_nothing,
    only_numbers_are_counted,
    touching_gives_more_time,
    keys_do_not_meet,
    a_lock_has_one_owner_lk_01_lk_07,
    a_late_owner_frees_nothing_lk_02_lk_08,
    a_lock_without_a_time_stays,
    a_lock_can_be_freed_by_force_lk_07,
    a_lock_can_be_renewed,
    of_many_that_take_a_lock_one_does,
]
"""All of them, in an order in which a new cache can be brought up."""
