"""Templates read what the exact reader reads, nothing else, and in linear time, whatever they were taught by."""

from __future__ import annotations

import random
import time

import pytest

from lara_queue.php import PhpObject, PhpUnserializeError, dumps, templates
from lara_queue.php.exact_reader import ExactReader
from lara_queue.php.limits import DEFAULT
from lara_queue.php.patterns import record_of
from lara_queue.php.reader import loads_object
from lara_queue.php.records import Miss
from lara_queue.php.shapes import Shapeless, merged, shape_of

from .varied import FIELDS, Kind, opened


@pytest.fixture(autouse=True)
def forgetful() -> None:
    """Each test begins with nothing learnt."""
    templates.forget_all()


def outcome(data: bytes, *, exactly: bool = False) -> str:
    try:
        value = ExactReader(data, DEFAULT).read() if exactly else opened(data)
    except PhpUnserializeError as error:
        return f"{error} at {error.position}"
    return repr(value)


def hits() -> int:
    return sum(known.hits for known in templates._classes.values())


def damaged(random: random.Random, data: bytes, other: bytes) -> bytes:
    """The data with another number, another byte, or a piece of another job."""
    at = random.randrange(len(data))
    end = at + random.choice((0, 1, 1, 4, 30))
    accident = random.randrange(4)
    if accident == 0:
        digits = [place for place, byte in enumerate(data) if byte in b"0123456789"]
        at = random.choice(digits)
        return data[:at] + b"%d" % random.randrange(12) + data[at + 1 :]
    if accident == 1:
        return data[:at] + random.choice((b'"', b";", b"}", b"N;", b"r:2;", b"i:0;", b"\xff", b"0", b"-")) + data[end:]
    if accident == 2:
        return data[:at] + other[at:end] + data[end:]
    return data[:at] + data[end:]


@pytest.mark.parametrize("seed", range(60))
def test_jobs_of_one_class_are_read_as_the_exact_reader_reads_them(seed: int) -> None:
    generator = random.Random(seed)
    kind = Kind(generator, "App\\Jobs\\Ünlike" if seed % 5 == 0 else "App\\Jobs\\Alike")
    jobs = [kind.job(generator) for _ in range(150)]
    for job in jobs:
        assert outcome(job) == outcome(job, exactly=True)
        assert dumps(opened(job)) == job
    assert hits() > 50
    for job in jobs:
        wrong = damaged(generator, job, generator.choice(jobs))
        assert outcome(wrong) == outcome(wrong, exactly=True), wrong


def test_jobs_that_differ_in_a_single_value_are_read_by_templates() -> None:
    for key in FIELDS:
        templates.forget_all()
        generator = random.Random(1)
        for _ in range(100):
            opened(dumps(PhpObject("App\\Job", {key: FIELDS[key](generator)})))
        assert hits() > 50, key


def test_what_was_null_so_far_is_learnt() -> None:
    jobs = [dumps(PhpObject("App\\Job", {"to": None if n < 50 else "Ann", "n": n})) for n in range(100)]
    for job in jobs:
        assert outcome(job) == outcome(job, exactly=True)
    assert hits() > 80


def test_values_are_never_shared() -> None:
    job = dumps(PhpObject("App\\Job", {"list": [1, 2], "none": [], "map": {"a": 1}}))
    one, other = [opened(job) for _ in range(20)][-2:]
    assert hits()
    assert isinstance(one, PhpObject)
    assert isinstance(other, PhpObject)
    for name in ("list", "none", "map"):
        assert one[name] is not other[name]
    one.__php_vars__["new"] = 1
    assert repr(opened(job)) == repr(other)


def test_a_class_whose_jobs_are_all_different_is_given_up() -> None:
    for n in range(3000):
        opened(dumps(PhpObject("App\\Job", {f"k{n}": 1})))
    (known,) = templates._classes.values()
    assert known.given_up
    assert not known.templates


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(templates, "_MOST_PATTERN", 5_000)
    for n in range(400):
        job = dumps(PhpObject(f"App\\Job{n}", {"key": n, "text": "a" * 100}))
        for _ in range(12):
            assert outcome(job) == outcome(job, exactly=True)
    assert len(templates._classes) == 256
    learnt = sum(len(template.pattern.pattern) for known in templates._classes.values() for template in known.templates)
    assert 0 < learnt == templates._spent <= 5_000


