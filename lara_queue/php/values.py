"""The PHP values that Python has no type for: objects, enum cases, opaque objects and references.

A PHP object is kept as what the serialization says: a class name and an ordered mapping of *mangled* names, where a
protected property is ``␀*␀name`` and a private one ``␀Declaring class␀name``. :class:`PhpObject` shows it as a mapping
of plain names and works the names out only when somebody looks. Nothing here imports, creates or calls a PHP class.

References: PHP arrays are values, so two slots share an array (or a scalar) only by a PHP reference. A decoded shared
array is the same Python object in both slots, a :class:`SharedList` or :class:`SharedDict`; a shared scalar is a
:class:`PhpReference` cell in both. Objects are always shared; which slots hold them by reference (``R:`` instead of
``r:``) is remembered in the container, for an exact round trip.
"""

from __future__ import annotations

import threading
from collections.abc import ItemsView, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from reprlib import recursive_repr
from typing import Any, TypeAlias, Union

from phpserialize import phpobject

from lara_queue.php.names import (
    PropertyKey,
    RawKey,
    Visibility,
    class_text,
    private,
    protected,
    public,
    unmangle,
)

__all__ = [
    "PhpCustom",
    "PhpEnum",
    "PhpObject",
    "PhpProperty",
    "PhpReference",
    "PhpValue",
    "PropertyKey",
    "RawKey",
    "SharedDict",
    "SharedList",
    "Visibility",
    "allocate",
    "by_reference",
    "class_text",
    "new_object",
    "private",
    "protected",
    "public",
    "set_by_reference",
    "set_class_name",
    "set_raw",
    "unmangle",
]

PhpValue: TypeAlias = Union[
    bool,
    int,
    float,
    str,
    bytes,
    "list[PhpValue]",
    "dict[RawKey, PhpValue]",
    "PhpObject",
    "PhpEnum",
    "PhpCustom",
    "PhpReference",
    None,
]


@dataclass(frozen=True, slots=True)
class PhpProperty:
    """One property of an object as PHP stores it.

    ``name`` is the plain name: a ``str``, ``bytes`` when it is not UTF-8, an ``int`` in what ``__serialize()``
    returned. ``declaring_class`` is known for private properties only; the others do not carry it on the wire.
    """

    name: RawKey
    value: PhpValue
    visibility: Visibility = "public"
    declaring_class: str | None = None


@dataclass(frozen=True, slots=True)
class PhpEnum:
    """An enum case, by name: the value of a backed enum is not on the wire.

    >>> PhpEnum("App\\\\Suit", "Hearts").case
    'Hearts'
    """

    class_name: str
    case: str


@dataclass(frozen=True, slots=True, eq=False)
class PhpCustom:
    """An object of a class that implements the old ``Serializable``: its bytes are kept and not looked into."""

    class_name: str
    data: bytes

    def __eq__(self, other: object) -> bool:
        if isinstance(other, PhpCustom):
            return self.class_name == other.class_name and self.data == other.data
        return NotImplemented

    def __hash__(self) -> int:
        return object.__hash__(self)  # two objects with the same content are still two objects to PHP


class PhpReference:
    """A slot that several places share: PHP's ``&``. Set ``value`` and all of them see it.

    >>> cell = PhpReference(1)
    >>> shared = [cell, cell]
    >>> cell.value = 2
    >>> [slot.value for slot in shared]
    [2, 2]
    """

    __slots__ = ("value",)

    def __init__(self, value: PhpValue = None) -> None:
        self.value = value

    @recursive_repr()
    def __repr__(self) -> str:
        return f"PhpReference({self.value!r})"

    def __eq__(self, other: object) -> bool:
        if isinstance(other, PhpReference):
            with _comparing(self, other) as known:
                return known or self.value == other.value
        return NotImplemented

    __hash__ = object.__hash__


