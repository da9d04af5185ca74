"""Every promise of :class:`~lara_queue.ports.FailedStore`, as checks that run against any store through either face.

Each check is a function of a :class:`FailedBench`: an empty store, a second one on the same place (another process),
and a shell that drives their plans. Run them all with::

    @pytest.mark.parametrize("check", FAILED_CHECKS, ids=lambda check: check.__name__)
    def test_my_store(check, bench):
        check(bench)
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from lara_queue.plans import Plan
from lara_queue.ports import FailedStore, Failure
from lara_queue.testing.shells import Shell

__all__ = ["FAILED_CHECKS", "FailedBench", "failure"]

T = TypeVar("T")

NOW = 1_700_000_000.0


def failure(number: int = 1, **changes: Any) -> Failure:
    """A failure like no other; its payload holds what a careless store would damage."""
    uuid = f"00000000-0000-4000-8000-{number:012d}"
    payload = {
        "uuid": uuid,
        "displayName": f"App\\Jobs\\J{number}",
        "job": "A@b",
        "data": [],
        "big": 9007199254740993,
        "empty": {},
        "e": "é/",
    }
    plain = Failure(
        uuid=uuid,
        connection="redis",
        queue="default",
        payload=json.dumps(payload).encode(),
        exception=f"RuntimeException: {number}\n#0 {{main}}",
        failed_at=NOW + number,
        error_type="RuntimeException",
        error_message=str(number),
        attempts=2,
        max_tries=3,
        name=f"App\\Jobs\\J{number}",
    )
    return replace(plain, **changes)


@dataclass
class FailedBench:
    """What a check needs. ``at_limit``: pruning also deletes what failed exactly at the limit, as ``file`` does."""

    store: FailedStore
    other: FailedStore
    shell: Shell
    at_limit: bool = False

    def do(self, plan: Plan[T]) -> T:
        """What the plan returns."""
        return self.shell.run(plan)

    def record(self, *failures: Failure) -> list[str]:
        """Their ids, after they were recorded in that order."""
        for each in failures:
            self.do(self.store.record(each))
        return [job.id for job in reversed(self.do(self.store.all(limit=len(failures))))]

    def uuids(self) -> list[str | None]:
        """Of all failures, newest first."""
        return [job.uuid for job in self.do(self.other.all())]


def a_failure_comes_back_as_it_was(bench: FailedBench) -> None:
    """Every field, the payload byte for byte."""
    one = failure(exception="Boom: ünïcode ☃ 𝄞 'quoted' \"\\ %s :x\n#0 {main}", queue="mail", connection="sqs")
    (id,) = bench.record(one)
    found = bench.do(bench.other.find(id))
    assert found is not None
    assert (found.id, found.uuid) == (id, one.uuid)
    assert (found.connection, found.queue, found.payload) == ("sqs", "mail", one.payload)
    assert (found.exception, found.failed_at) == (one.exception, one.failed_at)
    assert bench.do(bench.other.all()) == [found]


def an_empty_store_has_nothing(bench: FailedBench) -> None:
    """And says so without an error."""
    assert bench.do(bench.store.all()) == []
    assert bench.do(bench.store.ids()) == []
    assert bench.do(bench.store.count()) == 0
    assert bench.do(bench.store.flush()) == 0
    assert bench.do(bench.store.flush(before=NOW)) == 0
    assert bench.do(bench.store.prune(NOW)) == 0
    for id in ("1", "00000000-0000-4000-8000-000000000009", "", "no\0thing", "9" * 30):
        assert bench.do(bench.store.find(id)) is None
        assert bench.do(bench.store.forget(id)) is False


def the_newest_comes_first_fj_01_fj_07(bench: FailedBench) -> None:
    """In lists and in ids, of all or of one queue, and no more than asked for."""
    made = [failure(n, queue="queue-1" if n < 3 else "queue-2") for n in (1, 2, 3, 4)]
    ids = bench.record(*made)
    assert bench.uuids() == [each.uuid for each in reversed(made)]
    assert bench.do(bench.store.ids()) == ids[::-1]
    assert bench.do(bench.store.ids(queue="queue-1")) == [ids[1], ids[0]]
    assert [job.id for job in bench.do(bench.store.all(queue="queue-2"))] == [ids[3], ids[2]]
    assert [job.id for job in bench.do(bench.store.all(limit=3))] == ids[:0:-1]
    assert [job.id for job in bench.do(bench.store.all(queue="queue-1", limit=1))] == [ids[1]]
    assert bench.do(bench.store.ids(queue="queue-3")) == []
    assert [bench.do(bench.store.count(queue=queue)) for queue in (None, "queue-1", "x")] == [4, 2, 0]


def one_is_found_and_forgotten_fj_02_fj_08(bench: FailedBench) -> None:
    """By its id; the others stay."""
    ids = bench.record(failure(1), failure(2))
    found = bench.do(bench.store.find(ids[0]))
    assert found is not None
    assert found.uuid == failure(1).uuid
    assert bench.do(bench.store.forget("77")) is False
    assert bench.do(bench.store.forget(ids[0])) is True
    assert bench.do(bench.other.forget(ids[0])) is False
    assert bench.do(bench.other.find(ids[0])) is None
    assert bench.uuids() == [failure(2).uuid]


def recording_twice_leaves_one(bench: FailedBench) -> None:
    """After a crash between recording and deleting the same failure is recorded again."""
    bench.record(failure(1), failure(2))
    again = failure(1, failed_at=NOW + 9, exception="Again: 1\n#0 {main}")
    bench.do(bench.other.record(again))
    assert bench.do(bench.store.count()) == 2
    assert bench.uuids() == [failure(1).uuid, failure(2).uuid]
    assert bench.do(bench.store.all())[0].exception == again.exception


def a_forgotten_failure_can_be_recorded_again(bench: FailedBench) -> None:
    """A job that was retried and failed again."""
    (id,) = bench.record(failure(1))
    bench.do(bench.store.forget(id))
    bench.record(failure(1))
    assert bench.uuids() == [failure(1).uuid]


def removing_takes_that_very_record(bench: FailedBench) -> None:
    """Not one made later for the same job: a retried job may have failed again already."""
    bench.record(failure(1))
    (seen,) = bench.do(bench.store.all())
    bench.do(bench.other.record(failure(1, failed_at=NOW + 60)))
    assert bench.do(bench.store.remove(seen)) is False
    assert bench.uuids() == [failure(1).uuid]
    (newer,) = bench.do(bench.store.all())
    assert bench.do(bench.store.remove(newer)) is True
    assert bench.do(bench.store.remove(newer)) is False
    assert bench.do(bench.store.count()) == 0
    bench.do(bench.store.record(failure(1)))
    bench.do(bench.store.record(failure(1)))
    assert bench.do(bench.store.count()) == 1


def bytes_that_are_no_text_are_kept_fj_05(bench: FailedBench) -> None:
    """In the payload exactly, in the exception as readable text."""
    bodies = [b"\xff\x00\xfe", b"", b"not json \x00", b"[]", b'{"a": "\\u0000"}', '"☃"'.encode()]
    made = [failure(n, payload=body) for n, body in enumerate(bodies)]
    made[0] = replace(made[0], exception="Bad \udcff byte\0 here")
    ids = bench.record(*made)
    found = [bench.do(bench.other.find(id)) for id in ids]
    assert [job.payload for job in found if job is not None] == bodies
    assert found[0] is not None
    assert found[0].exception.encode().startswith(b"Bad ")
    assert found[0].exception.endswith(" here")


def strange_names_do_no_harm(bench: FailedBench) -> None:
    """A payload may claim any uuid and come from any queue."""
    strange = ["x" * 600, "a'b\"c; --", "ünï", "%_\\", "nul\0in it"]
    made = [
        failure(n, uuid=uuid, queue=f"q {uuid}"[:90], payload=json.dumps({"uuid": uuid, "n": n}).encode())
        for n, uuid in enumerate(strange)
    ]
    ids = bench.record(*made)
    assert len(set(ids)) == len(strange)
    for each, id in zip(made, ids, strict=True):
        bench.do(bench.store.record(each))
        again = bench.do(bench.store.all(limit=1))[0]
        assert again.payload == each.payload
        assert bench.do(bench.store.count()) == len(strange), id


def flushing_deletes_all_or_the_old(bench: FailedBench) -> None:
    """With a limit those at it too."""
    bench.record(*(failure(n) for n in range(1, 5)))
    assert bench.do(bench.store.flush(before=NOW + 2)) == 2
    assert bench.uuids() == [failure(4).uuid, failure(3).uuid]
    assert bench.do(bench.store.flush()) == 2
    assert bench.uuids() == []


def pruning_deletes_the_old_fj_11(bench: FailedBench) -> None:
    """Those before the limit; the file store those at it, too."""
    bench.record(*(failure(n) for n in range(1, 5)))
    assert bench.do(bench.store.prune(NOW - 3600)) == 0
    assert bench.do(bench.store.prune(NOW + 2)) == (2 if bench.at_limit else 1)
    assert bench.do(bench.store.prune(NOW + 3600)) == (2 if bench.at_limit else 3)
    assert bench.uuids() == []


def many_are_listed_whole(bench: FailedBench) -> None:
    """More than one page of them; a file keeps the newest hundred."""
    bench.record(*(failure(n) for n in range(230)))
    kept = bench.do(bench.store.count())
    assert kept == (100 if bench.at_limit else 230)
    newest = [failure(n).uuid for n in range(229, 229 - kept, -1)]
    assert bench.uuids() == newest
    assert len(bench.do(bench.store.ids())) == kept
    assert [job.uuid for job in bench.do(bench.store.all(limit=70))] == newest[:70]
    assert bench.do(bench.store.prune(NOW + 1000)) == kept


def an_enormous_exception_is_cut(bench: FailedBench) -> None:
    """Its ends stay; a server takes only so much in one packet."""
    text = f"Head: {'x' * 3_000_000} tail"
    (id,) = bench.record(failure(exception=text))
    found = bench.do(bench.store.find(id))
    assert found is not None
    assert len(found.exception) < 600_000
    assert (found.exception[:6], found.exception[-5:]) == ("Head: ", " tail")


def many_record_at_once(bench: FailedBench) -> None:
    """Nothing is lost, and the same failure from all of them is one."""
    stores = [bench.store, bench.other] * 4
    bench.shell.run_all([store.record(failure(n)) for n, store in enumerate(stores)])
    assert bench.do(bench.store.count()) == 8


FAILED_CHECKS: list[Callable[[FailedBench], None]] = [
    a_failure_comes_back_as_it_was,
    an_empty_store_has_nothing,
    the_newest_comes_first_fj_01_fj_07,
    one_is_found_and_forgotten_fj_02_fj_08,
    recording_twice_leaves_one,
    a_forgotten_failure_can_be_recorded_again,
    removing_takes_that_very_record,
    bytes_that_are_no_text_are_kept_fj_05,
    strange_names_do_no_harm,
    flushing_deletes_all_or_the_old,
    pruning_deletes_the_old_fj_11,
    many_are_listed_whole,
    an_enormous_exception_is_cut,
    many_record_at_once,
]
"""All of them, in an order in which a new store can be brought up."""
