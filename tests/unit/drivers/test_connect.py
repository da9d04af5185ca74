"""From a URL, a client or a driver to a driver, and what is said when that cannot be."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any, Literal, cast

import fakeredis
import fakeredis.aioredis
import pytest
import redis
import redis.asyncio
from redis.backoff import ExponentialBackoff
from redis.retry import Retry

from lara_queue.drivers import DriverSettings, connect, open_driver
from lara_queue.drivers.redis.links import Recipe
from lara_queue.errors import ConfigurationError, MissingExtra, UnknownDriver
from lara_queue.plans import Call
from lara_queue.testing import shell_for

Face = Literal["sync", "async"]


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("reids://localhost", r"did you mean redis://\?"),
        ("postgres://u@h/d", r"did you mean postgresql://\?"),
        ("amqp://localhost", r"there are memory://, redis://"),
        ("redis+cluster://h", "not supported yet"),
        ("redis+sentinel://h", "not supported yet"),
        ("localhost:6379", "must begin with a scheme"),
        ("", "must begin with a scheme"),
        ("redis", "must begin with a scheme"),
    ],
)
def test_a_url_no_store_speaks(url: str, says: str) -> None:
    with pytest.raises(UnknownDriver, match=says) as caught:
        open_driver(url, face="sync")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("url", ["redis://localhost:port", "redis://[::1", "redis://h?socket_timeout=soon"])
@pytest.mark.parametrize("face", ["sync", "async"])
def test_a_url_that_cannot_be_read(url: str, face: Face) -> None:
    with pytest.raises(ConfigurationError, match="URL cannot be read"):
        open_driver(url, face=face)


@pytest.mark.parametrize("source", [None, 7, object(), ["redis://localhost"], redis.Redis])
def test_what_is_no_place_for_jobs(source: Any) -> None:
    with pytest.raises(ConfigurationError):
        open_driver(source, face="sync")


def test_a_missing_client_library_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(connect._STORES, "carrier", connect._Store("colombe", extra="pigeon"))
    with pytest.raises(MissingExtra, match=r"pip install 'lara-queue\[pigeon\]'"):
        open_driver("carrier://loft", face="sync")


def test_a_store_is_imported_when_it_is_first_used(monkeypatch: pytest.MonkeyPatch) -> None:
    imported: list[str] = []
    real = importlib.import_module

    def noting(name: str) -> Any:
        imported.append(name)
        return real(name)

    monkeypatch.setattr(importlib, "import_module", noting)
    open_driver("memory://", face="sync")
    assert imported == ["lara_queue.drivers.memory"]


def test_a_driver_is_returned_as_it_is() -> None:
    driver = open_driver("memory://", face="sync")
    assert open_driver(driver, face="sync") is driver


@pytest.mark.parametrize(
    "wrong", [{"retry_after": 0}, {"retry_after": float("nan")}, {"block_for": -1}, {"migration_batch": 0}]
)
def test_settings_that_cannot_work(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match=next(iter(wrong))):
        DriverSettings(**wrong)


CLIENTS: list[tuple[Callable[[], Any], dict[str, Any]]] = [
    (lambda: "redis://u:p@h:1/2?protocol=2", {"host": "h", "port": 1, "db": 2, "username": "u", "password": "p"}),
    (lambda: "unix:///run/r.sock?db=3", {"path": "/run/r.sock", "db": 3}),
    (
        lambda: redis.Redis(host="h", password="p", db=4, protocol=2, decode_responses=True),
        {"host": "h", "protocol": 2},
    ),
    (lambda: redis.asyncio.Redis(host="h", db=4, protocol=3, decode_responses=True), {"db": 4, "protocol": 3}),
    (lambda: redis.Redis(unix_socket_path="/run/r.sock"), {"path": "/run/r.sock"}),
    (lambda: redis.Redis(retry=Retry(cast(Any, ExponentialBackoff()), 9), retry_on_error=[OSError]), {"db": 0}),
    (
        lambda: redis.Redis(connection_pool=cast(Any, redis.BlockingConnectionPool)(host="h", max_connections=1)),
        {"host": "h"},
    ),
    (lambda: redis.asyncio.Redis.from_url("rediss://h:1/0?ssl_cert_reqs=none"), {"host": "h", "port": 1}),
    (lambda: redis.Redis(host="h", socket_timeout=1.5, client_name="mine", health_check_interval=9), {"host": "h"}),
]


@pytest.mark.parametrize("face", ["sync", "async"])
@pytest.mark.parametrize(("client", "kept"), CLIENTS)
def test_connections_are_made_like_the_clients(face: Face, client: Callable[[], Any], kept: dict[str, Any]) -> None:
    source = client()
    recipe = Recipe.of(source, face)
    made = recipe.make()
    try:
        for name, value in kept.items():
            if name not in ("username", "password") or hasattr(made, name):
                assert getattr(made, name) == value
        assert made.encoder.decode_responses is False
        assert made.retry.get_retries() == 0
        assert not made.retry_on_error
        assert recipe.where in ("h:1", "h:6379", "/run/r.sock", "localhost:6379")
        assert recipe.make(blocking=4.0).socket_timeout == 9.0
    finally:
        if not isinstance(source, str) and isinstance(source, redis.Redis):
            source.close()


def test_tls_stays_tls_in_the_other_face() -> None:
    made = Recipe.of(redis.Redis(host="h", ssl=True, ssl_cert_reqs="none"), "async").make()
    assert isinstance(made, redis.asyncio.SSLConnection)
    made = Recipe.of("rediss://h", "sync").make()
    assert isinstance(made, redis.SSLConnection)


def test_connections_of_ones_own_kind_are_kept_or_refused() -> None:
    class Own(redis.Connection):
        pass

    client = redis.Redis(connection_pool=redis.ConnectionPool(connection_class=Own))
    assert isinstance(Recipe.of(client, "sync").make(), Own)
    with pytest.raises(ConfigurationError, match="exist in one face only"):
        Recipe.of(client, "async")


def test_what_runs_on_connecting_works_in_its_own_face_only() -> None:
    client = redis.Redis(redis_connect_func=lambda: None)
    Recipe.of(client, "sync")
    with pytest.raises(ConfigurationError, match="redis_connect_func"):
        Recipe.of(client, "async")


@pytest.mark.parametrize("face", ["sync", "async"])
@pytest.mark.parametrize("decode", [False, True])
@pytest.mark.parametrize("kind", [fakeredis.FakeRedis, fakeredis.FakeStrictRedis, fakeredis.aioredis.FakeRedis])
def test_a_fake_client_of_either_face_serves_both(face: Face, decode: bool, kind: Any) -> None:
    client = kind(decode_responses=decode)
    driver = open_driver(client, face=face, settings=DriverSettings(prefix="p_"))
    with shell_for(face) as shell:
        shell.run(driver.push("q", b'{"attempts":0}'))
        (job,) = shell.run(driver.reserve(["q"]))
        assert job.body == b'{"attempts":0}'
        shell.run(_close(driver))
    seen = fakeredis.FakeRedis(
        server=client.connection_pool.connection_kwargs.get("server"),
        host=client.connection_pool.connection_kwargs["host"],
    )
    assert seen.zcard("p_queues:q:reserved") == 1


@pytest.mark.parametrize("face", ["sync", "async"])
def test_memory_stores_are_shared_by_name(face: Face) -> None:
    with shell_for(face) as shell:
        one, same = (open_driver("memory://shop", face=face) for _ in range(2))
        other, unnamed, alone = (open_driver(url, face=face) for url in ("memory://shop2", "memory://", "memory://"))
        shell.run(one.push("q", b"{}"))
        shell.run(unnamed.push("q", b"{}"))
        assert [shell.run(driver.sizes("q")).total for driver in (one, same, other, unnamed, alone)] == [1, 1, 0, 1, 0]
        shell.run(one.clear("q"))


def _close(driver: Any) -> Any:
    yield Call(driver.link, "close")
