"""PHP as a process that answers questions, and whether there is one to ask."""

from __future__ import annotations

import json
import os
import selectors
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

__all__ = ["PHP", "PhpFailed", "PhpServer", "Record", "php_binary", "why_not"]

PHP = Path(__file__).parent / "php"
ANSWER_SECONDS = 60.0
Record = dict[str, Any]


class PhpFailed(AssertionError):
    """PHP could not do what a test asked; the message is PHP's."""


def php_binary() -> str | None:
    """The PHP to run, or None when there is none."""
    return shutil.which(os.environ.get("PHP_BINARY", "php"))


def why_not() -> str | None:
    """Why Laravel cannot run here, or None when it can."""
    php = php_binary()
    if php is None:
        return "php is not installed (Debian: php-cli)"
    tried = subprocess.run([php, str(PHP / "artisan.php"), "--version"], capture_output=True, text=True, timeout=60)
    if tried.returncode != 0:
        first = (tried.stderr or tried.stdout).strip().splitlines()[:1]
        return f"Laravel's packages do not load (Debian: php-illuminate-queue, php-redis, php-sqlite3 …): {first}"
    return None


class PhpServer:
    """A long-lived PHP process that answers JSON lines; started on first use and again after it died."""

    def __init__(self, script: str, *args: str) -> None:
        self.command = [php_binary() or "php", str(PHP / script), *args]
        self.process: subprocess.Popen[bytes] | None = None
        self.rest = b""

    def ask(self, command: Record, *, seconds: float = ANSWER_SECONDS) -> Record:
        """PHP's answer; raises :class:`PhpFailed` with PHP's exception, or when it died or is late."""
        process = self.start()
        assert process.stdin is not None
        process.stdin.write(json.dumps(command).encode() + b"\n")
        process.stdin.flush()
        answer: Record = json.loads(self.line(process, seconds))
        if not answer.pop("ok"):
            error = answer["error"]
            raise PhpFailed(f"{error['class']}: {error['message']} ({error['at']})")
        return answer

    def start(self) -> subprocess.Popen[bytes]:
        if self.process is None or self.process.poll() is not None:
            self.rest = b""
            self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        return self.process

    def line(self, process: subprocess.Popen[bytes], seconds: float) -> bytes:
        assert process.stdout is not None
        chunks = [self.rest]
        deadline = time.monotonic() + seconds
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            while b"\n" not in chunks[-1]:
                if not selector.select(max(0.0, deadline - time.monotonic())):
                    self.close(kill=True)
                    raise PhpFailed(f"{self.command[1]} gave no answer in {seconds} s")
                chunk = os.read(process.stdout.fileno(), 1 << 20)
                if not chunk:
                    raise PhpFailed(f"{self.command[1]} ended with code {process.wait()}; its output is above")
                chunks.append(chunk)
        line, _, self.rest = b"".join(chunks).partition(b"\n")
        return line

    def close(self, *, kill: bool = False) -> None:
        """End the process; the next :meth:`ask` starts a new one."""
        process, self.process = self.process, None
        if process is None:
            return
        assert process.stdin is not None
        assert process.stdout is not None
        if kill:
            process.kill()
        process.stdin.close()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()
