"""PHP job classes written by ``make:php``: Laravel dispatches them, their Python handlers get them typed."""

from __future__ import annotations

import importlib
import shutil
import subprocess
import sys
import textwrap
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from types import ModuleType
from typing import Any
from uuid import UUID

import pytest

from lara_queue import Queue
from lara_queue.laravel.models import ModelIdentifier

from .laravel import Laravel
from .making import Php, forget, make
from .php_server import php_binary

pytestmark = pytest.mark.live

WHEN = datetime(2030, 5, 6, 7, 8, 9, tzinfo=timezone.utc)
KEY = UUID("11111111-2222-4333-8444-555555555555")
TARGETS = ["7.4", "8.0", "8.1", "8.2"]

SOURCE = """
import enum
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

import attr
import msgspec
import pydantic

from lara_queue import Queue, php_class
from lara_queue.laravel.models import ModelIdentifier
from lara_queue.php import private, protected

queue = Queue({url!r}, queue="python", appname={appname!r}, prefix={prefix!r})
taken = []


@php_class("Made\\\\Enums\\\\Currency")
class Currency(enum.Enum):
    EUR = "eur"
    USD = "usd"


@php_class("Made\\\\Enums\\\\Phase")
class Phase(enum.Enum):
    Draft = ("d", 1)
    Done = ("f", 2)


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 9


@php_class("Made\\\\Data\\\\Line")
@dataclass(frozen=True)
class Line:
    sku: str
    count: int = 1
    at: datetime | None = None
    inner: "list[Line]" = field(default_factory=list)


@dataclass(frozen=True)
class Note:
    text: str
    author: str | None = None


@php_class("Made\\\\Jobs\\\\SendInvoice")
@dataclass
class SendInvoice:
    invoice_id: int = field(metadata={{"php": "invoiceId"}})
    lines: list[Line]
    currency: Currency
    user: ModelIdentifier
    due: datetime
    rate: float = 1
    phase: Phase = Phase.Draft
    levels: list[Level] = field(default_factory=list)
    level: Level = Level.LOW
    remark: Note | None = None
    day: date | None = None
    every: timedelta | None = None
    price: Decimal = Decimal("1.50")
    kind: Literal["a", "b"] = "b"
    either: int | str = "it's"
    anything: Any = None
    table: dict[str, float] = field(default_factory=dict)
    pair: tuple[int, str] = (1, "x\\n")
    key: UUID = field(default_factory=lambda: UUID(int=7))
    made: datetime = field(default_factory=lambda: datetime.fromisoformat("2001-02-03T04:05:06+00:00"))
    blob: bytes = field(default=b"", metadata={{"php": protected("blob")}})
    pin: str = field(default="", metadata={{"php": private("pin")}})
    flag: bool = True


class Pydantic(pydantic.BaseModel):
    podcast_id: int = pydantic.Field(alias="podcastId")
    tags: list[str] = []
    note: Note | None = None


class Struct(msgspec.Struct, rename="camel"):
    podcast_id: int
    tags: list[str] = []
    note: Note | None = None


@attr.define
class Attrs:
    podcast_id: int
    _tags: list[str] = attr.Factory(list)
    note: Note | None = None


@queue.handler(tries=5, backoff=[1, 5.5], timeout=30.2, max_exceptions=2, fail_on_timeout=True)
def send_invoice(job: SendInvoice) -> None:
    taken.append(job)


@queue.handler
def take_pydantic(job: Pydantic) -> None:
    taken.append(job)


@queue.handler
def take_struct(job: Struct) -> None:
    taken.append(job)


@queue.handler
def take_attrs(job: Attrs) -> None:
    taken.append(job)


@queue.handler("Made\\\\Jobs\\\\Plain", tries=2)
def plain(job):
    taken.append(job)
"""


@dataclass
class Made:
    """A module with handlers, and the PHP classes that were written for them."""

    module: ModuleType
    folder: Path
    php: Php

    @property
    def queue(self) -> Queue:
        queue: Queue = self.module.queue
        return queue

    def take(self) -> Any:
        """The one job that a Python worker found, as its handler got it."""
        self.module.taken.clear()
        self.queue.listen(stop_when_empty=True, sleep=0)
        assert [failed.exception for failed in self.queue.failed.all()] == []
        (job,) = self.module.taken
        return job


@pytest.fixture
def written(laravel: Laravel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Made]]:
    """Writes the PHP classes for a version of PHP."""
    name = f"made_{uuid.uuid4().hex}"
    source = SOURCE.format(url=laravel.url, appname=laravel.appname, prefix=laravel.prefix)
    (tmp_path / f"{name}.py").write_text(textwrap.dedent(source))
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "path", list(sys.path))
    php = Php(laravel, {"Made\\": tmp_path / "made"})

    def write(version: str) -> Made:
        out = tmp_path / "made" / "Jobs"
        make("make:php", name, "--namespace", "Made\\Jobs", "--out", str(out), "--php", version)
        return Made(importlib.import_module(name), tmp_path / "made", php)

    yield write
    php.close()
    forget(name)


@pytest.mark.parametrize("version", TARGETS)
def test_php_accepts_what_is_written(written: Callable[[str], Made], version: str) -> None:
    made = written(version)
    files = sorted(made.folder.rglob("*.php"))
    names = {file.relative_to(made.folder).as_posix() for file in files}
    jobs = {f"Jobs/{name}.php" for name in ("SendInvoice", "Pydantic", "Struct", "Attrs", "Plain", "Data/Note")}
    enums = {"Enums/Currency.php", "Enums/Phase.php", "Jobs/Enums/Level.php"}
    assert names == jobs | {"Data/Line.php"} | (enums if version >= "8.1" else set())
    php = php_binary() or shutil.which("php") or "php"
    for file in files:
        linted = subprocess.run([php, "-l", str(file)], capture_output=True, text=True, check=False)
        assert linted.returncode == 0, linted.stdout + linted.stderr


