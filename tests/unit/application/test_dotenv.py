"""``.env`` files, by phpdotenv's rules; where phpdotenv is installed it confirms what is written here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lara_queue.application.dotenv import Environment, cast, load_environment, parse
from lara_queue.errors import ConfigurationError
from tests.unit.application import oracle

REFUSED = "refused"

CASES: list[tuple[str, Any]] = [
    ("A=1", {"A": "1"}),
    ("A=", {"A": ""}),
    ("  A = 1  ", {"A": "1"}),
    ("A=1\r\nB=2\rC=3\n", {"A": "1", "B": "2", "C": "3"}),
    ("\n# A=1\n   # B=2\nC=3", {"C": "3"}),
    ("A=1 # why", {"A": "1"}),
    ("A=1#why", {"A": "1"}),
    ('A="1 # 2" # why', {"A": "1 # 2"}),
    ("A='1 # 2'", {"A": "1 # 2"}),
    ("A=#", {"A": ""}),
    ("A=a b", REFUSED),
    ('A="a b"', {"A": "a b"}),
    ("A='a \\n ${B}'", {"A": "a \\n ${B}"}),
    ('A="a\\tb\\nc\\"d\\\\e\\$f"', {"A": 'a\tb\nc"d\\e$f'}),
    ('A="a\\x"', REFUSED),
    ('A="open', {}),
    ("A='open", REFUSED),
    ('A="one\ntwo\nthree"\nB=2', {"A": "one\ntwo\nthree", "B": "2"}),
    ('A="one\n# two\n"', {"A": "one\n# two\n"}),
    ("export FOOD=1", {"FOOD": "1"}),
    ("export\tFOOD=1", {"FOOD": "1"}),
    ("'FOO'=1\n\"BAR\"=2", {"FOO": "1", "BAR": "2"}),
    ("=1", REFUSED),
    ("A-B=1", REFUSED),
    ("A B=1", REFUSED),
    ("A.B_C=1", {"A.B_C": "1"}),
    ("A=1\nA=2", {"A": "2"}),
    ("A=x\nB=${A}\nC=\"${A}-${A}\"\nD='${A}'\nE=${NO}y", {"A": "x", "B": "x", "C": "x-x", "D": "${A}", "E": "${NO}y"}),
    ("A=x\nB=\\${A}", {"A": "x", "B": "\\x"}),
    ("A=x\nB=$A", {"A": "x", "B": "$A"}),
    ("Ax=1\nB=x\nC=${A${B}}", {"Ax": "1", "B": "x", "C": "1"}),
    ("URL=redis://:p%40ss@h:6379/0?a=b", {"URL": "redis://:p%40ss@h:6379/0?a=b"}),
    ("KEY=base64:MDEy+/=", {"KEY": "base64:MDEy+/="}),
    ("A=it's", {"A": "it's"}),
    ('A=b"c', {"A": 'b"c'}),
    ('A="x"y', REFUSED),
    ("A='' ", {"A": ""}),
    ("\ufeffA=1", {"A": "1"}),
]


def read(text: str) -> Any:
    """Every variable of a file, or ``refused``."""
    try:
        entries = parse(text)
    except ConfigurationError:
        return REFUSED
    environment = Environment({}, entries)
    return {entry.name: environment.read(entry.name).text for entry in entries}


@pytest.mark.parametrize(("text", "expected"), CASES)
def test_a_file_is_read_as_phpdotenv_reads_it(text: str, expected: Any) -> None:
    assert read(text) == expected


def test_phpdotenv_says_the_same() -> None:
    oracle.need("Dotenv")
    code = f"""require '{oracle.AUTOLOADERS["Dotenv"]}'; $out = [];
    foreach (json_decode(stream_get_contents(STDIN), true) as $text) {{
        try {{ $out[] = (object) Dotenv\\Dotenv::parse($text); }} catch (Throwable $e) {{ $out[] = 'refused'; }}
    }}
    echo json_encode($out);"""
    texts = [text for text, _ in CASES if not text.startswith("\ufeff")]  # readers of files take that away
    assert oracle.run(code, texts) == [expected for text, expected in CASES if not text.startswith("\ufeff")]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True),
        ("(TRUE)", True),
        ("False", False),
        ("(false)", False),
        ("null", None),
        ("(Null)", None),
        ("empty", ""),
        ("(empty)", ""),
        ("'x y'", "x y"),
        ('"null"', "null"),
        ("'x\"", "'x\""),
        ("1", "1"),
        ("", ""),
    ],
)
def test_env_casts(text: str, value: Any) -> None:
    assert cast(text) == value
    assert type(cast(text)) is type(value)


def test_the_process_beats_the_file_also_inside_other_values() -> None:
    environment = Environment({"HOST": "real", "EMPTY": ""}, parse("HOST=file\nURL=redis://${HOST}\nEMPTY=file"))
    assert (environment.read("HOST").text, environment.read("HOST").where) == ("real", "environment")
    assert (environment.read("URL").text, environment.read("URL").where) == ("redis://real", ".env line 2")
    assert environment.read("EMPTY").text == ""
    assert environment.read("NO").where is None


def test_a_name_alone_unsets_it() -> None:
    assert Environment({}, parse("A=1\nA")).read("A").text is None


def test_the_file_of_the_environment_is_chosen(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("A=1")
    (tmp_path / ".env.staging").write_text("A=2")
    assert load_environment(tmp_path, {}).read("A").text == "1"
    assert load_environment(tmp_path, {"APP_ENV": "staging"}).read("A").where == ".env.staging line 1"
    assert load_environment(tmp_path, {"APP_ENV": "other"}).read("A").text == "1"
    assert load_environment(tmp_path, {"APP_ENV": "../../etc"}).read("A").text == "1"
    assert load_environment(tmp_path / "none", {}).read("A").text is None


def test_a_refused_file_is_told_with_its_line(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("A=1\nB=secret word\n")
    with pytest.raises(ConfigurationError, match=r"\.env: The environment file is invalid: line 2") as caught:
        load_environment(tmp_path, {})
    assert "secret" not in str(caught.value)


def test_variables_cannot_make_texts_without_end() -> None:
    bomb = "A0=xxxxxxxxxx\n" + "".join(f"A{n}={f'${{A{n - 1}}}' * 10}\n" for n in range(1, 12))
    with pytest.raises(ConfigurationError, match="without end"):
        Environment({}, parse(bomb))
    with pytest.raises(ConfigurationError, match="more than 200 variables"):
        Environment({}, parse(f"A={'${B}' * 201}"))
