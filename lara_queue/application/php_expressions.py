"""PHP expressions, worked out while they are read: what configuration files and ``var_export`` are made of.

There is no tree in between. Each expression answers a :class:`~lara_queue.application.values.Value`; one that is not
understood is passed over up to the end of its element, and that element alone is unknown.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from lara_queue.application.dotenv import Environment, cast
from lara_queue.application.php_tokens import NotPhp, Token, matching, shown, tokens, unescaped
from lara_queue.application.php_values import (
    FUNCTIONS,
    LONGEST,
    MOST_ITEMS,
    CannotTell,
    array_key,
    calculate,
    compare,
    to_bool,
    to_number,
    to_text,
    whole,
)
from lara_queue.application.values import Constant, Unknown, Value, merged_reads

__all__ = ["Expressions", "NotUnderstood", "Scope"]

DEEPEST: Final = 200
"""Levels of nested operators; an array within an array takes three."""

_BINARY: Final = {
    **dict.fromkeys(("or",), 1),
    **dict.fromkeys(("and",), 2),
    **dict.fromkeys(("??",), 4),
    **dict.fromkeys(("||",), 5),
    **dict.fromkeys(("&&",), 6),
    **dict.fromkeys(("==", "!=", "<>", "===", "!=="), 7),
    **dict.fromkeys(("<", ">", "<=", ">="), 8),
    **dict.fromkeys((".",), 9),
    **dict.fromkeys(("+", "-"), 10),
    **dict.fromkeys(("*", "/", "%"), 11),
}
_TERNARY = 3
_CONSTANTS: Final = {"true": True, "false": False, "null": None, "nan": float("nan"), "inf": float("inf")}
_NAMED: Final = {"PHP_EOL": "\n", "DIRECTORY_SEPARATOR": "/", "PHP_INT_MAX": (1 << 63) - 1}
_FOLDERS: Final = {
    "app_path": "app",
    "base_path": "",
    "config_path": "config",
    "database_path": "database",
    "public_path": "public",
    "resource_path": "resources",
    "storage_path": "storage",
}
_VARIABLE = re.compile(r"\{\$([A-Za-z_]\w*)\}|\$([A-Za-z_]\w*)(?!\w|\[|->)|\\.|([{$])", re.DOTALL)


class NotUnderstood(Exception):
    """This element is not understood; the reader goes on behind it."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What code may ask for while it is read.

    Attributes:
        base: the application's folder.
        environment: what ``env()`` finds.
        storage: the folder of ``storage_path()``, when it is not ``storage`` in the base.
    """

    base: Path
    environment: Environment = field(default_factory=lambda: Environment({}))
    storage: Path | None = None


class Expressions:
    """The tokens of one file, and how far they are read.

    Parameters:
        source: the file's text.
        file: its name, for the values' origins.
        scope: what code may ask for.

    Raises :class:`~lara_queue.application.php_tokens.NotPhp`.
    """

    def __init__(self, source: str, file: str, scope: Scope) -> None:
        self.source, self.name, self.scope = source, file, scope
        self.tokens = tokens(source)
        self.pairs = matching(self.tokens)
        self.at = 0
        self.depth = 0
        self.items = 0
        self.variables: dict[str, Value] = {}
        self.imports: dict[str, str] = {}

    # -- elements ----------------------------------------------------------------------------------------------------

    @property
    def token(self) -> Token:
        """The token that is next."""
        return self.tokens[self.at]

    def element(self, *ends: str) -> Value:
        """An expression that goes up to one of these operators; an unknown value when it is not understood."""
        first, depth = self.at, self.depth
        try:
            value = self.expression()
            if not self._ended(ends):
                raise NotUnderstood
        except (NotUnderstood, CannotTell):
            self.depth = depth
            self.at = first
            while not self._ended(ends):
                self.at = self.pairs.get(self.at, self.at) + 1
            value = self._value(Unknown("", self.name, 0), self.tokens[first])
        token = self.tokens[first]
        data = self._unknown(first) if isinstance(value.data, Unknown) else value.data
        return Value(data, self.name, token.line, value.reads)

    def _ended(self, ends: tuple[str, ...]) -> bool:
        token = self.token
        return token.kind == "end" or (
            token.kind == "op" and (token.text in ends or token.text in (")", "]", "}", ";"))
        )

    def _unknown(self, first: int) -> Unknown:
        token = self.tokens[first]
        return Unknown(shown(self.tokens[first : max(first + 1, self.at)]), self.name, token.line)

    def _value(self, data: Any, token: Token, *parts: Value) -> Value:
        return Value(data, self.name, token.line, merged_reads(parts))

    def _take(self, text: str) -> bool:
        """True, and one token on, when this is the operator."""
        if self.token.kind == "op" and self.token.text == text:
            self.at += 1
            return True
        return False

    # -- expressions -------------------------------------------------------------------------------------------------

    def expression(self, lowest: int = 0) -> Value:
        """An expression of operators that bind at least as tightly."""
        self._deeper()
        left = self._unary()
        while True:
            token = self.token
            operator = token.text.lower() if token.kind in ("op", "name") else ""
            if token.kind == "op" and operator == "?" and lowest <= _TERNARY:
                left = self._choose(left)
                continue
            strength = _BINARY.get(operator, -1) if token.kind in ("op", "name") else -1
            if strength < lowest or strength < 0:
                break
            self.at += 1
            left = self._combine(operator, left, self.expression(strength + (operator != "??")), token)
        self.depth -= 1
        return left

    def _deeper(self) -> None:
        self.depth += 1
        if self.depth > DEEPEST:
            raise NotPhp(f"line {self.token.line} is nested too deeply")

    def _choose(self, condition: Value) -> Value:
        """``condition ? a : b`` and ``condition ?: b``."""
        token = self.token
        self.at += 1
        short = self._take(":")
        if short:
            yes = condition
        else:
            yes = self.expression(_TERNARY)
            if not self._take(":"):
                raise NotUnderstood
        no = self.expression(_TERNARY + 1)
        try:
            chosen = yes if to_bool(condition.data) else no
        except CannotTell:
            return self._value(Unknown("", self.name, token.line), token, condition)
        return self._value(chosen.data, token, condition, chosen)

    def _combine(self, operator: str, left: Value, right: Value, token: Token) -> Value:
        try:
            if operator == "??":
                if isinstance(left.data, Unknown):
                    raise CannotTell
                return self._value(right.data, token, left, right) if left.data is None else left
            if operator in ("&&", "and", "||", "or"):
                first = to_bool(left.data)
                if first is (operator in ("||", "or")):
                    return self._value(first, token, left)
                return self._value(to_bool(right.data), token, left, right)
            work = compare if _BINARY[operator] in (7, 8) else calculate
            return self._value(work(operator, left.data, right.data), token, left, right)
        except CannotTell:
            return self._value(Unknown("", self.name, token.line), token, left, right)

    def _unary(self) -> Value:
        token = self.token
        work: Callable[[Any], Any] | None = None
        if token.kind == "cast":
            work = _CASTS.get(token.text)
            if work is None:
                raise NotUnderstood
        elif token.kind == "op" and token.text in ("!", "-", "+"):
            work = {"!": lambda data: not to_bool(data), "-": lambda data: -to_number(data), "+": to_number}[token.text]
        elif token.kind == "op" and token.text in ("@", "&"):
            work = _same
        if work is None:
            return self._after(self._primary())
        self._deeper()
        self.at += 1
        operand = self._unary()
        self.depth -= 1
        try:
            return self._value(work(operand.data), token, operand)
        except CannotTell:
            return self._value(Unknown("", self.name, token.line), token, operand)

    def _after(self, value: Value) -> Value:
        """What follows a value: ``[key]``; anything else that could follow is not understood."""
        while self._take("["):
            key = self.element("]")
            if not self._take("]"):
                raise NotUnderstood
            if isinstance(value.data, dict) and not isinstance(key.data, Unknown | dict):
                found = value.data.get(array_key(key.data))
                value = found if found is not None else Value(None, value.file, value.line, value.reads)
            elif value.data is not None:
                raise NotUnderstood
        if self.token.kind == "op" and self.token.text in ("->", "?->", "(", "::", "{", "=", "++", "--", ".="):
            raise NotUnderstood
        return value

    def _primary(self) -> Value:
        token = self.token
        self.at += 1
        if token.kind in ("string", "number"):
            return self._value(token.value, token)
        if token.kind == "template":
            return self._template(token)
        if token.kind == "variable":
            found = self.variables.get(token.text)
            if found is None:
                raise NotUnderstood
            return found
        if token.kind == "op" and token.text == "[":
            return self._array(token, "]")
        if token.kind == "op" and token.text == "(":
            value = self.expression()
            if not self._take(")"):
                raise NotUnderstood
            return value
        if token.kind == "name":
            return self._named(token)
        raise NotUnderstood

    def _template(self, token: Token) -> Value:
        """A string with variables in it."""
        used: list[Value] = []

        def put(match: re.Match[str]) -> str:
            name = match[1] or match[2]
            if name is None:
                if match[3] is not None:
                    raise NotUnderstood
                return unescaped(match[0])
            value = self.variables.get(name)
            if value is None:
                raise NotUnderstood
            used.append(value)
            return to_text(value.data)

        text = _VARIABLE.sub(put, token.value)
        if len(text) > LONGEST:
            raise CannotTell
        return self._value(text, token, *used)

    def _array(self, token: Token, closing: str) -> Value:
        """The elements up to the closing bracket."""
        items: dict[Any, Value] = {}
        number = 0
        while not self._take(closing):
            if self._take("..."):
                spread = self.element(",")
                if not isinstance(spread.data, dict):
                    items[Constant(f"...{len(items)}")] = spread
                    spread = Value({})
                for key, value in spread.data.items():
                    if isinstance(key, int):
                        key, number = number, number + 1
                    items[key] = value
                self.items += len(spread.data)
            else:
                value = self.element(",", "=>")
                if self._take("=>"):
                    key = array_key({} if isinstance(value.data, dict) else value.data) if value.data != {} else ""
                    value = self.element(",")
                    if isinstance(key, int):
                        number = max(number, key + 1)
                else:
                    key, number = number, number + 1
                items[key] = value
                self.items += 1
            if self.items > 20 * MOST_ITEMS:
                raise NotPhp("the file makes an array without end")
            if not self._take(",") and not (self.token.kind == "op" and self.token.text == closing):
                raise NotUnderstood
        return self._value(items, token)

    # -- names -------------------------------------------------------------------------------------------------------

    def _named(self, token: Token) -> Value:
        """A constant, a call, or something of a class."""
        name = token.text.lstrip("\\")
        lower = name.lower()
        if self._take("::"):
            member = self.token
            self.at += 1
            if member.kind != "name":
                raise NotUnderstood
            if self._take("("):
                kind = name.rpartition("\\")[2]
                kind = self.imports.get(kind.lower(), kind)
                return self._call(f"{kind.lower()}::{member.text.lower()}", token)
            return self._value(Constant(f"{name}::{member.text}"), token)
        if self._take("("):
            return self._array(token, ")") if lower == "array" else self._call(lower.rpartition("\\")[2], token)
        if lower in _CONSTANTS:
            return self._value(_CONSTANTS[lower], token)
        if name in _NAMED:
            return self._value(_NAMED[name], token)
        if lower == "__dir__":
            return self._value(posixpath.dirname(f"{self.scope.base}/{self.name}"), token)
        if name.isupper() and self.token.kind in ("op", "end"):
            return self._value(Constant(name), token)
        raise NotUnderstood

    def _call(self, name: str, token: Token) -> Value:
        """A call's value; every argument is read, whatever comes of it."""
        arguments: list[Value] = []
        while not self._take(")"):
            arguments.append(self.element(","))
            if not self._take(",") and not (self.token.kind == "op" and self.token.text == ")"):
                raise NotUnderstood
        if name in ("env", "env::get", "getenv"):
            return self._env(name, arguments, token)
        if name in _FOLDERS:
            return self._value(self._folder(name, arguments), token, *arguments)
        function = FUNCTIONS.get(name)
        if function is None:
            raise NotUnderstood
        try:
            return self._value(function(*arguments), token, *arguments)
        except (TypeError, IndexError):  # not the arguments that the function takes
            raise NotUnderstood from None

    def _env(self, name: str, arguments: list[Value], token: Token) -> Value:
        if not 1 <= len(arguments) <= 2 or not isinstance(arguments[0].data, str):
            raise NotUnderstood
        read = self.scope.environment.read(arguments[0].data)
        if name == "getenv":
            return Value(False if read.text is None else read.text, self.name, token.line, (read,))
        if read.text is not None:
            return Value(cast(read.text), self.name, token.line, (read,))
        default = arguments[1] if len(arguments) == 2 else Value(None)
        reads = merged_reads((Value(None, reads=(read,)), default))
        return Value(default.data, self.name, token.line, reads)

    def _folder(self, name: str, arguments: list[Value]) -> str:
        if name == "storage_path" and self.scope.storage is not None:
            folder = str(self.scope.storage)
        else:
            folder = f"{self.scope.base}/{_FOLDERS[name]}".rstrip("/")
        below = to_text(arguments[0].data).lstrip("/") if arguments else ""
        return f"{folder}/{below}" if below else folder


def _same(data: Any) -> Any:
    return data


_CASTS: Final[dict[str, Callable[[Any], Any]]] = {
    **dict.fromkeys(("int", "integer"), whole),
    **dict.fromkeys(("bool", "boolean"), to_bool),
    **dict.fromkeys(("float", "double"), lambda data: float(to_number(data))),
    "string": to_text,
    "object": _same,
}
