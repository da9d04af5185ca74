"""How long a payload takes from bytes to what a worker and a handler ask for, beside ``json.loads`` in the same run.

Run it as ``python benchmarks/envelope.py``. Every figure is the best of several rounds, over real payloads of about
1 KiB and over the whole golden corpus; read the ratios, the microseconds are this machine's.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lara_queue.laravel.build import build_payload
from lara_queue.laravel.envelope import Envelope
from lara_queue.laravel.jobs import view

GOLDEN = Path(__file__).parents[1] / "tests" / "golden" / "laravel"
ROUNDS = 9
KIBIBYTE = 1024


def payloads() -> list[bytes]:
    """Every payload of the corpus that needs no key."""
    found = []
    for path in sorted(GOLDEN.glob("laravel-*.jsonl")):
        for text in path.read_text(encoding="utf-8").splitlines():
            line = json.loads(text)
            if line["payload"] is not None and "app_key" not in line:
                found.append(line["payload"].encode())
    return found


def microseconds(work: Callable[[Any], object], inputs: list[Any]) -> float:
    """The best round's time per input."""
    best = float("inf")
    repeat = max(1, 2000 // len(inputs))
    for _ in range(ROUNDS):
        started = time.perf_counter()
        for _ in range(repeat):
            for each in inputs:
                work(each)
        best = min(best, time.perf_counter() - started)
    return best / (repeat * len(inputs)) * 1e6


def settings(envelope: Envelope) -> object:
    """What a worker reads of every job."""
    return (
        envelope.display_name,
        envelope.uuid,
        envelope.max_tries,
        envelope.max_exceptions,
        envelope.fail_on_timeout,
        envelope.backoff,
        envelope.timeout,
        envelope.retry_until,
    )


def push(_: object) -> bytes:
    """A small job built for PHP."""
    return build_payload(
        "App\\Jobs\\SendEmail",
        {"to": "a@example.com", "message": "Hello"},
        uuid="u",
        id="i",
        now=0,
        tries=3,
        backoff=[1, 5],
    )


def report(title: str, bodies: list[bytes]) -> None:
    """Print one table."""
    envelopes = [Envelope.parse(body) for body in bodies]
    base = microseconds(json.loads, bodies)
    print(f"{title}: {len(bodies)} payloads, {sum(map(len, bodies)) / len(bodies):.0f} bytes on average")
    for name, work, inputs in (
        ("json.loads", json.loads, bodies),
        ("Envelope.parse", Envelope.parse, bodies),
        ("… and a worker's settings", lambda body: settings(Envelope.parse(body)), bodies),
        ("view: name and kind", lambda envelope: (view(envelope).name, view(envelope).kind), envelopes),
        ("view: data (decodes the command)", lambda envelope: view(envelope).data, envelopes),
        ("build_payload, a small job", push, bodies),
    ):
        taken = microseconds(work, inputs)
        print(f"  {name:34} {taken:8.2f} µs   {taken / base:5.2f} × json.loads")


def main() -> None:
    """Print both tables."""
    everything = payloads()
    by_distance = sorted(everything, key=lambda body: abs(len(body) - KIBIBYTE))
    report("About 1 KiB", by_distance[:40])
    report("The golden corpus", everything)


if __name__ == "__main__":
    main()
