"""What the two queue objects can be told when they are made and afterwards, the same through both faces."""

from __future__ import annotations

import itertools
import threading
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import pytest

from lara_queue import AsyncQueue, Laravel, Queue
from lara_queue.application.arguments import queue_arguments
from lara_queue.application.connections import RedisConnection
from lara_queue.drivers.settings import MIGRATION_BATCH
from lara_queue.errors import ConfigurationError, PayloadError, StoreError
from lara_queue.plans import Plan
from lara_queue.testing import ManualClock, drive, shell_for
from lara_queue.testing.shells import AsyncShell, SyncShell
from tests.conformance.databases import KINDS as DATABASES
from tests.conformance.databases import emptied
from tests.unit.application.skeletons import make

Face = Literal["sync", "async"]
KEYS = {16: "base64:MDEyMzQ1Njc4OTAxMjM0NQ==", 32: "base64:MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="}
JOB = "App\\Jobs\\A"


class Desk:
    """Queue objects of one face, closed in the end; ``do`` gives the answer of whatever is asked of them."""

    def __init__(self, face: Face) -> None:
        self.shell: SyncShell | AsyncShell = shell_for(face)
        self.face = face
        self._made: list[Any] = []

    def queue(self, *args: Any, **options: Any) -> Any:
        """A queue object."""
        made: Any = (Queue if self.face == "sync" else AsyncQueue)(*args, **options)
        self._made.append(made)
        return made

    def do(self, ask: Callable[[], Any]) -> Any:
        """What ``ask`` answers, awaited if need be."""
        return ask() if self.face == "sync" else self.shell.runner.run(_awaited(ask))  # type: ignore[union-attr]

    def close(self) -> None:
        """Close them."""
        for queue in self._made:
            self.do(queue.close)
        self.shell.close()


async def _awaited(ask: Callable[[], Any]) -> Any:
    return await ask()


@pytest.fixture(params=["sync", "async"])
def desk(request: pytest.FixtureRequest) -> Iterator[Desk]:
    made = Desk(request.param)
    yield made
    made.close()


# -- all queues of a store ---------------------------------------------------------------------------------------------


@pytest.fixture(params=["memory", "fakeredis", *DATABASES, pytest.param("redis", marks=pytest.mark.live)])
def store(request: pytest.FixtureRequest) -> Any:
    """A store without jobs."""
    if request.param == "memory":
        return "memory://"
    if request.param == "fakeredis":
        import fakeredis

        return fakeredis.FakeRedis(server=fakeredis.FakeServer())
    if request.param == "redis":
        return request.getfixturevalue("own_redis")
    return emptied(request.getfixturevalue("database_with_tables")(request.param))


def test_rd_29_the_jobs_of_all_queues(desk: Desk, store: Any) -> None:
    """RD-29: one job each on the default queue and on another, in each of the three states."""
    queue = desk.queue(store, appname=f"[{uuid.uuid4().hex}]*")
    for name in ("default", "emails"):
        desk.do(lambda name=name: queue.push(JOB, queue=name))
        assert len(desk.do(lambda name=name: queue._drive(queue.driver.reserve([name])))) == 1
        desk.do(lambda name=name: queue.push(JOB, queue=name))
        desk.do(lambda name=name: queue.later(60, JOB, queue=name))
    names = desk.do(queue.queues)
    assert names == ["default", "emails"]
    for state in ("pending", "delayed", "reserved"):
        browse, size = getattr(queue, f"{state}_jobs"), getattr(queue, f"{state}_size")
        jobs = [job for name in names for job in desk.do(partial(browse, name))]
        assert {job.queue for job in jobs} == {"default", "emails"}
        assert [job.attempts for job in jobs] == [int(state == "reserved")] * 2
        assert sum(desk.do(partial(size, name)) for name in names) == 2
    desk.do(lambda: queue.clear("emails"))
    assert desk.do(queue.queues) == ["default"]
    desk.do(lambda: queue.clear("default"))
    assert desk.do(queue.queues) == []


