"""An application's ``.env``, read by the rules of vlucas/phpdotenv, and ``env()`` on top of it.

Mirrors phpdotenv's ``Parser/Lines``, ``Parser/EntryParser`` and ``Loader/Resolver``; ``Foundation/Bootstrap/
LoadEnvironmentVariables`` for which file is read, and ``Support/Env::get`` for what ``env()`` makes of a text. The
variables of the process beat those of the file.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lara_queue.application.values import EnvRead
from lara_queue.errors import ConfigurationError

__all__ = ["Entry", "Environment", "cast", "load_environment", "parse"]

MOST_BYTES: Final = 1 << 20
"""No ``.env`` is longer than this; a longer file is refused."""

MOST_VARIABLES: Final = 200
"""Variables put into one value; a value with more is refused."""

MOST_FILLED: Final = 1 << 22
"""Characters of all values that have variables in them, after those are put in."""

_LINE = re.compile(r"\r\n|\n|\r")
_BLANK = " \n\r\t\0\x0b"
_SPACE = " \t\n\r\f\v"  # what PHP's ctype_space() and \s mean
_TOKEN = re.compile(r"[\r\n]+|[ \t\f\v]+|[\\'\"#$]|[^ \t\n\r\f\v\\'\"#$]+")
_VARIABLE = re.compile(r"\$\{([a-zA-Z0-9_.]+)\}")
_CLOSING = re.compile(r'(?=[^\\]")')
_ESCAPES = {"f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_WORDS: Final[dict[str, str | bool]] = {
    "true": True,
    "(true)": True,
    "false": False,
    "(false)": False,
    "empty": "",
    "(empty)": "",
}
_QUOTED = re.compile(r"(['\"])([^\n]*)\1", re.ASCII)


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the file.

    Attributes:
        name: the variable.
        text: its value before variables in it are put in; None for a name without ``=``, which unsets it.
        variables: where in the text a ``$`` may begin a ``${NAME}``, last one first.
        line: the line it begins at.
    """

    name: str
    text: str | None
    variables: tuple[int, ...]
    line: int


def parse(text: str) -> list[Entry]:
    r"""The entries of an environment file.

    Raises :class:`~lara_queue.errors.ConfigurationError` with the line at which phpdotenv would refuse the file.

    >>> [(entry.name, entry.text) for entry in parse("A=1 # one\nexport NAME=\"two\\nlines\"\n# C=3\nD='${A}'")]
    [('A', '1'), ('NAME', 'two\nlines'), ('D', '${A}')]
    """
    return [_entry(line, number) for line, number in _lines(text.removeprefix("\ufeff"))]


def _lines(text: str) -> list[tuple[str, int]]:
    """The lines that set something, those of a double-quoted value joined, with the number of the first."""
    found: list[tuple[str, int]] = []
    buffer: list[str] = []
    first = 0
    for number, line in enumerate(_LINE.split(text), 1):
        if buffer:
            buffer.append(line)
            if not _closes(line, started=False):
                continue
            line, number, buffer = "\n".join(buffer), first, []
        elif '="' in line and not _closes(line, started=True):
            buffer, first = [line], number
            continue
        stripped = line.strip(_BLANK)
        if stripped and not stripped.startswith("#"):
            found.append((line, number))
    return found  # phpdotenv drops a value whose quote is never closed, too


def _closes(line: str, *, started: bool) -> bool:
    if line == '"':
        return True
    count = sum(1 for _ in _CLOSING.finditer(line.replace("\\\\", "")))
    return count > 1 if started else count >= 1


def _entry(line: str, number: int) -> Entry:
    name, equals, value = line.partition("=")
    if equals:  # phpdotenv takes the space around these two away, and none around a name alone
        name, value = name.strip(_BLANK), value.strip(_BLANK)
    if not name:
        raise _refused("an unexpected equals sign", number)
    if len(name) > 8 and name.startswith("export") and name[6] in _SPACE:
        name = name[6:].lstrip(_SPACE)
    if len(name) > 2 and name[0] == name[-1] and name[0] in "\"'":
        name = name[1:-1]
    if not name or not all(char in "_." or char.isalnum() for char in name):
        raise _refused("an invalid name", number)
    if not equals:
        return Entry(name, None, (), number)
    text, variables = _value(value, number)
    return Entry(name, text, variables, number)


