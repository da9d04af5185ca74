"""What a supervisor decides, how it notices changed files, and the line between it and a child."""

from __future__ import annotations

import os
import signal
import socket
from pathlib import Path

import pytest

from lara_queue.worker.child import CHILD_VARIABLE, Parent
from lara_queue.worker.reload import Watcher
from lara_queue.worker.replacing import Exit, Next, after_exit, replacement_delay


@pytest.mark.parametrize(
    ("ended", "expected"),
    [
        (Exit(0, "empty"), Next(False)),
        (Exit(0, "empty_for"), Next(False)),
        (Exit(0, "max_jobs"), Next(False)),
        (Exit(0, "max_time"), Next(False)),
        (Exit(0, "once"), Next(False)),
        (Exit(0, "restart"), Next(True)),
        (Exit(0, "quit"), Next(True)),
        (Exit(12, "memory"), Next(True)),
        (Exit(-9), Next(True, slowly=True)),
        (Exit(1), Next(True, slowly=True)),
        (Exit(0), Next(True, slowly=True)),  # gone without a word
        (Exit(1, "max_jobs"), Next(True, slowly=True)),  # it broke while it ended
    ],
)
def test_whether_a_child_is_replaced(ended: Exit, expected: Next) -> None:
    assert after_exit(ended) == expected


def test_the_delay_grows_to_half_a_minute() -> None:
    delays = [replacement_delay(number) for number in range(1, 1000)]
    assert delays[0] == 0.1
    assert delays == sorted(delays)
    assert delays[-1] == 30


def test_changes_are_noticed(tmp_path: Path) -> None:
    module, other = tmp_path / "app.py", tmp_path / "package" / "jobs.py"
    other.parent.mkdir()
    module.write_text("1")
    other.write_text("1")
    watcher = Watcher(tmp_path)
    assert watcher.changed() == []
    other.write_text("22")
    assert watcher.changed() == [str(other)]
    assert watcher.changed() == []
    os.utime(module, (1, 1))
    assert watcher.changed() == [str(module)]
    module.unlink()
    (tmp_path / "new.py").write_text("")
    assert watcher.changed() == [str(module), str(tmp_path / "new.py")]


@pytest.mark.parametrize("name", [".git/x.py", "__pycache__/x.py", "node_modules/x.py", "env/lib/x.py", "notes.txt"])
def test_what_nobody_edits_is_not_watched(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    if name.startswith("env"):
        (tmp_path / "env" / "pyvenv.cfg").write_text("")
    watcher = Watcher(tmp_path)
    path.write_text("1")
    assert watcher.changed() == []


def test_a_child_says_what_it_does_and_hides_whose_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[int] = []
    monkeypatch.setattr(signal, "pthread_kill", lambda _thread, number: told.append(number))
    ours, theirs = socket.socketpair()
    environment = {CHILD_VARIABLE: f"{theirs.detach()}:3", "HOME": "/"}
    parent = Parent.of(environment)
    assert parent is not None
    assert parent.index == 3
    assert environment == {"HOME": "/"}
    parent.ready()
    parent.stopped("max_jobs")
    assert ours.recv(100) == b"ready\nstopped max_jobs\n"
    ours.close()
    parent._thread.join(5)
    assert told == [signal.SIGTERM]  # it does not outlive its supervisor
    parent.close()


def test_nobodys_child() -> None:
    assert Parent.of({}) is None
    assert Parent.of({CHILD_VARIABLE: "nonsense"}) is None
    assert Parent.of({CHILD_VARIABLE: "999999:1"}) is None