@pytest.mark.parametrize("dead_letters", [None, "graveyard"])
def test_dead_letters_are_no_queue(desk: Desk, own_redis: str, dead_letters: str | None) -> None:
    queue = desk.queue(own_redis, appname=uuid.uuid4().hex, dead_letter_queue=dead_letters)
    queue.handler(lambda job: job.fail(ValueError("no")))
    desk.do(lambda: queue.push(JOB))
    desk.do(lambda: queue.listen(stop_when_empty=True))
    assert (desk.do(queue.failed.count), desk.do(queue.queues)) == (1, [])
    desk.do(queue.failed.flush)


def test_a_redis_that_is_too_big_is_told() -> None:
    with Queue("redis://127.0.0.1:1") as queue, pytest.raises(StoreError, match="too many keys"):
        drive(queue.driver.queues(), itertools.repeat((b"7", [])))  # type: ignore[attr-defined]


def test_a_store_that_cannot_tell(desk: Desk) -> None:
    class Mute:
        """Of a driver, what an object needs to be taken for one."""

        name, retry_after, adds_id = "mute", 90.0, True

        def push(self, *_: Any, **__: Any) -> Plan[None]:
            yield from ()

        reserve = delete = release = push

    queue = desk.queue(Mute(), failed="memory://")
    with pytest.raises(ConfigurationError, match="mute cannot tell"):
        desk.do(queue.queues)


# -- settings ----------------------------------------------------------------------------------------------------------


def test_the_migration_batch_reaches_the_driver(desk: Desk) -> None:
    import fakeredis

    clock = ManualClock()
    queue = desk.queue(fakeredis.FakeRedis(server=fakeredis.FakeServer()), migration_batch=2, clock=clock)
    for _ in range(5):
        desk.do(lambda: queue.later(1, JOB))
    clock.advance(2)
    assert len(desk.do(lambda: queue._drive(queue.driver.reserve(["default"], limit=9)))) == 2
    with pytest.raises(ConfigurationError, match="migration_batch"):
        desk.queue("memory://", migration_batch=0)


@pytest.mark.parametrize(("cipher", "size"), [("AES-256-GCM", 32), ("AES-256-CBC", 32), ("AES-128-GCM", 16)])
def test_jobs_are_encrypted_with_the_applications_cipher(desk: Desk, cipher: str, size: int) -> None:
    queue = desk.queue("memory://", app_key=KEYS[size], cipher=cipher)
    desk.do(lambda: queue.push(JOB, {"to": "ada"}, encrypted=True))
    (job,) = desk.do(queue.pending_jobs)
    assert dict(job.data) == {"to": "ada"}
    other = "AES-256-CBC" if cipher.endswith("GCM") else "AES-256-GCM"
    if size == 32:
        stranger = desk.queue("memory://", app_key=KEYS[size], cipher=other)
        desk.do(lambda: stranger.push_raw(job.raw_body))
        (unread,) = desk.do(stranger.pending_jobs)
        with pytest.raises(PayloadError):
            dict(unread.data)


def test_a_cipher_that_does_not_fit_the_key(desk: Desk) -> None:
    with pytest.raises(ConfigurationError, match="key length"):
        desk.queue("memory://", app_key=KEYS[16], cipher="AES-256-CBC")


def test_a_cache_that_comes_later_reaches_everything(desk: Desk) -> None:
    queue = desk.queue("memory://")
    with pytest.raises(ConfigurationError, match="cache"):
        desk.do(lambda: queue.push(JOB, unique=True))
    queue.use_cache("memory://")
    assert desk.do(lambda: queue.push(JOB, unique=True))
    assert desk.do(lambda: queue.push(JOB, unique=True)) == "", "the claims"
    holders = (queue._core({}).parts, queue._services, queue._scheduler, queue._results)
    assert all(holder.cache is queue._cache for holder in holders)
    assert desk.do(lambda: queue.result("nobody")).state == "unknown"


def test_a_strategy_chooses_the_queues_of_workers_of_a_name(desk: Desk) -> None:
    queue = desk.queue("memory://")
    ran: list[str] = []
    queue.handler(lambda job: ran.append(job.queue))
    for name in ("a", "b"):
        desk.do(lambda name=name: queue.push(JOB, queue=name))
    queue.pop_using("picky", lambda queues: [name for name in queues if name != "a"])
    desk.do(lambda: queue.listen(queue="a,b", name="picky", stop_when_empty=True))
    assert ran == ["b"]
    queue.pop_using("picky", None)
    desk.do(lambda: queue.listen(queue="a,b", name="picky", stop_when_empty=True))
    assert ran == ["b", "a"]


