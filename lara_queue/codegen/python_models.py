"""Described PHP classes as Python dataclasses and enums, formatted as ruff and black would leave them."""

from __future__ import annotations

import keyword
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from lara_queue.codegen.files import SEAL, sealed
from lara_queue.codegen.library import Library
from lara_queue.codegen.php_code import CaseOf, PhpClass, Trouble
from lara_queue.codegen.php_jobs import MISSING, Described, Sent, describe_class, describe_job
from lara_queue.codegen.python_names import Names, field_name
from lara_queue.codegen.python_text import (
    WIDTH,
    call_lines,
    comment_lines,
    docstring_lines,
    import_lines,
    quoted,
    spread,
)
from lara_queue.codegen.python_types import Annotation, PythonTypes, alternatives

__all__ = ["Models", "WrittenClass", "WrittenJob", "models_module", "write_models"]


@dataclass(slots=True)
class WrittenClass:
    """A Python class: its name, lines and imports, and the PHP classes it speaks of."""

    name: str
    class_name: str
    lines: list[str]
    imports: set[tuple[str, str]] = field(default_factory=set)
    mentions: set[str] = field(default_factory=set)


@dataclass(slots=True)
class WrittenJob:
    """A job's class, and what its handler is registered with."""

    written: WrittenClass
    options: dict[str, Any]
    queue: str = ""


@dataclass(slots=True)
class Models:
    """Everything that was written: enums, the values jobs are made of, jobs; and what was not understood."""

    enums: list[WrittenClass] = field(default_factory=list)
    values: list[WrittenClass] = field(default_factory=list)
    jobs: list[WrittenJob] = field(default_factory=list)
    troubles: list[Trouble] = field(default_factory=list)

    def all(self) -> list[WrittenClass]:
        """In an order in which Python can define them."""
        return [*self.enums, *self.values, *(job.written for job in self.jobs)]


def write_models(library: Library, jobs: Iterable[PhpClass]) -> Models:
    """The Python classes of PHP jobs, and of the enums and objects they are made of.

    :param library: where other classes are found.
    :param jobs: the classes of the jobs.
    """
    return _Models(library).write(sorted(jobs, key=lambda each: each.name))


