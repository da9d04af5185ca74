"""Constant expressions in PHP source as Python values, as far as they can be told without running PHP."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

from lara_queue.codegen.php_code import CaseOf, Expression, PhpClass

if TYPE_CHECKING:
    from tree_sitter import Node

__all__ = ["text_of", "value_of"]

_ESCAPE = {"n": "\n", "t": "\t", "r": "\r", "v": "\v", "e": "\x1b", "f": "\f", "\\": "\\", "$": "$", '"': '"'}
_NAMED: dict[str, Any] = {"true": True, "false": False, "null": None, "php_int_max": 2**63 - 1, "php_int_min": -(2**63)}
_NAMED |= {"inf": math.inf, "nan": math.nan, "php_eol": "\n"}
_NUMBERS = (int, float)


class _NotConstant(Exception):
    pass


def text_of(node: Node) -> str:
    """The source of a node."""
    return (node.text or b"").decode("utf-8", "replace")


def value_of(node: Node, made: PhpClass) -> Any:
    """The value of an expression; a :class:`CaseOf` for a constant of a class, an :class:`Expression` for the rest.

    :param node: the expression.
    :param made: the class around it, as far as it has been read.
    """
    try:
        return _value(node, made)
    except (_NotConstant, ValueError, ArithmeticError, RecursionError):
        return Expression(text_of(node))


def _value(node: Node, made: PhpClass) -> Any:
    kind = node.type
    if kind in ("string", "encapsed_string"):
        return _string(node, single=kind == "string")
    if kind == "integer":
        return _integer(text_of(node))
    if kind == "float":
        return float(text_of(node).replace("_", ""))
    if kind in ("boolean", "null", "name"):
        name = text_of(node).lower()
        if name not in _NAMED:
            raise _NotConstant
        return _NAMED[name]
    if kind == "parenthesized_expression":
        return _value(node.named_children[0], made)
    if kind == "unary_op_expression":
        return _unary(text_of(node.children[0]), _value(node.named_children[-1], made))
    if kind == "binary_expression":
        return _binary(node, made)
    if kind == "array_creation_expression":
        return _array(node, made)
    if kind == "class_constant_access_expression":
        return _constant(node, made)
    raise _NotConstant


def _string(node: Node, *, single: bool) -> str:
    made: list[str] = []
    for part in node.named_children:
        text = text_of(part)
        if part.type == "string_content":
            made.append(text)
        elif part.type == "escape_sequence":
            made.append(text[1:] if single else _unescaped(text))
        else:
            raise _NotConstant  # a variable within the string
    return "".join(made)


def _unescaped(text: str) -> str:
    inner = text[1:]
    if inner in _ESCAPE:
        return _ESCAPE[inner]
    if inner[:2] == "u{":
        return chr(int(inner[2:-1], 16))
    number = int(inner[1:], 16) if inner[:1] in "xX" else int(inner, 8)
    if number > 127:
        raise _NotConstant  # a byte, perhaps half a character
    return chr(number)


def _integer(text: str) -> int | float:
    text = text.replace("_", "").lower()
    if text.startswith("0") and text.isdigit() and len(text) > 1:
        number = int(text, 8)
    else:
        number = int(text, 0)
    return number if number < 2**63 else float(number)


def _unary(sign: str, value: Any) -> Any:
    if sign in ("-", "+") and type(value) in _NUMBERS:
        return -value if sign == "-" else value
    raise _NotConstant


def _binary(node: Node, made: PhpClass) -> Any:
    left, right = (_value(each, made) for each in (node.named_children[0], node.named_children[-1]))
    operator = node.child_by_field_name("operator")
    sign = text_of(operator) if operator is not None else ""
    if sign == "." and isinstance(left, str) and isinstance(right, str):
        return left + right
    if type(left) not in _NUMBERS or type(right) not in _NUMBERS:
        raise _NotConstant
    if sign == "+":
        return left + right
    if sign == "-":
        return left - right
    if sign == "*":
        return left * right
    raise _NotConstant


def _array(node: Node, made: PhpClass) -> list[Any] | dict[Any, Any]:
    """A list, or a dict where a key is given; the rest of PHP's rules for keys are not needed for what people write."""
    items: dict[Any, Any] = {}
    following = 0
    for element in node.named_children:
        if element.type == "comment":
            continue
        parts = [part for part in element.named_children if part.type != "comment"]
        if element.type != "array_element_initializer" or not 1 <= len(parts) <= 2:
            raise _NotConstant  # a spread, a reference
        value = _value(parts[-1], made)
        key = _value(parts[0], made) if len(parts) == 2 else following
        if type(key) not in (int, str) or isinstance(value, Expression):
            raise _NotConstant
        if isinstance(key, str) and re.fullmatch(r"0|-?[1-9]\d{0,17}", key):
            key = int(key)
        if isinstance(key, int):
            following = max(following, key + 1)
        items[key] = value
    return list(items.values()) if list(items) == list(range(len(items))) else items


def _constant(node: Node, made: PhpClass) -> Any:
    parts = node.named_children
    holder, name = text_of(parts[0]), text_of(parts[-1])
    own = holder.lower() in ("self", "static")
    if name.lower() == "class":
        return made.name if own else made.scope.resolve(holder)
    if own and name in made.constants and not isinstance(made.constants[name], Expression):
        return made.constants[name]
    if own:
        return CaseOf(made.name, name)
    if not re.fullmatch(r"[\w\\]+", holder):
        raise _NotConstant
    return CaseOf(made.scope.resolve(holder), name)
