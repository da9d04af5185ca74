"""Failed jobs that PHP recorded, seen, retried and deleted by us, and the other way round, on every database."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lara_queue.drivers import DriverSettings, open_driver
from lara_queue.failed.connect import open_failed_store, time_zone
from lara_queue.failures import Failures
from lara_queue.laravel.exceptions import php_text
from lara_queue.ports import Failure
from lara_queue.testing import AsyncShell, SyncShell
from tests.conformance.databases import KINDS
from tests.conformance.databases import run as sql
from tests.conformance.test_failed_stores import OLD

from .database import php_settings
from .faces import Face
from .laravel import Laravel
from .stores import PhpStores, Tables

pytestmark = pytest.mark.live

Shell = SyncShell | AsyncShell
DRIVERS = ["database-uuids", "database"]
COMMAND = 'O:13:"App\\Jobs\\Bare":0:{}'


def payload(uuid: str, **more: Any) -> str:
    """An object job as Laravel pushes it on Redis."""
    data = {"commandName": "App\\Jobs\\Bare", "command": COMMAND}
    handler = "Illuminate\\Queue\\CallQueuedHandler@call"
    envelope = {"uuid": uuid, "displayName": "App\\Jobs\\Bare", "job": handler, "maxTries": None, "data": data}
    return json.dumps({**envelope, "id": f"id-{uuid}", "attempts": 3, **more}, separators=(",", ":"))


def a_failure(number: int, **changes: Any) -> Failure:
    try:
        raise ValueError(f"no {number}: ☃ é")
    except ValueError as error:
        text = php_text(error)
    plain: dict[str, Any] = {
        "uuid": f"u-{number}",
        "connection": "redis",
        "queue": "default",
        "payload": payload(f"u-{number}").encode(),
        "exception": text,
        "failed_at": 1_700_000_000.0 + number,
    }
    return Failure(**{**plain, **changes})


class Both:
    """Laravel's provider and our store on one table."""

    def __init__(self, tables: Tables, laravel: Laravel, shell: Shell, driver: str, zone: str = "UTC") -> None:
        self.php = tables.php.given(failed=driver, timezone=zone)
        self.url = tables.url
        self.shell = shell
        self.zone = time_zone(zone)
        mark = "&" if "?" in tables.url else "?"
        settings = DriverSettings(prefix=laravel.key_prefix)
        self.queue = open_driver(laravel.url, face=shell.face, settings=settings)
        source = f"{tables.url}{mark}driver={driver}&timezone={zone}"
        self.store = open_failed_store(source, face=shell.face, driver=self.queue, key="")
        self.failures = Failures(self.store, self.queue, time.time, "redis")

    def do(self, plan: Any) -> Any:
        return self.shell.run(plan)

    def record(self, *numbers: int, **changes: Any) -> list[str]:
        for number in numbers:
            self.do(self.store.record(a_failure(number, **changes)))
        return self.do(self.store.ids())[::-1][-len(numbers) :]

    def log(self, *numbers: int, queue: str = "default", **more: Any) -> None:
        for number in numbers:
            body = payload(f"u-{number}", **more)
            self.php("failed.log", connection="redis", queue=queue, payload=body, message=f"no {number} ☃")

    def uuids(self) -> list[str]:
        return [row["uuid"] for row in sql(self.url, "SELECT uuid FROM failed_jobs ORDER BY id")]


@pytest.fixture(params=DRIVERS)
def both(
    request: pytest.FixtureRequest,
    tables: Tables,
    laravel: Laravel,
    shell: Shell,
    closing_all: Callable[[Any], Any],
) -> Both:
    made = Both(tables, laravel, shell, request.param, "America/New_York")
    closing_all(made.store)
    closing_all(made.queue)
    return made


@pytest.fixture
def by_uuid(
    tables: Tables,
    laravel: Laravel,
    shell: Shell,
    closing_all: Callable[[Any], Any],
) -> Both:
    """With ``database-uuids`` alone: PHP's ``database`` cannot log into a table whose uuid must not be null."""
    made = Both(tables, laravel, shell, "database-uuids", "Asia/Tokyo")
    closing_all(made.store)
    closing_all(made.queue)
    return made


