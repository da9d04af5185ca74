"""The documents' code is run, and does what they say.

Every block of README.md, MIGRATION.md and docs/ that begins with ```` ```python ```` is executed, those of one ``##``
section one after the other in one namespace. A ```` ```text ```` block right after it is what it must print. Blocks
marked ```` ```python norun ```` are other people's code. Only two things are changed on the way:

* ``localhost`` is a Redis of the tests' own, in which a few jobs wait (``WAITING``),
* a worker stops when its queue is empty, instead of running until it is told to stop.
"""

from __future__ import annotations

import contextlib
import io
import linecache
import logging
import re
import subprocess
import sys
import types
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner
from redis import Redis

from lara_queue import Queue
from lara_queue.cli import commands as cli_commands
from lara_queue.cli.commands import cli
from lara_queue.drivers.connect import _STORES
from lara_queue.options import WorkerOptions

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = [ROOT / "README.md", ROOT / "MIGRATION.md", *sorted((ROOT / "docs").glob("*.md"))]
README = (ROOT / "README.md").read_text(encoding="utf-8")

WAITING = [
    ("App\\Jobs\\SendEmail", {"to": "ada@example.com", "message": "hello"}),
    ("App\\Jobs\\TestJob", {"a": "hello", "b": "from", "c": "PHP", "message": "hello"}),
]


@dataclass
class Block:
    """A block of code: where it begins, what it is marked with, and what it must print."""

    line: int
    mark: str
    text: str
    prints: str | None = None


@dataclass
class Section:
    """The blocks under one heading."""

    document: Path
    title: str
    blocks: list[Block]

    def __str__(self) -> str:
        return f"{self.document.stem}: {self.title}"


def sections(document: Path) -> Iterator[Section]:
    """A document's sections, those without code too."""
    current = Section(document, document.name, [])
    open_block: Block | None = None
    lines = document.read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines, 1):
        if open_block is None and line.startswith("## "):
            yield current
            current = Section(document, line[3:], [])
        elif open_block is None and line.strip().startswith("```"):
            open_block = Block(number + 1, line.strip()[3:].strip(), "")
        elif open_block is not None and line.strip() == "```":
            before = current.blocks[-1] if current.blocks else None
            if (
                open_block.mark == "text"
                and before
                and before.mark == "python"
                and ends_at(before) == open_block.line - 2
            ):
                before.prints = open_block.text
            current.blocks.append(open_block)
            open_block = None
        elif open_block is not None:
            open_block.text += line + "\n"
    assert open_block is None, f"a block of {document.name} is not closed"
    yield current


def ends_at(block: Block) -> int:
    """The number of the line that closes the block."""
    return block.line + block.text.count("\n")


SECTIONS = [section for document in DOCUMENTS if document.exists() for section in sections(document)]


@pytest.fixture
def quiet() -> Iterator[None]:
    """Whatever a document does to the log is undone."""
    logger = logging.getLogger("lara_queue")
    level = logger.level
    yield
    logger.setLevel(level)


def adapted(text: str, url: str | None) -> str:
    text = text.replace(".listen()", ".listen(stop_when_empty=True)")
    if url is not None:
        port = url.rpartition(":")[2].partition("/")[0]
        text = text.replace("localhost:6379", f"localhost:{port}")
        text = re.sub(r"""Redis\(host=["']localhost["'](, port=6379)?""", f"Redis(host='localhost', port={port}", text)
    return text


@pytest.mark.parametrize(
    "section",
    [
        pytest.param(section, id=str(section), marks=[pytest.mark.live] if "localhost" in code else [])
        for section in SECTIONS
        if (code := "".join(block.text for block in section.blocks if block.mark == "python"))
    ],
)
def test_the_code_runs(
    section: Section, request: pytest.FixtureRequest, quiet: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocks = [block for block in section.blocks if block.mark == "python"]
    url = request.getfixturevalue("own_redis") if any("localhost" in block.text for block in blocks) else None
    module = types.ModuleType("__docs__")  # dataclasses look their module up
    monkeypatch.setitem(sys.modules, "__docs__", module)
    namespace = module.__dict__
    for block in blocks:
        if url is not None:
            with Redis.from_url(url) as client:
                client.flushdb()
            with Queue(url, queue="python") as queue:
                queue.bulk(WAITING)
        # The lines keep their numbers, and annotations can be looked up, as if the document were the file.
        name = f"{section.document.name}:{block.line}"
        source = adapted(block.text, url)
        linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(source, name, "exec"), namespace)
        if block.prints is not None:
            assert printed.getvalue() == block.prints, name


