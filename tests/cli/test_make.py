"""``make:php`` and ``make:python`` as a user runs them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from lara_queue.cli import cli
from lara_queue.cli.program import state

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "make"
Run = Callable[..., Result]

APP = """
from dataclasses import dataclass
from lara_queue import Queue, php_class

queue = Queue("redis://localhost:1/0", queue="python")
memory = Queue("memory://", queue="python")


@php_class("App\\\\Jobs\\\\Send")
@dataclass
class Send:
    number: int


@queue.handler(tries=3)
@memory.handler
def send(job: Send) -> None: ...


@memory.handler("App\\\\Jobs\\\\Plain")
def plain(job) -> None: ...


@memory.handler("Legacy@fire")
def legacy(job) -> None: ...
"""
JOB = """<?php
namespace App\\Jobs;
class Notify implements \\Illuminate\\Contracts\\Queue\\ShouldQueue
{
    public function __construct(public int $userId, public $odd = null) {}
}
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The current directory: a module ``made_app`` with handlers, and a Laravel application with a job."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "made_app.py").write_text(APP)
    (tmp_path / "shop" / "app" / "Jobs").mkdir(parents=True)
    (tmp_path / "shop" / "app" / "Jobs" / "Notify.php").write_text(JOB)
    yield tmp_path
    sys.modules.pop("made_app", None)
    state.verbosity = 0


@pytest.fixture
def run(here: Path) -> Run:
    return lambda *words: CliRunner().invoke(cli, words)


def lines(result: Result) -> list[str]:
    return [line.strip() for line in result.stdout.splitlines()]


def test_php_classes_are_written_once(run: Run, here: Path) -> None:
    first = run("make:php", "made_app:memory")
    assert first.exit_code == 0, first.output
    assert lines(first) == ["created  app/Jobs/Plain.php", "created  app/Jobs/Send.php"]
    assert first.stderr == "lara-queue: Legacy@fire: not the name of a class, so no class is written for it.\n"
    assert "$this->onQueue('python');" in (here / "app" / "Jobs" / "Send.php").read_text()
    assert "onConnection" not in (here / "app" / "Jobs" / "Send.php").read_text()
    before = {file: file.stat().st_mtime_ns for file in (here / "app").rglob("*.php")}

    again = run("make:php", "made_app:memory")

    assert lines(again) == ["unchanged  app/Jobs/Plain.php", "unchanged  app/Jobs/Send.php"]
    assert {file: file.stat().st_mtime_ns for file in (here / "app").rglob("*.php")} == before


def test_options_of_make_php(run: Run, here: Path) -> None:
    options = ("--out", "x/Jobs", "--php", "7.4", "--queue", "slow", "--on-connection", "sqs")
    assert run("make:php", "made_app", *options).exit_code == 0
    text = (here / "x" / "Jobs" / "Send.php").read_text()
    assert "$this->number = $number;" in text
    assert "$this->onConnection('sqs');\n        $this->onQueue('slow');" in text
    run("make:php", "made_app", "--out", "x/Jobs", "--force")
    assert (
        "$this->onConnection('redis');\n        $this->onQueue('python');"
        in (here / "x" / "Jobs" / "Send.php").read_text()
    )


def test_a_file_that_was_edited_is_shown_and_kept(run: Run, here: Path) -> None:
    run("make:php", "made_app")
    file = here / "app" / "Jobs" / "Send.php"
    edited = file.read_text().replace("public int $tries = 3;", "public int $tries = 9;")
    file.write_text(edited)

    result = run("make:php", "made_app")

    assert result.exit_code == 1
    assert "edited by hand  app/Jobs/Send.php" in lines(result)
    assert "-    public int $tries = 9;" in result.stdout
    assert "+    public int $tries = 3;" in result.stdout
    assert "1 of 1 files are not overwritten" in result.stderr
    assert file.read_text() == edited
    forced = run("make:php", "made_app", "--force")
    assert (forced.exit_code, lines(forced)) == (0, ["overwritten  app/Jobs/Send.php"])
    assert run("make:php", "made_app", "--check").exit_code == 0


def test_check_and_dry_run_write_nothing(run: Run, here: Path) -> None:
    check = run("make:php", "made_app", "--check")
    assert check.exit_code == 1
    assert "1 of 1 files are not as they should be" in check.stderr
    dry = run("make:php", "made_app", "--dry-run")
    assert dry.exit_code == 0
    assert "+final class Send implements ShouldQueue" in dry.stdout
    assert not (here / "app").exists()


