"""Cached values, counters, locks and signals that PHP and we share, in every store."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lara_queue.cache.connect import cache_prefix, open_cache
from lara_queue.cache.signals import RESTART, Signals, count_exception, pause, restart
from lara_queue.php import PhpObject
from lara_queue.plans import Emit, Plan
from lara_queue.ports import Cache
from lara_queue.testing import AsyncShell, SyncShell

from .database import php_settings
from .laravel import Laravel
from .stores import KINDS, PhpStores

pytestmark = pytest.mark.live

Shell = SyncShell | AsyncShell


class Shared:
    """PHP's store and ours on the same place."""

    def __init__(self, php: PhpStores, cache: Cache, shell: Shell) -> None:
        self.php = php
        self.cache = cache
        self.shell = shell

    def do(self, plan: Any) -> Any:
        return self.shell.run(plan)


@pytest.fixture(params=["file", "redis", *KINDS])
def shared(
    request: pytest.FixtureRequest,
    laravel: Laravel,
    laravel_database: Callable[[str], str],
    php_stores: PhpStores,
    shell: Shell,
    closing_all: Callable[[Any], Any],
    tmp_path: Path,
) -> Shared:
    if request.param == "file":
        php = php_stores.given(store="file", path=str(tmp_path / "data"))
        source, prefix = f"file://{tmp_path}/data?lock_prefix=", ""
    elif request.param == "redis":
        php = php_stores.given(store="redis", prefix="laravel_cache")
        source = f"{laravel.cache_url}?lock_db={laravel.settings['db']}"
        prefix = cache_prefix(8, "laravel_cache", connection_prefix=laravel.key_prefix)
    else:
        url = laravel_database(request.param)
        prefix = f"{laravel.appname}_cache_"
        php = php_stores.given(store="database", prefix=prefix, database=php_settings(url))
        source = url
    return Shared(php, closing_all(open_cache(source, face=shell.face, prefix=prefix)), shell)


def _without_events(plan: Plan[Any]) -> Plan[Any]:
    """What a plan does to the store; nobody is told."""
    answer = None
    while True:
        try:
            effect = plan.send(answer)
        except StopIteration as stop:
            return stop.value
        answer = None if isinstance(effect, Emit) else (yield effect)


VALUES = [0, 5, -7, 2**40, True, False, "", "héllo ☃", "0123", "12", [1, [2, "x"]], {"a": {"b": 5}}]


def test_php_reads_what_we_write(shared: Shared) -> None:
    for number, value in enumerate(VALUES):
        shared.do(shared.cache.put(f"k{number}", value, 60 if number % 2 else None))
    found = [shared.php("cache.get", key=f"k{number}") for number in range(len(VALUES))]
    if shared.cache.name == "redis":  # PHP has no type for a number in Redis
        found = [
            int(each) if isinstance(each, str) and each.lstrip("-").isdigit() and each != "0123" else each
            for each in found
        ]
        found = ["12" if value == "12" else each for value, each in zip(VALUES, found, strict=True)]
    assert found == VALUES


def test_we_read_what_php_writes(shared: Shared) -> None:
    for number, value in enumerate(VALUES):
        shared.php("cache.put", key=f"k{number}", value=value, seconds=60 if number % 2 else None)
    found = shared.do(shared.cache.get_many([f"k{number}" for number in range(len(VALUES))]))
    wanted = [12 if shared.cache.name == "redis" and value == "12" else value for value in VALUES]
    assert found == wanted
    assert shared.do(shared.cache.get("missing")) is None


def test_objects_with_hidden_properties_go_both_ways(shared: Shared) -> None:
    """Their serialized form has NULs in it, which not every text column takes."""
    shared.php("cache.object", key="theirs")
    found = shared.do(shared.cache.get("theirs"))
    assert isinstance(found, PhpObject)
    assert (found.class_name, found["zip"]) == ("App\\Support\\Address", "00100")
    shared.do(shared.cache.put("ours", found, 60))
    assert shared.php("cache.zip", key="ours") == "00100"


