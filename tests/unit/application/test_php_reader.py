"""Configuration files of PHP: a value that is told is the one PHP tells; what cannot be told is said to be so."""

from __future__ import annotations

import random
import time
from pathlib import Path
from typing import Any

import pytest

from lara_queue.application.dotenv import Environment
from lara_queue.application.php_reader import Scope, read_php
from lara_queue.application.values import Constant, Unknown, Value, plain
from tests.unit.application import oracle, skeletons

ENV = {"NAME": "My App", "ON": "true", "OFF": "(false)", "NIL": "null", "NUM": "90", "LIST": "a,,b", "BLANK": ""}
SCOPE = Scope(Path("/app"), Environment(ENV))


def read(source: str, file: str = "config/x.php") -> Value:
    return read_php(source, file, SCOPE)


def value_of(expression: str) -> Any:
    return plain(read(f"<?php return {expression};"), 50)


EXPRESSIONS = [
    "[1, 2, 'a' => 3, 4]",
    "array('x' => array(1, 2), 3 => 'y', 'z')",
    "['7' => 1, '07' => 2, true => 3, null => 4, 1.9 => 5]",
    r"'it\'s \n \\'",
    r'"a\tb\n\x41\101\u{e9}\$x \q"',
    "-5",
    "+ - 3",
    "1_000 + 0x1F + 0b11 + 017",
    "1.5e3",
    ".5",
    "!true",
    "!''",
    "(int) '90 seconds'",
    "(int) 1.9",
    "(bool) '0'",
    "(bool) '0.0'",
    "(string) 1.0",
    "(string) true",
    "(float) '1.5'",
    "'a'.'b'. 1 . 2.5",
    "'a' . 1 + 2 . 'b'",
    "2 + 3 * 4 - 10 / 4",
    "7 % 3",
    "-7 % 3",
    "10 / 5",
    "true ? 'a' : 'b'",
    "false ? 'a' : (true ? 'b' : 'c')",
    "'' ?: 'b'",
    "'x' ?: 'b'",
    "null ?? 'd'",
    "null ?? null ?? 'e'",
    "['a' => null]['a'] ?? 'x'",
    "['a' => ['b' => 2]]['a']['b']",
    "1 === 1 && 'a' == 'a'",
    "'1' == '01'",
    "'abc' == 'ABC'",
    "1 === '1'",
    "null == false",
    "5 <= 6 and 7 > 8",
    "false || true",
    "true && false || true",
    "1 + 1 == 2 ? 'y' : 'n'",
    "env('NAME')",
    "env('NO')",
    "env('NO', 'x')",
    "env('ON')",
    "env('OFF', true)",
    "env('NIL', 'default')",
    "env('BLANK', 'x')",
    "(int) env('NUM', 5)",
    "env('NO', Str::slug(env('NAME', 'laravel'), '_').'_database_')",
    r"\Illuminate\Support\Str::slug((string) env('NAME')).'-cache-'",
    "explode(',', env('LIST', ''))",
    "array_filter(explode(',', (string) env('LIST', '')))",
    "[...array_filter(explode(',', env('LIST'))), 'z']",
    "array_merge(['a' => 1, 5], ['a' => 2, 6])",
    "array_map('trim', explode(',', 'a , b'))",
    "array_values(['x' => 1, 'y' => 2])",
    "implode('-', ['a', 'b'])",
    "trim('  x ')",
    "rtrim('x//', '/')",
    "strtolower('ABC').strtoupper('def')",
    "str_replace('a', 'b', 'banana')",
    "in_array('a', ['a', 'b'])",
    "in_array('A', ['a', 'b'], true)",
    "is_null(env('NO'))",
    "storage_path('framework/cache/data')",
    "database_path('/database.sqlite')",
    "base_path()",
    "dirname('/a/b/c', 2)",
    "parse_url('redis://u:p@h:6379/1')['host']",
    "parse_url('mysql://u:p@h:3306/db')",
    "parse_url('redis://h:6379', PHP_URL_PORT)",
    "PHP_EOL",
    "<<<'EOT'\n  a\n   b\n  EOT",
    "intval('12abc')",
    "9223372036854775807 + 1",
    "TRUE . Null . 'x'",
    "['a' => 1] ?: 2",
]