@pytest.mark.parametrize("version", TARGETS)
def test_a_handler_gets_what_php_dispatched(written: Callable[[str], Made], version: str) -> None:
    made = written(version)
    enums = version >= "8.1"
    payload = made.php.dispatch(
        "new \\Made\\Jobs\\SendInvoice(7, [new \\Made\\Data\\Line('A', 2, new \\DateTime('2030-05-06 07:08:09 UTC'),"
        " [new \\Made\\Data\\Line('B')])], "
        + ("\\Made\\Enums\\Currency::USD" if enums else "'usd'")
        + ", \\App\\Models\\User::find(2), \\Carbon\\CarbonImmutable::parse('2030-05-06 07:08:09 UTC'), 2.5, "
        + ("\\Made\\Enums\\Phase::Done, " if enums else "'Done', ")
        + ("[\\Made\\Jobs\\Enums\\Level::HIGH], \\Made\\Jobs\\Enums\\Level::HIGH" if enums else "[9], 9")
        + ", new \\Made\\Jobs\\Data\\Note('hi', 'Zoë'), \\Illuminate\\Support\\Carbon::parse('2031-01-02 UTC'),"
        " \\Carbon\\CarbonInterval::hours(5), '12.30', 'a', 12, ['x' => [1]], ['a' => 1.5], [3, 'y'],"
        f" '{KEY}', new \\DateTime('2030-05-06 07:08:09 UTC'), 'bytes', '1234', false)"
    )
    assert (payload["connection"], payload["queue"]) == ("redis", "queues:python")
    assert [payload[key] for key in ("maxTries", "backoff", "timeout", "maxExceptions", "failOnTimeout")] == [
        *(5, "1,6", 31, 2, True)
    ]
    m = made.module
    assert made.take() == m.SendInvoice(
        invoice_id=7,
        lines=[m.Line("A", 2, WHEN, [m.Line("B")])],
        currency=m.Currency.USD,
        user=ModelIdentifier("App\\Models\\User", 2, [], "sqlite"),
        due=WHEN,
        rate=2.5,
        phase=m.Phase.Done,
        levels=[m.Level.HIGH],
        level=m.Level.HIGH,
        remark=m.Note("hi", "Zoë"),
        day=date(2031, 1, 2),
        every=timedelta(hours=5),
        price=Decimal("12.30"),
        kind="a",
        either=12,
        anything={"x": [1]},
        table={"a": 1.5},
        pair=(3, "y"),
        key=KEY,
        made=WHEN,
        blob=b"bytes",
        pin="1234",
        flag=False,
    )


@pytest.mark.parametrize("version", TARGETS)
def test_defaults_are_pythons(written: Callable[[str], Made], version: str) -> None:
    """Those that PHP can write are in its class; the others are left out of the job, and Python has its own."""
    made = written(version)
    currency = "\\Made\\Enums\\Currency::EUR" if version >= "8.1" else "'eur'"
    made.php.dispatch(
        f"new \\Made\\Jobs\\SendInvoice(1, [], {currency}, \\App\\Models\\User::find(1), new \\DateTime('2030-05-06"
        " 07:08:09 UTC'))"
    )
    m = made.module
    user = ModelIdentifier("App\\Models\\User", 1, [], "sqlite")
    assert made.take() == m.SendInvoice(1, [], m.Currency.EUR, user, WHEN)


def test_every_kind_of_model(written: Callable[[str], Made]) -> None:
    made = written("8.2")
    m = made.module
    note = "new \\Made\\Jobs\\Data\\Note('hi')"
    for kind, expected in (
        ("Pydantic", m.Pydantic(podcastId=3, tags=["a"], note=m.Note("hi"))),
        ("Struct", m.Struct(3, ["a"], m.Note("hi"))),
        ("Attrs", m.Attrs(3, ["a"], m.Note("hi"))),
    ):
        made.php.dispatch(f"new \\Made\\Jobs\\{kind}(3, ['a'], {note})")
        assert made.take() == expected


def test_a_handler_of_a_name_gets_a_class_to_go_on_with(written: Callable[[str], Made]) -> None:
    made = written("8.0")
    file = made.folder / "Jobs" / "Plain.php"
    text = file.read_text().replace("public function __construct()", "public function __construct(public int $n)")
    file.write_text(text)
    assert "kept" in make("make:php", made.module.__name__, "--namespace", "Made\\Jobs", "--out", str(file.parent))
    assert file.read_text() == text

    payload = made.php.dispatch("new \\Made\\Jobs\\Plain(5)")

    assert payload["maxTries"] == 2
    assert made.take().data["n"] == 5


@pytest.mark.parametrize("version", ["8.1", "8.2"])
def test_php_takes_what_python_pushes_and_says_whose_it_is(written: Callable[[str], Made], version: str) -> None:
    made = written(version)
    m = made.module
    user = ModelIdentifier("App\\Models\\User", 2)
    line = m.Line("A", 2, WHEN, [m.Line("B")])
    made.queue.push(
        m.SendInvoice(
            *(1, [line], m.Currency.USD, user, WHEN),
            phase=m.Phase.Done,
            remark=m.Note("not bound"),
            day=date(2031, 1, 2),
            every=timedelta(hours=5),
            key=KEY,
            pin="1234",
        )
    )

    ran = made.php.work("python")

    (failed,) = ran.of("failed")
    assert failed["message"].startswith("Made\\Jobs\\SendInvoice is handled by Python")
