"""Comparing what PHP says is in a job with what Python found there, or the other way round.

``php/tagged.php`` describes a live PHP value in JSON that keeps every type: ``{"t": "int", "v": "7"}``, an object with
the visibility and declaring class of each property, a repeated object as a reference to the path where it was first
seen. Here such a description is held against a Python value, and every difference is told with its path.
"""

from __future__ import annotations

import base64
import math
import struct
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta, timezone
from typing import Any, TypeAlias

from lara_queue.php import PhpCustom, PhpEnum, PhpObject, PhpReference

__all__ = ["Tagged", "assert_job", "assert_matches", "assert_received", "matches", "mismatches", "untag"]

Tagged: TypeAlias = dict[str, Any]

_CLOSURE = "Laravel\\SerializableClosure\\SerializableClosure"
_INTERVALS = ("DateInterval", "Carbon\\CarbonInterval")
_SHOWN = 12


def matches(tagged: Tagged, value: object, *, partial: bool = False) -> bool:
    """True when ``value`` is exactly what PHP describes; see :func:`mismatches`."""
    return not mismatches(tagged, value, partial=partial)


def mismatches(tagged: Tagged, value: object, *, partial: bool = False) -> list[str]:
    """Every difference between PHP's description and a Python value, each with the path where it is.

    Types count (``True`` is not ``1``, ``1.0`` is not ``1``), bits of floats count, the order of keys counts, and what
    is one object or one reference to PHP must be one object to Python.

    :param partial: the value names only some of an object's properties, in any order: the others keep PHP's defaults.
    """
    return list(_Comparison(partial).value(tagged, value, "$"))


def assert_matches(tagged: Tagged, value: object, *, partial: bool = False) -> None:
    """Fail with the differences, if there are any."""
    _report(mismatches(tagged, value, partial=partial))


def assert_job(expect: Tagged, command: PhpObject) -> None:
    """Fail unless a decoded command is the job that PHP says it pushed.

    :param expect: ``{"class", "props", "wire"?}`` from ``Tagged::job``; ``wire`` is there when the class has a say in
        how it is serialized, as all with ``SerializesModels`` have.
    """
    wire = expect.get("wire") or {"t": "object", "class": expect["class"], "props": expect["props"]}
    _report(list(_Comparison(partial=False).value(wire, command, "$")))


def assert_received(record: Tagged, data: Mapping[Any, Any]) -> None:
    """Fail unless a job that PHP ran had these properties; others of its class may have any value.

    :param record: what the worker recorded, with ``class`` and ``props``.
    :param data: by plain name for public properties, ``protected(…)`` or ``private(…)`` for others.
    """
    described = {"t": "object", "class": record["class"], "props": record["props"]}
    assert_matches(described, PhpObject(record["class"], data), partial=True)


def _report(found: Sequence[str]) -> None:
    if found:
        more = f"\n… and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
        raise AssertionError("PHP and Python disagree:\n" + "\n".join(found[:_SHOWN]) + more)


