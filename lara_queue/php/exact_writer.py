"""The writer that knows everything: shared objects, references, foreign types, any depth, and where a value is wrong.

Mirrors ``php_var_serialize_intern`` and ``php_add_var_hash`` in PHP's ``ext/standard/var.c``, without recursion:

* Every value gets the next number. An object that has a number is written as ``r:`` with it, and that uses up a number
  too.
* A slot that is a PHP reference to something already written is ``R:`` with its number, and gives its own number back.
* An enum case is one object, wherever it appears.

:mod:`lara_queue.php.writer` is the quick way for values that need none of this.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping
from typing import NoReturn

from phpserialize import phpobject

from lara_queue.errors import PhpSerializeError
from lara_queue.php.exact_reader import CLASS_NAME, ENUM_CASE, array_key, text_or_bytes
from lara_queue.php.floats import float_text
from lara_queue.php.values import PhpCustom, PhpEnum, PhpReference, RawKey, SharedDict, SharedList, by_reference

__all__ = ["ExactWriter", "class_bytes", "enum_bytes"]

_LONG_MAX = 2**63 - 1
_LONG_MIN = -(2**63)

_Slot = tuple[object, bytes, object, bool]  # key for messages, key as written, value, held by a PHP reference


class _Level:
    """One array or object being written: what is left of it, and which list or dict must not appear inside itself."""

    __slots__ = ("guarded", "here", "slots")

    def __init__(self, slots: Iterator[_Slot], guarded: int | None) -> None:
        self.slots = slots
        self.guarded = guarded
        self.here: object = None


class ExactWriter:
    """Writes one value. A new writer for each: the numbers of values belong to one serialization."""

    def __init__(self) -> None:
        self._out: list[bytes] = []
        self._last_number = 0
        self._numbers: dict[object, int] = {}  # by id(), an enum case by its name
        self._kept: list[object] = []  # what has a number stays alive, or its id() could be used again
        self._open: set[int] = set()
        self._levels: list[_Level] = []

    def write(self, value: object) -> bytes:
        """The bytes of the value; raises PhpSerializeError."""
        self._value(value, False)
        levels = self._levels
        while levels:
            level = levels[-1]
            for here, key, item, referenced in level.slots:
                level.here = here
                self._out.append(key)
                self._value(item, referenced)
                if levels[-1] is not level:
                    break
            else:
                self._out.append(b"}")
                levels.pop()
                if level.guarded is not None:
                    self._open.discard(level.guarded)
        return b"".join(self._out)

    def _fail(self, reason: str) -> NoReturn:
        where = "".join(f"[{level.here!r}]" for level in self._levels[:12])
        more = " …" if len(self._levels) > 12 else ""
        raise PhpSerializeError(f"{reason}, at value{where}{more}" if where else reason)

    def _value(self, value: object, referenced: bool) -> None:
        self._last_number += 1
        if isinstance(value, PhpReference):
            cell = value
            value = self._behind(cell)
            referenced = True
            if not isinstance(value, (phpobject, PhpCustom, PhpEnum)) and self._seen(id(cell), cell, "R"):
                return
        if isinstance(value, enum.Enum):
            value = value.value
        if value is None:
            self._out.append(b"N;")
        elif isinstance(value, bool):
            self._out.append(b"b:1;" if value else b"b:0;")
        elif isinstance(value, int):
            self._out.append(b"i:%d;" % self._int(value))
        elif isinstance(value, float):
            self._out.append(f"d:{float_text(float(value))};".encode())
        elif isinstance(value, (str, bytes, bytearray, memoryview)):
            self._out.append(self._string(value))
        elif isinstance(value, phpobject):
            if not self._seen(id(value), value, "R" if referenced else "r"):
                self._object(value)
        elif isinstance(value, PhpEnum):
            if not self._seen((value.class_name, value.case), value, "R" if referenced else "r"):
                written = enum_bytes(value)
                if written is None:
                    self._fail(f"not the name of a PHP enum case: {value!r:.120}")
                self._out.append(written)
        elif isinstance(value, PhpCustom):
            if not self._seen(id(value), value, "R" if referenced else "r"):
                name = self._class(value.class_name)
                self._out.append(b'C:%d:"%b":%d:{%b}' % (len(name), name, len(value.data), value.data))
        elif isinstance(value, (list, tuple, Mapping)):
            if not (isinstance(value, (SharedList, SharedDict)) and value.shared and self._seen(id(value), value, "R")):
                self._array(value)
        else:
            self._fail(f"{_kind(value)} has no PHP form")

    def _behind(self, cell: PhpReference) -> object:
        """What a cell holds. A cell in a cell is one reference to PHP; a ring of cells is nothing at all."""
        met = {id(cell)}
        value: object = cell.value
        while isinstance(value, PhpReference):
            if id(value) in met:
                self._fail("a reference that only refers to itself has no PHP form")
            met.add(id(value))
            value = value.value
        return value

    def _seen(self, identity: object, value: object, tag: str) -> bool:
        """Write a back reference if the value has a number; otherwise it gets the current one."""
        number = self._numbers.setdefault(identity, self._last_number)
        if number == self._last_number:
            self._kept.append(value)
            return False
        if tag == "R":
            self._last_number -= 1
        self._out.append(f"{tag}:{number};".encode())
        return True

    def _object(self, obj: phpobject) -> None:
        raw: Mapping[object, object] = obj.__php_vars__
        name = self._class(obj.__name__)
        self._out.append(b'O:%d:"%b":%d:{' % (len(name), name, len(raw)))
        marked = by_reference(obj)
        slots = ((key, self._property(key), value, key in marked) for key, value in raw.items())
        self._levels.append(_Level(slots, None))

    def _array(self, array: list[object] | tuple[object, ...] | Mapping[object, object]) -> None:
        guarded = None
        if not (isinstance(array, (SharedList, SharedDict)) and array.shared):
            # PHP arrays are values: this one would have to contain a copy of itself.
            guarded = id(array)
            if guarded in self._open:
                self._fail(f"a {_kind(array)} that contains itself has no PHP form")
            self._open.add(guarded)
        marked = by_reference(array)
        items: dict[RawKey, object]
        if isinstance(array, Mapping):
            items = {}
            for key, value in array.items():
                items[self._array_key(key)] = value
        else:
            items = dict(enumerate(array))
        self._out.append(b"a:%d:{" % len(items))
        slots = ((key, self._key(key), value, key in marked) for key, value in items.items())
        self._levels.append(_Level(slots, guarded))

    def _array_key(self, key: object) -> RawKey:
        """The key as PHP would have it in an array: what ``$array[$key] = …`` does."""
        if isinstance(key, enum.Enum):
            key = key.value
        if isinstance(key, str):
            return array_key(str(key))
        if isinstance(key, int):
            return self._int(key)
        if isinstance(key, bytes):
            text = text_or_bytes(key)
            return array_key(text) if isinstance(text, str) else text
        if key is None:
            return ""
        if isinstance(key, float) and _LONG_MIN <= key <= _LONG_MAX:
            return int(key)
        self._fail(f"{_kind(key)} cannot be an array key: {key!r:.80}")

    def _property(self, key: object) -> bytes:
        if isinstance(key, (str, int, bytes)):
            return self._key(key)
        self._fail(f"{_kind(key)} cannot be a property name: {key!r:.80}")

    def _key(self, key: RawKey) -> bytes:
        return b"i:%d;" % self._int(key) if isinstance(key, int) else self._string(key)

    def _int(self, number: int) -> int:
        if not _LONG_MIN <= number <= _LONG_MAX:
            self._fail(
                f"an int of more than 64 bits has no PHP form: {number}" if abs(number) < 10**40 else "int too big"
            )
        return number

    def _string(self, text: str | bytes | bytearray | memoryview) -> bytes:
        raw = self._utf8(text) if isinstance(text, str) else bytes(text)
        return b's:%d:"%b";' % (len(raw), raw)

    def _utf8(self, text: str) -> bytes:
        try:
            return text.encode()
        except UnicodeEncodeError as exc:
            self._fail(f"a lone surrogate has no UTF-8 form: {text[exc.start : exc.end]!a}")

    def _class(self, name: object) -> bytes:
        raw = class_bytes(name)
        if raw is None:
            self._fail(f"not a PHP class name: {name!r:.120}")
        return raw


def class_bytes(name: object) -> bytes | None:
    """A class name as bytes, or None if PHP could have no such class.

    >>> class_bytes("App\\\\Jobs\\\\SendEmail"), class_bytes("No Class")
    (b'App\\\\Jobs\\\\SendEmail', None)
    """
    if isinstance(name, str):
        try:
            name = name.encode("utf-8", "surrogateescape")
        except UnicodeEncodeError:
            return None
    return name if isinstance(name, bytes) and CLASS_NAME(name) else None


def enum_bytes(case: PhpEnum) -> bytes | None:
    """An enum case as PHP writes it, or None if PHP could have no such case.

    >>> enum_bytes(PhpEnum("Suit", "Hearts"))
    b'E:11:"Suit:Hearts";'
    """
    name = class_bytes(case.class_name)
    try:
        constant = case.case.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return None
    if name is None or not ENUM_CASE(constant):
        return None
    return b'E:%d:"%b:%b";' % (len(name) + 1 + len(constant), name, constant)


def _kind(value: object) -> str:
    cls = type(value)
    return cls.__qualname__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__qualname__}"
