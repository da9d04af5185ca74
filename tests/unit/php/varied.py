"""Jobs as a queue has them: many of one class, of one build, each with other values."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from lara_queue.php import PhpEnum, PhpObject, dumps, loads, private, protected
from lara_queue.php.reader import loads_object

Make = Callable[[random.Random], Any]

TEXTS = [
    "",
    "Ann",
    "two words",
    'she said "hi"',
    'a:1:{s:1:"',
    '"',
    '";',
    '"";s:3:"',
    "é—ü",
    "\0",
    "x" * 3000,
    "7",
    "-0",
]
INTS = [0, 1, -1, 7, 1999, 10**9, -(10**12), 10**18, 8999999999999999999, 2**63 - 1, -(2**63)]
FLOATS = [0.0, -0.0, 1.5, 0.1, 1e25, -2.5e-300, 3.0, float("inf"), 123456.789]


def text(random: random.Random) -> str:
    return random.choice(TEXTS) if random.random() < 0.06 else "".join(random.choices("abc éü", k=random.randrange(30)))


def number(random: random.Random) -> int:
    return random.choice(INTS) if random.random() < 0.06 else random.randrange(10 ** random.randrange(1, 16))


def real(random: random.Random) -> float:
    return random.choice(FLOATS) if random.random() < 0.06 else random.random() * 1000


def many(make: Make) -> Make:
    return lambda random: [make(random) for _ in range(random.choice((0, 1, 2, 3, 12)))]


def maybe(make: Make) -> Make:
    return lambda random: None if random.random() < 0.3 else make(random)


def either(one: Make, other: Make) -> Make:
    return lambda random: (one if random.random() < 0.5 else other)(random)


def enum(random: random.Random) -> PhpEnum:
    return PhpEnum("App\\Suit", random.choice(("Hearts", "Spades")))


def address(random: random.Random) -> PhpObject:
    return PhpObject("App\\Address", {"street": text(random), private("zip"): number(random), "more": []})


def line(random: random.Random) -> dict[str, Any]:
    return {"sku": text(random), "count": number(random), "price": maybe(real)(random)}


FIELDS: dict[Any, Make] = {
    "id": number,
    "to": text,
    protected("subject"): text,
    "note": maybe(text),
    "price": real,
    "amount": either(number, real),
    "paid": lambda random: random.random() < 0.5,
    "flags": many(lambda random: random.random() < 0.5),
    "ids": many(number),
    "tags": many(text),
    "lines": many(line),
    "matrix": many(many(number)),
    "suit": enum,
    "suits": many(maybe(enum)),
    "pair": lambda random: [number(random), text(random)],
    "address": address,
    "addresses": many(address),
    "billing": maybe(address),
    "options": maybe(either(line, text)),
    "nothing": lambda random: None,
    "empty": lambda random: [],
}


class Kind:
    """A class of jobs with some of the fields."""

    def __init__(self, random: random.Random, name: str) -> None:
        self.name = name
        self.fields = random.sample(list(FIELDS), k=random.randrange(1, 12))

    def job(self, random: random.Random) -> bytes:
        return dumps(PhpObject(self.name, {key: FIELDS[key](random) for key in self.fields}))


def opened(data: bytes) -> Any:
    """The value, by way of templates where that can be, as a worker opens a command."""
    if data.startswith(b"O:"):
        try:
            return loads_object(data.decode())
        except UnicodeDecodeError:  # it has strings of bytes
            pass
    return loads(data)
