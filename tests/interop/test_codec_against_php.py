"""PHP itself as the referee: whatever bytes we are given, we accept what it accepts, with its value, and refuse the
rest.

Inputs are of four kinds: golden lines with a few bytes changed; golden lines with whole values moved about, between
jobs as well, and lengths and counts that are off by one; strings made from the grammar that are mostly right but full
of back references, duplicate keys, odd spellings and wrong lengths; and jobs of a few classes that differ in their
values, so that these are read by templates, some of them damaged. Values are compared through PHP: what it makes
of our ``dumps(loads(input))`` must be what it makes of the input. The quick and the exact reader and writer must agree
as well.

A short, seeded run is part of the suite. ``LARA_QUEUE_FUZZ_SECONDS=600 pytest tests/interop/test_codec_against_php.py``
runs it long, from a new seed that is printed when something is found.
"""

from __future__ import annotations

import base64
import json
import os
import random
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lara_queue.php import PhpUnserializeError, dumps, loads
from lara_queue.php.exact_reader import ExactReader
from lara_queue.php.exact_writer import ExactWriter
from lara_queue.php.limits import DEFAULT
from lara_queue.php.templates import forget_all
from tests.unit.php.varied import Kind, opened

HERE = Path(__file__).parent
GOLDEN = HERE.parent / "golden"
BATCH = 200
SHORT_RUN = 30  # batches

Referee = Callable[[list[bytes]], list[tuple[str, bytes]]]


