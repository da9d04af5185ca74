"""The dead letter list: entries of LaraQueue's and of others beside ours, and the set that remembers their uuids."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
import redis

from lara_queue.dead_letters import as_dead_letter, id_of
from lara_queue.drivers.redis import redis_link
from lara_queue.failed.redis import RedisFailedStore
from lara_queue.plans import Plan, run
from lara_queue.testing.failed_conformance import NOW, failure
from lara_queue.testing.shells import perform

KEY = f"{uuid.uuid4().hex}_database_queues:default:failed"

pytestmark = pytest.mark.live


def do(plan: Plan[Any]) -> Any:
    return run(plan, perform)


@pytest.fixture
def client(own_redis: str) -> Iterator[Any]:
    """A real server: fakeredis has no ``redis.sha1hex``."""
    with redis.Redis.from_url(own_redis) as one:
        yield one
        one.delete(KEY, f"{KEY}:uuids")


@pytest.fixture
def store(client: Any) -> Iterator[RedisFailedStore]:
    made = RedisFailedStore(redis_link(client, "sync"), KEY)
    yield made
    made.link.call("close", ())


def laraqueue(id: str = "lq") -> str:
    """An entry as LaraQueue 1.x writes it."""
    original = {"uuid": id, "job": "A@b", "data": {"n": 1.0}}
    error = {"type": "E", "message": "m", "timestamp": NOW}
    return json.dumps(
        {"original_job": original, "error": error, "retry_count": 2, "failed_at": NOW, "queue": "default"}
    )


def test_entries_of_laraqueue_are_listed_found_and_forgotten(store: RedisFailedStore, client: Any) -> None:
    client.rpush(KEY, laraqueue(), "not JSON", laraqueue("other"))
    jobs = do(store.all())
    assert [job.uuid for job in jobs] == ["other", None, "lq"]
    assert (jobs[0].payload, jobs[0].exception) == (b'{"uuid": "other", "job": "A@b", "data": {"n": 1.0}}', "E: m")
    assert jobs[1].payload == b"not JSON"
    assert do(store.find("lq")) == jobs[2]
    assert do(store.forget(jobs[1].id)) is True
    assert do(store.remove(jobs[0])) is True
    assert do(store.ids()) == ["lq"]


def test_a_job_of_laraqueue_that_fails_again_replaces_its_entry(store: RedisFailedStore, client: Any) -> None:
    """Once the set knows of it; LaraQueue itself does not."""
    do(store.record(failure(1, uuid="lq")))
    client.rpush(KEY, laraqueue())
    do(store.record(failure(2, uuid="lq")))
    assert do(store.ids()) == ["lq"]
    assert do(store.find("lq")).exception == failure(2).exception


def test_a_list_that_laraqueue_deleted_does_not_hide_new_failures(store: RedisFailedStore, client: Any) -> None:
    do(store.record(failure(1)))
    client.delete(KEY)
    do(store.record(failure(1)))
    assert do(store.count()) == 1
    assert client.smembers(f"{KEY}:uuids") == {failure(1).uuid.encode()}


def test_removing_keeps_the_set_right(store: RedisFailedStore, client: Any) -> None:
    do(store.record(failure(1)))
    (seen,) = do(store.all())
    do(store.record(failure(1, failed_at=NOW + 9)))
    assert do(store.remove(seen)) is False
    assert client.scard(f"{KEY}:uuids") == 1
    assert do(store.remove(do(store.all())[0])) is True
    assert (client.scard(f"{KEY}:uuids"), client.llen(KEY)) == (0, 0)


@pytest.mark.parametrize(
    ("exception", "kind", "message"),
    [
        (
            "app.errors.Bad: went wrong in the end in /app/x.py:12\nStack trace:\n#0 {main}",
            "Bad",
            "went wrong in the end",
        ),
        ("ValueError: x not in list\nStack trace:\n#0 {main}", "ValueError", "x not in list"),
        ("KeyError in /app/x.py:1", "KeyError in /app/x", ""),
        ("", "", ""),
    ],
)
def test_dead_letters_show_the_message_without_its_place(exception: str, kind: str, message: str) -> None:
    (job,) = _listed(failure(1, exception=exception))
    letter = as_dead_letter(job)
    assert letter["error"]["message"] == message
    assert id_of(letter) == failure(1).uuid
    if message:
        assert letter["error"]["type"] == kind


def _listed(*failures: Any) -> list[Any]:
    from lara_queue.failed.memory import MemoryFailedStore

    store = MemoryFailedStore()
    for each in failures:
        do(store.record(each))
    return list(do(store.all()))
