"""From the type of a PHP property to a Python annotation that what Laravel sends of it fits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from lara_queue.codegen.library import ELOQUENT_COLLECTIONS, Library
from lara_queue.codegen.php_code import PhpClass, Scope
from lara_queue.codegen.php_doc import DocType

__all__ = ["Annotation", "PythonTypes", "alternatives"]

_SIMPLE = {
    **dict.fromkeys(("int", "integer", "positive-int", "negative-int", "non-negative-int", "non-positive-int"), "int"),
    **dict.fromkeys(("float", "double"), "float"),
    **dict.fromkeys(("string", "class-string"), "str"),
    **dict.fromkeys(("bool", "boolean", "true", "false"), "bool"),
    **dict.fromkeys(("null", "void"), "None"),
    "array-key": "int | str",
    "number": "int | float",
    "numeric": "int | float | str",
    "scalar": "int | float | str | bool",
}
_ANY = frozenset(("mixed", "object", "\\stdclass", "stdclass"))
_LISTS = frozenset(("list", "non-empty-list"))
_ARRAYS = frozenset(("array", "non-empty-array", "iterable", "associative-array"))
_CALLABLES = frozenset(("callable", "closure", "\\closure", "resource", "never", "static-closure"))
_DATETIMES = frozenset(
    ("datetimeinterface", "datetime", "carbon\\carbon", "carbon\\carboninterface", "illuminate\\support\\carbon")
)
_FIXED_DATETIMES = frozenset(("datetimeimmutable", "carbon\\carbonimmutable"))
_INTERVALS = frozenset(("dateinterval", "carbon\\carboninterval"))
_ZONES = frozenset(("datetimezone", "carbon\\carbontimezone"))
_COLLECTIONS = frozenset(
    ("illuminate\\support\\collection", "illuminate\\support\\enumerable", "illuminate\\support\\lazycollection")
)
_TEXTS = frozenset(("illuminate\\support\\stringable", "stringable"))
_UUIDS = frozenset(("ramsey\\uuid\\uuidinterface", "ramsey\\uuid\\uuid", "ramsey\\uuid\\lazy\\lazyuuidfromstring"))


@dataclass(slots=True)
class Annotation:
    """A Python annotation.

    Attributes:
        text: as it is written.
        imports: module and name of what it needs.
        classes: the PHP classes whose Python classes it names.
        remarks: what a reader of the field should know.
        unknown: what could not be understood, if anything; the text is then ``Any``.
    """

    text: str = "Any"
    imports: set[tuple[str, str]] = field(default_factory=set)
    classes: dict[str, PhpClass] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)


class PythonTypes:
    """Annotations for PHP types.

    :param library: where classes are looked up.
    :param name_of: what a PHP class is called in Python.
    """

    def __init__(self, library: Library, name_of: Callable[[PhpClass], str]) -> None:
        self.library = library
        self.name_of = name_of

    def of(self, kind: DocType, scope: Scope, holder: PhpClass, *, models: bool) -> Annotation:
        """The annotation for a type.

        :param kind: the type.
        :param scope, holder: what names in it mean, and what ``self`` does.
        :param models: Laravel sends Eloquent models by key here.
        """
        made = Annotation()
        made.text = _Translation(self, scope, holder, made).text(kind, models=models)
        if made.unknown:
            made.text = "Any"
            made.classes.clear()
            made.imports.clear()
        if "Any" in made.text:
            made.imports.add(("typing", "Any"))
        return made


class _Translation:
    def __init__(self, types: PythonTypes, scope: Scope, holder: PhpClass, made: Annotation) -> None:
        self.types, self.scope, self.holder, self.made = types, scope, holder, made

    def text(self, kind: DocType, *, models: bool = False) -> str:
        name = kind.name.lower()
        if kind.name == "literal":
            return self.literal(kind)
        if kind.name == "|":
            return self.union(kind.parts, models=models)
        if kind.name == "&":
            return self.intersection(kind.parts, models=models)
        if kind.name == "{}":
            return self.shape(kind)
        if name in _SIMPLE:
            return _SIMPLE[name]
        if name.endswith("-string"):
            return "str"
        if name in _ANY:
            return "Any"
        if name in _LISTS:
            return f"list[{self.text(kind.parts[0]) if kind.parts else 'Any'}]"
        if name in _ARRAYS:
            return self.array(kind.parts)
        if name in _CALLABLES:
            return self.unknown(f"a {kind.name} has no Python form")
        if "::" in name or name == "$this":
            return self.class_named(self.holder.name, kind, models) if name == "$this" else "Any"
        if name in ("self", "static"):
            return self.class_named(self.holder.name, kind, models)
        if name == "parent":
            return self.class_named(self.holder.parent or "", kind, models)
        return self.class_named(self.scope.resolve(kind.name), kind, models)

    def unknown(self, what: str) -> str:
        self.made.unknown.append(what)
        return "Any"

    def needs(self, module: str, name: str) -> str:
        self.made.imports.add((module, name))
        return name

    def literal(self, kind: DocType) -> str:
        if isinstance(kind.value, str) and all(char.isprintable() and char not in '"\\' for char in kind.value):
            return f'{self.needs("typing", "Literal")}["{kind.value}"]'
        if type(kind.value) is int:
            return f"{self.needs('typing', 'Literal')}[{kind.value}]"
        return "float" if isinstance(kind.value, float) else "str"

    def union(self, parts: Sequence[DocType], *, models: bool) -> str:
        pieces: list[str] = []
        for part in parts:
            for piece in alternatives(self.text(part, models=models)):
                if piece not in pieces:
                    pieces.append(piece)
        if "Any" in pieces:
            return "Any"
        literals = [piece for piece in pieces if piece.startswith("Literal[")]
        if len(literals) > 1:
            inner = ", ".join(piece[len("Literal[") : -1] for piece in literals)
            pieces = [piece for piece in pieces if piece not in literals[1:]]
            pieces[pieces.index(literals[0])] = f"Literal[{inner}]"
        if "None" in pieces:
            pieces = [*(piece for piece in pieces if piece != "None"), "None"]
        return " | ".join(pieces)

    def intersection(self, parts: Sequence[DocType], *, models: bool) -> str:
        """Of ``Collection&Countable`` the part that is understood."""
        for part in parts:
            unknown = list(self.made.unknown)
            text = self.text(part, models=models)
            if text != "Any":
                return text
            self.made.unknown[:] = unknown
        return self.unknown(" & ".join(part.name for part in parts))

    def array(self, parts: Sequence[DocType]) -> str:
        if not parts:
            return "list[Any] | dict[Any, Any]"
        value = self.text(parts[-1])
        if len(parts) == 1:
            return f"list[{value}]"
        key = self.text(parts[0])
        if key == "int":  # a list, or one with gaps after an array_filter()
            return f"list[{value}] | dict[int, {value}]"
        return f"dict[{key}, {value}]"

    def shape(self, kind: DocType) -> str:
        if kind.parts and all(key is None for key in kind.keys):
            return f"tuple[{', '.join(self.text(part) for part in kind.parts)}]"
        return "dict[str, Any]"

    def class_named(self, name: str, kind: DocType, models: bool) -> str:
        key = name.lower()
        known = self.framework(name, key, kind)
        if known is not None:
            return known
        if key in ELOQUENT_COLLECTIONS or self.types.library.is_model(name):
            return self.model(name, models)
        found = self.types.library.find(name)
        if found is None:
            return self.unknown(f"{name} was not found")
        return self.found(found)

    def framework(self, name: str, key: str, kind: DocType) -> str | None:
        """What PHP's, Carbon's and Laravel's own value classes become; None for every other class."""
        pushed = "Only for receiving: what Python pushes would not be a {}."
        short = name.rpartition("\\")[2]
        if key in _DATETIMES or key in _FIXED_DATETIMES:
            if key in _FIXED_DATETIMES:
                self.made.remarks.append(pushed.format(short))
            return self.needs("datetime", "datetime")
        if key in _INTERVALS:
            if key != "dateinterval":
                self.made.remarks.append(pushed.format(short))
            return self.needs("datetime", "timedelta")
        if key in _ZONES:
            return self.needs("datetime", "tzinfo")
        if key in _COLLECTIONS:
            self.made.remarks.append(pushed.format(short))
            return self.array(kind.parts)
        if key in _TEXTS or key in _UUIDS:
            self.made.remarks.append(pushed.format(short))
            return "str" if key in _TEXTS else self.needs("uuid", "UUID")
        if key in ("unitenum", "backedenum"):
            return self.needs("lara_queue.php", "PhpEnum")
        return None

    def model(self, name: str, models: bool) -> str:
        self.made.remarks.append(f"{name}.")
        if models:
            return self.needs("lara_queue.laravel.models", "ModelIdentifier")
        self.made.remarks[-1] = f"{name}, sent whole."
        return self.needs("lara_queue.php", "PhpObject")

    def found(self, made: PhpClass) -> str:
        library = self.types.library
        plain = made.kind == "enum" or (made.kind == "class" and not made.is_abstract)
        if (
            not plain
            or library.has_own_format(made)
            or "serializable" in library.names_above(made)
            or (made.kind == "class" and any(library.unknown_ancestors(made)))
        ):
            self.made.remarks.append(f"{made.name}.")
            return self.needs("lara_queue.php", "PhpObject")
        self.made.classes[made.name] = made
        return self.types.name_of(made)


def alternatives(text: str) -> list[str]:
    """The parts of a union that is not within brackets.

    >>> alternatives("int | dict[str, int | None]")
    ['int', 'dict[str, int | None]']
    """
    parts, depth, start = [], 0, 0
    for at, char in enumerate(text):
        depth += (char == "[") - (char == "]")
        if char == "|" and depth == 0:
            parts.append(text[start:at].strip())
            start = at + 1
    return [*parts, text[start:].strip()]