def test_times_to_live_mean_the_same(shared: Shared) -> None:
    shared.do(shared.cache.put("ours", 1, 2))
    shared.php("cache.put", key="theirs", value=1, seconds=2)
    assert shared.php("cache.get", key="ours") in (1, "1")
    assert shared.do(shared.cache.get("theirs")) == 1
    deadline = time.monotonic() + 5
    while shared.php("cache.get", key="ours") is not None or shared.do(shared.cache.get("theirs")) is not None:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_adding_and_forgetting(shared: Shared) -> None:
    assert shared.do(shared.cache.add("a", 1, 60)) is True
    assert shared.php("cache.add", key="a", value=2, seconds=60) is False
    assert shared.php("cache.add", key="b", value=2, seconds=60) is True
    assert shared.do(shared.cache.add("b", 1, 60)) is False
    assert shared.php("cache.forget", key="a") is True
    assert shared.do(shared.cache.add("a", 3, 60)) is True
    assert shared.do(shared.cache.forget("b")) is True
    assert shared.php("cache.get", key="b") is None


def test_counting_together(shared: Shared) -> None:
    shared.php("cache.put", key="hits", value=5, seconds=60)
    assert shared.do(shared.cache.increment("hits")) == 6
    assert shared.php("cache.increment", key="hits", by=10) == 16
    assert shared.do(shared.cache.increment("hits", by=-1)) == 15
    assert int(shared.php("cache.get", key="hits")) == 15
    assert shared.do(count_exception(shared.cache, "uuid")) == 1
    assert shared.php("cache.increment", key="job-exceptions:uuid") == 2
    assert shared.do(count_exception(shared.cache, "uuid")) == 3


def test_locks_exclude_each_other(shared: Shared) -> None:
    """LK-01, LK-07: whoever has it, the other does not get it nor free it, and sees whose it is."""
    owner = "0123456789abcdef"
    assert shared.do(shared.cache.lock("l", owner, 60)) is True
    assert shared.php("lock.acquire", name="l", seconds=60) is False
    assert shared.php("lock.owner", name="l") == owner
    assert shared.php("lock.release", name="l", owner="somebody") is False
    assert shared.php("lock.release", name="l", owner=owner) is True
    assert shared.php("lock.acquire", name="l", seconds=60, owner="php") is True
    assert shared.do(shared.cache.lock("l", owner, 60)) is False
    assert shared.do(shared.cache.lock_owner("l")) == "php"
    assert shared.do(shared.cache.unlock("l", owner)) is False
    assert shared.do(shared.cache.refresh_lock("l", "php", 90)) is True
    assert shared.php("lock.owner", name="l") == "php"
    assert shared.do(shared.cache.unlock("l", "php")) is True
    assert shared.do(shared.cache.lock("l", owner)) is True
    assert shared.php("lock.acquire", name="l") is False
    shared.php("lock.force", name="l")
    assert shared.do(shared.cache.lock_owner("l")) is None
    assert shared.php("lock.acquire", name="l") is True
    assert shared.do(shared.cache.unlock("l", None)) is True


def test_a_lock_that_ran_out_is_free_for_the_other(shared: Shared) -> None:
    """LK-02, LK-08."""
    shared.php("lock.acquire", name="theirs", seconds=1, owner="php")
    shared.do(shared.cache.lock("ours", "python", 1))
    deadline = time.monotonic() + 5
    while not shared.do(shared.cache.lock("theirs", "python", 60)):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    while not shared.php("lock.acquire", name="ours", seconds=60, owner="php"):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert shared.php("lock.release", name="theirs", owner="php") is False
    assert shared.do(shared.cache.unlock("ours", "python")) is False


def test_restart_and_pause_reach_the_other_side(shared: Shared) -> None:
    """``queue:restart`` of either is seen by the workers of both; protocol §6.10."""
    signals = Signals(shared.cache, "redis")
    before = shared.do(signals.read(["default"]))
    shared.php("cache.restart")
    after = shared.do(signals.read(["default"]))
    assert after.restarted_since(before)
    assert abs(after.restart - time.time()) < 60
    shared.do(restart(shared.cache, 1_700_000_000.9))
    assert int(shared.php("cache.get", key=RESTART)) == 1_700_000_000
    shared.do(_without_events(pause(shared.cache, "redis", "default")))
    assert shared.php("cache.get", key="illuminate:queue:paused:redis:default") is True
    shared.php("cache.put", key="illuminate:queue:paused:redis:mail", value=True)
    assert shared.do(signals.read(["default", "mail", "x"])).paused_queues == ("default", "mail")
