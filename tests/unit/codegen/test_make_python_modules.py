"""Python modules made of PHP job classes, used: they work, are clean, and do not change."""

from __future__ import annotations

import importlib
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from lara_queue.codegen.files import apply, review
from lara_queue.codegen.make_python import make_python
from lara_queue.codegen.sources import read_modules, read_sources
from lara_queue.errors import JobTypeError
from lara_queue.laravel.binding import bound_name, from_job, to_properties

ROOT = Path(__file__).resolve().parents[3]
SHOP = ROOT / "tests" / "interop" / "php" / "shop" / "app" / "Jobs"


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The name of a package to be made in an importable folder."""
    name = f"made_{uuid.uuid4().hex}"
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LARA_QUEUE_URL", "memory://")
    yield name
    for each in [each for each in sys.modules if each.partition(".")[0] == name]:
        del sys.modules[each]


def write(name: str, *paths: Path, **options: Any) -> Path:
    """The package, written."""
    out = Path(name)
    codes, look_up = read_sources(paths)
    files = make_python(codes, out, look_up=look_up, existing=read_modules(out), **options).files
    apply(review(files))
    importlib.invalidate_caches()
    return out


def every_job() -> list[Path]:
    return [SHOP, ROOT / "examples" / "php", ROOT / "tests" / "interop" / "php" / "receivers.php"]


@pytest.mark.parametrize("split", [False, True], ids=["one module", "split"])
def test_what_is_written_works(package: str, split: bool) -> None:
    write(package, *every_job(), split=split)
    found: ModuleType = importlib.import_module(f"{package}.models")
    handlers: Any = importlib.import_module(f"{package}.handlers")
    assert bound_name(found.ShipOrder) == "Shop\\Jobs\\ShipOrder"
    assert bound_name(found.Carrier) == "Shop\\Enums\\Carrier"
    assert [case.name for case in found.Carrier] == ["Post", "Courier", "None"]
    job = from_job(found.TranscribePodcast, {"podcastId": 3, "language": "en"}, "TranscribePodcast")
    assert job == found.TranscribePodcast(3, "en")
    assert to_properties(job) == ("App\\Jobs\\TranscribePodcast", {"podcastId": 3, "language": "en"})
    with pytest.raises(AttributeError):
        job.language = "de"
    with pytest.raises(NotImplementedError, match="TranscribePodcast"):
        handlers.transcribe_podcast(job)
    assert "Shop\\Jobs\\ShipOrder" in handlers.queue.emitter.event_names()


@pytest.mark.parametrize(("split", "app"), [(False, None), (True, "other:jobs")], ids=["one module", "split"])
def test_what_is_written_is_clean(package: str, split: bool, app: str | None) -> None:
    pytest.importorskip("mypy")
    Path("other.py").write_text("from lara_queue import Queue\n\njobs = Queue('memory://')\n")
    out = write(package, *every_job(), split=split, app=app)
    rules = "E,F,I,B,UP,C4,SIM,RUF,PT,TID,W,PLE"
    commands = [
        ["ruff", "check", "--isolated", "--no-cache", "--select", rules, "--ignore", "E501,RUF001,PLC2401", str(out)],
        ["ruff", "format", "--isolated", "--no-cache", "--check", str(out)],
        ["ruff", "format", "--isolated", "--no-cache", "--check", "--line-length", "120", str(out)],
        ["mypy", "--strict", "--follow-imports=silent", "--ignore-missing-imports", "--cache-dir=mypy", str(out)],
    ]
    environment = {"MYPYPATH": str(ROOT), "PATH": "/usr/bin:/bin"}
    for command in commands:
        done = subprocess.run(
            [sys.executable, "-m", *command], capture_output=True, text=True, check=False, env=environment
        )
        assert done.returncode == 0, f"{command[:2]}\n{done.stdout}{done.stderr}"


def test_a_second_run_changes_nothing(package: str) -> None:
    for split in (False, True):
        out = write(f"{package}_{split}", *every_job(), split=split)
        before = {path: path.stat().st_mtime_ns for path in out.rglob("*.py")}
        codes, look_up = read_sources(every_job())
        again = make_python(codes, out, look_up=look_up, existing=read_modules(out), split=split)
        assert {change.state.value for change in review(again.files)} == {"unchanged"}
        assert {path: path.stat().st_mtime_ns for path in out.rglob("*.py")} == before


def test_what_is_not_written_any_more_is_told(package: str) -> None:
    out = write(package, SHOP)
    codes, look_up = read_sources([SHOP])
    split = make_python(codes, out, look_up=look_up, existing=read_modules(out), split=True)
    assert f"{out}/models.py is not written any more and in the way; delete it." in split.notes
    index = read_sources([SHOP / "RebuildIndex.php"])
    fewer = make_python(index[0], out, look_up=index[1], existing=read_modules(out))
    assert f"{out}/handlers.py: ShipOrder is imported from the models, and PHP has no such job any more." in fewer.notes


def test_vendor_and_hidden_folders_are_left_out(tmp_path: Path) -> None:
    for folder in ("app", "vendor/x", ".git", "node_modules"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "A.php").write_text("<?php class A {}")
    codes, _ = read_sources([tmp_path])
    assert [made.path for code in codes for made in code.classes] == ["app/A.php"]


def test_a_property_that_laravel_leaves_out_has_its_declared_default(package: str) -> None:
    """From 9.4 on a property with its declared default is not sent (protocol §2.3); a promoted one always is."""
    write(package, SHOP)
    found: Any = importlib.import_module(f"{package}.models")
    sent = {"index": "orders", "fields": ["id"], "from": 5}
    assert from_job(found.RebuildIndex, sent, "RebuildIndex") == found.RebuildIndex("orders", ["id"])
    assert found.RebuildIndex("orders", ["id"]).since is None
    with pytest.raises(JobTypeError, match="property orderId"):
        from_job(found.ShipOrder, {"lines": []}, "ShipOrder")
