"""How fast the PHP codec is, beside phpserialize and PHP itself, on the commands of real Laravel jobs.

    python benchmarks/codec.py [--rounds 15] [--golden tests/golden/laravel] [--second tests/golden/second/jobs.jsonl]

There are two corpora: commands that exercise Laravel, and a second one of other classes with random values, which is
chosen for its variety: large values, odd names and every kind of object, hardly two alike.

Every round times all of them in turn, and the medians are compared, so that a busy machine slows them down alike. The
ratio to phpserialize is taken on the commands that it can read (enums and references are beyond it); ours is shown for
all commands too. The times are CPU times. PHP is timed inside one PHP process, without its start; it knows none of the
classes.
"""

from __future__ import annotations

import argparse
import base64
import json
import shutil
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import phpserialize

from lara_queue.php import PhpObject, PhpReference, dumps, loads

ROOT = Path(__file__).resolve().parent.parent

PASSES = 5

PHP = r"""
function cpu() { $u = getrusage(); return $u['ru_utime.tv_sec'] + $u['ru_utime.tv_usec'] / 1e6; }
$commands = array_map('base64_decode', explode(',', trim(fgets(STDIN))));
$values = array_map('unserialize', $commands);
while (($line = fgets(STDIN)) !== false) {
    $pass = trim($line) === 'loads'
        ? function () use ($commands) { foreach ($commands as $c) { unserialize($c); } }
        : function () use ($values) { foreach ($values as $v) { serialize($v); } };
    $pass();
    $start = cpu();
    for ($i = 0; $i < PASSES; $i++) { $pass(); }
    echo (cpu() - $start) / PASSES, "\n";
}
"""


def commands(folder: Path) -> list[bytes]:
    """Every ``data.command`` that is an object, once."""
    found: dict[bytes, None] = {}
    for path in sorted(folder.glob("laravel-*.jsonl")):
        for line in path.read_text().splitlines():
            payload = json.loads(line)["payload"]
            data = json.loads(payload)["data"] if payload else None
            command = data.get("command") if isinstance(data, dict) else None
            if isinstance(command, str) and command.startswith("O:"):
                found[command.encode()] = None
    return list(found)


def second(path: Path) -> list[bytes]:
    """Every command of the second corpus, once."""
    found: dict[bytes, None] = {}
    for line in path.read_text().splitlines():
        record = json.loads(line)
        text = record.get("serialized")
        found[base64.b64decode(record["serialized_b64"]) if text is None else text.encode()] = None
    return list(found)


def theirs(command: bytes) -> object:
    return phpserialize.loads(command, decode_strings=True, object_hook=phpserialize.phpobject)


def readable(command: bytes) -> bool:
    """Whether phpserialize reads the command and writes it as it was."""
    try:
        return bool(phpserialize.dumps(theirs(command)) == command)
    except (ValueError, TypeError):
        return False


def count_values(value: object) -> int:
    """Values in a decoded command: arrays and objects count as one, and what is in them counts too."""
    if isinstance(value, PhpReference):
        return 1
    if isinstance(value, PhpObject):
        value = value.__php_vars__
    if isinstance(value, dict):
        return 1 + sum(map(count_values, value.values()))
    return 1 + sum(map(count_values, value)) if isinstance(value, list) else 1


def timed(action: Callable[[Any], object], inputs: Sequence[object]) -> float:
    """Seconds of CPU time for one pass over ``inputs``, after one to warm up for whoever was not running."""
    for item in inputs:
        action(item)
    start = time.process_time()
    for _ in range(PASSES):
        for item in inputs:
            action(item)
    return (time.process_time() - start) / PASSES


@contextmanager
def php(inputs: list[bytes]) -> Iterator[Callable[[str], float] | None]:
    """Asks one PHP process for the seconds that one pass over ``inputs`` takes; None where there is no PHP."""
    program = shutil.which("php")
    if program is None:
        yield None
        return
    with subprocess.Popen(
        [program, "-r", PHP.replace("PASSES", str(PASSES))], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        stdin, stdout = process.stdin, process.stdout
        assert stdin is not None
        assert stdout is not None

        def ask(what: str) -> float:
            stdin.write(what + "\n")
            stdin.flush()
            return float(stdout.readline())

        stdin.write(",".join(base64.b64encode(data).decode() for data in inputs) + "\n")
        yield ask
        stdin.close()


def main() -> None:
    golden = ROOT / "tests" / "golden"
    parser = argparse.ArgumentParser(description="The PHP codec beside phpserialize and PHP.")
    parser.add_argument("--rounds", type=int, default=15, help="how often each is timed; the median counts")
    parser.add_argument("--golden", type=Path, default=golden / "laravel", help="folder of laravel-*.jsonl")
    parser.add_argument("--second", type=Path, default=golden / "second" / "jobs.jsonl", help="the second corpus")
    options = parser.parse_args()
    compare("commands of real jobs", commands(options.golden), options.rounds)
    print()
    compare("commands of the second corpus", second(options.second), options.rounds)


def compare(what: str, every: list[bytes], rounds: int) -> None:
    """Time everybody on these commands, and print it."""
    common = [command for command in every if readable(command)]
    values = sum(count_values(loads(command)) for command in common)
    print(f"{len(every)} {what}, {len(common)} of them readable by phpserialize ({values} values)")

    with php(common) as ask:
        loaded_common, loaded_every = [loads(c) for c in common], [loads(c) for c in every]
        their_common = [theirs(c) for c in common]
        runs: dict[str, dict[str, Callable[[], float]]] = {
            "loads": {
                "lara_queue": lambda: timed(loads, common),
                "phpserialize": lambda: timed(theirs, common),
                "every": lambda: timed(loads, every),
            },
            "dumps": {
                "lara_queue": lambda: timed(dumps, loaded_common),
                "phpserialize": lambda: timed(phpserialize.dumps, their_common),
                "every": lambda: timed(dumps, loaded_every),
            },
        }
        if ask is not None:
            for name, run in runs.items():
                run["PHP"] = lambda name=name: ask(name)  # type: ignore[misc]
        for name, run in runs.items():
            times: dict[str, list[float]] = {who: [] for who in run}
            for _ in range(rounds):
                for who, action in run.items():
                    times[who].append(action())
            median = {who: statistics.median(seconds) for who, seconds in times.items()}
            print(f"\n{name}               µs per job   µs per value   times phpserialize")
            for who in ("phpserialize", "lara_queue", "PHP"):
                if who in median:
                    job, value = median[who] / len(common) * 1e6, median[who] / values * 1e6
                    ratio = median["phpserialize"] / median[who]
                    print(f"  {who:<14} {job:12.2f} {value:14.3f} {ratio:15.1f}x")
            print(f"  lara_queue, every command: {median['every'] / len(every) * 1e6:.2f} µs per job")


if __name__ == "__main__":
    main()