def _value(value: str, number: int) -> tuple[str, tuple[int, ...]]:
    parts: list[str] = []
    variables: list[int] = []
    length, state = 0, "start"
    for match in _TOKEN.finditer(value):
        token = match[0]
        kept: str | None = None
        if state == "start" and token in ("'", '"'):
            state = "single" if token == "'" else "double"
        elif state in ("start", "unquoted"):
            if token == "#":
                break
            if state == "unquoted" and token[0] in _SPACE:
                state = "after"
            else:
                state, kept = "unquoted", token
        elif state == "single":
            state, kept = ("after", None) if token == "'" else ("single", token)
        elif state == "double":
            if token in ('"', "\\"):
                state = "after" if token == '"' else "escape"
            else:
                kept = token
        elif state == "escape":
            state = "double"
            if token in ('"', "\\", "$"):
                parts.append(token)
                length += 1
                continue
            if token[0] not in _ESCAPES:
                raise _refused("an unexpected escape sequence", number)
            kept = _ESCAPES[token[0]] + token[1:]
        elif token == "#":
            break
        elif token[0] not in _SPACE:
            raise _refused("unexpected whitespace (a value with spaces needs quotes)", number)
        if kept is not None:
            if kept == "$" and state in ("unquoted", "double"):
                variables.append(length)
            parts.append(kept)
            length += len(kept)
    if state in ("single", "double", "escape"):
        raise _refused("a missing closing quote", number)
    return "".join(parts), tuple(reversed(variables))


def _refused(what: str, line: int) -> ConfigurationError:
    return ConfigurationError(f"The environment file is invalid: line {line} has {what}.")


def cast(text: str | None) -> str | bool | None:
    """What ``env()`` answers for a variable's text.

    >>> cast("(true)"), cast("NULL"), cast("empty"), cast('"1 2"'), cast("False")
    (True, None, '', '1 2', False)
    """
    if text is None or text.lower() in ("null", "(null)"):
        return None
    word = _WORDS.get(text.lower())
    if word is not None:
        return word
    quoted = _QUOTED.fullmatch(text)
    return quoted[2] if quoted else text


class Environment:
    """The variables that an application sees.

    Parameters:
        process: the environment of the process.
        entries: those of the file; they count where the process has none.
        file: the file's name, for :attr:`~lara_queue.application.values.EnvRead.where`.

    >>> environment = Environment({"A": "1"}, parse("A=2\\nB=${A}${C}"))
    >>> environment.read("B")
    EnvRead(name='B', where='.env line 2')
    >>> environment.read("B").text
    '1${C}'
    """

    def __init__(self, process: Mapping[str, str], entries: list[Entry] | None = None, file: str = ".env") -> None:
        self._process = process
        self._left = MOST_FILLED
        self._file: dict[str, EnvRead] = {}
        for entry in entries or []:
            if entry.text is None:
                self._file.pop(entry.name, None)
            else:
                text = self._filled(entry.text, entry.variables)
                self._file[entry.name] = EnvRead(entry.name, text, f"{file} line {entry.line}")

    def read(self, name: str) -> EnvRead:
        """The variable's text and where it was set."""
        text = self._process.get(name)
        if text is not None:
            return EnvRead(name, text, "environment")
        return self._file.get(name) or EnvRead(name)

    def _filled(self, text: str, variables: tuple[int, ...]) -> str:
        if len(variables) > MOST_VARIABLES:
            raise ConfigurationError(
                f"The environment file is invalid: more than {MOST_VARIABLES} variables in a value."
            )
        for at in variables:
            match = _VARIABLE.match(text, at)
            found = self.read(match[1]).text if match is not None else None
            if match is not None and found is not None:
                text = text[:at] + found + text[match.end() :]
            if len(text) > self._left:
                raise ConfigurationError("The environment file is invalid: its variables make texts without end.")
        self._left -= len(text) if variables else 0
        return text


def load_environment(base: Path, process: Mapping[str, str]) -> Environment:
    """The environment of the application in a folder, from ``.env.APP_ENV`` when the process names one, or ``.env``.

    Raises :class:`~lara_queue.errors.ConfigurationError` when Laravel would refuse the file.
    """
    file = ".env"
    named = cast(process.get("APP_ENV"))
    if isinstance(named, str) and named and "/" not in named and (base / f".env.{named}").is_file():
        file = f".env.{named}"
    try:
        with (base / file).open("rb") as stream:
            content = stream.read(MOST_BYTES + 1)
    except FileNotFoundError:
        return Environment(process)
    except OSError as error:
        raise ConfigurationError(f"{base / file} cannot be read: {error.strerror}.") from None
    if len(content) > MOST_BYTES:
        raise ConfigurationError(f"{base / file} is longer than a mebibyte; that is no environment file.")
    try:
        return Environment(process, parse(content.decode("utf-8", "replace")), file)
    except ConfigurationError as error:
        raise ConfigurationError(f"{base / file}: {error}") from None