def test_php_tells_the_same_values() -> None:
    expected = oracle.returned([f"<?php return {one};" for one in EXPRESSIONS], ENV)
    told = [value_of(one) for one in EXPRESSIONS]
    assert not [one for one, ours in zip(EXPRESSIONS, told, strict=True) if isinstance(ours, Unknown)]
    for expression, ours, theirs in zip(EXPRESSIONS, told, expected, strict=True):
        assert repr(ours) == repr(theirs), expression


@pytest.mark.parametrize("major", [8, 10, 11, 12, 13])
def test_php_tells_the_same_of_the_skeletons(major: int) -> None:
    sources = [skeletons.queue_php(major), skeletons.cache_php(major)]
    assert [plain(read(source), 9) for source in sources] == oracle.returned(sources, ENV)


def test_random_expressions_are_told_as_php_tells_them_or_not_at_all() -> None:
    rng = random.Random(20)
    atoms = [
        "1",
        "0",
        "'a'",
        "''",
        "'0'",
        "'12'",
        "null",
        "true",
        "false",
        "1.5",
        "-2",
        "env('NUM')",
        "env('NO')",
        "[]",
        "[1]",
    ]
    operators = [".", "+", "-", "*", "??", "?:", "==", "===", "!==", "&&", "||", "<", ">="]

    def expression(depth: int) -> str:
        if depth == 0 or rng.random() < 0.2:
            return rng.choice(["", "!", "(int) ", "(string) ", "(bool) "]) + rng.choice(atoms)
        shape = rng.randrange(4)
        if shape == 0:
            return f"({expression(depth - 1)} ? {expression(depth - 1)} : {expression(depth - 1)})"
        if shape == 1:
            return f"['k' => {expression(depth - 1)}, {expression(depth - 1)}]"
        operator = rng.choice(operators)
        text = f"{expression(depth - 1)} {operator} {expression(depth - 1)}"
        return text if shape == 2 and operator != "?:" else f"({text})"

    expressions = [expression(3) for _ in range(1500)]
    expected = oracle.returned([f"<?php return {one};" for one in expressions], ENV)
    told = 0
    for one, theirs in zip(expressions, expected, strict=True):
        ours = value_of(one)
        if theirs != "error" and known(ours):
            told += 1
            assert repr(ours) == repr(theirs), one
    assert told > 500


def known(value: Any) -> bool:
    """True when nothing in a value is unknown."""
    if isinstance(value, dict):
        return all(map(known, value.values())) and not any(isinstance(key, Constant) for key in value)
    return not isinstance(value, Unknown | Constant)


@pytest.mark.parametrize(
    "expression",
    [
        "time()",
        "new Foo(1)",
        "fn () => 1",
        "function ($x) use ($y) { return [1]; }",
        "$undefined",
        "Foo::bar()",
        "Foo::bar()->baz([1, 2])['x']",
        "match (true) { default => 1 }",
        "env($name)",
        "`ls`",
        '"{$x->y}"',
        "random_int(1, 2) . 'a'",
        "config('app.name')",
        "1 / 0",
        "a b",
    ],
)
def test_what_is_not_understood_is_unknown_and_nothing_else_is(expression: str) -> None:
    found = read(f"<?php\nreturn ['a' => 1,\n 'b' => {expression},\n 'c' => ['d' => 2]];")
    unknown = found.at("b")
    assert unknown is not None
    assert isinstance(unknown.data, Unknown), unknown
    assert (unknown.data.file, unknown.data.line) == ("config/x.php", 3)
    assert plain(found.at("a")) == 1
    assert plain(found.at("c.d")) == 2


def test_an_unknown_default_does_not_matter_when_the_variable_is_set() -> None:
    assert value_of("env('NUM', time())") == "90"
    assert isinstance(value_of("env('NO', time())"), Unknown)
    assert isinstance(value_of("time() ? 1 : 2"), Unknown)