class _Comparison:
    """One value against one description; remembers what was found where, for the references."""

    def __init__(self, partial: bool) -> None:
        self.partial = partial
        self.seen: dict[str, object] = {}
        self.first: dict[int, str] = {}  # path of each Python object that PHP must see as one, by id

    def value(self, tagged: Tagged, value: object, path: str) -> Iterator[str]:
        self.seen.setdefault(path, value)
        if tagged["t"] == "ref":
            yield from self.reference(tagged, value, path)
            return
        if _is_one(value) and tagged["t"] != "enum":
            first = self.first.setdefault(id(value), path)
            if first != path:
                yield f"{path}: to Python this is the same as {first}, to PHP another"
        if isinstance(value, PhpReference):
            value = value.value
        match tagged["t"]:
            case "array":
                yield from self.array(tagged["v"], value, path)
            case "object":
                yield from self.object(tagged, value, path)
            case "enum":
                if value != PhpEnum(tagged["class"], tagged["case"]):
                    yield f"{path}: PHP has the case {tagged['class']}::{tagged['case']}, Python {value!r}"
            case "closure":
                if not (isinstance(value, PhpObject) and value.class_name == _CLOSURE):
                    yield f"{path}: PHP has a closure, Python {value!r}"
            case _:
                if not _same_scalar(tagged, value):
                    yield f"{path}: PHP has {_brief(tagged)}, Python {_short(value)} ({type(value).__name__})"

    def reference(self, tagged: Tagged, value: object, path: str) -> Iterator[str]:
        first = self.seen.get(tagged["to"])
        if first is value:
            return
        if isinstance(first, PhpEnum) and first == value:  # a case is one object to PHP, an equal value to Python
            return
        yield f"{path}: to PHP this is the same as {tagged['to']}, to Python another: {_short(value)}"

    def array(self, items: list[list[Tagged]], value: object, path: str) -> Iterator[str]:
        keys = [untag(key) for key, _ in items]
        is_list = keys == list(range(len(keys))) and all(type(key) is int for key in keys)
        if isinstance(value, (list, tuple)):
            if not is_list:
                yield f"{path}: PHP has the keys {_short(keys)}, Python a list of {len(value)}"
                return
            found: list[tuple[Any, Any]] = list(enumerate(value))
        elif isinstance(value, dict):
            if is_list and not self.partial:
                yield f"{path}: PHP has a list, Python a dict"
                return
            found = list(value.items())
        else:
            yield f"{path}: PHP has an array, Python {_short(value)} ({type(value).__name__})"
            return
        yield from self.entries(list(zip(keys, (item for _, item in items), strict=True)), found, path)

    def entries(self, expected: list[tuple[Any, Tagged]], found: list[tuple[Any, Any]], path: str) -> Iterator[str]:
        ours = [key for key, _ in found]
        theirs = [key for key, _ in expected]
        if ours != theirs or [type(key) for key in ours] != [type(key) for key in theirs]:
            yield f"{path}: PHP has the keys {_short(theirs)}, Python {_short(ours)}"
            return
        for (key, item), (_, value) in zip(expected, found, strict=True):
            yield from self.value(item, value, f"{path}/{_step(key)}")

    def object(self, tagged: Tagged, value: object, path: str) -> Iterator[str]:
        if isinstance(value, datetime) and "datetime" in tagged:
            when = datetime.fromisoformat(tagged["datetime"])
            # In UTC: Python calls a time in a repeated hour unequal to every other zone's (PEP 495).
            if (when, when.utcoffset()) != (value.astimezone(timezone.utc), value.utcoffset()):
                yield f"{path}: PHP has {when.isoformat()}, Python {value.isoformat()}"
            return
        if isinstance(value, timedelta) and tagged["class"] in _INTERVALS:
            length = _length(tagged)
            if length != value:
                yield f"{path}: PHP has an interval of {length}, Python {value!r}"
            return
        if tagged.get("custom") == "Serializable":
            data = untag(tagged["data"])
            raw = data.encode() if isinstance(data, str) else data
            if value != PhpCustom(tagged["class"], raw):
                yield f"{path}: PHP has a {tagged['class']} with {raw!r}, Python {_short(value)}"
            return
        if not isinstance(value, PhpObject):
            yield f"{path}: PHP has a {tagged['class']}, Python {_short(value)} ({type(value).__name__})"
            return
        if value.class_name != tagged["class"]:
            yield f"{path}: PHP has a {tagged['class']}, Python a {value.class_name}"
            return
        if "data" in tagged:
            expected = [(untag(key), item) for key, item in tagged["data"]]
            yield from self.entries(expected, list(value.__php_vars__.items()), f"{path}/@data")
        else:
            yield from self.properties(tagged, value, path)

    def properties(self, tagged: Tagged, value: PhpObject, path: str) -> Iterator[str]:
        expected = {_mangled(prop, tagged["class"]): prop for prop in tagged["props"]}
        found = dict(value.__php_vars__)
        if self.partial:
            unknown = [key for key in found if key not in expected]
            expected = {key: prop for key, prop in expected.items() if key in found}
            if unknown:
                yield f"{path}: PHP has no property {unknown!r}"
        elif list(map(str, found)) != list(expected):
            yield f"{path}: PHP has the properties {list(expected)!r}, Python {list(found)!r}"
            return
        values = {str(key): item for key, item in found.items()}
        for key, prop in expected.items():
            yield from self.value(prop["value"], values[key], f"{path}/{_step(prop['name'])}")


