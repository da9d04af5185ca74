"""RD: what worker and producer do with the keys that they share with PHP; the scripts are tested with the driver."""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis
from redis.crc import key_slot

from lara_queue import Queue, StopReason
from lara_queue.drivers import DriverSettings, open_driver
from lara_queue.plans import Call, Plan, Together, run
from lara_queue.testing.clock import ManualClock
from tests.unit.lifecycle.world import payload
from tests.worker.faces import Face

JOB = "App\\Jobs\\X"


@pytest.fixture
def client(own_redis: str) -> Iterator[Any]:
    with redis.Redis.from_url(own_redis) as one:
        yield one


@pytest.fixture
def prefix(client: Any) -> Iterator[str]:
    name = f"rd{uuid.uuid4().hex[:10]}_"
    yield name
    for key in client.scan_iter(f"{name}*"):
        client.delete(key)


@pytest.fixture
def shared(make: Callable[..., Face], own_redis: str, prefix: str) -> Face:
    return make(own_redis, queue="default", appname=prefix, prefix="")


@pytest.mark.live
def test_rd_02_payload_hooks_are_merged_in_order_before_id_attempts_and_delay(
    shared: Face, client: Any, prefix: str
) -> None:
    shared.queue.create_payload_using(lambda connection, queue, payload: {"custom": "taylor"})
    shared.push("foo@fire", ["data"])
    shared.queue.create_payload_using(lambda connection, queue, payload: {"bar": "foo"})
    shared.push("foo@fire", ["data"])
    one, both = (json.loads(body) for body in client.lrange(f"{prefix}queues:default", 0, -1))
    plain = list(one)
    assert plain[plain.index("createdAt") :] == ["createdAt", "custom", "id", "attempts", "delay"]
    plain = list(both)
    assert plain[plain.index("createdAt") :] == ["createdAt", "custom", "bar", "id", "attempts", "delay"]
    assert (both["custom"], both["bar"], both["data"]) == ("taylor", "foo", ["data"])


@pytest.mark.live
@pytest.mark.parametrize("there", [True, False])
def test_rd_17_a_waiting_worker_wakes_up_when_a_job_arrives(
    kind: Any, own_redis: str, prefix: str, there: bool
) -> None:
    face = Face(kind, own_redis, queue="default", appname=prefix, prefix="", block_for=10)
    producer = Queue(own_redis, queue="default", appname=prefix, prefix="")
    pushed: list[float] = []

    def push() -> None:
        pushed.append(time.monotonic())
        producer.push(JOB)

    face.handler(lambda job: None)
    timer = threading.Timer(0 if there else 0.3, push)
    timer.start()
    if there:
        timer.join()
    assert face.listen(max_jobs=1, sleep=10) is StopReason.MAX_JOBS
    assert time.monotonic() - pushed[0] < 2
    timer.join()
    producer.close()
    face.close()


@pytest.mark.live
def test_rd_27_payloads_are_raw_json_whatever_the_client_makes_of_values(
    shared: Face, own_redis: str, client: Any, prefix: str, clock: ManualClock
) -> None:
    body = payload(command='O:10:"App\\Jobs\\X":1:{s:1:"n";i:42;}')
    client.zadd(f"{prefix}queues:default:delayed", {body: clock() - 10})  # PHP, pushing with a delay of -10
    seen: list[Any] = []
    shared.handler(lambda job: seen.append(job.data["n"]))
    shared.listen(stop_when_empty=True)
    assert seen == [42]
    with redis.Redis.from_url(own_redis, decode_responses=True) as decoding:
        other = Queue(decoding, queue="default", appname=prefix, prefix="", clock=clock)
        other.push(JOB, {"n": 42}, delay=30)
        other.close()
    (member,) = client.zrange(f"{prefix}queues:default:delayed", 0, -1)
    assert json.loads(member)["data"]["command"] == 'O:10:"App\\Jobs\\X":1:{s:1:"n";i:42;}'


@pytest.mark.live
@pytest.mark.parametrize(("state", "attempts"), [("pending", 0), ("delayed", 0), ("reserved", 1)])
def test_rd_28_looking_at_jobs_of_each_state(shared: Face, clock: ManualClock, state: str, attempts: int) -> None:
    uuid_ = shared.push(JOB, delay=60 if state == "delayed" else None)
    if state == "reserved":
        shared._drive(shared.queue.driver.reserve(["default"]))
    (job,) = getattr(shared, f"{state}_jobs")()
    assert (job.uuid, job.queue, job.name, job.attempts) == (uuid_, "default", JOB, attempts)
    assert job.created_at is not None
    assert job.created_at.timestamp() == int(clock())


# -- a cluster: the keys of one queue ----------------------------------------------------------------------------------


class Noting:
    """A link that notes which keys each script is called with, and has an answer for it."""

    def __init__(self) -> None:
        self.keys: list[tuple[str, tuple[bytes, ...]]] = []

    def perform(self, effect: Any) -> Any:
        if isinstance(effect, Together):
            return [self.perform(call) for call in effect.calls]
        assert isinstance(effect, Call)
        self.keys.append((effect.name, tuple(effect.args[0])))
        return [5, 0, 0] if effect.name == "sizes" else 3

    def do(self, plan: Plan[Any]) -> Any:
        return run(plan, self.perform)


def test_rd_10_every_script_of_one_queue_stays_in_one_slot() -> None:
    """With Laravel's own spelling for clusters, the queue's name in braces."""
    link = Noting()
    driver = open_driver("redis://localhost", face="sync", settings=DriverSettings(prefix=""))
    link.do(driver.push("{default}", b"{}"))
    link.do(driver.push("{default}", b"{}", delay=3))
    link.do(driver.sizes("{default}"))
    link.do(driver.clear("{default}"))
    assert [name for name, _ in link.keys][:2] == ["push", "later"]
    assert link.keys[0][1] == (b"queues:{default}", b"queues:{default}:notify")
    for _, keys in link.keys:
        assert len({key_slot(key) for key in keys}) == 1
