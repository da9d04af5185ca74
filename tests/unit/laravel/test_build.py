"""Payloads for PHP: versions, JSON, options, hooks, retries."""

from __future__ import annotations

import base64
import json
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lara_queue.errors import ConfigurationError, InvalidPayload, PayloadError, PhpSerializeError
from lara_queue.laravel.build import (
    NEWEST,
    LaravelVersion,
    build_command,
    build_payload,
    parse_version,
    retry_payload,
    set_attempts,
)
from lara_queue.laravel.command import open_command
from lara_queue.laravel.context import LogContext
from lara_queue.laravel.encrypter import Encrypter
from lara_queue.laravel.envelope import Envelope
from lara_queue.laravel.jobs import view
from lara_queue.laravel.json import encode_json
from lara_queue.php import PhpObject, private, protected

from .corpus import lines

NOW = 1_795_331_162


def build(name: str = "App\\Jobs\\Job1", data: Any = None, **options: Any) -> bytes:
    return build_payload(name, data, **{"uuid": "u-1", "id": "i-1", "now": NOW, **options})


def built(*args: Any, **options: Any) -> dict[str, Any]:
    return dict(json.loads(build(*args, **options)))


def test_the_protocols_own_vector() -> None:
    body = build(
        data={"id": 7, "s": "é/x"}, tries=3, backoff=[1, 5], retry_until=1_700_000_000, delay=30, version=NEWEST
    )
    assert body == (
        b'{"uuid":"u-1","displayName":"App\\\\Jobs\\\\Job1","job":"Illuminate\\\\Queue\\\\CallQueuedHandler@call","maxTries":3,'
        b'"maxExceptions":null,"failOnTimeout":false,"backoff":"1,5","timeout":null,"retryUntil":1700000000,'
        b'"deleteWhenMissingModels":false,"data":{"commandName":"App\\\\Jobs\\\\Job1","command":"O:13:\\"App\\\\Jobs\\\\Job1\\":2:'
        b'{s:2:\\"id\\";i:7;s:1:\\"s\\";s:4:\\"\xc3\xa9\\/x\\";}","batchId":null},"createdAt":1795331162,"id":"i-1","attempts":0,"delay":30}'
    )


@pytest.mark.parametrize(
    ("version", "has"),
    [
        ("8", ""),
        (10, ""),
        ("11.56.0", ""),
        ("12.10", ""),
        ("12.11", "createdAt delay"),
        ("12.50.3", "createdAt delay"),
        ("12.51", "createdAt delay batchId"),
        (12, "createdAt delay batchId"),
        (13, "createdAt delay batchId deleteWhenMissingModels"),
        (14, "createdAt delay batchId deleteWhenMissingModels"),
        (None, "createdAt delay batchId deleteWhenMissingModels"),
    ],
)
def test_each_version_writes_its_own_keys(version: Any, has: str) -> None:
    payload = built(version=parse_version(version))
    found = {key for key in ("createdAt", "delay", "deleteWhenMissingModels") if key in payload}
    found |= {"batchId"} & payload["data"].keys()
    assert found == set(has.split())


@pytest.mark.parametrize("version", ["7", "x", "8.x", "", "-1", 5.8])
def test_what_is_no_version_is_refused(version: Any) -> None:
    with pytest.raises(ConfigurationError, match="laravel_version"):
        parse_version(version)


def test_versions_are_told_by_minor() -> None:
    assert parse_version(12.51) is LaravelVersion.V12_51
    assert parse_version(LaravelVersion.V8) is LaravelVersion.V10 is LaravelVersion.V11


def test_no_id_and_attempts_but_on_redis() -> None:
    assert {"id", "attempts"} & built(id=None).keys() == set()


def test_delay_is_null_unless_asked_for() -> None:
    """DL-01: a delay of 0 is a delay; none is null, so that retries keep their own backoff."""
    assert built()["delay"] is None
    assert built(delay=0)["delay"] == 0
    assert built(delay=timedelta(minutes=1))["delay"] == 60
    assert built(delay=datetime.fromtimestamp(NOW + 90, timezone.utc))["delay"] == 90
    assert built(delay=datetime.fromtimestamp(NOW - 90, timezone.utc))["delay"] == 0


def test_the_settings_as_the_worker_reads_them() -> None:
    """LI-06 for any job: tries, exceptions, retry-until."""
    envelope = Envelope.parse(
        build(
            tries=5,
            max_exceptions=1,
            backoff=(1, timedelta(seconds=5), datetime.fromtimestamp(NOW + 9, timezone.utc)),
            timeout=1.2,
            fail_on_timeout=True,
            retry_until=timedelta(hours=1),
        )
    )
    assert (envelope.max_tries, envelope.max_exceptions, envelope.fail_on_timeout) == (5, 1, True)
    assert envelope.backoff == (1, 5, 9)
    assert envelope.timeout == 2
    assert envelope.retry_until == NOW + 3600
    assert built(retry_until=datetime(2027, 1, 1, tzinfo=timezone.utc))["retryUntil"] == 1_798_761_600
    assert built(backoff=30)["backoff"] == "30"
    assert built(backoff="3,4")["backoff"] == "3,4"


