"""Configuration files of PHP, read without running any PHP.

A file is read from top to bottom: imports are noted, simple assignments remembered, and the array of ``return`` is
worked out, each element with its line and the environment variables it asked. Whatever is not understood becomes an
:class:`~lara_queue.application.values.Unknown` of just that element; no text raises, recurses without end or takes
longer than its length allows. What ``var_export`` writes into ``bootstrap/cache/config.php`` is read by the same rules.
"""

from __future__ import annotations

from typing import Final

from lara_queue.application.php_expressions import Expressions, NotUnderstood, Scope
from lara_queue.application.php_tokens import NotPhp, Token
from lara_queue.application.php_values import CannotTell
from lara_queue.application.values import Unknown, Value

__all__ = ["Scope", "read_php"]

MOST_BYTES: Final = 16 << 20
"""A longer file is not read."""

_BRANCHES = frozenset(("if", "else", "elseif", "foreach", "for", "while", "switch", "try", "catch", "finally", "do"))


def read_php(source: str, file: str, scope: Scope) -> Value:
    """What a PHP file returns.

    Parameters:
        source: the file's text.
        file: its path, relative to the application, for the values' origins.
        scope: the application's folder and environment.

    The data is an :class:`~lara_queue.application.values.Unknown` when the file as a whole cannot be understood.

    >>> from pathlib import Path
    >>> source = "<?php return ['a' => env('NO', 'x').'_y', 'b' => time()];"
    >>> value = read_php(source, "config/x.php", Scope(Path("/app")))
    >>> value.at("a").data, value.at("b").data.source
    ('x_y', 'time()')
    """
    try:
        if len(source) > MOST_BYTES:
            raise NotPhp("the file is too long")
        return _Reader(source, file, scope).file()
    except (NotPhp, NotUnderstood, CannotTell) as error:
        return Value(Unknown(str(error) or "the file is not understood", file, 1), file, 1)
    except RecursionError:
        return Value(Unknown("the file is nested too deeply", file, 1), file, 1)


class _Reader(Expressions):
    """A file's statements, of which few are understood and the others passed over."""

    def file(self) -> Value:
        """The value of the file's ``return``."""
        while self.token.kind != "end":
            word = self.token.text.lower() if self.token.kind == "name" else ""
            following = self.tokens[self.at + 1]
            if word == "return":
                self.at += 1
                return self.element(";")
            if word == "use":
                self._use()
            elif self.token.kind == "variable" and following.text == "=" and following.kind == "op":
                name = self.token.text
                self.at += 2
                self.variables[name] = self.element(";")
                self._take(";")
            else:
                self._pass_over(word)
        raise NotPhp("the file returns nothing")

    def _use(self) -> None:
        """Note what ``use A\\B as C;`` imports."""
        self.at += 1
        path = self.token.text
        alias = path.rpartition("\\")[2]
        while self.token.kind != "end" and self.token.text != ";":
            if self.token.text.lower() == "as":
                alias = self.tokens[self.at + 1].text
            self.at = self.pairs.get(self.at, self.at) + 1
        self._take(";")
        self.imports[alias.lower()] = path.rpartition("\\")[2]

    def _pass_over(self, word: str) -> None:
        """Leave out a statement; what it may have set is not known from here on."""
        while self.token.kind != "end":
            index, token = self.at, self.token
            closing = self.pairs.get(index)
            if token.kind == "variable":
                self._forget(token)
            elif token.kind == "name" and token.text.lower() == "return" and word in _BRANCHES:
                raise NotPhp(f"what the file returns depends on a condition at line {token.line}")
            elif token.text == ":" and token.kind == "op" and word in _BRANCHES:
                raise NotPhp(f"the file has a condition at line {token.line} that is not understood")
            elif closing is not None:
                self._look_into(index, closing, word)
                self.at = closing
            self.at += 1
            if token.kind == "op" and (token.text == ";" or (token.text == "{" and closing is not None)):
                return

    def _look_into(self, first: int, last: int, word: str) -> None:
        for token in self.tokens[first:last]:
            if token.kind == "variable":
                self._forget(token)
            elif token.kind == "name" and token.text.lower() == "return" and word in _BRANCHES:
                raise NotPhp(f"what the file returns depends on a condition at line {token.line}")

    def _forget(self, token: Token) -> None:
        self.variables[token.text] = Value(Unknown(f"${token.text}", self.name, token.line), self.name, token.line)
