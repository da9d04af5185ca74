"""Templates: how the objects of a class are written, learnt from those that were read.

A queue has jobs of few classes, and the jobs of a class differ in little but their values. After a few of a class have
been read, its template (a :class:`~lara_queue.php.records.Record`) reads the others in one go. What does not fit is
read as before, and teaches: a property that was always null turns out to be a text, too.

Learning is bounded: so many classes, so many templates for each, so many lessons, the later ones ever further apart. A
class whose objects hardly ever fit is given up.
"""

from __future__ import annotations

import threading
from typing import Any

from lara_queue.php.patterns import record_of
from lara_queue.php.quick_reader import Unusual, quick_read
from lara_queue.php.records import Miss, Record
from lara_queue.php.shapes import Shape, Shapeless, merged, shape_of
from lara_queue.php.values import PhpValue

__all__ = ["UNKNOWN", "forget_all", "learn_from", "read_known"]

UNKNOWN: Any = object()
"""What is not known from templates."""

_MOST_CLASSES = 256
_LONGEST_HEAD = 200  # characters of O:…:"class name
_LONGEST_TEXT = 256 * 1024
_UNSEEN = 4  # objects of a class that teach nothing: it may be a rare one
_FIRST_LESSON = 6  # objects that are looked at before the first template is made
_TEMPLATES = 12  # for each class: Laravel's own are wrapped around a mailable, a listener, …
_LESSONS = 48  # the same
_LESSON_AT = frozenset(number << n for n in range(8) for number in (1, 3))  # the misses that teach something
_TRIAL = 256  # misses after which a class must have had more hits than that
_MOST_PATTERN = 4 * 1024 * 1024  # characters of all patterns together; compiled they take some ten times the memory


class _Variant:
    """One of the shapes that a class's objects have; ``sample`` is the text that taught something about it last."""

    __slots__ = ("record", "sample", "shape", "size")

    def __init__(self, shape: Shape, sample: str) -> None:
        self.shape = shape
        self.sample = sample
        self.record: Record | None = None
        self.size = 0  # of its pattern

    def make(self) -> bool:
        """Make its template of what was learnt since; False when that is impossible, or would read something wrong."""
        try:
            record = record_of(self.shape)
            value = record.read(self.sample, self.sample.isascii())
        except Shapeless:
            return False
        except (Miss, Unusual, ValueError):
            return True  # there is something rare in the sample: another one will do
        size = len(record.pattern.pattern)
        if repr(value) != repr(quick_read(self.sample.encode(), 0)) or not _spend(size - self.size):
            return False
        self.record, self.sample, self.size = record, "", size
        return True


class _Class:
    """What is known of a class."""

    __slots__ = ("given_up", "hits", "lessons", "misses", "seen", "templates", "variants")

    def __init__(self) -> None:
        self.seen = 0
        self.hits = 0
        self.misses = 0
        self.lessons = _LESSONS
        self.given_up = False
        self.variants: list[_Variant] = []
        self.templates: tuple[Record, ...] = ()

    def give_up(self) -> None:
        """Read these objects as they come, from now on."""
        self.given_up = True
        _spend(-sum(variant.size for variant in self.variants))
        self.variants = []
        self.templates = ()

    def miss(self, text: str) -> None:
        """Count an object that no template fits, and learn from it when it is time to."""
        if not self.templates:
            self.seen += 1
            if self.seen > _UNSEEN:
                self.look_at(text)
            if self.seen >= _UNSEEN + _FIRST_LESSON:
                self.make_templates()
            return
        self.misses += 1
        if self.misses >= _TRIAL:
            if self.hits < self.misses:
                self.give_up()
                return
            self.hits = self.misses = 0
        elif self.lessons and self.misses in _LESSON_AT:
            if self.look_at(text):
                self.make_templates()
            else:
                self.lessons -= 1

    def look_at(self, text: str) -> bool:
        """Learn the shape of an object; False when there is nothing new in it."""
        try:
            shape = shape_of(text)
        except Shapeless:
            return False
        for variant in self.variants:
            try:
                wider = merged(variant.shape, shape)
            except Shapeless:
                continue
            if wider == variant.shape and not variant.sample:
                return False
            variant.shape, variant.sample = wider, text
            return True
        if len(self.variants) >= _TEMPLATES:
            return False
        self.variants.append(_Variant(shape, text))
        return True

    def make_templates(self) -> None:
        """A template for each variant that has something new; each is tried before it is trusted."""
        self.lessons -= 1
        if self.lessons < 0 or not all(variant.make() for variant in self.variants if variant.sample):
            self.give_up()
            return
        self.templates = tuple(variant.record for variant in self.variants if variant.record is not None)


_classes: dict[str, _Class] = {}
_spent = 0
_learning = threading.Lock()


def _spend(size: int) -> bool:
    """Take so many characters for a pattern, if they are there to take."""
    global _spent
    if _spent + size > _MOST_PATTERN:
        return False
    _spent += size
    return True


def read_known(text: str) -> PhpValue:
    """The object at the front of ``text``, when it fits what is known of its class; else ``UNKNOWN``.

    :param text: a serialization's bytes as UTF-8.
    """
    known = _classes.get(text[: text.find('":', 5, _LONGEST_HEAD)])
    if known is not None and len(text) <= _LONGEST_TEXT:
        for template in known.templates:
            match = template.match(text)
            if match is not None:
                try:
                    value = template.value(match.groups(), text.isascii())
                except (Miss, Unusual, ValueError):
                    continue
                known.hits += 1
                return value
    return UNKNOWN  # type: ignore[no-any-return]


def learn_from(text: str) -> None:
    """Note that an object that was not known could be read all the same.

    :param text: a serialization's bytes as UTF-8, starting with ``O:``, that is known to be right.
    """
    end = text.find('":', 5, _LONGEST_HEAD)
    if end < 0 or len(text) > _LONGEST_TEXT:
        return
    known = _classes.get(text[:end])
    if known is None:
        if len(_classes) >= _MOST_CLASSES:
            return
        known = _classes[text[:end]] = _Class()
    if not known.given_up and _learning.acquire(blocking=False):  # a process forked meanwhile must not wait for ever
        try:
            known.miss(text)
        finally:
            _learning.release()


def forget_all() -> None:
    """Begin anew, with nothing learnt."""
    global _spent
    with _learning:
        _classes.clear()
        _spent = 0