def test_the_batch_is_named_in_the_envelope_and_in_the_command() -> None:
    """PL-01."""
    payload = built(data={"row": 1}, batch_id="test-batch-id")
    assert payload["data"]["batchId"] == "test-batch-id"
    assert 's:7:"batchId";s:13:"test-batch-id";' in payload["data"]["command"]


def test_visibility_and_order_of_properties() -> None:
    data = {"to": 1, protected("secret"): 2, private("key"): 3, private("key", cls="App\\Base"): 4}
    assert build_command("App\\Job", data) == (
        b'O:7:"App\\Job":4:{s:2:"to";i:1;s:9:"\0*\0secret";i:2;s:12:"\0App\\Job\0key";i:3;s:13:"\0App\\Base\0key";i:4;}'
    )


def test_a_php_object_is_a_command_of_its_own() -> None:
    command = PhpObject("App\\Jobs\\Job1", {"n": 1})
    assert open_command(Envelope.parse(build(data=command))) == command


def test_only_what_was_given_is_in_the_command() -> None:
    assert built(tries=3, timeout=5, delay=4)["data"]["command"] == 'O:13:"App\\Jobs\\Job1":0:{}'
    assert built("\\App\\Jobs\\Job1")["displayName"] == "App\\Jobs\\Job1"


def test_string_jobs() -> None:
    payload = built("App\\Legacy@fire", {"a": []}, version=LaravelVersion.V8)
    assert list(payload) == [
        *("uuid", "displayName", "job", "maxTries", "maxExceptions", "failOnTimeout", "backoff", "timeout", "data"),
        *("id", "attempts"),
    ]
    assert (payload["displayName"], payload["job"]) == ("App\\Legacy", "App\\Legacy@fire")
    assert "deleteWhenMissingModels" not in built("App\\Legacy@fire")
    assert built("App\\Legacy@fire")["data"] == ""
    assert built("App\\Legacy", 42, string_job=True)["data"] == 42


@pytest.mark.parametrize("data", [[1], "text", 7])
def test_an_object_job_needs_properties(data: Any) -> None:
    with pytest.raises(InvalidPayload, match=r"App.*@fire"):
        build(data=data)


@pytest.mark.parametrize("data", [{"x": b"\xc3\x28"}, {"x": "\ud800"}, PhpObject("J", {"x": [b"\xff"]})])
def test_text_that_is_not_utf8_is_refused(data: Any) -> None:
    """PL-04, for an object."""
    with pytest.raises(InvalidPayload, match=r"job \[App.*\] on queue \[queue-name\]"):
        build(data=data, queue="queue-name")


@pytest.mark.parametrize("data", [["\ud800"], {"x": b"\xc3\x28"}, {b"\xff": 1}])
def test_text_that_is_not_utf8_is_refused_in_string_jobs(data: Any) -> None:
    """PL-04, for an array."""
    with pytest.raises(InvalidPayload, match="Malformed UTF-8"):
        build("App\\Legacy@fire", data)


def test_an_encrypted_job_may_hold_any_bytes() -> None:
    encrypter = Encrypter(b"k" * 32)
    body = build(data={"x": b"\xc3\x28"}, encrypted=True, encrypter=encrypter)
    assert view(Envelope.parse(body), encrypter).data == {"x": b"\xc3\x28"}
    payload = json.loads(body)
    assert payload["data"]["commandName"] == payload["displayName"] == "App\\Jobs\\Job1"
    assert json.loads(base64.b64decode(payload["data"]["command"])).keys() == {"iv", "value", "mac", "tag"}


def test_encryption_needs_a_key_and_a_command() -> None:
    with pytest.raises(ConfigurationError, match="no app_key"):
        build(encrypted=True)
    with pytest.raises(InvalidPayload, match="no command to encrypt"):
        build("A@b", encrypted=True, encrypter=Encrypter(b"k" * 32))


@pytest.mark.parametrize("data", [{"x": object()}, {"x": 2**63}, {1.5: 2}])
def test_what_has_no_php_form_is_refused(data: Any) -> None:
    with pytest.raises(InvalidPayload):
        build(data=data)


def test_errors_keep_their_kind() -> None:
    with pytest.raises(PhpSerializeError):
        build(data={"x": 2**63})


@pytest.mark.parametrize("value", [float("inf"), float("nan")])
def test_infinity_is_no_json(value: float) -> None:
    with pytest.raises(InvalidPayload, match="Inf and NaN cannot be JSON encoded"):
        build("A@b", {"x": value})