def test_php_lists_and_finds_ours(both: Both) -> None:
    """Newest first, every column as it would write it."""
    ids = both.record(1, 2)
    rows = both.php("failed.all")
    assert [str(row["id"]) for row in rows] == ids[::-1]
    found = both.php("failed.find", id=ids[0])
    assert found["payload"] == payload("u-1")
    assert (found["connection"], found["queue"]) == ("redis", "default")
    assert found["exception"].startswith("ValueError: no 1: ☃ é in ")
    assert found["exception"].splitlines()[1] == "Stack trace:"
    assert found["exception"].endswith("{main}")
    assert found["failed_at"] == ("2023-11-14 17:13:21")
    assert both.php("failed.find", id="77") is None
    listed = both.php("artisan", command="queue:failed")
    assert listed["status"] == 0
    assert listed["output"].count("App\\Jobs\\Bare") == 2


def test_php_forgets_flushes_and_prunes_ours(both: Both) -> None:
    now = time.time()
    ids = both.record(1, 2)
    assert both.php("artisan", command="queue:forget", arguments={"id": ids[0]})["status"] == 0
    assert both.do(both.store.ids()) == [ids[1]]
    both.php("artisan", command="queue:flush")
    assert both.do(both.store.count()) == 0
    both.record(3, failed_at=now - 25 * 3600)
    both.record(4, failed_at=now - 23 * 3600)
    assert "1 entries deleted" in both.php("artisan", command="queue:prune-failed")["output"]
    assert both.uuids() == ["u-4"]


def test_php_retries_ours(both: Both, laravel: Laravel) -> None:
    """By id and all of them: the jobs are back on Redis, their attempts counted anew, and PHP runs them."""
    ids = both.record(1, 2, 3)
    assert both.php("artisan", command="queue:retry", arguments={"id": [ids[1]]})["status"] == 0
    assert [json.loads(body)["uuid"] for body in laravel.ready()] == ["u-2"]
    both.php("artisan", command="queue:retry", arguments={"id": ["all"]})
    waiting = [json.loads(body) for body in laravel.ready()]
    assert [(job["uuid"], job["attempts"]) for job in waiting] == [("u-2", 0), ("u-3", 0), ("u-1", 0)]
    assert both.do(both.store.count()) == 0
    assert [record["uuid"] for record in laravel.work().handled] == ["u-2", "u-3", "u-1"]


def test_we_list_find_and_forget_theirs(by_uuid: Both) -> None:
    before = int(time.time())
    by_uuid.log(1)
    by_uuid.log(2, queue="mail")
    jobs = by_uuid.do(by_uuid.store.all())
    assert [job.id for job in jobs] == ["u-2", "u-1"]
    assert (jobs[0].queue, jobs[0].connection, jobs[0].payload) == ("mail", "redis", payload("u-2").encode())
    assert "RuntimeException: no 2 ☃ in " in jobs[0].exception
    assert jobs[0].exception.startswith("LogicException: before it in ")
    assert before <= jobs[0].failed_at <= time.time()
    assert by_uuid.do(by_uuid.store.ids(queue="mail")) == ["u-2"]
    assert by_uuid.do(by_uuid.store.forget("u-2")) is True
    assert by_uuid.php("failed.find", id="u-2") is None
    assert by_uuid.do(by_uuid.store.count()) == 1


def test_we_flush_and_prune_theirs(by_uuid: Both) -> None:
    by_uuid.log(1, 2)
    assert by_uuid.do(by_uuid.failures.prune(1)) == 0
    assert by_uuid.do(by_uuid.store.prune(time.time() + 60)) == 2
    by_uuid.log(3)
    assert by_uuid.do(by_uuid.failures.flush(0)) == 1
    by_uuid.log(4, 5)
    assert by_uuid.do(by_uuid.failures.flush()) == 2
    assert by_uuid.php("failed.all") == []


def test_we_retry_theirs_as_artisan_does(by_uuid: Both, laravel: Laravel) -> None:
    """The same payloads in the same order, but for the bytes that artisan's re-encoding would change."""
    by_uuid.log(1, 2, 3)
    by_uuid.php("artisan", command="queue:retry", arguments={"id": ["all"]})
    theirs = [json.loads(body) for body in laravel.ready()]
    laravel.redis.delete(laravel.key(), laravel.key(suffix=":notify"))
    by_uuid.log(1, 2, 3)
    assert by_uuid.do(by_uuid.failures.retry()) == ["u-3", "u-2", "u-1"]
    assert [json.loads(body) for body in laravel.ready()] == theirs
    assert by_uuid.php("failed.all") == []
    assert [record["uuid"] for record in laravel.work().handled] == ["u-3", "u-2", "u-1"]