def test_json(run: Run) -> None:
    found = json.loads(run("make:php", "made_app:memory", "--json").stdout)
    assert found == {
        "ok": True,
        "written": True,
        "files": [{"path": f"app/Jobs/{name}.php", "state": "created"} for name in ("Plain", "Send")],
        "notes": ["Legacy@fire: not the name of a class, so no class is written for it."],
    }
    checked = run("make:php", "made_app", "--json", "--check", "--php", "8.2")
    assert json.loads(checked.stdout)["ok"] is False
    assert checked.exit_code == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("make:php", "nowhere"), "There is no module 'nowhere'"),
        (("make:php", "made_app", "--namespace", "no good"), "not a PHP namespace"),
        (("make:php", "made_app", "--out", "made_app.py"), "is a file"),
        (("make:php", "made_app", "--php", "5.6"), "'5.6' is not one of '7.4', '8.0'"),
        (("make:php", "made_app", "--namespace", "Other", "--out", "x"), "Where does App\\Jobs\\Send belong?"),
        (("make:python", "nowhere"), "does not exist"),
        (("make:python", "."), "There are no jobs"),
        (("make:python", "shop", "--app", "x:"), "does not name a queue object"),
    ],
)
def test_mistakes_are_told_in_one_line(run: Run, here: Path, words: tuple[str, ...], said: str) -> None:
    (here / "shop" / "app" / "Jobs" / "Notify.php").write_text("<?php class A {}")
    if "--app" in words:
        (here / "shop" / "app" / "Jobs" / "Notify.php").write_text(JOB)
    result = run(*words)
    assert result.exit_code == 1
    assert said in result.stderr
    assert result.stderr.count("\n") == 1


def test_python_classes_and_stubs(run: Run, here: Path) -> None:
    first = run("make:python", "shop/app/Jobs")
    assert first.exit_code == 0, first.output
    assert lines(first) == [f"created  laravel_jobs/{name}.py" for name in ("models", "__init__", "handlers")]
    assert first.stderr == "lara-queue: Notify.php:5: $odd: nothing says its type; its field is left as Any.\n"
    handlers = here / "laravel_jobs" / "handlers.py"
    written = handlers.read_text().replace(
        '    raise NotImplementedError("App\\\\Jobs\\\\Notify has no handler yet")', "    print(job.user_id)"
    )
    assert "print(job.user_id)" in written
    handlers.write_text(written)
    assert run("make:python", "shop/app/Jobs", "--check").exit_code == 0

    more = JOB.replace("Notify", "Added")
    (here / "shop" / "app" / "Jobs" / "Added.php").write_text(more)
    assert run("make:python", "shop/app/Jobs", "--check").exit_code == 1
    second = run("make:python", "shop/app/Jobs")

    assert lines(second) == ["updated  laravel_jobs/models.py", "updated  laravel_jobs/handlers.py"]
    text = handlers.read_text()
    assert text.startswith(written.replace("import Notify", "import Added, Notify"))
    assert text.endswith(
        'def added(job: Added) -> None:\n    raise NotImplementedError("App\\\\Jobs\\\\Added has no handler yet")\n'
    )
    assert run("make:python", "shop/app/Jobs", "--check").exit_code == 0


def test_models_that_were_edited_are_kept(run: Run, here: Path) -> None:
    run("make:python", "shop/app/Jobs/Notify.php", "--split", "--out", "jobs")
    file = here / "jobs" / "models" / "notify.py"
    file.write_text(file.read_text() + "# mine\n")
    result = run("make:python", "shop/app/Jobs/Notify.php", "--split", "--out", "jobs")
    assert result.exit_code == 1
    assert "-# mine" in result.stdout
    assert file.read_text().endswith("# mine\n")


def test_handlers_that_are_not_python_are_left_alone(run: Run, here: Path) -> None:
    run("make:python", "shop")
    (here / "laravel_jobs" / "handlers.py").write_text("def (")
    result = run("make:python", "shop")
    assert result.exit_code == 1
    assert "handlers.py:1 is not Python" in result.stderr
    assert (here / "laravel_jobs" / "handlers.py").read_text() == "def ("


def test_from_python_to_php_and_back(run: Run, here: Path) -> None:
    """What make:php writes, make:python reads as the class it came from."""
    assert run("make:php", "made_app", "--php", "8.2").exit_code == 0
    assert run("make:python", "app/Jobs", "--out", "back").exit_code == 0
    text = (here / "back" / "models.py").read_text()
    assert '@php_class("App\\\\Jobs\\\\Send")\n@dataclass(frozen=True)\nclass Send:' in text
    assert "    number: int\n" in text


@pytest.mark.parametrize("command", ["make:php", "make:python"])
def test_help_has_an_example(run: Run, command: str) -> None:
    result = run(command, "--help")
    assert result.exit_code == 0
    assert f"Example:\n    lara-queue {command}" in result.stdout.replace("\n  ", "\n")


def test_the_example_is_as_it_should_be() -> None:
    """Its PHP is what make:php writes for its handlers, and its Python what make:python writes for examples/php."""
    php = ["make:php", "billing:queue", "--out", "app/Jobs", "--php", "8.2", "--check"]
    python = ["make:python", "../php/TranscribePodcast.php", "--out", "laravel_jobs", "--check"]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LARA_QUEUE_")}
    for words in (php, python):
        command = [sys.executable, "-m", "lara_queue", *words]
        done = subprocess.run(command, cwd=EXAMPLE, env=kept, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
