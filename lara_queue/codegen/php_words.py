"""Which names PHP allows."""

from __future__ import annotations

import re

__all__ = ["RESERVED", "is_class_name", "is_variable"]

_NAME = re.compile(r"[A-Za-z_\x80-\U0010ffff][A-Za-z0-9_\x80-\U0010ffff]*")
_KEYWORDS = """
abstract and array as break callable case catch class clone const continue declare default do echo else elseif empty
enddeclare endfor endforeach endif endswitch endwhile enum eval exit extends final finally fn for foreach function
global goto if implements include include_once instanceof insteadof interface isset list match namespace new or print
private protected public readonly require require_once return static switch throw trait try unset use var while xor
yield die __halt_compiler self parent int float bool string true false null void iterable object mixed never
"""
RESERVED = frozenset(_KEYWORDS.split()) - {"enum"}
"""Words that no class can be named, in small letters."""


def is_variable(name: str) -> bool:
    """True for what can follow a dollar sign.

    >>> is_variable("invoiceId"), is_variable("2nd"), is_variable("größe")
    (True, False, True)
    """
    return _NAME.fullmatch(name) is not None


def is_class_name(name: str) -> bool:
    """True for a class name, with or without namespace.

    >>> is_class_name("App\\\\Jobs\\\\SendInvoice"), is_class_name("Legacy@fire")
    (True, False)
    """
    return all(is_variable(part) for part in name.split("\\"))
