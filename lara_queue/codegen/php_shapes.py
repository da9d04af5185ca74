"""What has to be written for the handlers of a queue: one description for each PHP class, value class and enum."""

from __future__ import annotations

import enum
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from lara_queue.codegen.defaults import UNKNOWN, default_of
from lara_queue.codegen.php_literals import NotLiteral, literal
from lara_queue.codegen.php_types import ENUMS, PhpType, Target, TypeMap, Unsupported, backing_of
from lara_queue.codegen.php_words import RESERVED, is_class_name, is_variable
from lara_queue.errors import ConfigurationError
from lara_queue.laravel import names
from lara_queue.laravel.binding import bound_name, fields_of
from lara_queue.laravel.fitting import Misfit, fit, type_text
from lara_queue.laravel.models import ModelIdentifier
from lara_queue.lifecycle.backoff import parse_backoff
from lara_queue.options import HandlerOptions
from lara_queue.php.values import PropertyKey
from lara_queue.registry import ANY_JOB, Registry

__all__ = [
    *("CLASS_MARK", "BareJob", "EnumShape", "JobShape", "Member", "Plan", "Registered", "Shape", "ValueShape"),
    *("describe", "registered", "shape_name"),
]

CLASS_MARK = "\0"
"""Stands around a class in a literal; no string literal has it, so that a writer can tell the two apart."""
ASSIGNED = frozenset((names.CONNECTION, names.QUEUE, names.DELAY))
"""Properties that Laravel's Queueable trait declares and a job may set."""
LARAVELS = frozenset(
    (
        *(names.AFTER_COMMIT, names.MIDDLEWARE, names.CHAINED, names.CHAIN_CONNECTION, names.CHAIN_QUEUE),
        *(names.CHAIN_CATCH_CALLBACKS, names.JOB_WRAPPER, names.MESSAGE_GROUP, names.DEDUPLICATOR),
        *(names.DEBOUNCE_OWNER, names.UNIQUE_OWNER),
    )
)
"""Properties of its traits that mean something else to Laravel than a field could."""


@dataclass(frozen=True, slots=True)
class Member:
    """A property that the constructor sets.

    Attributes:
        name: without the dollar sign.
        type: what it may hold.
        visibility: ``public``, ``protected`` or ``private``.
        default: a PHP literal; None where there is none.
        left_out: it may be left out of the job, because Python has a default that PHP cannot write down.
        inherited: Laravel's trait declares it.
    """

    name: str
    type: PhpType
    visibility: str = "public"
    default: str | None = None
    left_out: bool = False
    inherited: bool = False

    @property
    def is_required(self) -> bool:
        """The constructor must be given it."""
        return self.default is None and not self.left_out


@dataclass(frozen=True, slots=True)
class ValueShape:
    """An object within a job. ``models``: it has Eloquent models, so that it has to serialize as jobs do."""

    class_name: str
    source: str
    members: tuple[Member, ...]
    models: bool = False


@dataclass(frozen=True, slots=True)
class EnumShape:
    """An enum; ``backing`` is ``string``, ``int`` or empty; a case's literal is None without it."""

    class_name: str
    source: str
    backing: str
    cases: tuple[tuple[str, str | None], ...]
    aliases: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class JobShape:
    """A job that PHP dispatches and Python handles; ``options`` are properties like ``tries``: name, type, literal."""

    class_name: str
    source: str
    handler: str
    members: tuple[Member, ...]
    options: tuple[tuple[str, str, str], ...] = ()
    queue: str = ""
    connection: str = ""


@dataclass(frozen=True, slots=True)
class BareJob:
    """A job whose handler says nothing of its properties: a beginning, for somebody to go on with."""

    job: JobShape


Shape = JobShape | BareJob | ValueShape | EnumShape


@dataclass(frozen=True, slots=True)
class Registered:
    """A handler and the job it was registered for."""

    name: str
    function: str
    model: type[Any] | None
    options: HandlerOptions | None


@dataclass(slots=True)
class Plan:
    """What is to be written, and what a person should know about it."""

    shapes: list[Shape] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def registered(registry: Registry) -> list[Registered]:
    """The handlers of a queue, each with the job it is for; those for any job are left out."""
    found = []
    for event in registry.emitter.event_names():
        for function in registry.emitter.listeners(str(event)):
            handler = registry._handlers.get(function)
            if handler is not None and event != ANY_JOB:
                found.append(Registered(str(event), _name_of(function), handler.model, handler.options))
    return sorted(found, key=lambda each: each.name)


def _name_of(function: Any) -> str:
    while hasattr(function, "func"):
        function = function.func
    where = getattr(function, "__module__", None)
    name = getattr(function, "__qualname__", None) or type(function).__qualname__
    return f"{where}.{name}" if where else str(name)


