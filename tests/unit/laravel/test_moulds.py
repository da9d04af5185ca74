"""Payloads made in a mould are those that are built the general way, byte for byte."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lara_queue.errors import InvalidPayload
from lara_queue.laravel.build import LaravelVersion, build_payload
from lara_queue.laravel.encrypter import Encrypter
from lara_queue.laravel.envelope import Envelope
from lara_queue.laravel.jobs import view
from lara_queue.laravel.json import _walk, encode_json, encode_text
from lara_queue.laravel.moulds import Mould, Moulds

OWN = {"uuid": "6f1b24a7-7c02-4a8e-9a2e-0d4f4fd0a9b1", "now": 1_795_331_162.9, "encrypter": None}
VERSIONS = list(LaravelVersion)


class Builder:
    """The general way, with a Laravel and more; counts its payloads."""

    def __init__(self, version: LaravelVersion = LaravelVersion.V8, **more: Any) -> None:
        self.more = {"version": version, **more}
        self.built = 0

    def __call__(self, name: str, options: Mapping[str, Any], **own: Any) -> bytes:
        self.built += 1
        given_ = {option: value for option, value in options.items() if option not in ("queue", "delay")}
        return build_payload(name, **{**self.more, **given_, **own})


texts = st.text(max_size=8) | st.sampled_from(["a/b", "\u2028", "é", "7", "\ud800", '"', "\\", "\x00", "😀"])
leaves = st.none() | st.booleans() | st.integers(-(2**65), 2**65) | st.floats() | texts | st.binary(max_size=3)
values = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=4) | st.tuples(inner) | st.dictionaries(texts | st.integers(-1, 2), inner, max_size=4)
    ),
    max_leaves=12,
)
options = st.fixed_dictionaries(
    {},
    optional={
        "queue": st.sampled_from([None, "emails"]),
        "delay": st.sampled_from([None, 5]),
        "tries": st.none() | st.integers(0, 3) | st.booleans(),
        "backoff": st.none() | st.integers(0, 9) | st.lists(st.integers(0, 9)) | st.just("1,2"),
        "timeout": st.none() | st.integers(0, 90),
        "max_exceptions": st.none() | st.integers(0, 3),
        "fail_on_timeout": st.booleans(),
        "retry_until": st.none() | st.just(1_800_000_000),
    },
)


@settings(max_examples=300)
@given(
    st.sampled_from(["App\\Jobs\\Send", "\\App\\Nö", "App\\Send@fire", "Send@", 'A"/\\B']),
    options,
    st.none() | st.dictionaries(texts, values, max_size=4) | values,
    st.sampled_from(VERSIONS),
    st.booleans(),
)
def test_a_payload_from_a_mould_is_the_one_that_is_built(
    name: str, given_: dict[str, Any], data: Any, version: LaravelVersion, with_id: bool
) -> None:
    build = Builder(version)
    own = {**OWN, "id": "iD42" if with_id else None}
    try:
        mould = Mould(name, given_, with_id, build)
    except InvalidPayload:  # no name of a class
        with pytest.raises(InvalidPayload):
            build(name, given_, data={}, **own)
        return
    made = mould.cast(data, **own)
    if made is None:
        with pytest.raises(InvalidPayload):
            build(name, given_, data=data, **own)
    else:
        assert made == build(name, given_, data=data, **own)


@given(texts)
def test_a_text_is_written_alike_alone_and_with_others(text: str) -> None:
    try:
        expected = encode_json([text])[1:-1]
    except InvalidPayload:
        return
    assert encode_text(text) == expected


@given(st.floats(allow_nan=False, allow_infinity=False) | st.decimals(-(10**17), 10**17, places=3).map(float))
def test_a_float_is_written_alike_both_ways(number: float) -> None:
    assert encode_json(number) == "".join(_walk(number, 9)).encode()


def test_what_is_inside_counts_what_is_around_it() -> None:
    value: Any = "x"
    for _ in range(511):
        value = [value]
    assert encode_json({"data": value})[8:-1] == encode_json(value, inside=1)
    with pytest.raises(InvalidPayload, match="depth"):
        encode_json([value], inside=1)


def test_encrypted_jobs_are_encrypted_one_by_one() -> None:
    encrypter = Encrypter("base64:" + "A" * 43 + "=")
    build = Builder(encrypter=encrypter)
    mould = Mould("App\\Send", {"encrypted": True}, True, build)
    own: dict[str, Any] = {**OWN, "id": "x", "encrypter": encrypter}
    bodies = [mould.cast({"to": "Ada"}, **own) for _ in range(2)]
    commands = [json.loads(body or b"")["data"]["command"] for body in bodies]
    assert commands[0] != commands[1]
    assert all(view(Envelope.parse(body or b""), encrypter).data == {"to": "Ada"} for body in bodies)
    assert mould.cast({"to": "Ada"}, **{**own, "encrypter": None}) is None


def test_a_mould_is_made_for_what_comes_twice() -> None:
    build = Builder()
    moulds = Moulds(build)
    assert moulds.find("A", {}, True) is None
    assert build.built == 0
    assert moulds.find("A", {"queue": "other"}, True) is moulds.find("A", {}, True) is not None
    assert build.built == 1
    assert moulds.find("A", {}, False) is None


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"tries": 1}, {"tries": True}),
        ({"tries": 1}, {}),
        ({"backoff": [1]}, {"backoff": 1}),
        ({}, {"encrypted": True}),
    ],
)
def test_other_options_want_another_mould(one: dict[str, Any], other: dict[str, Any]) -> None:
    moulds = Moulds(Builder())
    for given_ in (one, other, one, other):
        found = moulds.find("A", given_, True)
        other_found = moulds.find("A", other if given_ is one else one, True)
        assert found is None or found is not other_found
    assert moulds.find("A", one, True) is not None


@pytest.mark.parametrize(
    "given_", [{"headers": {"a": 1}}, {"timeout": 1.5}, {"backoff": [1.5]}, {"retry_until": object()}]
)
def test_options_that_may_be_others_next_time_have_no_mould(given_: dict[str, Any]) -> None:
    moulds = Moulds(Builder())
    assert [moulds.find("A", given_, True) for _ in range(3)] == [None] * 3


@pytest.mark.parametrize("headers", [{"uuid": "mine"}, {"data": "mine"}, {"createdAt": 1, "data": [1]}])
def test_what_beats_a_mark_leaves_no_mould(headers: dict[str, Any]) -> None:
    moulds = Moulds(Builder(headers=headers))
    assert [moulds.find("A@b", {}, True) for _ in range(3)] == [None] * 3


def test_a_name_that_is_refused_is_refused_by_the_general_way() -> None:
    moulds = Moulds(Builder())
    assert [moulds.find("no class", {}, True) for _ in range(3)] == [None] * 3


def test_made_up_names_do_not_pile_up() -> None:
    moulds = Moulds(Builder())
    for number in range(1000):
        moulds.find(f"A{number}", {}, True)
    assert len(moulds._made) <= 256
