"""``module:attribute``: what is accepted, and what is said about the rest."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from lara_queue.cli import cli

Work = Callable[..., Result]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty current directory; what is imported from it is forgotten afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield tmp_path
    for name in [name for name in sys.modules if name.partition(".")[0] in ("shop", "shop_package")]:
        del sys.modules[name]


@pytest.fixture
def size(here: Path) -> Work:
    """Runs ``size --app TARGET`` with a module ``shop`` of the given text."""

    def size(target: str, text: str = "") -> Result:
        (here / "shop.py").write_text("from lara_queue import AsyncQueue, Queue\n" + textwrap.dedent(text))
        return CliRunner().invoke(cli, ["size", "--app", target])

    return size


@pytest.mark.parametrize(
    ("target", "text"),
    [
        ("shop:jobs", "jobs = Queue('memory://', queue='found')"),
        ("shop", "queue = Queue('memory://', queue='found')"),
        ("shop:jobs", "jobs = AsyncQueue('memory://', queue='found')"),
        ("shop:make", "def make(): return Queue('memory://', queue='found')"),
        ("shop:make", "async def make(): return AsyncQueue('memory://', queue='found')"),
        ("shop:Shop.jobs", "class Shop: jobs = Queue('memory://', queue='found')"),
    ],
)
def test_what_is_accepted(size: Work, target: str, text: str) -> None:
    result = size(target, text)
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[1].startswith("found ")


def test_a_module_in_a_package(here: Path) -> None:
    (here / "shop_package").mkdir()
    (here / "shop_package" / "jobs.py").write_text("from lara_queue import Queue\nqueue = Queue('memory://')")
    assert CliRunner().invoke(cli, ["size", "--app", "shop_package.jobs:queue"]).exit_code == 0


@pytest.mark.parametrize(
    ("target", "text", "told"),
    [
        ("shopp:queue", "", "There is no module 'shopp' here"),
        ("shop.jobs:queue", "", "There is no module 'shop.jobs' here"),
        ("shop:queue", "jobs = Queue('memory://')", "The module shop has no 'queue'. Its queues: shop:jobs."),
        ("shop:quueue", "queeue = 1", "Did you mean shop:queeue?"),
        ("shop:queue", "queue = 5", "shop:queue is of type int"),
        ("shop:make", "def make(): return 5", "The factory shop:make returned int"),
        ("shop:make", "def make(): return 1 / 0", "The factory shop:make failed: ZeroDivisionError: division by zero"),
        ("shop:make", "def make(url): ...", "The factory shop:make failed: TypeError"),
        (
            "shop:queue",
            "import no_such_package",
            "could not be imported: ModuleNotFoundError: No module named 'no_such",
        ),
        ("shop:queue", "x = (", "could not be imported: SyntaxError"),
        ("shop:queue", "\nraise ValueError('first\\nsecond')", "ValueError: first second (shop.py, line 3)"),
        ("shop:queue", "queue = Queue('reids://x')", "did you mean redis://"),
        ("shop.py:jobs", "", "shop.py is a file; name its module instead: shop:jobs"),
        (":queue", "", "not a module's name"),
        ("..x:queue", "", "not a module's name"),
    ],
)
def test_what_is_said_about_the_rest(size: Work, target: str, text: str, told: str) -> None:
    result = size(target, text)
    assert result.exit_code == 1
    assert len(result.stderr.splitlines()) == 1, result.stderr
    assert told in result.stderr
