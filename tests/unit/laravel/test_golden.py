"""Every golden payload is read right, and written again byte for byte."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from lara_queue.laravel.build import LaravelVersion, build_payload, parse_version
from lara_queue.laravel.closures import read_closure
from lara_queue.laravel.command import command_bytes, is_encrypted
from lara_queue.laravel.context import LogContext, read_context
from lara_queue.laravel.encrypter import Encrypter
from lara_queue.laravel.envelope import Envelope
from lara_queue.laravel.jobs import view
from lara_queue.php import PhpObject, dumps, loads

from .corpus import PLUMBING, Line, Tagged, agrees, lines, names

KINDS = {
    "closure": "closure",
    "closure-dispatch": "closure",
    "closure-arrow-static": "closure",
    "listener": "listener",
    "listener-plain": "listener",
    "listener-closure": "listener",
    "notification": "notification",
    "notification-collection": "notification",
    "mailable": "mailable",
    "broadcast": "broadcast",
}
OBJECTS = [line for line in lines() if "class" in line["expect"]]
STRINGS = [line for line in lines() if "string_job" in line["expect"]]


@pytest.mark.parametrize("line", lines(), ids=names)
def test_the_envelope_says_what_the_payload_says(line: Line) -> None:
    raw = json.loads(line.body)
    envelope = Envelope.parse(line.body)
    assert envelope.payload == raw
    assert envelope.uuid == raw["uuid"]
    assert envelope.id == raw.get("id")
    assert envelope.display_name == raw["displayName"]
    assert envelope.job == raw["job"]
    assert envelope.max_tries == raw["maxTries"]
    assert envelope.max_exceptions == raw["maxExceptions"]
    assert envelope.fail_on_timeout is raw["failOnTimeout"]
    assert envelope.timeout == raw["timeout"]
    assert envelope.retry_until == raw.get("retryUntil")
    assert envelope.created_at == raw.get("createdAt", _number(raw.get("pushedAt")))
    assert envelope.attempts == raw.get("attempts")
    assert envelope.delete_when_missing_models is raw.get("deleteWhenMissingModels", False)
    assert envelope.backoff == _backoff(raw)
    assert envelope.is_object_job is ("class" in line["expect"])
    if envelope.is_object_job:
        assert envelope.command == raw["data"]["command"]
        assert envelope.batch_id == raw["data"].get("batchId")
    else:
        assert envelope.command is None


def _number(text: str | None) -> float | None:
    return None if text is None else float(text)


def _backoff(raw: dict[str, Any]) -> tuple[int, ...] | None:
    if raw["backoff"] is not None:
        return tuple(int(part) for part in raw["backoff"].split(","))
    return None if raw.get("delay") is None else (raw["delay"],)


@pytest.mark.parametrize("line", OBJECTS, ids=names)
def test_the_data_of_an_object_job_is_what_php_says(line: Line) -> None:
    expect = line["expect"]
    seen = view(Envelope.parse(line.body), line.encrypter)
    assert seen.kind == KINDS.get(line["case"], seen.kind if line["case"] == "horizon" else "job")
    if seen.kind not in ("job", "string"):
        assert seen.command is not None
        assert seen.command.class_name == expect["class"]
        assert seen.data is not None
        return
    assert seen.command is not None
    assert seen.command.class_name == expect["class"] == seen.envelope.command_name
    tagged = expect.get("wire") or {"t": "object", "class": expect["class"], "props": expect["props"]}
    tree = Tagged(tagged)
    live = _visible(tagged, expect["class"])
    for name, value in seen.data.items():
        assert name in live, f"{name} came from nowhere"
        assert agrees(value, live[name]["value"], tree), name
    for name, prop in live.items():
        if name not in seen.data:
            dropped_by_php = prop.get("default") and (expect.get("serializes_models") or name in PLUMBING)
            assert dropped_by_php or name in PLUMBING or expect.get("serializes_models"), f"{name} was dropped"


def _visible(tagged: Any, own_class: str) -> dict[str, Any]:
    """The properties that a plain mapping shows: public and protected before the own private, before others'."""
    if tagged.get("custom") == "__serialize":
        found = {}
        for key, value in tagged["data"]:
            name = int(key["v"]) if key["t"] == "int" else key["v"].rpartition("\0")[2]
            found[name] = {"value": value}
        return found
    ranks: dict[str, tuple[int, Any]] = {}
    for prop in tagged["props"]:
        foreign = prop["vis"] == "private" and prop.get("class", own_class) != own_class
        rank = {"public": 0, "protected": 1, "private": 3 if foreign else 2}[prop["vis"]]
        if prop["name"] not in ranks or rank < ranks[prop["name"]][0]:
            ranks[prop["name"]] = (rank, prop)
    return {name: prop for name, (_, prop) in ranks.items()}


