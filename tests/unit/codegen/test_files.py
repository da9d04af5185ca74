"""Generated files: what is written, what is left alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from lara_queue.codegen.files import SEAL, Change, Generated, State, apply, difference, review, sealed, state_of
from lara_queue.errors import ConfigurationError

TEXT = sealed(f"# Written by lara-queue make:php; {SEAL}\nbody\n")
NEWER = sealed(f"# Written by lara-queue make:php; {SEAL}\nnewer body\n")
HERE = Path("a.php")


@pytest.mark.parametrize(
    ("existing", "state"),
    [
        (None, State.NEW),
        (TEXT, State.SAME),
        (TEXT.replace("\n", "\r\n"), State.SAME),
        (NEWER, State.OLD),
        (NEWER.replace("\n", "\r\n"), State.OLD),
        (TEXT + "more\n", State.EDITED),
        (TEXT.replace("body", "by hand"), State.EDITED),
        ("<?php // mine\n", State.FOREIGN),
        ("", State.FOREIGN),
    ],
)
def test_what_is_on_disk(existing: str | None, state: State) -> None:
    assert state_of(Generated(HERE, TEXT), existing) is state


@pytest.mark.parametrize(
    ("existing", "state"),
    [(None, State.NEW), (TEXT, State.SAME), (NEWER, State.OLD), (TEXT + "mine\n", State.KEPT), ("mine", State.KEPT)],
)
def test_a_beginning_is_its_authors_once_it_was_edited(existing: str | None, state: State) -> None:
    assert state_of(Generated(HERE, TEXT, once=True), existing) is state


def test_a_merged_file_is_never_a_conflict() -> None:
    assert state_of(Generated(HERE, "new\r\n", merged=True), "old\n") is State.OLD
    assert state_of(Generated(HERE, "same\r\n", merged=True), "same\r\n") is State.SAME


def test_a_seal_has_one_place() -> None:
    with pytest.raises(ValueError, match="one place"):
        sealed("no seal")


def test_writing(tmp_path: Path) -> None:
    new, same, old, edited = (tmp_path / "deep" / f"{name}.php" for name in ("new", "same", "old", "edited"))
    same.parent.mkdir()
    same.write_text(TEXT)
    old.write_text(NEWER)
    old.chmod(0o640)
    edited.write_text("mine")
    files = [Generated(path, TEXT) for path in (new, same, old, edited)]

    changes = review(files)
    assert [change.state for change in changes] == [State.NEW, State.SAME, State.OLD, State.FOREIGN]
    apply(changes)

    assert [path.read_text() for path in (new, same, old, edited)] == [TEXT, TEXT, TEXT, "mine"]
    assert old.stat().st_mode & 0o777 == 0o640
    assert sorted(path.name for path in same.parent.iterdir()) == ["edited.php", "new.php", "old.php", "same.php"]
    apply(review(files), force=True)
    assert edited.read_text() == TEXT
    assert all(change.state is State.SAME for change in review(files))


def test_two_classes_of_one_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="Two classes"):
        review([Generated(tmp_path / "A.php", TEXT), Generated(tmp_path / "a.php", TEXT)])


def test_what_cannot_be_read_or_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match="cannot be read"):
        review([Generated(tmp_path, TEXT)])
    with pytest.raises(ConfigurationError, match=r"cannot be (read|written)"):
        apply(review([Generated(tmp_path / "file" / "below.php", TEXT)]))


def test_a_difference() -> None:
    shown = difference(Change(Generated(HERE, "a\nb\n"), "a\nc", State.EDITED))
    assert shown.splitlines() == ["--- a.php", "+++ a.php", "@@ -1,2 +1,2 @@", " a", "-c", "+b"]
    assert difference(Change(Generated(HERE, "a\n"), None, State.NEW)).startswith("--- /dev/null\n+++ a.php")
