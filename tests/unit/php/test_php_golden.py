"""What real PHP and real Laravel wrote: every value, class, visibility and declaring class, and every byte back.

``expect`` and ``value`` are what PHP itself says is in the serialization. A tagged value is
compared with ours without going through our writer, references by identity.
"""

from __future__ import annotations

import base64
import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lara_queue.php import PhpCustom, PhpEnum, PhpObject, PhpReference, PhpUnserializeError, dumps, loads
from lara_queue.php.exact_reader import ExactReader
from lara_queue.php.exact_writer import ExactWriter
from lara_queue.php.limits import DEFAULT

GOLDEN = Path(__file__).parents[2] / "golden"
MODEL_IDENTIFIER = "Illuminate\\Contracts\\Database\\ModelIdentifier"

Tagged = dict[str, Any]


def lines(name: str) -> list[Tagged]:
    return [json.loads(line) for line in (GOLDEN / name).read_text(encoding="utf-8").splitlines()]


def serialized(record: Tagged) -> bytes:
    if "gen" in record:
        gen = record["gen"]
        return str(gen["prefix"] * gen["times"] + gen["middle"] + gen["suffix"] * gen["suffix_times"]).encode()
    return base64.b64decode(record["serialized_b64"])


class Comparison:
    """One value of ours against one tagged value of PHP's."""

    def __init__(self, value: object) -> None:
        self.root = value

    def same(self, value: object, tagged: Tagged, path: str = "$") -> None:
        kind = tagged["t"]
        if kind == "ref":
            assert any(self.shares(value, other, tagged["kind"]) for other in self.at(tagged["to"])), (path, tagged)
            return
        if isinstance(value, PhpReference):
            value = value.value
        getattr(self, f"same_{kind}")(value, tagged, path)

    def shares(self, value: object, other: object, kind: str) -> bool:
        if kind == "r" and isinstance(other, PhpReference):
            other = other.value
        return value is other and isinstance(value, (PhpObject, PhpEnum, PhpCustom, PhpReference, list, dict))

    def at(self, path: str) -> list[object]:
        """The slots that a path means; a private property of a parent can have the same name as another."""
        found = [self.root]
        for step in path.split("/")[1:]:
            name = step.replace("~1", "/").replace("~0", "~")
            found = (
                [] if name == "@data" and not found else [v for parent in found for v in self.children(parent, name)]
            )
        return found

    def children(self, parent: object, name: str) -> list[object]:
        if name == "@data":
            return [parent]
        parent = parent.value if isinstance(parent, PhpReference) else parent
        if isinstance(parent, PhpObject):
            plain = [p.value for p in parent.properties if str(p.name) == name]
            return plain or [v for k, v in parent.__php_vars__.items() if step_of(k) == name]
        items = enumerate(parent) if isinstance(parent, list) else parent.items() if isinstance(parent, dict) else ()
        return [value for key, value in items if step_of(key) == name]

    def same_null(self, value: object, tagged: Tagged, path: str) -> None:
        assert value is None, path

    def same_bool(self, value: object, tagged: Tagged, path: str) -> None:
        assert value is tagged["v"], path

    def same_int(self, value: object, tagged: Tagged, path: str) -> None:
        assert type(value) is int, path
        assert str(value) == tagged["v"], path

    def same_float(self, value: object, tagged: Tagged, path: str) -> None:
        assert type(value) is float, path
        assert struct.pack(">d", value).hex() == tagged["hex"], path

    def same_str(self, value: object, tagged: Tagged, path: str) -> None:
        assert type(value) is str, path
        assert value == tagged["v"], path

    def same_bytes(self, value: object, tagged: Tagged, path: str) -> None:
        assert type(value) is bytes, path
        assert value == base64.b64decode(tagged["b64"]), path

    def same_array(self, value: object, tagged: Tagged, path: str) -> None:
        keys = [plain(key) for key, _ in tagged["v"]]
        if keys == list(range(len(keys))):
            assert isinstance(value, list), path
            assert len(value) == len(keys), path
            values = value
        else:
            assert isinstance(value, dict), path
            assert [(type(key), key) for key in value] == [(type(key), key) for key in keys], path
            values = list(value.values())
        for item, (key, expected) in zip(values, tagged["v"], strict=True):
            self.same(item, expected, f"{path}/{key.get('v')}")

    def same_enum(self, value: object, tagged: Tagged, path: str) -> None:
        assert value == PhpEnum(tagged["class"], tagged["case"]), path

    def same_object(self, value: object, tagged: Tagged, path: str) -> None:
        custom = tagged.get("custom")
        if custom == "Serializable":
            assert value == PhpCustom(tagged["class"], encoded(plain(tagged["data"]))), path
            return
        assert isinstance(value, PhpObject), path
        assert value.class_name == tagged["class"], path
        if custom == "__serialize":
            self.same_array(array_of(value.__php_vars__), {"v": tagged["data"]}, path)
            return
        expected = tagged["props"]
        assert [str(p.name) for p in value.properties] == [p["name"] for p in expected], path
        for found, wanted in zip(value.properties, expected, strict=True):
            here = f"{path}/{found.name!s}"
            assert found.visibility == wanted["vis"], here
            declaring = wanted.get("class", value.class_name) if wanted["vis"] == "private" else None
            assert found.declaring_class == declaring, here
            self.same(found.value, wanted["value"], here)

    def same_model(self, value: object, tagged: Tagged, path: str) -> None:
        assert isinstance(value, PhpObject), path
        assert value.class_name == MODEL_IDENTIFIER, path
        assert value["class"] == tagged["class"], path
        assert value["connection"] == tagged["connection"], path
        assert value["relations"] == tagged["relations"], path
        self.same(value["id"], tagged["id"], path)

    def same_models(self, value: object, tagged: Tagged, path: str) -> None:
        assert isinstance(value, PhpObject), path
        assert value.class_name == MODEL_IDENTIFIER, path
        assert value["class"] == tagged["class"], path
        assert isinstance(value["id"], list), path
        assert len(value["id"]) == len(tagged["ids"]), path
        for found, expected in zip(value["id"], tagged["ids"], strict=True):
            self.same(found, expected, path)

    def same_closure(self, value: object, tagged: Tagged, path: str) -> None:
        assert isinstance(value, (PhpObject, PhpCustom)), path
        assert "Closure" in value.class_name, path


