"""What PHP source declares, as plain values: classes, properties, constructors, enums."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from lara_queue.codegen.php_doc import DocType

__all__ = ["CaseOf", "Code", "Expression", "Parameter", "PhpClass", "Property", "Scope", "Trouble"]


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something that could not be understood, and where."""

    path: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.text}"


@dataclass(frozen=True, slots=True)
class Expression:
    """A default that is not a plain value; its source."""

    text: str


@dataclass(frozen=True, slots=True)
class CaseOf:
    """A case of an enum, or a constant of a class."""

    class_name: str
    name: str


@dataclass(frozen=True, slots=True)
class Scope:
    """What names mean in a file: its namespace, and what ``use`` calls what (by small letters)."""

    namespace: str = ""
    uses: dict[str, str] = field(default_factory=dict)

    def resolve(self, name: str) -> str:
        """The whole name of a class, without leading backslash.

        >>> Scope("App\\\\Jobs", {"user": "App\\\\Models\\\\User"}).resolve("User")
        'App\\\\Models\\\\User'
        """
        if name.startswith("\\"):
            return name[1:]
        first, slash, rest = name.partition("\\")
        if first.lower() == "namespace" and slash:
            return f"{self.namespace}\\{rest}".strip("\\")
        known = self.uses.get(first.lower())
        if known is not None:
            return f"{known}{slash}{rest}"
        return f"{self.namespace}\\{name}" if self.namespace else name


@dataclass(frozen=True, slots=True)
class Parameter:
    """A constructor's parameter; ``visibility`` is None unless it is promoted, ``default`` a value or an expression."""

    name: str
    type: DocType | None
    line: int
    has_default: bool = False
    default: Any = None
    visibility: str | None = None
    documented: DocType | None = None


@dataclass(frozen=True, slots=True)
class Property:
    """A declared property; without ``static`` ones."""

    name: str
    type: DocType | None
    line: int
    visibility: str = "public"
    has_default: bool = False
    default: Any = None
    documented: DocType | None = None


@dataclass(slots=True)
class PhpClass:
    """A class, trait, interface or enum.

    Attributes:
        kind: which of these.
        name: with its namespace.
        path, line: where.
        scope: what names mean there.
        parent, interfaces, traits: whole names.
        parameters: of its constructor; None when it has none of its own.
        assigned: the properties that the constructor sets to a parameter, and to which.
        told: literal arguments of the constructor's calls of ``$this->onQueue()`` and ``onConnection()``.
        returns: methods that only return a literal, by name in small letters; other methods have None.
        attributes: whole names and literal arguments.
        handles: the type of the first parameter of ``handle()``.
        constants: by name.
        cases: of an enum: names and values (None without).
    """

    kind: str
    name: str
    path: str
    line: int
    scope: Scope
    is_abstract: bool = False
    parent: str | None = None
    interfaces: list[str] = field(default_factory=list)
    traits: list[str] = field(default_factory=list)
    properties: list[Property] = field(default_factory=list)
    parameters: list[Parameter] | None = None
    assigned: dict[str, str] = field(default_factory=dict)
    told: dict[str, Any] = field(default_factory=dict)
    returns: dict[str, Any] = field(default_factory=dict)
    attributes: list[tuple[str, list[Any]]] = field(default_factory=list)
    handles: DocType | None = None
    constants: dict[str, Any] = field(default_factory=dict)
    cases: list[tuple[str, Any]] = field(default_factory=list)


@dataclass(slots=True)
class Code:
    """What a file declares, and what in it could not be read."""

    classes: list[PhpClass] = field(default_factory=list)
    troubles: list[Trouble] = field(default_factory=list)