@pytest.fixture(scope="module")
def referee() -> Iterator[Referee]:
    """Asks PHP about a batch of inputs: a verdict (+, - or ?) and the bytes that go with it, for each."""
    php = shutil.which("php")
    if php is None:
        if os.environ.get("LARA_QUEUE_REQUIRE_SERVICES") == "1":
            pytest.fail("php is required but not installed")
        pytest.skip("php is not installed")
    process = subprocess.Popen(
        [php, str(HERE / "php" / "referee.php")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None
    assert process.stdout is not None

    def ask(inputs: list[bytes]) -> list[tuple[str, bytes]]:
        answers = []
        for data in inputs:  # one at a time: a pipe filled from both ends would block
            process.stdin.write(base64.b64encode(data).decode() + "\n")
            process.stdin.flush()
            line = process.stdout.readline()
            assert line, f"php ended on {data!r}"
            answers.append((line[0], base64.b64decode(line[1:])))
        return answers

    yield ask
    process.stdin.close()
    process.wait(10)
    process.stdout.close()


def corpus() -> list[bytes]:
    """Serializations by real PHP and real Laravel, the small ones, each command once per class and length."""
    found: dict[object, bytes] = {}
    for line in (GOLDEN / "php" / "php-serialize.jsonl").read_text().splitlines():
        data = base64.b64decode(json.loads(line)["serialized_b64"])
        found[data] = data
    for line in (GOLDEN / "php" / "php-accepted.jsonl").read_text().splitlines():
        record = json.loads(line)
        if "serialized_b64" in record:
            data = base64.b64decode(record["serialized_b64"])
            found[data] = data
    for line in (GOLDEN / "second" / "jobs.jsonl").read_text().splitlines():
        record = json.loads(line)
        written: str | None = record.get("serialized")
        job = base64.b64decode(record["serialized_b64"]) if written is None else written.encode()
        found[job] = job
    for path in sorted((GOLDEN / "laravel").glob("*.jsonl")):
        for line in path.read_text().splitlines():
            payload = json.loads(line)["payload"]
            envelope = json.loads(payload)["data"] if payload else None
            command = envelope.get("command", "") if isinstance(envelope, dict) else ""
            if command.startswith("O:"):
                found[len(command), command[:30]] = command.encode()
    return [data for data in found.values() if len(data) < 3000]


PIECES = [
    *[b";", b":", b'"', b"{", b"}", b"\\", b"\0", b"-", b"+", b".", b"e", b"E", b" ", b"\xff", b"\xc3\xa9"],
    *[b"N;", b"b:1;", b"b:0;", b"i:0;", b"i:1;", b"i:-0;", b"i:+1;", b"d:0.5;", b"d:-INF;", b"d:1.0E+25;", b"d:NAN;"],
    *[b's:1:"a";', b's:0:"";', b's:1:"1";', b'S:2:"\\41b";', b"a:0:{}", b"a:1:{i:0;N;}", b'O:8:"stdClass":0:{}'],
    *[b"r:1;", b"r:2;", b"R:1;", b"R:2;", b"R:3;", b"r:3;", b'C:3:"Foo":2:{ab}', b'E:11:"Suit:Hearts";'],
]
KEYS = [
    *[b"i:0;", b"i:1;", b"i:2;", b"i:7;", b"i:-3;", b"i:+1;", b"i:99999999999999999999;", b's:1:"0";', b's:1:"1";'],
    *[b's:2:"-3";', b's:2:"01";', b's:1:"a";', b's:1:"b";', b's:0:"";', b'S:1:"\\61";', b'S:1:"\\31";', b's:3:"a;b";'],
    *[b's:4:"\0*\0a";', b's:4:"\0A\0a";', b's:2:"\0a";', b's:2:"\xc3\xa9";', b's:1:"\xff";'],
]
SCALARS = [
    *[b"N;", b"b:0;", b"b:1;", b"i:007;", b"d:.5;", b"d:5.;", b"d:INF;", b"d:-INF;", b"d:NAN;", b"d:-0;", b"a:0:{}"],
    *[b'S:2:"\\c3\\A9";', b'S:3:"a\\00b";', b'E:11:"Suit:Hearts";', b'E:11:"Suit:Spades";'],
]
TAGS = b"NbidsSaOrRCEo}"


def mutated(random: random.Random, data: bytes, others: list[bytes]) -> bytes:
    """``data`` after one to three small accidents."""
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        at = random.randrange(len(data) + 1)
        to = min(len(data), at + random.choice((0, 1, 1, 2, 5, 20)))
        accident = random.randrange(8)
        if accident == 0:
            data = data[:at] + bytes([random.randrange(256)]) + data[at + 1 :]
        elif accident == 1:
            data = data[:at] + data[to:]
        elif accident == 2:
            data = data[:at] + random.choice(PIECES) + data[to:]
        elif accident == 3:
            data = data[:at] + data[at:to] * 2 + data[to:]
        elif accident == 4:
            other = random.choice(others)
            start = random.randrange(len(other))
            data = data[:at] + other[start : start + random.randrange(40)] + data[to:]
        elif accident == 5:
            data = data[:at]
        else:  # change a digit or a tag: the accidents that are most often still PHP
            wanted = b"0123456789" if accident == 6 else TAGS
            places = [i for i, byte in enumerate(data) if byte in wanted]
            if places:
                at = random.choice(places)
                data = data[:at] + bytes([random.choice(wanted)]) + data[at + 1 :]
    return data


NUMBER = re.compile(rb"[0-9]+")
SCALAR = re.compile(rb"N;|[bidrR]:[^;]*;")
QUOTED = re.compile(rb'[sE]:([0-9]+):"')
OPENING = re.compile(rb'(a|O:([0-9]+):"[^"]*"):([0-9]+):\{')
CUSTOM = re.compile(rb'C:[0-9]+:"[^"]*":([0-9]+):\{')


class Anatomy:
    """Where the values, the pairs of key and value, and the numbers of a serialization are. It must be a right one."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.values: list[tuple[int, int]] = []
        self.pairs: list[tuple[int, int]] = []
        self.numbers: list[tuple[int, int]] = []
        self.value(0)

    def value(self, at: int) -> int:
        """Walk through the value at ``at``; returns where it ends."""
        start, index = at, len(self.values)
        self.values.append((at, at))
        if match := SCALAR.match(self.data, at):
            at = match.end()
        elif match := QUOTED.match(self.data, at):
            at = match.end() + int(match[1]) + 2
            self.numbers.append(match.span(1))
        elif match := CUSTOM.match(self.data, at):
            at = match.end() + int(match[1]) + 1
            self.numbers.append(match.span(1))
        else:
            match = OPENING.match(self.data, at)
            assert match, self.data[at : at + 40]
            self.numbers += [match.span(group) for group in (2, 3) if match[group]]
            at = match.end()
            for _ in range(int(match[3])):
                pair = at
                at = self.key(at)
                at = self.value(at)
                self.pairs.append((pair, at))
            at += 1
        self.values[index] = (start, at)
        return at

    def key(self, at: int) -> int:
        match = QUOTED.match(self.data, at)
        if match:
            return match.end() + int(match[1]) + 2
        return self.data.index(b";", at) + 1


def moved(random: random.Random, this: Anatomy, other: Anatomy) -> bytes:
    """The data of ``this`` after a change to its build: as a writer with a mistake would have it."""
    data, change = this.data, random.randrange(6)
    if change == 0:  # a value, from somewhere
        (start, end), source = random.choice(this.values), random.choice((this, other))
        first, last = random.choice(source.values)
        return data[:start] + source.data[first:last] + data[end:]
    if change == 1:  # a back reference instead of a value
        start, end = random.choice(this.values)
        reference = b"%b:%d;" % (random.choice((b"r", b"R")), random.randint(1, len(this.values)))
        return data[:start] + reference + data[end:]
    if change == 2 and this.numbers:  # a length or a count that is wrong
        start, end = random.choice(this.numbers)
        number = max(0, int(data[start:end]) + random.choice((-1, 1, 1, 10)))
        return data[:start] + b"%d" % number + data[end:]
    if change == 3 and this.pairs:  # an element twice, or a stranger, without a word to anybody
        start, end = random.choice(this.pairs)
        source = random.choice((this, other))
        first, last = random.choice(source.pairs or [(0, 0)])
        return data[: random.choice((start, end))] + source.data[first:last] + data[random.choice((start, end)) :]
    if change == 4 and this.pairs:  # an element more or less, as it should be: the key may be there already
        return one_more(random, this)
    if this.numbers:  # any number is another one
        found = random.choice(list(NUMBER.finditer(data)))
        value = random.choice(
            (b"0", b"1", b"2", b"7", b"00%b" % found[0], b"9" * 19, b"-1", b"+3", b"%d" % (2**64 + 1))
        )
        return data[: found.start()] + value + data[found.end() :]
    return data


def one_more(random: random.Random, this: Anatomy) -> bytes:
    """The data with one element of some container repeated under another key of the same container, and counted."""
    data = this.data
    openings = [match for match in OPENING.finditer(data) if match[3] != b"0"]
    opening = random.choice(openings) if openings else None
    inside = [pair for pair in this.pairs if opening and pair[0] >= opening.end()]
    if opening is None or not inside:
        return data
    first, second = random.choice(inside), random.choice(inside)
    key = data[first[0] : this.key(first[0])]
    value = data[this.key(second[0]) : second[1]]
    count = b"%d" % (int(opening[3]) + 1)
    return data[: opening.start(3)] + count + b":{" + key + value + data[opening.end() :]


class Grammar:
    """Makes serializations that are mostly right: numbers of back references and keys are guesses."""

    def __init__(self, random: random.Random) -> None:
        self.random = random
        self.values = 0

    def value(self, depth: int = 0) -> bytes:
        choice = self.random.random()
        if choice < 0.2 and self.values:
            tag = self.random.choice(b"rRR").to_bytes(1, "big")
            if tag == b"r":
                self.values += 1
            return b"%b:%d;" % (tag, self.random.randint(1, self.values + self.random.choice((0, 0, 0, 1))))
        self.values += 1
        if choice < 0.23:
            return self.numbers()
        if choice < 0.6 and depth < 5:
            count = self.random.choice((0, 1, 2, 2, 3, 4))
            is_list = self.random.random() < 0.5
            opening = b"a:" if self.random.random() < 0.5 else b'O:%d:"%b":' % self.class_name()
            body = b""
            for index in range(count):
                body += (b"i:%d;" % index if is_list else self.key()) + self.value(depth + 1)
            return opening + b"%d:{%b}" % (count, body)
        return self.scalar()

    def numbers(self) -> bytes:
        """An array of ints, often a long list, sometimes with one thing in it that is no int or not the next key."""
        count = self.random.choice((3, 20, 40))
        keys = [b"i:%d;" % index for index in range(count)]
        items = [b"i:%d;" % self.random.randint(-9, 999) for _ in range(count)]
        if self.random.random() < 0.5:
            items[self.random.randrange(count)] = self.scalar()
        if self.random.random() < 0.2:
            keys[self.random.randrange(count)] = self.key()
        self.values += count
        return b"a:%d:{%b}" % (count, b"".join(key + item for key, item in zip(keys, items, strict=True)))

    def class_name(self) -> tuple[int, bytes]:
        name = self.random.choice((b"stdClass", b"App\\X", b"A", b"\xc3\xa9", b"9", b"_\\"))
        return len(name), name

    def key(self) -> bytes:
        return self.random.choice(KEYS)

    def scalar(self) -> bytes:
        random = self.random
        text = bytes(random.choice(b'ab;:"{}\\\xc3\xa91') for _ in range(random.randrange(6)))
        made = (
            b"i:%d;" % random.randint(-20, 2000),
            b"i:%d;" % random.randint(-(2**65), 2**65),
            b"d:%b;" % repr(random.uniform(-1e3, 1e20)).encode(),
            b"d:%de%d;" % (random.randrange(99), random.randint(-330, 310)),
            b's:%d:"%b";' % (len(text), text),
            b's:%d:"%b";' % (len(text), text),
            b's:0%d:"%b";' % (len(text), text),
            b'C:1:"A":%d:{%b}' % (len(text), text),
        )
        return random.choice(made) if random.random() < 0.5 else random.choice(SCALARS)


def inputs(random: random.Random, goldens: list[bytes], anatomies: list[Anatomy], kinds: list[Kind]) -> list[bytes]:
    batch = []
    kinds[random.randrange(len(kinds))] = Kind(random, f"App\\Job{random.randrange(10**6)}")
    for _ in range(BATCH):
        kind = random.randrange(5)
        if kind == 4:
            job = random.choice(kinds).job(random)
            change = random.randrange(4)
            if change == 0:
                job = mutated(random, job, goldens)
            elif change == 1:
                job = moved(random, Anatomy(job), random.choice(anatomies))
            batch.append(job)
            continue
        if kind == 3:
            this = random.choice(anatomies)
            batch.append(moved(random, this, random.choice(anatomies)))
            continue
        data = random.choice(goldens) if kind == 0 else Grammar(random).value()
        batch.append(data if kind == 1 else mutated(random, data, goldens))
    return batch


def ours(data: bytes) -> bytes | None:
    """What we make of ``data``, written again; None if we refuse it. Both readers and both writers must agree."""
    try:
        exact = ExactReader(data, DEFAULT).read()
    except PhpUnserializeError as error:
        if not 0 <= error.position <= len(data):
            pytest.fail(f"no position in {data!r}: {error}")
        for read in (loads, opened):
            with pytest.raises(PhpUnserializeError):
                read(data)
        return None
    written = ExactWriter().write(exact)
    quick = opened(data)
    assert repr(loads(data)) == repr(quick), data
    assert {dumps(exact), dumps(quick), ExactWriter().write(quick)} == {written}, data
    assert dumps(opened(written)) == written, data
    return written


def compare(referee: Referee, batch: list[bytes]) -> int:
    """Hold a batch against PHP; returns how many inputs both accepted."""
    accepted = []
    for data, (verdict, theirs) in zip(batch, referee(batch), strict=True):
        written = ours(data)
        if verdict == "?":
            continue
        assert (written is not None) == (verdict == "+"), f"PHP says {verdict} {theirs!r} to {data!r}"
        # PHP's serialize() cannot write an array whose outermost slot is shared (a:1:{i:0;R:1;}): it writes N for the
        # inner one, so there is nothing to compare with.
        if written is not None and not getattr(opened(data), "shared", False):
            accepted.append((data, theirs, written))
    for (data, theirs, written), (verdict, again) in zip(
        accepted, referee([written for _, _, written in accepted]), strict=True
    ):
        assert (verdict, again) == ("+", theirs), f"{data!r} became {written!r}"
    return len(accepted)


def test_we_agree_with_php_on_damaged_and_on_strange_input(referee: Referee) -> None:
    seconds = float(os.environ.get("LARA_QUEUE_FUZZ_SECONDS", "0"))
    seed = random.SystemRandom().randrange(2**32) if seconds else 20250401
    generator = random.Random(seed)
    goldens = corpus()
    anatomies = [Anatomy(data) for data in goldens if dumps(opened(data)) == data]
    kinds = [Kind(generator, f"App\\Kind{n}") for n in range(8)]
    until = time.monotonic() + seconds
    batches = accepted = 0
    while batches < SHORT_RUN or time.monotonic() < until:
        if batches % 50 == 0:
            forget_all()  # what is learnt is bounded; new classes are to be learnt as well
        batch = inputs(generator, goldens, anatomies, kinds)
        try:
            accepted += compare(referee, batch)
        except AssertionError as error:
            raise AssertionError(f"seed {seed}, batch {batches}: {error}") from error
        batches += 1
    print(f"seed {seed}: {batches * BATCH} inputs, {accepted} accepted by both")
    assert batches * BATCH // 10 < accepted < batches * BATCH, "the inputs are too easy or too hard to tell anything"


def test_php_reads_every_golden_value_back_from_our_bytes(referee: Referee) -> None:
    assert compare(referee, corpus()) > 300
