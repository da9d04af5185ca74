"""The files of Laravel's file cache: where they are, what is in them, and who may change them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from lara_queue.cache import files
from lara_queue.cache.file import FileCache, path_of, swap
from lara_queue.cache.files import AsyncFileLink, SyncFileLink, at, held
from lara_queue.errors import StoreError
from lara_queue.plans import Plan, run
from lara_queue.testing import ManualClock
from lara_queue.testing.shells import perform

NOW = 1_700_000_000


def do(plan: Plan[Any]) -> Any:
    return run(plan, perform)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW + 0.7)


@pytest.fixture
def cache(tmp_path: Path, clock: ManualClock) -> FileCache:
    return FileCache(SyncFileLink(), tmp_path, clock=clock)


def test_a_file_is_what_php_writes(cache: FileCache, tmp_path: Path) -> None:
    path = tmp_path / "0b" / "ee" / "0beec7b5ea3f0fdbc95d0dd47f3c5bc275da8a33"
    do(cache.put("foo", 5, 60))
    assert path.read_bytes() == b"1700000060i:5;"
    do(cache.put("foo", "0123"))
    assert path.read_bytes() == b'9999999999s:4:"0123";'
    do(cache.increment("foo"))
    assert path.read_bytes() == b"9999999999i:124;"
    do(cache.put("foo", True, 0.2))
    assert path.read_bytes() == b"1700000001b:1;"
    do(cache.put("foo", True, 1e12))
    assert path.read_bytes() == b"9999999999b:1;"


def test_a_lock_is_a_file_with_its_owner(tmp_path: Path, clock: ManualClock) -> None:
    """Laravel 12.36 and later put a word before its name; the folder may be another."""
    cache = FileCache(SyncFileLink(), tmp_path / "data", lock_directory=tmp_path / "locks", clock=clock)
    do(cache.lock("l", "owner", 60))
    assert path_of(tmp_path / "locks", "file-store-lock:l").read_bytes() == b'1700000060s:5:"owner";'
    do(cache.unlock("l", "owner"))
    assert not path_of(tmp_path / "locks", "file-store-lock:l").exists()
    older = FileCache(SyncFileLink(), tmp_path / "data", lock_prefix="", clock=clock)
    do(older.lock("l", "owner"))
    assert path_of(tmp_path / "data", "l").read_bytes() == b'9999999999s:5:"owner";'


@pytest.mark.parametrize("content", [b"", b"17", b"garbage!!!i:5;", b"9999999999", b"9999999999nonsense", b"\xff" * 20])
def test_what_is_no_value_is_none(cache: FileCache, tmp_path: Path, content: bytes) -> None:
    path = path_of(tmp_path, "k")
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    assert do(cache.get("k")) is None


def test_a_file_deleted_while_it_was_waited_for_is_opened_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else two processes would each hold a file, and only one of them the one that others see."""
    path = tmp_path / "k"
    path.write_bytes(b"old")
    locked = files.fcntl.flock
    times = 0

    def deleted_meanwhile(handle: int, how: int) -> None:
        nonlocal times
        times += 1
        if times == 1:
            path.unlink()
        locked(handle, how)

    monkeypatch.setattr(files.fcntl, "flock", deleted_meanwhile)
    with held(path) as handle:
        assert handle is not None
        assert os.path.samestat(os.fstat(handle), path.stat())
    assert times == 2
    path.unlink()
    with held(path, create=False) as handle:
        assert handle is None


def test_nothing_is_changed_where_nothing_was_wanted(tmp_path: Path) -> None:
    path = tmp_path / "k"
    path.write_bytes(b"9999999999i:5;")
    assert swap(path, NOW, lambda entry: None) is None
    assert path.read_bytes() == b"9999999999i:5;"
    assert swap(tmp_path / "missing", NOW, lambda entry: entry, False) is None


def test_what_the_file_system_refuses_is_a_store_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    cache = FileCache(SyncFileLink(), tmp_path / "file")
    with pytest.raises(StoreError, match=r"The file .*/file.* cannot be used: Not a directory\."):
        do(cache.put("k", 1))


async def test_on_asyncio_errors_stay_with_their_calls(tmp_path: Path) -> None:
    link = AsyncFileLink()

    def refuse() -> None:
        raise PermissionError(13, "Permission denied", "x")

    answers = await link.together([at(link, max, 1, 2), at(link, refuse)])
    assert answers[0] == 2
    assert isinstance(answers[1], StoreError)
    assert SyncFileLink().together([at(link, max, 1, 2)]) == [2]
    assert await link.call("close", ()) is None
