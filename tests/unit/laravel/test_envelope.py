"""Reading envelopes: PHP's tolerance, and clear refusals."""

from __future__ import annotations

import json
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lara_queue.errors import PayloadError
from lara_queue.laravel import envelope as envelope_module
from lara_queue.laravel.envelope import Envelope, php_number

from .corpus import lines, parsed


def envelope(**keys: Any) -> Envelope:
    return Envelope.parse(json.dumps({"job": "App\\Jobs\\Legacy@fire", "data": [], **keys}).encode())


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "not JSON"),
        (b"nonsense", "not JSON"),
        (b'{"job":"A@b"', "not JSON"),
        (b'{"job":"A@b"} trailing', "not JSON"),
        (b'{"job":"\xff"}', "not valid UTF-8"),
        (b'{"job":"\\ud800"}', "not JSON"),
        (b'{"job":"A@b","x":NaN}', "not JSON"),
        (b'{"job":"A@b","data":"\\ud800"}', "not JSON"),
        (b'{"job":"A@b","x":"\xff"}', "not valid UTF-8"),
        (b"[]", "a list"),
        (b"null", "null"),
        (b'"job"', "a string"),
        (b"7", "a number"),
        (b"{}", 'no "job"'),
        (b'{"data":[]}', 'no "job"'),
        (b'{"job":null}', "null"),
        (b'{"job":""}', "an empty string"),
        (b'{"job":{"a":1}}', "an object"),
        (b"[" * 100_000, "512 levels"),
        (b'{"job":"A@b","data":' + b"[" * 512 + b"]" * 512 + b"}", "512 levels"),
        (b'{"job":"A@b","data":' + b'{"a":' * 600 + b"1" + b"}" * 600 + b"}", "512 levels"),
    ],
)
def test_what_is_no_payload_is_refused_with_the_reason(body: bytes, reason: str) -> None:
    with pytest.raises(PayloadError, match=reason):
        Envelope.parse(body)


def test_nesting_is_followed_as_deep_as_php_does() -> None:
    body = b'{"job":"A@b","data":' + b"[" * 511 + b"]" * 511 + b"}"
    assert Envelope.parse(body).job == "A@b"


def test_an_object_jobs_data_is_decoded_when_asked_for() -> None:
    handler = "Illuminate\\\\Queue\\\\CallQueuedHandler@call"
    with pytest.raises(PayloadError, match="not JSON"):  # what is wrong in it is seen at once
        Envelope.parse(b'{"job":"%b","data":{"command":"O:\\ud800"}}' % handler.encode())
    huge = Envelope.parse(b'{"job":"%b","data":{"command":"O:","n":1e400}}' % handler.encode())
    assert (huge.command, huge.data["n"]) == ("O:", float("inf"))


def test_a_number_beyond_floats_is_infinite_as_in_php() -> None:
    assert Envelope.parse(b'{"job":"A@b","data":{"n":1e400}}').data == {"n": float("inf")}


def test_payloads_written_by_older_versions_still_run() -> None:
    """PL-09: absent members are null, false, defaults."""
    old = envelope()
    assert old.uuid is None
    assert old.id is None
    assert old.display_name == "App\\Jobs\\Legacy@fire"
    assert old.max_tries is None
    assert old.max_exceptions is None
    assert old.fail_on_timeout is False
    assert old.backoff is None
    assert old.timeout is None
    assert old.retry_until is None
    assert old.created_at is None
    assert old.attempts is None
    assert old.batch_id is None
    assert old.delete_when_missing_models is False
    assert old.command is None
    assert old.command_name is None


def test_an_object_job_without_the_newer_keys_is_one() -> None:
    old = envelope(job="Illuminate\\Queue\\CallQueuedHandler@call", data={"command": "O:1:..."})
    assert old.is_object_job
    assert old.command == "O:1:..."
    assert old.command_name is None
    assert old.batch_id is None


@pytest.mark.parametrize("data", [None, [], {}, "", "text", 7, {"command": None}, {"command": ["O:"]}])
def test_an_object_job_without_a_command_has_none(data: Any) -> None:
    broken = envelope(job="Illuminate\\Queue\\CallQueuedHandler@call", data=data)
    assert broken.command is None


@pytest.mark.parametrize(
    ("keys", "seconds"),
    [
        ({}, None),
        ({"backoff": None, "delay": None}, None),
        ({"backoff": "30"}, (30,)),
        ({"backoff": "1,5,9"}, (1, 5, 9)),
        ({"backoff": ""}, (0,)),
        ({"backoff": "1, 5,x"}, (1, 5, 0)),
        ({"backoff": "2.9"}, (2,)),
        ({"backoff": "1e3"}, (1000,)),
        ({"backoff": 0}, (0,)),
        ({"backoff": 7}, (7,)),
        ({"backoff": 2.5}, (2,)),
        ({"backoff": [1, "5", 9.0]}, (1, 5, 9)),
        ({"backoff": {}}, None),
        ({"backoff": [], "delay": 4}, (4,)),
        ({"delay": 60}, (60,)),
        ({"delay": 0}, (0,)),
        ({"delay": 1e14}, (100_000_000_000_000,)),
        ({"backoff": "3", "delay": 60}, (3,)),
    ],
)
def test_backoff_falls_back_to_delay(keys: dict[str, Any], seconds: tuple[int, ...] | None) -> None:
    assert envelope(**keys).backoff == seconds