def test_secrets_in_code_that_is_not_understood_are_not_repeated() -> None:
    unknown = value_of("decrypt('s3cret', \"t0ken\", env('KEY', 'd3fault'), <<<EOT\nh3re\nEOT)")
    assert unknown.source == "decrypt('…', '…', env('KEY', '…'), '…')"


def test_constants_are_kept_by_name() -> None:
    found = read(
        "<?php return [PDO::MYSQL_ATTR_SSL_CA => 'ca.pem', 'x' => Redis::SERIALIZER_IGBINARY, 'y' => A\\B::class];"
    )
    assert found.data[Constant("PDO::MYSQL_ATTR_SSL_CA")].data == "ca.pem"
    assert plain(found.at("x")) == Constant("Redis::SERIALIZER_IGBINARY")
    assert plain(found.at("y")) == Constant("A\\B::class")


def test_variables_imports_and_statements() -> None:
    found = read(
        """<?php declare(strict_types=1);
        namespace App;
        use Illuminate\\Support\\Str as Text;
        use function Foo\\bar;
        $name = env('NAME', 'x');
        $url = parse_url('redis://h:1');
        if (env('ON')) { $other = 'changed'; }
        helper(['a' => ';']);
        # a comment ?>
        return ['slug' => Text::slug($name), 'in' => "a {$name} b $name", 'host' => $url['host'], 'other' => $other];
        """
    )
    # PHP ends at the closing tag, even in a comment; so this file returns nothing.
    assert isinstance(found.data, Unknown)
    found = read(
        """<?php declare(strict_types=1);
        namespace App;
        use Illuminate\\Support\\Str as Text;
        use function Foo\\bar;
        $name = env('NAME', 'x');
        $url = parse_url('redis://h:1');
        $other = 'first';
        if (env('ON')) { $other = 'changed'; }
        helper(['a' => ';']);
        return ['slug' => Text::slug($name), 'in' => "a {$name} b $name", 'host' => $url['host'], 'other' => $other];
        """
    )
    assert plain(found.at("slug")) == "my-app"
    assert plain(found.at("in")) == "a My App b My App"
    assert plain(found.at("host")) == "h"
    assert isinstance(plain(found.at("other")), Unknown)  # it may have been changed


@pytest.mark.parametrize(
    "source",
    [
        "",
        "no php",
        "<?php",
        "<?php return",
        "<?php return [",
        "<?php return ['a' => 1]]; ",
        "<?php return 'open",
        '<?php return "open',
        "<?php /* open",
        "<?php if (x()) { return ['a' => 1]; } return ['a' => 2];",
        "<?php if (x()): return 1; endif; return 2;",
        "<?php $a = ",
        "<?php use",
        "<?php return <<<EOT\nopen",
        "<?php return Foo::",
        "<?php \x00",
    ],
)
def test_what_is_no_configuration_is_unknown_as_a_whole(source: str) -> None:
    assert isinstance(read(source).data, Unknown)


def test_origins() -> None:
    found = read(
        "<?php return [\n'a' => env('NUM', env('NO')),\n'b' => ['c' => env('NO', 'x')],\n'd' => 1];", "config/q.php"
    )
    sources = {key: found.at(key).source for key in ("a", "b.c", "d")}  # type: ignore[union-attr]
    assert sources == {
        "a": "environment (NUM) via config/q.php line 2",
        "b.c": "config/q.php line 3 (NO is not set)",
        "d": "config/q.php line 4",
    }


def test_a_cached_configuration_as_php_writes_it() -> None:
    value = {
        "app": {"name": 'It\'s \\ "x"\n', "key": None, "debug": True, "n": -5, "f": 1.5, "big": 9007199254740993},
        "queue": {"default": "redis", "connections": {"redis": {"block_for": None, "list": ["a", ["b"]]}}},
        "empty": {"x": {}},
        "numbers": {"7": "seven", "x": "y"},
        "nul": "a\0b",
    }
    text = oracle.exported(value)
    assert "array (" in text
    assert "NULL" in text
    found = read(text, "bootstrap/cache/config.php")
    assert plain(found, 9)["app"] == value["app"]
    assert plain(found.at("queue"), 9) == {
        "default": "redis",
        "connections": {"redis": {"block_for": None, "list": {0: "a", 1: {0: "b"}}}},
    }
    assert plain(found.at("numbers")) == {7: "seven", "x": "y"}
    assert plain(found.at("nul")) == "a\0b"


