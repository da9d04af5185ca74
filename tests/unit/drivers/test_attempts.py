"""Counting an attempt touches nothing but the number; the rule in Lua is the rule in Python."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import fakeredis
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lara_queue.drivers.attempts import PROBLEMS, Found, find_attempts, raise_attempts
from lara_queue.drivers.redis.lua import SCRIPTS
from tests.unit.drivers.samples import UNUSABLE, USABLE

Rule = Callable[[bytes], Found]


def _lua_rule(client: Any) -> Rule:
    source = SCRIPTS["reserve"].source.split(b"-- Take up to")[0]  # the libraries without the script
    script = client.register_script(source + b"\nreturn { find_attempts(ARGV[1]) }")

    def rule(body: bytes) -> Found:
        answer: list[int] = script(args=[body])
        start, length = answer[:2]
        return Found(start - 1, length, answer[2]) if start else Found(problem=length)

    return rule


@pytest.fixture(
    params=["python", "lua in fakeredis", pytest.param("lua in redis", marks=pytest.mark.live)], scope="module"
)
def rule(request: pytest.FixtureRequest) -> Iterator[Rule]:
    if request.param == "python":
        yield find_attempts
        return
    if request.param == "lua in redis":
        import redis

        client = redis.Redis.from_url(request.getfixturevalue("own_redis"))
    else:
        client = fakeredis.FakeRedis()
    yield _lua_rule(client)
    client.close()


@pytest.mark.parametrize(("body", "attempts"), USABLE)
def test_the_payloads_own_number_is_found(rule: Rule, body: bytes, attempts: int) -> None:
    found = rule(body)
    assert (found.problem, found.number) == (0, attempts)
    assert json.loads(body)["attempts"] in (attempts, str(attempts))
    raised = body[: found.start] + b"%d" % (attempts + 1) + body[found.start + found.length :]
    assert json.loads(raised) == {**json.loads(body), "attempts": attempts + 1}


@pytest.mark.parametrize("body", UNUSABLE)
def test_what_has_no_number_is_told_so(rule: Rule, body: bytes) -> None:
    found = rule(body)
    assert found == Found(problem=found.problem)
    assert PROBLEMS[found.problem]


@pytest.mark.parametrize("body", UNUSABLE)
def test_what_has_no_number_stays_as_it_is(body: bytes) -> None:
    raised, attempts, problem = raise_attempts(body)
    assert (raised, attempts) == (body, 0)
    assert problem in PROBLEMS.values()


def _is_json_object(text: bytes) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False


values = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 30) | st.text('"\\{}[]:,attemps é', max_size=12),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["attempts", 'a"attempts', "x", "data"]) | st.text(max_size=3), inner, max_size=3
        )
    ),
    max_leaves=12,
)


@st.composite
def payloads(draw: st.DrawFn) -> tuple[bytes, Any]:
    before = draw(st.dictionaries(st.text(max_size=4), values, max_size=3))
    after = draw(st.dictionaries(st.text(max_size=4), values, max_size=3))
    number = draw(st.integers(0, 200) | st.sampled_from([None, "3", "x", True, 1.5, [], {"attempts": 1}]))
    payload = {**before, "attempts": number, **after}
    text = json.dumps(
        payload,
        ensure_ascii=draw(st.booleans()),
        separators=draw(st.sampled_from([(",", ":"), (", ", ": ")])),
        indent=draw(st.sampled_from([None, None, 1])),
    )
    return text.encode(errors="surrogatepass"), payload["attempts"]


@settings(max_examples=150, deadline=None)
@given(payloads())
def test_any_json_object_is_raised_as_a_json_reader_would(case: tuple[bytes, Any]) -> None:
    body, number = case
    raised, attempts, problem = raise_attempts(body)
    if isinstance(number, bool) or not (isinstance(number, int) or number == "3"):
        assert problem is not None
        assert raised == body
        return
    assert problem is None
    assert attempts == int(number) + 1
    assert json.loads(raised) == {**json.loads(body), "attempts": attempts}


@pytest.mark.live
def test_lua_and_python_agree_on_whatever_there_is(own_redis: str) -> None:
    import redis

    with redis.Redis.from_url(own_redis) as client:
        in_lua = _lua_rule(client)

        @settings(max_examples=200, deadline=None, database=None)
        @given(payloads().map(lambda case: case[0]) | st.binary(max_size=40), st.integers(0, 60), st.integers(0, 3))
        def agree(body: bytes, at: int, how: int) -> None:
            damaged = [body, body[:at], body[:at] + b'"' + body[at:], body[:at] + body[at + 1 :]][how]
            found = in_lua(damaged)
            if _is_json_object(damaged):
                assert found == find_attempts(damaged)
            elif not found.problem:  # not worth a full check: whoever reads the payload will find it broken
                assert float(damaged[found.start : found.start + found.length].strip(b'"')) == found.number

        agree()