def test_retrying_one_queue_as_artisan_does(by_uuid: Both, laravel: Laravel) -> None:
    by_uuid.log(1, 2, queue="mail")
    by_uuid.log(3)
    assert by_uuid.do(by_uuid.failures.retry(queue="mail")) == ["u-2", "u-1"]
    assert [json.loads(body)["uuid"] for body in laravel.ready("mail")] == ["u-2", "u-1"]
    by_uuid.log(1, 2, queue="mail")
    by_uuid.php("artisan", command="queue:retry", arguments={"--queue": "mail"})
    assert [json.loads(body)["uuid"] for body in laravel.ready("mail")] == ["u-2", "u-1"] * 2
    assert by_uuid.uuids() == ["u-3"]


def test_a_range_of_row_numbers_as_artisan_takes_it(
    tables: Tables,
    laravel: Laravel,
    shell: Shell,
    closing_all: Callable[[Any], Any],
) -> None:
    rows = Both(tables, laravel, shell, "database")
    closing_all(rows.store)
    closing_all(rows.queue)
    ids = rows.record(1, 2, 3, 4)
    first, last = int(ids[0]), int(ids[1])
    rows.php("artisan", command="queue:retry", arguments={"--range": [f"{first}-{last}"]})
    assert rows.do(rows.failures.retry(range(last + 1, last + 9))) == ids[2:]
    assert [json.loads(body)["uuid"] for body in laravel.ready()] == ["u-1", "u-2", "u-3", "u-4"]
    assert rows.uuids() == []


def test_a_row_is_the_same_whoever_wrote_it(by_uuid: Both) -> None:
    """Column by column, but for the exception and the second."""
    by_uuid.log(1)
    by_uuid.record(2, payload=payload("u-2").encode(), failed_at=time.time())
    theirs, ours = sql(by_uuid.url, "SELECT * FROM failed_jobs ORDER BY id")
    assert {key: type(value) for key, value in theirs.items()} == {key: type(value) for key, value in ours.items()}
    assert theirs["payload"].replace("u-1", "u-2") == ours["payload"]
    assert str(theirs["failed_at"])[:15] == str(ours["failed_at"])[:15]
    assert len(str(theirs["failed_at"])) == len(str(ours["failed_at"])) == len("2023-11-14 22:13:20")


@pytest.mark.parametrize("kind", KINDS)
def test_a_table_from_before_uuids_is_shared_as_well(
    kind: str,
    own_database: Callable[[str], str],
    php_stores: PhpStores,
    laravel: Laravel,
    shell: Shell,
    closing_all: Callable[[Any], Any],
) -> None:
    """Driver ``database``: both write, list, retry and forget rows by their numbers; one row for one job."""
    url = own_database(kind)
    sql(url, OLD[kind].replace("old_failed", "failed_jobs"))
    both = Both(Tables(url, php_stores.given(database=php_settings(url))), laravel, shell, "database")
    closing_all(both.store)
    closing_all(both.queue)
    both.log(1, 2)
    assert [(job.id, job.uuid) for job in both.do(both.store.all())] == [("2", "u-2"), ("1", "u-1")]
    assert both.record(3, 2) == ["3", "4"]
    assert [row["id"] for row in both.php("failed.all")] == [4, 3, 1]
    assert both.do(both.failures.retry("1")) == ["1"]
    both.php("artisan", command="queue:retry", arguments={"id": ["3"]})
    assert [json.loads(body)["uuid"] for body in laravel.ready()] == ["u-1", "u-3"]
    assert both.do(both.store.forget("4")) is True
    assert both.php("failed.all") == []


def test_the_failed_jobs_file_is_php_s_json(php_stores: PhpStores, tmp_path: Path, shell: Shell, face: Face) -> None:
    """FJ-09: Laravel 8 has no such store, so PHP is asked how it would write what it reads."""
    driver = open_driver("memory://", face=face)
    path = tmp_path / "failed-jobs.json"
    store = open_failed_store(f"file://{path}", face=face, driver=driver, key="")
    for number in (1, 2):
        body = payload(f"u/{number}", text="é ☃ 𝄞 \u2028 <a href='/'>").encode()
        shell.run(store.record(a_failure(number, payload=body)))
    text = path.read_text()
    assert php_stores("pretty", text=text) == text