class SharedList(list[PhpValue]):
    """A list that several PHP slots share, or that has slots which hold an object by reference. Equal to a plain
    list."""

    __slots__ = ("by_reference", "shared")

    shared: bool
    by_reference: set[RawKey]

    def __init__(self, values: list[PhpValue], *, shared: bool, by_reference: set[RawKey]) -> None:
        super().__init__(values)
        self.shared = shared
        self.by_reference = by_reference

    def __eq__(self, other: object) -> bool:
        if isinstance(other, list):
            with _comparing(self, other) as known:
                return known or super().__eq__(other)
        return NotImplemented

    def __ne__(self, other: object) -> bool:
        return not self == other


class SharedDict(dict[RawKey, PhpValue]):
    """A dict that several PHP slots share, or that has slots which hold an object by reference. Equal to a plain
    dict."""

    __slots__ = ("by_reference", "shared")

    shared: bool
    by_reference: set[RawKey]

    def __init__(self, values: dict[RawKey, PhpValue], *, shared: bool, by_reference: set[RawKey]) -> None:
        super().__init__(values)
        self.shared = shared
        self.by_reference = by_reference

    def __eq__(self, other: object) -> bool:
        if isinstance(other, dict):
            with _comparing(self, other) as known:
                return known or super().__eq__(other)
        return NotImplemented

    def __ne__(self, other: object) -> bool:
        return not self == other


class PhpObject(phpobject, Mapping[RawKey, PhpValue]):  # type: ignore[misc]
    """A PHP object: a mapping from plain property names to values, with the class and the visibilities at hand.

    It is a ``phpserialize.phpobject``, so ``obj.to``, ``obj.to = …``, ``__name__``, ``__php_vars__`` and ``_asdict()``
    work as there. An attribute of this class hides a property of the same name (``items``, ``class_name``):
    ``obj["items"]`` does not have that trouble. When a private property of a parent shares the plain name of another,
    the mapping shows the most visible one, then the object's own; ``properties`` shows all of them.

    Objects are compared by class and properties and hashed by identity: to PHP two equal objects are still two.

    :param class_name: the class, with its namespace and without a leading backslash.
    :param properties: by name: a plain string for a public property, ``protected(…)``, ``private(…)``, or a mangled
        name.

    >>> job = PhpObject("App\\\\Jobs\\\\SendEmail", {"to": "a@example.com", protected("secret"): "s"})
    >>> job["secret"], job.to, len(job)
    ('s', 'a@example.com', 2)
    >>> [(p.name, p.visibility) for p in job.properties]
    [('to', 'public'), ('secret', 'protected')]
    """

    __slots__ = ("__php_refs__",)

    __name__: str
    __php_vars__: dict[RawKey, PhpValue]

    def __init__(self, class_name: str, properties: Mapping[RawKey | PropertyKey, PhpValue] | None = None) -> None:
        raw = {
            key.mangled(class_name) if type(key) is PropertyKey else key: value
            for key, value in (properties or {}).items()
        }
        super().__init__(class_name, raw)

    @property
    def class_name(self) -> str:
        """The class with its namespace. Bytes that are not UTF-8 appear as surrogate escapes."""
        return self.__name__

    @property
    def properties(self) -> tuple[PhpProperty, ...]:
        """Every property in PHP's order, with its visibility and, for a private one, the class that declares it."""
        found = []
        for raw, value in self.__php_vars__.items():
            name, visibility, declaring_class = unmangle(raw)
            found.append(PhpProperty(name, value, visibility, declaring_class))
        return tuple(found)

    def _raw_key(self, name: object) -> RawKey | None:
        """The mangled name behind a plain one, or None: public before protected before own private before any other."""
        raw = self.__php_vars__
        if isinstance(name, str):
            if name in raw and not name.startswith("\0"):
                return name
            for candidate in (f"\0*\0{name}", f"\0{self.__name__}\0{name}"):
                if candidate in raw:
                    return candidate
        for key in raw:
            if unmangle(key)[0] == name:
                return key
        return None

    def __getitem__(self, name: RawKey) -> PhpValue:
        key = self._raw_key(name)
        if key is None:
            raise KeyError(name)
        return self.__php_vars__[key]

    def __contains__(self, name: object) -> bool:
        return self._raw_key(name) is not None

    def __iter__(self) -> Iterator[RawKey]:
        return iter(dict.fromkeys(unmangle(key)[0] for key in self.__php_vars__))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __bool__(self) -> bool:
        return True  # as in PHP: an object without properties is still an object

    def __getattr__(self, name: str) -> Any:  # as of any dynamic attribute: what it is only PHP knows
        key = None if name.startswith("__") else self._raw_key(name)
        if key is None:
            raise AttributeError(f"{self.__name__} object has no property {name!r}")
        return self.__php_vars__[key]

    def __setattr__(self, name: str, value: PhpValue) -> None:
        key = self._raw_key(name)
        self.__php_vars__[name if key is None else key] = value

    def _lookup_php_var(self, name: str) -> tuple[RawKey, PhpValue] | None:
        key = self._raw_key(name)
        return None if key is None else (key, self.__php_vars__[key])

    def _asdict(self) -> dict[RawKey, PhpValue]:
        """A new dict of plain names, as ``phpserialize.phpobject`` has it."""
        return dict(ItemsView(self))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, phpobject):
            return NotImplemented
        if self.__name__ != other.__name__:
            return False
        with _comparing(self, other) as known:
            return known or bool(self.__php_vars__ == other.__php_vars__)

    __hash__ = object.__hash__

    @recursive_repr()
    def __repr__(self) -> str:
        return f"PhpObject({self.__name__!r}, {self.__php_vars__!r})"

    def __reduce__(self) -> tuple[object, ...]:
        # The properties come as state, after the object is known, because they may lead back to it.
        return new_object, (self.__name__, {}), (self.__php_vars__, by_reference(self))

    def __setstate__(self, state: tuple[dict[RawKey, PhpValue], set[RawKey]]) -> None:
        raw, marked = state
        set_raw(self, raw)
        _set_refs(self, marked)