def test_nothing_is_learnt_of_references_and_of_what_is_large() -> None:
    for text in ('O:1:"A":2:{s:1:"a";O:1:"B":0:{}s:1:"b";r:2;}', 'O:1:"A":1:{s:1:"a";s:20000:"%s";}' % ("x" * 20_000)):
        with pytest.raises(Shapeless):
            shape_of(text)
        for _ in range(20):
            assert outcome(text.encode()) == outcome(text.encode(), exactly=True)
    assert not hits()


def test_shapes_with_other_names_do_not_merge() -> None:
    with pytest.raises(Shapeless):
        merged(shape_of('O:1:"A":1:{s:1:"a";N;}'), shape_of('O:1:"A":1:{s:1:"b";N;}'))


def test_a_record_takes_its_shape_only() -> None:
    record = record_of(shape_of('O:1:"A":2:{s:1:"n";i:1;s:1:"l";a:1:{i:0;s:1:"x";}}'))
    for wrong in (
        'O:1:"A":2:{s:1:"n";i:01;s:1:"l";a:1:{i:0;s:1:"x";}}',
        'O:1:"A":2:{s:1:"n";i:9223372036854775808;s:1:"l";a:1:{i:0;s:1:"x";}}',
        'O:1:"A":2:{s:1:"n";i:1;s:1:"l";a:2:{i:0;s:1:"x";}}',
        'O:1:"A":2:{s:1:"n";i:1;s:1:"l";a:1:{i:1;s:1:"x";}}',
        'O:1:"A":2:{s:1:"n";i:1;s:1:"l";a:1:{i:0;s:2:"x";}}',
        'O:1:"A":2:{s:1:"n";i:1;s:1:"l";a:999999999:{i:0;s:1:"x";}}',
    ):
        with pytest.raises(Miss):
            record.read(wrong, True)


def test_a_text_that_is_not_unicode_has_no_bytes() -> None:
    good = 'O:1:"A":1:{s:1:"t";s:3:"abc";}'
    for _ in range(20):
        loads_object(good)
    assert hits()
    with pytest.raises(UnicodeEncodeError):
        loads_object(good.replace("abc", "\ud800"))


@pytest.mark.parametrize(
    "hostile",
    [
        lambda n: 's:9:"' * n,
        lambda n: 's:1:"a";' * n,
        lambda n: '"' * n,
        lambda n: "i:0;i:1;" * n,
        lambda n: 'a:1:{i:0;s:1:"a";' * n,
        lambda n: "a:0:{}" * n,
        lambda n: "9" * n,
        lambda n: "N;" * n,
    ],
)
def test_time_grows_with_the_size_and_no_faster(hostile: object) -> None:
    assert callable(hostile)
    fields = {f"f{n}": value for n, value in enumerate(['a"b', None, [1], ["x"], [{"a": "b"}], [["c"]], [1, "a"]] * 4)}
    shapes = [shape_of(dumps(PhpObject("A", {**fields, "z": last})).decode()) for last in ("", None, 1, [1], ["a"])]
    shape = shapes[0]
    for other in shapes[1:]:
        shape = merged(shape, other)
    record = record_of(shape)
    text = dumps(PhpObject("A", {**fields, "z": ""})).decode()
    assert record.read(text, True)
    values = [at for at in range(len(text)) if text[at : at + 2] in ("s:", "a:", "N;", "i:")]

    def seconds(size: int) -> float:
        started = time.perf_counter()
        for at in values[::10]:
            with pytest.raises(Miss):
                record.read(text[:at] + hostile(size), True)
        return time.perf_counter() - started

    seconds(1000)
    assert min(seconds(40_000) for _ in range(3)) < 12 * max(min(seconds(10_000) for _ in range(3)), 0.01)
