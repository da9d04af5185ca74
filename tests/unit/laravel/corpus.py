"""The golden payloads, and a comparison of plain Python values with what PHP itself said is in them.

``agrees`` walks PHP's tagged description (see the corpus' own README) beside a value, knowing nothing of the code under
test: dates are compared as instants, models by their keys, objects by class and properties, references by what they
point to.
"""

from __future__ import annotations

import base64
import json
import math
import struct
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

from lara_queue.laravel.encrypter import Encrypter
from lara_queue.laravel.envelope import Envelope
from lara_queue.laravel.models import ModelIdentifier
from lara_queue.php import PhpCustom, PhpEnum, PhpObject

FOLDER = Path(__file__).parents[2] / "golden" / "laravel"
PLUMBING = frozenset(
    [
        "job",
        "connection",
        "queue",
        "messageGroup",
        "group",
        "deduplicator",
        "debounceOwner",
        "uniqueLockOwner",
        "delay",
        "afterCommit",
        "middleware",
        "chained",
        "chainConnection",
        "chainQueue",
        "chainCatchCallbacks",
        "batchId",
        "fakeBatch",
    ]
)
ARRAY_LIKE = ("Illuminate\\Support\\Collection", "ArrayObject", "ArrayIterator")


class Line(dict[str, Any]):
    """One line of the corpus; its repr is short, for pytest."""

    def __repr__(self) -> str:
        return f"<{self['laravel']} {self['case']} {self['driver']} {self['state']}>"

    @property
    def version(self) -> int:
        return int(self["laravel"].split(".")[0])

    @property
    def body(self) -> bytes:
        return self["payload"].encode()

    @property
    def encrypter(self) -> Encrypter | None:
        if "app_key" not in self:
            return None
        return Encrypter(self["app_key"], cipher=self.get("cipher"), previous=self.get("app_previous_keys") or ())


@lru_cache
def lines() -> tuple[Line, ...]:
    """Every line that has a payload; ``expect`` is filled in where it is that of the line before."""
    found = []
    for path in sorted(FOLDER.glob("laravel-*.jsonl")):
        expect: Any = None
        for text in path.read_text(encoding="utf-8").splitlines():
            line = Line(json.loads(text))
            expect = line.setdefault("expect", expect)
            if line["payload"] is not None:
                found.append(line)
    assert len(found) > 900
    return tuple(found)


def case(name: str, version: int = 13, state: str = "ready", driver: str = "redis") -> Line:
    """The first line of a case."""
    return next(
        line
        for line in lines()
        if line["case"] == name and line.version == version and line["state"] == state and line["driver"] == driver
    )


def parsed(payload: dict[str, Any]) -> Envelope:
    """The envelope of a payload made up by a test."""
    return Envelope.parse(json.dumps(payload).encode())


def names(line: Line) -> str:
    """A test id."""
    return f"{line['laravel']}-{line['case']}-{line['driver']}-{line['state']}"


class Tagged:
    """A tagged tree with the places that references point to."""

    def __init__(self, root: Any) -> None:
        self.root = root

    def find(self, path: str) -> Any:
        node: Any = self.root
        for step in path.split("/")[1:]:
            node = self.step(node, step)
        return node

    def step(self, node: Any, step: str) -> Any:
        if node.get("t") == "ref":
            node = self.find(node["to"])
        if step == "@data":
            return {"t": "array", "v": node["data"]}
        wanted = base64.b64decode(step[4:]) if step.startswith("b64:") else step.replace("~1", "/").replace("~0", "~")
        if "props" in node:
            return [prop["value"] for prop in node["props"] if prop["name"] == wanted][-1]
        return next(value for key, value in node["v"] if str(key_of(key)) == str(wanted))


def key_of(tagged: Any) -> Any:
    return (
        int(tagged["v"]) if tagged["t"] == "int" else tagged["v"] if "v" in tagged else base64.b64decode(tagged["b64"])
    )


