"""``dumps``: the quick way through plain trees of values; anything shared, foreign or wrong is written by the exact
writer. :func:`dumps_plain` is the quick way alone.

The quick way knows None, bool, int, float, str, bytes, list, dict, PhpObject and PhpEnum, by their exact types and up
to a good depth. It is one pass that appends pieces of text, a character a byte; keys and class headers repeat from job
to job and are looked up ready-made.

On the first surprise it gives up and :class:`~lara_queue.php.exact_writer.ExactWriter` writes from the beginning, so
errors come only from there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from lara_queue.php.exact_reader import array_key
from lara_queue.php.exact_writer import ExactWriter, class_bytes, enum_bytes
from lara_queue.php.floats import float_text
from lara_queue.php.values import PhpEnum, PhpObject, by_reference

__all__ = ["dumps", "dumps_plain"]

_LONG_MAX = 2**63 - 1
_LONG_MIN = -(2**63)
_TABLE_SIZE = 8192
_LEARN = 256  # characters of a key that is worth keeping ready
_SMALL = 1024  # int keys below this are kept ready
_QUICK_DEPTH = 200

_CONTAINERS = frozenset((PhpObject, dict, list))
_array_keys: dict[object, str] = {}
_property_keys: dict[object, str] = {}
_classes: dict[str, str] = {}
_STRINGS = tuple(f's:{size}:"' for size in range(256))
"""How a string of so many bytes begins; writing a number takes longer than looking it up."""


class _Unusual(Exception):
    """The quick way does not write this value; the exact writer will, or will say what is wrong."""


def dumps(value: object) -> bytes:
    """The bytes that PHP's ``serialize()`` writes for ``value``; for what ``loads`` returned, the bytes it was read
    from.

    Takes what ``loads`` returns, and tuples, other mappings, ``phpserialize.phpobject`` and Python enums (as their
    values). Keys of arrays become what PHP makes of them: ``"7"`` and ``True`` become ints, None becomes ``""``. The
    same PhpObject in two places is one object in PHP; the same list or dict in two places is two arrays, because PHP's
    arrays are values.

    :param value: the value; str is written as UTF-8.
    :raises PhpSerializeError: when a part has no PHP form, with the path to it: a date or any other foreign object, an
        int of more than 64 bits, a lone surrogate, a list that contains itself.

    Mirrors ``serialize()`` of PHP 8.2 with ``serialize_precision = -1``, in ``ext/standard/var.c``.

    >>> dumps({"to": "x", "7": [1.5, None, True]})
    b'a:2:{s:2:"to";s:1:"x";i:7;a:3:{i:0;d:1.5;i:1;N;i:2;b:1;}}'
    """
    written = dumps_plain(value)
    return ExactWriter().write(value) if written is None else written


def dumps_plain(value: object) -> bytes | None:
    """What :func:`dumps` returns, if ``value`` is a PhpObject, dict or list and all in it is plain; else None.

    Plain are None, bool, int, float, str, bytes and PhpEnum, by their exact types, in such objects, dicts and lists.

    >>> dumps_plain({"n": 1}), dumps_plain({"n": (1, 2)})
    (b'a:1:{s:1:"n";i:1;}', None)
    """
    if type(value) not in _CONTAINERS:
        return None
    out: list[str] = []
    try:
        _container(value, "", out, {id(value): 1}, _QUICK_DEPTH)  # type: ignore[arg-type]
    except (_Unusual, RecursionError):
        return None
    return "".join(out).encode("latin-1")


def _container(
    container: PhpObject | dict[object, object] | list[object],
    head: str,
    out: list[str],
    met: dict[object, int],
    depth: int,
) -> None:
    """Append ``head`` and the container, as one string for each value: so PHP's number of a value is ``len(out)``.

    ``met`` has the numbers of objects and enum cases. The loop is long on purpose: a call for each value would double
    the time.
    """
    if not depth:
        raise _Unusual
    append = out.append
    keys = _array_keys
    items: Iterable[tuple[object, object]]
    if type(container) is PhpObject:
        raw = container.__php_vars__
        keys = _property_keys
        name = container.__name__
        append(f"{head}{_classes.get(name) or _learn_class(name)}{len(raw)}:{{")
        items = raw.items()
    elif type(container) is dict:
        append(f"{head}a:{len(container)}:{{")
        items = container.items()
    else:
        append(f"{head}a:{len(container)}:{{")
        items = enumerate(container)
    for key, value in items:
        try:
            head = keys[key]
        except KeyError:
            head = _learn_key(key, keys)
        kind = type(value)
        if kind is str:
            if not value.isascii():  # type: ignore[attr-defined]
                value = _latin(value.encode)  # type: ignore[attr-defined]
            size = len(value)  # type: ignore[arg-type]
            append(f'{head}{_STRINGS[size]}{value}";' if size < 256 else f'{head}s:{size}:"{value}";')
        elif value is None:
            append(head + "N;")
        elif kind is int:
            if not _LONG_MIN <= value <= _LONG_MAX:  # type: ignore[operator]
                raise _Unusual
            append(f"{head}i:{value};")
        elif value is True:
            append(head + "b:1;")
        elif value is False:
            append(head + "b:0;")
        elif kind is PhpObject or kind is PhpEnum:
            identity = id(value) if kind is PhpObject else value
            number = met.setdefault(identity, len(out) + 1)
            if number <= len(out):
                if container.__class__ is PhpObject and key in by_reference(container):
                    raise _Unusual
                append(f"{head}r:{number};")
            elif kind is PhpObject:
                _container(value, head, out, met, depth - 1)  # type: ignore[arg-type]
            else:
                append(head + _enum(value))  # type: ignore[arg-type]
        elif kind is list or kind is dict:
            _container(value, head, out, met, depth - 1)  # type: ignore[arg-type]
        elif kind is float:
            append(f"{head}d:{float_text(value)};")  # type: ignore[arg-type]
        elif kind is bytes:
            append(f'{head}s:{len(value)}:"{value.decode("latin-1")}";')  # type: ignore[arg-type,attr-defined]
        else:
            raise _Unusual
    out[-1] += "}"


def _latin(encode: Callable[[], bytes]) -> str:
    """The UTF-8 bytes of a string, a character a byte."""
    try:
        return encode().decode("latin-1")
    except UnicodeEncodeError:
        raise _Unusual from None


def _learn_key(key: object, keys: dict[object, str]) -> str:
    if type(key) is int:
        if not _LONG_MIN <= key <= _LONG_MAX:
            raise _Unusual
        text = f"i:{key};"
        if not 0 <= key < _SMALL:
            return text
    elif type(key) is str:
        if keys is _array_keys and type(array_key(key)) is int:
            raise _Unusual
        name = _latin(key.encode)
        text = f's:{len(name)}:"{name}";'
        if len(text) > _LEARN:
            return text
    else:
        raise _Unusual
    if len(keys) >= _TABLE_SIZE:
        keys.clear()
    keys[key] = text
    return text


def _learn_class(name: str) -> str:
    raw = class_bytes(name)
    if raw is None:
        raise _Unusual
    head = f'O:{len(raw)}:"{raw.decode("latin-1")}":'
    if len(_classes) >= _TABLE_SIZE:
        _classes.clear()
    if len(head) <= _LEARN:
        _classes[name] = head
    return head


def _enum(case: PhpEnum) -> str:
    written = enum_bytes(case)
    if written is None:
        raise _Unusual
    return written.decode("latin-1")