@pytest.mark.parametrize("line", STRINGS, ids=names)
def test_the_data_of_a_string_job_is_what_php_says(line: Line) -> None:
    envelope = Envelope.parse(line.body)
    seen = view(envelope)
    assert seen.kind == "string"
    assert seen.command is None
    assert seen.chained == []
    assert envelope.job == line["expect"]["string_job"]
    given = envelope.data
    if line["state"] in ("ready", "delayed") or line["driver"] == "database":
        assert agrees(_as_php(given), _plain_numbers(line["expect"]["data"]), Tagged(line["expect"]["data"]))
    assert seen.data == (given if isinstance(given, dict) else {} if given in ("", None, []) else {"data": given})


def _as_php(value: Any) -> Any:
    """JSON as PHP decodes it: objects become arrays, and keys that look like ints become ints."""
    if isinstance(value, dict):
        return {int(k) if k.isdigit() else k: _as_php(v) for k, v in value.items()}
    return [_as_php(item) for item in value] if isinstance(value, list) else value


def _plain_numbers(tagged: Any) -> Any:
    """What of the tagged data survives JSON: 1.0 is 1, an stdClass is an array."""
    if tagged["t"] == "float" and float(tagged["v"]).is_integer() and abs(float(tagged["v"])) < 1e17:
        return {"t": "int", "v": str(int(float(tagged["v"])))}
    if tagged["t"] == "array":
        return {"t": "array", "v": [[key, _plain_numbers(value)] for key, value in tagged["v"]]}
    if tagged["t"] == "object":
        return {
            "t": "array",
            "v": [[{"t": "str", "v": p["name"]}, _plain_numbers(p["value"])] for p in tagged["props"]],
        }
    return tagged


@pytest.mark.parametrize("line", [line for line in lines() if "chain" in line["expect"]], ids=names)
def test_a_chain_is_a_list_of_commands(line: Line) -> None:
    seen = view(Envelope.parse(line.body), line.encrypter)
    links = [loads(link) for link in seen.chained]
    assert all(isinstance(link, PhpObject) for link in links)
    assert [link.class_name for link in links] == [link["class"] for link in line["expect"]["chain"]]
    props = {prop["name"]: prop["value"].get("v") for prop in line["expect"]["props"]}
    assert seen.chain_queue == props["chainQueue"]
    assert seen.chain_connection == props["chainConnection"]
    assert "chained" not in seen.data


@pytest.mark.parametrize("line", [line for line in lines() if line["case"].startswith("batch")], ids=names)
def test_a_batched_job_knows_its_batch(line: Line) -> None:
    """PL-01, and older versions, where only the command knows."""
    seen = view(Envelope.parse(line.body))
    assert seen.command is not None
    assert seen.batch_id == seen.command["batchId"]
    assert len(seen.batch_id or "") == 36


@pytest.mark.parametrize("line", [line for line in lines() if line["case"].startswith("encrypted")], ids=names)
def test_an_encrypted_command_opens_and_closes_to_the_same_bytes(line: Line) -> None:
    envelope = Envelope.parse(line.body)
    assert is_encrypted(envelope)
    assert line.encrypter is not None
    serialized = command_bytes(envelope, line.encrypter)
    assert serialized.startswith(b"O:")
    assert command_bytes(envelope, Encrypter(line["app_key"])) == serialized, "the cipher is told from the text"
    iv = base64.b64decode(json.loads(base64.b64decode(envelope.command or ""))["iv"])
    again = Encrypter(line["app_key"], cipher=line["cipher"], random_bytes=lambda size: iv)
    assert again.encrypt_command(serialized) == envelope.command


