"""The JSON file of failed jobs: what is in it, how it is changed, what happens to one that is broken."""

from __future__ import annotations

import itertools
import json
import os
from pathlib import Path
from typing import Any

import pytest

from lara_queue.cache.file import path_of
from lara_queue.cache.files import SyncFileLink
from lara_queue.errors import StoreError, StoreUnreachable
from lara_queue.failed import file
from lara_queue.failed.connect import time_zone
from lara_queue.failed.file import FileFailedStore
from lara_queue.plans import Plan, run
from lara_queue.testing.failed_conformance import NOW, failure
from lara_queue.testing.shells import perform


def do(plan: Plan[Any]) -> Any:
    return run(plan, perform)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "failed-jobs.json"


@pytest.fixture
def store(path: Path) -> FileFailedStore:
    return FileFailedStore(SyncFileLink(), path, timezone=time_zone("America/New_York"))


def test_a_record_is_written_as_php_writes_it(store: FileFailedStore, path: Path) -> None:
    """FJ-09."""
    do(store.record(failure(1, payload=b'{"uuid":"u/1","e":"\xc3\xa9"}', uuid="u/1", exception="E: \u2603\n#0 {main}")))
    assert path.read_text() == (
        "[\n    {\n"
        '        "id": "u\\/1",\n'
        '        "connection": "redis",\n'
        '        "queue": "default",\n'
        '        "payload": "{\\"uuid\\":\\"u\\/1\\",\\"e\\":\\"\\u00e9\\"}",\n'
        '        "exception": "E: \\u2603\\n#0 {main}",\n'
        '        "failed_at": "2023-11-14 17:13:21",\n'
        '        "failed_at_timestamp": 1700000001\n'
        "    }\n]"
    )
    found = do(store.find("u/1"))
    assert found.payload == b'{"uuid":"u/1","e":"\xc3\xa9"}'
    assert do(store.find("other")) is None
    do(store.forget("u/1"))
    assert path.read_text() == "[]"


def test_the_newest_is_at_the_head_and_the_oldest_is_dropped(path: Path) -> None:
    store = FileFailedStore(SyncFileLink(), path, limit=3)
    for number in range(5):
        do(store.record(failure(number)))
    assert [record["failed_at_timestamp"] - NOW for record in json.loads(path.read_text())] == [4, 3, 2]


def test_what_others_wrote_into_a_record_stays(store: FileFailedStore, path: Path) -> None:
    path.write_text('[{"id": "php", "connection": "x", "extra": {"a": [1.0]}, "failed_at": "2023-11-14 17:13:21"}]')
    (job,) = do(store.all())
    assert (job.id, job.connection, job.payload, job.failed_at) == ("php", "x", b"", NOW + 1)
    do(store.record(failure(2)))
    assert json.loads(path.read_text())[1]["extra"] == {"a": [1.0]}


@pytest.mark.parametrize("broken", ["{", '{"a": 1}', "[1]", "null", "\x00"])
def test_a_broken_file_is_set_aside_and_not_written_over(
    store: FileFailedStore, path: Path, broken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file, "PAUSE_SECONDS", 0)
    for number in (1, 2):
        path.write_text(broken)
        assert do(store.all()) == []
        do(store.record(failure(number)))
        assert do(store.count()) == 1
        assert path.with_name(f"failed-jobs.json.unreadable-{number}").read_text() == broken


def test_an_empty_file_is_an_empty_list(store: FileFailedStore, path: Path) -> None:
    path.write_text(" \n")
    assert do(store.all()) == []
    do(store.record(failure(1)))
    assert do(store.count()) == 1


def test_a_file_keeps_its_mode(store: FileFailedStore, path: Path) -> None:
    path.write_text("[]")
    path.chmod(0o664)
    do(store.record(failure(1)))
    assert path.stat().st_mode & 0o777 == 0o664
    path.unlink()
    umask = os.umask(0o027)
    try:
        do(store.record(failure(1)))
    finally:
        os.umask(umask)
    assert path.stat().st_mode & 0o777 == 0o640


def test_a_crash_in_the_middle_of_writing_leaves_the_old_file(
    store: FileFailedStore, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    do(store.record(failure(1)))

    def dies(*_: Any) -> None:
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr("os.fsync", dies)
    with pytest.raises(StoreError, match="No space left on device"):
        do(store.record(failure(2)))
    assert do(store.ids()) == [failure(1).uuid]
    assert sorted(one.name for one in path.parent.iterdir()) == ["data", "failed-jobs.json"]


def test_where_the_folder_is_closed_the_file_itself_is_written(
    store: FileFailedStore, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    do(store.record(failure(1)))

    def refuses(_: Path) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(file, "_created", refuses)
    before = path.stat().st_ino
    do(store.record(failure(2)))
    assert path.stat().st_ino == before
    assert do(store.ids()) == [failure(2).uuid, failure(1).uuid]


@pytest.mark.parametrize("name", ["laravel-failed-jobs", "file-store-lock:laravel-failed-jobs"])
def test_php_in_the_middle_of_a_change_is_waited_for(path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Under the lock's name of every version; it runs out after five seconds, should PHP have died."""
    now = itertools.count(1_700_000_000)
    store = FileFailedStore(SyncFileLink(), path, clock=lambda: float(next(now)))
    monkeypatch.setattr(file, "PAUSE_SECONDS", 0)
    lock = path_of(path.parent / "data", name)
    lock.parent.mkdir(parents=True)
    lock.write_bytes(b'1700000005s:16:"0123456789abcdef";')
    do(store.record(failure(1)))
    assert next(now) > 1_700_000_005
    assert do(store.count()) == 1
    assert not lock.exists()


def test_a_lock_that_stays_is_an_outage(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file, "PATIENCE_SECONDS", 0)
    store = FileFailedStore(SyncFileLink(), path, clock=lambda: NOW)
    lock = path_of(path.parent / "data", "laravel-failed-jobs")
    lock.parent.mkdir(parents=True)
    lock.write_bytes(b'9999999999s:1:"x";')
    with pytest.raises(StoreUnreachable, match=f"by {lock}"):
        do(store.record(failure(1)))
    assert lock.read_bytes() == b'9999999999s:1:"x";'
    assert not path.exists()


def test_a_limit_exactly_at_the_time_removes_too(store: FileFailedStore) -> None:
    """FJ-11."""
    do(store.record(failure(1)))
    assert do(store.prune(NOW)) == 0
    assert do(store.prune(NOW + 1)) == 1
