"""Every example is run as a user runs it, and says what it should."""

from __future__ import annotations

import os
import re
import selectors
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from lara_queue import Queue

ROOT = Path(__file__).resolve().parent.parent
EXAMPLES = ROOT / "examples"
SECONDS = 60


def environment(url: str | None) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("LARA_QUEUE_", "COV_"))}
    return {**kept, "PYTHONUNBUFFERED": "1", **({"LARA_QUEUE_URL": url} if url else {})}


def run(name: str, url: str | None = None) -> str:
    """What the example prints; fails when it does not end well."""
    command = [sys.executable, "-W", "error", str(EXAMPLES / f"{name}.py")]
    done = subprocess.run(
        command, cwd=ROOT, env=environment(url), capture_output=True, text=True, timeout=SECONDS, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


EXPECTED: dict[str, list[str]] = {
    "laravel_application": [
        r"Corner Shop, Laravel 12: jobs in \[database\]",
        r"mail to ada@example.com",
        r"stopped: empty, 0 left",
    ],
    "chains_and_batches": [
        r"a chain:\n  Pack \{'order': 7\}\n  Ship \{'order': 7\}\n  Thank \{'order': 7\}\n",
        r"a chain that breaks:\n  Resize \{'broken': True\}\n  TellSomebody",
        r"100 percent done",
        r"3 of 4 done, 1 failed",
        r"Tag \{\}\n  Build \{\}\n  WriteNotes \{\}\n  Sign \{\}\n  Announce \{\}\n",
    ],
    "middleware": [
        r"(  before Report\n  report for ada\n){2}  before Report\n  report for grace\n",
        r"\('' is no job\):\n  before Import\n  import of customers.csv\n",
        r"  before Pay\n  paid 42\nfour charges",
        r"(  before Charge\n){2}  4 wait",
        r"quiet for a moment:\n  before Index\n  indexed final\n",
        r"6 jobs wait",
    ],
    "sync_worker": [
        r"mail to ada@example.com: Welcome \(attempt 1\)",
        r"App\\Jobs\\ResizeImage with \{'path': 'cat.png', 'width': 640\}",
        r"stopped: empty",
    ],
    "async_worker": [r"fetched page 10", r"thumbnail of cat.png", r"stopped: empty; (10|11) at once, [01]\.\d s"],
    "push_to_php": [
        r"5 jobs ready, 2 due later",
        r"App\\Jobs\\SendInvoice tries=3 .*'number': '2026-0042'.*'currency': 'EUR', 'pinCode': 1234",
        r"\\x00\*\\x00currency",
        r"\\x00App\\\\Jobs\\\\SendInvoice\\x00pinCode",
        r"App\\Jobs\\Legacy tries=None \{'id': 7, 'tags': \['a', 'b'\]\}",
    ],
    "fastapi_producer": [r"202 job [0-9a-f-]{36}", r"healthy pending 1"],
    "typed_job": [
        r"2026-0042: 1281.50 USD, due 2026-12-24, 'call first'",
        r"JobTypeError: App\\Jobs\\SendInvoice does not fit SendInvoice: .*cents",
    ],
    "retries_and_failures": [
        r"flaky, attempt 1\n(.*\n)*flaky, attempt 2\n(.*\n)*flaky, attempt 3",
        r"failed: App\\Jobs\\Charge: the bank is closed",
        r"failed: App\\Jobs\\Picky: no beige, please",
        r"recorded: .*PermissionError: the bank is closed",
        r"charged 500 cents",
        r"1 left, 1 thrown away",
    ],
    "metrics": [
        r"20 done, 4 of them badly, 80 % well",
        r"errors: \{'ValueError': 4\}",
        r"slowest under a second: True",
        r"last: (True|False)",
    ],
    "observability": [
        r'"logger":"shop.mail","message":"sending to ada@example.com",.*"job_name":"App\\\\Jobs\\\\SendEmail"',
        r'"level":"INFO","logger":"lara_queue",.*"job_status":"success","job_runtime":',
        r'"level":"ERROR",.*"job_status":"failed",.*ValueError: nobody to send it to',
        r'lara_queue_jobs_total\{job="App\\\\Jobs\\\\SendEmail",result="successful"\} 1',
        r'lara_queue_queue_jobs\{queue="observed",state="pending"\} 0',
        r'lara_queue_wait_seconds_count\{queue="observed"\} 2',
        r"healthy: True waiting: 0 failed: 1",
    ],
    "results": [
        r"after the push: pending",
        r"meanwhile: running, 50%, 1 of 2",
        r"in the end: finished, \{'to be or not to be': 6, 'that is the question': 4\}",
        r"the other one: failed, ZeroDivisionError: division by zero",
        r"one nobody knows: unknown",
    ],
    "migration_after": [
        r"Processing: App\\Jobs\\TestJob first attempt 1",
        r"(Processing: App\\Jobs\\TestJob second attempt \d\n){3}",
        r"Failed: .*ValueError: this one is broken",
        r"Total retries: 2",
        r"Cleared: 1",
    ],
}
ALONE: dict[str, list[str]] = {  # these bring the stores they are about
    "schedule": [
        r"Sun 01:00 CET  App\\Jobs\\Report\nSun 03:00 CEST  App\\Jobs\\Backup\nSun 03:00 CEST  App\\Jobs\\Report\n",
        r"nobody is there for six hours, then one comes back:\nSun 11:00 CEST  App\\Jobs\\Report\n$",
    ],
    "failover": [
        r"redis is away: StoreUnreachable\n1 job in the second store",
        r"mail to ada@example.com, connection memory, queue mail",
        r"mail to grace@example.com, connection failover, queue sync",
    ],
    "testing_jobs": [r"(passed: test_\w+\n){4}$"],
}
BEFORE = [
    r"Processing: App\\Jobs\\TestJob first",
    r"(Processing: App\\Jobs\\TestJob second\n){3}",
    r"Dead letter: ValueError this one is broken",
    r"Total retries: 2",
    r"Cleared: 1",
]


def says(output: str, expected: list[str]) -> None:
    for pattern in expected:
        assert re.search(pattern, output), f"{pattern!r} is not in\n{output}"


@pytest.mark.parametrize("name", EXPECTED)
def test_on_the_memory_driver(name: str) -> None:
    says(run(name), EXPECTED[name])


@pytest.mark.parametrize("name", ALONE)
def test_alone(name: str) -> None:
    says(run(name), ALONE[name])


@pytest.mark.live
@pytest.mark.parametrize("name", [name for name in EXPECTED if not name.endswith("_worker")])
def test_on_redis(name: str, own_redis: str) -> None:
    says(run(name, f"{own_redis[:-1]}{1 + list(EXPECTED).index(name)}"), EXPECTED[name])


@pytest.mark.live
def test_a_script_for_laraqueue_1_runs_unchanged(own_redis: str) -> None:
    says(run("migration_before", f"{own_redis[:-1]}11"), BEFORE)


def test_a_script_for_laraqueue_1_says_when_there_is_no_redis() -> None:
    assert "Failed to connect to Redis" in run("migration_before", "redis://127.0.0.1:1/0")


def test_first_run() -> None:
    output = run("first_run")
    for version in ("8.83.26", "10.50.3", "11.56.0", "12.67.0", "13.26.1"):
        assert f"Laravel {version}" in output
    says(
        output,
        [
            r"ran  App\\Jobs\\Plain \(job\)\n    id = 7\n    name = 'Podcast'\n    ratio = 1\.25\n    flag = True\n",
            r"secret = 'child-private'",
            r"datetime\.datetime\(2024, 5, 6, 7, 8, 9, 123456, tzinfo=.*Asia/Tokyo",
            r"ModelIdentifier\(class_name='App\\\\Models\\\\Order', id=\[101, 103\]",
            r"attempt 1 raises  App\\Jobs\\ProcessPodcast",
            r"attempt 2 ran  App\\Jobs\\ProcessPodcast",
            r"App\\Mail\\Welcome \(mailable\)",
            r"App\\Jobs\\Legacy \(string\)",
            r"the worker stopped: empty; jobs left: 0",
            r"failed TimeoutError: the mail server does not answer",
            r"App\\Notifications\\InvoicePaid \(notification\)\n    amount = 1999",
            r'O:26:"App\\Jobs\\PublishTranscript":2:\{s:9:"podcastId";i:1;s:4:"text";s:\d+:"Liebe Hörerinnen',
            r"12 attempts, 1 retry, 0 failed jobs left",
        ],
    )
    assert "\x1b" not in output  # plain when piped


@pytest.mark.live
@pytest.mark.parametrize("name", ["sync_worker", "async_worker"])
def test_a_worker_on_redis_runs_until_it_is_told_to_stop(name: str, own_redis: str) -> None:
    url = f"{own_redis[:-1]}{13 + (name == 'async_worker')}"
    with Queue(url, queue="python") as queue:
        queue.push("App\\Jobs\\SendEmail", {"to": "ada@example.com", "subject": "Welcome"})
        queue.push("App\\Jobs\\FetchPage", {"page": 1})
        queue.push("App\\Jobs\\MakeThumbnail", {"path": "cat.png"})
    wanted = "FetchPage" if name == "sync_worker" else "thumbnail"
    command = [sys.executable, str(EXAMPLES / f"{name}.py")]
    with subprocess.Popen(
        command, cwd=ROOT, env=environment(url), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as worker:
        try:
            assert worker.stdout is not None
            seen = read_until(worker, wanted)
            worker.send_signal(signal.SIGTERM)
            rest, errors = worker.communicate(timeout=SECONDS)
        finally:
            worker.kill()
    assert worker.returncode == 0, errors
    says(seen + rest, [r"stopped: quit"])


def read_until(process: subprocess.Popen[str], wanted: str) -> str:
    assert process.stdout is not None
    seen = ""
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while wanted not in seen:
            assert selector.select(SECONDS), f"{wanted!r} never came after\n{seen}"
            line = process.stdout.readline()
            assert line, f"it ended after\n{seen}"
            seen += line
    return seen


def lara_queue(*arguments: str, url: str | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "lara_queue", *arguments]
    return subprocess.run(
        command, cwd=ROOT, env=environment(url), capture_output=True, text=True, timeout=SECONDS, check=False
    )


def test_the_module_for_the_command_line() -> None:
    done = lara_queue("work", "examples.worker_module:queue", "--stop-when-empty")
    assert done.returncode == 0, done.stderr
    assert "Hello Ada!" in done.stdout


def test_every_example_is_tested() -> None:
    run_here = {*EXPECTED, *ALONE, "first_run", "migration_before", "worker_module"}
    assert {path.stem for path in EXAMPLES.glob("*.py")} == run_here


PHP_READS = r"""
require 'Illuminate/Queue/autoload.php';
require 'Illuminate/Bus/autoload.php';
error_reporting(E_ALL & ~E_DEPRECATED);
if (!trait_exists('Illuminate\Foundation\Bus\Dispatchable')) {  // Debian has no illuminate/foundation
    eval('namespace Illuminate\Foundation\Bus; trait Dispatchable {}');
}
require $argv[1];
$job = unserialize(json_decode(file_get_contents('php://stdin'), true)['data']['command']);
$job->handle();
"""


@pytest.mark.live
def test_php_reads_what_the_example_pushes() -> None:
    php = shutil.which(os.environ.get("PHP_BINARY", "php"))
    if php is None:
        pytest.skip("php is not installed (Debian: php-cli php-illuminate-queue php-illuminate-bus)")
    sys.path.insert(0, str(EXAMPLES))
    try:
        import push_to_php
    finally:
        sys.path.remove(str(EXAMPLES))
    push_to_php.main()
    payload = push_to_php.queue.pending_jobs()[0].raw_body
    command = [php, "-d", "display_errors=stderr", "-r", PHP_READS, "--", str(EXAMPLES / "php" / "SendInvoice.php")]
    done = subprocess.run(command, input=payload, capture_output=True, timeout=SECONDS, check=False)
    if b"Failed opening required 'Illuminate" in done.stderr:
        pytest.skip("Laravel's packages are not installed (Debian: php-illuminate-queue php-illuminate-bus)")
    assert done.stdout.decode() == "Invoice 2026-0042: 1281.50 EUR, PIN 1234\n", done.stderr.decode()
