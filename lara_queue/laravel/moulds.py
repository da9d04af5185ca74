"""Moulds for payloads: what jobs of one name and the same options have in common is written once.

A payload made in a mould is, byte for byte, what :func:`~lara_queue.laravel.build.build_payload` writes, because the
mould is cut from one that it wrote, with marks in the places of the uuid, of what the job carries, of the time and of
the id. Headers, hooks and the log context have a say in all of a payload and may be others for each push, so payloads
with them are built the general way; and so is one of data that the mould cannot take.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from typing import Any

from lara_queue.clock import new_id
from lara_queue.errors import LaraQueueError
from lara_queue.laravel.build import build_command
from lara_queue.laravel.encrypter import Encrypter
from lara_queue.laravel.json import encode_json, encode_text

__all__ = ["Mould", "Moulds"]

Build = Callable[..., bytes]
"""``build_payload`` behind a job's name and the options of its push, which decide all but ``data``, ``uuid``, ``id``
and ``now``. ``encrypted`` can be given as well, and beats what the options say."""

_KEPT = 256  # moulds; more than an application has kinds of jobs, and a bound for one that makes up names or options
_UNSEEN = ("queue", "delay", "connection", "unique", "unique_for", "debounce", "debounce_id", "debounce_max_wait")
"""Options of a push that leave no trace in the payload."""
_PLAIN = frozenset((type(None), bool, int, str))


class Mould:
    """Makes the payloads of jobs that differ in nothing but their uuid, what they carry, the time and their id.

    Parameters:
        name: of the jobs.
        options: of their pushes.
        with_id: the payloads have an ``id``.
        build: the general way, which the mould is cut from.

    Raises ValueError when the payload cannot be cut: something in it beats one of its marks.
    """

    __slots__ = ("_dated", "_encrypted", "_name", "_pieces")

    def __init__(self, name: str, options: Mapping[str, Any], with_id: bool, build: Build) -> None:
        self._encrypted = bool(options.get("encrypted"))
        self._name = None if "@" in name else name.lstrip("\\")
        uuid, id, mark, now = new_id(), new_id(), new_id(), 2**50 + secrets.randbits(49)
        data: Any = mark if self._name is None else {mark: None}
        body = build(name, options, data=data, uuid=uuid, id=id if with_id else None, now=now, encrypted=False)
        self._dated = b"%d" % now in body
        self._pieces = _cut(
            body,
            uuid.encode(),
            self._carried(data, None),
            *((b"%d" % now,) if self._dated else ()),
            *((id.encode(),) if with_id else ()),
        )

    def cast(self, data: Any, *, uuid: str, id: str | None, now: float, encrypter: Encrypter | None) -> bytes | None:
        """The payload; None if it must be built the general way, which then says what is wrong.

        Parameters:
            data: what the job carries.
            uuid, id: of letters, digits and hyphens.
            now: the Unix time.
            encrypter: for a mould of encrypted jobs.
        """
        if self._encrypted and encrypter is None:
            return None
        try:
            carried = self._carried(data, encrypter if self._encrypted else None)
        except (LaraQueueError, UnicodeDecodeError):
            return None
        pieces = self._pieces
        filled = [pieces[0], uuid.encode(), pieces[1], carried, pieces[2]]
        if self._dated:
            filled += (b"%d" % int(now), pieces[3])
        if id is not None:
            filled += (id.encode(), pieces[-1])
        return b"".join(filled)

    def _carried(self, data: Any, encrypter: Encrypter | None) -> bytes:
        if self._name is None:
            return b'""' if data is None else encode_json(data, inside=1)
        command = build_command(self._name, data)
        return encode_text(command.decode() if encrypter is None else encrypter.encrypt_command(command))


class Moulds:
    """Moulds by what decides the payload, each made when such a job is pushed a second time.

    Parameters:
        build: the general way.
    """

    def __init__(self, build: Build) -> None:
        self._build = build
        self._made: dict[Any, Mould | bool] = {}  # False: seen once; True: nothing to be gained

    def find(self, name: str, options: Mapping[str, Any], with_id: bool) -> Mould | None:
        """The mould for such a job, if there is one by now; the parameters are those of :class:`Mould`."""
        key = _key(name, options, with_id)
        found = self._made.get(key, key is None)
        if type(found) is Mould:
            return found
        if found is True:
            return None
        if key not in self._made:
            if len(self._made) >= _KEPT:
                self._made.clear()
            self._made[key] = False
            return None
        try:
            made = Mould(name, options, with_id, self._build)
        except (LaraQueueError, ValueError):
            self._made[key] = True
            return None
        self._made[key] = made
        return made


def _key(name: str, options: Mapping[str, Any], with_id: bool) -> Any:
    """What decides all of the payload but what goes into the mould; None when that cannot be told for sure."""
    if not options:
        return name, with_id
    key: list[Any] = [name, with_id]
    for option, value in options.items():
        if option in _UNSEEN:
            continue
        kind = type(value)
        if kind is list or kind is tuple:
            if not all(type(each) is int for each in value):
                return None
            value = tuple(value)
        elif kind not in _PLAIN:  # a float, a date, headers: seldom the same twice, or not even hashable
            return None
        key += (option, kind, value)  # the kind, because True is 1 to a dict, but not to JSON
    return tuple(key)


def _cut(body: bytes, *marks: bytes) -> tuple[bytes, ...]:
    """What is between the marks, which must be in the body once each, in this order; raises ValueError."""
    pieces = []
    for mark in marks:
        if body.count(mark) != 1:
            raise ValueError(mark)
        piece, _, body = body.partition(mark)
        pieces.append(piece)
    return *pieces, body
