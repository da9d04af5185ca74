"""PHP source in, plain values out: types, constants, classes."""

from __future__ import annotations

import math
import sys
from typing import Any

import pytest

from lara_queue.codegen import php_reader
from lara_queue.codegen.php_code import CaseOf, Expression, PhpClass
from lara_queue.codegen.php_doc import DocType, doc_tags, parse_type
from lara_queue.codegen.php_reader import read_php
from lara_queue.errors import MissingExtra


def shown(kind: DocType) -> str:
    """A type in one spelling."""
    if kind.name == "literal":
        return repr(kind.value)
    if kind.name in "|&":
        return f"({kind.name.join(shown(part) for part in kind.parts)})"
    if kind.name == "{}":
        keys = (f"{key}: " if key is not None else "" for key in kind.keys)
        return "{" + ", ".join(key + shown(part) for key, part in zip(keys, kind.parts, strict=True)) + "}"
    return f"{kind.name}<{', '.join(shown(part) for part in kind.parts)}>" if kind.parts else kind.name


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("int", "int"),
        ("?string", "(string|null)"),
        ("int|string|null $x", "(int|string|null)"),
        ("User[]", "list<User>"),
        ("(int|string)[][]", "list<list<(int|string)>>"),
        ("array<string, list<\\App\\Line>>", "array<string, list<\\App\\Line>>"),
        ("Collection<int, covariant>", "Collection<int, covariant>"),
        ("array{id: int, 'full name'?: string, 0: bool}", "{id: int, full name: string, 0: bool}"),
        ("array{int, string}", "{int, string}"),
        ("array{id: int, ...}", "{id: int, ...: mixed}"),
        ("array{\n  id: int,\n}", "{id: int}"),
        ("'a'|\"b\"|1|-2.5", "('a'|'b'|1|-2.5)"),
        ("callable(int, string ...): void|null", "(callable|null)"),
        ("Countable&Traversable", "(Countable&Traversable)"),
        ("non-empty-string", "non-empty-string"),
        ("class-string<Job>", "class-string<Job>"),
        ("int<0, max>", "int<0, max>"),
        ("static", "static"),
        ("$this", "$this"),
        ("Status::*", "Status::*"),
    ],
)
def test_types(text: str, expected: str) -> None:
    found = parse_type(text)
    assert found is not None
    assert shown(found[0]) == expected


@pytest.mark.parametrize("text", ["", "|", "array<", "array{a:", "(int", "$x", "," + "(" * 5000, "<" * 9, "?" * 900])
def test_what_is_no_type(text: str) -> None:
    assert parse_type(text) is None


def test_tags() -> None:
    comment = """/**
     * Some words. @var
     *
     * @param  list<int>  $ids  which
     * @param array{
     *     a: int,
     * } ...$rest
     * @phpstan-param string $note
     * @return void
     * @var int|null
     */"""
    found = [(tag, shown(kind), name) for tag, kind, name in doc_tags(comment)]
    assert found[-4:] == [
        ("param", "list<int>", "ids"),
        ("param", "{a: int}", "rest"),
        ("param", "string", "note"),
        ("var", "(int|null)", None),
    ]


def only(source: str) -> PhpClass:
    code = read_php(source.encode(), "A.php")
    assert code.troubles == []
    (made,) = code.classes
    return made


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("null", None),
        ("TRUE", True),
        ("-1", -1),
        ("1_000", 1000),
        ("0x1F", 31),
        ("017", 15),
        ("0b11", 3),
        ("9223372036854775808", 9223372036854775808.0),
        ("1.5e3", 1500.0),
        ("-.5", -0.5),
        ("'it\\'s \\\\ \\n'", "it's \\ \\n"),
        ('"a\\n\\x41\\u{e9}\\$\\101"', "a\nAé$A"),
        ("'a' . 'b'", "ab"),
        ("60 * 5 + (2 - 1)", 301),
        ("PHP_INT_MAX", 2**63 - 1),
        ("INF", math.inf),
        ("[]", []),
        ("[1, 'a', [true]]", [1, "a", [True]]),
        ("array(1, 2,)", [1, 2]),
        ("['a' => 1, 'b' => [2]]", {"a": 1, "b": [2]}),
        ("[3 => 'x', 'y', '7' => 'z']", {3: "x", 4: "y", 7: "z"}),
        ("['0' => 'a', 1 => 'b']", ["a", "b"]),
        ("A::class", "N\\A"),
        ("self::class", "N\\A"),
        ("\\X\\Y::class", "X\\Y"),
        ("self::TWO", 2),
        ("static::TWO * 3", 6),
        ("self::LATER", CaseOf("N\\A", "LATER")),
        ("Suit::Hearts", CaseOf("Cards\\Suit", "Hearts")),
        ("[Suit::Hearts]", [CaseOf("Cards\\Suit", "Hearts")]),
        ('"a $b"', Expression('"a $b"')),
        ("new Foo()", Expression("new Foo()")),
        ("[...self::X]", Expression("[...self::X]")),
        ("1 / 0", Expression("1 / 0")),
        ("UNKNOWN", Expression("UNKNOWN")),
        ("__DIR__ . '/x'", Expression("__DIR__ . '/x'")),
        ('"\\xff"', Expression('"\\xff"')),
    ],
)
def test_constants(source: str, value: Any) -> None:
    made = only(f"<?php namespace N; use Cards\\Suit; class A {{ const TWO = 1 + 1; public $x = {source}; }}")
    found = made.properties[0].default
    assert (found, type(found)) == (value, type(value))