class _Models:
    def __init__(self, library: Library) -> None:
        self.library = library
        self.names = Names()
        self.types = PythonTypes(library, lambda made: self.names.of(made.name))
        self.made = Models()
        self.todo: dict[str, PhpClass] = {}

    def write(self, jobs: Sequence[PhpClass]) -> Models:
        done = set()
        for job in jobs:
            self.names.of(job.name)
        for job in jobs:
            done.add(job.name.lower())
            described = describe_job(self.library, job)
            written = self.dataclass(described, _job_docstring(described))
            self.made.jobs.append(WrittenJob(written, described.options, described.queue))
        while self.todo:
            name, part = self.todo.popitem()
            if name.lower() in done:
                continue
            done.add(name.lower())
            if part.kind == "enum":
                self.made.enums.append(self.enum(part))
            else:
                described = describe_class(self.library, part)
                self.made.values.append(self.dataclass(described, [f"From {part.path}."]))
        self.made.enums.sort(key=lambda each: each.class_name)
        self.made.values.sort(key=lambda each: each.class_name)
        self.made.troubles.sort(key=lambda each: (each.path, each.line, each.text))
        return self.made

    def dataclass(self, described: Described, docstring: Sequence[str]) -> WrittenClass:
        self.made.troubles += described.troubles
        name = self.names.of(described.made.name)
        written = WrittenClass(name, described.made.name, [])
        written.imports |= {("dataclasses", "dataclass"), ("lara_queue", "php_class")}
        used: set[str] = set()
        fields = [self.field(sent, described, written, used) for sent in described.fields]
        fields.sort(key=lambda each: each[0])
        body = [line for _, lines in fields for line in lines]
        head = call_lines(
            f"@php_class({quoted(described.made.name)})", "@php_class(", [quoted(described.made.name)], ""
        )
        written.lines = [*head, "@dataclass(frozen=True)", f"class {name}:", *docstring_lines(docstring)]
        if body:
            written.lines += ["", *body]
        return written

    def field(self, sent: Sent, described: Described, written: WrittenClass, used: set[str]) -> tuple[bool, list[str]]:
        """Whether a field has a default, and its lines."""
        annotation = self.annotation(sent, described.models)
        written.imports |= annotation.imports
        for class_name, part in annotation.classes.items():
            written.mentions.add(class_name)
            self.todo.setdefault(class_name, part)
        name = field_name(sent.name, used)
        metadata = _metadata(sent, name)
        if sent.visibility != "public":
            written.imports.add(("lara_queue.php", sent.visibility))
        _widen(annotation, sent.default)
        written.imports |= annotation.imports
        default = None if sent.default is MISSING else self.default(sent.default, annotation, written)
        comments = [line for remark in annotation.remarks for line in comment_lines(remark, "    ")]
        arguments = []
        plain = default is not None and not default.startswith("default_factory=")
        if default is not None and (metadata is not None or not plain):
            arguments.append(f"default={default}" if plain else default)
        if metadata is not None:
            arguments.append(metadata)
        start = f"    {name}: {annotation.text}"
        if arguments:
            written.imports.add(("dataclasses", "field"))
            whole = f"{start} = field({', '.join(arguments)})"
            return default is not None, [*comments, *call_lines(whole, f"{start} = field(", arguments, "    ")]
        return default is not None, [*comments, start if default is None else f"{start} = {default}"]

    def annotation(self, sent: Sent, models: bool) -> Annotation:
        where = sent.holder.path
        if sent.type is None:
            made = Annotation(imports={("typing", "Any")})
            what = f"its default, {sent.unread}, cannot be told without PHP" if sent.unread else "nothing says its type"
            made.unknown.append(what)
        else:
            made = self.types.of(sent.type, sent.scope, sent.holder, models=models)
            if sent.unread:
                made.remarks.append(f"Its default in PHP is {sent.unread}.")
        for what in made.unknown:
            self.made.troubles.append(Trouble(where, sent.line, f"${sent.name}: {what}; its field is left as Any."))
            made.remarks.append(f"{what[:1].upper()}{what[1:]}.")
        return made

    def default(self, value: Any, annotation: Annotation, written: WrittenClass) -> str:
        if isinstance(value, CaseOf):
            return self.case(value, annotation, written)
        if isinstance(value, (list, dict)):
            kinds = annotation.text
            if kinds.startswith("dict["):
                value = dict(enumerate(value)) if isinstance(value, list) else value
            elif kinds.startswith("tuple[") and isinstance(value, list):
                return self.literal(tuple(value), annotation, written)
            if not value:
                return f"default_factory={'dict' if isinstance(value, dict) else 'list'}"
            start = "        default_factory=lambda: "
            return start.lstrip() + spread(value, lambda each: self.literal(each, annotation, written), 8, len(start))
        return self.literal(value, annotation, written)

    def literal(self, value: Any, annotation: Annotation, written: WrittenClass) -> str:
        if isinstance(value, str):
            return quoted(value)
        if isinstance(value, float) and not math.isfinite(value):
            return f'float("{value}")'
        if isinstance(value, CaseOf):
            return self.case(value, annotation, written)
        if isinstance(value, list):
            return f"[{', '.join(self.literal(item, annotation, written) for item in value)}]"
        if isinstance(value, tuple):
            inner = ", ".join(self.literal(item, annotation, written) for item in value)
            return f"({inner}{',' if len(value) == 1 else ''})"
        if isinstance(value, dict):
            pairs = (
                f"{self.literal(k, annotation, written)}: {self.literal(v, annotation, written)}"
                for k, v in value.items()
            )
            return f"{{{', '.join(pairs)}}}"
        return repr(value)

    def case(self, value: CaseOf, annotation: Annotation, written: WrittenClass) -> str:
        """A case of an enum; of one that the field's type does not name, as it is on the wire."""
        made = annotation.classes.get(value.class_name)
        if made is not None:
            return _case(self.names.of(made.name), value.name)
        written.imports.add(("lara_queue.php", "PhpEnum"))
        return f"PhpEnum({quoted(value.class_name)}, {quoted(value.name)})"

    def enum(self, made: PhpClass) -> WrittenClass:
        name = self.names.of(made.name)
        cases: list[tuple[str, str]] = []
        for case, value in made.cases:
            constant = self.library.constant(value)
            if constant is not None and type(constant) not in (int, str):
                text = f"the value of {case} cannot be told without PHP; its name stands for it."
                self.made.troubles.append(Trouble(made.path, made.line, text))
                constant = None
            cases.append(
                (case, quoted(case if constant is None else constant) if type(constant) is not int else str(constant))
            )
        bound = quoted(made.name)
        if any(not _is_member(case) for case, _ in cases):
            # PHP knows cases by their names, and such a name cannot be written in a class's body.
            entries = [f"{quoted(case)}: {value}" for case, value in cases]
            lines = [
                f"{name} = enum.Enum(",
                f"    {quoted(name)},",
                "    {",
                *(f"        {e}," for e in entries),
                "    },",
            ]
            lines += [")", *call_lines(f"bind({name}, {bound})", "bind(", [name, bound], "")]
            return WrittenClass(name, made.name, lines, {("enum", ""), ("lara_queue.laravel.binding", "bind")})
        head = call_lines(f"@php_class({bound})", "@php_class(", [bound], "")
        lines = [*head, f"class {name}(enum.Enum):", *docstring_lines([f"From {made.path}."])]
        if cases:
            lines += ["", *(f"    {case} = {value}" for case, value in cases)]
        return WrittenClass(name, made.name, lines, {("enum", ""), ("lara_queue", "php_class")})


