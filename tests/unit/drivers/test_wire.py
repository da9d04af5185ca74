"""The blocking connection: an answer that is about to come is looked for, and one that is not is slept for."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from types import SimpleNamespace

import pytest

from lara_queue.drivers.redis import wire as wires
from lara_queue.drivers.redis.eagerness import BUSY, MOMENT, Eagerness
from lara_queue.drivers.redis.wire import open_wire
from lara_queue.testing import ManualClock


class Ends:
    """Both ends of a connection, on a clock that only moves while others run."""

    def __init__(self) -> None:
        here, self.there = socket.socketpair()
        self.here = here
        self.clock = ManualClock(0.0)
        self.ran = 0
        self.meanwhile: Callable[[int], float] = lambda _: BUSY / 4
        """What others do at their nth turn; returns how many seconds it takes."""

    def connect(self) -> None: ...

    @property
    def _sock(self) -> socket.socket:
        return self.here

    socket_timeout = 5.0

    def disconnect(self) -> None:
        self.here.close()

    def others(self) -> None:
        self.ran += 1
        self.clock.advance(self.meanwhile(self.ran))


@pytest.fixture
def ends(monkeypatch: pytest.MonkeyPatch) -> Iterator[Ends]:
    both = Ends()
    monkeypatch.setattr(wires, "let_others_run", both.others)
    monkeypatch.setattr(wires, "time", SimpleNamespace(monotonic=both.clock))
    yield both
    both.here.close()
    both.there.close()


def sends(ends: Ends, turn: int, data: bytes, seconds: float = BUSY / 4) -> None:
    """The answer comes in the nth turn of the others."""

    def meanwhile(number: int) -> float:
        if number == turn:
            ends.there.sendall(data)
        return seconds

    ends.meanwhile = meanwhile


def test_an_answer_that_is_there_is_read_without_waiting(ends: Ends) -> None:
    wire = open_wire(ends)
    wire.send(b"PING")
    ends.there.sendall(b"+PONG\r\n:7\r\n")
    assert (ends.there.recv(10), wire.read(), wire.read(), ends.ran) == (b"PING", b"PONG", 7, 0)


def test_one_that_is_about_to_come_is_looked_for(ends: Ends) -> None:
    wire = open_wire(ends)
    sends(ends, 3, b"+OK\r\n")
    assert (wire.read(), ends.ran) == (b"OK", 3)


@pytest.mark.parametrize(("turn", "seconds"), [(round(MOMENT / (BUSY / 4)), BUSY / 4), (1, BUSY)])
def test_one_that_takes_long_is_slept_for(ends: Ends, turn: int, seconds: float) -> None:
    """The moment is over, or others want the processor: whoever sleeps leaves it to them."""
    wire = open_wire(ends)
    sends(ends, turn, b"+late\r\n", seconds)
    assert wire.read() == b"late"
    ran, ends.meanwhile = ends.ran, lambda _: BUSY
    ends.there.sendall(b"+next\r\n")
    assert (wire.read(), ran, ends.ran) == (b"next", turn, turn), "the next one was looked for again"


def test_what_comes_in_pieces_is_put_together(ends: Ends) -> None:
    wire = open_wire(ends)
    ends.there.sendall(b"$5\r\nhel")
    sends(ends, 2, b"lo\r\n")
    assert wire.read() == b"hello"


def test_one_who_waits_for_something_sleeps_from_the_beginning(ends: Ends) -> None:
    wire = open_wire(ends, eager=False)
    ends.there.sendall(b"+OK\r\n")
    assert (wire.read(), ends.ran) == (b"OK", 0)


def test_the_end_is_found_while_looking(ends: Ends) -> None:
    wire = open_wire(ends)

    def meanwhile(number: int) -> float:
        if number == 2:
            ends.there.close()
        return 0

    ends.meanwhile = meanwhile
    with pytest.raises(Exception, match="Connection closed by server"):
        wire.read()


def test_the_time_limit_holds(ends: Ends) -> None:
    ends.socket_timeout = 0.01
    wire = open_wire(ends)
    with pytest.raises(Exception, match="Timeout reading from socket"):
        wire.read()


@pytest.mark.parametrize(
    ("comes", "least", "most"),
    [
        (lambda _: True, 10_000, 10_000),
        (lambda _: False, 10, 40),  # a Redis elsewhere
        (lambda n: n % 20 > 0, 9_000, 9_600),  # a hitch now and then
        (lambda n: n > 5_000, 3_900, 5_100),  # the server has moved here
    ],
)
def test_eagerness_follows_what_happens(comes: Callable[[int], bool], least: int, most: int) -> None:
    eagerness, looked = Eagerness(), 0
    for number in range(10_000):
        if eagerness.is_due():
            looked += 1
            eagerness.learn(came=comes(number))
    assert least <= looked <= most
