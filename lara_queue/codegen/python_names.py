"""Python names for PHP ones."""

from __future__ import annotations

import keyword
import re

__all__ = ["TAKEN", "Names", "field_name", "import_key", "snake"]

_WORDS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
TAKEN = frozenset(
    (
        *("Any", "Literal", "ModelIdentifier", "PhpEnum", "PhpObject", "UUID", "bind", "bool", "dataclass"),
        *("datetime", "dict", "enum", "field", "float", "int", "list", "php_class", "private", "protected"),
        *("str", "timedelta", "tuple", "tzinfo", "annotations", "NotImplementedError", "Queue", "URL", "os"),
    )
)
"""Names that the written modules use themselves."""


def snake(name: str) -> str:
    """A name in Python's style.

    >>> [snake(each) for each in ("podcastId", "HTMLBody", "user_id", "A4")]
    ['podcast_id', 'html_body', 'user_id', 'a4']
    """
    return _WORDS.sub("_", name).lower()


def field_name(name: str, used: set[str]) -> str:
    """What a property is called in Python; never one of ``used``, which it is added to.

    >>> [field_name(each, set()) for each in ("podcastId", "from", "list")]
    ['podcast_id', 'from_', 'list_']
    """
    made = snake(name)
    if not made.isidentifier():
        made = "field_" + re.sub(r"\W", "_", made)
    if keyword.iskeyword(made) or made in TAKEN or made.startswith("__"):
        made = f"{made.lstrip('_')}_"
    while made in used:
        made += "_"
    used.add(made)
    return made


class Names:
    """Python names of PHP classes, each of them once; of two with one name the later gets its namespace in front."""

    def __init__(self) -> None:
        self.by_class: dict[str, str] = {}
        self.used: set[str] = set(TAKEN)

    def of(self, class_name: str) -> str:
        """The name of a class.

        >>> names = Names()
        >>> [names.of(each) for each in ("App\\\\Jobs\\\\Send", "App\\\\Jobs\\\\Mail\\\\Send", "App\\\\Jobs\\\\Send")]
        ['Send', 'MailSend', 'Send']
        """
        key = class_name.lower()
        if key not in self.by_class:
            parts = class_name.split("\\")
            made = ""
            while parts and (not made or self.is_taken(made)):
                made = parts.pop() + made
            while self.is_taken(made):
                made += "_"
            self.used.add(made)
            self.by_class[key] = made
        return self.by_class[key]

    def is_taken(self, name: str) -> bool:
        """True when no further class can have the name."""
        return name in self.used or keyword.iskeyword(name) or not name.isidentifier()


def import_key(name: str) -> tuple[object, ...]:
    """The order in which isort and ruff put names of one ``import``: constants, classes, the rest; numbers by value.

    >>> sorted(["bind", "Job10", "Job2", "API"], key=import_key)
    ['API', 'Job2', 'Job10', 'bind']
    """
    group = 0 if name.isupper() and len(name) > 1 else 1 if name[:1].isupper() else 2
    parts = re.split(r"(\d+)", name)
    natural = tuple((0, int(part), "") if part.isdigit() else (1, 0, part.lower()) for part in parts if part)
    return (group, natural, name)
