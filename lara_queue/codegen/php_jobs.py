"""What Laravel sends of a PHP class: which properties, of which types, and what it means when one is missing.

Mirrors ``Queue/SerializesModels.php``; protocol §2.2 and §2.3. Since Laravel 9.4 a property that has its declared
default is not sent, so that default is the Python field's too. A parameter's default serves where Python makes the job.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from lara_queue.codegen.library import Library
from lara_queue.codegen.php_code import Expression, Parameter, PhpClass, Property, Scope, Trouble
from lara_queue.codegen.php_doc import DocType
from lara_queue.laravel import names

__all__ = ["MISSING", "Described", "Sent", "describe_class", "describe_job", "has_null", "with_null"]

MISSING: Final[Any] = object()
TRAITS = frozenset(
    (
        *(names.CONNECTION, names.QUEUE, names.DELAY, names.AFTER_COMMIT, names.MIDDLEWARE, names.CHAINED),
        *(names.CHAIN_CONNECTION, names.CHAIN_QUEUE, names.CHAIN_CATCH_CALLBACKS, names.JOB_WRAPPER),
        *(names.MESSAGE_GROUP, names.GROUP, names.DEDUPLICATOR, names.DEBOUNCE_OWNER, names.UNIQUE_OWNER),
        *(names.FAKE_BATCH, "batchId"),
    )
)
OPTIONS = {
    "tries": "tries",
    "maxExceptions": "max_exceptions",
    "backoff": "backoff",
    "timeout": "timeout",
    "failOnTimeout": "fail_on_timeout",
}
SETTINGS = frozenset(
    (*OPTIONS, "retryUntil", "deleteWhenMissingModels", "uniqueId", "uniqueFor", "uniqueVia", "shouldBeEncrypted")
)
ATTRIBUTES = "Illuminate\\Queue\\Attributes\\"  # Laravel 13
_NULL = DocType("null")
_EXACT = frozenset(("int", "float", "string", "bool", "true", "false"))


@dataclass(frozen=True, slots=True)
class Sent:
    """A property as it is on the wire.

    Attributes:
        name: without the dollar sign.
        type: what it may hold; None when nothing says.
        scope, holder: what names in the type mean, and what ``self`` does.
        path, line: where.
        visibility: ``public``, ``protected`` or ``private``.
        private_of: the class it is private to, when that is a parent.
        default: what it means when it is missing; :data:`MISSING` when it never is.
        unread: a default that could not be understood.
    """

    name: str
    type: DocType | None
    scope: Scope
    holder: PhpClass
    line: int
    visibility: str = "public"
    private_of: str | None = None
    default: Any = MISSING
    unread: str = ""


@dataclass(slots=True)
class Described:
    """A class and what is sent of it; the rest only for jobs."""

    made: PhpClass
    fields: list[Sent] = field(default_factory=list)
    options: dict[str, Any] = field(default_factory=dict)
    queue: str = ""
    connection: str = ""
    encrypted: bool = False
    unique: bool = False
    models: bool = False
    troubles: list[Trouble] = field(default_factory=list)


def has_null(kind: DocType) -> bool:
    """True when null is one of the alternatives."""
    return kind.name.lower() in ("null", "mixed") or (kind.name == "|" and any(has_null(part) for part in kind.parts))


def with_null(kind: DocType) -> DocType:
    """The type, with null as an alternative."""
    return kind if has_null(kind) else DocType("|", (kind, _NULL))


def describe_class(library: Library, made: PhpClass) -> Described:
    """What is sent of an object that is a part of a job."""
    described = Described(made, models=library.serializes_models(made))
    _collect(library, described, without=frozenset())
    return described


def describe_job(library: Library, made: PhpClass) -> Described:
    """What is sent of a job, and what Laravel is told about it.

    :param library: with everything that can be read.
    :param made: the job's class.
    """
    above = library.names_above(made)
    contracts = "illuminate\\contracts\\queue\\"
    described = Described(
        made,
        encrypted=f"{contracts}shouldbeencrypted" in above,
        unique=f"{contracts}shouldbeunique" in above or f"{contracts}shouldbeuniqueuntilprocessing" in above,
        models=library.serializes_models(made),
    )
    set_by_constructor = {
        name
        for each in library.lineage(made)
        for name in (*each.assigned, *(p.name for p in each.parameters or () if p.visibility is not None))
    }
    _collect(library, described, without=TRAITS | (SETTINGS - set_by_constructor))
    _settings(library, described)
    if library.has_own_format(made):
        text = f"{made.name} serializes itself, so that other properties may be sent than those it declares."
        described.troubles.append(Trouble(made.path, made.line, text))
    for holder, name in library.unknown_ancestors(made):
        described.troubles.append(
            Trouble(holder.path, holder.line, f"{name} was not found, so the properties it may bring are missing.")
        )
    return described


def _collect(library: Library, described: Described, without: frozenset[str]) -> None:
    lineage = library.lineage(described.made)
    fields: dict[tuple[str, str | None], Sent] = {}
    owners = _owners(library, described.made)
    for holder in reversed(lineage):
        owner = owners[holder.name.lower()]
        for sent in _own(library, holder, lineage):
            private_of = owner.name if sent.visibility == "private" and owner is not described.made else None
            if sent.name in without or (private_of is not None and described.models):
                continue  # SerializesModels does not see what is private to a parent
            key = (sent.name, private_of)
            fields.pop(key, None)
            fields[key] = Sent(
                sent.name,
                sent.type,
                sent.scope,
                sent.holder,
                sent.line,
                sent.visibility,
                private_of,
                sent.default,
                sent.unread,
            )
    own = {name for name, private_of in fields if private_of is None}
    for (name, private_of), sent in fields.items():
        if private_of is None or name not in own:
            described.fields.append(sent)
        else:
            text = f"${name} is private here and declared below, too; Python sees only the latter."
            described.troubles.append(Trouble(sent.holder.path, sent.line, text))


def _owners(library: Library, made: PhpClass) -> dict[str, PhpClass]:
    """For each class and trait, the class whose objects have its properties: a trait's are its user's."""
    owners: dict[str, PhpClass] = {}

    def visit(each: PhpClass, owner: PhpClass) -> None:
        if each.name.lower() in owners:
            return
        owners[each.name.lower()] = owner
        for name in each.traits:
            trait = library.find(name)
            if trait is not None:
                visit(trait, owner)
        parent = library.find(each.parent) if each.parent else None
        if parent is not None:
            visit(parent, parent)

    visit(made, made)
    return owners


def _own(library: Library, holder: PhpClass, lineage: list[PhpClass]) -> list[Sent]:
    promoted = [each for each in holder.parameters or () if each.visibility is not None]
    return [_declared(library, each, holder, lineage) for each in holder.properties] + [
        _promoted(library, each, holder) for each in promoted
    ]


def _promoted(library: Library, each: Parameter, holder: PhpClass) -> Sent:
    kind = _chosen(each.type, each.documented)
    default, unread = _default(library, each) if each.has_default else (MISSING, "")
    if each.type is None and default is MISSING and (kind is None or has_null(kind)):
        default = None  # the implicit default, which is not sent
    if default is None and kind is not None:
        kind = with_null(kind)
    return Sent(
        each.name,
        kind,
        holder.scope,
        holder,
        each.line,
        each.visibility or "public",
        default=default,
        unread=unread if default is MISSING and unread else "",
    )


def _declared(library: Library, each: Property, holder: PhpClass, lineage: list[PhpClass]) -> Sent:
    kind, scope, source = _chosen(each.type, each.documented), holder.scope, holder
    setter = _setter(each.name, lineage)
    if kind is None and setter is not None:
        kind, scope, source = _chosen(setter[0].type, setter[0].documented), setter[1].scope, setter[1]
        if kind is not None and setter[0].has_default and setter[0].default is None:
            kind = with_null(kind)
    default, unread = _default(library, each) if each.has_default else (MISSING, "")
    if unread:
        return Sent(each.name, None, scope, source, each.line, each.visibility, default=None, unread=unread)
    if not each.has_default and each.type is None and (setter is None or kind is None or has_null(kind)):
        default = None  # PHP's own default of a property without type
    elif not each.has_default and setter is not None and setter[0].has_default:
        default, _ = _default(library, setter[0])
    if default is None and kind is not None:
        kind = with_null(kind)
    return Sent(each.name, kind, scope, source, each.line, each.visibility, default=default)


def _setter(name: str, lineage: list[PhpClass]) -> tuple[Parameter, PhpClass] | None:
    """The constructor's parameter that a property is set to."""
    for each in lineage:
        if each.parameters is not None and name in each.assigned:
            wanted = each.assigned[name]
            found = next((parameter for parameter in each.parameters if parameter.name == wanted), None)
            if found is not None:
                return found, each
    return None


