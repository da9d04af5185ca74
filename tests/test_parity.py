"""``Queue`` and ``AsyncQueue`` are one thing in two worlds: the same names, the same parameters."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from lara_queue import AsyncQueue, Queue
from lara_queue.aio import AsyncFailedJobs
from lara_queue.queue import FailedJobs

PAIRS = [(Queue, AsyncQueue), (FailedJobs, AsyncFailedJobs)]

# In the one by the other's name; everything else is named alike.
RENAMED = {"__enter__": "__aenter__", "__exit__": "__aexit__"}

# These look at nothing but memory, so both faces have them as plain calls.
PLAIN = {
    "append_to_chain",  # said to the job in hand, settled with it
    "prepend_to_chain",
    "batch",  # these three build; what they build is awaited
    "chain",
    "rate_limiter",
    "create_payload_using",
    "cron",
    "get_job_type_metrics",
    "get_metrics",
    "get_performance_summary",
    "get_recent_jobs",
    "get_retry_statistics",
    "handler",
    "on",
    "pop_using",
    "reset_metrics",
    "reset_retry_statistics",
    "shutdown",
    "update_retry_config",
    "use_cache",
}


def public(cls: type[Any]) -> dict[str, Any]:
    names = [name for name in dir(cls) if not name.startswith("_") or name in {*RENAMED, *RENAMED.values()}]
    return {name: inspect.getattr_static(cls, name) for name in names}


def parameters(function: Any) -> list[tuple[str, Any, Any, str]]:
    """The parameters without self; annotations as written, so that both faces promise the same."""
    signature = inspect.signature(function)
    return [(p.name, p.kind, p.default, str(p.annotation)) for p in list(signature.parameters.values())[1:]]


@pytest.mark.parametrize(("sync", "asynchronous"), PAIRS)
def test_both_have_the_same_public_names(sync: type[Any], asynchronous: type[Any]) -> None:
    assert {RENAMED.get(name, name) for name in public(sync)} == set(public(asynchronous))


@pytest.mark.parametrize(("sync", "asynchronous"), PAIRS)
def test_both_take_the_same_parameters_and_give_the_same(sync: type[Any], asynchronous: type[Any]) -> None:
    for name, one in public(sync).items():
        other = inspect.getattr_static(asynchronous, RENAMED.get(name, name))
        assert type(one) is type(other), name
        if not inspect.isfunction(one):
            continue
        assert parameters(one) == parameters(other), name
        given, awaited = (str(inspect.signature(f).return_annotation) for f in (one, other))
        assert awaited.replace("Async", "") == given.replace("Async", ""), name
        plain = name in PLAIN
        assert not inspect.iscoroutinefunction(one), name
        assert inspect.iscoroutinefunction(other) is not plain, f"{name} should {'not ' if plain else ''}be awaited"


@pytest.mark.parametrize(("sync", "asynchronous"), PAIRS)
def test_both_are_documented_alike(sync: type[Any], asynchronous: type[Any]) -> None:
    for name, one in public(sync).items():
        other = inspect.getattr_static(asynchronous, RENAMED.get(name, name))
        if inspect.isfunction(one) and not name.startswith("_"):
            assert inspect.getdoc(one) == inspect.getdoc(other), name


def test_both_are_made_with_the_same_arguments() -> None:
    assert inspect.signature(Queue) == inspect.signature(AsyncQueue)