@pytest.mark.parametrize("line", [line for line in lines() if line["case"].startswith("closure")], ids=names)
def test_a_closure_is_verified_and_shown(line: Line) -> None:
    envelope = Envelope.parse(line.body)
    closure = view(envelope, line.encrypter).inner
    assert closure.verified
    assert "rig_sink" in closure.source
    assert view(envelope, line.encrypter).data == closure.bound
    unchecked = view(envelope).inner
    assert (unchecked.signed, unchecked.verified, unchecked.source) == (True, False, closure.source)
    command = view(envelope).command
    assert command is not None
    for callback in command.get("failureCallbacks", ()):
        assert read_closure(callback, line["app_key"]).parameters == ("$e",)


def _version(line: Line) -> LaravelVersion:
    return parse_version(line["laravel"])


WRITABLE = [
    line
    for line in lines()
    if line["state"] in ("ready", "delayed")
    and not line.get("horizon")  # Horizon writes its own keys behind the rest
    and line["case"] != "string-job-null-data"  # to build_payload None is "no data", which Laravel writes as ""
]


@pytest.mark.parametrize("line", WRITABLE, ids=names)
def test_laravels_payload_is_written_again_byte_for_byte(line: Line) -> None:
    raw = json.loads(line.body)
    envelope = Envelope.parse(line.body)
    encrypter = line.encrypter
    data: Any = raw["data"]
    if envelope.is_object_job:
        command = command_bytes(envelope, encrypter)
        data = loads(command)
        assert dumps(data) == command
        if is_encrypted(envelope):
            iv = base64.b64decode(json.loads(base64.b64decode(raw["data"]["command"]))["iv"])
            encrypter = Encrypter(line["app_key"], cipher=line["cipher"], random_bytes=lambda size: iv)
    known = set(Envelope.parse(WRITABLE[0].body).payload) | {"createdAt", "delay", "id", "attempts"}
    known |= {"deleteWhenMissingModels", "retryUntil", "illuminate:log:context"}
    built = build_payload(
        envelope.command_name or envelope.job,
        data,
        tries=raw["maxTries"],
        max_exceptions=raw["maxExceptions"],
        fail_on_timeout=raw["failOnTimeout"],
        backoff=raw["backoff"],
        timeout=raw["timeout"],
        retry_until=raw.get("retryUntil"),
        delay=raw.get("delay"),
        delete_when_missing_models=raw.get("deleteWhenMissingModels", False),
        encrypted=envelope.is_object_job and is_encrypted(envelope),
        encrypter=encrypter,
        context=read_context(envelope),
        headers={key: value for key, value in raw.items() if key not in known},
        batch_id=envelope.batch_id,
        display_name=raw["displayName"],
        string_job=not envelope.is_object_job,
        uuid=raw["uuid"],
        id=raw.get("id"),
        now=raw.get("createdAt", 0),
        version=_version(line),
    )
    # The one thing that decoding loses: which empty array was an object.
    assert built == line.body.replace(b'"emptyObj":{}', b'"emptyObj":[]')


@pytest.mark.parametrize("line", [line for line in lines() if "illuminate:log:context" in line["payload"]], ids=names)
def test_the_log_context_is_read_and_passed_on_as_it_was(line: Line) -> None:
    envelope = Envelope.parse(line.body)
    context = read_context(envelope)
    assert context
    if line["case"] == "log-context":
        assert context.data["trace_id"] == "abc-123"
        assert context.data["user"].id == 1
        assert context.data["crumbs"] == ["one", "two"]
        assert context.hidden == {"secret": {"k": 1}}
    passed_on = LogContext(context.raw_data, context.raw_hidden).payload()
    given = envelope.payload["illuminate:log:context"]
    assert passed_on == {key: value or [] for key, value in given.items()}