def describe(
    handlers: Iterable[Registered],
    *,
    namespace: str = "App\\Jobs",
    target: Target = (8, 0),
    queue: str = "",
    connection: str = "",
) -> Plan:
    """The PHP classes that dispatch to these handlers.

    :param handlers: see :func:`registered`.
    :param namespace: of classes that are not bound to a PHP class.
    :param target: the oldest PHP that has to understand them, such as ``(8, 1)``.
    :param queue, connection: where the jobs go unless the dispatcher says; empty to leave it to Laravel.
    :raises ConfigurationError: a field has a type or name that PHP has no form for, or two models claim one class.
    """
    return _Describing(namespace.strip("\\"), target, queue, connection).run(list(handlers))


class _Describing:
    def __init__(self, namespace: str, target: Target, queue: str, connection: str) -> None:
        if namespace and not is_class_name(namespace):
            raise ConfigurationError(f"{namespace!r} is not a PHP namespace.")
        self.namespace, self.target, self.queue, self.connection = namespace, target, queue, connection
        self.plan = Plan()
        self.types = TypeMap(target, self.class_of)

    def run(self, handlers: list[Registered]) -> Plan:
        by_class: dict[str, list[Registered]] = {}
        for handler in handlers:
            class_name = self.job_class(handler.name)
            if class_name is not None:
                by_class.setdefault(class_name, []).append(handler)
        for class_name, several in by_class.items():
            self.plan.shapes.append(self.job(class_name, several))
        done: set[type[Any]] = set()
        while todo := [kind for kind in self.types.found if kind not in done]:
            for kind in todo:
                done.add(kind)
                if self.types.found[kind] not in by_class:
                    self.plan.shapes.append(self.part(kind, self.types.found[kind]))
        self.plan.shapes.sort(key=shape_name)
        _no_two_alike(self.plan.shapes)
        return self.plan

    def job_class(self, name: str) -> str | None:
        """The PHP class of a job name; None, with a note, for names that no class can have."""
        name = name.lstrip("\\")
        if not is_class_name(name):
            self.plan.notes.append(f"{name}: not the name of a class, so no class is written for it.")
            return None
        if name.startswith("Illuminate\\"):
            self.plan.notes.append(f"{name}: one of Laravel's own, so nothing is written for it.")
            return None
        return self.checked(name if "\\" in name else self.inside(self.namespace, name), name)

    def inside(self, namespace: str, name: str) -> str:
        return f"{namespace}\\{name}" if namespace else name

    def class_of(self, kind: type[Any]) -> str:
        """The PHP class of a model or enum within a job."""
        bound = bound_name(kind)
        if bound is None:
            below = "Enums" if issubclass(kind, enum.Enum) else "Data"
            bound = self.inside(self.inside(self.namespace, below), kind.__name__)
        return self.checked(bound, kind.__qualname__)

    def checked(self, class_name: str, source: str) -> str:
        if class_name.rpartition("\\")[2].lower() in RESERVED:
            raise ConfigurationError(
                f"PHP has no class named {class_name!r}, which is a word of the language; "
                f"bind {source} to another name with @php_class."
            )
        return class_name

    def job(self, class_name: str, handlers: list[Registered]) -> JobShape | BareJob:
        models = list(dict.fromkeys(each.model for each in handlers if each.model is not None))
        if len(models) > 1:
            both = " and ".join(model.__qualname__ for model in models[:2])
            raise ConfigurationError(f"{both} both stand for {class_name}; let its handlers take one model.")
        function = ", ".join(each.function for each in handlers)
        options = next((each.options for each in handlers if each.options is not None), None)
        if not models:
            shape = JobShape(class_name, function, function, (), self.options(options, ()), self.queue, self.connection)
            return BareJob(shape)
        members = self.members(models[0], is_job=True)
        source = f"{models[0].__module__}.{models[0].__qualname__}"
        chosen = self.options(options, [member.name for member in members])
        return JobShape(class_name, source, function, members, chosen, self.queue, self.connection)

    def part(self, kind: type[Any], class_name: str) -> ValueShape | EnumShape:
        source = f"{kind.__module__}.{kind.__qualname__}"
        if issubclass(kind, enum.Enum):
            return self.enum_shape(kind, class_name, source)
        members = self.members(kind, is_job=False)
        models = any(_is_model(each.type) for each in fields_of(kind))
        return ValueShape(class_name, source, members, models)

    def enum_shape(self, kind: type[enum.Enum], class_name: str, source: str) -> EnumShape:
        backing = backing_of(kind)
        cases: list[tuple[str, str | None]] = []
        for member in kind:
            if member.name.lower() == "class" or not is_variable(member.name):
                raise ConfigurationError(
                    f"{kind.__qualname__}.{member.name} cannot be a case of a PHP enum; rename it."
                )
            cases.append((member.name, literal(member.value) if backing else None))
        aliases = tuple((name, member.name) for name, member in kind.__members__.items() if name != member.name)
        return EnumShape(class_name, source, backing, tuple(cases), aliases)

    def members(self, model: type[Any], *, is_job: bool) -> tuple[Member, ...]:
        self.types.is_pushed = bound = bound_name(model) is not None
        made = []
        for each in fields_of(model):
            where = f"{model.__qualname__}.{each.name}"
            if not is_variable(each.property_name) or each.property_name == "this":
                raise ConfigurationError(f"{where} is named {each.property_name!r}, which no PHP property can be.")
            if is_job and each.property_name in LARAVELS:
                raise ConfigurationError(
                    f"{where} has the name of a property that Laravel's own traits use for something else; "
                    "rename it on both sides."
                )
            known = set(self.types.found)
            try:
                kind = self.types.of(each.type)
            except Unsupported as exc:
                raise ConfigurationError(
                    f"{where} is of type {type_text(each.type)}, which PHP has no form for: {exc}."
                ) from None
            if bound:
                self.remind(where, [part for part in self.types.found if part not in known])
            visibility = each.key.visibility if isinstance(each.key, PropertyKey) else "public"
            inherited = is_job and each.property_name in ASSIGNED
            made.append(self.member(Member(each.property_name, kind, visibility, inherited=inherited), model, each))
        return tuple(sorted(made, key=lambda member: not member.is_required))

    def remind(self, where: str, parts: Sequence[type[Any]]) -> None:
        """Say what pushed instances lack: an unbound class is sent as an array, an unbound enum as its value."""
        for part in parts:
            if bound_name(part) is None:
                self.plan.notes.append(
                    f"{where}: {part.__qualname__} is not bound to a PHP class, so that Python pushes it as "
                    f"{'its value' if issubclass(part, enum.Enum) else 'an array'}; to have it pushed as what it is, "
                    f"decorate it with @php_class({self.types.found[part]!r})."
                )

    def member(self, made: Member, model: type[Any], each: Any) -> Member:
        if each.required:
            return made
        value = default_of(model, each)
        written = None if value is UNKNOWN else self.default(value, each.type, made.type)
        can_be_left_out = made.inherited or bool(made.type.declared(self.target))
        return Member(
            made.name,
            made.type,
            made.visibility,
            default=written,
            left_out=written is None and can_be_left_out,
            inherited=made.inherited,
        )

    def default(self, value: Any, kind: Any, php: PhpType) -> str | None:
        """The default in PHP; None where PHP has no literal for it, or none that the property could hold."""
        try:
            fit(value, kind)
        except Misfit:
            return None
        if isinstance(value, int) and not isinstance(value, bool | enum.Enum) and php.names == ("float",):
            value = float(value)
        try:
            return literal(value, self.case)
        except NotLiteral:
            return None

    def case(self, member: enum.Enum) -> str | None:
        kind = type(member)
        if self.target < ENUMS:
            return None if backing_of(kind) else literal(member.name)
        class_name = self.types.found.setdefault(kind, self.class_of(kind))
        return f"{CLASS_MARK}\\{class_name}{CLASS_MARK}::{member.name}"

    def options(self, options: HandlerOptions | None, taken: Sequence[str]) -> tuple[tuple[str, str, str], ...]:
        """The properties that Laravel copies into the payload: name, type, literal."""
        if options is None:
            return ()
        backoff: Any = options.backoff
        if callable(backoff):
            backoff = None
            self.plan.notes.append("A backoff that is a function stays with its handler; no $backoff is written.")
        if backoff is not None:
            delays = [math.ceil(delay) for delay in parse_backoff(backoff)]
            backoff = delays[0] if len(delays) == 1 else delays
        said: list[tuple[str, Any]] = [
            ("tries", options.tries),
            ("maxExceptions", options.max_exceptions),
            ("backoff", backoff),
            ("timeout", None if options.timeout is None else math.ceil(options.timeout)),
            ("failOnTimeout", options.fail_on_timeout),
        ]
        kinds: dict[type[Any], str] = {bool: "bool", int: "int", list: "array"}
        return tuple(
            (name, kinds[type(value)], literal(value))
            for name, value in said
            if value is not None and name not in taken
        )


def _is_model(kind: Any) -> bool:
    from typing import get_args

    return kind is ModelIdentifier or any(_is_model(each) for each in get_args(kind))


def shape_name(shape: Shape) -> str:
    """The PHP class of a description."""
    return shape.job.class_name if isinstance(shape, BareJob) else shape.class_name


def _no_two_alike(shapes: Sequence[Shape]) -> None:
    seen: dict[str, Shape] = {}
    for shape in shapes:
        name = shape_name(shape)
        if name.lower() in seen:
            raise ConfigurationError(
                f"Two Python classes stand for the PHP class {name}; bind one of them to another with @php_class."
            )
        seen[name.lower()] = shape
