"""The producer: payloads of many jobs alike are those of each one alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from lara_queue import Queue, php_class, producer
from lara_queue.laravel.declared import job_options
from lara_queue.laravel.moulds import Moulds
from lara_queue.php import protected


@job_options(tries=4)
@php_class("App\\Jobs\\Send")
@dataclass
class Send:
    to: str
    secret: str = field(default="s", metadata={"php": protected("secret")})
    queue: str | None = None


class NoMoulds(Moulds):
    """Finds none, so that everything is built the general way."""

    def find(self, name: str, options: Mapping[str, Any], with_id: bool) -> None:
        return None


@pytest.fixture(autouse=True)
def _the_same_chance(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(producer, "new_uuid", lambda: "u-1")
    monkeypatch.setattr(producer, "new_id", lambda: "i1")


def queue(version: str, *, moulds: bool) -> Queue:
    made = Queue("memory://", queue="emails", laravel_version=version, clock=lambda: 1_795_331_162.5)
    if not moulds:
        made._producer.moulds = NoMoulds(lambda *_, **__: b"")
    return made


def jobs() -> Iterator[Any]:
    for number in range(3):
        yield "App\\Jobs\\Ping", {"number": number, "at": 1.0, "é": ["a/b"]}
        yield "App\\Jobs\\Ping", {"number": number}, {"tries": number, "delay": number}
        yield "App\\Jobs\\Ping", {}, {"headers": {"number": number}}
        yield "App\\Jobs\\Ping"
        yield "App\\Jobs\\Ping@fire", {"number": number, "amount": 1.25}
        yield Send(f"{number}@example.org")
        yield Send(f"{number}@example.org", queue="others")


def bodies(version: str, moulds: bool, one_by_one: bool, options: Any, hook: Any = None) -> list[bytes]:
    made = queue(version, moulds=moulds)
    found: list[bytes] = []
    made.on("job.queueing", lambda event: found.append(event.payload))
    for _ in range(2):
        if one_by_one:
            for job in jobs():
                name, data, own = (*job, {})[:3] if isinstance(job, tuple) else (job, None, {})
                made.push(name, data, **{**options, **own})
        else:
            made.bulk(jobs(), **options)
        if hook is not None:
            made.create_payload_using(hook)
    return found


@pytest.mark.parametrize("one_by_one", [False, True])
@pytest.mark.parametrize("version", ["8", "12.20", "12.51", "13"])
@pytest.mark.parametrize("options", [{}, {"tries": 2, "backoff": [1, 2], "queue": "q"}, {"headers": {"x": "/"}}])
def test_payloads_are_those_built_the_general_way(version: str, one_by_one: bool, options: Any) -> None:
    made = bodies(version, True, one_by_one, options)
    assert len(made) == 42
    assert sorted(made) == sorted(bodies(version, False, one_by_one, options))


def test_a_hook_that_comes_later_is_heard() -> None:
    def hook(connection: str, queue: str, payload: dict[str, Any]) -> dict[str, Any]:
        return {"hooked": payload["displayName"]}

    made = bodies("13", True, True, {}, hook)
    assert sum(b'"hooked":' in body for body in made) == 21
    assert made == bodies("13", False, True, {}, hook)