def _default(library: Library, each: Property | Parameter) -> tuple[Any, str]:
    """The default, or its source when it could not be understood."""
    value = library.constant(each.default)
    return (MISSING, value.text) if isinstance(value, Expression) else (value, "")


def _chosen(declared: DocType | None, documented: DocType | None) -> DocType | None:
    """What is known of a type: PHPDoc says more of arrays and objects, a declared scalar cannot be doubted."""
    if declared is None or documented is None:
        return declared or documented
    bare = [part for part in (declared.parts if declared.name == "|" else (declared,)) if part.name.lower() != "null"]
    if all(part.name.lower() in _EXACT for part in bare):
        return declared
    return with_null(documented) if has_null(declared) and declared.name != "mixed" else documented


def _settings(library: Library, described: Described) -> None:
    """Tries, timeout and so on; where the jobs go."""
    lineage = library.lineage(described.made)
    found: dict[str, Any] = {}
    for each in reversed(lineage):
        for name, arguments in each.attributes:
            if name.startswith(ATTRIBUTES):
                short = name[len(ATTRIBUTES) :]
                setting = short[:1].lower() + short[1:]
                values: Any = arguments if len(arguments) > 1 else arguments[0] if arguments else True
                found[setting] = library.constant(values)
        for prop in each.properties:
            if prop.has_default:
                found[prop.name] = library.constant(prop.default)
        for name, value in each.returns.items():
            if value is not None and name in ("tries", "backoff"):
                found[name] = library.constant(value)
        for name, value in each.told.items():
            found[name] = library.constant(value)
    for name, option in OPTIONS.items():
        value = found.get(name)
        if _fits(option, value):
            described.options[option] = value
    described.queue = found["queue"] if isinstance(found.get("queue"), str) else ""
    described.connection = found["connection"] if isinstance(found.get("connection"), str) else ""


def _fits(option: str, value: Any) -> bool:
    if option == "fail_on_timeout":
        return value is True
    if option == "backoff" and isinstance(value, list):
        return bool(value) and all(type(each) in (int, float) and each >= 0 for each in value)
    return type(value) in (int, float) and value >= 0