def plain(tagged: Tagged) -> Any:
    kind = tagged["t"]
    return int(tagged["v"]) if kind == "int" else base64.b64decode(tagged["b64"]) if kind == "bytes" else tagged["v"]


def encoded(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode()


def step_of(key: object) -> str:
    return "b64:" + base64.b64encode(key).decode() if isinstance(key, bytes) else str(key)


def array_of(raw: dict[Any, Any]) -> object:
    return list(raw.values()) if list(raw) == list(range(len(raw))) else raw


@pytest.mark.parametrize("record", lines("php/php-serialize.jsonl"), ids=lambda record: str(record["n"]))
def test_what_php_writes_is_read_exactly_and_written_back_to_the_byte(record: Tagged) -> None:
    data = serialized(record)
    for value in (loads(data), ExactReader(data, DEFAULT).read()):
        Comparison(value).same(value, record["value"])
        assert dumps(value) == data
        assert ExactWriter().write(value) == data


@pytest.mark.parametrize("record", lines("php/php-accepted.jsonl"), ids=lambda record: record["why"])
def test_odd_input_that_php_accepts_is_accepted_with_phps_value(record: Tagged) -> None:
    value = loads(serialized(record))
    if isinstance(value, PhpCustom):  # PHP makes an empty object of it, with a warning; we keep what was there
        assert value.class_name == record["value"]["class"]
    elif isinstance(value, PhpObject) and value.class_name == "STDCLASS":  # we know no classes, so no better spelling
        assert record["value"]["class"].upper() == value.class_name
    elif isinstance(value, list) and value[0] is value:  # an array in itself: PHP's value has it one level further down
        assert record["value"]["v"][0][1]["v"][0][1] == {"t": "ref", "kind": "R", "to": "$/0"}
    elif not record.get("value_omitted"):
        Comparison(value).same(value, record["value"])


@pytest.mark.parametrize("record", lines("php/php-malformed.jsonl"), ids=lambda record: record["why"])
def test_what_php_refuses_is_refused_with_a_position(record: Tagged) -> None:
    data = serialized(record)
    if record["class_dependent"]:
        pytest.skip("PHP refuses it because of what the class is")
    with pytest.raises(PhpUnserializeError, match=r"at byte \d+: .+") as caught:
        loads(data)
    assert 0 <= caught.value.position <= len(data)


def jobs() -> Iterator[Any]:
    """Every payload with a readable command, with what the live job held."""
    for path in sorted((GOLDEN / "laravel").glob("laravel-*.jsonl")):
        expect: Tagged = {}
        for number, record in enumerate(lines(f"laravel/{path.name}"), 1):
            expect = record.get("expect", expect)
            for text in (record["payload"], record.get("ready_payload")):
                data = json.loads(text)["data"] if text else None
                command = data.get("command") if isinstance(data, dict) else None
                if isinstance(command, str) and command.startswith("O:"):
                    yield pytest.param(command.encode(), expect, record["laravel"], id=f"{path.stem}:{number}")


def wire(expect: Tagged, laravel: str) -> Tagged:
    """The job as it is on the wire: without defaults where SerializesModels leaves them out (Laravel 10 and later)."""
    if "wire" in expect:
        return dict(expect["wire"])
    props = expect["props"]
    if expect.get("serializes_models") and int(laravel.split(".")[0]) >= 10:
        props = [prop for prop in props if not prop.get("default")]
    return {"t": "object", "class": expect["class"], "props": props}


@pytest.mark.parametrize(("command", "expect", "laravel"), list(jobs()))
def test_a_laravel_command_is_read_exactly_and_written_back_to_the_byte(
    command: bytes, expect: Tagged, laravel: str
) -> None:
    job = loads(command)
    assert dumps(job) == command
    assert ExactWriter().write(ExactReader(command, DEFAULT).read()) == command
    Comparison(job).same(job, wire(expect, laravel))
    assert isinstance(job, PhpObject)
    chained = job["chained"] if "chain" in expect else []
    assert isinstance(chained, list)
    for text, link in zip(chained, expect.get("chain", []), strict=True):
        assert isinstance(text, str)
        member = loads(text.encode())
        assert dumps(member) == text.encode()
        assert isinstance(member, PhpObject)
        if link["class"].endswith("\\CallQueuedClosure"):
            continue  # it holds an object hash of the moment, and a signature over it
        # A link does not say whether it uses SerializesModels; it shows in whether the defaults are there.
        trimmed = len(member.properties) < len(link["props"])
        Comparison(member).same(member, wire({**link, "serializes_models": trimmed}, laravel))
