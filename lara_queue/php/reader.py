"""``loads``: a quick reader for what jobs are made of, and an exact one behind it for everything else.

:mod:`lara_queue.php.quick_reader` gives up on the first surprise, and :class:`~lara_queue.php.exact_reader.ExactReader`
reads from the beginning. So one place decides what PHP accepts, and errors come only from there.
"""

from __future__ import annotations

from lara_queue.errors import PhpUnserializeError
from lara_queue.php.exact_reader import ExactReader
from lara_queue.php.limits import DEFAULT, Limits
from lara_queue.php.quick_reader import Unusual, quick_read
from lara_queue.php.templates import UNKNOWN, learn_from, read_known
from lara_queue.php.values import PhpValue

__all__ = ["loads", "loads_object"]

_QUICK_SIZE = 8 * 1024 * 1024  # bytes; the quick way takes several times its input in memory
_ELEMENT_BYTES = 6  # the shortest element there is: i:0;N;


def loads(data: bytes, *, limits: Limits = DEFAULT) -> PhpValue:
    """The value that PHP's ``unserialize()`` makes of ``data``, without running any code.

    Strings become ``str`` if they are UTF-8 and ``bytes`` if not, arrays ``list`` or ``dict``, objects ``PhpObject``;
    references come back as shared objects (see :mod:`lara_queue.php.values`). Bytes behind the value are ignored, as
    PHP does.

    :param data: the serialization, in bytes: PHP's lengths count bytes.
    :param limits: depth, size and number of elements that are acceptable.
    :raises PhpUnserializeError: when PHP would refuse the bytes, with the position in bytes, or when a limit is
        exceeded.
    :raises TypeError: when ``data`` is not bytes.

    Mirrors ``unserialize()`` of PHP 8.2, in ``ext/standard/var_unserializer.re``. What PHP refuses only because of a
    class it knows (an enum case that does not exist, a value that does not fit a typed property) is accepted.

    >>> loads(b'a:2:{s:2:"to";s:1:"x";s:3:"ids";a:2:{i:0;i:7;i:1;i:8;}}')
    {'to': 'x', 'ids': [7, 8]}
    """
    if limits is DEFAULT and type(data) is bytes and len(data) <= _QUICK_SIZE:
        quick = True  # as the lines below would find, in less time
    else:
        if not isinstance(data, bytes):
            if not isinstance(data, (bytearray, memoryview)):
                raise TypeError(f"PHP serialization is bytes, not {type(data).__name__}")
            data = bytes(data)
        if limits.size is not None and len(data) > limits.size:
            raise PhpUnserializeError(f"more than the limit of {limits.size} bytes", limits.size)
        # The quick way does not count elements: a short input cannot have too many.
        few = limits.elements is None or len(data) <= limits.elements * _ELEMENT_BYTES
        quick = few and len(data) <= _QUICK_SIZE
    if quick:
        try:
            return quick_read(data, limits.depth)
        except (Unusual, IndexError, ValueError):
            pass
    return ExactReader(data, limits).read()


def loads_object(text: str) -> PhpValue:
    """What :func:`loads` makes of an object whose bytes are at hand as the UTF-8 text they are.

    For whoever reads objects of the same classes over and over, as a worker does: what they have in common is learnt,
    which takes some milliseconds for each class and halves the time of those to come.

    :param text: starts with ``O:``.
    :raises PhpUnserializeError: as :func:`loads` does.
    :raises UnicodeEncodeError: the text has no bytes in UTF-8.

    >>> loads_object('O:1:"A":1:{s:1:"n";i:7;}')
    PhpObject('A', {'n': 7})
    """
    value = read_known(text)
    if value is not UNKNOWN:
        return value
    data = text.encode()
    if len(data) > _QUICK_SIZE:
        return loads(data)
    try:
        value = quick_read(data, DEFAULT.depth)
    except (Unusual, IndexError, ValueError):
        return ExactReader(data, DEFAULT).read()
    learn_from(text)
    return value