def test_there_is_code_to_run() -> None:
    assert sum(block.mark == "python" for section in SECTIONS for block in section.blocks) >= 12


def commands_of(title: str) -> list[str]:
    return [
        b.text
        for s in SECTIONS
        if s.document.name == "README.md" and s.title == title
        for b in s.blocks
        if b.mark == "sh"
    ]


def test_the_two_commands_come_first() -> None:
    """.ci/run takes the first two shell blocks of the README for the first run and the tests."""
    first, second = commands_of("Two commands")
    assert "lara-queue demo" in first
    assert "-m pytest" in second
    assert re.findall(r"^```sh\n(.*?)^```", README, re.S | re.M)[:2] == [first, second]


def test_the_command_lines_exist() -> None:
    table = README.partition("## Command line")[2].partition("\n## ")[0]
    rows = [row.split("|") for row in table.splitlines() if row.startswith("| `")]
    named = [name for row in rows for name in re.findall(r"`([a-z:-]+)`", row[1])]
    assert sorted(named) == sorted(cli.commands)
    work = " ".join(option for parameter in cli_commands.work.params for option in parameter.opts)
    for option in re.findall(r"--[a-z-]+", next(row[2] for row in rows if "`work`" in row[1])):
        assert option in work
    shown = CliRunner().invoke(cli, ["--help"]).output
    for name in named:
        assert name in shown


@pytest.mark.parametrize("document", [d for d in DOCUMENTS if d.exists()], ids=lambda d: d.name)
def test_the_options_of_command_lines_exist(document: Path) -> None:
    text = document.read_text(encoding="utf-8").replace("[lara-queue, work, ", "`lara-queue work ")  # YAML's list
    for name, rest in re.findall(r"(?:`|/|^)lara-queue ([a-z:-]+)([^`\n]*)", text, re.M):
        command = cli.commands[name]
        known = {option for parameter in command.params for option in parameter.opts}
        assert set(re.findall(r"--[a-z-]+", rest)) <= known, f"lara-queue {name}{rest}"


def test_the_first_run_prints_what_the_readme_shows() -> None:
    shown = next(b.text for s in SECTIONS if s.title == "Two commands" for b in s.blocks if b.mark == "text")
    command = [sys.executable, "-m", "lara_queue", "demo"]
    printed = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
    for part in shown.split("…\n"):
        assert part.rstrip("\n") in printed  # the time it took follows the last
        printed = printed.partition(part.rstrip("\n"))[2]


def test_the_worker_options_exist() -> None:
    told = README.partition("`listen()` takes the options")[2].partition("It returns")[0]
    assert set(re.findall(r"`([a-z_]+)`", told)) <= WorkerOptions.names()
    assert WorkerOptions.names() - set(re.findall(r"`([a-z_]+)`", told)) == {"once", "unhandled_delay"}


def test_what_is_not_supported_is_not_there() -> None:
    """When a store comes, its row in the table has to change."""
    table = README.partition("## What is supported")[2].partition("\n## ")[0]
    missing = {scheme for scheme, store in _STORES.items() if store.module is None}
    assert ("redis+cluster" in missing) == ("| Redis Sentinel and Cluster | not yet" in table)
    assert ("sqlite" in missing) == ("| Database queue (SQLite, PostgreSQL, MySQL, MariaDB) | not yet" in table)


@pytest.mark.parametrize("document", [d for d in DOCUMENTS if d.exists()], ids=lambda d: d.name)
def test_links_lead_somewhere(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#:]+)\)", text):
        assert (document.parent / target).exists(), target
    for path in re.findall(r"`((?:lara_queue|tests|examples|docs|benchmarks)/[\w./-]+)`", text):
        assert (ROOT / path).exists(), path


def test_the_layout_is_the_layout() -> None:
    layout = README.partition("## How the code is laid out")[2].partition("\n## ")[0]
    named = re.findall(r"^lara_queue/(\S+?)/? ", layout, re.M) + re.findall(r"(?<= )(cache|aio\.py)/? ", layout)
    for path in named:
        assert (ROOT / "lara_queue" / path).exists(), path
    told = {path.split("/")[0] for path in named}
    packages = {p.parent.name for p in (ROOT / "lara_queue").glob("*/__init__.py")} - {"metrics", "sql"}
    assert packages <= told
