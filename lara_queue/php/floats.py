"""PHP's spelling of floats, made from Python's: both find the shortest digits, they differ in how they lay them out.

Mirrors ``smart_str_append_double`` and ``php_gcvt`` with ``serialize_precision = -1``, the default since PHP 7.1.
"""

from __future__ import annotations

__all__ = ["float_text"]

# The shortest digits stand for 0.DIGITS × 10**point. PHP writes them without an exponent for points -3 … 17,
# Python's repr for -3 … 16: the two part at exactly one point, and in the look of the exponent.
_LAST_PLAIN_EXPONENT = 16


def float_text(number: float) -> str:
    """The text that PHP's ``serialize()`` writes between ``d:`` and ``;``.

    :param number: any float, INF and NAN included.

    >>> [float_text(n) for n in (0.1, 1.0, -0.0, 1e15, 1e25, 1e-7, float("-inf"), float("nan"))]
    ['0.1', '1', '-0', '1000000000000000', '1.0E+25', '1.0E-7', '-INF', 'NAN']
    """
    text = repr(number)
    if text.endswith(".0"):
        return text[:-2]
    mantissa, mark, exponent = text.partition("e")
    if not mark:
        return {"inf": "INF", "-inf": "-INF", "nan": "NAN"}.get(text, text)
    power = int(exponent)
    if power == _LAST_PLAIN_EXPONENT:
        sign = "-" if mantissa[0] == "-" else ""
        return sign + mantissa.lstrip("-").replace(".", "").ljust(power + 1, "0")
    return f"{mantissa if '.' in mantissa else mantissa + '.0'}E{power:+d}"
