"""A redis-server of a test's own, for what cannot be done to a shared one: restart it, lock it, encrypt it."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

__all__ = ["Server", "server"]


class Server:
    """A redis-server on a free port, in its own folder, without persistence."""

    def __init__(self, folder: Path, *options: str) -> None:
        binary = shutil.which("redis-server")
        if binary is None:
            pytest.skip("redis-server is not installed")
        with contextlib.closing(socket.socket()) as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        tls = "--tls-cert-file" in options
        ports = ["--port", "0", "--tls-port", str(self.port)] if tls else ["--port", str(self.port)]
        self._command = [binary, *ports, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        self._command += ["--dir", str(folder), "--logfile", "log", *options]
        self._log = folder / "log"
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        """Start it and wait until it can be connected to."""
        process = self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(500):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return
            if process.poll() is not None:
                pytest.skip(f"redis-server does not start with {self._command}: {self._log.read_text()[-500:]}")
            time.sleep(0.01)
        pytest.fail("redis-server did not come up")

    def stop(self) -> None:
        """Kill it, as a crash would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


@contextlib.contextmanager
def server(folder: Path, *options: str) -> Iterator[Server]:
    """A server for the length of the block."""
    one = Server(folder, *options)
    try:
        yield one
    finally:
        one.stop()