def agrees(actual: Any, tagged: Any, tree: Tagged, seen: set[tuple[int, int]] | None = None) -> bool:
    """True when a plain value is what PHP says it is."""
    seen = set() if seen is None else seen
    if tagged["t"] == "ref":
        return agrees(actual, tree.find(tagged["to"]), tree, seen)
    if (id(actual), id(tagged)) in seen:
        return True
    seen.add((id(actual), id(tagged)))
    kind = tagged["t"]
    if kind == "null":
        return actual is None
    if kind == "bool":
        return actual is tagged["v"]
    if kind == "int":
        return type(actual) is int and actual == int(tagged["v"])
    if kind == "float":
        wanted = struct.unpack(">d", bytes.fromhex(tagged["hex"]))[0]
        return type(actual) is float and (
            struct.pack(">d", actual) == struct.pack(">d", wanted) or _both_nan(actual, wanted)
        )
    if kind == "str":
        return actual == tagged["v"]
    if kind == "bytes":
        return actual == base64.b64decode(tagged["b64"])
    if kind == "enum":
        return actual == PhpEnum(tagged["class"], tagged["case"])
    if kind == "array":
        return _array(actual, tagged["v"], tree, seen)
    if kind == "model":
        return isinstance(actual, ModelIdentifier) and actual.class_name == tagged["class"]
    if kind == "models":
        return isinstance(actual, ModelIdentifier) and (
            actual.id == [key_of(key) for key in tagged["ids"]] and actual.class_name == tagged["class"]
        )
    if kind == "closure":
        return isinstance(actual, PhpObject)
    return _object(actual, tagged, tree, seen)


def _both_nan(left: float, right: float) -> bool:
    return math.isnan(left) and math.isnan(right)


def _array(actual: Any, pairs: Any, tree: Tagged, seen: set[tuple[int, int]]) -> bool:
    found = list(enumerate(actual)) if isinstance(actual, list) else list(actual.items())
    return len(found) == len(pairs) and all(
        key == key_of(tagged_key) and agrees(item, value, tree, seen)
        for (key, item), (tagged_key, value) in zip(found, pairs, strict=True)
    )


def _object(actual: Any, tagged: Any, tree: Tagged, seen: set[tuple[int, int]]) -> bool:
    if isinstance(actual, datetime):
        return actual == datetime.fromisoformat(tagged["datetime"])
    if isinstance(actual, timedelta):
        return actual == _interval(_members(tagged))
    if isinstance(actual, ModelIdentifier):
        given = {prop["name"]: prop["value"] for prop in tagged["props"]}
        return actual.class_name == given["class"].get("v") and actual.connection == given["connection"].get("v")
    custom = tagged.get("custom")
    if tagged["class"] in ARRAY_LIKE:
        inner = tagged["data"][1][1] if custom else next(p["value"] for p in tagged["props"] if p["name"] == "items")
        return agrees(actual, inner, tree, seen)
    if tagged["class"] == "Illuminate\\Support\\Stringable":
        return actual == tagged["props"][0]["value"]["v"]
    if custom == "Serializable":
        return isinstance(actual, PhpCustom) and actual.class_name == tagged["class"]
    if tagged["class"].startswith("DateTimeZone"):
        return not isinstance(actual, PhpObject)
    if not isinstance(actual, PhpObject) or actual.class_name != tagged["class"]:
        return False
    if custom == "__serialize":
        return _array(actual.__php_vars__, tagged["data"], tree, seen)
    given = [(prop["name"], prop["vis"], prop["value"]) for prop in tagged["props"]]
    return len(given) == len(actual.properties) and all(
        (prop.name, prop.visibility) == (name, visibility) and agrees(prop.value, value, tree, seen)
        for prop, (name, visibility, value) in zip(actual.properties, given, strict=True)
    )


def _members(tagged: Any) -> dict[str, Any]:
    if "props" in tagged:
        return {prop["name"]: prop["value"].get("v") for prop in tagged["props"]}
    return {key["v"]: value.get("v") for key, value in tagged["data"]}


def _interval(parts: dict[str, Any]) -> timedelta:
    days = parts["d"] if parts["days"] is False else parts["days"]
    length = timedelta(days=int(days), hours=int(parts["h"]), minutes=int(parts["i"]), seconds=int(parts["s"]))
    length += timedelta(seconds=float(parts["f"]))
    return -length if parts["invert"] == "1" else length