def test_hooks_are_merged_in_order_and_headers_last() -> None:
    seen: list[Any] = []

    def first(connection: str | None, queue: str | None, payload: dict[str, Any]) -> dict[str, Any]:
        seen.append((connection, queue, payload["uuid"]))
        return {"tenant": "acme", "displayName": "Renamed", "data": "mine"}

    def second(connection: str | None, queue: str | None, payload: dict[str, Any]) -> dict[str, Any]:
        return {"second": payload["tenant"] + "!"}

    payload = built(
        data={"n": 1},
        hooks=[first, second, lambda *_: None],
        headers={"second": "header", "meta": {"empty": {}}},
        connection="redis",
        queue="queues:q",
        context=LogContext.of({"a": 1}),
    )
    assert seen == [("redis", "queues:q", "u-1")]
    assert payload["displayName"] == "Renamed"
    assert payload["data"]["commandName"] == "App\\Jobs\\Job1", "a hook cannot take the command away"
    assert list(payload)[-7:] == ["illuminate:log:context", "tenant", "second", "meta", "id", "attempts", "delay"]
    assert (payload["second"], payload["meta"]) == ("header", {"empty": []})


def test_no_context_adds_nothing() -> None:
    """CX-02."""
    assert "illuminate:log:context" not in built(context=LogContext())
    assert "illuminate:log:context" not in built(context=None)


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("a/b", b'"a\\/b"'),
        ("\u2028é\u2029", b'"\\u2028\xc3\xa9\\u2029"'),
        ("\0\x1f\x7f\b\f\n\r\t", b'"\\u0000\\u001f\x7f\\b\\f\\n\\r\\t"'),
        (
            [1.0, 0.1, -0.0, 1e100, 1e-7, 1e17, 1e16, 0.0001, 0.00001],
            b"[1,0.1,-0,1.0e+100,1.0e-7,1.0e+17,10000000000000000,0.0001,1.0e-5]",
        ),
        ({}, b"[]"),
        ({"a": {}}, b'{"a":[]}'),
        ({0: "a", 1: "b"}, b'["a","b"]'),
        ({1: "a"}, b'{"1":"a"}'),
        ((1, {2}), b"[1,[2]]"),
        (datetime(2024, 1, 2, 3, 4, 5, 6, timezone(timedelta(hours=1))), b'"2024-01-02T02:04:05.000006Z"'),
        (2**64, b"18446744073709551616"),
        (b"bytes", b'"bytes"'),
    ],
)
def test_json_as_php_writes_it(value: Any, written: bytes) -> None:
    assert encode_json(value) == written


def test_json_with_phps_default_flags() -> None:
    assert encode_json("é🎧\u2028/", escape_unicode=True) == b'"\\u00e9\\ud83c\\udfa7\\u2028\\/"'


def test_json_depth_is_bounded() -> None:
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(InvalidPayload, match="Maximum stack depth exceeded"):
        encode_json(endless)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(-1e15, 1e15) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, min_size=1, max_size=4),
    max_leaves=12,
)


@given(JSON)
def test_any_json_is_read_back(value: Any) -> None:
    assert json.loads(encode_json(value)) == value
    assert json.loads(encode_json(value, escape_unicode=True)) == value
    assert encode_json(value, escape_unicode=True).isascii()


def test_a_retried_payload_keeps_its_bytes() -> None:
    body = (
        b'{"job":"A@b","data":{"attempts":3,"t":"\\"attempts\\":9"}, '
        b'"big":9223372036854775807,"o":{},"attempts":2,"f":1.0}'
    )
    assert retry_payload(body) == body.replace(b'"attempts":2', b'"attempts":0')
    assert retry_payload(b'{"job":"A@b"}') == b'{"job":"A@b"}', "a database counts elsewhere"


@pytest.mark.parametrize(
    "body",
    [
        b'{"attempts" : 2 ,"job":"A@b"}',
        b'{"job":"A@b","attempts":"2"}',
        b'{"job":"A@b","attempts":1e+14}',
        b'{"job":"A@b","attempts":null}',
    ],
)
def test_attempts_in_any_spelling(body: bytes) -> None:
    assert json.loads(retry_payload(body)) == {"job": "A@b", "attempts": 0}


def test_a_payload_with_an_endless_number_keeps_it() -> None:
    assert set_attempts(b'{"job":"A@b","x":1e400,"attempts":1}', 2) == b'{"job":"A@b","x":1e400,"attempts":2}'


def test_attempts_that_cannot_be_found_are_written_anew() -> None:
    assert json.loads(retry_payload(b'{"job":"A@b","\\u0061ttempts":2}')) == {"job": "A@b", "attempts": 0}


def test_what_is_no_payload_is_not_retried() -> None:
    with pytest.raises(PayloadError):
        retry_payload(b"nonsense")


@pytest.mark.parametrize("line", [line for line in lines() if line["driver"] == "redis"][::7], ids=repr)
def test_golden_payloads_keep_their_bytes(line: Any) -> None:
    body = set_attempts(line.body, 12345)
    attempts = json.loads(line.body)["attempts"]
    assert body.replace(b'"attempts":12345', b'"attempts":%d' % attempts) == line.body


@given(st.dictionaries(st.sampled_from(["attempts", "a", "b\\", '"', "data"]), JSON), st.integers(0, 9))
def test_set_attempts_changes_nothing_else(payload: dict[str, Any], attempts: int) -> None:
    body = json.dumps({"job": "A@b", **payload}).encode()  # floats here are below those that PHP writes without a point
    assert json.loads(set_attempts(body, attempts)) == {"job": "A@b", **payload, "attempts": attempts}
