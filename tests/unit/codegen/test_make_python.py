"""PHP job classes in, Python modules out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lara_queue.codegen.make_php import Made
from lara_queue.codegen.make_python import make_python
from lara_queue.codegen.php_reader import read_php
from lara_queue.errors import ConfigurationError

OUT = Path("out")
HEAD = """<?php
namespace App\\Jobs;
use App\\Models\\User;
use Illuminate\\Bus\\Queueable;
use Illuminate\\Contracts\\Queue\\{ShouldBeEncrypted, ShouldBeUnique, ShouldQueue};
use Illuminate\\Queue\\{InteractsWithQueue, SerializesModels};
"""


def made(*sources: str, **options: Any) -> Made:
    """The files and notes for sources named a.php, b.php, …"""
    codes = [read_php(source.encode(), f"{chr(97 + at)}.php") for at, source in enumerate(sources)]
    return make_python(codes, OUT, **options)


def models(*sources: str) -> str:
    """The text of ``models.py`` below its imports."""
    found = next(file for file in made(*sources).files if file.path.name == "models.py")
    return found.text


def fields(body: str, *more: str, uses: str = "Queueable, SerializesModels") -> list[str]:
    """The fields of a job with this body."""
    source = f"{HEAD} class J implements ShouldQueue {{ use {uses}; {body} }}"
    return lines_of(models(source, *more))


def lines_of(text: str) -> list[str]:
    """The fields of the class J."""
    body = text.partition('class J:\n    """')[2].partition('"""')[2].partition("\n\n\n")[0]
    return [line.strip() for line in body.splitlines() if line.strip()]


@pytest.mark.parametrize(
    ("declared", "field"),
    [
        ("public int $a;", "a: int"),
        ("public ?int $a;", "a: int | None"),
        ("public int $a = 3;", "a: int = 3"),
        ("public float|int|null $a = null;", "a: float | int | None = None"),
        ("public string $a = 'say \"hi\"';", "a: str = 'say \"hi\"'"),
        ("public bool $a = true;", "a: bool = True"),
        ("public float $a = INF;", 'a: float = float("inf")'),
        ("public array $a = [];", "a: list[Any] | dict[Any, Any] = field(default_factory=list)"),
        ("/** @var array<string, int> */ public array $a = [];", "a: dict[str, int] = field(default_factory=dict)"),
        ("/** @var array<int, string> */ public array $a;", "a: list[str] | dict[int, str]"),
        ("/** @var string[]|null */ public $a;", "a: list[str] | None = None"),
        ("/** @var int */ public $a;", "a: int | None = None"),
        ("/** @var list<int> */ public $a = [1, 2];", "a: list[int] = field(default_factory=lambda: [1, 2])"),
        ("/** @var array{int, string} */ public array $a = [1, 'x'];", 'a: tuple[int, str] = (1, "x")'),
        ("/** @var array{id: int} */ public array $a;", "a: dict[str, Any]"),
        ("/** @var 'a'|'b' */ public $a = 'a';", 'a: Literal["a", "b"] = "a"'),
        ("/** @var 'a'|'b' */ public string $a;", "a: str"),
        ("/** @var positive-int|numeric-string */ public $a = 1;", "a: int | str = 1"),
        ("public mixed $a;", "a: Any"),
        ("public iterable $a;", "a: list[Any] | dict[Any, Any]"),
        ("public object $a;", "a: Any"),
        ("public \\DateTimeInterface $a;", "a: datetime"),
        ("public ?\\Illuminate\\Support\\Carbon $a = null;", "a: datetime | None = None"),
        ("public \\DateInterval $a;", "a: timedelta"),
        ("public \\DateTimeZone $a;", "a: tzinfo"),
        ("public \\UnitEnum $a;", "a: PhpEnum"),
        ("protected int $a = 1;", 'a: int = field(default=1, metadata={"php": protected("a")})'),
        ("private int $aB;", 'a_b: int = field(metadata={"php": private("aB")})'),
        ("public int $userID = 1;", 'user_id: int = field(default=1, metadata={"php": "userID"})'),
        ("public int $from;", 'from_: int = field(metadata={"php": "from"})'),
        ("public int $list;", 'list_: int = field(metadata={"php": "list"})'),
        ("public int $a = self::X * 2; const X = 4;", "a: int = 8"),
        ("public ?self $a = null;", "a: J | None = None"),
        ("/** @var int */ public $a = 'PHPDoc errs';", 'a: int | str = "PHPDoc errs"'),
        ("/** @var string */ public $a = [];", "a: str | list[Any] = field(default_factory=list)"),
        ("/** @var 'a' */ public $a = 'b';", 'a: Literal["a"] | str = "b"'),
        ("public float $a = 1;", "a: float = 1"),
    ],
)
def test_fields(declared: str, field: str) -> None:
    assert fields(declared) == [field]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("function __construct(public int $a, protected ?string $b = null) {}", ["a: int", "b: str | None = field("]),
        ("function __construct(public string $a = null) {}", ["a: str | None = None"]),
        ("function __construct(public $a) {}", ["# Nothing says its type.", "a: Any = None"]),
        ("public $a; function __construct(int $a) { $this->a = $a; }", ["a: int"]),
        ("public $a; function __construct(?int $b = 5) { $this->a = $b; }", ["a: int | None = None"]),
        ("public $a; function __construct(int $b = 5) { $this->a = $b; }", ["a: int = 5"]),
        ("public $a = 1; function __construct(int $a = 2) { $this->a = $a; }", ["a: int = 1"]),
        ("public int $a; function __construct(int $a = 2) { $this->a = $a; }", ["a: int = 2"]),
        (
            "public $a; /** @param list<int> $a */ function __construct(array $a) { $this->a = $a; }",
            ["a: list[int]"],
        ),
        (
            "/** @param list<int>|null $a */ function __construct(public ?array $a = null, public int $b = 2) {}",
            ["a: list[int] | None = None", "b: int = 2"],
        ),
        ("public int $b = 1; public int $a;", ["a: int", "b: int = 1"]),  # no default after one
        ("public $queue; public $tries = 3; public static $x; const Y = 1; public int $a;", ["a: int"]),
        ("function __construct(public int $timeout) {}", ["timeout: int"]),
    ],
)
def test_constructors(body: str, expected: list[str]) -> None:
    assert [line.partition("field(")[0] + "field(" * ("field(" in line) for line in fields(body)][: len(expected)] == (
        expected
    )


def test_models_travel_by_key_only_where_laravel_sends_them_so() -> None:
    body = (
        "public User $a; public ?\\Illuminate\\Database\\Eloquent\\Collection $b = null; /** @var User[] */ public $c;"
    )
    assert fields(body) == [
        *("# App\\Models\\User.", "a: ModelIdentifier"),
        *("# Illuminate\\Database\\Eloquent\\Collection.", "b: ModelIdentifier | None = None"),
        *("# App\\Models\\User, sent whole.", "c: list[PhpObject] | None = None"),
    ]
    assert fields("public User $a;", uses="Queueable") == ["# App\\Models\\User, sent whole.", "a: PhpObject"]
    foundation = "\\Illuminate\\Foundation\\Queue\\Queueable"
    assert fields("public User $a;", uses=foundation) == ["# App\\Models\\User.", "a: ModelIdentifier"]
    model = "<?php namespace App\\Jobs; class Row extends \\Illuminate\\Database\\Eloquent\\Model {}"
    assert fields("public Row $a;", model) == ["# App\\Jobs\\Row.", "a: ModelIdentifier"]


@pytest.mark.parametrize(
    ("body", "what"),
    [
        ("public Money $a;", "$a: App\\Jobs\\Money was not found; its field is left as Any."),
        ("public \\Closure $a;", "$a: a \\Closure has no Python form; its field is left as Any."),
        ("public ?callable $a = null;", "$a: a callable has no Python form; its field is left as Any."),
        ("public $a;", "$a: nothing says its type; its field is left as Any."),
        ("public $a = Money::ZERO;", "$a: its default, App\\Jobs\\Money::ZERO, cannot be told without PHP; its field"),
        ("use Missing;", "App\\Jobs\\Missing was not found, so the properties it may bring are missing."),
        ("function __serialize(): array {}", "App\\Jobs\\J serializes itself"),
    ],
)
def test_what_is_not_understood_is_told_with_file_and_line(body: str, what: str) -> None:
    source = f"{HEAD}class J implements ShouldQueue {{ use Queueable, SerializesModels;\n {body} }}"
    found = made(source)
    (note,) = found.notes
    assert note.startswith(("a.php:8: ", "a.php:7: "))
    assert what in note
    text = next(file.text for file in found.files if file.path.name == "models.py")
    if "$a" in body:
        assert "    a: Any" in text


def test_what_python_cannot_push_is_said() -> None:
    lines = fields(
        "public \\Carbon\\CarbonImmutable $a;"
        " /** @var \\Illuminate\\Support\\Collection<int, string> */ public $b = null;"
    )
    assert lines == [
        "# Only for receiving: what Python pushes would not be a CarbonImmutable.",
        "a: datetime",
        "# Only for receiving: what Python pushes would not be a Collection.",
        "b: list[str] | dict[int, str] | None = None",
    ]


def test_parents_and_traits() -> None:
    base = HEAD + (
        "abstract class Base implements ShouldQueue { use Queueable, SerializesModels, T;"
        " public int $a = 1; protected int $b = 2; private int $hidden = 3; public $tries = 2;"
        " function __construct(public int $id) {} }"
        " trait T { private int $own = 4; public int $t = 5; }"
    )
    child = f"{HEAD} class J extends Base {{ public int $a = 9; public int $c = 0; public $tries = 7; }}"
    found = made(child, base)
    text = next(file.text for file in found.files if file.path.name == "models.py")
    assert lines_of(text) == [
        "id: int",
        "t: int = 5",
        'b: int = field(default=2, metadata={"php": protected("b")})',
        "a: int = 9",
        "c: int = 0",
    ]
    handlers = next(file.text for file in found.files if file.path.name == "handlers.py")
    assert "@queue.handler(tries=7)" in handlers
    assert "class Base" not in text


def test_private_properties_of_a_parent_are_sent_without_serializes_models() -> None:
    base = f"{HEAD} class Base {{ private int $a = 1; private int $b = 2; }}"
    body = f"{HEAD} class J extends Base implements ShouldQueue {{ use Queueable; private int $b = 3; }}"
    found = made(body, base)
    assert found.notes == ("b.php:7: $b is private here and declared below, too; Python sees only the latter.",)
    text = next(file.text for file in found.files if file.path.name == "models.py")
    assert 'private("a", cls="App\\\\Jobs\\\\Base")' in text
    assert 'b: int = field(default=3, metadata={"php": private("b")})' in text


def test_which_classes_are_jobs() -> None:
    source = (
        HEAD
        + """
    class Direct implements ShouldQueue {}
    interface Contract extends ShouldQueue {}
    class ByContract implements Contract {}
    class ByTrait { use Queueable; }
    class ByNewTrait { use \\Illuminate\\Foundation\\Queue\\Queueable; }
    class Child extends Direct {}
    abstract class No1 implements ShouldQueue {}
    class No2 { use SerializesModels; }
    class No3 extends \\Illuminate\\Mail\\Mailable implements ShouldQueue { use Queueable; }
    class No4 extends \\Illuminate\\Notifications\\Notification implements ShouldQueue { use Queueable; }
    trait No5 { use Queueable; }
    class No6 implements ShouldQueue { use InteractsWithQueue; function handle(\\App\\Events\\Paid $event) {} }
    class Injected implements ShouldQueue { use Queueable; function handle(\\App\\Services\\Mailer $mailer) {} }
    """
    )
    found = made(source)
    text = next(file.text for file in found.files if file.path.name == "models.py")
    names = [line.split()[1].rstrip(":") for line in text.splitlines() if line.startswith("class ")]
    assert names == ["ByContract", "ByNewTrait", "ByTrait", "Child", "Direct", "Injected"]
    assert found.notes == ("a.php:19: App\\Jobs\\No6 is a listener; Laravel queues its event in a job of its own.",)


def test_options_and_contracts() -> None:
    source = (
        HEAD
        + """
    use Illuminate\\Queue\\Attributes\\{Backoff, FailOnTimeout, MaxExceptions, Timeout, Tries, Queue};
    #[Tries(5), Timeout(90), MaxExceptions(2), FailOnTimeout]
    #[Backoff([1, 5]), Queue('mail')]
    class Newer implements ShouldQueue, ShouldBeUnique, ShouldBeEncrypted { use Queueable; }
    class Old implements ShouldQueue {
        use Queueable;
        public $tries = 4; public $timeout = 30; public $maxExceptions = 3;
        public function backoff() { return [2, 4]; }
        public function __construct() { $this->onQueue('old'); }
    }
    class Odd implements ShouldQueue { use Queueable; public $tries = 'many'; public $backoff = '1,2'; }
    """
    )
    files = {file.path.name: file.text for file in made(source).files}
    handlers = files["handlers.py"]
    assert (
        "@queue.handler(\n    tries=5,\n    max_exceptions=2,\n    backoff=[1, 5],\n    timeout=90,\n"
        "    fail_on_timeout=True,\n)\ndef newer(" in handlers
    )
    assert "@queue.handler(tries=4, max_exceptions=3, backoff=[2, 4], timeout=30)\ndef old(" in handlers
    assert "@queue.handler\ndef odd(" in handlers
    assert 'It goes to the queue "mail".' in files["models.py"]
    assert 'It goes to the queue "old".' in files["models.py"]
    assert "encrypted=True" in files["models.py"]
    assert "Laravel allows one at a time." in files["models.py"]


def test_the_queue_that_all_jobs_name_is_the_one_that_is_made() -> None:
    body = "class {} implements ShouldQueue {{ use Queueable; function __construct() {{ $this->onQueue('{}'); }} }}"
    one = HEAD + body.format("A", "mail") + body.format("B", "mail")
    two = HEAD + body.format("A", "mail") + body.format("B", "other")
    assert 'Queue(URL, queue="mail")' in made(one).files[-1].text
    assert 'Queue(URL, queue="default")' in made(two).files[-1].text
    assert 'Queue(URL, queue="given")' in made(one, queue="given").files[-1].text


def test_names_that_collide() -> None:
    source = """<?php
    namespace App\\Jobs\\Mail { class Send implements \\Illuminate\\Contracts\\Queue\\ShouldQueue {} }
    namespace App\\Jobs\\Sms { class Send implements \\Illuminate\\Contracts\\Queue\\ShouldQueue {} }
    namespace App\\Jobs { class Queue implements \\Illuminate\\Contracts\\Queue\\ShouldQueue {}
      class None implements \\Illuminate\\Contracts\\Queue\\ShouldQueue { public int $aB; public int $a_b; } }
    """
    text = models(source)
    assert sorted(line for line in text.splitlines() if line.startswith("class ")) == [
        *("class JobsNone:", "class JobsQueue:", "class Send:", "class SmsSend:"),
    ]
    assert 'a_b: int = field(metadata={"php": "aB"})' in text
    assert 'a_b_: int = field(metadata={"php": "a_b"})' in text


def test_a_class_that_is_declared_twice() -> None:
    source = f"{HEAD} class J implements ShouldQueue {{ public int $a; }}"
    found = made(source, source.replace("int", "string"))
    assert found.notes == ("b.php:7: App\\Jobs\\J is declared a second time; the first one counts.",)
    assert "a: int" in found.files[0].text


def test_nothing_to_write() -> None:
    with pytest.raises(ConfigurationError, match="no jobs among the 1 classes"):
        made("<?php class A {}")


@pytest.mark.parametrize("app", ["app.py:queue", "app:", "a b", "app:queue:more", ""])
def test_a_queue_object_that_cannot_be_named(app: str) -> None:
    with pytest.raises(ConfigurationError, match="does not name a queue object"):
        made(f"{HEAD} class J implements ShouldQueue {{}}", app=app)
