"""What a job means: kinds, data without Laravel's own properties, closures, commands that cannot be opened."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from lara_queue.errors import DecryptError, PayloadError, PhpUnserializeError, SignatureError
from lara_queue.laravel import names
from lara_queue.laravel.build import build_payload
from lara_queue.laravel.closures import Closure, read_closure, sign
from lara_queue.laravel.command import class_of, open_command
from lara_queue.laravel.encrypter import Encrypter
from lara_queue.laravel.envelope import Envelope
from lara_queue.laravel.jobs import JobView, view
from lara_queue.laravel.models import ModelIdentifier
from lara_queue.php import PhpCustom, PhpObject, dumps, private, protected

from .corpus import case, parsed

QUEUEABLE = {
    **dict.fromkeys(("job", "connection", "queue", "messageGroup", "deduplicator", "delay", "afterCommit")),
    "debounceOwner": "",
    "uniqueLockOwner": "",
    "middleware": [],
    "chained": [],
    **dict.fromkeys(("chainConnection", "chainQueue", "chainCatchCallbacks")),
}


def seen(command: Any, **options: Any) -> JobView:
    body = build_payload(command.class_name, command, uuid="u", id=None, now=0, **options)
    return view(Envelope.parse(body))


def test_what_queueable_leaves_at_its_default_is_not_data() -> None:
    assert seen(PhpObject("App\\Job", {"payload": 1, **QUEUEABLE})).data == {"payload": 1}


def test_what_was_set_is_data() -> None:
    command = PhpObject(
        "App\\Job", {**QUEUEABLE, "queue": "high", "delay": 0, "afterCommit": False, "middleware": ["x"]}
    )
    assert seen(command).data == {"queue": "high", "delay": 0, "afterCommit": False, "middleware": ["x"]}


def test_a_users_own_properties_of_those_names_are_kept() -> None:
    own: dict[Any, Any] = {
        "connection": None,
        "job": None,
        "queue": None,
        "chained": [],
        "batchId": None,
        "delay": None,
    }
    assert seen(PhpObject("App\\Job", own)).data == own
    assert seen(PhpObject("App\\Job", {**QUEUEABLE, protected("delay"): 1, "batchId": 7})).data == {"batchId": 7}


def test_what_batchable_brings_is_not_data() -> None:
    fake = {private("fakeBatch"): None}
    assert seen(PhpObject("App\\Job", {"n": 1, "batchId": None, **fake})).data == {"n": 1}
    batched = seen(PhpObject("App\\Job", {"n": 1, "batchId": "b-1"}), batch_id="b-1")
    assert batched.data == {"n": 1}
    assert batched.batch_id == "b-1"


def test_a_chain_is_not_data_but_chained() -> None:
    command = PhpObject("App\\Job", {"n": 1, "chained": ['O:1:"B":0:{}', b'O:1:"C":0:{}'], "chainQueue": "q"})
    found = seen(command)
    assert found.data == {"n": 1}
    assert found.chained == [b'O:1:"B":0:{}', b'O:1:"C":0:{}']
    assert (found.chain_queue, found.chain_connection) == ("q", None)
    assert seen(PhpObject("App\\Job", {"chained": ["my", "own"]})).data == {"chained": ["my", "own"]}


def test_properties_that_python_has_words_for() -> None:
    """MS-10: an unset property is absent; the others keep their values."""
    found = seen(PhpObject("App\\Job", {"items": 1, "class_name": 2, protected("get"): 3, private("keys"): [4]}))
    assert found.data == {"items": 1, "class_name": 2, "get": 3, "keys": [4]}


def test_a_listener_shows_its_event() -> None:
    """LI-01."""
    found = view(Envelope.parse(case("listener").body))
    assert (found.kind, found.name) == ("listener", "App\\Listeners\\SendShipmentNotice")
    assert found.data == {"order": ModelIdentifier("App\\Models\\Order", 101, [], "sqlite"), "carrier": "DHL"}
    assert found.inner.class_name == "App\\Events\\OrderShipped"
    assert found.about == {"listener": "App\\Listeners\\SendShipmentNotice", "method": "handle"}


def test_a_listener_of_a_plain_event_shows_the_arguments() -> None:
    """LI-01: an event that is dispatched with ('foo', 'bar')."""
    command = PhpObject(names.CALL_QUEUED_LISTENER, {"class": "App\\L", "method": "someMethod", "data": ["foo", "bar"]})
    found = seen(command)
    assert found.data == {"arguments": ["foo", "bar"]}
    assert found.inner == ["foo", "bar"]
    assert found.about["method"] == "someMethod"


def test_a_closure_listener_shows_event_and_closure() -> None:
    line = case("listener-closure")
    found = view(Envelope.parse(line.body), line.encrypter)
    assert found.data == {"id": 4, "data": []}
    assert found.about["closure"].parameters == ("\\App\\Events\\PlainHappened $e",)


def test_mail_notification_and_broadcast_show_what_is_inside() -> None:
    mail = view(Envelope.parse(case("mailable").body))
    assert mail.kind == "mailable"
    assert mail.data["greeting"] == "Hello"
    assert mail.inner.class_name == "App\\Mail\\Welcome"
    note = view(Envelope.parse(case("notification").body))
    assert note.kind == "notification"
    assert note.data["amount"] == 1999
    assert note.about["channels"] == ["mail"]
    assert note.about["notifiables"].id == [7]
    event = view(Envelope.parse(case("broadcast").body))
    assert event.kind == "broadcast"
    assert event.data == {"score": 42, "players": ["ann", "bob"]}


def test_artisan_commands() -> None:
    found = seen(PhpObject(names.QUEUED_COMMAND, {protected("data"): ["mail:send", {"user": 1}], **QUEUEABLE}))
    assert found.kind == "artisan"
    assert found.data == {"command": "mail:send", "parameters": {"user": 1}}
    assert seen(PhpObject(names.QUEUED_COMMAND, {protected("data"): ["inspire"]})).data["parameters"] == {}


def test_a_batch_in_a_chain() -> None:
    jobs = PhpObject(names.COLLECTION, {protected("items"): [PhpObject("App\\J", {"n": 1})]})
    found = seen(PhpObject(names.CHAINED_BATCH, {"jobs": jobs, "name": "import", "options": [], "batchId": None}))
    assert found.kind == "batch"
    assert found.data["name"] == "import"
    assert found.data["jobs"][0]["n"] == 1


def test_name_and_kind_need_no_decoding() -> None:
    broken = envelope("nonsense", "Illuminate\\Mail\\SendQueuedMailable")
    found = view(broken)
    assert (found.name, found.kind) == ("App\\Job", "mailable")
    with pytest.raises(PayloadError):
        _ = found.data


def test_the_kind_is_told_from_the_command_when_its_name_is_missing() -> None:
    assert view(envelope('O:34:"Illuminate\\Queue\\CallQueuedClosure":0:{}', None)).kind == "closure"
    assert class_of("eyJpdiI6") is None


def envelope(command: Any, command_name: str | None = "App\\Job") -> Envelope:
    data = {"commandName": command_name, "command": command}
    return parsed({"job": names.CALL_QUEUED_HANDLER, "displayName": "App\\Job", "data": data})


@pytest.mark.parametrize(
    ("command", "error", "message"),
    [
        ('O:7:"App\\Job":1:{s:1:"a";', PhpUnserializeError, "at byte"),
        (None, PayloadError, r"no data\.command"),
        ("", PayloadError, "is empty"),
        ("a:0:{}", DecryptError, "encrypted, or damaged, and no app_key was given"),
        ('C:7:"App\\Job":0:{}', DecryptError, "no app_key was given"),
    ],
)
def test_a_command_that_cannot_be_opened_says_why(command: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        open_command(envelope(command))


def test_an_encrypted_command_and_the_wrong_key() -> None:
    text = Encrypter(b"a" * 32).encrypt_command(b'O:7:"App\\Job":1:{s:6:"secret";s:4:"4111";}')
    with pytest.raises(DecryptError, match=r"App\\Job is encrypted.*The MAC is invalid") as caught:
        open_command(envelope(text), Encrypter(b"b" * 32))
    assert "4111" not in str(caught.value)
    assert text not in str(caught.value)


def test_what_was_encrypted_must_be_an_object() -> None:
    encrypter = Encrypter(b"a" * 32)
    with pytest.raises(PayloadError, match="not an object but list"):
        open_command(envelope(encrypter.encrypt_command(b"a:0:{}")), encrypter)


def test_a_string_job_has_no_command() -> None:
    with pytest.raises(PayloadError, match="string job"):
        open_command(parsed({"job": "A@b"}))


NATIVE = PhpObject(
    names.NATIVE_SERIALIZER, {"use": {"x": 5}, "function": "function() use($x){ return $x; }", "scope": None}
)


def signed(serialized: bytes, hash_: str) -> PhpObject:
    inner = PhpObject(names.SIGNED_SERIALIZER, {"serializable": serialized, "hash": hash_})
    return PhpObject(names.SERIALIZABLE_CLOSURE, {"serializable": inner})


def test_the_protocols_signature_vector() -> None:
    native = (
        b'O:46:"Laravel\\SerializableClosure\\Serializers\\Native":5:{s:3:"use";a:1:{s:1:"x";i:5;}s:8:"function";s:32:'
        b'"function() use($x){ return $x; }";s:5:"scope";N;s:4:"this";N;'
        b's:4:"self";s:32:"00000000000000030000000000000000";}'
    )
    assert sign(native, "secret") == "SCFB4FyQYjfe8BXivwl1xNZ2qUyFkPWPy9/R52r0xG4="
    closure = read_closure(signed(native, sign(native, "secret")), "secret")
    assert (closure.bound, closure.verified, closure.parameters) == ({"x": 5}, True, ())


def test_a_forged_or_unsigned_closure_is_refused() -> None:
    serialized = dumps(NATIVE)
    for closure in (signed(serialized, sign(serialized, "other")), signed(serialized + b" ", sign(serialized, "key"))):
        with pytest.raises(SignatureError, match="does not match"):
            read_closure(closure, "key")
    unsigned = PhpObject(names.SERIALIZABLE_CLOSURE, {"serializable": NATIVE})
    with pytest.raises(SignatureError, match="not signed"):
        read_closure(unsigned, "key")
    assert read_closure(unsigned).bound == {"x": 5}
    assert not read_closure(PhpObject(names.UNSIGNED_CLOSURE, {"serializable": NATIVE}), "key").verified


@pytest.mark.parametrize("value", [None, "x", PhpObject("X"), PhpCustom("Opis\\Closure\\SerializableClosure", b"a:1")])
def test_what_is_no_closure_is_refused(value: Any) -> None:
    with pytest.raises(PayloadError):
        read_closure(value)


def test_a_forged_closure_job_has_no_data() -> None:
    line = case("closure")
    found = view(Envelope.parse(line.body), Encrypter(b"x" * 32))
    assert found.name.startswith("Closure (")
    with pytest.raises(SignatureError):
        _ = found.data


@pytest.mark.parametrize(
    ("source", "parameters"),
    [
        ("fn () => 1", ()),
        ("static function (int $a, ?Foo &...$rest): void {}", ("int $a", "?Foo &...$rest")),
        (
            "fn (array $a = ['x' => f(1, 2)], string $b = 'it\\'s, (') => $a",
            ("array $a = ['x' => f(1, 2)]", "string $b = 'it\\'s, ('"),
        ),
        ("no closure", ()),
        ("function (unclosed", ()),
    ],
)
def test_parameters_are_shown_as_written(source: str, parameters: tuple[str, ...]) -> None:
    assert Closure(source).parameters == parameters


def test_string_job_data() -> None:
    def data(value: Any) -> Any:
        return view(parsed({"job": "A@b", "data": value})).data

    assert data({"a": 1}) == {"a": 1}
    assert data([]) == data("") == data(None) == data({}) == {}
    assert data([1, 2]) == {"data": [1, 2]}
    assert data(0) == {"data": 0}
    assert data(False) == {"data": False}


def test_the_corpus_app_key_is_what_it_says() -> None:
    assert base64.b64decode(case("closure")["app_key"][7:]) == b"lara-queue-golden-key-32-bytes!!"
    assert json.loads(case("closure").body)["displayName"] == view(Envelope.parse(case("closure").body)).name