SOURCE = """<?php
namespace App\\Jobs;
use App\\Models\\{User, Order as Bought};
use function App\\helper;
use const App\\LIMIT;
use Illuminate\\Bus\\Queueable, Illuminate\\Queue\\Attributes\\Tries;
#[Tries(3), \\Other(name: 'x')]
abstract class A extends Base\\Job implements ShouldQueue, \\X\\Y
{
    use Queueable, T { foo as bar; }
    /** @var list<int> */
    public ?array $a = ['x' => 1], $b;
    public static $s;
    protected readonly int|string $u;
    var $old;
    public private(set) string $seen = 'x' { set => trim($value) . $this->seen; }
    public string $virtual { get => 'v'; }
    /** @param Bought[] $orders */
    public function __construct(
        #[SensitiveParameter] private readonly ?int $id = null,
        /** @var list<string> */
        protected array $names = [],
        array $orders = [],
        &...$rest
    ) {
        $this->orders = $orders;
        $this->b = $orders + 1;
        parent::__construct($id);
        $this->onConnection('c')->onQueue('q')->afterCommit();
        if (true) { $this->never = $id; }
    }
    public function backoff(): array { return [1, 5]; }
    public function tries() { return $this->a; }
    public function handle(Bought $order) { $x = new class { public $inner; }; }
}
enum Suit: string { case Hearts = 'H'; case Clubs = self::C; const C = 'C'; use T; }
interface I extends \\J, K {}
trait T { public int $z = 1; abstract function f(); }
"""


def test_a_class() -> None:
    code = read_php(SOURCE.encode(), "A.php")
    assert code.troubles == []
    a, suit, interface, trait = code.classes
    assert (a.name, a.kind, a.is_abstract, a.line, a.path) == ("App\\Jobs\\A", "class", True, 7, "A.php")
    assert a.parent == "App\\Jobs\\Base\\Job"
    assert a.interfaces == ["App\\Jobs\\ShouldQueue", "X\\Y"]
    assert a.traits == ["Illuminate\\Bus\\Queueable", "App\\Jobs\\T"]
    assert a.attributes == [("Illuminate\\Queue\\Attributes\\Tries", [3]), ("Other", ["x"])]
    properties = {
        each.name: (each.visibility, shown(each.type) if each.type else None, each.default) for each in a.properties
    }
    assert properties == {
        "a": ("public", "(array|null)", {"x": 1}),
        "b": ("public", "(array|null)", None),
        "u": ("protected", "(int|string)", None),
        "old": ("public", None, None),
        "seen": ("public", "string", "x"),
    }
    assert [each.has_default for each in a.properties] == [True, False, False, False, True]
    assert shown(a.properties[0].documented or DocType("")) == "list<int>"
    assert a.parameters is not None
    found = {each.name: (each.visibility, each.has_default, each.default, each.line) for each in a.parameters}
    assert found == {
        "id": ("private", True, None, 20),
        "names": ("protected", True, [], 22),
        "orders": (None, True, [], 23),
    }
    assert [shown(each.documented) if each.documented else None for each in a.parameters] == [
        *(None, "list<string>", "list<Bought>")
    ]
    assert a.assigned == {"orders": "orders"}
    assert a.told == {"connection": "c", "queue": "q"}
    assert (a.returns["backoff"], a.returns["tries"]) == ([1, 5], None)
    assert a.handles == DocType("Bought")
    assert a.scope.resolve("Bought") == "App\\Models\\Order"
    assert (suit.kind, suit.cases) == ("enum", [("Hearts", "H"), ("Clubs", "C")])
    assert (interface.kind, interface.interfaces) == ("interface", ["J", "App\\Jobs\\K"])
    assert (trait.kind, [each.name for each in trait.properties]) == ("trait", ["z"])


def test_several_namespaces_and_conditional_classes() -> None:
    source = b"""<?php
    namespace A { use X\\Y; class One extends Y {} }
    namespace { if (! class_exists('Two')) { class Two extends Y {} } }
    """
    one, two = read_php(source, "a.php").classes
    assert (one.name, one.parent, two.name, two.parent) == ("A\\One", "X\\Y", "Two", "Y")


def test_what_cannot_be_read_is_told_with_its_line() -> None:
    code = read_php(b"<?php\nclass Good {}\n\nclass Bad { public function ( }\n\nclass Also {}", "x/Bad.php")
    assert "Good" in [each.name for each in code.classes]
    (trouble,) = code.troubles
    assert str(trouble).startswith("x/Bad.php:4: this is not PHP")


@pytest.mark.parametrize("source", [b"", b"no php", b"<?php", b"\xff\xfe<?php class \xff {}", b"<?php " + b"[" * 3000])
def test_anything_can_be_read(source: bytes) -> None:
    read_php(source, "x.php")


def test_without_tree_sitter(monkeypatch: pytest.MonkeyPatch) -> None:
    php_reader._parser.cache_clear()
    monkeypatch.setitem(sys.modules, "tree_sitter_php", None)
    with pytest.raises(MissingExtra, match=r"pip install 'lara-queue\[php\]'"):
        read_php(b"<?php", "x.php")
    php_reader._parser.cache_clear()
