"""An exception as PHP would print it, for the ``exception`` column of a failed job.

``Class: message in file:line``, then the stack with the innermost call first, then ``{main}``. Of a chain of
exceptions the innermost comes first and every outer one follows after a blank line and ``Next ``, as PHP's
``Throwable`` converts itself to a string. Always valid UTF-8. Mirrors
``Queue/Failed/DatabaseUuidFailedJobProvider.php`` ``log``; protocol §8.1.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterator

__all__ = ["class_of_error", "php_text"]

_MOST_FRAMES = 200
_MOST_CAUSES = 50


def php_text(error: BaseException) -> str:
    """The exception's class, message and stack in PHP's layout, its causes included.

    :param error: with its traceback, ``__cause__`` and ``__context__``; a group's members count as causes.

    >>> print(php_text(ValueError("boom")).splitlines()[0])
    ValueError: boom
    """
    return "\n\nNext ".join(_one(each) for each in reversed(list(_chain(error))))


def class_of_error(error: BaseException) -> str:
    """The exception's class: bare for built-in ones, else with its module.

    >>> class_of_error(KeyError("x"))
    'KeyError'
    """
    kind = type(error)
    return (
        kind.__qualname__ if kind.__module__ in ("builtins", "__main__") else f"{kind.__module__}.{kind.__qualname__}"
    )


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The exception and what led to it, outermost first, each once."""
    seen: set[int] = set()
    waiting = [error]
    while waiting and len(seen) < _MOST_CAUSES:
        each = waiting.pop(0)
        if id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        if isinstance(each, BaseExceptionGroup):
            waiting.extend(each.exceptions)
        if each.__cause__ is not None:
            waiting.append(each.__cause__)
        elif each.__context__ is not None and not each.__suppress_context__:
            waiting.append(each.__context__)


def _one(error: BaseException) -> str:
    frames = [
        (frame.f_code.co_filename, line, frame.f_code.co_qualname if hasattr(frame.f_code, "co_qualname") else "")
        for frame, line in traceback.walk_tb(error.__traceback__)
    ]
    head = class_of_error(error)
    message = _message(error)
    if message:
        head += f": {message}"
    if not frames:
        return _utf8(f"{head}\nStack trace:\n#0 {{main}}")
    path, line, _ = frames[-1]
    calls = [
        f"{frames[at - 1][0]}({frames[at - 1][1]}): {frames[at][2]}()"  # called from there
        for at in range(len(frames) - 1, 0, -1)
    ][:_MOST_FRAMES]
    calls.append("{main}")
    stack = "\n".join(f"#{at} {call}" for at, call in enumerate(calls))
    return _utf8(f"{head} in {path}:{line}\nStack trace:\n{stack}")


def _message(error: BaseException) -> str:
    try:
        if isinstance(error, KeyError) and len(error.args) == 1:
            return f"{error.args[0]!r}"
        return str(error)
    except Exception:  # a broken __str__ must not keep a failure from being recorded
        return "<message cannot be shown>"


def _utf8(text: str) -> str:
    """The text without what no database stores: lone surrogates and NULs are shown as escapes."""
    return text.encode("utf-8", "backslashreplace").decode().replace("\0", "\\0")
