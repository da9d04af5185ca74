"""PHP's serialization format, exact to the byte: ``loads`` and ``dumps``, and the values Python has no type for.

``dumps(loads(data)) == data`` for everything that PHP's ``serialize()`` writes, and ``loads`` takes and refuses what
PHP's ``unserialize()`` does. Decoding never imports, creates or calls anything.

>>> from lara_queue.php import PhpObject, dumps, loads, protected
>>> data = dumps(PhpObject("App\\\\Jobs\\\\SendEmail", {"to": "a@example.com", protected("tries"): 3}))
>>> data
b'O:18:"App\\\\Jobs\\\\SendEmail":2:{s:2:"to";s:13:"a@example.com";s:8:"\\x00*\\x00tries";i:3;}'
>>> loads(data)["tries"]
3
"""

from __future__ import annotations

from lara_queue.errors import PhpSerializeError, PhpUnserializeError
from lara_queue.php.limits import Limits
from lara_queue.php.reader import loads
from lara_queue.php.values import (
    PhpCustom,
    PhpEnum,
    PhpObject,
    PhpProperty,
    PhpReference,
    private,
    protected,
    public,
)
from lara_queue.php.writer import dumps

__all__ = [
    "Limits",
    "PhpCustom",
    "PhpEnum",
    "PhpObject",
    "PhpProperty",
    "PhpReference",
    "PhpSerializeError",
    "PhpUnserializeError",
    "dumps",
    "loads",
    "private",
    "protected",
    "public",
]
