"""Descriptions as PHP source, in the style of Laravel's own stubs, for the oldest PHP that has to read it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from lara_queue.codegen.files import SEAL, sealed
from lara_queue.codegen.php_literals import quoted
from lara_queue.codegen.php_shapes import CLASS_MARK, BareJob, EnumShape, JobShape, Member, Shape, ValueShape
from lara_queue.codegen.php_types import READONLY, READONLY_CLASSES, UNIONS, Target

__all__ = ["php_source"]

WIDTH = 120
_REFERENCE = re.compile(f"{CLASS_MARK}([^{CLASS_MARK}]+){CLASS_MARK}")
_CLASS = re.compile(r"\\[A-Za-z_\x80-\U0010ffff][A-Za-z0-9_\\\x80-\U0010ffff]*")
SHOULD_QUEUE = "\\Illuminate\\Contracts\\Queue\\ShouldQueue"
SERIALIZES_MODELS = "\\Illuminate\\Queue\\SerializesModels"
TRAITS = (
    "\\Illuminate\\Foundation\\Bus\\Dispatchable",
    "\\Illuminate\\Queue\\InteractsWithQueue",
    "\\Illuminate\\Bus\\Queueable",
    SERIALIZES_MODELS,
)


def php_source(shape: Shape, target: Target) -> str:
    """The whole file of a class or enum, its digest included.

    :param shape: see :func:`~lara_queue.codegen.php_shapes.describe`.
    :param target: the oldest PHP that has to understand it.
    """
    if isinstance(shape, BareJob):
        return _Writer(shape.job, target).bare(shape.job)
    writer = _Writer(shape, target)
    if isinstance(shape, JobShape):
        return writer.job(shape)
    return writer.value(shape) if isinstance(shape, ValueShape) else writer.enum(shape)


class _Writer:
    """One file; collects the ``use`` lines as names are written."""

    def __init__(self, shape: JobShape | ValueShape | EnumShape, target: Target) -> None:
        self.namespace, _, self.short = shape.class_name.rpartition("\\")
        self.target = target
        self.imports: dict[str, str] = {}
        self.taken = {self.short.lower()}

    def name(self, class_name: str) -> str:
        """A class as this file writes it: imported where it lives in another namespace, in full where that is taken.

        :param class_name: with its leading backslash.
        """
        namespace, _, short = class_name[1:].rpartition("\\")
        if not namespace:
            return class_name
        if namespace.lower() == self.namespace.lower():
            if short.lower() == self.short.lower():
                return short
            if self.imports.get(short.lower()) is None:
                self.taken.add(short.lower())
                return short
            return class_name
        if self.imports.get(short.lower()) == class_name[1:]:
            return short
        if short.lower() in self.taken:
            return class_name
        self.taken.add(short.lower())
        self.imports[short.lower()] = class_name[1:]
        return short

    def documented(self, text: str) -> str:
        """A PHPDoc type whose classes are written in full, with the names of this file."""
        return _CLASS.sub(lambda found: self.name(found[0]), text)

    def default(self, text: str) -> str:
        """A literal whose classes are marked, with the names of this file."""
        return _REFERENCE.sub(lambda found: self.name(found[1]), text)

    # -- the four kinds of file ----------------------------------------------------------------------------------

    def job(self, shape: JobShape) -> str:
        head = [f"Python runs this job: {shape.handler}."]
        heading = f"final class {self.short} implements {self.name(SHOULD_QUEUE)}"
        return self.file(shape.source, head, heading, self.job_body(shape), "edit the Python class instead")

    def bare(self, shape: JobShape) -> str:
        head = [
            f"Python runs this job: {shape.handler}.",
            "",
            "Its handler does not say what it carries. Add that to the constructor, as in",
            "`public function __construct(public int $invoiceId)`, and Python finds it in `job.data`;"
            if self.target >= UNIONS
            else "`public int $invoiceId;` with a constructor that sets it, and Python finds it in `job.data`;",
            "this file is then yours, and lara-queue leaves it alone.",
        ]
        heading = f"class {self.short} implements {self.name(SHOULD_QUEUE)}"
        return self.file(shape.handler, head, heading, self.job_body(shape), "yours to edit")

    def value(self, shape: ValueShape) -> str:
        members = self.members(shape.members, readonly=self.target >= READONLY)
        prefix = "final readonly class" if self.target >= READONLY_CLASSES else "final class"
        traits = [f"    use {self.name(SERIALIZES_MODELS)};"] if shape.models else []
        body = _spaced([traits, *members, self.constructor(shape.members, [], readonly=self.target >= READONLY)])
        return self.file(shape.source, [], f"{prefix} {self.short}", body, "edit the Python class instead")

    def enum(self, shape: EnumShape) -> str:
        lines = [f"    case {name}{'' if value is None else f' = {value}'};" for name, value in shape.cases]
        aliases = [f"    public const {alias} = self::{name};" for alias, name in shape.aliases]
        heading = f"enum {self.short}{f': {shape.backing}' if shape.backing else ''}"
        return self.file(shape.source, [], heading, _spaced([lines, aliases]), "edit the Python enum instead")

    # -- their parts ---------------------------------------------------------------------------------------------

    def file(self, source: str, head: Sequence[str], heading: str, body: Sequence[str], advice: str) -> str:
        lines = ["<?php", "", f"// Generated by lara-queue make:php from {source}; {advice}. {SEAL}", ""]
        if self.namespace:
            lines += [f"namespace {self.namespace};", ""]
        if self.imports:
            lines += [f"use {name};" for name in sorted(self.imports.values(), key=_sort_key)] + [""]
        if head:
            lines += ["/**", *(f" * {line}".rstrip() for line in head), " */"]
        return sealed("\n".join([*lines, heading, "{", *body, "}"]) + "\n")

    def job_body(self, shape: JobShape) -> list[str]:
        own = [member for member in shape.members if not member.inherited]
        traits = [f"    use {', '.join(self.name(trait) for trait in TRAITS)};"]
        options = [[f"    public {kind} ${name} = {value};"] for name, kind, value in shape.options]
        given = {member.name for member in shape.members}
        statements: list[str] = []
        if shape.connection and "connection" not in given:
            statements.append(f"$this->onConnection({quoted(shape.connection)});")
        if shape.queue and "queue" not in given:
            statements.append(f"$this->onQueue({quoted(shape.queue)});")
        constructor = self.constructor(shape.members, statements)
        return _spaced([traits, *options, *self.members(own), constructor, self.handle(shape)])

    def handle(self, shape: JobShape) -> list[str]:
        where = f", dispatched to the queue {shape.queue}" if shape.queue else ""
        text = f"{shape.class_name} is handled by Python ({shape.handler}){where}; no PHP worker should take it."
        thrown = self.name("\\LogicException")
        return [
            "    public function handle(): void",
            "    {",
            f"        throw new {thrown}({quoted(text)});",
            "    }",
        ]

    def is_promoted(self, member: Member) -> bool:
        return self.target >= UNIONS and not member.inherited and not member.left_out

    def members(self, members: Iterable[Member], *, readonly: bool = False) -> list[list[str]]:
        """Declarations of the properties that are not promoted."""
        blocks = []
        for member in members:
            if self.is_promoted(member):
                continue
            notes = [f"@var {self.documented(doc)}"] if (doc := member.type.documented(self.target)) else []
            if member.left_out:
                notes.insert(0, "Not sent unless it is given: Python has a default of its own.")
            declared = member.type.declared(self.target, self.name)
            modifiers = f"{member.visibility}{self.readonly(readonly)}"
            blocks.append(
                [*_comment(notes), f"    {modifiers} {f'{declared} ' if declared else ''}${member.name};"],
            )
        return blocks

    def readonly(self, wanted: bool) -> str:
        return " readonly" if wanted and self.target < READONLY_CLASSES else ""

    def constructor(self, members: Sequence[Member], statements: Sequence[str], *, readonly: bool = False) -> list[str]:
        """The constructor: what it promotes, what it assigns, and then ``statements``."""
        body: list[str] = []
        for member in members:
            if self.is_promoted(member):
                continue
            assignment = f"$this->{member.name} = ${member.name};"
            if member.left_out:
                body += [f"if (${member.name} !== null) {{", f"    {assignment}", "}"]
            else:
                body.append(assignment)
        body += statements
        if not members and not body:
            return []
        parameters = [self.parameter(member, readonly=readonly) for member in members]
        notes = [
            f"@param  {self.documented(doc)}  ${member.name}"
            for member in members
            if (doc := member.type.documented(self.target))
        ]
        start = "    public function __construct("
        lines = [f"{start}{', '.join(parameters)})", "    {"]
        if len(parameters) > 1 or len(lines[0]) > WIDTH:
            ends = [f"        {parameter}," for parameter in parameters]
            if self.target < UNIONS:  # PHP 7 knows no comma after the last parameter
                ends[-1] = ends[-1].removesuffix(",")
            lines = [start, *ends, "    ) {"]
        return [*_comment(notes), *lines, *(f"        {line}" for line in body), "    }"]

    def parameter(self, member: Member, *, readonly: bool) -> str:
        kind = member.type
        if member.left_out:
            kind = type(kind)(kind.names, True, kind.doc)
        declared = kind.declared(self.target, self.name)
        promoted = f"{member.visibility}{self.readonly(readonly)} " if self.is_promoted(member) else ""
        default = "null" if member.left_out else None if member.default is None else self.default(member.default)
        typed = f"{declared} " if declared else ""
        return f"{promoted}{typed}${member.name}{'' if default is None else f' = {default}'}"


def _comment(lines: Sequence[str]) -> list[str]:
    if not lines:
        return []
    if len(lines) == 1:
        return [f"    /** {lines[0]} */"] if not lines[0].startswith("@param") else _block(lines)
    return _block(lines)


def _block(lines: Sequence[str]) -> list[str]:
    return ["    /**", *(f"     * {line}" for line in lines), "     */"]


def _spaced(blocks: Iterable[Sequence[str]]) -> list[str]:
    """The blocks with an empty line between each two."""
    lines: list[str] = []
    for block in blocks:
        if block:
            lines += ["", *block] if lines else block
    return lines


def _sort_key(name: str) -> tuple[str, ...]:
    return tuple(name.lower().split("\\"))