def test_jobs_in_hand_may_be_asked_for_from_another_thread() -> None:
    """While the worker takes and settles them."""
    queue = Queue("memory://")
    done = threading.Event()
    seen: list[BaseException | int] = []

    def look() -> None:
        try:
            while not done.is_set():
                seen.append(len(queue.processing_jobs))
        except BaseException as error:
            seen.append(error)

    queue.handler(lambda job: None)
    queue.bulk([JOB] * 300)
    thread = threading.Thread(target=look)
    thread.start()
    try:
        queue.listen(stop_when_empty=True)
    finally:
        done.set()
        thread.join()
    assert [each for each in seen if not isinstance(each, int)] == []
    assert queue.processing_jobs == set()


# -- looking on from aside ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "failed"),
    [
        ("memory://", None),
        ("sqlite://", None),
        ("sqlite:///:memory:", None),
        ("redis://127.0.0.1:1", "memory://"),
        ("redis://127.0.0.1:1", "sqlite://"),
        ("failover+memory://,redis://127.0.0.1:1", "redis://127.0.0.1:1"),
    ],
)
def test_what_is_in_memory_is_not_opened_a_second_time(desk: Desk, url: str, failed: str | None) -> None:
    """It would be another, empty one."""
    assert desk.queue(url, failed=failed)._aside() is None


def test_what_is_elsewhere_is_opened_a_second_time(desk: Desk, database_with_tables: Callable[[str], str]) -> None:
    url = database_with_tables("sqlite")
    queue = desk.queue(url, queue="aside", table="jobs")
    driver, failed = queue._aside()
    assert driver is not queue.driver
    assert failed is not queue._failed
    with shell_for("sync") as shell:
        assert shell.run(driver.sizes("aside")).total == 0
        assert shell.run(failed.count()) == 0
    driver.link.call("close", ())
    failed.link.call("close", ())


# -- failures ----------------------------------------------------------------------------------------------------------


def test_each_retried_job_is_told_of(desk: Desk) -> None:
    queue = desk.queue("memory://", max_concurrent_jobs=1)
    told: list[Any] = []
    queue.on("job.retry_requested", lambda event: told.append((event.job.id, desk.face)))
    queue.handler(lambda job: job.fail(ValueError("no")))
    ids = [desk.do(lambda: queue.push(JOB)) for _ in range(2)]
    desk.do(lambda: queue.push_raw(b"not JSON"))
    desk.do(lambda: queue.listen(stop_when_empty=True))
    assert desk.do(queue.failed.ids)[1:] == ids[::-1]
    assert desk.do(queue.failed.retry) == ids[::-1]
    assert told == [(id, desk.face) for id in ids[::-1]], "not of the one that cannot be read"


# -- from an application's configuration -------------------------------------------------------------------------------


def test_an_applications_settings_reach_the_queue_object(tmp_path: Path) -> None:
    """Its cipher, its table, its batch of due jobs; a table of another name can be looked at from aside, too."""
    make(tmp_path, 12, {"CACHE_STORE": "file", "DB_QUEUE_TABLE": "work", "APP_KEY": KEYS[32]})
    application = Laravel(tmp_path, {})
    settings = application.settings
    queue = application.queue()
    assert (queue.driver.table, queue._sources.settings.table) == ("work", "work")  # type: ignore[attr-defined]
    assert queue._aside() is not None
    assert queue._encrypter is not None
    assert queue._encrypter.cipher == "aes-256-cbc"
    url = "redis://127.0.0.1:1/0"
    place = RedisConnection("default", url, "127.0.0.1:1", "shop_")
    redis = replace(settings.connection(), name="redis", redis=place, database=None)
    assert queue_arguments(settings, redis, "sync")["migration_batch"] == MIGRATION_BATCH, "not all of them"
    some = queue_arguments(settings, replace(redis, migration_batch_size=25), "sync")
    assert Queue(**some)._sources.settings.migration_batch == 25