def test_objects_and_enums_in_a_cached_configuration() -> None:
    found = read(
        "<?php return array ( 'a' => \\Foo\\Bar::__set_state(array( 'x' => 1, )), 'b' => \\Foo\\Suit::Hearts, "
        "'c' => (object) array( 'd' => 1, ), 'e' => 2, );"
    )
    assert isinstance(plain(found.at("a")), Unknown)
    assert plain(found.at("b")) == Constant("Foo\\Suit::Hearts")
    assert plain(found.at("e")) == 2


HOSTILE = {
    "deep arrays": "<?php return " + "[" * 100_000 + "]" * 100_000 + ";",
    "deep parentheses": "<?php return " + "(" * 100_000 + "1" + ")" * 100_000 + ";",
    "deep calls": "<?php return " + "env('A', " * 50_000 + "1" + ")" * 50_000 + ";",
    "many signs": "<?php return " + "!" * 200_000 + "1;",
    "many casts": "<?php return " + "(int)" * 100_000 + "1;",
    "ternaries": "<?php return " + "1 ? 2 : " * 50_000 + "3;",
    "coalescing": "<?php return " + "null ?? " * 100_000 + "3;",
    "not understood at every level": "<?php return " + "[f() g, " * 60 + "1" + "] h" * 60 + ";" + " " * 100_000,
    "doubling text": "<?php $a = 'xxxxxxxx';" + "$a = $a . $a;" * 60 + "return ['a' => $a, 'b' => 1];",
    "doubling arrays": "<?php $a = [1, 2];" + "$a = [...$a, ...$a];" * 60 + "return $a;",
    "nesting arrays": "<?php $a = [1];" + "$a = [$a, $a];" * 5000 + "return ['a' => $a];",
    "replacing": "<?php $a = 'aaaaaaaaaa';" + "$a = str_replace('a', 'aaaaaaaaaa', $a);" * 50 + "return $a;",
    "joining": "<?php $a = ['x'];" + "$a = [implode(',', [implode(',', $a), implode(',', $a)])];" * 60 + "return $a;",
    "backslashes": "<?php return '" + "\\" * 500_001 + "';",
    "quotes": "<?php return " + "'" * 200_001 + ";",
    "dollars": '<?php return "' + "{$" * 200_000 + '";',
    "open comments": "<?php " + "/* " * 200_000,
    "question marks": "<?php //" + "?" * 300_000 + "\nreturn 1;",
    "spaces": "<?php" + " " * 1_000_000 + "return 1;",
    "big number": "<?php return " + "9" * 300_000 + ";",
    "big exponent": "<?php return 1e999999 * 1e999999;",
    "heredocs": "<?php return [" + "<<<A\nA, " * 50_000 + "];",
    "open heredocs": "<?php return [" + "<<<A\n" * 50_000 + "];",
    "slug": "<?php return Str::slug('" + "-_@ " * 200_000 + "');",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_end_soon_and_raise_nothing(name: str) -> None:
    began = time.process_time()
    read(HOSTILE[name])
    assert time.process_time() - began < 5


def test_random_damage_raises_nothing() -> None:
    rng = random.Random(7)
    sources = [skeletons.queue_php(12), skeletons.database_php(12), skeletons.app_php(10), skeletons.cache_php(8)]
    pieces = [
        "[",
        "]",
        "(",
        ")",
        "'",
        '"',
        ";",
        "=>",
        "?",
        ":",
        "::",
        "->",
        ",",
        "$x",
        "...",
        "{",
        "}",
        "//",
        "/*",
        "\\",
        "<<<A\n",
    ]
    for _ in range(1500):
        source = rng.choice(sources)
        for _ in range(rng.randint(1, 4)):
            at = rng.randrange(6, len(source))
            source = source[:at] + rng.choice([*pieces, ""]) + source[at + rng.randint(0, 30) :]
        assert isinstance(read(source), Value)
