"""Every way to say where Redis is, through both faces: clients of all kinds, passwords, databases, sockets, TLS."""

from __future__ import annotations

import shutil
import subprocess
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

import pytest
import redis
import redis.asyncio

from lara_queue.drivers import DriverSettings, open_driver
from lara_queue.errors import StoreError, StoreUnreachable
from lara_queue.plans import Call
from lara_queue.testing import shell_for
from tests.conformance.servers import Server, server

pytestmark = pytest.mark.live

Face = Literal["sync", "async"]


@pytest.fixture(params=["sync", "async"])
def face(request: pytest.FixtureRequest) -> Face:
    return "sync" if request.param == "sync" else "async"


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Path]]:
    """A server with a password, and its Unix socket."""
    folder = tmp_path_factory.mktemp("locked")
    with server(folder, "--requirepass", "s3cr:t@", "--unixsocket", "r.sock", "--databases", "4") as one:
        yield one, folder / "r.sock"


def _works(source: Any, face: Face) -> None:
    """Push, take, wait and delete; then let go of everything."""
    driver = open_driver(source, face=face, settings=DriverSettings(prefix=f"k{uuid.uuid4().hex}_"))
    body = '{"name":"é","attempts":0}'.encode()
    with shell_for(face) as shell:
        try:
            shell.run(driver.ping())
            shell.run(driver.push("q", body))
            (job,) = shell.run(driver.reserve(["q"]))
            assert job.body == body
            assert shell.run(driver.reserve(["q"], wait=0.01)) == []
            assert len(shell.run(driver.browse("q", "reserved"))) == 1
            assert shell.run(driver.delete(job)) is True
        finally:
            shell.run(_close(driver))


def _close(driver: Any) -> Any:
    yield Call(driver.link, "close")


CLIENTS: dict[str, Callable[..., Any]] = {
    "sync": redis.Redis,
    "sync, decoding": lambda **kw: redis.Redis(decode_responses=True, **kw),
    "sync, RESP2": lambda **kw: redis.Redis(protocol=2, **kw),
    "sync, RESP3, decoding": lambda **kw: redis.Redis(protocol=3, decode_responses=True, **kw),
    "sync, latin-1": lambda **kw: redis.Redis(encoding="latin-1", **kw),
    "sync, health checks": lambda **kw: redis.Redis(health_check_interval=1, client_name="mine", **kw),
    "async": redis.asyncio.Redis,
    "async, decoding, RESP2": lambda **kw: redis.asyncio.Redis(protocol=2, decode_responses=True, **kw),
    "async, RESP3": lambda **kw: redis.asyncio.Redis(protocol=3, **kw),
}


@pytest.mark.parametrize("kind", CLIENTS)
def test_clients(locked: tuple[Server, Path], face: Face, kind: str) -> None:
    client = CLIENTS[kind](port=locked[0].port, password="s3cr:t@", db=3)
    _works(client, face)
    if isinstance(client, redis.Redis):
        client.close()


def test_a_client_is_left_as_it_is(locked: tuple[Server, Path], face: Face) -> None:
    with redis.Redis(port=locked[0].port, password="s3cr:t@", decode_responses=True, max_connections=1) as client:
        before = dict(client.connection_pool.connection_kwargs)
        _works(client, face)
        assert client.connection_pool.connection_kwargs == before
        client.set("mine", "é")
        assert client.get("mine") == "é"
        client.delete("mine")


def test_urls(locked: tuple[Server, Path], face: Face) -> None:
    one, socket = locked
    _works(f"redis://:s3cr%3At%40@127.0.0.1:{one.port}/2", face)
    _works(f"redis://default:s3cr%3At%40@127.0.0.1:{one.port}/2?protocol=2&socket_timeout=3", face)
    _works(f"unix://:s3cr%3At%40@{socket}?db=1", face)


@pytest.mark.parametrize(
    ("auth", "says"),
    [
        ("", "refused access: .*Check user name, password"),
        (":wrong@", "refused access: .*Check user name, password"),
        (":s3cr%3At%40@", "DB index is out of range"),
    ],
)
def test_a_wrong_login_is_told_without_the_password(
    locked: tuple[Server, Path], face: Face, auth: str, says: str
) -> None:
    with pytest.raises(StoreError, match=says) as caught:
        _works(f"redis://{auth}127.0.0.1:{locked[0].port}/99", face)
    assert not isinstance(caught.value, StoreUnreachable)
    assert f"127.0.0.1:{locked[0].port}" in str(caught.value)
    assert "s3cr" not in str(caught.value)
    assert caught.value.__cause__ is not None


def test_a_server_that_is_not_there(face: Face) -> None:
    with pytest.raises(StoreUnreachable, match=r"Redis at 127.0.0.1:1 cannot be reached: .* Is it running") as caught:
        _works("redis://127.0.0.1:1", face)
    assert "\n" not in str(caught.value)
    with pytest.raises(StoreUnreachable, match=r"no-such-host\.invalid:6379 cannot be reached"):
        _works("redis://no-such-host.invalid", face)


@pytest.fixture(scope="module")
def encrypted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Path]]:
    """A server that speaks TLS only, and its certificate, signed by itself."""
    folder = tmp_path_factory.mktemp("tls")
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not installed")
    key, certificate = str(folder / "key.pem"), str(folder / "cert.pem")
    command = [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-keyout", key]
    command += ["-out", certificate, "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    subprocess.run(command, check=True, capture_output=True)
    options = ("--tls-cert-file", certificate, "--tls-key-file", key, "--tls-ca-cert-file", certificate)
    with server(folder, *options, "--tls-auth-clients", "no") as one:
        yield one, Path(certificate)


def test_tls(encrypted: tuple[Server, Path], face: Face) -> None:
    one, certificate = encrypted
    _works(f"rediss://127.0.0.1:{one.port}/0?ssl_ca_certs={certificate}", face)
    _works(f"rediss://127.0.0.1:{one.port}/0?ssl_cert_reqs=none&ssl_check_hostname=false", face)
    with redis.Redis(port=one.port, ssl=True, ssl_ca_certs=str(certificate)) as client:
        _works(client, face)
    _works(redis.asyncio.Redis(port=one.port, ssl=True, ssl_ca_certs=str(certificate)), face)


def test_tls_that_cannot_be_trusted(encrypted: tuple[Server, Path], face: Face) -> None:
    with pytest.raises(StoreUnreachable, match="certificate verify failed"):
        _works(f"rediss://127.0.0.1:{encrypted[0].port}", face)