def untag(tagged: Tagged, path: str = "$") -> Any:
    """The Python value of a description, as :func:`lara_queue.php.loads` would give it.

    A PHP reference to a scalar becomes the scalar, a closure None; both are compared, not read.

    :param path: where the value is in what was described: ``$/name`` for a job's property.
    """
    return _Untagging().value(tagged, path)


class _Untagging:
    """One description being turned into a value; remembers what is where, for the references."""

    def __init__(self) -> None:
        self.seen: dict[str, Any] = {}

    def value(self, tagged: Tagged, path: str) -> Any:
        match tagged["t"]:
            case "ref":
                return self.seen[tagged["to"]]
            case "array":
                return self.array(tagged["v"], path)
            case "object" if tagged.get("custom") != "Serializable":
                return self.object(tagged, path)
            case _:
                self.seen[path] = made = self.leaf(tagged)
                return made

    def leaf(self, tagged: Tagged) -> Any:
        match tagged["t"]:
            case "null" | "closure":
                return None
            case "bool" | "str":
                return tagged["v"]
            case "int":
                return int(tagged["v"])
            case "float":
                return struct.unpack(">d", bytes.fromhex(tagged["hex"]))[0]
            case "bytes":
                return base64.b64decode(tagged["b64"])
            case "enum":
                return PhpEnum(tagged["class"], tagged["case"])
            case "object":
                data = self.leaf(tagged["data"])
                return PhpCustom(tagged["class"], data.encode() if isinstance(data, str) else data)
        raise ValueError(f"There is no tag like {tagged!r}.")

    def array(self, items: list[list[Tagged]], path: str) -> Any:
        keys = [self.leaf(key) for key, _ in items]
        made: Any = [] if keys == list(range(len(keys))) else {}
        self.seen[path] = made
        for key, (_, item) in zip(keys, items, strict=True):
            value = self.value(item, f"{path}/{_step(key)}")
            if isinstance(made, list):
                made.append(value)
            else:
                made[key] = value
        return made

    def object(self, tagged: Tagged, path: str) -> PhpObject:
        made = self.seen[path] = PhpObject(tagged["class"])
        for tag, item in tagged.get("data", ()):
            key = self.leaf(tag)
            made.__php_vars__[key] = self.value(item, f"{path}/@data/{_step(key)}")
        for prop in tagged.get("props", ()):
            item = self.value(prop["value"], f"{path}/{_step(prop['name'])}")
            made.__php_vars__[_mangled(prop, tagged["class"])] = item
        return made


def _is_one(value: object) -> bool:
    """True for what PHP must find to be the same wherever it stands; a list that Python shares is just copied."""
    return isinstance(value, (PhpObject, PhpCustom, PhpReference)) or getattr(value, "shared", False) is True


def _mangled(prop: Tagged, own_class: str) -> str:
    if prop["vis"] == "public":
        return str(prop["name"])
    scope = "*" if prop["vis"] == "protected" else prop.get("class", own_class)
    return f"\0{scope}\0{prop['name']}"


def _step(key: object) -> str:
    if isinstance(key, bytes):
        return "b64:" + base64.b64encode(key).decode()
    return str(key).replace("~", "~0").replace("/", "~1")


def _same_scalar(tagged: Tagged, value: object) -> bool:
    expected = untag(tagged)
    if type(expected) is not type(value):
        return False
    if isinstance(expected, float) and isinstance(value, float):
        if math.isnan(expected):
            return math.isnan(value)
        return struct.pack(">d", expected) == struct.pack(">d", value)
    return bool(expected == value)


def _length(interval: Tagged) -> timedelta | None:
    """A described DateInterval as a length; None when it has months, which have none."""
    parts = {untag(key): untag(item) for key, item in interval["data"]}
    if parts["y"] or parts["m"]:
        return None
    length = timedelta(
        days=parts["d"], hours=parts["h"], minutes=parts["i"], seconds=parts["s"], microseconds=round(parts["f"] * 1e6)
    )
    return -length if parts["invert"] else length


def _brief(tagged: Tagged) -> str:
    return f"{tagged['t']} {_short(tagged.get('v', tagged.get('b64', '')))}"


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 200 else f"{text[:200]}… ({len(text)} characters)"