set_class_name = phpobject.__dict__["__name__"].__set__
set_raw = phpobject.__dict__["__php_vars__"].__set__
_set_refs = PhpObject.__dict__["__php_refs__"].__set__
_get_refs = PhpObject.__dict__["__php_refs__"].__get__
allocate = object.__new__


def new_object(class_name: str, raw: dict[RawKey, PhpValue], refs: set[RawKey] | None = None) -> PhpObject:
    """A PhpObject over ``raw`` itself, not a copy: the cheap way in for the readers."""
    made = allocate(PhpObject)
    set_class_name(made, class_name)
    set_raw(made, raw)
    if refs:
        _set_refs(made, refs)
    return made


def set_by_reference(obj: PhpObject, keys: set[RawKey]) -> None:
    """Remember which properties hold an object by a PHP reference."""
    _set_refs(obj, keys)


def by_reference(container: object) -> set[RawKey]:
    """The raw keys of a container whose slots hold an object by a PHP reference."""
    if isinstance(container, (SharedList, SharedDict)):
        return container.by_reference
    if isinstance(container, PhpObject):
        try:
            keys: set[RawKey] = _get_refs(container)
        except AttributeError:  # never set: the usual case, and the reason why decoding an object is cheap
            return set()
        return keys
    return set()


_compared = threading.local()


@contextmanager
def _comparing(left: object, right: object) -> Iterator[bool]:
    """Guard a comparison against cycles: yields True when this very pair is being compared further up."""
    pairs: set[tuple[int, int]] = _compared.__dict__.setdefault("pairs", set())
    pair = (id(left), id(right))
    if pair in pairs:
        yield True
        return
    pairs.add(pair)
    try:
        yield False
    finally:
        pairs.discard(pair)