def _is_member(case: str) -> bool:
    return case.isidentifier() and not keyword.iskeyword(case) and case not in ("mro", "name", "value", "_ignore_")


def _case(name: str, case: str) -> str:
    return f"{name}.{case}" if _is_member(case) else f"{name}[{quoted(case)}]"


_TAKES = {
    bool: ("bool",),
    int: ("int", "float"),
    float: ("float",),
    str: ("str",),
    list: ("list[", "tuple[", "dict["),
    dict: ("dict[",),
}


def _widen(annotation: Annotation, default: Any) -> None:
    """Let a field hold its own default, which PHPDoc does not always know of."""
    kinds = _TAKES.get(type(default))
    parts = alternatives(annotation.text)
    if kinds is None or "Any" in parts or any(part.startswith(kinds) for part in parts):
        return
    if any(
        part.startswith("Literal[") and (quoted(default) if isinstance(default, str) else repr(default)) in part
        for part in parts
    ):
        return
    kind = {"list[": "list[Any]", "dict[": "dict[Any, Any]"}.get(kinds[0], kinds[0])
    solid = [part for part in parts if part != "None"]
    annotation.text = " | ".join([*solid, kind, *(["None"] if "None" in parts else [])])
    if "Any" in kind:
        annotation.imports.add(("typing", "Any"))


def _metadata(sent: Sent, name: str) -> str | None:
    """The argument that says which property a field is; None when the field's name says it all."""
    if sent.visibility == "public":
        return None if name == sent.name else f'metadata={{"php": {quoted(sent.name)}}}'
    arguments = [quoted(sent.name)]
    if sent.private_of is not None:
        arguments.append(f"cls={quoted(sent.private_of)}")
    key = f"{sent.visibility}({', '.join(arguments)})"
    whole = f'metadata={{"php": {key}}}'
    if len(whole) + len("        ,") <= WIDTH:
        return whole
    start = f'            "php": {sent.visibility}('
    lines = call_lines(f'            "php": {key},', start, arguments, " " * 12)
    return "\n".join(["metadata={", *(lines if len(lines) == 1 else [*lines[:-1], f"{lines[-1]},"]), "        }"])


def _job_docstring(described: Described) -> list[str]:
    lines = [f"The job of {described.made.path}."]
    places = [f'the queue "{described.queue}"'] if described.queue else []
    places += [f'the connection "{described.connection}"'] if described.connection else []
    if places:
        lines.append(f"It goes to {' of '.join(places)}.")
    if described.options:
        said = ", ".join(f"{name}={value!r}" for name, value in described.options.items())
        lines.append(f"Laravel pushes it with {said}; what Python pushes says so itself.")
    if described.encrypted:
        lines.append("It is encrypted: a queue needs ``app_key`` to read it, and pushing it ``encrypted=True``.")
    if described.unique:
        lines.append("Laravel allows one at a time.")
    return lines


_FUTURE = "from __future__ import annotations"


def models_module(about: str, classes: Sequence[WrittenClass], local: Iterable[tuple[str, str]] = ()) -> str:
    """A module of classes, its digest included.

    :param about: the first line of its docstring.
    :param classes: in the order in which they are defined.
    :param local: relative modules and names that are imported beside what the classes need.
    """
    wanted = {each for written in classes for each in written.imports}
    standard = sorted({module for module, _ in wanted if not module.startswith("lara_queue")})
    own = sorted({module for module, _ in wanted if module.startswith("lara_queue")})
    beside = sorted({module for module, _ in local})
    lines = [
        f'"""{about}',
        "",
        f"Written by lara-queue make:python; edit the PHP instead. {SEAL}",
        '"""',
        "",
        _FUTURE,
        "",
    ]
    for group, source in ((standard, wanted), (own, wanted), (beside, set(local))):
        plain = [f"import {module}" for module in group if (module, "") in source]
        lines += plain
        for module in group:
            names = [name for each, name in source if each == module and name]
            lines += import_lines(module, names) if names else []
        lines += [""] if group else []
    for at, written in enumerate(classes):
        is_statement = not written.lines[0].startswith(("@", "class "))
        lines += [*([] if at == 0 and is_statement else [""]), *written.lines, ""]
    return sealed("\n".join(lines).rstrip("\n") + "\n")