def test_numeric_strings_and_cjsons_numbers_count_as_numbers() -> None:
    found = Envelope.parse(
        b'{"job":"A@b","maxTries":"3","maxExceptions":1e+14,"timeout":"1.5","retryUntil":"1700000000","createdAt":1.7e+9,'
        b'"attempts":"2","failOnTimeout":1,"deleteWhenMissingModels":"0","id":7,"uuid":8}'
    )
    assert (found.max_tries, found.max_exceptions, found.timeout) == (3, 100_000_000_000_000, 1.5)
    assert (found.retry_until, found.created_at, found.attempts) == (1_700_000_000, 1_700_000_000, 2)
    assert (found.fail_on_timeout, found.delete_when_missing_models) == (True, False)
    assert (found.id, found.uuid) == ("7", "8")
    assert type(found.max_exceptions) is int


@pytest.mark.parametrize("junk", [[], {}, "soon", "12 apples", "9" * 5000, {"a": 1}])
def test_a_setting_of_a_useless_type_counts_as_absent(junk: Any) -> None:
    found = envelope(maxTries=junk, timeout=junk, retryUntil=junk, attempts=junk, createdAt=junk)
    assert found.max_tries is None
    assert found.timeout is None
    assert found.retry_until is None
    assert found.attempts is None
    assert found.created_at is None


def test_the_old_name_of_retry_until_is_read() -> None:
    assert envelope(timeoutAt=1_700_000_000).retry_until == 1_700_000_000
    assert envelope(timeoutAt=1, retryUntil=2).retry_until == 2


def test_horizons_pushed_at_stands_in_for_created_at() -> None:
    assert envelope(pushedAt="1795333354.5526").created_at == 1795333354.5526


def test_unknown_keys_are_kept() -> None:
    assert envelope(tenant={"id": 7}).payload["tenant"] == {"id": 7}


@pytest.mark.parametrize(
    ("text", "number"), [("1e3", 1000.0), (" 7", 7), ("-0", 0), (".5", 0.5), ("0x1", None), ("", None)]
)
def test_php_sees_numbers_where_php_does(text: str, number: float | None) -> None:
    assert php_number(text) == number


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
KEYS = st.sampled_from(
    [
        "uuid",
        "displayName",
        "maxTries",
        "maxExceptions",
        "failOnTimeout",
        "backoff",
        "timeout",
        "retryUntil",
        "createdAt",
        "attempts",
        "id",
        "data",
        "delay",
    ]
)


@given(st.dictionaries(KEYS, JSON))
def test_no_value_anywhere_breaks_an_accessor(keys: dict[str, Any]) -> None:
    found = envelope(**keys)
    for name in dir(Envelope):
        if not name.startswith("_"):
            getattr(found, name)


@given(st.binary(max_size=80))
def test_no_bytes_raise_anything_but_a_payload_error(body: bytes) -> None:
    try:
        Envelope.parse(body)
    except PayloadError:
        pass


SEEN = (
    *("job", "uuid", "id", "display_name", "max_tries", "max_exceptions", "fail_on_timeout", "backoff", "timeout"),
    *("retry_until", "created_at", "attempts", "is_object_job", "command", "command_name", "batch_id"),
    *("delete_when_missing_models", "data", "payload"),
)


def everything(body: bytes) -> list[str]:
    """All that an envelope says, or why it cannot."""
    said = []
    for name in SEEN:
        try:
            said.append(f"{name} {getattr(Envelope.parse(body), name)!r}")
        except PayloadError as error:
            said.append(f"{name}: {error}")
    return said


def accidents(random: Random, body: bytes) -> bytes:
    at = random.randrange(len(body))
    pieces = (b"", b'"', b"\\", b"\\q", b"1e999", b"\xff", b"\xc3\xa9", b"[]", b"{}", b"null", b"7", b',"data":{}')
    pieces += (b',"command":1', b',"commandName":"B"', b',"x":[1e400,"\\u12"]', b'"data":[],', b'"job":"a",', b"\x01")
    place = random.choice((at, body.find(b'"data":') + 8, body.find(b'"commandName"'), body.find(b'"job"')))
    return body[:place] + random.choice(pieces) + body[place + random.choice((0, 0, 1, 5)) :]


def test_an_object_jobs_envelope_says_what_any_envelope_would(monkeypatch: pytest.MonkeyPatch) -> None:
    random = Random(7)
    bodies = [line.body for line in lines()]
    bodies += [accidents(random, random.choice(bodies)) for _ in range(4000)]
    found = [everything(body) for body in bodies]
    monkeypatch.setattr(envelope_module, "_object_job", lambda body: None)
    for body, said in zip(bodies, found, strict=True):
        assert said == everything(body), body


def test_most_payloads_say_nothing_of_tries_and_times() -> None:
    handler = "Illuminate\\Queue\\CallQueuedHandler@call"
    silent = {"job": handler, "maxTries": None, "backoff": None, "failOnTimeout": False, "timeout": None, "data": {}}
    assert parsed(silent).says_nothing
    assert parsed({"job": "Mail@send"}).says_nothing
    for key in ("maxTries", "backoff", "delay", "timeout", "retryUntil", "timeoutAt", "maxExceptions", "failOnTimeout"):
        assert not parsed({**silent, key: 1}).says_nothing
    for line in lines():
        found = Envelope.parse(line.body)
        if found.says_nothing:
            assert (found.max_tries, found.backoff, found.timeout) == (None, None, None)
            assert (found.retry_until, found.max_exceptions, found.fail_on_timeout) == (None, None, False)
